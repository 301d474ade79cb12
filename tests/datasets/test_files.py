"""Tables and folders of images of the user as data sets."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from desom import datasets
from helpers import refusal

TABLE = {"width": [0.5, 1.5, 2.5], "height": [1, 2, 3]}


@pytest.fixture
def written(tmp_path):
    """Write a table, and give its path."""

    def write(columns, name="cells.csv"):
        pd.DataFrame(columns).to_csv(tmp_path / name, index=False)
        return tmp_path / name

    return write


@pytest.mark.parametrize(
    ("classes", "y", "names"),
    [
        (["ham", "spam", "ham"], [0, 1, 0], ("ham", "spam")),
        ([3, 1, 3], [3, 1, 3], None),
        ([1.0, 0.0, 2.0], [1, 0, 2], None),
        ([True, False, True], [1, 0, 1], ("False", "True")),
    ],
)
def test_a_table_with_classes_of_any_kind(classes, y, names, written):
    data = datasets.load(written(TABLE | {"type": classes}), label="type")
    assert data.x.dtype == np.float32 and data.x.tolist() == [[0.5, 1], [1.5, 2], [2.5, 3]]
    assert data.y.tolist() == y and data.class_names == names
    assert data.feature_names == ("width", "height") and data.image_shape is None


def test_a_table_without_classes(written):
    data = datasets.load(written(TABLE, "Cells.CSV"))
    assert data.y is None and data.class_names is None and len(data.x) == 3


@pytest.mark.parametrize(
    ("columns", "label", "complaint"),
    [
        (TABLE | {"type": ["a", "b", "c"]}, None, "words in type"),
        (TABLE, "type", "no column 'type': its columns are width, height"),
        (TABLE | {"area": [1.0, None, 2.0]}, None, "missing in 1 of 3 rows"),
        (TABLE | {"type": ["a", None, "c"]}, "type", "missing in 1 of 3 rows"),
        (TABLE | {"type": [0.5, 1, 2]}, "type", "one integer, or one word"),
        ({"a": [1e39]}, None, "too large for float32"),
        ({}, None, "cannot be read as a table"),
        ({"a": []}, None, "has no rows"),
    ],
)
def test_a_table_that_cannot_be_used(columns, label, complaint, written):
    path = written(columns)
    message = refusal(datasets.load, path, label)
    assert complaint in message and str(path) in message


def test_a_column_that_float32_cannot_hold_is_named(written):
    times = written(TABLE | {"time": 1.7e9 + np.arange(3)})
    with pytest.warns(UserWarning, match="column time of .* float32"):
        datasets.load(times)


def save_images(folder, images):
    for name, image in images.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / name)


def test_images_in_folders_have_the_folders_as_classes(tmp_path):
    gray, color = np.full((3, 4), 51, "uint8"), np.full((3, 4, 3), 255, "uint8")
    images = {"b/1.png": gray, "a/2.png": color, "a/1.jpg": color}
    save_images(tmp_path, images)
    data = datasets.load(tmp_path)
    assert data.image_shape == (3, 4) and data.x.shape == (3, 12)
    assert data.x[2] == pytest.approx(np.full(12, 0.2))
    assert data.y.tolist() == [0, 0, 1] and data.class_names == ("a", "b")


def test_images_of_one_folder_have_no_classes(tmp_path):
    save_images(tmp_path, {"1.png": np.zeros((2, 2), "uint8")})
    (tmp_path / "notes.txt").write_text("no image")
    assert datasets.load(tmp_path).y is None


def test_images_that_cannot_be_used(tmp_path):
    assert "holds no image" in refusal(datasets.load, tmp_path)
    save_images(tmp_path, {"1.png": np.zeros((2, 2), "uint8"), "2.png": np.zeros((2, 3), "uint8")})
    assert "has 3×2 pixels" in refusal(datasets.load, tmp_path)
    (tmp_path / "2.png").write_text("no image")
    assert "cannot be read as an image" in refusal(datasets.load, tmp_path)
    assert "label is 'type'" in refusal(datasets.load, tmp_path, "type")
