"""How friendly a latent space is to a map or to clusters: order, dimension, spread, walks.

Every measure but `spread` is free of the unit of the latent space, which another training would
choose otherwise, so that spaces, and moments of a training, can be compared.
"""

import numpy as np
from scipy.spatial.distance import cdist, pdist, squareform
from scipy.stats import spearmanr
from sklearn.neighbors import NearestNeighbors
from sklearn.utils import gen_batches

from desom.errors import InputError
from desom.metrics.checks import adjacent_pairs, blocks, check_array, check_map, submatrix

WALKS_AT_ONCE = 1000


def order(prototypes, grid_distances, sample_size=2000, random_state=0):
    """Rank correlation (Spearman, 1904) of distances on the map (K, K) and of prototypes (K, D).

    Over all pairs of units, in [-1, 1]: near 1 if what is farther on the map is farther in the
    space, near 0 if the map has no order, NaN if all prototypes are equally far apart. Of more
    units than ``sample_size``, so many are drawn with the seed ``random_state``.
    """
    prototypes, grid_distances = check_map(prototypes, grid_distances)
    units = np.arange(len(prototypes))
    if len(units) > sample_size:
        units = np.random.default_rng(random_state).choice(units, sample_size, replace=False)
    on_map = squareform(submatrix(grid_distances, units), checks=False)
    return float(spearmanr(on_map, pdist(prototypes[units])).statistic)


def quantization_share(points, prototypes):
    """Share of the points' variance that is left when each is replaced by its nearest prototype.

    sum_i ‖z_i - m_chi(i)‖² / sum_i ‖z_i - mean‖², of points (N, D) and prototypes (K, D): 0 if the
    points sit on the prototypes, above 1 if one prototype, the mean, would do better.
    """
    points = check_array("points", points, (None, None))
    prototypes = check_array("prototypes", prototypes, (None, points.shape[1]))
    nearest = np.empty(len(points))
    for rows in blocks(len(points), max(prototypes.shape)):
        cdist(points[rows], prototypes, "sqeuclidean").min(axis=1, out=nearest[rows])
    return float(nearest.sum() / (len(points) * np.var(points, axis=0, dtype=float).sum()))


def two_nn_dimension(points):
    """Intrinsic dimension by the two nearest neighbors (Facco et al., Scientific Reports, 2017).

    Where points are spread evenly in d dimensions, the ratio of the distances to the second and to
    the first neighbor, mu = r2 / r1, has the density d mu^(-d - 1). This is the maximum-likelihood
    estimate of d under that law, with its bias removed; its authors fit a line instead. It takes at
    least three different points (N, D), and is infinite if all ratios are 1.
    """
    points = np.unique(check_array("points", points, (None, None)).astype(float), axis=0)
    if len(points) < 3:
        raise InputError(
            f"{len(points)} different points have no dimension: at least 3 are needed."
        )
    # In many dimensions, distances come from products, which lose digits far from the origin.
    points -= points.mean(axis=0)
    distances, _ = NearestNeighbors(n_neighbors=2).fit(points).kneighbors()
    with np.errstate(divide="ignore"):
        return float((len(points) - 1) / np.log(distances[:, 1] / distances[:, 0]).sum())


def participation_ratio(points):
    """Count the directions that share the variance (Gao et al., bioRxiv 214262, 2017).

    (sum_j lambda_j)² / sum_j lambda_j², for the eigenvalues lambda_j of the covariance, is k if the
    variance is spread evenly over k directions. Of points (N, D), not all equal: in [1, D].
    """
    points = check_array("points", points, (None, None)).astype(float)
    covariance = np.atleast_2d(np.cov(points, rowvar=False))
    return float(1 / np.square(covariance / np.trace(covariance)).sum())


def spread(points):
    """Root of the mean square distance of points (N, D) from their mean, in the space's unit."""
    return float(np.sqrt(np.var(points, axis=0, dtype=float).sum()))


def relative_margin(points, prototypes):
    """Mean of 1 - d1 / d2, for the distances d1 <= d2 of a point to its two nearest prototypes.

    Of points (N, D) and prototypes (K, D), K >= 2: 0 if all points lie halfway between two
    prototypes, 1 if they sit on them.
    """
    two = np.empty((2, len(points)))
    for rows in blocks(len(points), max(np.shape(prototypes))):
        two[:, rows] = np.partition(cdist(points[rows], prototypes), 1, axis=1)[:, :2].T
    return float(1 - _ratio(*two).mean())


def active_share(activations):
    """Share of units above 0, averaged over points: how sparse a hidden layer (N, H) is not."""
    return float(np.mean(np.asarray(activations) > 0))


def decoded_walks(decode, prototypes, grid_distances, n_steps=8):
    """Walk from every unit to every neighbor on the straight line in latent space, and decode.

    ``decode`` takes points (n, D) of the latent space to that of the data (n, features); units at
    distance 1 are neighbors, and each walk has so many equal steps. Gives for every pair, float32:
    ``detour``, how much longer the decoded path is than the straight line between its ends, 1 for
    a crossfade; ``jump``, how much longer its longest step is than the mean one, 1 for a change at
    constant speed, ``n_steps`` for a sudden one. Both are 1 where nothing changes.
    """
    prototypes, grid_distances = check_map(prototypes, grid_distances)
    pairs = np.transpose(adjacent_pairs(grid_distances))
    starts, ends = pairs[pairs[:, 0] < pairs[:, 1]].T
    ratios = {"detour": [], "jump": []}
    for rows in gen_batches(max(1, len(starts)), WALKS_AT_ONCE):
        tips = prototypes[starts[rows]], prototypes[ends[rows]]
        stops = np.linspace(*tips, n_steps + 1, axis=1, dtype=np.float32)
        images = decode(stops.reshape(-1, prototypes.shape[1]))
        images = images.reshape(len(stops), n_steps + 1, images.shape[1])
        steps = np.linalg.norm(np.diff(images, axis=1), axis=2)
        straight = np.linalg.norm(images[:, -1] - images[:, 0], axis=1)
        ratios["detour"].append(_ratio(steps.sum(axis=1), straight))
        ratios["jump"].append(_ratio(steps.max(axis=1), steps.mean(axis=1)))
    return {name: np.concatenate(parts) for name, parts in ratios.items()}


def _ratio(numbers, others):
    return np.divide(numbers, others, out=np.ones_like(others), where=others > 0)
