"""How friendly a latent space is to a map, against spaces whose answer is known."""

import numpy as np
import pytest

from desom.errors import InputError
from desom.grid import grid_coordinates, grid_distances
from desom.metrics import GridDistances
from desom.metrics.latent import (
    active_share,
    decoded_walks,
    order,
    participation_ratio,
    quantization_share,
    relative_margin,
    spread,
    two_nn_dimension,
)

SIZE = (4, 5)
SHEET = grid_coordinates(SIZE)
GRID = grid_distances(SIZE)
ROWS = GridDistances(SIZE)
PAIRS = 4 * 4 + 3 * 5


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def embedded(points, n_features, rng):
    """Rotate points into a space of more features, where their distances are the same."""
    rotation, _ = np.linalg.qr(rng.normal(size=(n_features, n_features)))
    return points @ rotation[: points.shape[1]]


@pytest.mark.parametrize("dimension", [1, 2, 5])
def test_two_nn_finds_the_dimension_of_an_even_cloud(dimension, rng):
    points = embedded(rng.random((2000, dimension)), 10, rng)
    assert two_nn_dimension(points) == pytest.approx(dimension, rel=0.12)
    assert two_nn_dimension(1e-3 * points + 5) == pytest.approx(two_nn_dimension(points), rel=1e-3)


def test_two_nn_sees_a_curved_sheet_where_the_participation_ratio_sees_its_room(rng):
    angle = 3 * np.pi * rng.random(3000)
    points = np.stack([angle * np.cos(angle), angle * np.sin(angle), 10 * rng.random(3000)], axis=1)
    assert two_nn_dimension(points) == pytest.approx(2, rel=0.1)
    assert participation_ratio(points) > 2.5


def test_two_nn_is_the_formula_where_it_can_be_done_by_hand():
    # Ratios r2 / r1 of 0, 1, 3 and 7 on a line: 3, 2, 3/2, 3/2.
    expected = 3 / np.log(3 * 2 * 1.5 * 1.5)
    assert two_nn_dimension([[0.0], [1], [3], [7]]) == pytest.approx(expected)
    assert two_nn_dimension([[0.0], [1], [1], [3], [7], [7]]) == pytest.approx(expected)


def test_two_nn_needs_three_points():
    with pytest.raises(InputError, match="2 different points have no dimension"):
        two_nn_dimension([[0.0], [1], [1]])


def test_participation_ratio_counts_even_directions():
    corners = np.concatenate([np.eye(6)[:4], -np.eye(6)[:4]])
    assert participation_ratio(corners) == pytest.approx(4)
    assert participation_ratio(corners[:, :1]) == 1
    assert participation_ratio(corners * [1, 0, 0, 0, 0, 0]) == 1


def test_order_is_that_of_the_sheet(rng):
    flat = embedded(SHEET, 6, rng)
    assert order(flat, GRID) > 0.9
    assert order(7 * flat + 1, GRID) == pytest.approx(order(flat, GRID), abs=0.01)
    shuffled = [order(rng.permutation(flat), GRID) for _ in range(50)]
    assert abs(np.mean(shuffled)) < 0.1
    line = np.arange(9.0)[:, None]
    assert order(line, grid_distances((1, 9))) == pytest.approx(1)
    assert order(np.abs(line - 4), grid_distances((1, 9))) < 0.5


def test_quantization_share_is_what_is_left_of_the_variance():
    points = np.array([[0.0, 0], [2, 0], [10, 0], [12, 0]])
    assert quantization_share(points, points[::-1]) == 0
    assert quantization_share(points, points.mean(axis=0, keepdims=True)) == 1
    assert quantization_share(points, [[1.0, 0], [11, 0]]) == pytest.approx(4 / (4 + 100))
    assert quantization_share(points, [[50.0, 0]]) > 1


@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e12])
def test_measures_of_a_space_do_not_depend_on_its_origin_and_unit(scale, rng):
    """In 20 dimensions, where neighbors are searched for by products of matrices."""
    points, prototypes = embedded(rng.random((300, 2)), 20, rng), embedded(SHEET / 4, 20, rng)
    far_points, far_prototypes = (scale * (a + 1e7) for a in (points, prototypes))
    for measure in (two_nn_dimension, participation_ratio):
        assert measure(far_points) == pytest.approx(measure(points), rel=1e-4)
    expected = quantization_share(points, prototypes)
    assert quantization_share(far_points, far_prototypes) == pytest.approx(expected, rel=1e-6)
    assert order(far_prototypes, GRID) == pytest.approx(order(prototypes, GRID), abs=1e-2)


def test_order_of_a_large_map_is_that_of_a_sample_of_its_units(rng):
    size = 60, 60
    sheet = grid_coordinates(size) + rng.normal(scale=5, size=(3600, 2))
    drawn = [order(sheet, GridDistances(size), n, 1) for n in (500, 500, 1000)]
    assert drawn[0] == drawn[1] == pytest.approx(drawn[2], abs=0.02)


def test_walks_are_the_same_by_rows_of_the_distances(rng):
    decoder = rng.normal(size=(2, 7)).astype(np.float32)
    walks = [decoded_walks(lambda z: np.tanh(z @ decoder), SHEET, d) for d in (GRID, ROWS)]
    assert all(np.array_equal(walks[0][name], walks[1][name]) for name in walks[0])


def test_quantization_share_of_many_points():
    points = np.random.default_rng(0).normal(size=(300_000, 2))
    assert quantization_share(points, np.zeros((3, 2))) == pytest.approx(1, abs=1e-4)


def test_walk_through_a_linear_decoder_is_straight_and_even(rng):
    decoder = rng.normal(size=(2, 7)).astype(np.float32)
    walks = decoded_walks(lambda z: z @ decoder, SHEET, GRID)
    assert walks.keys() == {"detour", "jump"}
    for ratios in walks.values():
        assert ratios.shape == (PAIRS,)
        assert np.allclose(ratios, 1, atol=1e-4)


def test_walk_is_longer_around_a_bend_and_jumps_at_a_threshold():
    pair, neighbors = np.array([[0.0], [1.0]]), grid_distances((1, 2))

    def half_circle(z):
        return np.concatenate([np.cos(np.pi * z), np.sin(np.pi * z)], axis=1)

    bent = decoded_walks(half_circle, pair, neighbors)
    assert bent["detour"] == pytest.approx([8 * np.sin(np.pi / 16)], rel=1e-4)
    assert bent["jump"] == pytest.approx([1], rel=1e-4)
    sudden = decoded_walks(lambda z: (z > 0.55).astype(np.float32), pair, neighbors)
    assert (sudden["detour"], sudden["jump"]) == (1, 8)
    still = decoded_walks(np.zeros_like, pair, neighbors)
    assert (still["detour"], still["jump"]) == (1, 1)
    coarse = decoded_walks(half_circle, pair, neighbors, n_steps=2)
    assert coarse["detour"] == pytest.approx([2 * np.sin(np.pi / 4)], rel=1e-4)


def test_map_of_one_unit_has_no_walks():
    walks = decoded_walks(lambda z: z, np.zeros((1, 2)), grid_distances((1, 1)))
    assert [ratios.shape for ratios in walks.values()] == [(0,), (0,)]


@pytest.mark.parametrize("measure", [order, lambda m, d: decoded_walks(None, m, d)])
@pytest.mark.parametrize("prototypes", [np.zeros((3, 2)), np.zeros(20)])
def test_sizes_that_do_not_agree_are_refused(measure, prototypes):
    with pytest.raises(InputError, match="cannot be used: it must be"):
        measure(prototypes, GRID)


def test_spread_is_a_distance_from_the_mean():
    assert spread([[0.0, 0], [6, 8]]) == pytest.approx(5)
    assert spread(np.ones((4, 3))) == 0


def test_margin_compares_the_two_nearest_prototypes(rng):
    prototypes = [[0.0], [4.0], [100.0]]
    assert relative_margin([[0.0], [4]], prototypes) == 1
    assert relative_margin([[2.0]], prototypes) == 0
    assert relative_margin([[1.0]], prototypes) == pytest.approx(1 - 1 / 3)
    points, centers = rng.normal(size=(30, 3)), rng.normal(size=(4, 3))
    slow = []
    for point in points:
        first, second, *_ = sorted(np.linalg.norm(point - center) for center in centers)
        slow.append(1 - first / second)
    assert relative_margin(points, centers) == pytest.approx(np.mean(slow))
    assert relative_margin(7 * points, 7 * centers) == pytest.approx(np.mean(slow))


def test_margin_of_equal_points_and_prototypes_is_none():
    assert relative_margin(np.ones((5, 2)), np.ones((3, 2))) == 0


def test_active_units_are_those_above_zero():
    assert active_share([[0.0, 1], [-1, 2], [0, 0], [3, 4]]) == 0.5
