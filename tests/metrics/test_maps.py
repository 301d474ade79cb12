"""Every metric of a map against slow loops over its definition, by hand, and at its extremes."""

import itertools
import tracemalloc
from math import dist, exp, log, sqrt

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist
from sklearn.manifold import trustworthiness as sklearn_trustworthiness

from desom import metrics
from desom.errors import InputError
from desom.grid import TOPOLOGIES, grid_distances

few = settings(max_examples=25, deadline=None)
seeds = st.integers(0, 2**32 - 1)


# The U-matrix and paths

GRIDS = [(topology, toroidal) for topology in TOPOLOGIES for toroidal in (False, True)]


def slow_u_matrix(prototypes, distances):
    means = []
    for a, near in zip(prototypes, distances, strict=True):
        lengths = [dist(a, b) for b, steps in zip(prototypes, near, strict=True) if steps == 1]
        means.append(sum(lengths) / len(lengths))
    return means


@pytest.mark.parametrize(("topology", "toroidal"), GRIDS)
def test_the_u_matrix_is_the_mean_distance_to_the_neighbors(topology, toroidal):
    prototypes = random_map(0, map_size=(4, 3))[1]
    distances = grid_distances((4, 3), topology, toroidal)
    expected = slow_u_matrix(prototypes.tolist(), distances.tolist())
    assert np.allclose(metrics.u_matrix(prototypes, distances), expected)


def test_a_unit_without_neighbors_has_no_height():
    assert np.isnan(metrics.u_matrix([[1.0, 2.0]], [[0]])).all()


@pytest.mark.parametrize(("topology", "toroidal"), GRIDS)
def test_a_path_is_the_shortest_of_neighboring_steps(topology, toroidal):
    prototypes = random_map(0, map_size=(4, 3))[1]
    distances = grid_distances((4, 3), topology, toroidal)
    path = metrics.path_on_map(prototypes, distances, 1, 11)
    length = np.linalg.norm(np.diff(prototypes[path], axis=0), axis=1).sum()
    assert (path[0], path[-1]) == (1, 11)
    assert all(distances[k, m] == 1 for k, m in itertools.pairwise(path))
    assert length == pytest.approx(slow_path_lengths(prototypes, distances)[1][11])


def test_a_path_may_stand_still_or_pass_equal_prototypes():
    prototypes, distances = np.zeros((12, 2)), grid_distances((4, 3))
    assert metrics.path_on_map(prototypes, distances, 3, 3).tolist() == [3]
    assert len(metrics.path_on_map(prototypes, distances, 0, 11)) >= 6


def test_regions_of_a_class_are_pieces_of_the_map():
    owners = [
        [0, 0, 1, 0],
        [0, 2, 1, 0],
        [1, 2, -1, 2],
    ]
    counts = np.zeros((12, 4), dtype=int)
    for unit, owner in enumerate(np.ravel(owners)):
        if owner >= 0:
            counts[unit, owner] = 5
            counts[unit, 3] = 4  # a class that is the majority nowhere
    assert metrics.class_regions(counts, grid_distances((3, 4))).tolist() == [2, 2, 2, 0]
    assert metrics.class_regions(counts, grid_distances((3, 4), toroidal=True))[0] == 1


def slow_scatter(counts, distances):
    """Flood every unit that holds a point of a class from the first one left, until none is."""
    pieces = 0
    for members in zip(*counts, strict=True):
        left = {unit for unit, n in enumerate(members) if n}
        while left:
            pieces, flooded = pieces + 1, [left.pop()]
            while flooded:
                near = {u for u in left if distances[flooded[-1]][u] == 1}
                flooded = flooded[:-1] + sorted(near)
                left -= near
    return pieces / len(counts[0])


@few
@given(seeds, st.sampled_from(GRIDS))
def test_class_scatter_equals_a_flood(seed, grid):
    counts = np.random.default_rng(seed).poisson(0.5, (12, 3))
    distances = grid_distances((4, 3), *grid)
    expected = slow_scatter(counts.tolist(), distances.tolist())
    assert metrics.class_scatter_index(counts, distances) == pytest.approx(expected)


def test_a_stray_point_scatters_a_class_but_makes_no_region():
    counts = np.array([[5, 0], [5, 0], [1, 5], [0, 5], [1, 5]])
    chain = grid_distances((1, 5))
    assert metrics.class_regions(counts, chain).tolist() == [1, 1]
    assert metrics.class_scatter_index(counts, chain) == 1.5


def test_units_without_points_are_not_used():
    assert (metrics.units_used([3, 0, 2, 0]), metrics.smallest_unit([3, 0, 2, 0])) == (2, 0)
    assert (metrics.units_used([3, 7, 2]), metrics.smallest_unit([3, 7, 2])) == (3, 2)
    for count in (metrics.units_used, metrics.smallest_unit):
        with pytest.raises(InputError, match="members of shape"):
            count([[1, 2]])
        with pytest.raises(InputError, match=r"members of type float64 .* integers"):
            count([0.5, 2])


# Whether neighbors of a unit are neighbors


def slow_topographic_product(prototypes, distances):
    """By its definition, averaged over all ways to break the ties of either order."""
    units, total = range(len(prototypes)), 0.0
    for j in units:
        near = [dist(prototypes[j], prototype) for prototype in prototypes]

        def orders(lengths, j=j):
            others = itertools.permutations(k for k in units if k != j)
            return {tuple(sorted(order, key=lambda k: lengths[k])) for order in others}

        cases = list(itertools.product(orders(distances[j]), orders(near)))
        for on_map, in_space in cases:
            q = 1.0
            for n, (a, b) in enumerate(zip(on_map, in_space, strict=True), start=1):
                q *= near[a] / near[b] * distances[j][a] / distances[j][b]
                total += log(q ** (1 / (2 * n))) / len(cases)
    return total / (len(units) * (len(units) - 1))


@pytest.mark.parametrize("map_size", [(2, 3), (1, 5)])
@pytest.mark.parametrize("seed", range(3))
def test_topographic_product_is_the_mean_over_every_way_to_break_ties(seed, map_size):
    _, prototypes, distances = random_map(seed, map_size=map_size)
    expected = slow_topographic_product(prototypes.tolist(), distances.tolist())
    assert metrics.topographic_product(prototypes, distances) == pytest.approx(expected)


def test_topographic_product_tells_folds_from_stretches():
    square = np.random.default_rng(0).normal(scale=1e-3, size=(36, 2))
    square += np.indices((6, 6)).reshape(2, -1).T
    snake = np.arange(36).reshape(6, 6)
    snake[1::2] = snake[1::2, ::-1]
    chain, sheet = grid_distances((1, 36)), grid_distances((6, 6))
    line = np.arange(36.0)[:, None]
    folded = metrics.topographic_product(square[np.argsort(snake.ravel())], chain)
    stretched = metrics.topographic_product(line + 0.01 * square[:, :1], sheet)
    assert folded < -0.05 < metrics.topographic_product(square, sheet) < 0.05 < stretched
    assert metrics.topographic_product(square, cdist(square, square)) == 0


def test_topographic_product_is_computed_in_blocks_and_unknown_for_equal_prototypes():
    prototypes = np.random.default_rng(0).normal(size=(800, 2))
    distances = grid_distances((20, 40))
    tracemalloc.start()
    try:
        value = metrics.topographic_product(prototypes, distances)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # In halves of the coordinates it is the same: no unit of length is in it.
    assert metrics.topographic_product(prototypes / 2, distances) == pytest.approx(value)
    assert peak < 80e6
    assert np.isnan(metrics.topographic_product(np.zeros((6, 2)), grid_distances((2, 3))))
    assert metrics.topographic_product([[1.0]], [[0]]) == 0


def slow_topographic_function(x, prototypes, distances, steps):
    touching = set()
    for point in x:
        order = sorted(range(len(prototypes)), key=lambda k: dist(point, prototypes[k]))
        touching |= {(order[0], order[1]), (order[1], order[0])}
    return sum(distances[a][b] > steps for a, b in touching) / len(prototypes)


@few
@given(seeds, st.sampled_from([(3, 4), (1, 6)]), st.integers(0, 6))
def test_topographic_function_equals_slow_loops(seed, map_size, steps):
    x, prototypes, distances = random_map(seed, map_size=map_size)
    value = metrics.topographic_function(x, prototypes, distances, steps)
    assert value == pytest.approx(slow_topographic_function(x, prototypes, distances, steps))


def test_no_cell_touches_a_far_one_on_an_ordered_map():
    x, prototypes = np.linspace(0, 5, 99)[:, None], np.arange(6.0)[:, None]
    assert metrics.topographic_function(x, prototypes, grid_distances((1, 6)), 0) == 10 / 6
    assert metrics.topographic_function(x, prototypes, grid_distances((1, 6))) == 0
    assert metrics.topographic_function(x, prototypes, grid_distances((3, 2))) > 0


# Whether distances are kept


@few
@given(seeds)
def test_distances_of_pairs_are_compared_as_slow_loops_do(seed):
    x, prototypes, distances = random_map(seed)
    bmus = cdist(x, prototypes).argmin(axis=1)
    pairs = list(itertools.combinations(range(len(x)), 2))
    in_space = [dist(x[i], x[j]) for i, j in pairs]
    on_map = [distances[bmus[i]][bmus[j]] for i, j in pairs]
    both = list(zip(in_space, on_map, strict=True))
    squares = [(a / max(in_space) - b / max(on_map)) ** 2 for a, b in both]
    product, error = sum(a * b for a, b in both) / len(pairs), sum(squares) / len(pairs)
    assert metrics.c_measure(x, bmus, distances) == pytest.approx(product)
    assert metrics.kruskal_shepard_error(x, bmus, distances) == pytest.approx(error)


def test_a_map_that_keeps_distances_has_no_error_and_one_that_falls_together_has():
    x = np.cumsum(np.linspace(1.0, 2.0, 30))[:, None]
    faithful, collapsed = cdist(x, x), np.zeros((30, 30))
    assert metrics.kruskal_shepard_error(x, np.arange(30), 3 * faithful) == pytest.approx(0)
    squares = (faithful[np.triu_indices(30, 1)] / faithful.max()) ** 2
    error = metrics.kruskal_shepard_error(x, np.arange(30), collapsed)
    assert error == pytest.approx(squares.mean())
    shuffled = np.random.default_rng(0).permutation(30)
    measure = metrics.c_measure
    assert measure(x, shuffled, faithful) < measure(x, np.arange(30), faithful)


@pytest.mark.parametrize("measure", [metrics.c_measure, metrics.kruskal_shepard_error])
def test_the_seed_draws_the_pairs_and_matters_only_to_large_data(measure):
    x, prototypes, distances = random_map(0, n_samples=100)
    arguments = x, cdist(x, prototypes).argmin(axis=1), distances
    assert measure(*arguments, 50, 3) == measure(*arguments, 50, 3) != measure(*arguments, 50, 4)
    assert measure(*arguments, 100, 3) == pytest.approx(measure(*arguments, 200, 4))


# How sharp the pictures are


def slow_sharpness(images):
    """Differences of the two neighbors of a pixel, over their distance, in either direction."""
    total = n = 0
    for image in images:
        rows, columns = len(image), len(image[0])
        for r, c in itertools.product(range(rows), range(columns)):
            up, down = max(r - 1, 0), min(r + 1, rows - 1)
            left, right = max(c - 1, 0), min(c + 1, columns - 1)
            along = (image[down][c] - image[up][c]) / (down - up) if rows > 1 else 0
            across = (image[r][right] - image[r][left]) / (right - left) if columns > 1 else 0
            total, n = total + sqrt(along**2 + across**2), n + 1
    return total / n


@pytest.mark.parametrize("shape", [(4, 5), (1, 6), (6, 1)])
def test_sharpness_equals_slow_loops(shape):
    rng = np.random.default_rng(0)
    prototypes, images = rng.random((3, *shape)), rng.random((900, *shape))
    value = metrics.sharpness_ratio(prototypes.reshape(3, -1), images.reshape(900, -1), shape)
    assert value == pytest.approx(slow_sharpness(prototypes) / slow_sharpness(images))


def test_a_mean_of_images_is_blurred_and_flat_images_have_no_sharpness():
    x = np.random.default_rng(0).random((50, 64))
    assert metrics.sharpness_ratio(x, x, (8, 8)) == 1
    assert metrics.sharpness_ratio(x.reshape(5, 10, 64).mean(axis=1), x, (8, 8)) < 0.5
    assert metrics.sharpness_ratio(2 * x, x, (8, 8)) == pytest.approx(2)
    assert np.isnan(metrics.sharpness_ratio(np.ones((2, 4)), np.ones((3, 4)), (2, 2)))


# Quantization and topography


def random_map(seed, n_samples=40, map_size=(3, 4), n_features=3):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n_samples, n_features))
    prototypes = rng.normal(size=(map_size[0] * map_size[1], n_features))
    return x, prototypes, grid_distances(map_size)


def slow_path_lengths(prototypes, distances):
    """Floyd and Warshall's algorithm, on the edges between adjacent units."""
    units = range(len(prototypes))
    lengths = [[float("inf")] * len(units) for _ in units]
    for a, b in itertools.product(units, units):
        if a == b:
            lengths[a][b] = 0.0
        elif distances[a][b] == 1:
            lengths[a][b] = dist(prototypes[a], prototypes[b])
    for via, a, b in itertools.product(units, units, units):
        lengths[a][b] = min(lengths[a][b], lengths[a][via] + lengths[via][b])
    return lengths


def slow_map_errors(x, prototypes, distances, temperature):
    paths = slow_path_lengths(prototypes, distances)
    quantization = topographic = combined = distortion = 0.0
    for point in x:
        order = sorted(range(len(prototypes)), key=lambda k: dist(point, prototypes[k]))
        first, second = order[:2]
        nearest = dist(point, prototypes[first])
        quantization += nearest
        topographic += distances[first][second] > 1
        combined += nearest + paths[first][second]
        for k, prototype in enumerate(prototypes):
            weight = exp(-((distances[first][k] / temperature) ** 2))
            distortion += weight * dist(point, prototype) ** 2
    return [total / len(x) for total in (quantization, topographic, combined, distortion)]


@few
@given(seeds, st.sampled_from([(3, 4), (1, 6), (2, 2)]), st.floats(0.3, 5))
def test_map_errors_equal_slow_loops(seed, map_size, temperature):
    x, prototypes, distances = random_map(seed, map_size=map_size)
    expected = slow_map_errors(x, prototypes, distances, temperature)
    assert metrics.quantization_error(x, prototypes) == pytest.approx(expected[0])
    assert metrics.topographic_error(x, prototypes, distances) == pytest.approx(expected[1])
    assert metrics.combined_error(x, prototypes, distances) == pytest.approx(expected[2])
    value = metrics.distortion(x, prototypes, distances, temperature)
    # JAX knows no double precision unless it is asked for; the weights come from the backend.
    tolerance = 1e-6 if keras.backend.backend() == "jax" else 1e-11
    assert value == pytest.approx(expected[3], rel=tolerance)


def test_hand_computed_map_errors():
    prototypes = [[0.0, 0.0], [4.0, 0.0], [4.0, 3.0], [0.0, 3.0]]
    distances = grid_distances((1, 4))
    x = [[0.0, 1.0], [4.0, -1.0]]
    assert metrics.quantization_error(x, prototypes) == pytest.approx(1)
    # The first point lies between the two ends of the map, the second beside units 1 and 2.
    assert metrics.topographic_error(x, prototypes, distances) == pytest.approx(1 / 2)
    assert metrics.combined_error(x, prototypes, distances) == pytest.approx(
        ((1 + 4 + 3 + 4) + (1 + 3)) / 2
    )
    near, far, farthest = exp(-1), exp(-4), exp(-9)
    first = 1 + 17 * near + 20 * far + 4 * farthest
    second = near * 17 + 1 + near * 16 + far * 32
    assert metrics.distortion(x, prototypes, distances, 1.0) == pytest.approx((first + second) / 2)


def test_diagonal_neighbors_are_not_adjacent():
    prototypes = [[0.0], [10.0], [20.0], [1.0]]  # units 0 and 3 touch at a corner of the 2 x 2 map
    assert metrics.topographic_error([[0.2]], prototypes, grid_distances((2, 2))) == 1


@pytest.mark.parametrize("order, error", [([0, 1, 2, 3, 4], 0.0), ([0, 2, 4, 1, 3], 1.0)])
def test_topographic_error_of_perfect_and_worst_order(order, error):
    prototypes = np.array(order, dtype=float)[:, None]
    x = np.linspace(0.1, 3.9, 50)[:, None]
    assert metrics.topographic_error(x, prototypes, grid_distances((1, 5))) == error


def test_points_on_their_prototypes_have_no_error():
    _, prototypes, _ = random_map(0, n_features=50)
    assert metrics.quantization_error(1e4 + prototypes, 1e4 + prototypes) == 0
    line = np.arange(5.0)[:, None]
    assert metrics.combined_error(line, line, grid_distances((1, 5))) == pytest.approx(1)


def test_steps_between_identical_prototypes_are_free_but_exist():
    prototypes = [[0.0], [5.0], [5.0], [5.0], [1.0]]
    distances = grid_distances((1, 5))
    # The BMU is unit 0, the second unit 4: the way 0-1-2-3-4 is 5 + 0 + 0 + 4 long.
    assert metrics.combined_error([[0.25]], prototypes, distances) == pytest.approx(0.25 + 9)
    identical = np.ones((5, 2))
    assert metrics.combined_error(np.zeros((3, 2)), identical, distances) == pytest.approx(sqrt(2))


def test_a_map_of_one_unit():
    x, prototype = [[3.0, 4.0], [0.0, 0.0]], [[0.0, 0.0]]
    one = grid_distances((1, 1))
    assert metrics.quantization_error(x, prototype) == 2.5
    assert metrics.topographic_error(x, prototype, one) == 0
    assert metrics.combined_error(x, prototype, one) == 2.5
    assert metrics.distortion(x, prototype, one, 1.0) == pytest.approx(12.5)


def test_distortion_tends_to_its_limits_with_the_temperature():
    x, prototypes, distances = random_map(0)
    squared = cdist(x, prototypes) ** 2
    cold = metrics.distortion(x, prototypes, distances, 1e-3)
    hot = metrics.distortion(x, prototypes, distances, 1e6)
    assert cold == pytest.approx(squared.min(axis=1).mean())
    assert hot == pytest.approx(squared.sum(axis=1).mean())


def test_float32_points_far_from_the_origin_keep_their_distances():
    rng = np.random.default_rng(0)
    prototypes = (1000 + rng.normal(size=(12, 3))).astype("float32")
    x = (prototypes[rng.integers(0, 12, 50)] + 0.01).astype("float32")
    expected = slow_map_errors(x.tolist(), prototypes.tolist(), grid_distances((3, 4)), 0.8)
    scores = metrics.map_scores(x, prototypes, grid_distances((3, 4)), 0.8)
    assert list(scores.values())[:4] == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shift", [0.0, 1e3, 4.48e5, 1.7e9])
@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e12])
def test_the_place_of_the_origin_does_not_change_a_map_s_errors(shift, scale, dtype):
    x, prototypes, distances = random_map(0)
    x, prototypes = ((scale * (30 * a + shift)).astype(dtype) for a in (x, prototypes))
    points, units = x.astype(float).tolist(), prototypes.astype(float).tolist()
    expected = slow_map_errors(points, units, distances, 0.8)
    scores = metrics.map_scores(x, prototypes, distances, 0.8)
    # Points that a large shift makes equal leave the order of two units to chance.
    different = len(np.unique(x, axis=0)) == len(x)
    for value, right in list(zip(scores.values(), expected, strict=False))[: 4 if different else 1]:
        assert value == pytest.approx(right, rel=1e-6)


def test_two_tight_clouds_far_apart_keep_their_digits():
    rng = np.random.default_rng(0)
    clouds = np.array([[448_262.0, 5_411_932.0], [1e9, -1e9]])
    x = np.concatenate([cloud + rng.normal(size=(50, 2)) for cloud in clouds])
    prototypes = x[::10]
    expected = cdist(x, prototypes).min(axis=1).mean()
    assert metrics.quantization_error(x, prototypes) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("scale", [1e160, 1e-160])
def test_a_scale_beyond_double_precision_is_refused(scale):
    x, prototypes, distances = random_map(0)
    for call in (metrics.quantization_error, metrics.u_matrix):
        with pytest.raises(InputError, match="measure them in another unit"):
            call(
                *(scale * x, prototypes) if call is not metrics.u_matrix else (scale * x, distances)
            )


@pytest.mark.parametrize(("topology", "toroidal"), GRIDS)
def test_distances_that_are_computed_when_asked_for_give_the_same_scores(topology, toroidal):
    x, prototypes, _ = random_map(0, map_size=(4, 3))
    shape = (4, 3), topology, toroidal
    table, rows = grid_distances(*shape), metrics.GridDistances(*shape)
    assert np.array_equal(rows[np.arange(12)], table)
    assert metrics.map_scores(x, prototypes, rows, 0.9) == metrics.map_scores(
        x, prototypes, table, 0.9
    )
    assert np.array_equal(metrics.u_matrix(prototypes, rows), metrics.u_matrix(prototypes, table))
    ways = [metrics.path_on_map(prototypes, distances, 0, 11) for distances in (rows, table)]
    assert np.array_equal(*ways)
    counts = np.random.default_rng(0).integers(0, 9, (12, 3))
    regions = [metrics.class_regions(counts, distances) for distances in (rows, table)]
    assert np.array_equal(*regions)


@pytest.mark.slow
def test_a_large_map_never_holds_all_pairs_of_its_units():
    size = 60, 60
    x, prototypes, _ = random_map(0, n_samples=500, map_size=(1, 3600))
    distances = metrics.GridDistances(size)
    tracemalloc.start()
    try:
        scores = metrics.map_scores(x, prototypes, distances, 1.0, sample_size=100)
        metrics.u_matrix(prototypes, distances)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert 0 <= scores["topographic_error"] <= 1
    assert peak < 50e6 < 3600**2 * 8


def test_many_points_are_those_of_one_block():
    x, prototypes, distances = random_map(1, n_samples=100_000)  # three blocks
    lengths = cdist(x, prototypes)
    first, second = lengths.argsort(axis=1)[:, :2].T
    weights = np.exp(-((distances[first] / 0.7) ** 2))
    scores = metrics.map_scores(x, prototypes, distances, 0.7, sample_size=100)
    assert list(scores.values())[:4] == pytest.approx(
        [
            lengths.min(axis=1).mean(),
            np.mean(distances[first, second] > 1),
            metrics.combined_error(x, prototypes, distances),
            (weights * lengths**2).sum(axis=1).mean(),
        ],
        rel=1e-6,
    )


@pytest.mark.slow
def test_the_distances_of_all_points_are_never_held_at_once():
    x, prototypes, distances = random_map(0, n_samples=12_000, map_size=(40, 40))
    tracemalloc.start()
    try:
        metrics.map_scores(x, prototypes, distances, 1.0, sample_size=100)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 60e6 < x.shape[0] * len(prototypes) * 8


# Neighborhoods


def slow_rank_agreement(neighbor_distances, penalty_distances, k):
    """Trustworthiness by its definition, averaged over all ways to break the ties of every row."""

    def rankings(distances, i):
        others = [j for j in range(n) if j != i]
        orders = itertools.permutations(others)
        yield from (sorted(order, key=lambda j: distances[i][j]) for order in orders)

    n, total = len(neighbor_distances), 0.0
    for i in range(n):
        neighbor_sets = [set(ranking[:k]) for ranking in rankings(neighbor_distances, i)]
        penalties = [
            {j: rank - k for rank, j in enumerate(ranking, start=1) if rank > k}
            for ranking in rankings(penalty_distances, i)
        ]
        cases = itertools.product(neighbor_sets, penalties)
        sums = [sum(penalty.get(j, 0) for j in neighbors) for neighbors, penalty in cases]
        total += sum(sums) / len(sums)
    return 1 - 2 / (n * k * (2 * n - 3 * k - 1)) * total


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 1)), min_size=5, max_size=5),
    st.lists(st.integers(0, 3), min_size=5, max_size=5),
    st.integers(1, 2),
)
def test_ties_are_worth_their_mean_over_every_way_to_break_them(points, bmus, k):
    x, distances = np.array(points, dtype=float), grid_distances((2, 2))
    between_points, between_units = cdist(x, x), distances[np.ix_(bmus, bmus)]
    assert metrics.trustworthiness(x, bmus, distances, k) == pytest.approx(
        slow_rank_agreement(between_units, between_points, k)
    )
    assert metrics.neighborhood_preservation(x, bmus, distances, k) == pytest.approx(
        slow_rank_agreement(between_points, between_units, k)
    )


@pytest.mark.parametrize("k", [1, 5, 17])
def test_without_ties_both_measures_equal_scikit_learn(k):
    rng = np.random.default_rng(k)
    x, projected = rng.normal(size=(60, 4)), rng.normal(size=(60, 2))
    arguments = x, np.arange(60), cdist(projected, projected), k
    assert metrics.trustworthiness(*arguments) == pytest.approx(
        sklearn_trustworthiness(x, projected, n_neighbors=k)
    )
    assert metrics.neighborhood_preservation(*arguments) == pytest.approx(
        sklearn_trustworthiness(projected, x, n_neighbors=k)
    )


def test_ties_on_a_map_equal_the_mean_of_many_random_tie_breaks():
    rng = np.random.default_rng(0)
    x, bmus, distances = rng.normal(size=(40, 3)), rng.integers(0, 6, 40), grid_distances((2, 3))
    ranks = cdist(x, x).argsort(axis=1).argsort(axis=1)
    tied = distances[np.ix_(bmus, bmus)].astype(float)
    np.fill_diagonal(tied, np.inf)
    means = []
    for _ in range(2000):
        nearest = np.argsort(tied + rng.uniform(0, 0.5, tied.shape), axis=1)[:, :5]
        penalty = np.maximum(np.take_along_axis(ranks, nearest, axis=1) - 5, 0).sum()
        means.append(1 - 2 / (40 * 5 * (80 - 15 - 1)) * penalty)
    tolerance = 4 * np.std(means) / sqrt(len(means))
    value = metrics.trustworthiness(x, bmus, distances)
    assert value == pytest.approx(np.mean(means), abs=tolerance)
    assert tolerance < 2e-3


def test_hand_computed_trustworthiness():
    x, bmus = [[0.0], [1.0], [3.0], [7.0]], [0, 1, 1, 0]
    distances = grid_distances((1, 2))
    # k = 1, n = 4. On the map the neighbors are 0-3 and 1-2; among the points, 3 is third for 0,
    # 0 third for 3, 2 second for 1 and 1 first for 2: the penalties are 2, 2, 1 and 0.
    assert metrics.trustworthiness(x, bmus, distances, 1) == pytest.approx(1 - 2 / (4 * 4) * 5)
    # Among the points the neighbors are 0-1, 1-0, 2-1 and 3-2; 0-1 and 3-2 share ranks 2 and 3 of
    # the map with another sample, as does 1-0: a mean penalty of 1.5 each.
    value = metrics.neighborhood_preservation(x, bmus, distances, 1)
    assert value == pytest.approx(1 - 2 / (4 * 4) * 4.5)


def test_a_faithful_map_is_perfect():
    x = np.cumsum(np.linspace(1.0, 2.0, 30))[:, None]
    distances = cdist(x, x)
    assert metrics.trustworthiness(x, np.arange(30), distances) == 1
    assert metrics.neighborhood_preservation(x, np.arange(30), distances) == 1


def test_a_map_that_swaps_near_and_far_is_worst():
    # Two pairs far apart: on the map, each point is nearest to the farthest one.
    x = np.array([[0.0], [1.0], [10.0], [12.0]])
    farness = 20 - cdist(x, x)
    np.fill_diagonal(farness, 0)
    assert metrics.trustworthiness(x, np.arange(4), farness, 1) == pytest.approx(0)
    assert metrics.neighborhood_preservation(x, np.arange(4), farness, 1) == pytest.approx(0)


@few
@given(seeds, st.integers(1, 9))
def test_neighborhood_measures_are_shares_that_ignore_the_order_of_the_samples(seed, k):
    rng = np.random.default_rng(seed)
    x, bmus, distances = rng.integers(0, 4, (20, 2)), rng.integers(0, 6, 20), grid_distances((2, 3))
    order = rng.permutation(20)
    for measure in (metrics.trustworthiness, metrics.neighborhood_preservation):
        value = measure(x, bmus, distances, k)
        assert -1e-12 <= value <= 1
        assert measure(x[order], bmus[order], distances, k) == pytest.approx(value)


@pytest.mark.parametrize("measure", [metrics.trustworthiness, metrics.neighborhood_preservation])
def test_the_seed_draws_the_sample_and_matters_only_to_large_data(measure):
    x, prototypes, distances = random_map(0, n_samples=100)
    arguments = x, cdist(x, prototypes).argmin(axis=1), distances, 5
    assert measure(*arguments, 50, 3) == measure(*arguments, 50, 3) != measure(*arguments, 50, 4)
    assert measure(*arguments, 100, 3) == pytest.approx(measure(*arguments, 200, 4))


def test_sampled_points_keep_their_units_and_are_drawn_once():
    x = np.cumsum(np.linspace(1.0, 2.0, 60))[:, None]
    arguments = x, np.arange(60), cdist(x, x)
    # A point drawn twice would tie with itself, and a point with another's unit would be misplaced.
    assert metrics.trustworthiness(*arguments, sample_size=50) == 1
    assert metrics.neighborhood_preservation(*arguments, sample_size=50) == 1


# All together


def test_map_scores_equal_the_functions():
    x, prototypes, distances = random_map(2, n_samples=100)
    bmus = cdist(x, prototypes).argmin(axis=1)
    options = {"n_neighbors": 4, "sample_size": 60, "random_state": 1}
    assert metrics.map_scores(x, prototypes, distances, 0.9, **options) == {
        "quantization_error": metrics.quantization_error(x, prototypes),
        "topographic_error": metrics.topographic_error(x, prototypes, distances),
        "combined_error": metrics.combined_error(x, prototypes, distances),
        "distortion": metrics.distortion(x, prototypes, distances, 0.9),
        "trustworthiness": metrics.trustworthiness(x, bmus, distances, **options),
        "neighborhood_preservation": metrics.neighborhood_preservation(
            x, bmus, distances, **options
        ),
        "topographic_function": metrics.topographic_function(x, prototypes, distances),
        "c_measure": metrics.c_measure(x, bmus, distances, random_state=1),
        "kruskal_shepard_error": metrics.kruskal_shepard_error(x, bmus, distances, random_state=1),
    }


def test_scores_are_python_floats():
    scores = metrics.map_scores(*random_map(0), 1.0)
    scores |= metrics.clustering_scores([0, 1, 1], [0, 1, 0], 2)
    assert {type(score) for score in scores.values()} == {float}


# Bad input

X, M, D = np.zeros((6, 2)), np.zeros((4, 2)), grid_distances((2, 2))


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: metrics.quantization_error(X[0], M), r"x of shape \(2,\) .* \(any, any\)"),
        (lambda: metrics.quantization_error(X, M[:, :1]), r"prototypes .* must be \(any, 2\)"),
        (lambda: metrics.quantization_error(X + np.nan, M), "x holds NaN"),
        (lambda: metrics.quantization_error(X, M + np.inf), "prototypes holds NaN or infinite"),
        (lambda: metrics.quantization_error(X.astype(str), M), "x of type .* numbers"),
        (lambda: metrics.topographic_error(X, M, D[1:]), r"grid_distances of .* must be \(4, 4\)"),
        (lambda: metrics.combined_error(X, M, D[:3, :3]), r"grid_distances of shape \(3, 3\)"),
        (lambda: metrics.u_matrix(M, metrics.GridDistances((1, 3))), r"of shape \(3, 3\) .* 4"),
        (lambda: metrics.distortion(X, M, D, 0.0), "temperature = 0.0 .* positive"),
        (lambda: metrics.distortion(X, M, D, float("nan")), "temperature = nan .* positive"),
        (lambda: metrics.trustworthiness(X, [0] * 5, D, 1), r"bmus of shape \(5,\) .* \(6\)"),
        (lambda: metrics.trustworthiness(X, [4] * 6, D, 1), "bmus from 4 to 4 .* accepts 0 to 3"),
        (lambda: metrics.trustworthiness(X, [-1] * 6, D, 1), "bmus from -1 to -1"),
        (lambda: metrics.trustworthiness(X, [0] * 6, D[:3], 1), r"must be \(3, 3\)"),
        (lambda: metrics.trustworthiness(X, [0] * 6, D, 3), "n_neighbors = 3 .* 6 samples"),
        (lambda: metrics.trustworthiness(X, [0] * 6, D, 0), "n_neighbors = 0"),
        (lambda: metrics.trustworthiness(X, [0] * 6, D, 2, sample_size=4), "with 4 samples"),
        (lambda: metrics.neighborhood_preservation(X, [0] * 6, D, 3), "n_neighbors = 3"),
        (lambda: metrics.u_matrix([1.0, 2.0], np.zeros((2, 2))), r"prototypes of shape \(2,\)"),
        (lambda: metrics.u_matrix(M, D[:3, :3]), r"grid_distances .* must be \(4, 4\)"),
        (lambda: metrics.path_on_map(M, D, 0, 4), "0 to 3"),
        (lambda: metrics.c_measure(X[:1], [0], D), "x holds 1 point"),
        (lambda: metrics.kruskal_shepard_error(X, [4] * 6, D), "bmus from 4 to 4"),
        (lambda: metrics.topographic_function(X, M, D[1:]), r"grid_distances .* \(4, 4\)"),
        (lambda: metrics.topographic_product(M[0], D), r"prototypes of shape \(2,\)"),
        (lambda: metrics.class_scatter_index(np.ones((3, 2)), D), r"class_counts .* \(4, any\)"),
        (lambda: metrics.sharpness_ratio(M, X, (1, 3)), r"prototypes .* \(any, 3\)"),
        (lambda: metrics.sharpness_ratio(M, X[:, :1], (1, 2)), r"x of shape .* \(any, 2\)"),
        (lambda: metrics.map_scores(X, M, D, 1.0), "n_neighbors = 5 .* 6 samples"),
        (lambda: metrics.map_scores(X, M, D, -1.0), "temperature = -1.0"),
    ],
)
def test_bad_input_is_named_in_one_sentence(call, message):
    with pytest.raises(InputError, match=message) as error:
        call()
    assert str(error.value).endswith(".") and "\n" not in str(error.value)
