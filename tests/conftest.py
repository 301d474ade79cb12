"""What several test modules share: small data and estimators, a small grid of runs, and guards."""

import signal

import keras
import numpy as np
import pooch
import pytest
import tensorflow as tf
from sklearn.datasets import make_blobs

from desom import DESOM, Kerasom
from desom.autoencoder import autoencoder_of
from desom.baselines.dec import DEC
from desom.engine import loop
from helpers import DEEP, deep, small


@pytest.fixture(scope="session", autouse=True)
def compiled_once(tmp_path_factory):
    """Have JAX compile what many tests train in common once; that is most of their time."""
    if keras.backend.backend() == "jax":
        import jax

        jax.config.update("jax_compilation_cache_dir", str(tmp_path_factory.mktemp("jax")))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)


@pytest.fixture(scope="session")
def blobs():
    """60 points around three distant centers in five dimensions, in [-1, 1], and their centers."""
    x, y = make_blobs(60, n_features=5, centers=3, cluster_std=0.1, random_state=0)
    x = (x / np.abs(x).max()).astype(np.float32)
    x.setflags(write=False)
    return x, y


@pytest.fixture(scope="session")
def patterns():
    """600 noisy copies of three binary patterns of 40 features, in [0, 1], and which they copy."""
    rng = np.random.default_rng(0)
    originals, y = rng.integers(0, 2, (3, 40)), np.arange(600) % 3
    x = np.clip(originals[y] + rng.normal(scale=0.2, size=(600, 40)), 0, 1).astype(np.float32)
    x.setflags(write=False)
    return x, y


@pytest.fixture(scope="session")
def deep_autoencoder(patterns):
    """The first phase of the deep-clustering methods; no test changes it."""
    return autoencoder_of(deep(DEC)).fit(patterns[0])


@pytest.fixture(scope="session")
def deep_estimators(patterns, deep_autoencoder):
    """One fitted estimator of each deep-clustering method; no test changes them."""
    return {cls: deep(cls).fit(patterns[0], autoencoder=deep_autoencoder) for cls in DEEP}


@pytest.fixture
def point_per_step(monkeypatch):
    """Give the curves of short trainings a point for every step."""
    monkeypatch.setattr(loop, "LEAST_STEPS", 1)


@pytest.fixture
def user_cache(monkeypatch, tmp_path):
    """Have an empty cache instead of the user's."""
    monkeypatch.setattr(pooch, "os_cache", lambda project: tmp_path / "cache" / project)
    return tmp_path / "cache" / "desom"


@pytest.fixture(scope="module")
def fitted(blobs):
    """One fitted estimator of each class; no test changes them."""
    return {cls: small(cls).fit(blobs[0]) for cls in (Kerasom, DESOM)}


@pytest.fixture
def eager():
    """Have TensorFlow compile nothing: a fit of few iterations is over sooner than that."""
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.fixture
def few_restarts(monkeypatch):
    """Start k-means once: the clusters of the tests are easy, and there are hundreds of fits."""
    monkeypatch.setattr("desom.baselines._clustering.RESTARTS", 1)


@pytest.fixture
def no_training(monkeypatch):
    """Fail if anything is trained."""

    def train(*args, **kwargs):
        raise AssertionError("this must not be trained")

    monkeypatch.setattr("desom.estimator.train", train)


@pytest.fixture
def trained_with(monkeypatch):
    """Do not train, but keep what `train` was given."""
    given = {}

    def train(model, x, iterations, batch_size, *options):
        given.update(model=model, x=x, iterations=iterations, batch_size=batch_size)
        given["prototypes"] = model.som.prototypes.numpy()
        return {"iteration": [iterations], "loss": [0.0]}

    monkeypatch.setattr("desom.estimator.train", train)
    return given


@pytest.fixture
def foreground():
    """Have Ctrl-C end what a test starts, also where a shell that runs the tests has it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
