"""The grid distance of the authors' released code, kept to measure what its fault changes.

Read in FlorentF9/DESOM, revision dc62d58 (April 2019). Nothing else here uses it.
"""

import keras
import numpy as np
from keras import ops

from desom.desom import DESOM
from desom.som import Kerasom, SOMLayer


def official_grid_distances(map_size):
    """Distances on the map, int64 (K, K), as the released code has them: too small for many pairs.

    It takes the row distance of units k and l as ‖k - l‖ // columns, which is the difference of
    their rows only where their columns are in the same order. `grid.grid_distances` has the right
    ones.
    """
    rows, columns = map_size
    units = np.arange(rows * columns)
    difference = np.abs(units[:, None] - units)
    return difference // columns + np.abs(units[:, None] % columns - units % columns)


@keras.saving.register_keras_serializable("desom")
class OfficialSOMLayer(SOMLayer):
    """`SOMLayer` with the released code's grid distance."""

    def distances_from(self, units):
        """Distances of some units to every unit, as the released code has them."""
        return ops.take(official_grid_distances(self.map_size).astype("float32"), units, axis=0)


class OfficialKerasom(Kerasom):
    """`Kerasom` with the released code's grid distance."""

    def _som_layer(self):
        return super()._som_layer(OfficialSOMLayer)


class OfficialDESOM(DESOM):
    """`DESOM` with the released code's grid distance."""

    def _som_layer(self):
        return super()._som_layer(OfficialSOMLayer)
