"""The records that tools outside the project read: those of a run, and those in the repository."""

import subprocess
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from desom import datasets, metrics
from desom.datasets import Dataset
from desom.experiments import records
from desom.experiments.artifact import measure
from desom.experiments.records import REPOSITORY
from desom.experiments.run import Run, configuration, run_and_record
from desom.experiments.schedule import recorded, runs_of
from desom.methods import METHODS
from desom.report import published
from helpers import CLUSTERING, INSTALLED, LATENT_SPACE, LATER, MAP, NETWORK, TWO_LEVEL

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
ENVIRONMENT = {"backend", "device", "keras", "numpy", "threads", "revision"}

SOM_CURVES = {"iteration", "loss", "temperature"}
AUTOENCODER_CURVES = {"pretrain_iteration", "reconstruction_loss"}
SOM_VAE_LOSSES = {
    "reconstruction_loss",
    "quantized_reconstruction_loss",
    "commitment_loss",
    "som_loss",
}
DPSOM_LOSSES = {"bernoulli_loss", "divergence", "hardening_loss", "smoothness_loss"}
JOINT = {"iteration", "loss", "reconstruction_loss", "clustering_loss"}
CURVES = {
    "kmeans": set(),
    "minisom": set(),
    "kerasom": SOM_CURVES,
    "ae_minisom": AUTOENCODER_CURVES,
    "ae_kerasom": SOM_CURVES | AUTOENCODER_CURVES,
    "som_vae": {"iteration", "loss"} | SOM_VAE_LOSSES,
    "desom": SOM_CURVES | {"reconstruction_loss", "som_loss"},
    "hone": SOM_CURVES | {"reconstruction_loss", "som_loss", "hardening_loss"},
    "conv_desom": SOM_CURVES | {"reconstruction_loss", "som_loss"},
    "vit_som": SOM_CURVES | {"reconstruction_loss", "som_loss"},
    "dpsom": {"iteration", "loss", "reconstruction_loss"} | DPSOM_LOSSES,
    "umap_som": set(),
    "spectral_som": set(),
    "ae_kmeans": {"iteration", "reconstruction_loss"},
    "ae_gmm": {"iteration", "reconstruction_loss"},
    "aec": JOINT,
    "dcn": JOINT,
    "dkm": JOINT,
    "dec": {"iteration", "loss", "clustering_loss"},
    "idec": JOINT,
    "vade": {"iteration", "loss", "bernoulli_loss", "divergence"},
    "wamic": {"iteration", "loss", "reconstruction_loss", "wasserstein_estimate"},
    "dnm": JOINT | {"temperature"},
}
MAPS = {"minisom", "kerasom", "ae_minisom", "ae_kerasom", "som_vae", "desom", "dnm"}
MAPS |= {*published.MAPS}
# They have no network, but images for places between those of samples.
EMBEDDED = {"umap_som", "spectral_som"}
# They may end before the last iteration.
SELF_TRAINED = {"dec", "idec"}


def check_contract(record, folder):
    """Check a record, and give the arrays of its artifact."""
    method, config = record["method"].removesuffix("_official"), record["config"]
    is_map, has_network = "map_size" in config, "latent_dim" in config
    assert is_map == (method in MAPS)
    assert has_network == (method not in {"kmeans", "minisom", "kerasom"})

    fields = FIELDS if is_map or has_network else FIELDS | {"artifact": type(None)}
    assert {name: type(value) for name, value in record.items()} == fields
    parts = (record[name] for name in ("method", "dataset", "seed", "config"))
    assert record["key"] == records.run_key(*parts)

    scores = CLUSTERING | (MAP | TWO_LEVEL if is_map else set())
    if has_network:
        scores = scores | (NETWORK if is_map else {"reconstruction_error"})
    if method in EMBEDDED:
        scores = scores - {"reconstruction_error"}
    later = LATER if is_map else LATENT_SPACE if method == "ae_kmeans" else set()
    assert record["metrics"].keys() | later == scores | later
    # Neither a map of 64 units nor 64 clusters match the classes one to one.
    optional = {name for name, value in record["metrics"].items() if value is None}
    assert optional <= {"accuracy"}
    assert all(np.isfinite(record["metrics"][name]) for name in record["metrics"].keys() - optional)

    check_curves(record["curves"], CURVES[method], config, ended_early=method in SELF_TRAINED)
    without_first_phase = {"kmeans", "minisom", "kerasom", "som_vae", "desom"}
    without_first_phase |= {*published.MAPS} - {"hone"}
    assert config.get("pretrain_iterations", 0) > 0 or method in without_first_phase
    check_seconds(record["seconds"], config, record["curves"])
    backend = record["environment"]["backend"]
    assert record["environment"].keys() >= ENVIRONMENT | {backend}
    assert record["created"].endswith("Z")
    assert datetime.fromisoformat(record["created"]) <= datetime.now(UTC)
    if is_map:
        return check_artifact_of_a_map(record, folder, has_network)
    return check_artifact_of_clusters(record, folder) if has_network else {}


def check_seconds(seconds, config, curves):
    counts = {}
    if "iterations" in config:
        counts["fit"] = curves.get("iteration", [config["iterations"]])[-1]
    if config.get("pretrain_iterations"):
        counts["pretrain"] = config["pretrain_iterations"]
    per_iteration = {"fit": "iteration", "pretrain": "pretrain_iteration"}
    names = {"fit", "predict"} | counts.keys() | {per_iteration[phase] for phase in counts}
    assert seconds.keys() == names
    for phase, count in counts.items():
        assert seconds[per_iteration[phase]] * count == pytest.approx(seconds[phase], rel=1e-5)


def check_curves(curves, names, config, ended_early):
    assert curves.keys() == names
    assert all(0 < len(curve) <= 200 for curve in curves.values())
    lengths = {name: config.get(f"{name}s") for name in names & {"iteration", "pretrain_iteration"}}
    for name, length in lengths.items():
        # Where nothing follows the autoencoder, the curves are its own.
        length = length or config["pretrain_iterations"]
        assert curves[name][-1] == length or (ended_early and curves[name][-1] < length)
    if "temperature" in names:
        last = config["t_max" if config["decay"] == "constant" else "t_min"]
        assert curves["temperature"][-1] == pytest.approx(last)
        assert len(curves["temperature"]) == len(curves["iteration"])


def check_artifact_of_clusters(record, folder):
    assert record["artifact"] == f"{record['method']}/{record['dataset']}-{record['key']}.npz"
    arrays = records.load_artifact(record, folder)
    image_shape, classes = datasets.describe(record["dataset"])
    n_clusters, latent_dim = record["config"]["n_clusters"], record["config"]["latent_dim"]
    decoded = {"decoded"} if image_shape else set()
    codes = {"codes", "code_labels", "code_classes"}
    assert arrays.keys() == {"prototypes"} | decoded | codes
    assert arrays["prototypes"].shape == (n_clusters, latent_dim)
    if image_shape:
        assert arrays["decoded"].shape == (n_clusters, np.prod(image_shape))
    assert arrays["codes"].shape[1] == latent_dim
    assert len({len(arrays[name]) for name in codes}) == 1
    assert len(arrays["codes"]) <= 2000
    assert set(arrays["code_labels"]) <= set(range(n_clusters))
    assert set(arrays["code_classes"]) == set(range(len(classes)))
    assert all(np.isfinite(array).all() for array in arrays.values())
    return arrays


def check_artifact_of_a_map(record, folder, has_network):
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
        assert arrays.keys() - redundant - {"units"} == {"prototypes", "class_counts"}
    assert all(np.isfinite(array).all() for array in arrays.values())
    return arrays


TINY = {
    "n_clusters": 6,
    "map_size": (3, 4),
    "hidden_units": (8,),
    "latent_dim": 2,
    "pretrain_iterations": 5,
    "map_iterations": 5,
    "vae_iterations": 5,
    "iterations": 10,
    "update_interval": 4,
    "batch_size": 16,
}


@pytest.fixture
def data(blobs):
    """The blobs, moved to [0, 1], under the name of a data set of images with ten classes."""
    x = np.ascontiguousarray(np.tile((blobs[0] + 1) / 2, 13)[:, :64])
    return Dataset("digits", x, np.arange(60) % 10, *datasets.describe("digits"))


@pytest.mark.usefixtures("eager", "user_cache")
@pytest.mark.parametrize("method", INSTALLED)
def test_record_of_every_method_is_what_the_contract_says(method, data, tmp_path):
    tiny = {name: TINY[name] for name in TINY.keys() & configuration(method)}
    run = Run(method, "digits", 3, configuration(method, **tiny))
    run_and_record(run, data, tmp_path)
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


def test_run_is_measured_on_what_is_held_out(data, tmp_path):
    held_out = replace(data, x=np.repeat(data.x[:4], 5, axis=0), y=np.arange(20) % 10)
    run = Run("kerasom", "digits", 3, configuration("kerasom", map_size=(3, 4), iterations=10))
    run_and_record(run, replace(data, held_out=held_out), tmp_path)
    (record,) = recorded([run], tmp_path)
    assert records.load_artifact(record, tmp_path)["class_counts"].sum() == 20
    units = run.estimator().fit(data.x).predict(held_out.x)
    assert record["metrics"]["purity"] == metrics.purity(held_out.y, units)


SIZES = {
    "mnist": 70_000,
    "fashion_mnist": 70_000,
    "reuters21578": 6387,
    "rcv1_10k": 10_000,
    "reuters10k": 10_000,
}
SIZES |= {"mnist_60k": 10_000, "fashion_mnist_60k": 10_000}


@pytest.mark.parametrize("method", METHODS)
def test_records_in_the_repository_are_what_the_contract_says(method):
    for record in records.read(REPOSITORY / "results", method).values():
        arrays = check_contract(record, REPOSITORY / "results")
        if "class_counts" in arrays:
            assert arrays["class_counts"].sum() == SIZES[record["dataset"]]


def test_folder_of_the_repository_holds_nothing_else():
    folder = REPOSITORY / "results"
    found = records.read(folder).values()
    wanted = {folder / record["artifact"] for record in found if record["artifact"]}
    wanted |= {records.place(folder, *records.names(record)) for record in found}
    listed = subprocess.run(["git", "ls-files"], cwd=folder, capture_output=True, text=True)
    assert {folder / line for line in listed.stdout.splitlines()} <= {
        *wanted,
        folder / "benchmarks.json",
    }


def test_recorded_desom_on_mnist_reaches_the_paper_s_quality():
    (record,) = recorded(
        runs_of("table2", "paper", ["desom"], ["mnist"], [0]), REPOSITORY / "results"
    )
    assert record["metrics"]["purity"] >= 0.93
    assert record["metrics"]["nmi_geometric"] >= 0.64
