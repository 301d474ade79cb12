"""What a user waits for besides the training: imports, answers, compilation, the book."""

import subprocess
import sys
import time
import tracemalloc
from functools import partial

import matplotlib.pyplot as plt
import numpy as np
from _timing import in_turn, record

from desom import DESOM, datasets, figures, metrics
from desom.experiments.records import REPOSITORY

ROUNDS = 5
# Seconds, and megabytes where it says so.
LIMITS = {
    "import desom": 0.2,
    "desom status table2": 1,
    "first step of DESOM": 3,
    "predict, one sample": 0.005,
    "indices of 100x100 units": 10,
    "U-matrix of 100x100 units": 10,
    "megabytes for both": 500,
    "make html": 30,
}
FIRST_STEP = """
import time
from desom import DESOM, datasets
x, moments = datasets.load("mnist5k").x, [time.perf_counter()]
class Enough(Exception): pass
def watch(*_):
    moments.append(time.perf_counter())
    if len(moments) == 3:
        raise Enough
try:
    DESOM(iterations=10_000, random_state=0).fit(x, callback=watch)
except Enough:
    print(2 * moments[1] - moments[0] - moments[2])
"""


def seconds_of(run, rounds=ROUNDS, **options):
    """Median seconds of a function, after a first call that is not timed."""
    return float(np.median(in_turn({"alone": partial(run, **options)}, rounds)["alone"]))


def first_step():
    """Median seconds from `fit` to the end of the first steps, less those of the next ones."""
    runs = (subprocess.run([sys.executable, "-c", FIRST_STEP], capture_output=True) for _ in "123")
    return float(np.median([float(run.stdout) for run in runs]))


def main():
    """Measure, print and record."""
    x = datasets.load("mnist5k").x
    estimator = DESOM((100, 100), iterations=20, random_state=0)
    one = DESOM(iterations=20, random_state=0).fit(x)
    one_sample = seconds_of(one.predict, 100, X=x[:1])
    x = np.resize(x, (20_000, x.shape[1]))
    estimator.fit(x)
    codes, size, start = estimator.transform(x), estimator.map_size, time.perf_counter()
    tracemalloc.start()
    distances = metrics.GridDistances(size)
    metrics.map_scores(codes, estimator.cluster_centers_, distances, estimator.t_min)
    indices, start = time.perf_counter() - start, time.perf_counter()
    figures.plot_u_matrix(estimator.cluster_centers_, size)
    plt.gcf().canvas.draw()
    picture, peak = time.perf_counter() - start, tracemalloc.get_traced_memory()[1]
    command, python = partial(subprocess.run, capture_output=True, cwd=REPOSITORY), sys.executable
    measured = {
        "import desom": seconds_of(command, args=[python, "-c", "import desom"]),
        "desom status table2": seconds_of(
            command, args=[python, "-m", "desom", "status", "table2"]
        ),
        "first step of DESOM": first_step(),
        "predict, one sample": one_sample,
        "indices of 100x100 units": indices,
        "U-matrix of 100x100 units": picture,
        "megabytes for both": peak / 1e6,
    }
    start = time.perf_counter()
    subprocess.run([python, "tools/book.py", "compile", "--committed"], cwd=REPOSITORY, check=True)
    measured["make html"] = time.perf_counter() - start
    rows = {name: {"is": round(v, 4), "limit": LIMITS[name]} for name, v in measured.items()}
    record("around", {"what": "seconds, megabytes where it says so", "rows": rows})


if __name__ == "__main__":
    main()
