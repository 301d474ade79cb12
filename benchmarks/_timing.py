"""What the benchmarks share: contenders that run in turn, and the file of the figures."""

import json
import time

import numpy as np

from desom.experiments.environment import environment
from desom.experiments.records import default_folder
from desom.storage import atomic_write


def in_turn(contenders, rounds):
    """Time contenders in one process, one after the other, round by round.

    Parameters
    ----------
    contenders : dict of str to callable
        Called without arguments; a first call, which may compile, is not timed.
    rounds : int
        Number of timed calls of each.

    Returns
    -------
    dict of str to ndarray of float, shape (rounds,)
        Seconds. What slows the machine for a while slows all contenders of a round, so that ratios
        within a round are steadier than times.
    """
    for run in contenders.values():
        run()
    seconds = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, run in contenders.items():
            start = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - start)
    return {name: np.array(values) for name, values in seconds.items()}


def median_ratio(seconds, others):
    """Median over the rounds of seconds / others, to three digits."""
    return round(float(np.median(seconds / others)), 3)


def record(name, figures):
    """Print the figures, and put them into ``results/benchmarks.json`` with the machine.

    What is there of this machine is replaced; the last figures of others stay beside them.
    """
    path = default_folder() / "benchmarks.json"
    known = json.loads(path.read_text()) if path.exists() else {}
    before = known.get(name)
    earlier = [before, *before.pop("other_machines", [])] if before else []
    here = environment()
    elsewhere = [part for part in earlier if part["environment"]["device"] != here["device"]]
    figures = figures | {"environment": here, "other_machines": elsewhere}
    with atomic_write(path) as file:
        file.write(json.dumps(known | {name: figures}, indent=2).encode() + b"\n")
    print(json.dumps({name: figures}, indent=2), flush=True)
