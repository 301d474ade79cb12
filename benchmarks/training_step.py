"""How long a training step of DESOM takes, beside the autoencoder alone and other loops.

All contenders train in one process, in turn, on the same batches; the figures are medians over the
rounds, the ratios medians of the ratios within a round. ``results/benchmarks.json`` keeps them.
"""

import json
import time

import keras
import numpy as np
import tensorflow as tf

from desom import datasets
from desom.autoencoder import build_decoder, build_encoder, reconstruction_loss
from desom.desom import DESOMModel
from desom.files import atomic_write
from desom.records import default_folder
from desom.runs import environment
from desom.som import SOMLayer
from desom.training import compile_steps

ROUNDS, STEPS, BATCH = 15, 50, 256
ARCHITECTURE = (500, 500, 2000), 10


class Autoencoder(keras.Model):
    """The autoencoder of DESOM alone, trained on the reconstruction."""

    def __init__(self, encoder, decoder):
        x = keras.Input(encoder.input_shape[1:])
        super().__init__(inputs=x, outputs=decoder(encoder(x)))

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """L_r of a batch."""
        return reconstruction_loss(x, y_pred)


def build(joint, n_features):
    """Build and compile DESOM, or its autoencoder alone, with the same initial weights."""
    seeds = keras.random.SeedGenerator(0)
    parts = [make(n_features, *ARCHITECTURE, seeds) for make in (build_encoder, build_decoder)]
    som = SOMLayer((8, 8), t_max=10.0, t_min=0.1, iterations=10_000)
    model = DESOMModel(*parts, som, gamma=0.001) if joint else Autoencoder(*parts)
    model.compile(optimizer=keras.optimizers.Adam(1e-3))
    return model


def main():
    """Measure, print and record."""
    x = datasets.load("mnist5k").x
    indices = np.random.default_rng(0).integers(len(x), size=(STEPS, BATCH), dtype=np.int32)
    on_batches = build(joint=True, n_features=x.shape[1])

    def train_on_batches(indices, steps):
        for batch in indices[:steps]:
            on_batches.train_on_batch(x[batch])

    data, without_xla = tf.constant(x), build(joint=True, n_features=x.shape[1])

    @tf.function
    def train_without_xla(indices, steps):
        for i in tf.range(steps):
            without_xla.train_step((tf.gather(data, indices[i]),))

    contenders = {
        "autoencoder alone, compiled": compile_steps(build(False, x.shape[1]), x),
        "DESOM, compiled": compile_steps(build(True, x.shape[1]), x),
        "DESOM, compiled without XLA": train_without_xla,
        "DESOM, train_on_batch": train_on_batches,
    }
    for run in contenders.values():
        run(indices, STEPS)
    milliseconds = {name: [] for name in contenders}
    for _ in range(ROUNDS):
        for name, run in contenders.items():
            start = time.perf_counter()
            run(indices, STEPS)
            milliseconds[name].append(1000 * (time.perf_counter() - start) / STEPS)

    times = {name: np.array(values) for name, values in milliseconds.items()}
    base = times["autoencoder alone, compiled"]
    figures = {
        "what": f"median of {ROUNDS} rounds of {STEPS} steps, batch {BATCH}, 784 features",
        "milliseconds_per_step": {name: round(np.median(t), 2) for name, t in times.items()},
        "ratio_to_autoencoder": {name: round(np.median(t / base), 3) for name, t in times.items()},
        "environment": environment(),
    }
    path = default_folder() / "benchmarks.json"
    known = json.loads(path.read_text()) if path.exists() else {}
    with atomic_write(path) as file:
        file.write(json.dumps(known | {"training_step": figures}, indent=2).encode() + b"\n")
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
