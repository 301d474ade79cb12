"""What a page shows of a fitted map beside its prototypes: members, codes, and a walk."""

import numpy as np

from desom.desom import SNAPSHOT_SAMPLES

CODES = 2000
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


def gallery(estimator, data, labels):
    """Collect the pictures of a fitted map, small enough to commit.

    Parameters
    ----------
    estimator : MapEstimator with a decoder
        Fitted on ``data.x``.
    data : datasets.Dataset
        Images with classes.
    labels : ndarray of int, shape (N,)
        Best-matching unit of every sample.

    Returns
    -------
    dict of str to ndarray
        ``nearest`` and ``farthest`` (K, D), the members of every unit as bytes, black where a unit
        is empty; ``codes`` (n, latent dimension) of n = 2,000 samples spread over the data, with
        their ``code_labels`` and ``code_classes``; ``snapshot_classes``, the classes of the samples
        whose codes the snapshots keep; ``walk`` (12, D), the decoded points of the
        straight line in latent space from the prototype of the first unit to that of the last.
    """
    codes = estimator.transform(data.x)
    prototypes = estimator.cluster_centers_
    nearest, farthest = members(codes, prototypes, labels)
    spread = np.linspace(0, len(data.x) - 1, min(CODES, len(data.x))).astype(int)
    line = np.linspace(prototypes[0], prototypes[-1], WALK_STEPS)
    return {
        "nearest": _bytes(data.x[nearest] * (nearest >= 0)[:, None]),
        "farthest": _bytes(data.x[farthest] * (farthest >= 0)[:, None]),
        "codes": codes[spread].astype(np.float16),
        "code_labels": labels[spread].astype(np.int16),
        "code_classes": data.y[spread].astype(np.int16),
        "snapshot_classes": data.y[:SNAPSHOT_SAMPLES].astype(np.int16),
        "walk": _bytes(estimator.decode(line)),
    }


def _bytes(images):
    return np.round(255 * np.clip(images, 0, 1)).astype(np.uint8)
