"""The self-organizing map: its grid, its neighborhood, its loss, and the layer that holds it.

Notation of the paper (Forest et al., ESANN 2019): data points z_i, prototypes m_k (k = 1..K),
best-matching unit chi(i), distance on the map delta(k, l), temperature T, neighborhood K^T.
"""

from concurrent.futures import ThreadPoolExecutor
from functools import cache, reduce
from itertools import product

import keras
import numpy as np
from keras import ops
from sklearn.utils import gen_batches, gen_even_slices
from threadpoolctl import ThreadpoolController

BLOCK_SIZE = 2**21  # values of one temporary array: what the caches of a processor hold


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

    Parameters
    ----------
    map_size : tuple of two int
        Rows and columns of the map.
    topology : {"rectangular", "rectangular8", "hexagonal"}
        On a hexagonal grid, every other row is shifted by half a step to the right.

    Returns
    -------
    ndarray of float64, shape (K, 2)
        Height and place in the row of unit k = row * columns + column; heights grow downwards.
    """
    rows, columns = np.indices(map_size).reshape(2, -1).astype(float)
    if topology == "hexagonal":
        rows, columns = rows * np.sqrt(3) / 2, columns + rows % 2 / 2
    return np.stack([rows, columns], axis=1)


def distances_from(units, map_size, topology="rectangular", toroidal=False):
    """Distance delta(k, l) of some units k to every unit l: the number of steps between neighbors.

    It comes from the places of the units. No (K, K) array is built, which would be most of the
    memory of a large map.

    Parameters
    ----------
    units : tensor of int, shape (B,)
        Some units k, counted row by row.
    map_size : tuple of two int
        Rows and columns of the map.
    topology : {"rectangular", "rectangular8", "hexagonal"}
        A unit's neighbors: the 4 beside it, as in the paper, where delta is then the Manhattan
        distance; with the diagonal ones 8; or 6, on a grid whose odd rows are shifted by half a
        step to the right.
    toroidal : bool
        Whether opposite borders touch. A hexagonal grid then has an even number of rows.

    Returns
    -------
    tensor of int32, shape (B, K)
        The distances.
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
    """Distance delta(k, l) between every two units, as a matrix.

    Parameters
    ----------
    map_size, topology, toroidal
        As for `distances_from`.

    Returns
    -------
    ndarray of int64, shape (K, K)
        The distances; unit k is in row k // columns.
    """
    units = np.arange(np.prod(map_size), dtype="int32")
    distances = distances_from(units, map_size, topology, toroidal)
    return ops.convert_to_numpy(distances).astype("int64")


def temperature(iteration, iterations, t_max, t_min):
    """T = T_max (T_min / T_max)^(iter / iterations): exponential decay (ESANN 2019, Algorithm 1).

    Parameters
    ----------
    iteration : int, float or tensor
        The current iteration, from 1 to ``iterations``.
    iterations : int
        Length of the training.
    t_max, t_min : float
        Temperature at iteration 0 and at the last one, in steps on the map.

    Returns
    -------
    float or tensor
        The temperature T, in steps on the map.
    """
    return t_max * (t_min / t_max) ** (iteration / iterations)


def linear_temperature(iteration, iterations, t_max, t_min):
    """T = T_max + (T_min - T_max) iter / iterations: linear decay; as `temperature` otherwise."""
    return t_max + (t_min - t_max) * (iteration / iterations)


def constant_temperature(iteration, iterations, t_max, t_min):
    """T = T_max from the first iteration to the last; as `temperature` otherwise."""
    return t_max + 0.0 * iteration


DECAYS = {
    "exponential": temperature,
    "linear": linear_temperature,
    "constant": constant_temperature,
}


def neighborhood(distances, temperature):
    """K^T(d) = exp(-d² / T²): weight of a unit at distance d on the map (ESANN 2019, section 2).

    This is a Gaussian of standard deviation sigma = T / sqrt(2): libraries that write
    exp(-d² / 2 sigma²) mean the same curve with another letter.

    Parameters
    ----------
    distances : array or tensor
        Distances on the map, delta(k, l) >= 0.
    temperature : float or scalar tensor
        T > 0, in the unit of the distances.

    Returns
    -------
    tensor
        Weights in [0, 1], of the shape of ``distances``; 1 at distance 0.
    """
    ratio = ops.divide(distances, temperature)
    # Not the negative square: TensorFlow computes a chain of unary functions value by value.
    return ops.exp(-ratio * ratio)


def squared_distances(z, prototypes):
    """‖z_i - m_k‖² = ‖z_i‖² - 2 z_i·m_k + ‖m_k‖², for every pair, as one matrix product.

    The expansion never builds the (B, K, D) array of differences. Rounding can leave a value just
    below zero where a point sits on a prototype; it is clipped.

    Parameters
    ----------
    z : tensor of shape (B, D)
        Points, in the space where the prototypes live.
    prototypes : tensor of shape (K, D)
        The prototypes m_k.

    Returns
    -------
    tensor of shape (B, K)
        Squared Euclidean distances.
    """
    z_norms = ops.sum(ops.square(z), axis=1, keepdims=True)
    prototype_norms = ops.sum(ops.square(prototypes), axis=1)
    products = ops.matmul(z, ops.transpose(prototypes))
    return ops.maximum(z_norms - 2.0 * products + prototype_norms, 0.0)


def best_matching_units(squared_distances):
    """chi(i) = argmin_k ‖z_i - m_k‖²: index of the nearest prototype (ESANN 2019, section 2).

    Parameters
    ----------
    squared_distances : tensor of shape (B, K)
        Squared distances of every point to every prototype.

    Returns
    -------
    tensor of int, shape (B,)
        The best-matching unit (BMU) of every point, in 0..K-1.
    """
    return ops.argmin(squared_distances, axis=1)


def nearest_prototypes(z, prototypes):
    """chi(i) of a whole data set, in blocks of bounded memory, on the processor.

    One matrix product per block gives -2 z_i·m_k + ‖m_k‖², which differs from ‖z_i - m_k‖² by the
    same number for all k. Both are first moved to the mean of the prototypes, so that little is
    lost by rounding where they lie far from the origin.

    Parameters
    ----------
    z : ndarray of shape (N, D)
        Points, in the space where the prototypes live.
    prototypes : ndarray of shape (K, D)
        The prototypes m_k.

    Returns
    -------
    ndarray of int, shape (N,)
        Index of the nearest prototype, the first of equals.
    """
    center = prototypes.mean(axis=0)
    centered = prototypes - center
    table = np.vstack([-2 * centered.T, np.sum(centered**2, axis=1)])
    nearest = np.empty(len(z), dtype=np.intp)
    blas = _blas()
    n_threads = min(len(z), max((library["num_threads"] for library in blas.info()), default=1))

    def search(part):
        _search(z[part], center, table, nearest[part])

    # Threads that each multiply and search are twice as fast as one that does both in turn.
    with blas.limit(limits=1), ThreadPoolExecutor(n_threads) as threads:
        for _ in threads.map(search, gen_even_slices(len(z), n_threads)):
            pass
    return nearest


@cache
def _blas():
    return ThreadpoolController().select(user_api="blas")


def _search(z, center, table, nearest):
    """Write the column of the table with the least product, point by point, into ``nearest``."""
    n_rows = max(1, min(len(z), BLOCK_SIZE // max(table.shape)))
    # A last coordinate of 1 adds the norms within the product.
    points = np.ones((n_rows, len(table)), dtype=table.dtype)
    products = np.empty((n_rows, table.shape[1]), dtype=table.dtype)
    for rows in gen_batches(len(z), n_rows):
        size = rows.stop - rows.start
        np.subtract(z[rows], center, out=points[:size, :-1])
        np.matmul(points[:size], table, out=products[:size])
        np.argmin(products[:size], axis=1, out=nearest[rows])


def neighborhood_weights(distances, temperature):
    """w_ik = K^T(delta(chi(i), k)), held fixed: no gradient flows through (ESANN 2019, Alg. 1).

    Parameters
    ----------
    distances : tensor of shape (B, K)
        delta(chi(i), k), of every point's best-matching unit to every unit on the map.
    temperature : float or scalar tensor
        The temperature T.

    Returns
    -------
    tensor of shape (B, K)
        The weights of every unit for every point.
    """
    return ops.stop_gradient(neighborhood(distances, temperature))


def som_loss(squared_distances, weights):
    """L_som = 1/N sum_i sum_k w_ik ‖z_i - m_k‖² (ESANN 2019, SOM loss).

    Parameters
    ----------
    squared_distances : tensor of shape (B, K)
        ‖z_i - m_k‖².
    weights : tensor of shape (B, K)
        The neighborhood weights w_ik.

    Returns
    -------
    scalar tensor
        Summed over the units, averaged over the points.
    """
    return ops.mean(ops.sum(weights * squared_distances, axis=1))


@keras.saving.register_keras_serializable(package="desom")
class SOMLayer(keras.layers.Layer):
    """A map of prototypes: takes points, gives their squared distances to the prototypes.

    Parameters
    ----------
    map_size : tuple of two int
        Rows and columns of the map.
    t_max, t_min : float
        Temperature at the beginning and at the end of the training, in steps on the map.
    iterations : int
        Length of the training, over which the temperature decays.
    topology : {"rectangular", "rectangular8", "hexagonal"}
        As for `distances_from`.
    toroidal : bool
        Whether opposite borders of the map touch.
    decay : {"exponential", "linear", "constant"}
        How the temperature decays, see `DECAYS`.

    Attributes
    ----------
    prototypes : keras.Variable of shape (K, D)
        The prototypes m_k, in the space of the layer's input.
    iteration : keras.Variable, int scalar
        Training iterations seen so far.
    """

    def __init__(
        self,
        map_size,
        t_max,
        t_min,
        iterations,
        topology="rectangular",
        toroidal=False,
        decay="exponential",
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.map_size = tuple(map_size)
        self.t_max, self.t_min, self.iterations = t_max, t_min, iterations
        self.topology, self.toroidal, self.decay = topology, toroidal, decay

    def build(self, input_shape):
        """Create the K prototypes, in the space of the input."""
        shape = (int(np.prod(self.map_size)), input_shape[-1])
        self.prototypes = self.add_weight(shape=shape, name="prototypes")
        self.iteration = self.add_weight(
            shape=(), dtype="int32", initializer="zeros", trainable=False, name="iteration"
        )

    def call(self, z):
        """Squared distances of the points to the prototypes, of shape (B, K)."""
        return squared_distances(z, self.prototypes)

    def distances_from(self, units):
        """Distances on the map of some units to every unit, float32 of shape (B, K)."""
        distances = distances_from(units, self.map_size, self.topology, self.toroidal)
        return ops.cast(distances, "float32")

    def tick(self):
        """Move the clock, and with it the temperature, by one iteration."""
        self.iteration.assign(self.iteration + 1)

    def temperature(self):
        """Temperature T of the current iteration, a scalar tensor."""
        iteration = ops.cast(self.iteration, "float32")
        return DECAYS[self.decay](iteration, self.iterations, self.t_max, self.t_min)

    def loss(self, squared_distances):
        """SOM loss of a batch: its best-matching units, their weights, the weighted distances."""
        bmus = best_matching_units(squared_distances)
        weights = neighborhood_weights(self.distances_from(bmus), self.temperature())
        return som_loss(squared_distances, weights)

    def get_config(self):
        """Return the constructor's arguments, as Keras needs them to save a model."""
        names = ("map_size", "t_max", "t_min", "iterations", "topology", "toroidal", "decay")
        return super().get_config() | {name: getattr(self, name) for name in names}
