"""Training a Keras model many compiled steps at a time, and applying one, on any backend.

The data set lies on the device once and a step gathers its batch there by index. One call runs
about 1/200 of the training, and at least ten steps, without returning to Python; then the curves
grow by one point. Methods that look at the whole data set now and then, for new targets, return to
Python for that too.
"""

from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
from sklearn.utils import gen_batches
from tqdm import tqdm

CURVE_POINTS = 200
LEAST_STEPS = 10
# So many steps win back what XLA takes to compile them, on two cores.
STEPS_FOR_XLA = 1500
PREDICTION_BATCH = 2000


def shuffled_batches(n_samples, batch_size, rng):
    """Yield the indices of full batches, cut from one random permutation after another.

    A batch may span the end of a permutation and the start of the next, so that every sample is
    seen equally often and no batch is short.

    Parameters
    ----------
    n_samples, batch_size : int
        Size of the data set and of the batches.
    rng : numpy.random.Generator
        Source of the permutations.

    Yields
    ------
    ndarray of int32, shape (batch_size,)
        Indices of samples.
    """
    pending = np.empty(0, dtype=np.int32)
    while True:
        while len(pending) < batch_size:
            pending = np.concatenate([pending, rng.permutation(n_samples).astype(np.int32)])
        yield pending[:batch_size]
        pending = pending[batch_size:]


def curve_points(iterations):
    """Give the iterations at which the curves have a point: at most 200, the last among them.

    Ten steps at least lie between two: to return to Python takes longer than a step of a map.

    Parameters
    ----------
    iterations : int
        Number of training steps.

    Returns
    -------
    ndarray of int
        Increasing; the first is the length of one compiled call.
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
        A compiled and built model whose ``compute_loss`` needs the input alone, or the input and
        the targets that ``refresh`` gives.
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
        Called before the first step and every ``refresh_interval`` steps as ``refresh()``. Gives
        the targets of every sample for the steps to come, an array of shape (N, ...); None if the
        loss needs none; raises StopIteration to end the training.
    refresh_interval : int, optional
        Steps between two calls.

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
                try:
                    targets = refresh()
                except StopIteration:
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


def compile_steps(model, x, iterations=STEPS_FOR_XLA):
    """Compile the training step of a model, fed by indices into a data set on the device.

    Parameters
    ----------
    model : keras.Model
        As for ``train``.
    x : ndarray of float32, shape (N, D)
        The training set.
    iterations : int
        How many steps the training has in all: a few are not worth a long compilation.

    Returns
    -------
    callable
        ``run(indices, steps, targets=None)`` trains on the first ``steps`` rows of ``indices``, an
        array of int32 of shape (at least steps, batch size), with the targets of every sample where
        the loss has some. It ends after a step whose loss is not finite, and returns the number of
        steps before that one: ``steps`` if all went well.
    """
    # TensorFlow traces twice what creates variables, and JAX cannot trace it at all.
    model.optimizer.build(model.trainable_variables)
    return _STEP_COMPILERS[keras.backend.backend()](model, x, iterations)


def _tensorflow_steps(model, x, iterations):
    import tensorflow as tf

    @tf.function(jit_compile=_xla_pays(model, iterations))
    def run(data, indices, steps):
        sound, going_on = tf.constant(0), True
        while going_on and sound < steps:
            metrics = model.train_step(tuple(tf.gather(array, indices[sound]) for array in data))
            going_on = tf.math.is_finite(metrics["loss"])
            sound += tf.cast(going_on, tf.int32)
        return sound

    data = tf.constant(x)

    def run_steps(indices, steps, targets=None):
        return int(run(_with_targets(data, targets), tf.constant(indices), tf.constant(steps)))

    return run_steps


def _xla_pays(model, iterations):
    """Say whether XLA makes a training faster: on a CPU, one of many steps without slow layers.

    There, XLA's convolutions take dozens of times as long as TensorFlow's own, and its products of
    bfloat16 nine times.
    """
    slow = any(
        isinstance(layer, keras.layers.Conv2D) or layer.compute_dtype == "bfloat16"
        for layer in model._flatten_layers()
    )
    pays = iterations >= STEPS_FOR_XLA and not slow
    return pays or bool(keras.distribution.list_devices("gpu"))


class Adam(keras.optimizers.Adam):
    """Adam, by TensorFlow's own kernel: one pass over a variable, with or without XLA."""

    def update_step(self, gradient, variable, learning_rate):
        """Update one variable, and its two moments."""
        import tensorflow as tf

        index = self._get_variable_index(variable)
        # The kernel trusts that every argument is of the variable's type, and crashes otherwise.
        step = tf.cast(self.iterations + 1, variable.dtype)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=self._momentums[index].value.handle,
            v=self._velocities[index].value.handle,
            beta1_power=self.beta_1**step,
            beta2_power=self.beta_2**step,
            lr=tf.cast(learning_rate, variable.dtype),
            beta1=self.beta_1,
            beta2=self.beta_2,
            epsilon=self.epsilon,
            grad=tf.cast(gradient, variable.dtype),
        )


def adam(learning_rate):
    """Give the optimizer of every training: Adam, in the form that is fastest on the backend.

    Parameters
    ----------
    learning_rate : float
        Its step size.

    Returns
    -------
    keras.optimizers.Adam
        With Keras' other defaults.
    """
    of_backend = Adam if keras.backend.backend() == "tensorflow" else keras.optimizers.Adam
    return of_backend(learning_rate)


def jax_loop(train_step):
    """Give many steps as one function that JAX can compile.

    Parameters
    ----------
    train_step : callable
        Takes a state and a batch; gives metrics, ``loss`` among them, and the next state.

    Returns
    -------
    callable
        ``run(state, data, indices, steps)`` gives the number of steps before one whose loss is not
        finite, and the last state.
    """
    import jax

    def run(state, data, indices, steps):
        def step(progress):
            sound, _, state = progress
            batch = tuple(array[indices[sound]] for array in data)
            metrics, state = train_step(state, batch)
            going_on = jax.numpy.isfinite(metrics["loss"]).all()
            return sound + going_on, going_on, state

        def going_on(progress):
            return progress[1] & (progress[0] < steps)

        sound, _, final = jax.lax.while_loop(going_on, step, (0, True, state))
        return sound, final

    return run


def _groups(model):
    return (
        model.trainable_variables,
        model.non_trainable_variables,
        model.optimizer.variables,
        model.metrics_variables,
    )


def jax_state(model):
    """Give the state that ``model.train_step`` takes on JAX: the values of all its variables."""
    return tuple([variable.value for variable in group] for group in _groups(model))


def set_jax_state(model, state):
    """Put a state into the variables of a model."""
    for group, values in zip(_groups(model), state, strict=True):
        for variable, value in zip(group, values, strict=True):
            variable.assign(value)


def _jax_steps(model, x, iterations):
    import jax

    # The old state is not donated: whoever interrupts a training keeps a model that can be read.
    run = jax.jit(jax_loop(model.train_step))
    data = jax.numpy.asarray(x)

    def run_steps(indices, steps, targets=None):
        sound, state = run(jax_state(model), _with_targets(data, targets), indices, steps)
        set_jax_state(model, state)
        return int(sound)

    return run_steps


def _torch_steps(model, x, iterations):
    import torch

    data = keras.ops.convert_to_tensor(x)

    def run_steps(indices, steps, targets=None):
        arrays = _with_targets(data, targets)
        losses = []
        for batch in torch.as_tensor(indices[:steps], device=data.device):
            losses.append(model.train_step(tuple(array[batch] for array in arrays))["loss"])
        # Once for all steps: to look at each would stop the device at each.
        sound = torch.isfinite(torch.stack(losses))
        return int(sound.int().cumprod(0).sum())

    return run_steps


def _with_targets(data, targets):
    return (data,) if targets is None else (data, keras.ops.convert_to_tensor(targets))


_STEP_COMPILERS = {"tensorflow": _tensorflow_steps, "jax": _jax_steps, "torch": _torch_steps}


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

    On TensorFlow it is one program, kept with the model: Keras' ``predict_on_batch`` takes longer
    than the arithmetic of a block, and where many models are fitted and each predicts little,
    TensorFlow warns that it traces often. A second thread copies a block while one is computed.
    """
    if keras.backend.backend() != "tensorflow":
        return model.predict_on_batch, 1
    import tensorflow as tf

    if not hasattr(model, "forward_program"):
        block = tf.TensorSpec((PREDICTION_BATCH, *model.input_shape[1:]), tf.float32)
        model.forward_program = tf.function(model).get_concrete_function(block, training=False)
    return lambda block: model.forward_program(tf.constant(block)).numpy(), 2
