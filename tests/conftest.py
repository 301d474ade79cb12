"""What several test modules share: small data, small estimators, a small grid of runs."""

import numpy as np
import pytest
from sklearn.datasets import make_blobs


@pytest.fixture(scope="session")
def blobs():
    """60 points around three distant centers in five dimensions, in [-1, 1], and their centers."""
    x, y = make_blobs(60, n_features=5, centers=3, cluster_std=0.1, random_state=0)
    x = (x / np.abs(x).max()).astype(np.float32)
    x.setflags(write=False)
    return x, y


@pytest.fixture
def no_training(monkeypatch):
    """Fail if anything is trained."""

    def train(*args, **kwargs):
        raise AssertionError("this must not be trained")

    monkeypatch.setattr("desom.desom.train", train)
