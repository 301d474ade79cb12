"""The geometry of a map: where its units are, how many steps apart, and how close that is."""

from functools import reduce
from itertools import product

import numpy as np
from keras import ops

from desom.errors import check_name


def _rectangular(rows, columns):
    return ops.abs(rows) + ops.abs(columns)


def _rectangular8(rows, columns):
    return ops.maximum(ops.abs(rows), ops.abs(columns))


def _hexagonal(rows, columns):
    # Along the rows' slanted axes, a step changes one of three coordinates that sum to zero.
    return ops.maximum(_rectangular8(rows, columns), ops.abs(rows + columns))


# Steps between units that differ by so many rows and columns, where a unit has 4, 8 or 6 neighbors.
TOPOLOGIES = {
    "rectangular": _rectangular,
    "rectangular8": _rectangular8,
    "hexagonal": _hexagonal,
}


def grid_coordinates(map_size, topology="rectangular"):
    """Place every unit in the plane, row by row, at distance 1 from its horizontal neighbors.

    On a hexagonal grid, every other row is shifted by half a step to the right. Gives float64 (K,
    2): height, which grows downwards, and place in the row of unit k = row * columns + column.
    """
    rows, columns = np.indices(map_size).reshape(2, -1).astype(float)
    if topology == "hexagonal":
        rows, columns = rows * np.sqrt(3) / 2, columns + rows % 2 / 2
    return np.stack([rows, columns], axis=1)


def distances_from(units, map_size, topology="rectangular", toroidal=False):
    """Distance delta(k, l) of some units k to every unit l: the number of steps between neighbors.

    From units (B,), counted row by row, to int32 (B, K): no (K, K) array is built, which would be
    most of the memory of a large map. A unit's neighbors are, by the topology, rectangular, the 4
    beside it, as in the paper, where delta is then the Manhattan distance; with the diagonal ones
    8, rectangular8; or 6, hexagonal, on a grid whose odd rows are shifted by half a step to the
    right. On a torus opposite borders touch; a hexagonal one has an even number of rows.
    """
    height, width = map_size
    slant = int(topology == "hexagonal")

    def places(units):
        rows = units // width
        return rows, units % width - slant * (rows // 2)

    # Computed on the device: to fetch a table from the host would stop it at every step.
    ends = places(ops.arange(height * width, dtype="int32"))
    starts = places(ops.cast(units, "int32"))
    row_steps, column_steps = (a[:, None] - b for a, b in zip(starts, ends, strict=True))
    steps = TOPOLOGIES[topology]
    # Once around the torus in each direction, or not at all.
    turns = product((-1, 0, 1), repeat=2) if toroidal else [(0, 0)]
    return reduce(
        ops.minimum,
        (
            steps(row_steps + i * height, column_steps + j * width - slant * (i * height // 2))
            for i, j in turns
        ),
    )


def grid_distances(map_size, topology="rectangular", toroidal=False):
    """Distance delta(k, l) between every two units, int64 of shape (K, K); see `distances_from`."""
    units = np.arange(np.prod(map_size), dtype="int32")
    distances = distances_from(units, map_size, topology, toroidal)
    return ops.convert_to_numpy(distances).astype("int64")


def neighborhood(distances, temperature):
    """K^T(d) = exp(-d² / T²): weight of a unit at distance d on the map (ESANN 2019, section 2).

    A Gaussian of sigma = T / sqrt(2): libraries that write exp(-d² / 2 sigma²) mean the same curve.
    """
    ratio = ops.divide(distances, temperature)
    # Not the negative square: TensorFlow computes a chain of unary functions value by value.
    return ops.exp(-ratio * ratio)


def cell_corners(map_size, topology="rectangular"):
    """Place the corners of every unit's cell in the plane: a square, or a hexagon, of width 1.

    The centers are those of `grid_coordinates`; (K, 4 or 6, 2) floats, place in the row and height.
    """
    check_name("topology", topology, TOPOLOGIES)
    n = 6 if topology == "hexagonal" else 4
    angles = np.pi * (2 * np.arange(n) + 1) / n
    corners = np.stack([np.cos(angles), np.sin(angles)], axis=1) / (2 * np.cos(np.pi / n))
    return grid_coordinates(map_size, topology)[:, None, ::-1] + corners
