"""Applying a Keras model to a whole data set, on any backend."""

from concurrent.futures import ThreadPoolExecutor
from functools import cache
from threading import Lock
from weakref import WeakKeyDictionary

import keras
import numpy as np
from scipy.spatial.distance import cdist
from sklearn.utils import gen_batches, gen_even_slices
from threadpoolctl import ThreadpoolController

SEARCH_BYTES = 2**23  # of one temporary array: what the caches of a processor hold
# Of two units nearer to a point than this share of the norms, squared, single precision cannot say
# which is the nearest.
UNSURE = 1e-3
# It divides 10,000, 60,000 and 70,000, so that no row of these is padding.
PREDICTION_BATCH = 2000
# A block for a few samples, on TensorFlow, where its products add as those of the usual block do.
FEW_ROWS = 32
BLOCK_BYTES = 2**26  # of the input of one block, where rows are long

# One search at a time: it has all cores, and BLAS has one limit for the whole process, which is as
# it was only if whoever set it last gives it back first.
_searching = Lock()
# Keras on JAX takes the weights out of the model while it predicts.
_predicting = Lock()
# The forward passes compiled for TensorFlow, as long as their models live.
_programs = WeakKeyDictionary()


def nearest_prototypes(z, prototypes):
    """chi(i) of a whole data set, in blocks of bounded memory, on the processor.

    From points (N, D) and prototypes m_k (K, D) to an ndarray of int (N,): the first of equals.

    One matrix product per block gives -2 z_i·m_k + ‖m_k‖², which differs from ‖z_i - m_k‖² by the
    same number for all k. Both are first moved to the mean of the prototypes, so that little is
    lost by rounding where they lie far from the origin. Where a point is so near to a unit, beside
    the extent of the map, that much is lost all the same, its distances are computed one by one.
    """
    center = prototypes.mean(axis=0, dtype=float).astype(prototypes.dtype)
    centered = prototypes - center
    # A power of two changes no digit, and keeps very large and very small squares.
    exponent = np.frexp(np.abs(centered).max())[1]
    scale = np.ldexp(prototypes.dtype.type(1), -exponent if abs(exponent) > 30 else 0)
    centered *= scale
    table = np.vstack([-2 * centered.T, np.sum(centered**2, axis=1)])
    nearest = np.empty(len(z), dtype=np.intp)

    def search(part):
        _search(z[part], prototypes, center, scale, table, nearest[part])

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


def _search(z, prototypes, center, scale, table, nearest):
    """Write the column of the table with the least product, point by point, into ``nearest``."""
    n_rows = max(1, min(len(z), SEARCH_BYTES // (table.itemsize * max(table.shape))))
    # A last coordinate of 1 adds the norms within the product.
    points = np.ones((n_rows, len(table)), dtype=table.dtype)
    products = np.empty((n_rows, table.shape[1]), dtype=table.dtype)
    largest = table[-1].max()
    for rows in gen_batches(len(z), n_rows):
        size, block = rows.stop - rows.start, z[rows]
        own = points[:size, :-1]
        np.subtract(block, center, out=own)
        if scale != 1:
            own *= scale
        np.matmul(points[:size], table, out=products[:size])
        units = products[:size].argmin(axis=1, out=nearest[rows])
        norms = np.einsum("ij,ij->i", own, own)
        squared = norms + products[np.arange(size), units]
        unsure = np.flatnonzero(squared < UNSURE * (norms + largest))
        for part in gen_batches(max(1, len(unsure)), max(1, n_rows // 4)):
            close = unsure[part]
            units[close] = cdist(block[close], prototypes, "sqeuclidean").argmin(axis=1)


def quantization_error(x, prototypes):
    """Mean distance from points (N, D) to the nearest of the prototypes (K, D), a float >= 0."""
    nearest, total = nearest_prototypes(x, prototypes), 0.0
    for rows in gen_batches(len(x), max(1, SEARCH_BYTES // (8 * x.shape[1]))):
        steps = x[rows].astype(float) - prototypes[nearest[rows]]
        total += np.linalg.norm(steps, axis=1).sum()
    return float(total / len(x))


def apply(model, x):
    """Apply a Keras model to an array of any length, in blocks of one shape, of bounded memory.

    From float32 (N, D) to float32 (N, E). The last block is padded. One shape, and a smaller one
    for a few rows, means two compilations, and, for each row, the same bits whatever rows come with
    it. On PyTorch, the place of a row in its block can change its last bits. Raises
    FloatingPointError if the output is not finite: the last steps of a training can ruin the
    weights unseen, for no later loss shows it.
    """
    # By the model alone: fewer where its input or output is wide.
    width = max(model.input_shape[1], *model.output_shape[1:])
    few = len(x) <= FEW_ROWS and keras.backend.backend() == "tensorflow"
    n_rows = FEW_ROWS if few else PREDICTION_BATCH
    n_rows = max(1, min(n_rows, BLOCK_BYTES // (4 * width)))
    forward, n_threads = _forward(model, n_rows)
    output = np.empty((len(x), *model.output_shape[1:]), dtype=np.float32)

    def fill(rows):
        block = x[rows]
        padding = n_rows - len(block)
        padded = np.pad(block, ((0, padding), (0, 0))) if padding else block
        output[rows] = forward(padded)[: len(block)]

    with ThreadPoolExecutor(n_threads) as threads:
        for _ in threads.map(fill, gen_batches(len(x), n_rows)):
            pass
    if not np.isfinite(output).all():
        raise FloatingPointError(
            "the network's output is not finite: try a smaller learning_rate, or scale its input "
            "to [0, 1]."
        )
    return output


def _forward(model, n_rows):
    """Give the forward pass of a block, and from how many threads to call it.

    On TensorFlow it is one program: Keras' ``predict_on_batch`` takes longer than the arithmetic of
    a block, and warns where many models predict little. A second thread copies a block meanwhile.
    """
    if keras.backend.backend() != "tensorflow":

        def forward(block):
            with _predicting:
                return model.predict_on_batch(block)

        return forward, 1
    import tensorflow as tf

    programs = _programs.setdefault(model, {})
    if n_rows not in programs:
        block = tf.TensorSpec((n_rows, *model.input_shape[1:]), tf.float32)
        programs[n_rows] = tf.function(model).get_concrete_function(block, training=False)
    program = programs[n_rows]
    return lambda block: program(tf.constant(block)).numpy(), 2
