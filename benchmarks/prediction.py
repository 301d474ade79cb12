"""What `transform` and `predict` cost, beside the encoder's forward pass, at any map size."""

import keras
import numpy as np
import tensorflow as tf
from _timing import in_turn, median_ratio, record

from desom import datasets
from desom.desom import DESOM

ROUNDS, BLOCK = 7, 1000
SIDES = (8, 30, 100)


def fitted(x, side):
    """Give a DESOM that is trained for a moment: time does not depend on what it has learned."""
    return DESOM((side, side), iterations=5, random_state=0).fit(x[: max(2000, side**2)])


def forward_pass(encoder, x, jit_compile):
    """Compile the encoder over all blocks of the data, as one program that returns once."""
    blocks = tf.constant(x.reshape(-1, BLOCK, x.shape[1]))

    @tf.function(jit_compile=jit_compile)
    def run():
        return tf.map_fn(encoder, blocks)

    return lambda: run().numpy()


def main():
    """Measure, print and record."""
    x = datasets.load("mnist").x
    keras.utils.set_random_seed(0)
    estimators = {side: fitted(x, side) for side in SIDES}
    small = estimators[SIDES[0]]
    contenders = {
        "forward pass, XLA": forward_pass(small.model_.encoder, x, True),
        "forward pass, oneDNN": forward_pass(small.model_.encoder, x, False),
        "transform": lambda: small.transform(x),
        **{
            f"predict, {side}x{side} units": lambda estimator=estimator: estimator.predict(x)
            for side, estimator in estimators.items()
        },
    }
    times = in_turn(contenders, ROUNDS)
    forward = np.minimum(times["forward pass, XLA"], times["forward pass, oneDNN"])
    figures = {
        "what": f"median of {ROUNDS} rounds; the {len(x)} images of MNIST",
        "seconds": {name: round(float(np.median(t)), 3) for name, t in times.items()},
        "ratio_to_forward_pass": {
            name: median_ratio(t, forward) for name, t in times.items() if "pass" not in name
        },
    }
    record("prediction", figures)


if __name__ == "__main__":
    main()
