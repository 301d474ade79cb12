"""The data sets: what they hold, what they are called, and files of the user."""

import os
from dataclasses import FrozenInstanceError
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits

from desom import datasets
from desom.datasets import NAMES, Dataset, load, published
from desom.errors import InputError
from helpers import refusal

DESOM_DATA = os.environ.get("DESOM_DATA")


# Embedded data sets


@pytest.mark.parametrize(
    ("name", "sha256", "n", "shape"),
    [
        (
            "mnist5k",
            "f68138e1f7994e8d896f32325076e5f59d85687671b3e9cc26d25374768479fc",
            5000,
            (28, 28),
        ),
        (
            "digits",
            "e6bdfd4441837639ca32c32a04eada463825a9f80f201dcb61d3703fb7bc517b",
            1797,
            (8, 8),
        ),
    ],
)
def test_embedded_data_sets_stay_the_same(name, sha256, n, shape, user_cache):
    data = load(name)
    assert data.sha256 == sha256
    assert data.x.shape == (n, np.prod(shape)) and data.y.shape == (n,)
    assert data.x.dtype == np.float32 and data.x.flags.c_contiguous
    assert data.x.min() == 0 and data.x.max() == 1
    assert data.y.dtype == np.int64
    assert (data.name, data.image_shape) == (name, shape)
    assert data.class_names == ("0", "1", "2", "3", "4", "5", "6", "7", "8", "9")
    assert not user_cache.exists()


def test_digits_are_those_of_scikit_learn():
    x, y = load_digits(return_X_y=True)
    np.testing.assert_array_equal(load("digits").x, (x / 16).astype(np.float32))
    np.testing.assert_array_equal(load("digits").y, y)


def test_sha256_depends_on_values_shapes_and_dtypes_alone():
    x, y = np.zeros((2, 6), np.float32), np.zeros(2, np.int64)
    variants = [
        Dataset("a", x, y),
        Dataset("a", x + 1, y),
        Dataset("a", x, y + 1),
        Dataset("a", x.reshape(3, 4), y),
        Dataset("a", x.view(np.int32), y),
        Dataset("a", x),
    ]
    assert len({data.sha256 for data in variants}) == len(variants)
    assert Dataset("b", x.copy(), y.copy(), image_shape=(2, 3)).sha256 == variants[0].sha256


def test_data_set_is_frozen():
    with pytest.raises(FrozenInstanceError):
        load("digits").x = None


# Names


def test_names():
    assert NAMES == (
        "mnist",
        "fashion_mnist",
        "mnist5k",
        "digits",
        "reuters21578",
        "reuters10k",
        "rcv1_10k",
        "mnist_60k",
        "fashion_mnist_60k",
    )


def test_unknown_name_suggests_the_nearest_and_an_npz():
    with pytest.raises(InputError, match=r"'mnits'.*did you mean 'mnist'.*\.npz"):
        load("mnits")


# Files of the user


@pytest.mark.parametrize(
    ("shape", "image_shape"), [((4, 6), None), ((4, 2, 3), (2, 3)), ((4, 2, 3, 1), None)]
)
@pytest.mark.parametrize("dtype", [np.float64, np.uint8, np.int32, bool])
def test_npz_round_trip(tmp_path, shape, image_shape, dtype):
    x = (np.arange(24).reshape(shape) % 5).astype(dtype)
    path = tmp_path / "mine.npz"
    np.savez_compressed(path, x=np.asfortranarray(x), y=np.array([2, 0, 1, 1], np.int16))
    data = load(path)
    assert data.name == str(path)
    np.testing.assert_array_equal(data.x, x.reshape(4, 6))
    assert data.x.dtype == np.float32 and data.x.flags.c_contiguous
    assert data.y.tolist() == [2, 0, 1, 1] and data.y.dtype == np.int64
    assert data.image_shape == image_shape
    assert data.class_names is None


def test_npz_without_y(tmp_path):
    np.savez(tmp_path / "mine.npz", x=np.ones((3, 2)))
    assert load(str(tmp_path / "mine.npz")).y is None


GOOD = np.ones((3, 2))


@pytest.mark.parametrize(
    ("arrays", "complaint"),
    [
        ({"z": GOOD}, "no array named x"),
        ({"x": np.ones(3)}, "shape (3,)"),
        ({"x": np.float32(1)}, "shape ()"),
        ({"x": np.ones((0, 2))}, "shape (0, 2)"),
        ({"x": np.array([[1.0, np.nan]])}, "holds NaN"),
        ({"x": np.array([[1.0, np.inf]])}, "infinity"),
        ({"x": np.array([[1.0, 1e39]])}, "too large for float32"),
        ({"x": GOOD + 1j}, "dtype complex128"),
        ({"x": np.array([["a", "b"]])}, "dtype <U1"),
        ({"x": np.array([[{}, {}]])}, "cannot be read: Object arrays"),
        ({"x": GOOD, "y": np.arange(4)}, "for each of the 3 rows"),
        ({"x": GOOD, "y": np.ones((3, 1), int)}, "shape (3, 1)"),
        ({"x": GOOD, "y": np.full(3, 0.5)}, "dtype float64"),
    ],
)
@pytest.mark.filterwarnings("error")
def test_npz_that_cannot_be_used(tmp_path, arrays, complaint):
    path = tmp_path / "mine.npz"
    np.savez(path, **arrays)
    message = refusal(datasets.load, path)
    assert complaint in message
    assert str(path) in message


def test_npz_that_does_not_exist(tmp_path):
    assert f"{tmp_path / 'mine.npz'} does not exist" in refusal(
        datasets.load, tmp_path / "mine.npz"
    )


@pytest.mark.parametrize("content", [b"", b"x,y\n1,2\n", b"\x93NUMPY"])
def test_npz_that_is_something_else(tmp_path, content):
    path = tmp_path / "mine.npz"
    path.write_bytes(content)
    assert f"{path} is not an .npz" in refusal(datasets.load, path)


def test_npz_that_is_damaged(tmp_path):
    path = tmp_path / "mine.npz"
    np.savez(path, x=GOOD)
    content = bytearray(path.read_bytes())
    content[content.index(GOOD.tobytes())] ^= 1
    path.write_bytes(content)
    assert f"{path} cannot be read: Bad CRC-32" in refusal(datasets.load, path)


# The real files

CLASS_COUNTS = {
    "mnist": [6903, 7877, 6990, 7141, 6824, 6313, 6876, 7293, 6825, 6958],
    "fashion_mnist": [7000] * 10,
}


@pytest.mark.skipif(
    not DESOM_DATA
    or not all(
        Path(DESOM_DATA, images.folder, file).is_file()
        for images in (published.MNIST, published.FASHION_MNIST)
        for file in images.files
    ),
    reason="set DESOM_DATA to a folder that holds the files of MNIST and Fashion-MNIST",
)
@pytest.mark.parametrize("name", CLASS_COUNTS)
def test_real_files(monkeypatch, name):
    monkeypatch.setenv("DESOM_DATA", DESOM_DATA)
    data = load(name)
    assert data.x.shape == (70000, 784)
    assert data.x.dtype == np.float32 and data.x.flags.c_contiguous
    assert data.x.min() == 0 and data.x.max() == 1
    assert np.bincount(data.y).tolist() == CLASS_COUNTS[name]
    assert data.image_shape == (28, 28)
    assert len(data.class_names) == 10
    first = load(f"{name}_60k")
    for part, rows in ((first, slice(60_000)), (first.held_out, slice(60_000, None))):
        assert np.array_equal(part.x, data.x[rows]) and np.array_equal(part.y, data.y[rows])
        assert part.image_shape == (28, 28)
    assert data.held_out is None and first.sha256 != data.sha256


@pytest.mark.parametrize("name", ["mnist5k", "digits"])
def test_description_is_that_of_the_data(name):
    data = datasets.load(name)
    assert datasets.describe(name) == (data.image_shape, data.class_names)


def test_description_of_an_unknown_data_set():
    with pytest.raises(InputError, match="mnist"):
        datasets.describe("mnits")
