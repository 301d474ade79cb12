"""The self-organizing map alone: time and quantization error of kerasom and of other packages.

Every package trains an 8×8 map of MNIST with its own defaults, over several lengths, from the first
call to the prototypes. The quantization error needs no label, and is the same function for all.
"""

import resource
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
from _timing import record

from desom import datasets
from desom.baselines.minisom import Minisom
from desom.engine.backends import compile_steps
from desom.metrics.maps import quantization_error
from desom.som import Kerasom

SIDE, STEPS, REPEATS = 8, 50, 3
LENGTHS = (300, 350, 400, 500, 700, 1000, 2000, 4000, 10_000)
# Adam moves a coordinate by at most the step size. So the way it can go is 32, or 0.08 a step.
LONGEST_STEP, WAY = 0.08, 32.0


def kerasom(x, iterations, seed):
    """Train kerasom, with larger steps where there are fewer of them."""
    rate = min(LONGEST_STEP, WAY / iterations)
    return Kerasom(iterations=iterations, learning_rate=rate, random_state=seed).fit(x)


def peers(x):
    """Give the packages that are installed: name, lengths, function from length and seed."""

    def minisom(iterations, seed):
        return Minisom(iterations=iterations, random_state=seed).fit(x).cluster_centers_

    found = {"MiniSom": ((7000, 70_000), minisom)}
    try:
        from xpysom import XPySom

        def xpysom(epochs, seed):
            som = XPySom(SIDE, SIDE, x.shape[1], random_seed=seed)
            som.train(x, epochs)
            return som.get_weights().reshape(SIDE**2, -1)

        found["XPySom"] = ((1, 3, 10, 30), xpysom)
    except ImportError:
        pass
    try:
        from somoclu import Somoclu

        def somoclu(epochs, seed):
            first = x[np.random.default_rng(seed).choice(len(x), SIDE**2, replace=False)]
            som = Somoclu(SIDE, SIDE, initialcodebook=first.copy())
            som.train(x, epochs=epochs)
            return som.codebook.reshape(SIDE**2, -1)

        found["Somoclu"] = ((3, 10), somoclu)
    except ImportError:
        pass
    try:
        import torch
        from torchsom.core import SOM

        def torchsom(epochs, seed):
            settings = {"epochs": epochs, "batch_size": 256, "random_seed": seed}
            som = SOM(SIDE, SIDE, x.shape[1], initialization_mode="random", **settings)
            som.fit(torch.as_tensor(x), verbose=False)
            return som.weights.detach().numpy().reshape(SIDE**2, -1)

        found["TorchSOM"] = ((1, 3), torchsom)
    except ImportError:
        pass
    return found


def curve(x, lengths, fit):
    """Train with every length, seed by seed: median time in seconds, median quantization error."""
    points = []
    for length in lengths:
        seconds, errors = [], []
        for seed in range(REPEATS):
            start = time.perf_counter()
            prototypes = fit(length, seed)
            seconds.append(time.perf_counter() - start)
            errors.append(quantization_error(x, prototypes))
        points.append(
            {
                "length": length,
                "seconds": round(float(np.median(seconds)), 3),
                "error": round(float(np.median(errors)), 4),
            }
        )
    return points


def cost_of(side):
    """Seconds per step and peak memory of a larger map, in a process of its own."""
    x = datasets.load("mnist").x
    before = peak_gigabytes()
    estimator = Kerasom((side, side), iterations=STEPS, random_state=0).fit(x)
    peak = peak_gigabytes()
    run = compile_steps(estimator.model_, x)
    indices = np.random.default_rng(0).integers(len(x), size=(STEPS, 256), dtype=np.int32)
    run(indices, STEPS)
    start = time.perf_counter()
    run(indices, STEPS)
    seconds = time.perf_counter() - start
    return {
        "units": side**2,
        "milliseconds_per_step": round(1000 * seconds / STEPS, 2),
        "peak_gigabytes": round(peak, 2),
        "gigabytes_before": round(before, 2),
    }


def peak_gigabytes():
    """Give the most memory that this process has had so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def main():
    """Measure, print and record."""
    x = datasets.load("mnist").x
    # What only the first training pays: libraries and the memory for a copy of the data.
    Kerasom(iterations=5).fit(x)
    ours = curve(x, LENGTHS, lambda length, seed: kerasom(x, length, seed).cluster_centers_)
    curves, ratios = {"kerasom": ours}, {}
    for name, (lengths, fit) in peers(x).items():
        curves[name] = curve(x, lengths, fit)
        best = min(curves[name], key=lambda point: point["error"])
        reached = [p["seconds"] for p in ours if p["error"] <= best["error"]]
        ratios[name] = round(min(reached) / best["seconds"], 3) if reached else None
    larger = []
    for side in (8, 16, 32, 64, 100):
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
            larger.append(process.submit(cost_of, side).result())
    figures = {
        "what": f"MNIST, {SIDE}x{SIDE} units, medians over {REPEATS} seeds; then larger maps, "
        f"{STEPS} steps of 256",
        "curves": curves,
        "ratio_of_kerasom_at_the_error_of": ratios,
        "larger_maps": larger,
    }
    record("som", figures)


if __name__ == "__main__":
    main()
