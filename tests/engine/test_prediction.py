"""`apply`, which runs a network over any number of rows, and the search for nearest prototypes."""

import gc
import time
import tracemalloc
import weakref
from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
import pytest
from keras.random import SeedGenerator
from scipy.spatial.distance import cdist
from threadpoolctl import threadpool_info

from desom.autoencoder import build_networks
from desom.engine.prediction import apply, nearest_prototypes

N_FEATURES = 5


def small_encoder():
    return build_networks(N_FEATURES, (8, 6), 2, SeedGenerator(0))[0]


@pytest.mark.parametrize("n", [1, 255, 256, 257, 600, 2001])
def test_apply_is_predict(n):
    encoder = small_encoder()
    x = np.random.default_rng(0).random((n, N_FEATURES), dtype=np.float32)
    assert np.allclose(apply(encoder, x), encoder.predict(x, verbose=0), atol=1e-6)


def test_apply_gives_a_row_the_same_bits_whatever_comes_with_it():
    encoder = build_networks(784, (500, 500, 2000), 10, SeedGenerator(0))[0]
    x = np.random.default_rng(0).random((600, 784), dtype=np.float32)
    together = apply(encoder, x)
    # PyTorch's product of 2,000 and 10 columns adds in an order that depends on the row's place.
    tolerance = 1e-6 if keras.backend.backend() == "torch" else 0.0
    for rows in (slice(0, 1), slice(599, 600), slice(100, 400), slice(None, None, -1)):
        assert np.allclose(apply(encoder, x[rows]), together[rows], rtol=0.0, atol=tolerance)


def test_apply_changes_no_input(blobs):
    x = blobs[0].copy()
    apply(small_encoder(), x)
    assert np.array_equal(x, blobs[0])


def test_apply_follows_the_weights(blobs):
    encoder = small_encoder()
    before = apply(encoder, blobs[0])
    encoder.layers[-1].bias.assign([1.0, 2.0])
    assert np.allclose(apply(encoder, blobs[0]), before + np.array([1, 2]), atol=1e-6)


def test_apply_keeps_no_model_alive(blobs):
    encoder = small_encoder()
    apply(encoder, blobs[0])
    alive = weakref.ref(encoder)
    del encoder
    gc.collect()
    assert alive() is None


def test_apply_from_many_threads(blobs):
    encoder = small_encoder()
    with ThreadPoolExecutor(8) as threads:
        outputs = list(threads.map(apply, [encoder] * 16, [blobs[0]] * 16))
    assert all(np.array_equal(output, outputs[0]) for output in outputs)


def test_output_that_is_not_finite_is_refused(blobs):
    encoder = small_encoder()
    encoder.layers[-1].bias.assign([np.nan, 0])
    with pytest.raises(FloatingPointError, match="smaller learning_rate"):
        apply(encoder, blobs[0])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("size", "far"), [((3, 2), 0), ((700, 10), 0), ((64, 784), 1000)])
def test_nearest_prototypes_are_those_of_a_search_in_double_precision(size, far, dtype):
    rng = np.random.default_rng(0)
    prototypes = far + rng.random(size).astype(dtype)
    z = far + rng.random((5000, size[1])).astype(dtype)
    nearest = nearest_prototypes(z, prototypes)
    distances = cdist(z.astype(float), prototypes.astype(float))
    # Of two that are equally near, to single precision, either will do.
    assert np.allclose(distances[np.arange(len(z)), nearest], distances.min(axis=1), rtol=1e-5)
    assert (nearest == distances.argmin(axis=1)).mean() > 0.999


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("scale", [1e-30, 1e-12, 1.0, 1e12, 1e18])
@pytest.mark.parametrize("shift", [0.0, 1e3, 1.7e5])
def test_the_nearest_prototype_does_not_depend_on_origin_and_unit(shift, scale, dtype):
    rng = np.random.default_rng(0)
    prototypes, z = ((scale * (rng.normal(size=(n, 3)) + shift)).astype(dtype) for n in (20, 3000))
    nearest = nearest_prototypes(z, prototypes)
    distances = cdist(z.astype(float), prototypes.astype(float))
    assert np.allclose(distances[np.arange(len(z)), nearest], distances.min(axis=1), rtol=1e-5)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_units_of_two_clouds_far_apart_are_told_apart(dtype):
    rng = np.random.default_rng(0)
    clouds = np.array([[448_262.0, 5_411_932.0], [-3e6, 4e6]])
    z = np.concatenate([cloud + 20 * rng.normal(size=(500, 2)) for cloud in clouds]).astype(dtype)
    prototypes = z[::50]
    expected = cdist(z.astype(float), prototypes.astype(float)).argmin(axis=1)
    assert np.array_equal(nearest_prototypes(z, prototypes), expected)


@pytest.mark.parametrize("widths", [(60_000, (2,)), (3, (4,))])
def test_a_block_is_bounded_by_its_bytes(widths):
    n_features, hidden_units = widths
    encoder = build_networks(n_features, hidden_units, 2, SeedGenerator(0))[0]
    x = np.random.default_rng(0).random((40, n_features), dtype=np.float32)
    apply(encoder, x[:1])
    tracemalloc.start()
    try:
        codes = apply(encoder, x)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # The block, and the one that a second thread prepares; 2,000 rows of 60,000 would be 480 MB.
    assert peak < 2.5 * 2**26
    assert np.allclose(codes, encoder.predict(x, verbose=0), rtol=1e-3, atol=1e-4)
    assert np.array_equal(apply(encoder, x[7:8]), codes[7:8])


def test_the_nearest_prototype_is_the_first_of_equals():
    assert nearest_prototypes(np.zeros((2, 1)), np.array([[2.0], [1.0], [1.0]])).tolist() == [1, 1]


class Slow:
    """Points that take their time to be read."""

    def __init__(self, points, seconds):
        self.points, self.seconds = points, seconds

    def __len__(self):
        return len(self.points)

    def __getitem__(self, rows):
        time.sleep(self.seconds)
        return self.points[rows]


def test_searches_that_overlap_leave_blas_its_threads():
    def limits():
        return [library["num_threads"] for library in threadpool_info()]

    rng = np.random.default_rng(0)
    points, prototypes = rng.random((20, 3)), rng.random((4, 3))
    before = limits()
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(nearest_prototypes, Slow(points, 0.4), prototypes)
        time.sleep(0.1)
        second = threads.submit(nearest_prototypes, Slow(points, 0.8), prototypes)
        assert np.array_equal(first.result(), second.result())
    assert limits() == before
