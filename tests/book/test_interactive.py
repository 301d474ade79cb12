"""The interactive page: the tool that makes its data file, and the file, by other arithmetic."""

import numpy as np
import pytest

import interactive
from desom import DESOM, datasets
from desom.experiments.records import load_artifact
from drawings import apply, nearest, read


@pytest.fixture(scope="module", params=interactive.DATASETS)
def committed(request):
    path = interactive.FOLDER / f"{request.param}.js"
    return request.param, *read(path.read_text("utf-8"))


@pytest.fixture(scope="module")
def digits():
    return datasets.load("mnist5k")


# The tool


def test_rounding_moves_no_weight_by_more_than_half_a_step():
    kernel = np.random.default_rng(0).normal(size=(6, 50)).astype(np.float32) ** 3
    kernel[2] = 0
    steps, scales = interactive.quantise(kernel)
    assert steps.dtype == np.int8
    assert np.all(np.abs(steps * scales[:, None] - kernel) <= 0.50001 * scales[:, None])
    assert np.abs(steps).max(axis=1).tolist() == [127, 127, 0, 127, 127, 127]


def test_what_never_fires_is_left_out_and_changes_nothing():
    rng = np.random.default_rng(0)
    x = rng.random((40, 7)).astype(np.float32)
    x[:, 3] = 0
    layers = [(rng.normal(size=(7, 9)), rng.normal(size=9)), (rng.normal(size=(9, 2)), np.ones(2))]
    layers[0][1][[0, 5]] = -100
    inputs, smaller = interactive.prune(x, layers)
    assert inputs.tolist() == [0, 1, 2, 4, 5, 6]
    dead = {0, 5} | set(np.flatnonzero((x @ layers[0][0] + layers[0][1] <= 0).all(axis=0)))
    assert smaller[0][0].shape == (6, 9 - len(dead)) and smaller[1][0].shape == (9 - len(dead), 2)
    by_hand = np.maximum(x @ layers[0][0] + layers[0][1], 0) @ layers[1][0] + 1
    assert np.allclose(interactive.output(x[:, inputs], smaller), by_hand)


@pytest.mark.parametrize("width", [2, 3, 4])
def test_the_width_of_a_stroke_is_measured(width):
    image = np.zeros((28, 28), np.float32)
    image[4:24, 10 : 10 + width] = 1
    assert interactive.stroke_width(image[None]) == pytest.approx(width, abs=0.25)


def test_members_are_spread_from_the_nearest_to_the_farthest():
    units, distances = np.repeat([2, 0], [100, 3]), np.arange(103)[::-1]
    chosen = interactive.members(units, distances, 4)
    assert chosen[:3].tolist() == [102, 101, 100]
    assert len(chosen) == 3 + interactive.MEMBERS
    assert chosen[[3, -1]].tolist() == [99, 0] and (np.diff(chosen[3:]) < 0).all()


def test_the_page_has_the_estimator_s_units_members_and_errors(digits):
    chosen = np.random.default_rng(0).permutation(5000)[:500]
    data = datasets.Dataset("few", digits.x[chosen], digits.y[chosen], (28, 28), digits.class_names)
    few = DESOM((2, 3), hidden_units=(20, 10), latent_dim=3, iterations=60, random_state=0)
    few.fit(data.x)
    arrays, facts = interactive.page_data(few, data, 300, None)
    arrays, again = read(interactive.script(arrays, facts))
    assert again == facts
    codes = apply(arrays, "encoder", data.x)
    assert np.allclose(codes, few.transform(data.x), atol=0.03 * np.abs(codes).max())
    assert np.allclose(apply(arrays, "decoder", codes), few.decode(codes), atol=0.02)
    units = nearest(arrays, codes)
    assert facts["same_unit"] == np.mean(units == few.predict(data.x)) > 0.9
    for unit, counts in enumerate(arrays["class_counts"]):
        assert counts.tolist() == [np.sum(data.y[units == unit] == c) for c in range(10)]
        mine = arrays["member_units"] == unit
        assert mine.sum() == min(counts.sum(), interactive.MEMBERS)
        shown = arrays["member_images"][mine].astype(np.float32) / 255
        assert (nearest(arrays, apply(arrays, "encoder", shown)) == unit).all()
    errors = [np.mean((few.decode(few.transform(data.x)) - data.x) ** 2)]
    errors.append(np.mean((apply(arrays, "decoder", codes) - data.x) ** 2))
    assert facts["reconstruction_error"] == pytest.approx(errors, rel=1e-4)
    assert arrays["sample_classes"].tolist() == list(range(10))
    markers = f"{interactive.BEGIN}{interactive.END}"
    assert "a training that is not recorded" in interactive.with_tables(markers, [(facts, 1)])


@pytest.mark.parametrize("dataset", interactive.DATASETS)
def test_maps_are_those_of_records_that_differ_in_one_setting(dataset):
    arrays, facts = interactive.maps_data(dataset)
    assert [len(arrays[name]) for name in facts] == [len(maps) for maps in facts.values()]
    for maps in facts.values():
        values = [entry["value"] for entry in maps]
        assert len(values) > 2 and values == sorted(set(values))
    path = interactive.FOLDER / f"{dataset}-maps.js"
    committed = read(path.read_text("utf-8"))
    assert committed[1] == facts
    assert all(np.array_equal(committed[0][name], arrays[name]) for name in facts)


# What is committed


def test_the_page_as_it_opens_and_each_data_file_are_under_three_megabytes():
    files = [*interactive.FOLDER.iterdir()]
    assert {file.suffix for file in files} == {".js", ".css"}
    later = {f"{name}-maps.js" for name in interactive.DATASETS} | {
        f"{name}.js" for name in interactive.DATASETS[1:]
    }
    first = [file for file in files if file.name not in later]
    assert sum(f.stat().st_size for f in [interactive.PAGE, *first]) < interactive.LIMIT
    assert max(file.stat().st_size for file in files) < interactive.LIMIT == 3_000_000


def test_the_tables_are_those_that_the_data_files_give():
    text = interactive.PAGE.read_text("utf-8")
    files = [interactive.FOLDER / f"{dataset}.js" for dataset in interactive.DATASETS]
    measured = [(read(f.read_text("utf-8"))[1], f.stat().st_size) for f in files]
    assert interactive.with_tables(text, measured) == text
    (facts, size), *others = measured
    changed = interactive.with_tables(text, [(facts | {"same_unit": 0.5}, size), *others])
    assert "50.0% of 70,000 images" in changed


def test_the_committed_model_is_that_of_the_record(committed):
    dataset, arrays, facts = committed
    record = load_artifact({"artifact": f"desom/{dataset}-{facts['run']}.npz"})
    assert np.array_equal(arrays["prototypes"], record["prototypes"])
    assert np.abs(arrays["decoded"] - 255 * record["decoded"].clip(0, 1)).max() < 1
    moved = np.abs(arrays["class_counts"] - record["class_counts"]).sum() / 2
    assert moved <= (1 - facts["same_unit"]) * arrays["class_counts"].sum()
    purity = arrays["class_counts"].max(axis=1).sum() / facts["images"]
    assert facts["purity"][1] == pytest.approx(purity)


def test_the_committed_model_knows_digits(digits):
    arrays, facts = read((interactive.FOLDER / "mnist.js").read_text("utf-8"))
    codes = apply(arrays, "encoder", digits.x)
    majority = arrays["class_counts"].argmax(axis=1)
    # mnist5k is a part of MNIST.
    hits = np.mean(majority[nearest(arrays, codes)] == digits.y)
    assert hits == pytest.approx(facts["purity"][1], abs=0.02)
    error = np.mean((apply(arrays, "decoder", codes) - digits.x) ** 2)
    assert error == pytest.approx(facts["reconstruction_error"][1], rel=0.05)
