"""The autoencoder: its shape, its initial weights, its loss."""

import keras
import numpy as np
import pytest
from keras.random import SeedGenerator

from desom.autoencoder import (
    Autoencoder,
    build_networks,
    reconstruction_loss,
    uniform_by_fan_in,
)
from desom.estimator import random_streams
from helpers import gradients


@pytest.fixture(scope="module")
def paper():
    """Encoder and decoder of the paper for MNIST."""
    return build_networks(784, (500, 500, 2000), 10, SeedGenerator(0))


def sizes(model):
    return [layer.kernel.shape for layer in model.layers]


def activations(model):
    return [layer.activation.__name__ for layer in model.layers]


def test_encoder_narrows_from_the_features_to_the_code(paper):
    assert sizes(paper[0]) == [(784, 500), (500, 500), (500, 2000), (2000, 10)]


def test_decoder_mirrors_the_encoder(paper):
    assert sizes(paper[1]) == [(b, a) for a, b in reversed(sizes(paper[0]))]


def test_hidden_layers_are_rectified_and_both_ends_linear(paper):
    for model in paper:
        assert activations(model) == ["relu", "relu", "relu", "linear"]


def test_every_layer_has_biases_that_start_at_zero(paper):
    for model in paper:
        assert all(not np.any(layer.bias) for layer in model.layers)


def test_weights_are_uniform_in_glorot_s_bounds(paper):
    for model in paper:
        for layer in model.layers:
            kernel = np.asarray(layer.kernel)
            bound = np.sqrt(6 / sum(kernel.shape))
            # The largest of 5,000 uniform draws is within 1 % of the bound but for one in 10^21.
            assert 0.99 * bound < np.abs(kernel).max() <= bound * (1 + 1e-6)
            assert kernel.std() == pytest.approx(bound / np.sqrt(3), rel=0.05)
            assert abs(kernel.mean()) < 0.05 * bound


def build_small(seed):
    encoder, decoder = build_networks(6, (4,), 2, SeedGenerator(seed))
    return [*encoder.weights, *decoder.weights]


def test_one_seed_gives_one_set_of_weights_whatever_the_global_seed():
    keras.utils.set_random_seed(1)
    first = build_small(seed=7)
    keras.utils.set_random_seed(2)
    second = build_small(seed=7)
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def test_another_seed_gives_other_weights():
    kernels = zip(build_small(seed=7)[::2], build_small(seed=8)[::2], strict=True)
    assert all(not np.array_equal(a, b) for a, b in kernels)


def test_no_two_layers_start_alike():
    first, second, _ = build_networks(5, (5, 5), 5, SeedGenerator(0))[0].layers
    assert not np.array_equal(first.kernel, second.kernel)


def test_reconstruction_loss_is_a_mean_over_features_and_points():
    rng = np.random.default_rng(0)
    x, reconstruction = rng.random((4, 3)), rng.random((4, 3))
    slow = sum((x[i, j] - reconstruction[i, j]) ** 2 for i in range(4) for j in range(3)) / 12
    assert float(reconstruction_loss(x, reconstruction)) == pytest.approx(slow, rel=1e-6)


def test_reconstruction_loss_times_the_features_is_the_paper_s_sum():
    rng = np.random.default_rng(0)
    x, reconstruction = rng.random((4, 784)), rng.random((4, 784))
    paper_s = np.mean(np.sum((x - reconstruction) ** 2, axis=1))
    assert 784 * float(reconstruction_loss(x, reconstruction)) == pytest.approx(paper_s, rel=1e-5)


# The first phase of DEC-Keras


@pytest.fixture(scope="module")
def data():
    return np.random.default_rng(0).random((64, 40), dtype=np.float32)


def test_start_of_dec_keras_is_uniform_by_fan_in():
    options = {"initializer": uniform_by_fan_in}
    for model in build_networks(784, (500, 500, 2000), 10, SeedGenerator(0), **options):
        for layer in model.layers:
            kernel = np.asarray(layer.kernel)
            bound = 1 / np.sqrt(len(kernel))
            assert 0.99 * bound < np.abs(kernel).max() <= bound * (1 + 1e-6)
            assert kernel.std() == pytest.approx(bound / np.sqrt(3), rel=0.05)


def test_steps_of_dec_keras_are_gradient_descent_with_step_1_and_momentum(data):
    settings = {"hidden_units": (8,), "latent_dim": 3, "batch_size": 64, "pretraining": "sgd"}
    start, one, two = (
        Autoencoder(**settings, iterations=n, learning_rate=rate, random_state=0).fit(data).model_
        for n, rate in ((1, 0.001), (1, 0.5), (2, 0.001))
    )
    # The step is DEC-Keras', whatever the learning rate of Adam.
    assert all(np.array_equal(a, b) for a, b in zip(start.weights, one.weights, strict=True))
    loss = lambda: reconstruction_loss(data, one(data))  # noqa: E731
    slope = gradients(loss, one.trainable_variables)
    before = Autoencoder(**settings, random_state=0)
    seeds, _ = random_streams(0)
    first = before._build_model(40, seeds)
    first_slope = gradients(
        lambda: reconstruction_loss(data, first(data)), first.trainable_variables
    )
    for w0, g0, w1, g1, w2 in zip(
        first.weights, first_slope, one.weights, slope, two.weights, strict=True
    ):
        g0, g1 = (0 if g is None else g for g in (g0, g1))
        w0, w1, w2 = map(keras.ops.convert_to_numpy, (w0, w1, w2))
        assert np.allclose(w1, w0 - g0, atol=1e-6)
        assert np.allclose(w2, w1 - 0.9 * g0 - g1, atol=1e-5)


def test_step_1_on_badly_scaled_data_stops_with_its_sentence(data):
    autoencoder = Autoencoder(latent_dim=3, iterations=50, pretraining="sgd")
    with pytest.raises(FloatingPointError, match="scale X"):
        autoencoder.set_params(hidden_units=(8,), random_state=0).fit(1000 * data)
