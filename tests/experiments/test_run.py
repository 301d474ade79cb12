"""Runs: what is measured, what a run is, and what it says of its environment."""

import json
import re
from importlib import metadata

import keras
import numpy as np
import pytest
from scipy.spatial.distance import cdist
from sklearn.cluster import KMeans

from desom import DESOM, Kerasom, methods, metrics
from desom.baselines.idec import IDEC
from desom.baselines.minisom import Minisom
from desom.datasets import Dataset
from desom.experiments import environment
from desom.experiments.artifact import cluster_prototypes, measure, sample_codes
from desom.experiments.run import LATER, Run, configuration
from desom.grid import grid_distances
from helpers import CLUSTERING, COUNTS, IMAGES, MAP, NETWORK, TWO_LEVEL, brief

SMALL = {"iterations": 20, "batch_size": 16, "learning_rate": 0.01, "random_state": 0}


# What is measured


@pytest.fixture(scope="module")
def kerasom(blobs):
    """As many units as there are classes."""
    return Kerasom((1, 3), **SMALL).fit(blobs[0])


@pytest.fixture(scope="module")
def desom(blobs):
    return DESOM((2, 3), **SMALL, hidden_units=(8,), latent_dim=2).fit(blobs[0])


def measured(estimator, x, y, image_shape=(1, 5)):
    data = Dataset("blobs", x, y, image_shape)
    return measure(estimator, data, estimator.predict(x), seed=0)


@pytest.fixture(scope="module")
def of_kerasom(kerasom, blobs):
    """Scores and arrays."""
    return measured(kerasom, *blobs)


@pytest.fixture(scope="module")
def of_desom(desom, blobs):
    """Scores and arrays."""
    return measured(desom, *blobs)


def test_scores_of_a_map_are_named_by_the_contract(of_kerasom):
    scores, arrays = of_kerasom
    assert scores.keys() == CLUSTERING | MAP | IMAGES | TWO_LEVEL
    assert arrays.keys() == {"prototypes", "class_counts", "units"}
    assert {type(scores[name]) for name in scores.keys() - COUNTS} == {float}
    assert {type(scores[name]) for name in COUNTS} == {int}


def test_scores_of_a_map_with_a_network_are_named_by_the_contract(of_desom):
    scores, arrays = of_desom
    assert scores.keys() == CLUSTERING | MAP | IMAGES | TWO_LEVEL | NETWORK
    assert arrays.keys() == {"prototypes", "decoded", "class_counts", "units"}


def test_clusters_without_a_map_are_measured_against_classes_alone(blobs):
    x, y = blobs
    estimator = KMeans(3, random_state=0).fit(x)
    scores, arrays = measured(estimator, x, y)
    assert scores == metrics.clustering_scores(y, estimator.labels_, 3)
    assert arrays == {}
    assert measured(estimator, x, None) == ({}, {})


@pytest.mark.usefixtures("eager")
def test_clusters_of_codes_are_measured_in_the_space_of_the_data_too(patterns, deep_autoencoder):
    x, y = patterns[0], patterns[1]
    estimator = brief(IDEC).fit(x, autoencoder=deep_autoencoder)
    labels, codes = estimator.predict(x), estimator.transform(x)
    scores, arrays = measure(estimator, Dataset("patterns", x, y, (5, 8)), labels, seed=0)
    error = np.mean((x - estimator.decode(codes)) ** 2)
    expected = metrics.clustering_scores(y, labels, 3)
    assert scores == expected | {"reconstruction_error": pytest.approx(error, rel=1e-5)}

    decoded = estimator.decode(estimator.cluster_centers_)
    assert np.array_equal(arrays["prototypes"], estimator.cluster_centers_)
    assert np.allclose(arrays["decoded"], decoded, atol=1e-3)
    assert np.allclose(arrays["codes"], codes, rtol=1e-3, atol=1e-3)
    assert np.array_equal(arrays["code_labels"], labels)
    assert np.array_equal(arrays["code_classes"], y)

    without = measure(estimator, Dataset("patterns", x, None), labels, seed=0)
    assert without[0].keys() == {"reconstruction_error"}
    assert without[1].keys() == {"prototypes"}


def test_codes_are_those_of_samples_spread_over_the_data():
    places = np.arange(5000)
    data = Dataset("many", np.zeros((5000, 1), "float32"), places % 7)
    # Half precision holds integers below a hundred as they are.
    arrays = sample_codes(data, np.stack([places // 100, places % 100], axis=1), places % 11)
    picked = arrays["codes"].astype(int) @ [100, 1]
    assert (len(picked), picked[0], picked[-1]) == (1000, 0, 4999)
    assert set(np.diff(picked)) == {5, 6}
    assert np.array_equal(arrays["code_labels"], picked % 11)
    assert np.array_equal(arrays["code_classes"], picked % 7)


def test_clusters_are_measured_against_classes(kerasom, of_kerasom, blobs):
    (x, y), (scores, _) = blobs, of_kerasom
    labels = kerasom.predict(x)
    assert scores["purity"] == metrics.purity(y, labels)
    assert scores["accuracy"] == metrics.accuracy(y, labels)
    assert scores["ari"] == metrics.ari(y, labels)
    assert scores["nmi"] == metrics.nmi(y, labels)
    assert scores["nmi_geometric"] == metrics.nmi(y, labels, average_method="geometric")


def test_accuracy_is_null_unless_there_are_as_many_clusters_as_classes(of_desom, of_kerasom):
    assert of_desom[0]["accuracy"] is None
    assert of_kerasom[0]["accuracy"] is not None


def test_map_is_measured_in_the_space_of_its_prototypes(desom, of_desom, blobs):
    x, scores = blobs[0], of_desom[0]
    codes, prototypes = desom.transform(x), desom.cluster_centers_
    distances = cdist(codes, prototypes)
    grid = grid_distances((2, 3))
    weights = np.exp(-((grid[distances.argmin(axis=1)] / 0.1) ** 2))
    two_nearest = np.argsort(distances, axis=1)[:, :2].T
    bmus = distances.argmin(axis=1)

    assert scores["quantization_error"] == pytest.approx(distances.min(axis=1).mean(), rel=1e-5)
    assert scores["topographic_error"] == np.mean(grid[tuple(two_nearest)] > 1)
    expected = (weights * distances**2).sum(axis=1).mean()
    assert scores["distortion"] == pytest.approx(expected, rel=1e-5)
    assert scores["trustworthiness"] == metrics.trustworthiness(codes, bmus, grid)
    expected = metrics.neighborhood_preservation(codes, bmus, grid)
    assert scores["neighborhood_preservation"] == expected


def test_map_without_a_temperature_is_measured_at_the_paper_s_last(blobs):
    estimator = Minisom((2, 3), iterations=60, random_state=0).fit(blobs[0])
    grid = grid_distances((2, 3))
    expected = metrics.distortion(blobs[0], estimator.cluster_centers_, grid, 0.1)
    assert measured(estimator, blobs[0], None)[0]["distortion"] == expected


def test_prototypes_among_the_data_are_kept_in_half_precision(kerasom, of_kerasom):
    _, arrays = of_kerasom
    assert arrays["prototypes"].dtype == np.float16
    assert np.allclose(arrays["prototypes"], kerasom.cluster_centers_, rtol=1e-3, atol=1e-4)


def test_network_is_measured_in_the_space_of_the_data(desom, of_desom, blobs):
    scores, arrays = of_desom
    decoded = desom.decode(desom.cluster_centers_)
    expected = cdist(blobs[0], decoded).min(axis=1).mean()
    assert scores["input_quantization_error"] == pytest.approx(expected, rel=1e-5)
    labels, grid = desom.predict(blobs[0]), grid_distances((2, 3))
    for name in ("c_measure", "kruskal_shepard_error"):
        assert scores[f"input_{name}"] == getattr(metrics, name)(blobs[0], labels, grid)
    assert scores["sharpness_ratio"] == metrics.sharpness_ratio(decoded, blobs[0], (1, 5))
    assert scores["reconstruction_error"] == desom.history_["reconstruction_loss"][-1]
    assert np.array_equal(arrays["prototypes"], desom.cluster_centers_)
    assert np.allclose(arrays["decoded"], decoded, rtol=1e-3, atol=1e-3)


def test_second_level_is_k_means_on_the_prototypes(desom, blobs):
    x, y = blobs
    labels = np.arange(60) % 6
    scores, _ = measure(desom, Dataset("blobs", x, y), labels, seed=5)
    clusters = cluster_prototypes(desom.cluster_centers_, 3, seed=5)[labels]
    assert scores["km_accuracy"] == metrics.accuracy(y, clusters)
    assert scores["km_nmi"] == metrics.nmi(y, clusters)
    assert scores["km_purity"] == metrics.purity(y, clusters)


def test_units_are_counted_with_and_without_classes(desom, blobs):
    x, y = blobs
    labels = np.array([0, 1, 1, 3, 4] * 12)
    for classes in (y, None):
        scores, _ = measure(desom, Dataset("blobs", x, classes), labels, seed=0)
        assert (scores["units_used"], scores["smallest_unit"]) == (4, 0)


def test_map_of_fewer_units_than_classes_has_no_second_level(blobs):
    scores, arrays = measured(Minisom((1, 2), iterations=20, random_state=0).fit(blobs[0]), *blobs)
    assert scores.keys() == CLUSTERING | MAP | IMAGES
    assert arrays["class_counts"].shape == (2, 3)


def test_prototypes_are_grouped_by_distance():
    prototypes = np.array([[0, 0], [9, 9], [0, 1], [9, 8], [-9, 9], [1, 0]])
    groups = cluster_prototypes(prototypes, 3, seed=0)
    assert [set(np.flatnonzero(groups == groups[k])) for k in (0, 1, 4)] == [{0, 2, 5}, {1, 3}, {4}]


@pytest.mark.parametrize("names", [(0, 1, 2), (3, 7, 40)])
def test_classes_are_counted_on_every_unit(names, blobs):
    x, y = blobs[0], np.array(names)[blobs[1]]
    estimator = Minisom((1, 2), iterations=60, random_state=0).fit(x)
    _, arrays = measured(estimator, x, y)
    labels = estimator.predict(x)
    for unit in range(2):
        for c, name in enumerate(names):
            assert arrays["class_counts"][unit, c] == np.sum((labels == unit) & (y == name))
    assert arrays["class_counts"].sum() == 60


def test_data_without_classes_are_measured_without_them(desom, blobs):
    scores, arrays = measured(desom, blobs[0], None)
    assert scores.keys() == MAP | IMAGES | NETWORK
    assert arrays.keys() == {"prototypes", "decoded", "units"}


def test_data_without_images_get_no_pictures(desom, of_desom, blobs):
    without = measured(desom, *blobs, None)
    assert without[0] == {name: of_desom[0][name] for name in of_desom[0].keys() - IMAGES}
    assert without[1].keys() == {"prototypes", "class_counts", "units"}


# What is asked


def test_configuration_is_every_hyperparameter_as_json_holds_it():
    assert configuration("kerasom") == {
        "map_size": [8, 8],
        "t_max": 10.0,
        "t_min": 0.1,
        "decay": "exponential",
        "topology": "rectangular",
        "toroidal": False,
        "iterations": 10_000,
        "batch_size": 256,
        "learning_rate": 0.001,
        "snapshots": 0,
    }
    network = {"hidden_units": [500, 500, 2000], "latent_dim": 10, "dtype": "float32"}
    network |= {"gamma": 0.001, "pretrain_iterations": 0}
    assert configuration("desom") == configuration("kerasom") | network
    assert configuration("desom", gamma=0.5) == configuration("desom") | {"gamma": 0.5}


@pytest.mark.parametrize("method", methods.METHODS)
def test_run_trains_what_it_names(method):
    run = Run(method, "digits", 7, configuration(method))
    estimator = run.estimator()
    assert type(estimator) is methods.estimator_class(method)
    parameters = json.loads(json.dumps(estimator.get_params()))
    assert parameters.pop("random_state") == 7
    assert not parameters.pop("verbose", False)
    config = {name: value for name, value in run.config.items() if name != "snapshots"}
    assert config.items() <= parameters.items()
    # Younger than the first records, whose keys stay.
    assert parameters.keys() - config.keys() <= {*LATER}


@pytest.mark.parametrize("method", methods.METHODS)
def test_methods_with_a_network_or_a_loss_show_their_progress(method):
    estimator = Run(method, "digits", 7, configuration(method)).estimator(verbose=True)
    without = {"kmeans", "minisom", "umap_som", "spectral_som"}
    assert estimator.get_params().get("verbose", 0) == (method not in without)


def test_run_trains_with_what_its_configuration_changes():
    estimator = Run("desom", "digits", 7, configuration("desom", gamma=0.5)).estimator()
    assert estimator.gamma == 0.5


def test_key_of_the_paper_s_run_is_pinned():
    # If this fails, no record on file is found any more.
    assert Run("kerasom", "mnist", 0, configuration("kerasom")).key == "efa6d81db1960080"


@pytest.mark.parametrize("method", ["dec", "idec", "desom"])
def test_what_came_later_is_named_only_where_it_is_changed(method):
    changed = {"optimizer": "adam" if method == "dec" else "sgd"} if method != "desom" else {}
    config = configuration(method, pretraining="sgd", **changed)
    assert config.keys() - configuration(method).keys() == {"pretraining", *changed}
    assert config.items() >= (changed | {"pretraining": "sgd"}).items()


def test_environment_is_that_of_this_process():
    found = environment.environment()
    assert found["backend"] == keras.backend.backend()
    assert (found["keras"], found["numpy"]) == (keras.__version__, np.__version__)
    assert found[found["backend"]] == metadata.version(found["backend"])
    assert re.fullmatch(r"[0-9a-f]{12}\+?|\d+\.\d+.*", found["revision"])
    assert found["device"]
