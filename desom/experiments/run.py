"""One run: train a method on a data set with a seed, measure it, record it."""

import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from inspect import signature
from pathlib import Path

import numpy as np

from desom.autoencoder import autoencoder_of
from desom.estimator import KerasEstimator
from desom.experiments import records
from desom.experiments.artifact import Snapshots, measure
from desom.experiments.environment import environment
from desom.experiments.pretraining import pretrained
from desom.methods import estimator_class
from desom.storage import atomic_write


@dataclass(frozen=True)
class Run:
    """One training to record: a method with its `configuration`, a data set, a seed."""

    method: str
    dataset: str
    seed: int
    config: dict

    @property
    def key(self):
        """The name of this request, the same on every machine."""
        return records.run_key(self.method, self.dataset, self.seed, self.config)

    def place(self, folder, ending=".json"):
        """Give the path of the run's record, or of what `records.place` has beside it."""
        return records.place(folder, self.method, self.dataset, self.key, ending)

    def __str__(self):
        return f"{self.method} on {self.dataset}, seed {self.seed}"

    def estimator(self, verbose=False):
        """Give the unfitted estimator that this run trains."""
        config = {name: value for name, value in self.config.items() if name != "snapshots"}
        estimator = estimator_class(self.method)(**config, random_state=self.seed)
        # scikit-learn's k-means would print a line per iteration.
        if verbose and isinstance(estimator, KerasEstimator):
            estimator.verbose = True
        return estimator


# What came after the first records is left out at its default, as it was for them: their keys stay.
LATER = ("pretraining", "optimizer", "restarts", "start", "game")


def configuration(method, **overrides):
    """Every hyperparameter that affects the result of a method, at its default or overridden.

    Values are as JSON holds them. Where ``fit`` takes a callback, ``snapshots`` is one more: at how
    many moments the run keeps the map.
    """
    cls, own = estimator_class(method), {}
    if "callback" in signature(cls.fit).parameters:
        own["snapshots"] = overrides.pop("snapshots", 0)
    parameters, default = cls(**overrides).get_params() | own, cls().get_params()
    kept = {
        name: value
        for name, value in parameters.items()
        if name not in ("random_state", "verbose", *(n for n in LATER if value == default.get(n)))
    }
    return json.loads(json.dumps(kept, default=np.generic.item))


def run_and_record(run, data, folder, announcement=None):
    """Train, measure and record a run, unless it is recorded or another process computes it.

    A training that fails is recorded as a failure, and printed: other runs may go on. ``data`` is
    the data set that the run names; an ``announcement`` is printed before the training, which then
    shows its progress. Raises OSError if it cannot be recorded; the folder is as it was.
    """
    with records.claim(folder, run.key) as ours:
        if not ours or records.find(folder, [run]):
            return
        # Half a file of a process that was killed; nobody else writes this run.
        for path in Path(folder, run.method).glob(f".{run.place('', '').name}.*"):
            path.unlink()
        environment()
        if announcement:
            print(announcement, flush=True)
        try:
            record, arrays = _execute(run, data, verbose=bool(announcement))
        except FloatingPointError as error:
            print(f"{run} failed: {error}", flush=True)
            record, arrays = {"error": str(error)}, {}
        try:
            _record(run, record, arrays, folder)
        except OSError as error:
            run.place(folder, ".npz").unlink(missing_ok=True)
            raise OSError(
                f"{run} cannot be recorded in {folder}: {error.strerror or error}; make room, and "
                "run again."
            ) from error


def _record(run, result, arrays, folder):
    """Write what came of a run: its arrays first, so that no record names what is not there."""
    now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    record = vars(run) | result | {"environment": environment(), "created": now, "key": run.key}
    if arrays:
        with atomic_write(Path(folder, record["artifact"])) as file:
            np.savez_compressed(file, **arrays)
    records.write(folder, record, records.FAILED if "error" in result else ".json")


def _execute(run, data, verbose):
    estimator = run.estimator(verbose)
    seconds, options, snapshots = {}, {}, None
    if run.config.get("snapshots"):
        snapshots = options["callback"] = Snapshots(run.config["snapshots"], data)
    if getattr(estimator, "pretrain_iterations", 0):
        options["autoencoder"], pretraining = pretrained(autoencoder_of(estimator), data)
        seconds["pretrain"] = _short(pretraining)
    start = time.perf_counter()
    estimator.fit(data.x, **options)
    fitted = time.perf_counter()
    measured = data.held_out or data
    labels = estimator.predict(measured.x)
    curves = getattr(estimator, "history_", {})
    seconds |= {"fit": _short(fitted - start), "predict": _short(time.perf_counter() - fitted)}
    seconds |= seconds_per_iteration(run.config, seconds, curves)

    scores, arrays = measure(estimator, measured, labels, run.seed, snapshots)
    result = {
        "metrics": scores,
        "curves": {name: [_short(v) for v in curve] for name, curve in curves.items()},
        "artifact": run.place("", ".npz").as_posix() if arrays else None,
        "seconds": seconds,
        "data_sha256": data.sha256,
    }
    return result, arrays


def seconds_per_iteration(config, seconds, curves):
    """Divide the time of each phase by the iterations that it made, if it has any.

    So ``iteration`` is what an iteration costs in all: it has its share of the compilation, of the
    start by k-means where there is one, and of the labels at the end.
    """
    made = {"fit": config.get("iterations"), "pretrain": config.get("pretrain_iterations")}
    if made["fit"]:
        # Some methods may end early, or before the first iteration.
        made["fit"] = max(curves.get("iteration", [made["fit"]]), default=0)
    names = {"fit": "iteration", "pretrain": "pretrain_iteration"}
    counted = [phase for phase in seconds if made.get(phase)]
    return {names[phase]: _short(seconds[phase] / made[phase]) for phase in counted}


def _short(value):
    """Six significant digits: what a curve needs, in a third of the characters."""
    return value if isinstance(value, int) else float(f"{value:.6g}")
