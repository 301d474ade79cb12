"""HONE: its assignments and targets against loops, its views, its curves, what it fits."""

import keras
import numpy as np
import pytest
from scipy.stats import t as student

from desom.baselines._mixtures import whiten
from desom.baselines._views import neighbors_of, transformed
from desom.baselines.dec import target_distribution
from desom.baselines.hone import (
    HONE,
    hone_loss,
    neighborly_assignments,
    smoothing,
)
from desom.grid import grid_distances
from helpers import arrays, refusal, tensors

SIZE = (2, 3)
DISTANCES = grid_distances(SIZE)
SMALL = {"map_size": SIZE, "hidden_units": (16, 16), "latent_dim": 2, "random_state": 0}
TRAINING = {"pretrain_iterations": 200, "map_iterations": 200, "iterations": 60, "batch_size": 64}


# Equations


@pytest.mark.parametrize("tau", [0.0, 0.6, 2.0])
def test_smoothing_is_a_share_of_each_unit_for_its_neighbors(tau):
    shares = smoothing(DISTANCES, tau)
    for k, row in enumerate(shares):
        weights = [np.exp(-((d / tau) ** 2)) if tau else float(d == 0) for d in DISTANCES[k]]
        assert np.allclose(row, np.array(weights) / sum(weights), atol=1e-6)


@pytest.mark.parametrize("alpha", [1.0, 5.0])
def test_assignments_are_smoothed_densities_of_student_s_t(alpha):
    squares = np.random.default_rng(0).uniform(0, 9, (5, 6)).astype("float32")
    shares = smoothing(DISTANCES, 0.8)
    q = arrays(neighborly_assignments(*tensors(squares, shares), alpha))
    for i in range(5):
        # In one dimension the density has this power of the squared distance.
        density = student(alpha).pdf(np.sqrt(squares[i].astype(float)))
        smooth = [sum(shares[m, k] * density[m] for m in range(6)) for k in range(6)]
        assert np.allclose(q[i], np.array(smooth) / sum(smooth), rtol=1e-4)


def test_targets_are_sharpened_and_a_large_unit_gives_up_its_claim():
    q = np.array([[0.6, 0.4], [0.9, 0.1], [0.8, 0.2]])
    for balance in (0.0, 1.0, 2.0):
        expected = np.array([[row[k] ** 2 / q[:, k].sum() ** balance for k in (0, 1)] for row in q])
        p = target_distribution(q, balance)
        assert np.allclose(p, expected / expected.sum(axis=1, keepdims=True))
    claims = [target_distribution(q, balance)[0, 0] for balance in (0.0, 1.0, 2.0)]
    assert claims == sorted(claims, reverse=True)


def test_loss_is_a_weighted_sum():
    assert hone_loss(3.0, 20.0, 0.5) == 13


def test_neighbors_are_the_nearest_others():
    codes = np.array([[0.0], [1.0], [3.0], [3.5]])
    assert neighbors_of(codes, 2).tolist() == [[1, 2], [0, 2], [3, 1], [2, 1]]


def test_whitening_changes_axes_and_no_reconstruction():
    rng = np.random.default_rng(0)
    model = keras.Model()
    model.encoder = keras.Sequential([keras.layers.Input((3,)), keras.layers.Dense(2)])
    model.decoder = keras.Sequential([keras.layers.Input((2,)), keras.layers.Dense(3)])
    model.encoder.layers[-1].set_weights([rng.normal(size=(3, 2)), rng.normal(size=2)])
    x = rng.normal(size=(50, 3)).astype("float32")
    before, decoded = arrays(model.encoder(x)), arrays(model.decoder(model.encoder(x)))
    whiten(model, np.cov(before, rowvar=False))
    after = arrays(model.encoder(x))
    assert np.allclose(np.cov(after, rowvar=False), np.eye(2), atol=1e-4)
    assert np.allclose(arrays(model.decoder(after)), decoded, atol=1e-4)


# Views


@pytest.fixture
def images():
    """Give squares of 8 x 8 pixels, a bright patch right of and below the center."""
    image = np.zeros((8, 8), dtype="float32")
    image[4:6, 4:6] = 1
    return np.repeat(image.reshape(1, -1), 200, axis=0)


def test_views_are_moved_and_rotated_about_the_center(images):
    rng = np.random.default_rng(0)
    assert np.allclose(transformed(images, 0.0, rng), images, atol=1e-6)
    views = transformed(images, 1.0, rng).reshape(-1, 8, 8)
    total = views.sum(axis=(1, 2))
    # Nothing is lost beyond the border, so far inside is the patch.
    assert total == pytest.approx(4, rel=0.15)
    places = [(views * np.arange(8)[:, None]).sum(axis=(1, 2)) / total]
    places += [(views * np.arange(8)).sum(axis=(1, 2)) / total]
    for place in places:
        assert place.mean() == pytest.approx(4.5, abs=0.1)
        # A tenth of the side, and the turn of a patch that is 1.4 pixels from the center.
        assert 0.5 < np.abs(place - 4.5).max() < 0.8 + 1.42 * np.sin(np.radians(10)) + 0.05


# The method


@pytest.fixture(scope="module")
def fitted(patterns):
    return HONE(**SMALL, **TRAINING, neighbors=3).fit(patterns[0])


def test_patterns_are_told_apart_in_order(fitted, patterns):
    x, y = patterns
    units = fitted.predict(x)
    assert np.array_equal(units, fitted.labels_)
    majority = sum(np.bincount(y[units == k]).max() for k in np.unique(units))
    assert majority / len(x) > 0.95


def test_curves_add_up_to_the_loss(fitted):
    curves = {name: np.array(curve) for name, curve in fitted.history_.items()}
    total = curves["reconstruction_loss"] + fitted.gamma * curves["som_loss"]
    total = total + fitted.gamma_hard * curves["hardening_loss"]
    assert np.allclose(curves["loss"], total, rtol=1e-4)


def test_temperature_falls_from_that_of_the_joint_training(patterns):
    settings = SMALL | TRAINING | {"iterations": 20, "t_joint": 2.0, "t_min": 0.5}
    temperatures = HONE(**settings).fit(patterns[0]).history_["temperature"]
    assert temperatures == pytest.approx([1.0, 0.5])


def test_convolutional_networks_keep_the_shape_of_images(images):
    x = images + np.random.default_rng(0).uniform(0, 0.1, images.shape).astype("float32")
    brief = {"pretrain_iterations": 3, "map_iterations": 3, "iterations": 3, "augmentation": 1.0}
    hone = HONE(**SMALL | brief | {"hidden_units": (2, 3)}, network="convolutional").fit(x)
    assert hone.transform(x).shape == (200, 2)
    assert hone.decode(hone.cluster_centers_).shape == (6, 64)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"network": "convolutional"}, "square images"),
        ({"augmentation": 1.0}, "square images"),
        ({"neighbors": 600}, "neighbors is 600"),
        ({"t_joint": 0.1}, "t_joint is 0.1"),
        ({"map_size": (3, 2), "topology": "hexagonal", "toroidal": True}, "even number of rows"),
    ],
)
def test_what_cannot_be_is_refused(changes, words, patterns):
    assert words in refusal(HONE(**SMALL | changes).fit, patterns[0])
