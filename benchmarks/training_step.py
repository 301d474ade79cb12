"""What a training step of DESOM costs, beside its own arithmetic, other loops and PyTorch.

All contenders train in one process, in turn, on the same batches of MNIST.
"""

from functools import partial

import keras
import numpy as np
import tensorflow as tf
from _timing import in_turn, median_ratio, record

from desom import datasets
from desom.autoencoder import AutoencoderModel, build_networks
from desom.desom import DESOMModel
from desom.engine.backends import adam, compile_steps
from desom.engine.loop import shuffled_batches
from desom.som import SOMLayer

ROUNDS, STEPS, BATCH = 25, 20, 256
HIDDEN_UNITS, LATENT_DIM = (500, 500, 2000), 10


def compiled(model):
    """Give a Keras model an optimizer, and return it."""
    model.compile(optimizer=adam(1e-3))
    return model


def autoencoder(n_features):
    """Build the autoencoder of DESOM alone."""
    seeds = keras.random.SeedGenerator(0)
    return compiled(AutoencoderModel(*build_networks(n_features, HIDDEN_UNITS, LATENT_DIM, seeds)))


def desom(n_features, dtype=None, hidden_units=HIDDEN_UNITS, side=8):
    """Build DESOM, by default with the settings of the paper."""
    seeds = keras.random.SeedGenerator(0)
    networks = build_networks(n_features, hidden_units, LATENT_DIM, seeds, dtype)
    som = SOMLayer((side, side), t_max=10.0, t_min=0.1, iterations=10_000)
    return compiled(DESOMModel(*networks, som, gamma=0.001))


def products_alone(model, jit_compile):
    """Compile the matrix products of a step: of each layer, its output and two gradients.

    The first layer needs no gradient by its input. A value of one step enters the next, so that no
    product can be computed once for all.
    """
    kernels = [tf.convert_to_tensor(v.value) for v in model.trainable_variables if v.ndim == 2]
    first = tf.ones((BATCH, kernels[0].shape[0]))
    inputs = [first] + [tf.ones((BATCH, kernel.shape[1])) for kernel in kernels]

    @tf.function(jit_compile=jit_compile)
    def run(steps):
        total = tf.constant(0.0)
        for _ in tf.range(steps):
            shift = 1e-30 * total
            for i, kernel in enumerate(kernels):
                x, gradient = inputs[i] + shift, inputs[i + 1] + shift
                total += tf.matmul(x, kernel)[0, 0]
                total += tf.matmul(x, gradient, transpose_a=True)[0, 0]
                if i:
                    total += tf.matmul(gradient, kernel, transpose_b=True)[0, 0]
        return total

    return lambda: run(STEPS).numpy()


def adam_alone(model):
    """Compile one pass of Adam over the weights of a model."""
    variables = model.trainable_variables
    gradients = [tf.fill(v.shape, 1e-3) for v in variables]
    model.optimizer.build(variables)

    @tf.function(jit_compile=True)
    def run(steps):
        for _ in tf.range(steps):
            model.optimizer.apply(gradients, variables)
        return steps

    return lambda: run(STEPS).numpy()


def reference_loop(model, x, indices, predict):
    """Give the usual loop: predict, find units and weights on the host, train on the batch."""
    distances = model.som.distances_from(np.arange(64)).numpy()

    def run():
        for batch in indices:
            outputs = predict(x[batch])
            bmus = outputs["squared_distances"].argmin(axis=1)
            np.exp(-((distances[bmus] / model.som.temperature().numpy()) ** 2))
            model.train_on_batch(x[batch])

    return run


def feeding(data, n_samples):
    """Give what feeds a training: the shuffling on the host, the gathering on the device."""
    batches = shuffled_batches(n_samples, BATCH, np.random.default_rng(0))

    @tf.function
    def gather(indices):
        batch = tf.zeros((BATCH, data.shape[1]))
        for i in tf.range(STEPS):
            batch = tf.gather(data, indices[i])
        return batch

    return lambda: gather(tf.constant([next(batches) for _ in range(STEPS)])).numpy()


def torch_loops(x, indices):
    """Give the loops of PyTorch, if it is installed."""
    try:
        from _torch_peer import trainer
    except ImportError:
        return {}
    kinds = {"eager": {}, "compiled": {"compiled": True}}
    kinds |= {f"bfloat16, {kind}": {**options, "half": True} for kind, options in kinds.items()}
    loops = {f"PyTorch, {kind}": trainer(x, **options) for kind, options in kinds.items()}
    return {name: partial(run, indices, STEPS) for name, run in loops.items()}


def main():
    """Measure, print and record."""
    x = datasets.load("mnist").x
    n_features = x.shape[1]
    indices = np.random.default_rng(0).integers(len(x), size=(STEPS, BATCH), dtype=np.int32)
    # One copy on the device for all.
    data = tf.constant(x)

    def steps_of(model):
        run = compile_steps(model, data)
        return lambda: run(indices, STEPS)

    def usual_loop(model, name, **options):
        return reference_loop(model, x, indices, partial(getattr(model, name), **options))

    contenders = {
        "products alone, XLA": products_alone(autoencoder(n_features), True),
        "products alone, oneDNN": products_alone(autoencoder(n_features), False),
        "Adam alone": adam_alone(desom(n_features)),
        "feeding alone": feeding(data, len(x)),
        "autoencoder": steps_of(autoencoder(n_features)),
        "DESOM": steps_of(desom(n_features)),
        "DESOM, bfloat16": steps_of(desom(n_features, "mixed_bfloat16")),
        "DESOM, predict and train on batch": usual_loop(desom(n_features), "predict_on_batch"),
        # As the official code is written.
        "DESOM, the authors' loop": usual_loop(desom(n_features), "predict", verbose=0),
        **torch_loops(x, indices),
    }
    times = in_turn(contenders, ROUNDS)
    ours, half = times["DESOM"], times["DESOM, bfloat16"]
    arithmetic = times["Adam alone"] + np.minimum(
        times["products alone, XLA"], times["products alone, oneDNN"]
    )
    milliseconds = {name: round(1000 * np.median(t) / STEPS, 2) for name, t in times.items()}
    figures = {
        "what": f"median of {ROUNDS} rounds of {STEPS} steps; MNIST, batch {BATCH}",
        "milliseconds_per_step": milliseconds,
        "ratio_of_desom_to": {
            "arithmetic": median_ratio(ours, arithmetic),
            "arithmetic, products by XLA": median_ratio(
                ours, times["Adam alone"] + times["products alone, XLA"]
            ),
            **{
                name: median_ratio(ours, t)
                for name, t in times.items()
                if "alone" not in name and name != "DESOM"
            },
        },
        "ratio_of_bfloat16_to_desom": median_ratio(half, ours),
        "ratio_of_bfloat16_to": {
            n: median_ratio(half, t) for n, t in times.items() if "PyTorch, bfloat16" in n
        },
        "share_of_feeding": median_ratio(times["feeding alone"], ours),
    }
    record("training_step", figures)


if __name__ == "__main__":
    main()
