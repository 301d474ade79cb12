"""What metrics accept, and how many points they look at at once."""

import numpy as np
from sklearn.utils import gen_batches

from desom.errors import InputError


def check_array(name, given, shape, kinds="iuf"):
    """Return an array of finite numbers if it has the shape, where None is any length above 0.

    ``kinds`` are the kinds of dtypes that are accepted, as NumPy abbreviates them.
    """
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


def check_map(prototypes, grid_distances, n_features=None):
    """Return prototypes (K, D), in float64, and the distances (K, K) of their units on the map."""
    prototypes = check_array("prototypes", prototypes, (None, n_features)).astype("float64")
    n_units = len(prototypes)
    return prototypes, check_array("grid_distances", grid_distances, (n_units, n_units))


def blocks(points, prototypes, max_bytes=4_000_000):
    """Cut points (N, D) into slices whose distances to prototypes (K, D) take so many bytes."""
    return gen_batches(len(points), max(1, max_bytes // (8 * max(prototypes.shape))))
