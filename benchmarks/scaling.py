"""What a training step of DESOM costs as samples, batch, map or network grow, one at a time."""

import numpy as np
import tensorflow as tf
from _timing import in_turn, record
from training_step import BATCH, HIDDEN_UNITS, desom

from desom import datasets
from desom.engine.backends import compile_steps

ROUNDS, STEPS = 5, 20
AXES = {
    "samples": (1000, 7000, 70_000),
    "batch": (16, 32, 64, 128, 256, 512, 1024, 2048),
    "units": (64, 256, 1024, 4096, 10_000),
    "width": (0.25, 0.5, 1.0, 2.0),
}


def steps_of(data, samples, batch, units, width):
    """Give the training steps of one setting; ``width`` multiplies that of every hidden layer."""
    hidden_units = tuple(round(width * n) for n in HIDDEN_UNITS)
    model = desom(data.shape[1], hidden_units=hidden_units, side=round(units**0.5))
    run = compile_steps(model, data[:samples])
    rng = np.random.default_rng(0)
    indices = rng.integers(samples, size=(STEPS, batch), dtype=np.int32)
    return lambda: run(indices, STEPS)


def main():
    """Measure, print and record."""
    data = tf.constant(datasets.load("mnist").x)
    papers = {"samples": len(data), "batch": BATCH, "units": 64, "width": 1.0}
    milliseconds = {}
    for axis, values in AXES.items():
        steps = {value: steps_of(data, **papers | {axis: value}) for value in values}
        milliseconds[axis] = [
            round(1000 * float(np.median(times)) / STEPS, 3)
            for times in in_turn(steps, ROUNDS).values()
        ]
    figures = {
        "what": f"one step of DESOM on MNIST, median of {ROUNDS} rounds of {STEPS} steps",
        "papers_settings": papers,
        "values": AXES,
        "milliseconds_per_step": milliseconds,
    }
    record("scaling", figures)


if __name__ == "__main__":
    main()
