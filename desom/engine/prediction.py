"""Applying a Keras model to a whole data set, on any backend."""

from concurrent.futures import ThreadPoolExecutor
from functools import cache
from threading import Lock
from weakref import WeakKeyDictionary

import keras
import numpy as np
from sklearn.utils import gen_batches, gen_even_slices
from threadpoolctl import ThreadpoolController

SEARCH_BYTES = 2**23  # of one temporary array: what the caches of a processor hold
# It divides 10,000, 60,000 and 70,000, so that no row of these is padding.
PREDICTION_BATCH = 2000

# One search at a time: it has all cores, and BLAS has one limit for the whole process, which is as
# it was only if whoever set it last gives it back first.
_searching = Lock()
# The forward passes compiled for TensorFlow, as long as their models live.
_programs = WeakKeyDictionary()


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

    def search(part):
        _search(z[part], center, table, nearest[part])

    with _searching:
        blas = _blas()
        n_threads = min(len(z), max((library["num_threads"] for library in blas.info()), default=1))
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
    n_rows = max(1, min(len(z), SEARCH_BYTES // (table.itemsize * max(table.shape))))
    # A last coordinate of 1 adds the norms within the product.
    points = np.ones((n_rows, len(table)), dtype=table.dtype)
    products = np.empty((n_rows, table.shape[1]), dtype=table.dtype)
    for rows in gen_batches(len(z), n_rows):
        size = rows.stop - rows.start
        np.subtract(z[rows], center, out=points[:size, :-1])
        np.matmul(points[:size], table, out=products[:size])
        np.argmin(products[:size], axis=1, out=nearest[rows])


def apply(model, x):
    """Apply a Keras model to an array of any length, in blocks of one fixed shape.

    The last block is padded. One shape means one compilation, bounded memory, and, for each row,
    the same bits whatever rows come with it. On PyTorch, the place of a row in its block can change
    its last bits.

    Parameters
    ----------
    model : keras.Model
        A model that maps (B, D) to (B, E).
    x : ndarray of float32, shape (N, D)
        The input.

    Returns
    -------
    ndarray of float32, shape (N, E)
        The output.

    Raises
    ------
    FloatingPointError
        If the output is not finite: the last steps of a training can ruin the weights unseen, for
        no later loss shows it.
    """
    forward, n_threads = _forward(model)
    output = np.empty((len(x), *model.output_shape[1:]), dtype=np.float32)

    def fill(rows):
        block = x[rows]
        padding = PREDICTION_BATCH - len(block)
        padded = np.pad(block, ((0, padding), (0, 0))) if padding else block
        output[rows] = forward(padded)[: len(block)]

    with ThreadPoolExecutor(n_threads) as threads:
        for _ in threads.map(fill, gen_batches(len(x), PREDICTION_BATCH)):
            pass
    if not np.isfinite(output).all():
        raise FloatingPointError(
            "the network's output is not finite: try a smaller learning_rate, or scale its input "
            "to [0, 1]."
        )
    return output


def _forward(model):
    """Give the forward pass of a block, and from how many threads to call it.

    On TensorFlow it is one program: Keras' ``predict_on_batch`` takes longer than the arithmetic of
    a block, and warns where many models predict little. A second thread copies a block meanwhile.
    """
    if keras.backend.backend() != "tensorflow":
        return model.predict_on_batch, 1
    import tensorflow as tf

    program = _programs.get(model)
    if program is None:
        block = tf.TensorSpec((PREDICTION_BATCH, *model.input_shape[1:]), tf.float32)
        program = tf.function(model).get_concrete_function(block, training=False)
        _programs[model] = program
    return lambda block: program(tf.constant(block)).numpy(), 2
