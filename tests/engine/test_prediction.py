"""`apply`, which runs a trained network over any number of rows."""

import keras
import numpy as np
import pytest
from keras.random import SeedGenerator

from desom.autoencoder import build_encoder
from desom.engine.prediction import apply

N_FEATURES = 5


@pytest.mark.parametrize("n", [1, 255, 256, 257, 600])
def test_apply_is_predict(n):
    encoder = build_encoder(N_FEATURES, (8, 6), 2, SeedGenerator(0))
    x = np.random.default_rng(0).random((n, N_FEATURES), dtype=np.float32)
    assert np.allclose(apply(encoder, x), encoder.predict(x, verbose=0), atol=1e-6)


def test_apply_gives_a_row_the_same_bits_whatever_comes_with_it():
    encoder = build_encoder(784, (500, 500, 2000), 10, SeedGenerator(0))
    x = np.random.default_rng(0).random((600, 784), dtype=np.float32)
    together = apply(encoder, x)
    # PyTorch's product of 2,000 and 10 columns adds in an order that depends on the row's place.
    tolerance = 1e-6 if keras.backend.backend() == "torch" else 0.0
    for rows in (slice(0, 1), slice(599, 600), slice(100, 400), slice(None, None, -1)):
        assert np.allclose(apply(encoder, x[rows]), together[rows], rtol=0.0, atol=tolerance)


def test_apply_changes_nothing(blobs):
    x = blobs[0].copy()
    apply(build_encoder(N_FEATURES, (8,), 2, SeedGenerator(0)), x)
    assert np.array_equal(x, blobs[0])
