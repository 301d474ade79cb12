"""How friendly a latent space is to a map or to clusters: order, dimension, spread, walks.

Every measure but `spread` is free of the unit of the latent space, which another training would
choose otherwise, so that spaces, and moments of a training, can be compared.
"""

import numpy as np
from scipy.spatial.distance import pdist, squareform
from scipy.stats import spearmanr
from sklearn.metrics import euclidean_distances
from sklearn.neighbors import NearestNeighbors

from desom.errors import InputError
from desom.metrics.checks import blocks, check_map


def order(prototypes, grid_distances):
    """Rank correlation (Spearman, 1904) of distances on the map (K, K) and of prototypes (K, D).

    Over all pairs of units, in [-1, 1]: near 1 if what is farther on the map is farther in the
    space, near 0 if the map has no order, NaN if all prototypes are equally far apart.
    """
    prototypes, grid_distances = check_map(prototypes, grid_distances)
    on_map = squareform(grid_distances, checks=False)
    return float(spearmanr(on_map, pdist(prototypes)).statistic)


def quantization_share(points, prototypes):
    """Share of the points' variance that is left when each is replaced by its nearest prototype.

    sum_i ‖z_i - m_chi(i)‖² / sum_i ‖z_i - mean‖², of points (N, D) and prototypes (K, D): 0 if the
    points sit on the prototypes, above 1 if one prototype, the mean, would do better.
    """
    points, prototypes = np.asarray(points, dtype=float), np.asarray(prototypes, dtype=float)
    nearest = np.empty(len(points))
    for rows in blocks(points, prototypes):
        euclidean_distances(points[rows], prototypes, squared=True).min(axis=1, out=nearest[rows])
    return float(nearest.sum() / np.square(points - points.mean(axis=0)).sum())


def two_nn_dimension(points):
    """Intrinsic dimension by the two nearest neighbors (Facco et al., Scientific Reports, 2017).

    Where points are spread evenly in d dimensions, the ratio of the distances to the second and to
    the first neighbor, mu = r2 / r1, has the density d mu^(-d - 1). This is the maximum-likelihood
    estimate of d under that law, with its bias removed; its authors fit a line instead. It takes at
    least three different points (N, D), and is infinite if all ratios are 1.
    """
    points = np.unique(np.asarray(points, dtype=float), axis=0)
    if len(points) < 3:
        raise InputError(
            f"{len(points)} different points have no dimension: at least 3 are needed."
        )
    distances, _ = NearestNeighbors(n_neighbors=2).fit(points).kneighbors()
    with np.errstate(divide="ignore"):
        return float((len(points) - 1) / np.log(distances[:, 1] / distances[:, 0]).sum())


def participation_ratio(points):
    """Count the directions that share the variance (Gao et al., bioRxiv 214262, 2017).

    (sum_j lambda_j)² / sum_j lambda_j², for the eigenvalues lambda_j of the covariance, is k if the
    variance is spread evenly over k directions. Of points (N, D), not all equal: in [1, D].
    """
    covariance = np.atleast_2d(np.cov(np.asarray(points, dtype=float), rowvar=False))
    return float(np.trace(covariance) ** 2 / np.square(covariance).sum())


def spread(points):
    """Root of the mean square distance of points (N, D) from their mean, in the space's unit."""
    return float(np.sqrt(np.var(np.asarray(points, dtype=float), axis=0).sum()))


def relative_margin(points, prototypes):
    """Mean of 1 - d1 / d2, for the distances d1 <= d2 of a point to its two nearest prototypes.

    Of points (N, D) and prototypes (K, D), K >= 2: 0 if all points lie halfway between two
    prototypes, 1 if they sit on them.
    """
    nearest, second = np.sort(euclidean_distances(points, prototypes), axis=1).T[:2]
    return float(1 - _ratio(nearest, second).mean())


def active_share(activations):
    """Share of units above 0, averaged over points: how sparse a hidden layer (N, H) is not."""
    return float(np.mean(np.asarray(activations) > 0))


def decoded_walks(decode, prototypes, grid_distances, n_steps=8):
    """Walk from every unit to every neighbor on the straight line in latent space, and decode.

    Parameters
    ----------
    decode : callable
        Takes points (n, D) of the latent space to the space of the data (n, features).
    prototypes, grid_distances : array-like, shapes (K, D) and (K, K)
        As for `order`; units at distance 1 are neighbors.
    n_steps : int
        In how many equal steps each walk is decoded.

    Returns
    -------
    dict of str to ndarray of float32, shape (number of pairs of neighbors,)
        ``detour``, how much longer the decoded path is than the straight line between its ends: 1
        for a crossfade. ``jump``, how much longer its longest step is than the mean one: 1 for a
        change at constant speed, ``n_steps`` for a sudden one. Both are 1 where nothing changes.
    """
    prototypes, grid_distances = check_map(prototypes, grid_distances)
    starts, ends = np.nonzero(np.triu(grid_distances == 1))
    stops = np.linspace(prototypes[starts], prototypes[ends], n_steps + 1, axis=1, dtype=np.float32)
    images = decode(stops.reshape(-1, prototypes.shape[1]))
    images = images.reshape(len(starts), n_steps + 1, images.shape[1])
    steps = np.linalg.norm(np.diff(images, axis=1), axis=2)
    straight = np.linalg.norm(images[:, -1] - images[:, 0], axis=1)
    return {
        "detour": _ratio(steps.sum(axis=1), straight),
        "jump": _ratio(steps.max(axis=1), steps.mean(axis=1)),
    }


def _ratio(numbers, others):
    return np.divide(numbers, others, out=np.ones_like(others), where=others > 0)
