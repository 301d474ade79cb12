"""What a page shows of a fitted map beside its prototypes: members, borders, codes, and walks."""

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import shortest_path

from desom.errors import InputError
from desom.latent import check_grid, kept_samples

WALK_STEPS = 12


def members(points, prototypes, labels):
    """Find the nearest and the farthest member of every unit.

    Parameters
    ----------
    points : ndarray of shape (N, D)
        Samples, as the map sees them.
    prototypes : ndarray of shape (K, D)
        The prototypes.
    labels : ndarray of int, shape (N,)
        Best-matching unit of every sample.

    Returns
    -------
    nearest, farthest : ndarray of int, shape (K,)
        Indices of samples; -1 for a unit without members.
    """
    distances = np.linalg.norm(points - prototypes[labels], axis=1)
    order = np.lexsort((distances, labels))
    units = np.arange(len(prototypes))
    first = np.searchsorted(labels[order], units, side="left")
    last = np.searchsorted(labels[order], units, side="right") - 1
    empty = last < first
    return tuple(np.where(empty, -1, order[np.where(empty, 0, end)]) for end in (first, last))


def u_matrix(prototypes, grid_distances):
    """Mean distance from every prototype to those of the adjacent units (Ultsch & Siemon, 1990).

    It is high where the map stretches over a gap of the data: ridges between clusters.

    Parameters
    ----------
    prototypes : array-like of shape (K, D)
        The prototypes m_k.
    grid_distances : array-like of shape (K, K)
        Distances between units on the map; units at distance 1 are adjacent.

    Returns
    -------
    ndarray of float64, shape (K,)
        One mean per unit, in the unit of the prototypes; NaN for a unit without neighbors.

    Raises
    ------
    InputError
        If the sizes do not agree.
    """
    starts, _, lengths = _steps(prototypes, grid_distances)
    n_units = len(grid_distances)
    totals = np.bincount(starts, lengths, minlength=n_units)
    neighbors = np.bincount(starts, minlength=n_units)
    return np.divide(totals, neighbors, out=np.full(n_units, np.nan), where=neighbors > 0)


def path_on_map(prototypes, grid_distances, start, end):
    """Find the shortest way between two units that steps from unit to adjacent unit.

    A step is as long as the two prototypes are apart, so that the way avoids the ridges of the
    `u_matrix`.

    Parameters
    ----------
    prototypes, grid_distances : array-like, shapes (K, D) and (K, K)
        As for `u_matrix`.
    start, end : int
        Units.

    Returns
    -------
    ndarray of int
        The units on the way, the first and the last included.

    Raises
    ------
    InputError
        If the sizes do not agree, or a unit is not on the map.
    """
    starts, ends, lengths = _steps(prototypes, grid_distances)
    n_units = len(grid_distances)
    if not (0 <= start < n_units and 0 <= end < n_units):
        raise InputError(f"there is no way from {start} to {end}: units are 0 to {n_units - 1}.")
    # Only a sparse graph keeps the steps of length 0: a dense one takes them for missing.
    graph = csr_array((lengths, (starts, ends)), shape=(n_units, n_units))
    _, before = shortest_path(graph, indices=start, return_predecessors=True)
    way = [end]
    while way[-1] != start:
        way.append(before[way[-1]])
    return np.array(way[::-1])


def _steps(prototypes, grid_distances):
    """List the steps between adjacent units: both ends, and how far apart their prototypes are."""
    prototypes, grid_distances = check_grid(prototypes, grid_distances)
    starts, ends = np.nonzero(grid_distances == 1)
    return starts, ends, np.linalg.norm(prototypes[starts] - prototypes[ends], axis=1)


def gallery(estimator, data, codes, labels):
    """Collect the pictures of a fitted map, small enough to commit.

    Parameters
    ----------
    estimator : MapEstimator with a decoder
        Fitted on ``data.x``.
    data : datasets.Dataset
        Images with classes.
    codes : ndarray of shape (N, latent dimension)
        Their latent codes.
    labels : ndarray of int, shape (N,)
        Best-matching unit of every sample.

    Returns
    -------
    dict of str to ndarray
        ``nearest`` and ``farthest`` (K, D), the members of every unit as bytes, black where a unit
        is empty; ``codes`` (n, latent dimension) of n = 1,000 samples spread over the data, with
        their ``code_labels`` and ``code_classes``, the samples whose codes the snapshots keep too;
        ``walk`` (12, D), the decoded points of the straight line in latent space from the prototype
        of the first unit to that of the last.
    """
    prototypes = estimator.cluster_centers_
    nearest, farthest = members(codes, prototypes, labels)
    kept = kept_samples(len(data.x))
    line = np.linspace(prototypes[0], prototypes[-1], WALK_STEPS)
    return {
        "nearest": as_bytes(data.x[nearest] * (nearest >= 0)[:, None]),
        "farthest": as_bytes(data.x[farthest] * (farthest >= 0)[:, None]),
        "codes": codes[kept],
        "code_labels": labels[kept].astype(np.int16),
        "code_classes": data.y[kept].astype(np.int16),
        "walk": as_bytes(estimator.decode(line)),
    }


def as_bytes(images):
    """Round images in [0, 1] to the 256 grays of a screen, 0 to 255."""
    return np.round(255 * np.clip(images, 0, 1)).astype(np.uint8)
