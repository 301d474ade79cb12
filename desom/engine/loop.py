"""Training a Keras model many compiled steps at a time, on any backend.

The data set lies on the device once and a step gathers its batch there by index; a file that is
mapped into memory stays on disk, and each call reads its rows. One call runs about 1/200 of the
training, and at least ten steps, without returning to Python; then the curves grow by one point.
Methods that look at the whole data set now and then, for new targets, return to Python too.
"""

import numpy as np
from tqdm import tqdm

from desom.engine.backends import compile_steps

CURVE_POINTS = 200  # at most, so that records stay small
LEAST_STEPS = 10  # between two points: a return to Python takes longer than a step of a map


def shuffled_batches(n_samples, batch_size, rng):
    """Yield int32 indices (batch_size,) of full batches, cut from random permutations in a row.

    A batch may span the end of a permutation and the start of the next, so that every sample is
    seen equally often and no batch is short.
    """
    pending = np.empty(0, dtype=np.int32)
    while True:
        while len(pending) < batch_size:
            pending = np.concatenate([pending, rng.permutation(n_samples).astype(np.int32)])
        yield pending[:batch_size]
        pending = pending[batch_size:]


def curve_points(iterations):
    """Give the iterations at which the curves have a point: increasing, the last among them.

    The first is the length of one compiled call.
    """
    chunk = max(LEAST_STEPS, -(-iterations // CURVE_POINTS))
    return np.append(np.arange(chunk, iterations, chunk), iterations)


def train(
    model,
    x,
    iterations,
    batch_size,
    rng,
    callback=None,
    verbose=False,
    refresh=None,
    refresh_interval=None,
):
    """Train a compiled Keras model on shuffled batches.

    Parameters
    ----------
    model : keras.Model
        Its ``compute_loss`` needs the input alone, or also the targets that ``refresh`` gives.
    x : ndarray of float32, shape (N, D)
        The training set.
    iterations : int
        Number of training steps.
    batch_size : int
        Samples per step; the whole set where that is smaller.
    rng : numpy.random.Generator
        Source of the shuffling.
    callback : callable, optional
        Called as ``callback(iteration)`` at each of the curves' points.
    verbose : bool
        Whether to show a progress bar.
    refresh : callable, optional
        Called before the first step and every ``refresh_interval`` steps. Gives the targets of
        every sample for the steps to come, an array (N, ...), or None to end the training.

    Returns
    -------
    dict of str to list
        The curves: ``iteration``, and every metric of the model averaged over the iterations
        since the previous point; at most 200 points.

    Raises
    ------
    FloatingPointError
        If a loss is not finite: at once, before another step; with PyTorch, before another point.
    """
    batch_size = min(batch_size, len(x))
    batches = shuffled_batches(len(x), batch_size, rng)
    run_steps = compile_steps(model, x, iterations)
    points = curve_points(iterations)
    refreshed = np.arange(0, iterations, refresh_interval) if refresh else []
    stops = np.union1d(points, refreshed[1:]).astype(int)
    indices = np.zeros((np.diff(stops, prepend=0).max(), batch_size), dtype=np.int32)
    curves, start, targets = {"iteration": []}, 0, None
    with tqdm(total=iterations, disable=not verbose, unit="it", mininterval=1.0) as progress:
        for stop in stops.tolist():
            if start in refreshed:
                targets = refresh()
                if targets is None:
                    break
            # Fewer steps at last leave the rest of the array unread: one shape, one compilation.
            for row in range(stop - start):
                indices[row] = next(batches)
            sound = run_steps(indices, stop - start, targets)
            if sound < stop - start:
                raise FloatingPointError(
                    f"the loss is not finite at iteration {start + sound + 1}: try a smaller "
                    "learning_rate, or scale X to [0, 1]."
                )
            progress.update(stop - start)
            start = stop
            if stop in points:
                add_point(curves, stop, model)
                progress.set_postfix(loss=f"{curves['loss'][-1]:.4g}", refresh=False)
                if callback is not None:
                    callback(stop)
    if start and curves["iteration"][-1:] != [start]:
        add_point(curves, start, model)
    return curves


def add_point(curves, iteration, model):
    """Add the averages of a model's metrics to the curves, and start new ones."""
    curves["iteration"].append(iteration)
    for name, value in model.get_metrics_result().items():
        curves.setdefault(name, []).append(float(value))
    model.reset_metrics()
