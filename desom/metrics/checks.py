"""What metrics accept, and how much of it they look at at once."""

import numpy as np
from keras import ops
from sklearn.utils import gen_batches

from desom.errors import InputError
from desom.grid import distances_from

# Squares of larger numbers, or of smaller differences, are lost to double precision.
LARGEST, SMALLEST = 1e150, 1e-150


class GridDistances:
    """Distances delta(k, l) between units of a map, of which rows are computed when asked for.

    It stands for the array (K, K) of `grid.grid_distances`, which has the same arguments and takes
    800 MB for a map of 100 x 100 units: ``distances[units]`` are its rows, (B, K), of int.
    """

    def __init__(self, map_size, topology="rectangular", toroidal=False):
        self.map_size, self.grid = tuple(map_size), (tuple(map_size), topology, toroidal)

    def __len__(self):
        """Count the units."""
        return int(np.prod(self.map_size))

    def __getitem__(self, units):
        """Distances of some units (B,) to every unit, (B, K)."""
        units = np.arange(len(self), dtype="int32")[units]
        return ops.convert_to_numpy(distances_from(units, *self.grid))


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
    with np.errstate(over="ignore"):
        spread, largest = float(np.ptp(array, axis=0).max()), float(np.abs(array).max())
    if largest > LARGEST or 0 < spread < SMALLEST:
        raise InputError(
            f"{name} with values up to {largest:g}, spread over {spread:g}, cannot be used: their "
            "squares are lost to double precision; measure them in another unit."
        )
    return array


def check_classes(name, given, n=None):
    """Return classes (N,), of any kind that scikit-learn takes, as integers from 0 in their order.

    These are integers, floats that are integers, booleans and strings.
    """
    array = np.asarray(given)
    if array.ndim != 1 or len(array) == 0 or n not in (None, len(array)):
        wanted = f"it must be ({n or 'any'})"
        raise InputError(f"{name} of shape {array.shape} cannot be used: {wanted}.")
    kind = array.dtype.kind
    whole = (array == np.round(array)) & np.isfinite(array) if kind == "f" else array == array
    try:
        if kind in "biufUSO" and np.all(whole):
            return np.unique(array, return_inverse=True)[1]
    except TypeError:  # strings beside None
        pass
    accepted = "integers, booleans or strings"
    raise InputError(f"{name} of type {array.dtype} cannot be used: it must hold {accepted}.")


def check_map(prototypes, grid_distances):
    """Return prototypes (K, D), in float64, and the distances (K, K) of their units on the map."""
    prototypes = check_array("prototypes", prototypes, (None, None)).astype("float64")
    return prototypes, check_distances(grid_distances, len(prototypes))


def check_distances(grid_distances, n_units):
    """Return distances between all units of a map: an array (K, K), or `GridDistances`."""
    if isinstance(grid_distances, GridDistances):
        given = (len(grid_distances),) * 2
        if given == (n_units, n_units):
            return grid_distances
        grid_distances = np.broadcast_to(0, given)
    return check_array("grid_distances", grid_distances, (n_units, n_units))


def blocks(n, width, max_bytes=4_000_000):
    """Cut n rows, of so many numbers each, into slices of so many bytes in double precision."""
    return gen_batches(max(1, n), max(1, max_bytes // (8 * width)))


def adjacent_pairs(grid_distances):
    """List the pairs of units at distance 1 on a map, each in both orders: two arrays of int."""
    starts, ends = [], []
    n_units = len(grid_distances)
    for rows in blocks(n_units, n_units):
        start, end = np.nonzero(grid_distances[rows] == 1)
        starts.append(rows.start + start)
        ends.append(end)
    return np.concatenate(starts), np.concatenate(ends)


def submatrix(grid_distances, units):
    """Distances between some units of a map (n,), of int (n, n)."""
    rows = blocks(len(units), len(grid_distances))
    return np.concatenate([grid_distances[units[r]][:, units] for r in rows])


def pair_distances(grid_distances, units, others):
    """Distances on a map between units and others, (n,), pair by pair."""
    steps = np.empty(len(units), dtype=int)
    for rows in blocks(len(units), len(grid_distances)):
        own = grid_distances[units[rows]]
        steps[rows] = own[np.arange(len(own)), others[rows]]
    return steps
