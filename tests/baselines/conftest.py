"""Codes and centers that the tests of several losses share."""

import numpy as np
import pytest

from helpers import LATENT, K, N


@pytest.fixture
def codes():
    """Latent codes."""
    return np.random.default_rng(0).normal(size=(N, LATENT))


@pytest.fixture
def centers():
    """Centers of clusters among them."""
    return np.random.default_rng(1).normal(size=(K, LATENT))
