"""What several test modules share: small data, small estimators."""

import warnings

import numpy as np
import pytest
from sklearn.datasets import make_blobs

from desom import DESOM, Kerasom

# scikit-learn's checks fit models by the dozen, each with compiled functions of its own, on
# purpose; TensorFlow takes that for a mistake and says so at length.
warnings.filterwarnings("ignore", message=".*retracing.*")

SMALL = {"map_size": (2, 3), "iterations": 30, "batch_size": 16, "random_state": 0}
SMALL_DESOM = SMALL | {"hidden_units": (8, 6), "latent_dim": 2}


def small_kerasom(**changes):
    return Kerasom(**SMALL | changes)


def small_desom(**changes):
    return DESOM(**SMALL_DESOM | changes)


@pytest.fixture(scope="session")
def blobs():
    """60 points around three centers in five dimensions, of which some coordinates are negative."""
    x, y = make_blobs(60, n_features=5, centers=3, cluster_std=0.1, random_state=0)
    x = (x / np.abs(x).max()).astype(np.float32)
    x.setflags(write=False)
    return x, y
