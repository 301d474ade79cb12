"""How good a clustering is, judged by classes, and how good a map is, judged by its points.

Clustering metrics compare the cluster of every sample (on a map: its best-matching unit, BMU) with
its class. Map metrics compare points, prototypes and grid; the points x and the prototypes share
one space, latent or original (survey: Forest et al., arXiv:2011.05847). All return Python floats,
and raise InputError for an array of the wrong shape or type, or with values that are not finite.
"""

from typing import NamedTuple

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.sparse import csr_array
from scipy.sparse.csgraph import shortest_path
from scipy.spatial.distance import cdist
from scipy.stats import rankdata
from sklearn.metrics import adjusted_rand_score, euclidean_distances, normalized_mutual_info_score
from sklearn.metrics.cluster import contingency_matrix
from sklearn.utils import gen_batches

from desom.errors import InputError
from desom.som import neighborhood

BLOCK_SIZE = 500_000  # values of one temporary array: 4 MB in float64


def purity(y_true, labels):
    """Share of the samples that belong to the majority class of their cluster.

    Splitting clusters can only raise it, up to 1 with one sample in each, so compare it at equal
    numbers of clusters (Manning et al., Introduction to Information Retrieval, section 16.3).

    Parameters
    ----------
    y_true, labels : array of int, shape (N,)
        Class and cluster of every sample.

    Returns
    -------
    float
        In (0, 1], higher is better.
    """
    counts = contingency_matrix(*_check_labels(y_true, labels))
    return float(counts.max(axis=0).sum() / counts.sum())


def accuracy(y_true, labels):
    """Share of the samples in the right cluster, under the best one-to-one match with the classes.

    The Hungarian algorithm finds the match (Xie et al., ICML 2016). With more clusters than classes
    the surplus stays unmatched and counts as wrong, so the figure is then hard to interpret.

    Parameters
    ----------
    y_true, labels : array of int, shape (N,)
        Class and cluster of every sample.

    Returns
    -------
    float
        In (0, 1], higher is better.
    """
    counts = contingency_matrix(*_check_labels(y_true, labels))
    return float(counts[linear_sum_assignment(counts, maximize=True)].sum() / counts.sum())


def nmi(y_true, labels, average_method="arithmetic"):
    """Mutual information of classes and clusters, divided by a mean of their entropies.

    Name the mean with the figure: papers with scikit-learn before 0.22 report the geometric one
    (Strehl & Ghosh, 2002), whose NMI is never below that of the arithmetic one, the default since.

    Parameters
    ----------
    y_true, labels : array of int, shape (N,)
        Class and cluster of every sample.
    average_method : {"arithmetic", "geometric", "min", "max"}
        The mean of the two entropies.

    Returns
    -------
    float
        In [0, 1], higher is better.
    """
    labelings = _check_labels(y_true, labels)
    return float(normalized_mutual_info_score(*labelings, average_method=average_method))


def ari(y_true, labels):
    """Agreement on pairs of samples, corrected for chance: the adjusted Rand index.

    Parameters
    ----------
    y_true, labels : array of int, shape (N,)
        Class and cluster of every sample.

    Returns
    -------
    float
        In [-0.5, 1], higher is better, 0 in expectation by chance (Hubert & Arabie, 1985).
    """
    return float(adjusted_rand_score(*_check_labels(y_true, labels)))


def class_counts(y, labels, n_units):
    """Count the points of every class in every unit.

    Parameters
    ----------
    y : array-like of shape (N,)
        Classes.
    labels : array-like of int, shape (N,)
        Best-matching units, in 0..n_units-1.
    n_units : int
        Number K of units.

    Returns
    -------
    ndarray of int64, shape (K, number of classes)
        Classes in sorted order; the row of an empty unit is zero.
    """
    classes, indices = np.unique(y, return_inverse=True)
    counts = np.zeros((n_units, len(classes)), dtype=np.int64)
    np.add.at(counts, (labels, indices), 1)
    return counts


def clustering_scores(y_true, labels, n_clusters):
    """All the clustering metrics of this module.

    Parameters
    ----------
    y_true, labels : array of int, shape (N,)
        Class and cluster of every sample.
    n_clusters : int
        Number of clusters of the model, those that hold no sample included.

    Returns
    -------
    dict of str to float
        purity, nmi (arithmetic), nmi_geometric, accuracy and ari. The accuracy is None unless there
        are as many clusters as classes.
    """
    n_classes = len(np.unique(y_true))
    return {
        "purity": purity(y_true, labels),
        "nmi": nmi(y_true, labels),
        "nmi_geometric": nmi(y_true, labels, average_method="geometric"),
        "accuracy": accuracy(y_true, labels) if n_clusters == n_classes else None,
        "ari": ari(y_true, labels),
    }


def quantization_error(x, prototypes):
    """Mean distance, not squared, from a point to its best-matching unit (BMU).

    Parameters
    ----------
    x, prototypes : array, shapes (N, D) and (K, D)
        The points x_i and the prototypes m_k.

    Returns
    -------
    float
        At least 0, in the unit of x, lower is better.
    """
    x, prototypes = _check_points(x, prototypes)
    return float(_match(x, prototypes).distance.mean())


def topographic_error(x, prototypes, grid_distances):
    """Share of the points whose two best-matching units are not adjacent on the map.

    Units are adjacent at map distance 1 (Kiviluoto, ICNN 1996). With Manhattan distances, diagonal
    neighbors thus count as errors; software that gives a unit 8 neighbors reports less.

    Parameters
    ----------
    x, prototypes : array, shapes (N, D) and (K, D)
        The points x_i and the prototypes m_k.
    grid_distances : array, shape (K, K)
        Distances between units on the map, delta(k, l).

    Returns
    -------
    float
        In [0, 1], lower is better; 0 on a map of one unit.
    """
    x, prototypes, grid_distances = _check_map(x, prototypes, grid_distances)
    return _topographic_error(_match(x, prototypes), grid_distances)


def combined_error(x, prototypes, grid_distances):
    """Mean length of the way from a point to its BMU, and on along the map to its second BMU.

    Along the map, the way is the shortest over adjacent units, where a step from k to l is
    ‖m_k - m_l‖ long (Kaski & Lagus, ICANN 1996).

    Parameters
    ----------
    x, prototypes, grid_distances : array, shapes (N, D), (K, D) and (K, K)
        As in :func:`topographic_error`.

    Returns
    -------
    float
        At least the quantization error, in the unit of x, lower is better.
    """
    x, prototypes, grid_distances = _check_map(x, prototypes, grid_distances)
    return _combined_error(_match(x, prototypes), prototypes, grid_distances)


def distortion(x, prototypes, grid_distances, temperature):
    """1/N sum_i sum_k K^T(delta(chi(i), k)) ‖x_i - m_k‖²: the SOM loss, over all the points.

    Parameters
    ----------
    x, prototypes, grid_distances : array, shapes (N, D), (K, D) and (K, K)
        As in :func:`topographic_error`.
    temperature : float
        T > 0, in steps on the map.

    Returns
    -------
    float
        At least 0, in the squared unit of x, lower is better at equal temperature.
    """
    x, prototypes, grid_distances = _check_map(x, prototypes, grid_distances)
    weigh = _weigher(grid_distances, temperature)
    return float(_match(x, prototypes, weigh).distortion.mean())


def trustworthiness(x, bmus, grid_distances, n_neighbors=5, sample_size=2000, random_state=0):
    """How far neighbors on the map are neighbors among the points (Venna & Kaski, ICANN 2001: M1).

    M1 = 1 - 2 / (n k (2n - 3k - 1)) sum_i sum_{j in U_k(i)} (r(i, j) - k), where r(i, j) ranks the
    points j by distance to i and U_k(i) holds those among the k nearest to i on the map but not in
    their own space. Two points are as far apart on the map as their BMUs, so ties abound: the value
    is the expectation of M1 when ties are broken at random.

    Parameters
    ----------
    x : array, shape (N, D)
        The points.
    bmus : array of int, shape (N,)
        The best-matching unit of every point, in 0..K-1.
    grid_distances : array, shape (K, K)
        Distances between units on the map.
    n_neighbors : int
        The number of neighbors k, from 1 to less than n / 2.
    sample_size : int
        The cost is quadratic in the number of samples n: of more points than this, so many are
        drawn without replacement. The value depends on n, so compare it at equal n and k.
    random_state : int or numpy.random.Generator
        Seed of the draw.

    Returns
    -------
    float
        In [0, 1], higher is better.
    """
    points, units = _rank_spans(x, bmus, grid_distances, n_neighbors, sample_size, random_state)
    return _rank_agreement(units, points, n_neighbors)


def neighborhood_preservation(
    x, bmus, grid_distances, n_neighbors=5, sample_size=2000, random_state=0
):
    """How far neighbors among the points are neighbors on the map (Venna & Kaski, ICANN 2001: M2).

    This is :func:`trustworthiness`, of the same parameters, with the two spaces exchanged.

    Returns
    -------
    float
        In [0, 1], higher is better.
    """
    points, units = _rank_spans(x, bmus, grid_distances, n_neighbors, sample_size, random_state)
    return _rank_agreement(points, units, n_neighbors)


def map_scores(
    x, prototypes, grid_distances, temperature, n_neighbors=5, sample_size=2000, random_state=0
):
    """All the map metrics of this module, from one pass over the distances.

    Parameters
    ----------
    x, prototypes, grid_distances, temperature
        As in :func:`distortion`; the best-matching units of the points are found here.
    n_neighbors, sample_size, random_state
        As in :func:`trustworthiness`.

    Returns
    -------
    dict of str to float
        quantization_error, topographic_error, combined_error, distortion, trustworthiness and
        neighborhood_preservation.
    """
    x, prototypes, grid_distances = _check_map(x, prototypes, grid_distances)
    matches = _match(x, prototypes, _weigher(grid_distances, temperature))
    points, units = _rank_spans(
        x, matches.bmu, grid_distances, n_neighbors, sample_size, random_state
    )
    return {
        "quantization_error": float(matches.distance.mean()),
        "topographic_error": _topographic_error(matches, grid_distances),
        "combined_error": _combined_error(matches, prototypes, grid_distances),
        "distortion": float(matches.distortion.mean()),
        "trustworthiness": _rank_agreement(units, points, n_neighbors),
        "neighborhood_preservation": _rank_agreement(points, units, n_neighbors),
    }


class _Matches(NamedTuple):
    """For every point: its two nearest units, its distance to the first, its own distortion."""

    bmu: np.ndarray
    second_bmu: np.ndarray
    distance: np.ndarray
    distortion: np.ndarray


def _match(x, prototypes, weigh=None):
    """Match every point; ``weigh`` turns BMUs (B,) into weights (B, K), else distortion is NaN."""
    blocks = []
    for rows in gen_batches(len(x), max(1, BLOCK_SIZE // max(prototypes.shape))):
        points = x[rows]
        squared = euclidean_distances(points, prototypes, squared=True)
        bmu = squared.argmin(axis=1)
        distance = np.linalg.norm(points - prototypes[bmu], axis=1)
        weighted = weigh(bmu) * squared if weigh else np.full((len(points), 1), np.nan)
        squared[np.arange(len(points)), bmu] = np.inf
        blocks.append((bmu, squared.argmin(axis=1), distance, weighted.sum(axis=1)))
    return _Matches(*map(np.concatenate, zip(*blocks, strict=True)))


def _weigher(grid_distances, temperature):
    if not temperature > 0:
        raise InputError(f"temperature = {temperature} cannot be used: it must be positive.")
    # Keras would compute the weights of integer distances in float32.
    return lambda bmus: np.asarray(
        neighborhood(grid_distances[bmus].astype("float64"), temperature)
    )


def _topographic_error(matches, grid_distances):
    return float(np.mean(grid_distances[matches.bmu, matches.second_bmu] > 1))


def _combined_error(matches, prototypes, grid_distances):
    starts, ends = np.nonzero(grid_distances == 1)
    steps = np.linalg.norm(prototypes[starts] - prototypes[ends], axis=1)
    # Only a sparse graph keeps the steps of length 0: a dense one takes them for missing.
    graph = csr_array((steps, (starts, ends)), shape=grid_distances.shape)
    units, source = np.unique(matches.bmu, return_inverse=True)
    lengths = shortest_path(graph, indices=units)[source, matches.second_bmu]
    return float(np.mean(matches.distance + lengths))


def _rank_spans(x, bmus, grid_distances, n_neighbors, sample_size, random_state):
    """Rank a sample of the points by distance to one another, in their space and on the map."""
    x = _check("x", x, (None, None))
    bmus = _check("bmus", bmus, (len(x),), kinds="iu")
    n_units = len(grid_distances)
    grid_distances = _check("grid_distances", grid_distances, (n_units, n_units))
    if bmus.min() < 0 or bmus.max() >= n_units:
        raise InputError(
            f"bmus from {bmus.min()} to {bmus.max()} cannot be used: "
            f"a map of {n_units} units accepts 0 to {n_units - 1}."
        )
    n = min(len(x), sample_size)
    if not 1 <= n_neighbors < n / 2:
        raise InputError(
            f"n_neighbors = {n_neighbors} cannot be used with {n} samples: "
            "it must be at least 1 and less than half of them."
        )
    sample = np.random.default_rng(random_state).choice(len(x), n, replace=False)
    points, units = x[sample].astype("float64"), bmus[sample]
    return _rank_span(cdist(points, points)), _rank_span(grid_distances[np.ix_(units, units)])


def _rank_span(distances):
    """First and last rank that ties allow every sample (column) in the order of every row."""
    # Placed last, a sample is never its own neighbor and leaves ranks 1..n-1 to the others.
    distances = np.where(np.eye(len(distances), dtype=bool), np.inf, distances)
    return rankdata(distances, "min", axis=1), rankdata(distances, "max", axis=1)


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


def _check_labels(y_true, labels):
    y_true = _check("y_true", y_true, (None,), kinds="iu")
    return y_true, _check("labels", labels, y_true.shape, kinds="iu")


def _check_points(x, prototypes):
    x = _check("x", x, (None, None))
    # Prototypes in float64 have every distance computed in float64, even to float32 points.
    return x, _check("prototypes", prototypes, (None, x.shape[1])).astype("float64")


def _check_map(x, prototypes, grid_distances):
    x, prototypes = _check_points(x, prototypes)
    n_units = len(prototypes)
    return x, prototypes, _check("grid_distances", grid_distances, (n_units, n_units))


def _check(name, given, shape, kinds="iuf"):
    """Return an array of finite numbers if it has the shape, where None is any length above 0."""
    array = np.asarray(given)
    fits = len(shape) == array.ndim and array.size > 0
    if not fits or any(n not in (None, m) for n, m in zip(shape, array.shape, strict=True)):
        wanted = ", ".join("any" if n is None else str(n) for n in shape)
        raise InputError(f"{name} of shape {array.shape} cannot be used: it must be ({wanted}).")
    if array.dtype.kind not in kinds:
        accepted = "numbers" if "f" in kinds else "integers"
        raise InputError(f"{name} of type {array.dtype} cannot be used: it must hold {accepted}.")
    if not np.isfinite(array).all():
        raise InputError(f"{name} holds NaN or infinite values: only finite ones are accepted.")
    return array
