"""Named grids of runs: the runs behind each table and figure, and how to come by their records."""

import os
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import joblib

from desom import records
from desom.datasets import n_classes
from desom.errors import InputError, check_name
from desom.runs import Run, configuration, load_dataset, run_and_record

SCALES = ("paper", "quick")

# At the quick scale, small embedded data sets stand in, and the trainings are short. No news come
# with a package, so the sets of text are left out.
QUICK_DATASETS = {"mnist": "mnist5k", "fashion_mnist": "digits"}
# Adam moves a coordinate by at most about the learning rate in a step: the prototypes of kerasom,
# in the space of the pixels, would not get far in 1,000 steps of the usual size.
QUICK_CONFIG = {
    "minisom": {"iterations": 2000},
    "kerasom": {"iterations": 1000, "learning_rate": 0.01},
    "ae_minisom": {"pretrain_iterations": 300, "iterations": 2000},
    "ae_kerasom": {"pretrain_iterations": 300, "iterations": 3000},
    "som_vae": {"iterations": 300},
    "desom": {"iterations": 600},
    "kerasom_official": {"iterations": 1000, "learning_rate": 0.01},
    "desom_official": {"iterations": 600},
}
QUICK_SEEDS = (0, 1)


@dataclass(frozen=True)
class Grid:
    """The runs behind a table or a figure: every row, on every data set, with every seed.

    Parameters
    ----------
    rows : tuple of (str, dict)
        Methods, each with the hyperparameters that differ from its defaults; a value may be a
        function of the data set's name.
    datasets : tuple of str
        Names, those of the paper's scale.
    seeds : tuple of int
        The seeds.
    """

    rows: tuple[tuple[str, dict], ...]
    datasets: tuple[str, ...]
    seeds: tuple[int, ...]

    @property
    def methods(self):
        """Names of the methods, in the order of the rows."""
        return tuple(dict.fromkeys(method for method, _ in self.rows))


_ALL_DATASETS = ("mnist", "fashion_mnist", "reuters21578", "reuters10k")
_TEN_SEEDS = tuple(range(10))

GRIDS = {
    # Ten seeds are ten initialisations of the 64 clusters already.
    "table2": Grid(
        (
            ("kmeans", {"n_clusters": 64, "n_init": 1}),
            ("minisom", {}),
            ("kerasom", {}),
            ("ae_minisom", {}),
            ("ae_kerasom", {}),
            ("som_vae", {}),
            ("desom", {}),
        ),
        _ALL_DATASETS,
        _TEN_SEEDS,
    ),
    "table3": Grid(
        (
            ("kmeans", {"n_clusters": n_classes, "n_init": 10}),
            ("ae_kerasom", {}),
            ("desom", {}),
        ),
        _ALL_DATASETS,
        _TEN_SEEDS,
    ),
    # The authors' grid distance beside the right one.
    "official": Grid(
        (
            ("kerasom", {}),
            ("kerasom_official", {}),
            ("desom", {}),
            ("desom_official", {}),
        ),
        ("mnist",),
        (0, 1, 2),
    ),
    # The paper pre-trains for 200 epochs, which is 55,000 iterations on MNIST.
    "pretraining": Grid(
        tuple(
            ("ae_kerasom", {"pretrain_iterations": iterations})
            for iterations in (1_000, 2_500, 5_000, 10_000)
        ),
        ("mnist",),
        (0, 1, 2),
    ),
    # The paper does not say how it trained MiniSom.
    "minisom": Grid(
        tuple(
            ("minisom", {"iterations": iterations, "sigma": sigma, "decay": decay})
            for iterations in (1_000, 10_000, 70_000)
            for sigma in (1.0, 4.0)
            for decay in ("asymptotic", "linear")
        ),
        ("mnist",),
        (0, 1, 2),
    ),
}


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
        The seeds wanted; by default the grid's, or 0 and 1 at the quick scale.

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
    runs = [
        Run(method, dataset, seed, _configuration(method, values, dataset, quick))
        for dataset in all_datasets
        if dataset in (dataset_names or all_datasets)
        for seed in seeds or (QUICK_SEEDS if quick else GRIDS[grid].seeds)
        for method, values in GRIDS[grid].rows
        if method in (methods or all_methods)
    ]
    # Rows that differ in what the quick scale sets are one row there.
    return list({run.key: run for run in runs}.values())


def _configuration(method, values, dataset, quick):
    own = {name: v(dataset) if callable(v) else v for name, v in values.items()}
    return configuration(method, **own | (QUICK_CONFIG.get(method, {}) if quick else {}))


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


def collect(runs, folder=None, workers=1):
    """Give the record of every run: those on file, and the others trained on the spot.

    Parameters
    ----------
    runs : list of Run
        The runs.
    folder : str or Path, optional
        The folder of the records; ``records.default_folder()`` by default.
    workers : int
        Processes that train at once and share the cores.

    Returns
    -------
    list of dict
        The records, in the order of the runs; a run that another process is computing at this
        moment is left out.

    Raises
    ------
    InputError
        If the folder cannot be written, a record cannot be read, or none of the missing runs has
        its data; before anything is trained.
    """
    folder = Path(folder or records.default_folder())
    done = {record["key"] for record in recorded(runs, folder)}
    missing = [run for run in runs if run.key not in done]
    print(f"{len(done)} of {len(runs)} runs are recorded in {folder.name}/.", flush=True)
    if missing:
        for place in (folder, *{folder / run.method for run in missing}):
            records.check_writable(place)
        missing = _with_data(missing)
        with _threads_per_process(joblib.cpu_count() // workers):
            joblib.Parallel(n_jobs=workers)(
                joblib.delayed(run_and_record)(run, folder, f"[{i}/{len(missing)}] {run}")
                for i, run in enumerate(missing, start=1)
            )
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


@contextmanager
def _threads_per_process(threads):
    """Divide the cores among the processes that are started inside the block."""
    names = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS")
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(dict.fromkeys(names, str(max(1, threads))))
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name)
            if value is not None:
                os.environ[name] = value
