"""What the metrics and the figures of a run take, beside its training at the paper's scale."""

import io

import matplotlib.pyplot as plt
import numpy as np
from _timing import in_turn, median_ratio, record

from desom import datasets, figures
from desom.desom import DESOM
from desom.engine.backends import compile_steps
from desom.experiments.artifact import measure

ROUNDS, STEPS = 5, 100


def draw(history, arrays, map_size, data):
    """Draw what the chapters show of one run: curves, images, classes, hits, distances."""
    counts = arrays["class_counts"]
    axes = plt.subplots(1, 4, figsize=(20, 5))[1]
    figures.plot_prototypes(arrays["decoded"], map_size, data.image_shape, ax=axes[0])
    figures.plot_classes(counts, map_size, data.class_names, ax=axes[1])
    figures.plot_units(counts.sum(axis=1), map_size, ax=axes[2])
    figures.plot_u_matrix(arrays["prototypes"], map_size, ax=axes[3])
    figures.plot_curves(history)
    for number in plt.get_fignums():
        plt.figure(number).savefig(io.BytesIO(), format="png")
    plt.close("all")


def main():
    """Measure, print and record."""
    figures.use_style()
    data = datasets.load("mnist")
    estimator = DESOM(iterations=1000, random_state=0).fit(data.x)
    iterations = DESOM().iterations
    labels = estimator.predict(data.x)
    _, arrays = measure(estimator, data, labels, 0)
    rng = np.random.default_rng(0)
    indices = rng.integers(len(data.x), size=(STEPS, estimator.batch_size), dtype=np.int32)
    run_steps = compile_steps(estimator.model_, data.x)
    times = in_turn(
        {
            "training": lambda: run_steps(indices, STEPS),
            "metrics": lambda: measure(estimator, data, labels, 0),
            "figures": lambda: draw(estimator.history_, arrays, estimator.map_size, data),
        },
        ROUNDS,
    )
    training = times["training"] / STEPS * iterations
    both = times["metrics"] + times["figures"]
    seconds = {"training": training, "metrics": times["metrics"], "figures": times["figures"]}
    record(
        "measures",
        {
            "what": f"median of {ROUNDS} rounds; a run of DESOM on the {len(data.x)} images of "
            f"MNIST; its {iterations} iterations are {STEPS} steps, times {iterations // STEPS}",
            "seconds": {name: round(float(np.median(t)), 2) for name, t in seconds.items()},
            "share_of_training": {
                "metrics": median_ratio(times["metrics"], training),
                "figures": median_ratio(times["figures"], training),
                "metrics and figures": median_ratio(both, training),
            },
        },
    )


if __name__ == "__main__":
    main()
