"""Runs that are over in no time, on data that need no file."""

import pytest

from desom.datasets import Dataset
from desom.experiments.grids import Grid
from desom.experiments.run import Run, configuration

# Two methods without a Keras model: one with an artifact, one without.
FAST = (
    ("kmeans", {"n_clusters": 3, "n_init": 1}),
    ("minisom", {"map_size": (1, 2), "iterations": 20}),
)


@pytest.fixture
def fast_runs():
    """A run of k-means and one of minisom, called runs on digits."""
    return [Run(method, "digits", 0, configuration(method, **own)) for method, own in FAST]


@pytest.fixture
def fast_grid():
    """Two methods on two data sets with two seeds."""
    return Grid(FAST, ("mnist", "fashion_mnist"), (0, 1))


class Loader:
    """Gives the blobs under any name but those that are missing, and lists what it gave."""

    def __init__(self, blobs):
        self.blobs, self.missing, self.loaded = blobs, (), []

    def __call__(self, name):
        from desom.errors import InputError

        if name in self.missing:
            raise InputError(f"{name} needs a network.")
        self.loaded.append(name)
        return Dataset(name, *self.blobs, image_shape=(1, 5))


@pytest.fixture
def load(blobs):
    """Give the blobs for any data set."""
    return Loader(blobs)
