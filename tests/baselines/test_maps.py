"""Later maps: ConvDESOM, DPSOM, ViT-SOM's loss, maps of embeddings; equations against loops."""

import numpy as np
import pytest
from keras.random import SeedGenerator
from scipy.stats import multivariate_normal

from desom.baselines._convolutional import build_convolutional_networks
from desom.baselines.conv_desom import ConvDESOM
from desom.baselines.dpsom import (
    DPSOM,
    START_TEMPERATURE,
    dpsom_loss,
    normal_divergence,
    smoothness_loss,
    student_assignments,
)
from desom.baselines.embedded_som import UMAPSOM, SpectralSOM, batch_step
from desom.baselines.vit_som import ViTSOM, cosine_distances, mean_som_loss, ramp
from desom.grid import grid_distances, neighborhood
from helpers import INSTALLED, arrays, refusal, tensors, value_and_gradients

SIZE = (2, 3)
RNG = np.random.default_rng(0)
Z, PROTOTYPES = RNG.normal(size=(5, 2)), RNG.normal(size=(6, 2))
Q = RNG.dirichlet(np.ones(6), 5).astype("float32")
NETWORK = {"map_size": SIZE, "hidden_units": (16, 16), "latent_dim": 2, "random_state": 0}


# Convolutional networks


@pytest.mark.parametrize("side", [28, 8, 7])
def test_decoder_gives_images_of_the_side_of_the_encoder_s(side):
    encoder, decoder = build_convolutional_networks(side**2, (2, 3, 4), 2, SeedGenerator(0))
    code = encoder(np.zeros((1, side**2), dtype="float32"))
    assert code.shape == (1, 2) and decoder(code).shape == (1, side**2)
    widths = [kernel.shape[-1] for kernel in encoder.get_weights()[::2]]
    assert widths == [2, 3, 4, 2]


def test_conv_desom_needs_square_images(patterns):
    assert "40 features" in refusal(ConvDESOM(SIZE).fit, patterns[0])


# The loss of ViT-SOM


def test_cosine_distance_is_half_the_squared_distance_of_directions():
    expected = np.zeros((5, 6))
    for i, z in enumerate(Z):
        for k, m in enumerate(PROTOTYPES):
            difference = z / np.linalg.norm(z) - m / np.linalg.norm(m)
            expected[i, k] = sum(difference**2) / 2
    assert np.allclose(arrays(cosine_distances(*tensors(Z, PROTOTYPES))), expected, atol=1e-6)


def test_mean_som_loss_is_a_mean_over_units_too():
    expected = sum(Q[i, k] * (i + k) for i in range(5) for k in range(6)) / 30
    distances = np.add.outer(np.arange(5.0), np.arange(6.0)).astype("float32")
    assert float(mean_som_loss(*tensors(distances, Q))) == pytest.approx(expected, rel=1e-5)


def test_gamma_rises_over_half_the_training():
    assert [float(ramp(n, 100)) for n in (0.0, 25.0, 50.0, 99.0)] == [0, 0.5, 1, 1]


def test_vit_som_predicts_the_smallest_angle(patterns):
    model = ViTSOM(**NETWORK, iterations=100, batch_size=64).fit(patterns[0])
    codes = model.transform(patterns[0])
    assert np.allclose(np.linalg.norm(codes, axis=1), 1, atol=1e-4)
    assert np.allclose(np.linalg.norm(model.cluster_centers_, axis=1), 1, atol=1e-4)
    assert np.array_equal(model.predict(patterns[0]), (codes @ model.cluster_centers_.T).argmax(1))


# DPSOM


def test_divergence_is_that_of_normals():
    log_variance = RNG.normal(size=(5, 2))
    expected = []
    for mean, log_v in zip(Z, log_variance, strict=True):
        own = multivariate_normal(mean, np.diag(np.exp(log_v)))
        samples = own.rvs(200_000, random_state=0)
        standard = multivariate_normal(np.zeros(2), np.eye(2))
        expected.append(np.mean(own.logpdf(samples) - standard.logpdf(samples)))
    value = float(normal_divergence(*tensors(Z, log_variance)))
    assert value == pytest.approx(np.mean(expected), rel=0.02)


def test_student_assignments_are_shares():
    squares = RNG.uniform(0, 9, (5, 6)).astype("float32")
    kernel = np.array([[(1 + d / 10) ** -5.5 for d in row] for row in squares])
    q = arrays(student_assignments(*tensors(squares), 10.0))
    assert np.allclose(q, kernel / kernel.sum(axis=1, keepdims=True), rtol=1e-4)


def test_smoothness_is_of_the_four_neighbors_on_a_torus():
    neighbors = (grid_distances((3, 3), toroidal=True) == 1).astype("float32")
    assert (neighbors.sum(axis=1) == 4).all()
    q = RNG.dirichlet(np.ones(9), 5).astype("float32")
    expected = 0.0
    for i in range(5):
        for row in range(3):
            for column in range(3):
                for down, right in ((1, 0), (-1, 0), (0, 1), (0, -1)):
                    e = (row + down) % 3 * 3 + (column + right) % 3
                    expected -= q[i, row * 3 + column] * np.log(q[i, e]) / 5
    loss, to_q, to_q_of_map = value_and_gradients(
        lambda a, b: smoothness_loss(a, b, neighbors), q, q
    )
    assert loss == pytest.approx(expected, rel=1e-4)
    assert to_q is None and to_q_of_map is not None


def test_map_begins_with_the_weights_of_the_authors_loss():
    weights = np.asarray(neighborhood(np.array([0.0, 1.0, 2.0]), START_TEMPERATURE))
    assert weights[1] / weights[0] == pytest.approx(0.2 / 1.2)
    assert weights[2] < 1e-3


def test_dpsom_loss_is_a_weighted_sum():
    assert dpsom_loss(1.0, 20.0, 300.0, 4000.0, prior=0.5, gamma=2.0, beta=3.0) == 12611


def test_dpsom_tells_patterns_apart(patterns):
    x, y = patterns
    steps = {"vae_iterations": 300, "map_iterations": 200, "iterations": 100, "batch_size": 64}
    model = DPSOM(**NETWORK, **steps, learning_rate=0.01).fit(x)
    units = model.predict(x)
    majority = sum(np.bincount(y[units == k]).max() for k in np.unique(units))
    assert majority / len(x) > 0.95
    curves = {name: np.array(curve) for name, curve in model.history_.items()}
    names = ("bernoulli_loss", "divergence", "hardening_loss", "smoothness_loss")
    total = dpsom_loss(*(curves[name] for name in names), model.prior, model.gamma, model.beta)
    assert np.allclose(curves["loss"], total, rtol=1e-4)
    assert model.decode(model.cluster_centers_).min() >= 0


def test_dpsom_refuses_what_is_no_probability(patterns):
    assert "values in [0, 1]" in refusal(DPSOM(SIZE).fit, 2 * patterns[0])


# Maps of embeddings


def test_batch_step_is_a_weighted_mean():
    units, weights = np.array([0, 0, 3, 5, 1]), np.asarray(neighborhood(grid_distances(SIZE), 1.0))
    moved = batch_step(Z, units, weights)
    for k in range(6):
        shares = [weights[unit, k] for unit in units]
        expected = sum(w * z for w, z in zip(shares, Z, strict=True)) / sum(shares)
        assert np.allclose(moved[k], expected)


def test_new_samples_have_the_place_of_the_nearest(patterns):
    x, _ = patterns
    model = SpectralSOM(SIZE, latent_dim=2, n_neighbors=30, iterations=20, random_state=0)
    units = model.fit(x[:300]).predict(x[:300])
    assert np.array_equal(units, model.labels_)
    principal = model.pca_.transform(x)
    for place, new in zip(model.transform(x[300:310]), principal[300:310], strict=True):
        nearest = np.linalg.norm(principal[:300] - new, axis=1).argmin()
        assert np.allclose(place, model.transform(x[nearest : nearest + 1])[0])
    assert model.decode(model.cluster_centers_).shape == (6, 40)


@pytest.mark.skipif("umap_som" in INSTALLED, reason="umap-learn is installed")
def test_umap_that_is_not_installed_is_named(patterns):
    assert "pip install 'desom[umap]'" in refusal(UMAPSOM(SIZE).fit, patterns[0])
