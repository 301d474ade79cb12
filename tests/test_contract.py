"""The records that tools outside the project read: those of a run, and those in the repository."""

from datetime import UTC, datetime

import numpy as np
import pytest

from desom import datasets, records
from desom.datasets import Dataset
from desom.experiments import recorded, runs_of
from desom.files import REPOSITORY
from desom.runs import METHODS, Run, configuration, measure, run_and_record
from helpers import CLUSTERING, MAP, NETWORK, TWO_LEVEL

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

SOM_CURVES = {"iteration", "loss", "temperature"}
AUTOENCODER_CURVES = {"pretrain_iteration", "reconstruction_loss"}
SOM_VAE_LOSSES = {
    "reconstruction_loss",
    "quantized_reconstruction_loss",
    "commitment_loss",
    "som_loss",
}
CURVES = {
    "kmeans": set(),
    "minisom": set(),
    "kerasom": SOM_CURVES,
    "ae_minisom": AUTOENCODER_CURVES,
    "ae_kerasom": SOM_CURVES | AUTOENCODER_CURVES,
    "som_vae": {"iteration", "loss"} | SOM_VAE_LOSSES,
    "desom": SOM_CURVES | {"reconstruction_loss", "som_loss"},
}


def check_contract(record, folder):
    """Check a record, and give the arrays of its artifact."""
    method, config = record["method"].removesuffix("_official"), record["config"]
    is_map = method != "kmeans"
    has_network = "latent_dim" in config
    assert has_network == (method in {"ae_minisom", "ae_kerasom", "som_vae", "desom"})

    fields = FIELDS if is_map else FIELDS | {"artifact": type(None)}
    assert {name: type(value) for name, value in record.items()} == fields
    parts = (record[name] for name in ("method", "dataset", "seed", "config"))
    assert record["key"] == records.run_key(*parts)

    scores = (
        CLUSTERING | (MAP | TWO_LEVEL if is_map else set()) | (NETWORK if has_network else set())
    )
    assert record["metrics"].keys() == scores
    # Neither a map of 64 units nor 64 clusters match the classes one to one.
    optional = {name for name, value in record["metrics"].items() if value is None}
    assert optional <= {"accuracy"}
    assert all(np.isfinite(record["metrics"][name]) for name in scores - optional)

    check_curves(record["curves"], CURVES[method], config)
    assert config.get("pretrain_iterations", 0) > 0 or not method.startswith("ae_")
    pretraining = {"pretrain"} if config.get("pretrain_iterations") else set()
    assert record["seconds"].keys() == {"fit", "predict"} | pretraining
    assert record["environment"].keys() >= ENVIRONMENT
    assert record["created"].endswith("Z")
    assert datetime.fromisoformat(record["created"]) <= datetime.now(UTC)
    return check_artifact(record, folder, has_network) if is_map else {}


def check_curves(curves, names, config):
    assert curves.keys() == names
    assert all(0 < len(curve) <= 200 for curve in curves.values())
    for name in names & {"iteration", "pretrain_iteration"}:
        assert curves[name][-1] == config[f"{name}s"]
    if "temperature" in names:
        last = config["t_max" if config["decay"] == "constant" else "t_min"]
        assert curves["temperature"][-1] == pytest.approx(last)
        assert len(curves["temperature"]) == len(curves["iteration"])


def check_artifact(record, folder, has_network):
    assert record["artifact"] == f"{record['method']}/{record['dataset']}-{record['key']}.npz"
    arrays = records.load_artifact(record, folder)
    n_units = np.prod(record["config"]["map_size"])
    image_shape, classes = datasets.describe(record["dataset"])
    assert arrays["class_counts"].shape == (n_units, len(classes))
    assert len(arrays["prototypes"]) == n_units
    if has_network:
        assert arrays["prototypes"].shape[1] == record["config"]["latent_dim"]
    if has_network and image_shape:
        assert arrays["decoded"].shape == (n_units, np.prod(image_shape))
    # The first records of kerasom hold their prototypes a second time.
    redundant = {"decoded"} if not has_network or image_shape else set()
    if not record["config"].get("snapshots"):
        assert arrays.keys() - redundant == {"prototypes", "class_counts"}
    assert all(np.isfinite(array).all() for array in arrays.values())
    return arrays


TINY = {
    "n_clusters": 6,
    "map_size": (2, 3),
    "hidden_units": (8,),
    "latent_dim": 2,
    "pretrain_iterations": 5,
    "iterations": 10,
    "batch_size": 16,
}


@pytest.fixture
def data(blobs, monkeypatch):
    """The blobs under the name of a data set of images with three classes."""
    description = datasets.Description((1, 5), ("a", "b", "c"))
    monkeypatch.setitem(datasets._DESCRIPTIONS, "digits", description)
    data = Dataset("digits", *blobs, *description)
    monkeypatch.setattr("desom.runs.load_dataset", {"digits": data}.get)
    return data


@pytest.mark.usefixtures("eager", "user_cache")
@pytest.mark.parametrize("method", METHODS)
def test_record_of_every_method_is_what_the_contract_says(method, data, tmp_path):
    tiny = {name: TINY[name] for name in TINY.keys() & configuration(method)}
    run = Run(method, "digits", 3, configuration(method, **tiny))
    run_and_record(run, tmp_path)
    (record,) = recorded([run], tmp_path)
    arrays = check_contract(record, tmp_path)
    assert (record["method"], record["dataset"], record["seed"]) == (method, "digits", 3)
    assert record["config"] == run.config
    assert record["data_sha256"] == data.sha256
    assert min(record["seconds"].values()) > 0

    estimator = run.estimator().fit(data.x)
    scores, expected = measure(estimator, data, estimator.predict(data.x), 3)
    assert record["metrics"] == scores
    assert arrays.keys() == expected.keys()
    assert all(np.array_equal(arrays[name], expected[name]) for name in arrays)
    for name, curve in record["curves"].items():
        assert curve == pytest.approx(estimator.history_[name], rel=1e-5)


SIZES = {"mnist": 70_000, "fashion_mnist": 70_000, "reuters21578": 6387, "reuters10k": 10_000}


@pytest.mark.parametrize(
    "path",
    sorted(REPOSITORY.glob("results/*/*.jsonl")),
    ids=lambda path: f"{path.parent.name}-{path.stem}",
)
def test_records_in_the_repository_are_what_the_contract_says(path):
    folder = path.parents[1]
    for record in records.read(folder, path.parent.name, path.stem).values():
        assert (record["method"], record["dataset"]) == (path.parent.name, path.stem)
        arrays = check_contract(record, folder)
        if arrays:
            assert arrays["class_counts"].sum() == SIZES[path.stem]


def test_recorded_desom_on_mnist_reaches_the_paper_s_quality():
    (record,) = recorded(
        runs_of("table2", "paper", ["desom"], ["mnist"], [0]), REPOSITORY / "results"
    )
    assert record["metrics"]["purity"] >= 0.93
    assert record["metrics"]["nmi_geometric"] >= 0.64
