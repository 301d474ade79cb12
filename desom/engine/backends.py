"""What differs between backends: compiling a training step, and many of them; precision; Adam."""

from contextlib import contextmanager

import keras
import numpy as np
from keras import ops

from desom.errors import InputError

# So many steps win back what XLA takes to compile them, on two cores.
STEPS_FOR_XLA = 1500


@contextmanager
def usual_precision():
    """Have Keras compute in float32 in this thread, whatever ``set_dtype_policy`` was given before.

    For ``with``, around what builds and trains a model; layers that are told their precision keep
    it. Raises InputError if ``keras.config.floatx()`` is not float32: all threads share it.
    """
    if (floatx := keras.config.floatx()) != "float32":
        raise InputError(
            f"keras.config.floatx() is {floatx!r}; networks are trained in float32: call "
            "keras.config.set_floatx('float32') before."
        )
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float32")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(policy)


def compile_steps(model, x, iterations=STEPS_FOR_XLA):
    """Compile the training step of a model, fed by indices into a data set on the device.

    ``model`` and ``x`` are as for `train`; ``iterations`` says how many steps the training has in
    all, for a few are not worth a long compilation. Of a data set that is mapped from a file, only
    the rows of one call go to the device at a time. Gives ``run(indices, steps, targets=None)``,
    which trains on the first ``steps`` rows of ``indices``, int32 (at least steps, batch size),
    with the targets of every sample where the loss has some. It ends after a step whose loss is not
    finite, and returns the number of steps before that one: ``steps`` if all went well.
    """
    # TensorFlow traces twice what creates variables, and JAX cannot trace it at all.
    model.optimizer.build(model.trainable_variables)
    run = _STEP_COMPILERS[keras.backend.backend()](model, iterations)
    on_disk = is_mapped(x)
    x = x if on_disk else ops.convert_to_tensor(x)

    def run_steps(indices, steps, targets=None):
        arrays = [x] if targets is None else [x, targets]
        if on_disk:
            arrays = [array[indices.ravel()] for array in arrays]
            indices = np.arange(indices.size, dtype=np.int32).reshape(indices.shape)
        return run(tuple(map(ops.convert_to_tensor, arrays)), indices, steps)

    return run_steps


def is_mapped(x):
    """Say whether an array is a view of a file, mapped into memory: it may be larger than that."""
    while x is not None and not isinstance(x, np.memmap):
        x = getattr(x, "base", None)
    return x is not None


def _tensorflow_steps(model, iterations):
    import tensorflow as tf

    @tf.function(jit_compile=xla_pays(model, iterations))
    def run(data, indices, steps):
        sound, going_on = tf.constant(0), True
        while going_on and sound < steps:
            metrics = model.train_step(tuple(tf.gather(array, indices[sound]) for array in data))
            going_on = tf.math.is_finite(metrics["loss"])
            sound += tf.cast(going_on, tf.int32)
        return sound

    return lambda data, indices, steps: int(run(data, tf.constant(indices), tf.constant(steps)))


def xla_pays(model, iterations):
    """Say whether XLA makes a training of so many steps faster: on a GPU always.

    On a CPU where there are many and no slow layers: its convolutions take dozens of times as long
    as TensorFlow's own, its products of bfloat16 nine times.
    """
    slow = any(
        isinstance(layer, keras.layers.Conv2D) or layer.compute_dtype == "bfloat16"
        for layer in model._flatten_layers()
    )
    pays = iterations >= STEPS_FOR_XLA and not slow
    return pays or bool(keras.distribution.list_devices("gpu"))


@keras.saving.register_keras_serializable("desom")
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
    """Give the optimizer of every training: Adam, in the form that is fastest on the backend."""
    on_tensorflow = keras.backend.backend() == "tensorflow"
    return (Adam if on_tensorflow else keras.optimizers.Adam)(learning_rate)


def jax_loop(train_step):
    """Give many steps as one function that JAX can compile.

    From ``train_step``, of a state and a batch to metrics and the next state, to ``run(state, data,
    indices, steps)``, which gives the number of steps before one whose loss is not finite, and the
    last state.
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


def _jax_steps(model, iterations):
    import jax

    # The old state is not donated: whoever interrupts a training keeps a model that can be read.
    run = jax.jit(jax_loop(model.train_step))

    def run_steps(data, indices, steps):
        sound, state = run(jax_state(model), data, indices, steps)
        set_jax_state(model, state)
        return int(sound)

    return run_steps


def _torch_steps(model, iterations):
    import torch

    def run_steps(data, indices, steps):
        losses = []
        for batch in torch.as_tensor(indices[:steps], device=data[0].device):
            losses.append(model.train_step(tuple(array[batch] for array in data))["loss"])
        # Once for all steps: to look at each would stop the device at each.
        sound = torch.isfinite(torch.stack(losses))
        return int(sound.int().cumprod(0).sum())

    return run_steps


_STEP_COMPILERS = {"tensorflow": _tensorflow_steps, "jax": _jax_steps, "torch": _torch_steps}
