"""The runs of the grids: which they are, and how to come by their records."""

import os
import signal
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from pathlib import Path

import joblib

from desom import datasets
from desom.errors import InputError, LostWorker, check_name
from desom.experiments import records
from desom.experiments.grids import GRIDS, Grid
from desom.experiments.pretraining import check_cache
from desom.experiments.run import Run, configuration, run_and_record

SCALES = ("paper", "quick")

# What says how many threads to start: to OpenMP and PyTorch; to the two pools of TensorFlow, one
# within an operation and one across them; and to JAX.
THREADS = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "NPROC")


def runs_of(grid, scale="paper", methods=None, dataset_names=None, seeds=None):
    """List the runs of a grid, or of a part of it: data set by data set, and there seed by seed.

    ``grid`` is one, or the name of one of ``GRIDS``; ``scale`` is "paper", or "quick" for small
    stand-ins. ``methods``, ``dataset_names``, by their names at this scale, and ``seeds`` are lists
    of what is wanted; by default everything.
    """
    name = "the grid" if isinstance(grid, Grid) else grid
    if name == grid:
        check_name("grid", grid, GRIDS)
        grid = GRIDS[grid]
    check_name("scale", scale, SCALES)
    grid = grid.quick() if scale == "quick" else grid
    for method in methods or []:
        check_name(f"method in {name}", method, grid.methods)
    for dataset in dataset_names or []:
        check_name(f"data set in {name} at the {scale} scale", dataset, grid.datasets)
    fewer_seeds = {} if seeds else grid.fewer_seeds
    runs = [
        Run(method, dataset, seed, configuration(method, **_settled(values, dataset)))
        for dataset in grid.datasets
        if dataset in (dataset_names or grid.datasets)
        for seed in seeds or grid.seeds
        for method, values in grid.rows
        if method in (methods or grid.methods)
        and all(seed in fewer_seeds.get(name, (seed,)) for name in (method, dataset))
    ]
    # Rows that differ in what the quick scale sets are one row there.
    return list({run.key: run for run in runs}.values())


def _settled(values, dataset):
    return {name: v(dataset) if callable(v) else v for name, v in values.items()}


def recorded(runs, folder=None):
    """Read the records of some runs: those on file, in the order of the runs."""
    return list(records.find(folder or records.default_folder(), runs).values())


def failed(runs, folder=None):
    """List the runs that are not recorded because they failed, each with what went wrong."""
    folder = folder or records.default_folder()
    done, failures = records.find(folder, runs), records.find(folder, runs, records.FAILED)
    return [(run, failures[run.key]["error"]) for run in runs if run.key in failures.keys() - done]


def collect(
    runs,
    folder=None,
    workers=1,
    scheduler=None,
    *,
    load=datasets.load,
    train=run_and_record,
    patience=600,
):
    """Give the record of every run: those on file, and the others trained on the spot.

    They come in the order of the runs, without those that failed, or that another process is
    computing at this moment. ``workers`` processes train at once and share the cores; instead, the
    workers of a Dask ``scheduler`` (``tcp://host:port``) may, which see the folder under the same
    path, and of which the first may take ``patience`` seconds to come. ``load`` gives the data set
    of a name, ``train`` makes and records a run.

    Raises InputError, before anything is trained, if the folder cannot be written, a record cannot
    be read, none of the missing runs has its data, or the scheduler does not answer; OSError if a
    run cannot be recorded; LostWorker if a process that trains was killed, or no worker is there:
    what had finished is recorded.
    """
    # A worker of a cluster may have another working directory.
    folder = Path(folder or records.default_folder()).absolute()
    done = records.find(folder, runs)
    missing = [run for run in runs if run.key not in done]
    print(f"{len(done)} of {len(runs)} runs are recorded in {folder.name}/.", flush=True)
    if missing:
        for place in (folder, *{folder / run.method for run in missing}):
            records.check_writable(place)
        if any(run.config.get("pretrain_iterations") for run in missing):
            check_cache()
        data = _load_all(missing, load)
        missing = [run for run in missing if run.dataset in data]
        calls = [
            (run, data[run.dataset], folder, f"[{number}/{len(missing)}] {run}")
            for number, run in enumerate(missing, start=1)
        ]
        if scheduler is None:
            _train_here(train, calls, workers)
        else:
            _train_on_cluster(train, calls, scheduler, load, patience)
    return recorded(runs, folder)


def _load_all(runs, load):
    """Load the data sets of the runs; name those that cannot be had, and fail if that is all."""
    data, failures = {}, {}
    for name in dict.fromkeys(run.dataset for run in runs):
        try:
            data[name] = load(name)
        except InputError as error:
            failures[name] = error
    if not data:
        raise next(iter(failures.values()))
    for name, error in failures.items():
        print(f"The runs on {name} are left out. {error}", flush=True)
    return data


def _train_here(train, calls, workers):
    """Train in processes that share the cores of this machine, and the data, which joblib maps."""
    with _threads_per_process(joblib.cpu_count() // workers):
        try:
            # Ctrl-C goes to all processes. This one ends the others, which would print tracebacks.
            ignoring = {"initializer": signal.signal, "initargs": (signal.SIGINT, signal.SIG_IGN)}
            parallel = joblib.Parallel(workers, **ignoring if workers > 1 else {})
            parallel(joblib.delayed(train)(*call) for call in calls)
        except BrokenProcessPool:
            raise LostWorker(
                f"one of the {workers} workers was killed, perhaps for want of memory; the runs "
                "that had finished are recorded: run again, with fewer workers if need be."
            ) from None


def _train_on_cluster(train, calls, scheduler, load, patience):
    """Train on the workers of a Dask cluster, which may come and go, and load the data there."""
    try:
        from distributed import Client, KilledWorker, as_completed
        from distributed.client import FutureCancelledError
        from distributed.comm import CommClosedError
    except ImportError:
        raise InputError(
            "a scheduler takes the package distributed; install it: pip install distributed."
        ) from None
    try:
        client = Client(scheduler)
    except (OSError, ValueError) as error:
        raise InputError(
            f"the scheduler {scheduler} does not answer ({error}); give the address that "
            "`dask scheduler` prints, such as tcp://10.0.0.1:8786."
        ) from None
    with client:
        try:
            client.wait_for_workers(1, timeout=patience)
        except TimeoutError:
            raise LostWorker(
                f"no worker came to the scheduler {scheduler} within {patience} seconds; "
                f"start one: dask worker {scheduler} --nthreads 1."
            ) from None
        # Never pure: what has failed once may be asked for again.
        data = {
            name: client.submit(load, name, pure=False)
            for name in dict.fromkeys(run.dataset for run, *_ in calls)
        }
        submitted = [
            client.submit(train, run, data[run.dataset], *rest, pure=False)
            for run, _, *rest in calls
        ]
        titles = {future.key: call[-1] for future, call in zip(submitted, calls, strict=True)}
        titles |= {future.key: f"the loading of {name}" for name, future in data.items()}
        try:
            for future in as_completed(submitted):
                future.result()
                print(f"{titles[future.key]} has ended", flush=True)
        except KilledWorker as error:
            raise LostWorker(
                f"{titles[error.task]} was given up, because every worker that had it died, "
                "perhaps for want of memory; the runs that had finished are recorded: run again, "
                "with more memory for each worker."
            ) from None
        except (FutureCancelledError, CommClosedError):
            raise LostWorker(
                f"the scheduler {scheduler} is gone; the runs that had finished are recorded: "
                "start it and its workers, and run again."
            ) from None


@contextmanager
def _threads_per_process(threads):
    """Divide the cores among the processes that are started inside the block."""
    before = {name: os.environ.get(name) for name in THREADS}
    for name, value in before.items():
        # Who has asked for fewer threads gets them.
        few = int(value) if value and value.isdigit() else threads
        os.environ[name] = str(max(1, min(few, threads)))
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name)
            if value is not None:
                os.environ[name] = value
