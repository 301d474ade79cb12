"""Other views of samples: their neighbors; images slightly rotated and moved."""

import numpy as np
from keras import ops
from sklearn.neighbors import NearestNeighbors
from sklearn.utils import gen_batches

from desom.baselines._convolutional import side_of

# What Guo et al. (ACML 2018) take: a tenth of the side, ten degrees.
SHIFT, ROTATION = 0.1, np.radians(10)
BLOCK = 2_000


def neighbors_of(codes, n_neighbors):
    """Find the nearest others of every code (N, d): their indices, (N, n_neighbors)."""
    return NearestNeighbors(n_neighbors=n_neighbors).fit(codes).kneighbors(return_distance=False)


def views_of(X, nearest, strength, rng):
    """Give a view of every sample (N, D): one of its neighbors (N, n) at random, `transformed`.

    Without neighbors, None, it is the sample itself; of strength 0, as it is.
    """
    views = X
    if nearest is not None:
        views = X[nearest[np.arange(len(X)), rng.integers(nearest.shape[1], size=len(X))]]
    return transformed(views, strength, rng) if strength else views


def transformed(images, strength, rng):
    """Rotate and move flat square images (N, D) at random, by up to strength times the usual.

    Each about its center, by uniform angles and distances; what comes from outside is 0.
    """
    n, side = len(images), side_of(images.shape[1])
    angle = rng.uniform(-ROTATION, ROTATION, n) * strength
    right, down = rng.uniform(-SHIFT, SHIFT, (2, n)) * strength * side
    cos, sin, center = np.cos(angle), np.sin(angle), (side - 1) / 2
    # From a place in the view to one in the image: eight numbers of a projection, the last two 0.
    rows = np.zeros((n, 8), dtype="float32")
    rows[:, 0], rows[:, 1], rows[:, 2] = cos, -sin, center * (1 - cos + sin) + right
    rows[:, 3], rows[:, 4], rows[:, 5] = sin, cos, center * (1 - sin - cos) + down
    views = np.empty_like(images)
    for part in gen_batches(n, BLOCK):
        pixels = images[part].reshape(-1, side, side, 1)
        moved = ops.image.affine_transform(pixels, rows[part])
        views[part] = ops.convert_to_numpy(moved).reshape(-1, side**2)
    return views
