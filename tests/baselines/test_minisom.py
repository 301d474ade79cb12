"""MiniSom's map against Kohonen's rule in loops, and its parameters."""

import numpy as np
import pytest
from minisom import MiniSom

from desom.baselines.minisom import Minisom
from desom.errors import InputError


def kohonen(x, prototypes, order, sigma, learning_rate, decay):
    """Present the samples in the given order; prototypes are a nested list, rows and columns."""
    rows, columns, n_features = prototypes.shape
    for t, sample in enumerate(x[order].astype(float)):
        progress = t / len(order)
        eta = learning_rate * (1 - progress if decay == "linear" else 1 / (1 + 2 * progress))
        width = sigma / (1 + 2 * progress)
        units = [(row, column) for row in range(rows) for column in range(columns)]
        winner = min(units, key=lambda unit: np.sum((prototypes[unit] - sample) ** 2))
        for unit in units:
            squared = (unit[0] - winner[0]) ** 2 + (unit[1] - winner[1]) ** 2
            weight = np.exp(-squared / (2 * width**2))
            for j in range(n_features):
                prototypes[unit][j] += eta * weight * (sample[j] - prototypes[unit][j])
    return prototypes.reshape(-1, n_features)


@pytest.mark.parametrize("decay", ["asymptotic", "linear"])
@pytest.mark.parametrize("iterations", [7, 150])
def test_prototypes_follow_kohonen_s_rule(decay, iterations, blobs):
    x = blobs[0]
    settings = {"sigma": 1.3, "learning_rate": 0.4, "decay": decay}
    estimator = Minisom((2, 3), **settings, iterations=iterations, random_state=5).fit(x)

    # The package draws the weights when it makes the map, then shuffles, with one generator.
    seed = np.random.RandomState(5).randint(2**31 - 1)
    twin = MiniSom(2, 3, 5, sigma=1.3, random_seed=seed)
    order = np.arange(iterations) % len(x)
    weights = twin.get_weights().copy()
    twin._random_generator.shuffle(order)

    expected = kohonen(x, weights, order, **settings)
    assert np.allclose(estimator.cluster_centers_, expected, rtol=1e-5, atol=1e-6)


def test_prototypes_start_as_random_unit_vectors(blobs):
    # The first step of so narrow a neighborhood, so short, moves nothing that float32 could hold.
    settings = {"sigma": 0.1, "learning_rate": 1e-9, "iterations": 1}
    prototypes = Minisom((5, 5), **settings, random_state=0).fit(blobs[0]).cluster_centers_
    assert np.allclose(np.linalg.norm(prototypes, axis=1), 1, atol=1e-6)
    assert len(np.unique(prototypes, axis=0)) == 25


def test_whole_step_to_the_last_sample_is_taken(blobs):
    x = blobs[0]
    settings = {"sigma": 1e-3, "learning_rate": 1.0, "decay": "asymptotic", "iterations": 1}
    prototypes = Minisom((2, 2), **settings, random_state=0).fit(x).cluster_centers_
    distances = np.linalg.norm(x[:, None] - prototypes, axis=2)
    # In the one iteration, the first sample took its winner along.
    assert distances[0].min() == pytest.approx(0, abs=1e-6)
    assert np.sum(np.isclose(np.linalg.norm(prototypes, axis=1), 1, atol=1e-5)) == 3


@pytest.mark.parametrize(
    ("name", "value", "accepted"),
    [
        ("sigma", 0, r"range \[1e-100"),
        ("sigma", float("nan"), r"range \[1e-100"),
        ("learning_rate", 0, r"range \(0"),
        ("learning_rate", 1.01, r"1\.0\]"),
        ("decay", "exponential", "'(asymptotic|linear)'"),
        ("iterations", 0, r"range \[1"),
        ("map_size", (2,), "two integers"),
        ("map_size", 4, "tuple"),
    ],
)
def test_bad_parameter_is_refused(name, value, accepted, blobs):
    with pytest.raises(ValueError, match=f"{name}.*{accepted}"):
        Minisom(**{name: value}).fit(blobs[0])


def test_largest_rate_keeps_prototypes_among_the_points(blobs):
    settings = {"learning_rate": 1.0, "sigma": 3.0, "iterations": 500}
    prototypes = Minisom((2, 3), **settings, random_state=0).fit(blobs[0]).cluster_centers_
    assert np.abs(prototypes).max() <= np.abs(blobs[0]).max()


def test_refusal_is_an_input_error_for_the_command_line(blobs):
    with pytest.raises(InputError):
        Minisom().fit(blobs[0][:10])
