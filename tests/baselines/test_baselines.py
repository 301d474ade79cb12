"""The compared methods as estimators: what they learn, seeds, files, degenerate data."""

import warnings

import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning

from desom import metrics
from desom.autoencoder import Autoencoder
from desom.baselines.ae_som import AEKerasom, AEMinisom
from desom.baselines.minisom import Minisom
from desom.baselines.official import OfficialDESOM, OfficialKerasom
from desom.baselines.som_vae import SOMVAE
from helpers import learned

MAP = {"map_size": (2, 3)}
TRAINING = {"batch_size": 16, "learning_rate": 0.01}
NETWORK = {"hidden_units": (16,), "latent_dim": 3, **TRAINING}
GRADIENT = {"iterations": 150, "t_max": 2.0}
SETTINGS = {
    KMeans: {"n_clusters": 3, "n_init": 2},
    Minisom: MAP | {"iterations": 300},
    OfficialKerasom: MAP | GRADIENT | TRAINING,
    Autoencoder: NETWORK | {"iterations": 150},
    AEMinisom: MAP | NETWORK | {"iterations": 300, "pretrain_iterations": 150},
    AEKerasom: MAP | NETWORK | GRADIENT | {"pretrain_iterations": 150, "som_learning_rate": 0.01},
    SOMVAE: MAP | NETWORK | {"iterations": 150},
    # At this gamma the map gathers the codes, whatever weights a backend draws for the seed.
    OfficialDESOM: MAP | NETWORK | GRADIENT | {"gamma": 0.1},
}
EACH = pytest.mark.parametrize("cls", SETTINGS)
CLUSTERINGS = [cls for cls in SETTINGS if cls is not Autoencoder]
EACH_CLUSTERING = pytest.mark.parametrize("cls", CLUSTERINGS)
EACH_MAP = pytest.mark.parametrize("cls", [cls for cls in CLUSTERINGS if cls is not KMeans])


def small(cls, **changes):
    return cls(**SETTINGS[cls] | {"random_state": 0} | changes)


def few_iterations(cls):
    """Lengths for tests to which the result does not matter."""
    return {name: 5 for name in ("iterations", "pretrain_iterations") if name in SETTINGS[cls]}


@pytest.fixture(scope="module")
def estimators(blobs):
    """One fitted estimator of each class; no test changes them."""
    return {cls: small(cls).fit(blobs[0]) for cls in SETTINGS}


# What is learned


@EACH_CLUSTERING
def test_three_blobs_are_told_apart(cls, estimators, blobs):
    x, y = blobs
    labels = estimators[cls].predict(x)
    assert metrics.purity(y, labels) == 1
    assert np.array_equal(labels, estimators[cls].labels_)


def test_k_means_with_three_clusters_finds_the_classes(estimators, blobs):
    assert metrics.accuracy(blobs[1], estimators[KMeans].labels_) == 1


@EACH_CLUSTERING
def test_label_is_the_nearest_prototype_row_by_row(cls, estimators, blobs):
    estimator = estimators[cls]
    codes = estimator.transform(blobs[0]) if "latent_dim" in SETTINGS[cls] else blobs[0]
    differences = codes[:, None].astype(float) - estimator.cluster_centers_
    assert np.array_equal(estimator.labels_, np.square(differences).sum(axis=2).argmin(axis=1))
    assert estimator.cluster_centers_.dtype == np.float32
    assert estimator.cluster_centers_.shape[1] == SETTINGS[cls].get("latent_dim", 5)


@pytest.mark.parametrize("cls", [Autoencoder, AEMinisom, AEKerasom, SOMVAE, OfficialDESOM])
def test_samples_are_reconstructed_from_their_codes(cls, estimators, blobs):
    x = blobs[0]
    reconstructed = estimators[cls].decode(estimators[cls].transform(x))
    assert np.square(reconstructed - x).mean() < 0.3 * np.square(x - x.mean(axis=0)).mean()


# Degenerate data


@pytest.mark.usefixtures("eager")
@EACH
def test_equal_points_give_a_finite_result(cls, blobs):
    x = np.repeat(blobs[0][:1], 20, axis=0)
    with warnings.catch_warnings():
        # Fewer distinct points than clusters.
        warnings.simplefilter("ignore", ConvergenceWarning)
        estimator = small(cls, **few_iterations(cls)).fit(x)
    assert np.isfinite(learned(estimator)).all()
    if hasattr(estimator, "labels_"):
        assert len(set(estimator.labels_)) == 1


@pytest.mark.usefixtures("eager")
@EACH_CLUSTERING
def test_one_cluster_holds_every_sample(cls, blobs):
    one = {"n_clusters": 1} if cls is KMeans else {"map_size": (1, 1)}
    estimator = small(cls, **few_iterations(cls) | one).fit(blobs[0])
    assert np.isfinite(learned(estimator)).all()
    assert not estimator.predict(blobs[0]).any()
    if cls is KMeans:
        assert np.allclose(estimator.cluster_centers_, blobs[0].mean(axis=0), atol=1e-6)


@pytest.mark.usefixtures("no_training")
@EACH_MAP
def test_fewer_samples_than_prototypes_are_refused(cls, blobs):
    with pytest.raises(ValueError, match="5 samples, fewer than the 6 prototypes"):
        small(cls).fit(blobs[0][:5])


def test_fewer_samples_than_clusters_are_refused(blobs):
    with pytest.raises(ValueError, match=r"n_samples=2 should be >= n_clusters=3\."):
        small(KMeans).fit(blobs[0][:2])


@pytest.mark.usefixtures("eager")
def test_one_sample_is_enough_for_the_autoencoder(blobs):
    estimator = small(Autoencoder, iterations=5).fit(blobs[0][:1])
    assert np.isfinite(learned(estimator)).all()


@pytest.mark.usefixtures("no_training")
@EACH
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_nan_and_infinity_are_refused(cls, value, blobs):
    x = blobs[0].copy()
    x[3, 2] = value
    with pytest.raises(ValueError, match=r"X contains (NaN|infinity)"):
        small(cls).fit(x)


@EACH
def test_points_without_values_are_refused_after_the_fit_too(cls, estimators, blobs):
    x = blobs[0].copy()
    x[0, 0] = np.nan
    for method in {"predict", "transform"} & set(dir(cls)):
        with pytest.raises(ValueError, match="X contains NaN"):
            getattr(estimators[cls], method)(x)
