"""The runs of the grids: which they are, and how to come by their records."""

import os
import signal
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from pathlib import Path

import joblib

from desom.errors import InputError, LostWorker, check_name
from desom.experiments import records
from desom.experiments.grids import (
    GRIDS,
    QUICK_CONFIG,
    QUICK_DATASETS,
    QUICK_PRETRAIN_ITERATIONS,
    QUICK_SEEDS,
)
from desom.experiments.pretraining import check_cache
from desom.experiments.run import Run, configuration, load_dataset, run_and_record

SCALES = ("paper", "quick")


# A cluster may give workers late.
SECONDS_TO_ANSWER, SECONDS_TO_COME = 10, 600


# What says how many threads to start: to OpenMP and PyTorch; to the two pools of TensorFlow, one
# within an operation and one across them; and to JAX.
THREADS = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "NPROC")


def runs_of(grid, scale="paper", methods=None, dataset_names=None, seeds=None):
    """List the runs of a grid, or of a part of it.

    Parameters
    ----------
    grid : str
        Name of the grid.
    scale : {"paper", "quick"}
        The paper's data and training lengths, or small stand-ins.
    methods, dataset_names : list of str, optional
        The part wanted, data sets by their names at this scale; everything by default.
    seeds : list of int, optional
        The seeds wanted; by default the grid's, or those of the quick scale.

    Returns
    -------
    list of Run
        Data set by data set, and there seed by seed.

    Raises
    ------
    InputError
        If a name is unknown, or not in the grid.
    """
    check_name("grid", grid, GRIDS)
    check_name("scale", scale, SCALES)
    quick = scale == "quick"
    all_methods = GRIDS[grid].methods
    all_datasets = [
        QUICK_DATASETS[name] if quick else name
        for name in GRIDS[grid].datasets
        if not quick or name in QUICK_DATASETS
    ]
    for method in methods or []:
        check_name(f"method in {grid}", method, all_methods)
    for name in dataset_names or []:
        check_name(f"data set in {grid} at the {scale} scale", name, all_datasets)
    rows, default_seeds, shorten = GRIDS[grid].rows, GRIDS[grid].seeds, False
    fewer_seeds = {} if seeds else GRIDS[grid].fewer_seeds
    if quick and GRIDS[grid].quick_rows:
        rows, default_seeds = GRIDS[grid].quick_rows, default_seeds[:1]
    elif quick:
        default_seeds, shorten = QUICK_SEEDS, True
    runs = [
        Run(method, dataset, seed, _configuration(method, values, dataset, shorten))
        for dataset in all_datasets
        if dataset in (dataset_names or all_datasets)
        for seed in seeds or default_seeds
        for method, values in rows
        if method in (methods or all_methods) and seed in fewer_seeds.get(method, (seed,))
    ]
    # Rows that differ in what the quick scale sets are one row there.
    return list({run.key: run for run in runs}.values())


def _configuration(method, values, dataset, shorten):
    own = {name: v(dataset) if callable(v) else v for name, v in values.items()}
    if shorten:
        own |= QUICK_CONFIG.get(method, {})
    config = configuration(method, **own)
    if shorten and config.get("pretrain_iterations"):
        config["pretrain_iterations"] = QUICK_PRETRAIN_ITERATIONS
    return config


def recorded(runs, folder=None):
    """Read the records of some runs.

    Parameters
    ----------
    runs : list of Run
        The runs.
    folder : str or Path, optional
        The folder of the records; ``records.default_folder()`` by default.

    Returns
    -------
    list of dict
        The records on file, in the order of the runs.
    """
    folder = Path(folder or records.default_folder())
    found = {}
    for method, dataset in dict.fromkeys((run.method, run.dataset) for run in runs):
        found |= records.read(folder, method, dataset)
    return [found[run.key] for run in runs if run.key in found]


def failed(runs, folder=None):
    """Find the runs that are not recorded because they failed.

    Parameters
    ----------
    runs : list of Run
        The runs.
    folder : str or Path, optional
        The folder of the records; ``records.default_folder()`` by default.

    Returns
    -------
    list of (Run, str)
        Each with what went wrong the last time.
    """
    failures = records.read_failures(folder or records.default_folder())
    done = {record["key"] for record in recorded(runs, folder)}
    return [(run, failures[run.key]["error"]) for run in runs if run.key in failures.keys() - done]


def collect(runs, folder=None, workers=1, scheduler=None):
    """Give the record of every run: those on file, and the others trained on the spot.

    Parameters
    ----------
    runs : list of Run
        The runs.
    folder : str or Path, optional
        The folder of the records; ``records.default_folder()`` by default.
    workers : int
        Processes that train at once and share the cores.
    scheduler : str, optional
        Address of a Dask scheduler, ``tcp://host:port``, whose workers train instead of processes
        here. They see the folder under the same path.

    Returns
    -------
    list of dict
        The records, in the order of the runs; without those of runs that failed, or that another
        process is computing at this moment.

    Raises
    ------
    InputError
        If the folder cannot be written, a record cannot be read, none of the missing runs has its
        data, or the scheduler does not answer; before anything is trained.
    OSError
        If a run cannot be recorded, because the disk is full, say.
    LostWorker
        If a process that trains was killed, or no worker of the cluster is there; what had
        finished is recorded.
    """
    # A worker of a cluster may have another working directory.
    folder = Path(folder or records.default_folder()).absolute()
    done = {record["key"] for record in recorded(runs, folder)}
    missing = [run for run in runs if run.key not in done]
    print(f"{len(done)} of {len(runs)} runs are recorded in {folder.name}/.", flush=True)
    if missing:
        for place in (folder, *{folder / run.method for run in missing}):
            records.check_writable(place)
        if any(run.config.get("pretrain_iterations") for run in missing):
            check_cache()
        missing = _with_data(missing)
        calls = [(run, folder, f"[{i}/{len(missing)}] {run}") for i, run in enumerate(missing, 1)]
        if scheduler is None:
            _train_here(calls, workers)
        else:
            _train_on_cluster(calls, scheduler)
    return recorded(runs, folder)


def _with_data(runs):
    """Leave out, with a message, the runs whose data cannot be had; fail if that is all of them."""
    failures = {}
    for name in dict.fromkeys(run.dataset for run in runs):
        try:
            load_dataset(name)
        except InputError as error:
            failures[name] = error
    left = [run for run in runs if run.dataset not in failures]
    if not left:
        raise next(iter(failures.values()))
    for name, error in failures.items():
        print(f"The runs on {name} are left out. {error}", flush=True)
    return left


def _train_here(calls, workers):
    """Call `run_and_record` in processes that share the cores of this machine."""
    with _threads_per_process(joblib.cpu_count() // workers):
        try:
            # Ctrl-C goes to all processes. This one ends the others, which would print tracebacks.
            ignoring = {"initializer": signal.signal, "initargs": (signal.SIGINT, signal.SIG_IGN)}
            parallel = joblib.Parallel(workers, **ignoring if workers > 1 else {})
            parallel(joblib.delayed(run_and_record)(*call) for call in calls)
        except BrokenProcessPool:
            raise LostWorker(
                f"one of the {workers} workers was killed, perhaps for want of memory; the runs "
                "that had finished are recorded: run again, with fewer workers if need be."
            ) from None


def _train_on_cluster(calls, scheduler):
    """Call `run_and_record` on the workers of a Dask cluster, which may come and go."""
    try:
        from distributed import Client, KilledWorker, as_completed
        from distributed.client import FutureCancelledError
        from distributed.comm import CommClosedError
    except ImportError:
        raise InputError(
            "a scheduler takes the package distributed; install it: pip install distributed."
        ) from None
    try:
        client = Client(scheduler, timeout=SECONDS_TO_ANSWER)
    except (OSError, ValueError) as error:
        raise InputError(
            f"the scheduler {scheduler} does not answer ({error}); give the address that "
            "`dask scheduler` prints, such as tcp://10.0.0.1:8786."
        ) from None
    with client:
        try:
            client.wait_for_workers(1, timeout=SECONDS_TO_COME)
        except TimeoutError:
            raise LostWorker(
                f"no worker came to the scheduler {scheduler} within {SECONDS_TO_COME} seconds; "
                f"start one: dask worker {scheduler} --nthreads 1."
            ) from None
        # Never pure: a run that has failed once may be asked for again.
        futures = [client.submit(run_and_record, *call, pure=False) for call in calls]
        ended = {future.key: call[-1] for future, call in zip(futures, calls, strict=True)}
        try:
            for future in as_completed(futures):
                future.result()
                print(f"{ended[future.key]} has ended", flush=True)
        except KilledWorker as error:
            raise LostWorker(
                f"{ended[error.task]} was given up, because every worker that had it died, perhaps "
                "for want of memory; the runs that had finished are recorded: run again, with more "
                "memory for each worker."
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
