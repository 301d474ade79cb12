"""How good a map is, judged by its points.

The points x and the prototypes share one space, latent or original (survey: Forest et al.,
arXiv:2011.05847). All raise InputError for an array of the wrong shape or type, or with values that
are not finite.
"""

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components, shortest_path
from scipy.spatial.distance import cdist, pdist, squareform
from scipy.stats import rankdata

from desom.errors import InputError
from desom.grid import neighborhood
from desom.metrics.checks import (
    adjacent_pairs,
    blocks,
    check_array,
    check_distances,
    check_map,
    pair_distances,
    submatrix,
)


def u_matrix(prototypes, grid_distances):
    """Mean distance from every prototype to those of the adjacent units (Ultsch & Siemon, 1990).

    It is high where the map stretches over a gap of the data: ridges between clusters. From
    prototypes (K, D) and distances between units on the map (K, K) to float64 (K,), in the unit of
    the prototypes; NaN for a unit without neighbors, which are those at distance 1.
    """
    steps = _steps(prototypes, grid_distances)
    n_neighbors = np.diff(steps.indptr)
    totals = np.bincount(steps.tocoo().row, steps.data, minlength=len(n_neighbors))
    unknown = np.full(len(n_neighbors), np.nan)
    return np.divide(totals, n_neighbors, out=unknown, where=n_neighbors > 0)


def path_on_map(prototypes, grid_distances, start, end):
    """Find the shortest way between two units that steps from unit to adjacent unit.

    A step is as long as the two prototypes are apart, so that the way avoids the ridges of the
    `u_matrix`, which takes the same arrays. Gives the units on the way, both ends included.
    """
    graph = _steps(prototypes, grid_distances)
    n_units = graph.shape[0]
    if not (0 <= start < n_units and 0 <= end < n_units):
        raise InputError(f"there is no way from {start} to {end}: units are 0 to {n_units - 1}.")
    _, before = shortest_path(graph, indices=start, return_predecessors=True)
    way = [end]
    while way[-1] != start:
        way.append(before[way[-1]])
    return np.array(way[::-1])


def class_regions(class_counts, grid_distances):
    """Count the connected regions of each class on a map, over units (K,) that it is a majority of.

    From the counts (K, C) of points by unit and class, and (K, K), to integers (C,). A class that
    has no unit has 0 regions; one that has several is torn apart.
    """
    counts = check_array("class_counts", class_counts, (len(grid_distances), None))
    owner = np.where(counts.any(axis=1), counts.argmax(axis=1), -1)
    return _regions(owner[:, None] == np.arange(counts.shape[1]), grid_distances)


def class_scatter_index(class_counts, grid_distances):
    """Mean over classes of the connected regions of units with at least one of its points.

    From the arrays of `class_regions` to a float; lower is better. One stray point makes a region
    (Elend & Kramer, WSOM+ 2019).
    """
    counts = check_array("class_counts", class_counts, (len(grid_distances), None))
    return float(_regions(counts > 0, grid_distances).mean())


def _regions(held, grid_distances):
    """Count, for every class, the connected regions of the units (K, C) that it holds."""
    pairs = adjacent_pairs(check_distances(grid_distances, len(held)))
    adjacent = csr_array((np.ones(len(pairs[0]), bool), pairs), shape=(len(held),) * 2)
    return np.array([connected_components(adjacent[h][:, h])[0] for h in held.T])


def units_used(members):
    """Count the units of a map that have a point, from the number of points of each (K,).

    Say it beside an NMI: units that stay empty raise it.
    """
    return int(np.count_nonzero(check_array("members", members, (None,), kinds="iu")))


def smallest_unit(members):
    """How many points the unit with the fewest has, from the number of points of each (K,)."""
    return int(check_array("members", members, (None,), kinds="iu").min())


def _steps(prototypes, grid_distances):
    """Graph of the steps between adjacent units: how far apart their prototypes are."""
    prototypes, grid_distances = check_map(prototypes, grid_distances)
    starts, ends = adjacent_pairs(grid_distances)
    lengths = np.empty(len(starts))
    for rows in blocks(len(starts), prototypes.shape[1]):
        steps = prototypes[starts[rows]] - prototypes[ends[rows]]
        lengths[rows] = np.linalg.norm(steps, axis=1)
    # Only a sparse graph keeps the steps of length 0: a dense one takes them for missing.
    return csr_array((lengths, (starts, ends)), shape=(len(prototypes),) * 2)


def topographic_product(prototypes, grid_distances):
    """Compare distances of neighbors in the space and on the map (Bauer & Pawelzik, 1992).

    P = 1/(K(K-1)) sum_j sum_n 1/(2n) sum_{l<=n} log Q1(j, l) Q2(j, l), where Q1 divides the
    distance of the prototype j from that of its l-th neighbor on the map by the distance from its
    l-th neighbor in the space, and Q2 divides the same neighbors' distances on the map.

    From (K, D) and (K, K) to a float: below 0 if the map has fewer dimensions than the points, so
    that it folds; above 0 if it has more. Of tied neighbors, which a grid has, it is the
    expectation over their orders. NaN if two prototypes are the same.
    """
    prototypes, grid_distances = check_map(prototypes, grid_distances)
    n_units = len(prototypes)
    # The logarithms of neighbor l are in the sums from n = l on; totals are those of their shares.
    shares = np.cumsum(1 / (2 * np.arange(n_units - 1, 0, -1)))[::-1]
    totals = np.concatenate([[0], np.cumsum(shares), [np.nan]])

    def share(distances, start):
        first, last = _rank_span(distances, start)
        return (totals[last] - totals[first - 1]) / (last - first + 1)

    product = 0.0
    for rows in blocks(n_units, n_units):
        in_space, on_map = cdist(prototypes[rows], prototypes), grid_distances[rows]
        others = ~np.eye(*in_space.shape, k=rows.start, dtype=bool)
        difference = share(on_map, rows.start)[others] - share(in_space, rows.start)[others]
        with np.errstate(divide="ignore", invalid="ignore"):
            product += np.sum(difference * np.log(in_space * on_map)[others])
    return float(product / max(1, n_units * (n_units - 1))) if np.isfinite(product) else np.nan


def quantization_error(x, prototypes):
    """Mean distance, not squared, from a point to its best-matching unit (BMU).

    From the points x_i, (N, D), and the prototypes m_k, (K, D), to a float of at least 0, in the
    unit of x; lower is better.
    """
    return float(_Matches(x, prototypes).distance.mean())


def topographic_error(x, prototypes, grid_distances):
    """Share of the points whose two best-matching units are not adjacent on the map.

    Units are adjacent at map distance 1 (Kiviluoto, ICNN 1996). With Manhattan distances, diagonal
    neighbors thus count as errors; software that gives a unit 8 neighbors reports less.

    From points (N, D), prototypes (K, D) and distances delta(k, l) between units on the map (K, K)
    to a float in [0, 1]; lower is better, 0 on a map of one unit.
    """
    return _Matches(x, prototypes, grid_distances).topographic_error()


def topographic_function(x, prototypes, grid_distances, steps=1):
    """Mean number, over units, of those that touch its cell but are more than so many steps away.

    The cells of two units touch if they are the two best-matching units of at least one point
    (Villmann et al., ICNN 1994: phi(k), for a number of steps k). From the arrays of
    `topographic_error` to a float of at least 0; lower is better. Each point can add a pair, so
    compare it at equal numbers of points.
    """
    return _Matches(x, prototypes, grid_distances).topographic_function(steps)


def combined_error(x, prototypes, grid_distances):
    """Mean length of the way from a point to its BMU, and on along the map to its second BMU.

    Along the map, the way is the shortest over adjacent units, where a step from k to l is
    ‖m_k - m_l‖ long (Kaski & Lagus, ICANN 1996).

    From the arrays of `topographic_error` to a float of at least the quantization error, in the
    unit of x; lower is better.
    """
    return _Matches(x, prototypes, grid_distances).combined_error()


def distortion(x, prototypes, grid_distances, temperature):
    """1/N sum_i sum_k K^T(delta(chi(i), k)) ‖x_i - m_k‖²: the SOM loss, over all the points.

    From the arrays of `topographic_error` and a temperature T > 0, in steps on the map, to a float
    of at least 0, in the squared unit of x; lower is better at equal temperature.
    """
    return float(_Matches(x, prototypes, grid_distances, temperature).distortion.mean())


def trustworthiness(x, bmus, grid_distances, n_neighbors=5, sample_size=2000, random_state=0):
    """How far neighbors on the map are neighbors among the points (Venna & Kaski, ICANN 2001: M1).

    M1 = 1 - 2 / (n k (2n - 3k - 1)) sum_i sum_{j in U_k(i)} (r(i, j) - k), where r(i, j) ranks the
    points j by distance to i and U_k(i) holds those among the k nearest to i on the map but not in
    their own space. Two points are as far apart on the map as their BMUs, so ties abound: the value
    is the expectation of M1 when ties are broken at random.

    From points (N, D), their best-matching units (N,) and distances between units (K, K) to a float
    in [0, 1]; higher is better. The cost is quadratic: of more points than ``sample_size``, so many
    are drawn with the seed ``random_state``. The value depends on n and on k, ``n_neighbors``, less
    than n / 2: compare it at equal ones.
    """
    points, units = _rank_spans(x, bmus, grid_distances, n_neighbors, sample_size, random_state)
    return _rank_agreement(units, points, n_neighbors)


def neighborhood_preservation(
    x, bmus, grid_distances, n_neighbors=5, sample_size=2000, random_state=0
):
    """How far neighbors among the points are neighbors on the map (Venna & Kaski, ICANN 2001: M2).

    This is `trustworthiness`, of the same parameters, with the two spaces exchanged.
    """
    points, units = _rank_spans(x, bmus, grid_distances, n_neighbors, sample_size, random_state)
    return _rank_agreement(points, units, n_neighbors)


def c_measure(x, bmus, grid_distances, sample_size=1000, random_state=0):
    """Mean over pairs of points of their distance times that of their BMUs on the map.

    Goodhill & Sejnowski (1996) take the sum. From arrays as of `trustworthiness`, sampled as there,
    to a float in the unit of x times steps. It is higher if far points are far apart on the map:
    compare it on the same points and at equal maps only.
    """
    in_space, on_map = _pairs(x, bmus, grid_distances, sample_size, random_state)
    return float(np.mean(in_space * on_map))


def kruskal_shepard_error(x, bmus, grid_distances, sample_size=1000, random_state=0):
    """Mean squared difference of the distances of two points, in their space and on the map.

    Each is divided by the largest one in the sample (Kruskal, 1964, as Elend & Kramer, WSOM+ 2019,
    use it). From arrays as of `trustworthiness`, sampled as there, to a float in [0, 1]; lower is
    better.
    """
    in_space, on_map = _pairs(x, bmus, grid_distances, sample_size, random_state)
    return float(np.mean((in_space / (in_space.max() or 1) - on_map / (on_map.max() or 1)) ** 2))


def sharpness_ratio(prototypes, x, image_shape):
    """Mean length of the gradient of prototypes that are images, divided by that of the images.

    From (K, D) and (N, D), of rows times columns D, to a float: below 1 if the prototypes are
    blurred (Forest et al., Neural Computing and Applications, 2021); NaN if the images are flat.
    """
    n_pixels = int(np.prod(image_shape))
    prototypes = check_array("prototypes", prototypes, (None, n_pixels))
    images = check_array("x", x, (None, n_pixels))
    with np.errstate(invalid="ignore", divide="ignore"):
        return float(_sharpness(prototypes, image_shape) / _sharpness(images, image_shape))


def map_scores(
    x, prototypes, grid_distances, temperature, n_neighbors=5, sample_size=2000, random_state=0
):
    """All the map metrics of this module by name, from one pass over the distances.

    The arguments are those of `distortion` and of `trustworthiness`.
    """
    matches = _Matches(x, prototypes, grid_distances, temperature)
    mapped = x, matches.bmu, grid_distances
    points, units = _rank_spans(*mapped, n_neighbors, sample_size, random_state)
    return {
        "quantization_error": float(matches.distance.mean()),
        "topographic_error": matches.topographic_error(),
        "combined_error": matches.combined_error(),
        "distortion": float(matches.distortion.mean()),
        "trustworthiness": _rank_agreement(units, points, n_neighbors),
        "neighborhood_preservation": _rank_agreement(points, units, n_neighbors),
        "topographic_function": matches.topographic_function(1),
        "c_measure": c_measure(*mapped, random_state=random_state),
        "kruskal_shepard_error": kruskal_shepard_error(*mapped, random_state=random_state),
    }


class _Matches:
    """The two nearest units of every point, its distance to the first, and its own distortion."""

    def __init__(self, x, prototypes, grid_distances=None, temperature=None):
        x = check_array("x", x, (None, None))
        prototypes = check_array("prototypes", prototypes, (None, x.shape[1])).astype("float64")
        if grid_distances is not None:
            grid_distances = check_distances(grid_distances, len(prototypes))
        if temperature is not None and not temperature > 0:
            raise InputError(f"temperature = {temperature} cannot be used: it must be positive.")
        self.prototypes, self.grid_distances = prototypes, grid_distances
        matches = []
        for rows in blocks(len(x), max(prototypes.shape)):
            # From the differences: as ‖x‖² - 2 x·m + ‖m‖², all digits are lost far from the origin.
            squared = cdist(x[rows], prototypes, "sqeuclidean")
            each, bmu = np.arange(len(squared)), squared.argmin(axis=1)
            distance, weights = np.sqrt(squared[each, bmu]), np.nan
            if temperature is not None:
                # Keras would compute the weights of integer distances in float32.
                steps = grid_distances[bmu].astype("float64")
                weights = np.asarray(neighborhood(steps, temperature))
            distortion = (weights * squared).sum(axis=1)
            squared[each, bmu] = np.inf
            matches.append((bmu, squared.argmin(axis=1), distance, distortion))
        parts = map(np.concatenate, zip(*matches, strict=True))
        self.bmu, self.second_bmu, self.distance, self.distortion = parts

    def topographic_error(self):
        steps = pair_distances(self.grid_distances, self.bmu, self.second_bmu)
        return float(np.mean(steps > 1))

    def topographic_function(self, steps):
        pairs = np.stack([self.bmu, self.second_bmu])
        touching = np.unique(np.concatenate([pairs, pairs[::-1]], axis=1), axis=1)
        far = pair_distances(self.grid_distances, *touching) > steps
        return float(np.sum(far) / len(self.prototypes))

    def combined_error(self):
        units, source = np.unique(self.bmu, return_inverse=True)
        graph = _steps(self.prototypes, self.grid_distances)
        lengths = np.empty(len(source))
        for rows in blocks(len(units), len(self.prototypes)):
            ways = shortest_path(graph, indices=units[rows])
            own = (rows.start <= source) & (source < rows.stop)
            lengths[own] = ways[source[own] - rows.start, self.second_bmu[own]]
        return float(np.mean(self.distance + lengths))


def _sampled(x, bmus, grid_distances, sample_size, random_state):
    """Draw some of the points, and give them, in float64, and the steps between their BMUs."""
    x = check_array("x", x, (None, None))
    bmus = check_array("bmus", bmus, (len(x),), kinds="iu")
    n_units = len(grid_distances)
    grid_distances = check_distances(grid_distances, n_units)
    if bmus.min() < 0 or bmus.max() >= n_units:
        raise InputError(
            f"bmus from {bmus.min()} to {bmus.max()} cannot be used: "
            f"a map of {n_units} units accepts 0 to {n_units - 1}."
        )
    n = min(len(x), sample_size)
    sample = np.random.default_rng(random_state).choice(len(x), n, replace=False)
    return x[sample].astype("float64"), submatrix(grid_distances, bmus[sample])


def _pairs(x, bmus, grid_distances, sample_size, random_state):
    """Distances of every two points of a sample, in their space and on the map, in one order."""
    points, on_map = _sampled(x, bmus, grid_distances, sample_size, random_state)
    if len(points) < 2:
        raise InputError(
            "x holds 1 point, which has no distance to another: at least 2 are needed."
        )
    return pdist(points), squareform(on_map, checks=False)


def _rank_spans(x, bmus, grid_distances, n_neighbors, sample_size, random_state):
    """Rank a sample of the points by distance to one another, in their space and on the map."""
    points, on_map = _sampled(x, bmus, grid_distances, sample_size, random_state)
    n = len(points)
    if not 1 <= n_neighbors < n / 2:
        raise InputError(
            f"n_neighbors = {n_neighbors} cannot be used with {n} samples: "
            "it must be at least 1 and less than half of them."
        )
    return _rank_span(squareform(pdist(points))), _rank_span(on_map)


def _rank_span(distances, start=0):
    """First and last rank that ties allow every sample (column) in the order of every row.

    Rows are samples too, from this one on.
    """
    # Placed last, a sample is never its own neighbor and leaves ranks 1..n-1 to the others.
    distances = np.where(np.eye(*distances.shape, k=start, dtype=bool), np.inf, distances)
    return rankdata(distances, "min", axis=1), rankdata(distances, "max", axis=1)


def _sharpness(images, image_shape):
    total = 0.0
    for rows in blocks(len(images), images.shape[1]):
        block = images[rows].reshape(-1, *image_shape)
        axes = [axis for axis in (1, 2) if block.shape[axis] > 1]
        lengths = np.sqrt(sum(np.square(np.gradient(block, axis=axis)) for axis in axes))
        total += lengths.sum(dtype="float64")
    return np.divide(total, images.size)


def _rank_agreement(neighbor_ranks, penalty_ranks, k):
    """1 minus the scaled penalty, by one ranking, of the k nearest neighbors by another.

    A rank that ties leave anywhere in a..b is at most k with a certain chance, and its penalty
    max(r - k, 0) has a certain mean, the difference of two triangular numbers over b - a + 1. The
    two rankings break their ties independently, so that their expectations multiply.
    """
    n = len(neighbor_ranks[0])
    first, last = neighbor_ranks
    chance = np.clip((k - first + 1) / (last - first + 1), 0, 1)
    first, last = penalty_ranks
    below, above = np.maximum(first - 1 - k, 0), np.maximum(last - k, 0)
    penalty = (above * (above + 1) - below * (below + 1)) / 2 / (last - first + 1)
    return float(1 - 2 / (n * k * (2 * n - 3 * k - 1)) * np.sum(chance * penalty))
