"""Each equation of the map against slow loops, its gradients, and what the layer never builds."""

from collections import deque
from math import exp

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from desom import Kerasom, metrics
from desom.grid import grid_coordinates, grid_distances
from desom.som import (
    SOMLayer,
    best_matching_units,
    neighborhood,
    neighborhood_weights,
    som_loss,
    squared_distances,
    temperature,
)
from helpers import ON_TENSORFLOW, gradients, value_and_gradients

few = settings(max_examples=25, deadline=None)
map_sizes = st.tuples(st.integers(1, 5), st.integers(1, 5))


def steps_on_lattice(map_size):
    """Count the steps from every unit to every other by walking over the lattice."""
    rows, columns = map_size
    steps = np.full((rows * columns, rows * columns), -1)
    for start in range(rows * columns):
        steps[start, start] = 0
        queue = deque([start])
        while queue:
            unit = queue.popleft()
            row, column = divmod(unit, columns)
            for r, c in (
                (row - 1, column),
                (row + 1, column),
                (row, column - 1),
                (row, column + 1),
            ):
                neighbor = r * columns + c
                if 0 <= r < rows and 0 <= c < columns and steps[start, neighbor] < 0:
                    steps[start, neighbor] = steps[start, unit] + 1
                    queue.append(neighbor)
    return steps


@pytest.fixture
def points():
    rng = np.random.default_rng(0)
    return rng.normal(size=(7, 3)).astype("float32"), rng.normal(size=(6, 3)).astype("float32")


def slow_squared_distances(z, prototypes):
    return np.array(
        [[sum((a - b) ** 2 for a, b in zip(p, m, strict=True)) for m in prototypes] for p in z]
    )


# The grid


def test_units_are_counted_row_by_row():
    assert grid_coordinates((2, 3)).tolist() == [[0, 0], [0, 1], [0, 2], [1, 0], [1, 1], [1, 2]]


def test_distances_on_a_map_of_two_by_three():
    assert grid_distances((2, 3)).tolist() == [
        [0, 1, 2, 1, 2, 3],
        [1, 0, 1, 2, 1, 2],
        [2, 1, 0, 3, 2, 1],
        [1, 2, 3, 0, 1, 2],
        [2, 1, 2, 1, 0, 1],
        [3, 2, 1, 2, 1, 0],
    ]


@few
@given(map_sizes)
def test_distances_count_the_steps_of_a_walk(map_size):
    assert np.array_equal(grid_distances(map_size), steps_on_lattice(map_size))


def test_diagonal_neighbors_are_two_steps_apart_in_both_directions():
    # The paper's published code takes |k - l| // columns for the distance between rows, which puts
    # the right end of a row one step from the left end of the next, and makes an anti-diagonal
    # shorter than a diagonal.
    distances = grid_distances((8, 8))
    unit = 3 * 8 + 4
    assert [distances[unit, unit + step] for step in (-9, -7, 7, 9)] == [2, 2, 2, 2]
    assert distances[7, 8] == 8


# The equations


def test_temperature_goes_from_t_max_exactly_to_t_min():
    assert temperature(0, 10_000, 10.0, 0.1) == 10.0
    assert temperature(10_000, 10_000, 10.0, 0.1) == pytest.approx(0.1, rel=1e-15)


def test_temperature_falls_by_the_same_factor_at_every_iteration():
    curve = np.array([temperature(i, 50, 8.0, 0.5) for i in range(51)])
    assert curve[1:] / curve[:-1] == pytest.approx(np.full(50, (0.5 / 8.0) ** (1 / 50)))


def test_temperature_is_the_same_for_a_tensor():
    got = temperature(keras.ops.convert_to_tensor(7.0), 50, 8.0, 0.5)
    assert float(got) == pytest.approx(temperature(7, 50, 8.0, 0.5), rel=1e-6)


def test_neighborhood_is_the_paper_s_gaussian():
    distances = np.arange(6, dtype="float32")
    expected = [exp(-(d**2) / 2.5**2) for d in range(6)]
    assert np.asarray(neighborhood(distances, 2.5)) == pytest.approx(expected, rel=1e-6)


def test_neighborhood_leaves_the_best_unit_alone_at_the_last_temperature():
    weights = np.asarray(neighborhood(np.arange(3, dtype="float32"), 0.1))
    assert weights[0] == 1
    assert weights[1:].max() < 1e-40


def test_squared_distances_are_sums_of_squared_differences(points):
    assert np.allclose(squared_distances(*points), slow_squared_distances(*points), atol=1e-5)


@few
@given(
    st.integers(1, 20), st.integers(1, 20), st.integers(1, 10), st.floats(1e-3, 1e3), st.integers(0)
)
def test_squared_distances_are_those_of_scipy(n, k, d, scale, seed):
    rng = np.random.default_rng(seed)
    z = (scale * rng.normal(size=(n, d))).astype("float32")
    prototypes = (scale * rng.normal(size=(k, d))).astype("float32")
    expected = cdist(z, prototypes, "sqeuclidean")
    assert np.allclose(
        squared_distances(z, prototypes), expected, rtol=1e-4, atol=1e-5 * scale**2 * d
    )


def test_squared_distances_are_never_negative():
    # On top of a prototype far from the origin, the expansion is a difference of large numbers.
    z = (1000 + np.random.default_rng(0).random((200, 10))).astype("float32")
    expansion = (z**2).sum(1)[:, None] - 2 * z @ z.T + (z**2).sum(1)
    assert expansion.min() < 0
    assert np.asarray(squared_distances(z, z)).min() == 0


def test_best_matching_unit_is_the_nearest_prototype(points):
    expected = [row.index(min(row)) for row in slow_squared_distances(*points).tolist()]
    assert np.asarray(best_matching_units(squared_distances(*points))).tolist() == expected


def test_weights_are_the_neighborhood_of_each_best_matching_unit():
    distances = grid_distances((2, 3)).astype("float32")
    bmus = np.array([5, 0, 2, 2])
    got = np.asarray(neighborhood_weights(distances[bmus], 1.5))
    for i, bmu in enumerate(bmus):
        for k in range(6):
            assert got[i, k] == pytest.approx(exp(-(distances[bmu, k] ** 2) / 1.5**2), rel=1e-6)


def test_loss_sums_over_units_and_averages_over_points():
    rng = np.random.default_rng(0)
    squared, weights = rng.random((4, 6)), rng.random((4, 6))
    slow = sum(weights[i, k] * squared[i, k] for i in range(4) for k in range(6)) / 4
    assert float(som_loss(squared, weights)) == pytest.approx(slow, rel=1e-6)


# Far from zero


@pytest.fixture(scope="module")
def clouds():
    """Two clouds in meters, as a map of the world has them, and the same without their place."""
    rng = np.random.default_rng(0)
    # Whole meters, so that both are exact in single precision.
    near = np.concatenate([c + rng.normal(scale=20, size=(150, 2)) for c in ((0, 0), (200, 90))])
    near = near.round().astype("float32")
    return near + np.float32([448_262, 5_411_932]), near


def fitted(X, **options):
    parameters = {"iterations": 300, "learning_rate": 0.5, "t_max": 3.0, "random_state": 0}
    return Kerasom((4, 4), **parameters).fit(X, **options)


def test_a_map_of_data_far_from_zero_is_that_of_the_same_data_around_zero(clouds):
    (far, near), kept = clouds, []
    estimator = fitted(far, callback=lambda som, iteration: kept.append(som.cluster_centers_))
    centered = fitted(near - near.mean(axis=0))
    for one in (estimator, centered):
        assert len(np.unique(one.labels_)) > 8
    # The last digit of a number like 5,411,932 is half a meter.
    moved = centered.cluster_centers_ + far.astype(float).mean(axis=0)
    assert np.abs(estimator.cluster_centers_ - moved).max() < 2
    assert estimator.history_["loss"] == pytest.approx(centered.history_["loss"], rel=1e-2)
    assert np.array_equal(estimator.predict(far), estimator.labels_)
    assert np.abs(np.array(kept) - far.mean(axis=0)).max() < 400
    assert np.array_equal(estimator.model_.som.prototypes, estimator.cluster_centers_)


def test_errors_of_that_map_are_those_around_zero(clouds):
    far, near = clouds
    errors = [
        metrics.quantization_error(X, fitted(X).cluster_centers_)
        for X in (far, near - near.mean(axis=0))
    ]
    assert errors[0] == pytest.approx(errors[1], rel=0.05)


def test_data_around_zero_are_trained_as_they_are(trained_with, blobs):
    assert np.shares_memory(fitted(blobs[0]) and trained_with["x"], blobs[0])


# The layer


@pytest.fixture
def layer(points):
    """A map of two by three at iteration 7 of 20."""
    layer = SOMLayer((2, 3), t_max=4.0, t_min=0.5, iterations=20)
    layer.build((None, 3))
    layer.prototypes.assign(points[1])
    layer.iteration.assign(7)
    return layer


def fixed_weights(z, prototypes):
    t = 4.0 * (0.5 / 4.0) ** (7 / 20)
    bmus = slow_squared_distances(z, prototypes).argmin(axis=1)
    return np.exp(-(steps_on_lattice((2, 3))[bmus] ** 2) / t**2)


def test_layer_s_loss_is_the_paper_s(layer, points):
    slow = (fixed_weights(*points) * slow_squared_distances(*points)).sum(axis=1).mean()
    assert float(layer.loss(layer(points[0]))) == pytest.approx(slow, rel=1e-5)


def test_layer_s_temperature_follows_its_iteration(layer):
    for iteration, expected in ((0, 4.0), (7, 4.0 * 0.125**0.35), (20, 0.5)):
        layer.iteration.assign(iteration)
        assert float(layer.temperature()) == pytest.approx(expected, rel=1e-6)


def test_gradients_are_those_of_a_loss_whose_weights_are_fixed(layer, points):
    z, prototypes = points
    variable = keras.Variable(z)
    by_z, by_prototypes = gradients(
        lambda: layer.loss(layer(variable.value)), [variable, layer.prototypes]
    )

    w = fixed_weights(z, prototypes)
    slow_by_z, slow_by_prototypes = np.zeros_like(z), np.zeros_like(prototypes)
    for i in range(len(z)):
        for k in range(len(prototypes)):
            slow_by_z[i] += 2 * w[i, k] * (z[i] - prototypes[k]) / len(z)
            slow_by_prototypes[k] += 2 * w[i, k] * (prototypes[k] - z[i]) / len(z)
    assert np.allclose(by_z, slow_by_z, atol=1e-5)
    assert np.allclose(by_prototypes, slow_by_prototypes, atol=1e-5)


def test_no_gradient_flows_through_the_weights():
    z, prototypes = np.float32([[0.2], [0.9]]), np.float32([[0], [1]])

    def loss(z, prototypes, distances, t):
        # A term with a gradient, for PyTorch does not differentiate what has none.
        weights = neighborhood_weights(distances, t)
        return som_loss(squared_distances(z, prototypes), weights)

    distances, t = np.float32([[0, 1], [1, 0]]), np.float32(1.5)
    _, *through, by_distances, by_t = value_and_gradients(loss, z, prototypes, distances, t)
    assert all(gradient is not None for gradient in through)
    assert by_distances is None and by_t is None


@ON_TENSORFLOW
def test_no_tensor_has_an_entry_for_each_point_unit_and_feature():
    # Primes, so that no other product of sizes is theirs by chance.
    n, map_size, d = 37, (5, 7), 11
    layer = SOMLayer(map_size, t_max=4.0, t_min=0.5, iterations=20)
    layer.build((None, d))

    @tf.function
    def loss_and_gradients(z):
        with tf.GradientTape() as tape:
            tape.watch(z)
            loss = layer.loss(layer(z))
        return loss, tape.gradient(loss, [z, layer.prototypes.value])

    graph = loss_and_gradients.get_concrete_function(tf.TensorSpec((n, d))).graph
    shapes = [output.shape for op in graph.get_operations() for output in op.outputs]
    assert all(shape.is_fully_defined() for shape in shapes)
    assert tf.TensorShape((n, 35)) in shapes
    assert max(shape.num_elements() for shape in shapes) <= max(n * 35, 35 * 35, n * d)


def test_layer_survives_its_configuration(layer):
    copy = SOMLayer.from_config(layer.get_config())
    assert (copy.map_size, copy.t_max, copy.t_min, copy.iterations) == ((2, 3), 4.0, 0.5, 20)
