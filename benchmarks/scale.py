"""Whether the coefficients of the other benchmarks foretell a large training, in time and memory.

Two trainings that fit this machine: a file of 10 GB that is never read whole, and 10,000 units.
"""

import re
import tempfile
import time
from pathlib import Path
from threading import Event, Thread

import numpy as np
from _timing import record

from desom import DESOM, datasets
from desom.report.display import read_benchmarks

FILE_ROWS, STEPS, READ_ROWS = 3_200_000, 500, 300_000


def own_gigabytes():
    """Memory of this process in GB, without the pages of files, of which Linux drops what it needs.

    Raises FileNotFoundError where there is no ``/proc``.
    """
    return int(re.search(r"RssAnon:\s+(\d+)", Path("/proc/self/status").read_text())[1]) / 1e6


def watched(train):
    """Call a function; give its seconds, and by how many GB the process grew at most meanwhile."""
    before, peak, done = own_gigabytes(), [0.0], Event()

    def watch():
        while not done.wait(0.05):
            peak[0] = max(peak[0], own_gigabytes() - before)

    thread = Thread(target=watch)
    thread.start()
    start = time.perf_counter()
    try:
        train()
    finally:
        seconds = time.perf_counter() - start
        done.set()
        thread.join()
    return {"seconds": round(seconds, 1), "gigabytes": round(peak[0], 2)}


def write_file(path, x):
    """Write the images of MNIST again and again, until the file has all its rows."""
    file = np.lib.format.open_memmap(path, "w+", "float32", (FILE_ROWS, x.shape[1]))
    for start in range(0, FILE_ROWS, len(x)):
        file[start : start + len(x)] = x[: FILE_ROWS - start]
    file.flush()


def main():
    """Measure, print and record."""
    known, x = read_benchmarks(), datasets.load("mnist").x
    steps = known["scaling"]["milliseconds_per_step"]
    by_units = dict(zip(known["scaling"]["values"]["units"], steps["units"], strict=True))
    labels = known["prediction"]["seconds"]["predict, 8x8 units"] / len(x)
    DESOM(iterations=20).fit(x[:1000])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "x.npy")
        write_file(path, x)
        mapped = np.load(path, mmap_mode="r")
        start = time.perf_counter()
        mapped[:READ_ROWS].sum()
        reading = (time.perf_counter() - start) / READ_ROWS
        on_disk = {
            "file_gigabytes": round(path.stat().st_size / 1e9, 1),
            "samples": FILE_ROWS,
            "steps": STEPS,
            "foretold_seconds": round(
                STEPS * by_units[64] / 1e3 + FILE_ROWS * (labels + reading), 1
            ),
            **watched(lambda: DESOM(iterations=STEPS, random_state=0).fit(mapped)),
        }
    many_units = {
        "units": 10_000,
        "steps": STEPS,
        "foretold_seconds": round(STEPS * by_units[10_000] / 1e3, 1),
        **watched(lambda: DESOM((100, 100), iterations=STEPS, random_state=0).fit(x)),
    }
    figures = {"what": "one training each of DESOM, from `fit` to its end, compilation included"}
    record("scale", figures | {"on disk": on_disk, "many units": many_units})


if __name__ == "__main__":
    main()
