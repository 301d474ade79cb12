"""Grids of runs: what they ask for, what is recorded, and what is trained at all."""

import os
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from desom import DESOM, datasets, records
from desom.datasets import Dataset
from desom.errors import InputError
from desom.experiments import collect, recorded, runs_of
from desom.runs import Run, configuration, measure, run_and_record
from helpers import CLUSTERING, MAP, NETWORK, TWO_LEVEL

REPOSITORY = Path(__file__).parents[1]


# What is asked


def names(selected):
    return [(run.method, run.dataset, run.seed) for run in selected]


@pytest.mark.usefixtures("tiny_grid")
def test_grid_is_every_method_on_every_data_set_with_every_seed():
    assert names(runs_of("tiny")) == [
        ("kerasom", "mnist", 0),
        ("desom", "mnist", 0),
        ("kerasom", "mnist", 1),
        ("desom", "mnist", 1),
        ("kerasom", "fashion_mnist", 0),
        ("desom", "fashion_mnist", 0),
        ("kerasom", "fashion_mnist", 1),
        ("desom", "fashion_mnist", 1),
    ]
    assert {run.method: run.config for run in runs_of("tiny")} == {
        "kerasom": configuration("kerasom"),
        "desom": configuration("desom"),
    }


@pytest.mark.usefixtures("tiny_grid")
def test_quick_scale_has_small_data_short_trainings_and_one_seed():
    selected = runs_of("tiny", "quick")
    assert names(selected) == [
        ("kerasom", "mnist5k", 0),
        ("desom", "mnist5k", 0),
        ("kerasom", "digits", 0),
        ("desom", "digits", 0),
    ]
    assert {run.config["iterations"] for run in selected} == {5}


@pytest.mark.usefixtures("tiny_grid")
def test_part_of_a_grid_can_be_asked_for():
    part = runs_of("tiny", methods=["desom"], dataset_names=["mnist"], seeds=[1, 4])
    assert names(part) == [("desom", "mnist", 1), ("desom", "mnist", 4)]
    part = runs_of("tiny", "quick", dataset_names=["digits"])
    assert names(part) == [("kerasom", "digits", 0), ("desom", "digits", 0)]


@pytest.mark.usefixtures("tiny_grid")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("tini",), "unknown grid 'tini': did you mean 'tiny'"),
        (("tiny", "quik"), "unknown scale 'quik': did you mean 'quick'"),
        (("tiny", "paper", ["desome"]), "unknown method in tiny 'desome': did you mean 'desom'"),
        (
            ("tiny", "paper", None, ["mnist5k"]),
            "unknown data set .* 'mnist5k': did you mean 'mnist'",
        ),
        (("tiny", "quick", None, ["digit"]), "unknown data set .* 'digit': did you mean 'digits'"),
    ],
)
def test_unknown_name_is_refused_with_the_nearest(arguments, message):
    with pytest.raises(InputError, match=message):
        runs_of(*arguments)


def test_table_2_is_ten_runs_of_each_method_on_each_data_set():
    selected = runs_of("table2")
    assert {run.seed for run in selected} == set(range(10))
    assert {"desom", "kerasom"} <= {run.method for run in selected}
    assert {"mnist", "fashion_mnist"} <= {run.dataset for run in selected}
    assert len({run.key for run in selected}) == len(selected)


# What is recorded

FIELDS = {
    "method": str,
    "dataset": str,
    "seed": int,
    "config": dict,
    "metrics": dict,
    "curves": dict,
    "artifact": str,
    "seconds": dict,
    "environment": dict,
    "data_sha256": str,
    "created": str,
    "key": str,
}
ENVIRONMENT = {"backend", "device", "keras", "tensorflow", "numpy", "threads", "revision"}


@pytest.fixture
def quick(tiny_grid):
    """The runs of kerasom and desom on the blobs, which are called digits."""
    return runs_of("tiny", "quick", dataset_names=["digits"])


def check_contract(record, folder):
    assert {name: type(value) for name, value in record.items()} == FIELDS
    assert record["key"] == records.run_key(
        *(record[n] for n in ("method", "dataset", "seed", "config"))
    )
    assert record["artifact"] == f"{record['method']}/{record['dataset']}-{record['key']}.npz"

    expected = CLUSTERING | MAP | TWO_LEVEL | (NETWORK if record["method"] == "desom" else set())
    assert record["metrics"].keys() >= expected
    assert all(v is None or np.isfinite(v) for v in record["metrics"].values())

    parts = {"reconstruction_loss", "som_loss"} if record["method"] == "desom" else set()
    assert record["curves"].keys() == {"iteration", "loss", "temperature"} | parts
    (n_points,) = {len(curve) for curve in record["curves"].values()}
    assert n_points <= 200
    assert record["curves"]["iteration"][-1] == record["config"]["iterations"]
    assert record["curves"]["temperature"][-1] == pytest.approx(record["config"]["t_min"])

    assert record["seconds"].keys() == {"fit", "predict"}
    assert record["environment"].keys() >= ENVIRONMENT
    assert record["created"].endswith("Z")
    assert datetime.fromisoformat(record["created"]) <= datetime.now(UTC)

    n_units = np.prod(record["config"]["map_size"])
    with np.load(folder / record["artifact"], allow_pickle=False) as file:
        arrays = dict(file)
    n_latent = record["config"].get("latent_dim", arrays["decoded"].shape[1])
    assert arrays["prototypes"].shape == (n_units, n_latent)
    assert arrays["decoded"].shape[0] == len(arrays["class_counts"]) == n_units
    return arrays


def test_record_is_what_the_contract_says(quick, blobs, tmp_path):
    got = collect(quick, tmp_path)
    assert [record["method"] for record in got] == ["kerasom", "desom"]
    for run, record in zip(quick, got, strict=True):
        arrays = check_contract(record, tmp_path)
        assert (record["dataset"], record["seed"], record["config"]) == ("digits", 0, run.config)
        assert record["data_sha256"] == Dataset("digits", *blobs).sha256
        assert min(record["seconds"].values()) > 0
        assert arrays["class_counts"].sum() == 60

        estimator = run.estimator().fit(blobs[0])
        assert np.array_equal(arrays["prototypes"], estimator.cluster_centers_)
        scores, _ = measure(estimator, Dataset("digits", *blobs), estimator.labels_, 0)
        assert record["metrics"] == scores
        for name, curve in record["curves"].items():
            assert curve == pytest.approx(estimator.history_[name], rel=1e-5)


SIZES = {"mnist": 70_000, "fashion_mnist": 70_000, "mnist5k": 5000, "digits": 1797}


def recorded_files():
    return sorted(REPOSITORY.glob("results/*/*.jsonl"))


@pytest.mark.parametrize(
    "path", recorded_files(), ids=lambda path: f"{path.parent.name}-{path.stem}"
)
def test_records_in_the_repository_are_what_the_contract_says(path):
    folder = path.parents[1]
    for record in records.read(folder, path.parent.name, path.stem).values():
        assert (record["method"], record["dataset"]) == (path.parent.name, path.stem)
        arrays = check_contract(record, folder)
        assert arrays["class_counts"].sum() == SIZES[path.stem]


def test_recorded_desom_on_mnist_reaches_the_paper_s_quality():
    (record,) = recorded(
        runs_of("table2", "paper", ["desom"], ["mnist"], [0]), REPOSITORY / "results"
    )
    assert record["metrics"]["purity"] >= 0.93
    assert record["metrics"]["nmi_geometric"] >= 0.64


# What is trained


def test_what_is_recorded_is_not_trained_again(quick, trainings, tmp_path, capsys):
    first = collect(quick[:1], tmp_path)
    assert len(trainings) == 1
    both = collect(quick, tmp_path)
    assert len(trainings) == 2
    assert both[0] == first[0]
    assert collect(quick, tmp_path) == both
    assert collect(quick[::-1], tmp_path) == both[::-1]
    assert len(trainings) == 2
    assert (
        capsys.readouterr().out.splitlines()[-1] == f"2 of 2 runs are recorded in {tmp_path.name}/."
    )


def test_another_seed_or_configuration_is_another_run(quick, trainings, tmp_path):
    run = quick[0]
    collect([run], tmp_path)
    other_seed = Run(run.method, run.dataset, 1, run.config)
    other_config = Run(run.method, run.dataset, 0, run.config | {"t_max": 3.0})
    assert recorded([other_seed, other_config], tmp_path) == []
    assert len(collect([run, other_seed, other_config], tmp_path)) == 3
    assert len(trainings) == 3


def test_run_is_recorded_as_soon_as_it_ends(quick, trainings, tmp_path, monkeypatch):
    def fit(self, X):
        raise KeyboardInterrupt

    monkeypatch.setattr(DESOM, "fit", fit)
    with pytest.raises(KeyboardInterrupt):
        collect(quick, tmp_path)
    assert [record["method"] for record in recorded(quick, tmp_path)] == ["kerasom"]


def test_run_that_another_process_computes_is_left_to_it(quick, trainings, tmp_path):
    with records.claim(tmp_path, quick[0].key):
        assert [record["method"] for record in collect(quick, tmp_path)] == ["desom"]
    assert len(trainings) == 1
    assert len(collect(quick, tmp_path)) == 2


def test_run_that_another_process_has_just_recorded_is_not_repeated(quick, trainings, tmp_path):
    collect(quick[:1], tmp_path)
    run_and_record(quick[0], tmp_path)
    assert len(trainings) == 1


def test_artifact_without_its_record_is_made_anew(quick, trainings, tmp_path, monkeypatch):
    append = records.append

    def killed(folder, record):
        raise SystemExit

    monkeypatch.setattr(records, "append", killed)
    with pytest.raises(SystemExit):
        collect(quick[:1], tmp_path)
    monkeypatch.setattr(records, "append", append)
    assert len(collect(quick[:1], tmp_path)) == 1
    assert len(list((tmp_path / "kerasom").iterdir())) == 2


@pytest.mark.usefixtures("no_training")
def test_data_that_cannot_be_loaded_stop_a_grid_before_it_trains(tiny_grid, monkeypatch, tmp_path):
    load = datasets.load

    def load_all_but_the_last(name):
        if name == "digits":
            raise InputError("no network")
        return load(name)

    monkeypatch.setattr(datasets, "load", load_all_but_the_last)
    with pytest.raises(InputError, match="no network"):
        collect(runs_of("tiny", "quick"), tmp_path)


@pytest.mark.usefixtures("no_training")
@pytest.mark.parametrize("name", ["results", "results/desom"])
def test_folder_that_cannot_be_written_stops_a_grid_before_it_trains(name, quick, tmp_path):
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).touch()
    with pytest.raises(InputError, match=f"{name} cannot be written"):
        collect(quick, tmp_path / "results")


@pytest.mark.usefixtures("no_training")
def test_record_that_cannot_be_read_stops_a_grid_before_it_trains(quick, tmp_path):
    (tmp_path / "desom").mkdir()
    (tmp_path / "desom" / "digits.jsonl").write_text("once upon a time\n")
    with pytest.raises(InputError, match=r"digits\.jsonl, line 1, is not a record"):
        collect(quick, tmp_path)


def test_recorded_grid_needs_neither_data_nor_a_folder_to_write(
    quick, trainings, tmp_path, monkeypatch
):
    expected = collect(quick, tmp_path)

    def refuse(*args):
        raise AssertionError("this must not be called")

    monkeypatch.setattr(datasets, "load", refuse)
    monkeypatch.setattr(records, "check_writable", refuse)
    assert collect(quick, tmp_path) == expected


def test_folder_is_the_default_one_unless_it_is_given(quick, trainings, tmp_path, monkeypatch):
    monkeypatch.setenv("DESOM_RESULTS", str(tmp_path))
    assert len(collect(quick)) == len(recorded(quick)) == len(recorded(quick, tmp_path)) == 2


def test_two_workers_record_each_run_once(tmp_path, monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    config = configuration("kerasom", map_size=(2, 5), iterations=5)
    selected = [Run("kerasom", "digits", seed, config) for seed in range(3)]
    got = collect(selected, tmp_path, workers=2)
    assert [record["seed"] for record in got] == [0, 1, 2]
    assert len((tmp_path / "kerasom" / "digits.jsonl").read_text().splitlines()) == 3
    for record in got:
        arrays = check_contract(record, tmp_path)
        assert arrays["class_counts"].sum() == 1797
        assert record["metrics"]["accuracy"] is not None
    assert {record["environment"]["threads"] for record in got} == {max(1, os.cpu_count() // 2)}
    assert "OMP_NUM_THREADS" not in os.environ
