"""Ten seeds one after the other, and as one batch of models: what a step costs.

JAX alone can train models together; where it is not installed, nothing is measured.
"""

import os
from importlib.util import find_spec

os.environ["KERAS_BACKEND"] = "jax" if find_spec("jax") else "tensorflow"

import keras
import numpy as np
from _timing import in_turn, median_ratio, record
from sklearn.datasets import make_blobs

from desom import DESOM, Kerasom, datasets
from desom.engine.backends import adam, compile_steps, jax_loop, jax_state, set_jax_state
from desom.experiments.grids import QUICK_CONFIG

SEEDS, BATCH, ROUNDS = 10, 256, 5


def compiled(estimator, x):
    """Build the model of an estimator, with random weights."""
    model = estimator._build_model(x.shape[1], keras.random.SeedGenerator(0))
    model.compile(optimizer=adam(1e-3))
    return model


def compile_together(models, x):
    """Compile the training step of several models of one architecture as that of one.

    Gives ``run(indices, steps)`` for indices of shape (steps, number of models, batch size).
    """
    import jax

    loop = jax_loop(jax.vmap(models[0].train_step))

    @jax.jit
    def run(states, data, indices, steps):
        together = jax.tree.map(lambda *values: jax.numpy.stack(values), *states)
        _, together = loop(together, data, indices, steps)
        return [jax.tree.map(lambda a, i=i: a[i], together) for i in range(len(states))]

    data = (jax.numpy.asarray(x),)
    for model in models:
        model.optimizer.build(model.trainable_variables)

    def run_steps(indices, steps):
        states = run([jax_state(model) for model in models], data, indices, steps)
        for model, state in zip(models, states, strict=True):
            set_jax_state(model, state)

    return run_steps


def steps_of(estimator, x, steps):
    """Time one step of each model, one after the other and together, in turn."""
    models = [compiled(estimator, x) for _ in range(SEEDS)]
    indices = np.random.default_rng(0).integers(len(x), size=(steps, SEEDS, BATCH), dtype=np.int32)
    alone, together = compile_steps(models[0], x), compile_together(models, x)

    def one_after_the_other():
        for seed in range(SEEDS):
            alone(indices[:, seed], steps)

    contenders = {"alone": one_after_the_other, "together": lambda: together(indices, steps)}
    times = in_turn(contenders, ROUNDS)
    return {
        "milliseconds_alone": round(1000 * float(np.median(times["alone"])) / steps, 2),
        "milliseconds_together": round(1000 * float(np.median(times["together"])) / steps, 2),
        "ratio": median_ratio(times["together"], times["alone"]),
    }


def main():
    """Measure, print and record."""
    few_features, _ = make_blobs(5000, n_features=5, centers=10, random_state=0)
    few_features, images = few_features.astype(np.float32), datasets.load("mnist5k").x
    narrow = QUICK_CONFIG["desom"]["hidden_units"]
    figures = {
        "what": f"{SEEDS} models on JAX, batch {BATCH}: a step of each, median of {ROUNDS} rounds",
        "steps": {
            "kerasom, 5 features": steps_of(Kerasom(), few_features, 400),
            "kerasom": steps_of(Kerasom(), images, 100),
            "DESOM, 5 features, widths 16-16": steps_of(
                DESOM(hidden_units=(16, 16), latent_dim=2), few_features, 200
            ),
            "DESOM, widths 100-100-200": steps_of(DESOM(hidden_units=narrow), images, 40),
            "DESOM": steps_of(DESOM(), images, 5),
        },
    }
    record("ensemble", figures)


if __name__ == "__main__":
    if keras.backend.backend() == "jax":
        main()
    else:
        print("benchmarks/ensemble.py is left out, for JAX is not installed.")
