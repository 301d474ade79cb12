"""The grid distance of the authors' released code, kept to measure what its fault changes.

Read in FlorentF9/DESOM, revision dc62d58 (April 2019). Nothing else here uses it.
"""

import numpy as np

from desom.desom import DESOM
from desom.kerasom import Kerasom


def official_grid_distances(map_size):
    """Distance between units as the released code computes it: one too small for many pairs.

    The code takes the row distance of units k and l as |k - l| // columns, which is the difference
    of their rows only where their columns are in the same order as their rows.

    Parameters
    ----------
    map_size : tuple of two int
        Rows and columns of the map.

    Returns
    -------
    ndarray of int64, shape (K, K)
        The faulty distances; `som.grid_distances` gives the right ones.
    """
    rows, columns = map_size
    units = np.arange(rows * columns)
    difference = np.abs(units[:, None] - units)
    return difference // columns + np.abs(units[:, None] % columns - units % columns)


class OfficialGridMixin:
    """Gives the map of an estimator the released code's grid distance."""

    def _build_som(self):
        som = super()._build_som()
        som.grid_distances = official_grid_distances(som.map_size).astype("float32")
        return som


class OfficialKerasom(OfficialGridMixin, Kerasom):
    """`Kerasom` with the released code's grid distance."""


class OfficialDESOM(OfficialGridMixin, DESOM):
    """`DESOM` with the released code's grid distance."""
