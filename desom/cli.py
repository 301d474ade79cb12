"""The command line: ``desom train`` for any data; ``run`` and others for those of the paper."""

import argparse
import os
import re
import signal
import subprocess
import sys
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

from desom.errors import InputError, LostWorker, check_backend
from desom.experiments import records


def main(argv=None):
    """Run a command and give its exit status; bad input ends it with one sentence and status 2."""
    arguments = _parser().parse_args(argv)
    try:
        return arguments.command(arguments)
    except (InputError, LostWorker, OSError) as error:
        print(f"desom: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("desom: interrupted; what had finished is recorded.", file=sys.stderr)
        return 130


def _parser():
    text = "Train a map of your data, or reproduce the runs of the paper."
    parser = argparse.ArgumentParser(prog="desom", description=text)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    text = "train a map of a table (.csv), of arrays (.npz) or of a folder of images, save it, and "
    text += "write a page of HTML: the map, its columns, its indices, what to look at"
    sub = commands.add_parser("train", help="train a map of your own data", description=text)
    sub.set_defaults(command=_train)
    sub.add_argument("data", metavar="DATA", help="path of the table, the arrays or the folder")
    sub.add_argument("--label", metavar="COLUMN", help="of a table: the classes, only to judge by")
    size = {"type": _positive, "nargs": 2, "default": (8, 8), "metavar": ("R", "C")}
    sub.add_argument("--map-size", **size, help="rows and columns; default: 8 8")
    text = "desom (default) or kerasom, a map without codes"
    sub.add_argument("--method", default="desom", choices=("desom", "kerasom"), help=text)
    count = {"type": _positive, "default": 2500, "metavar": "N"}
    sub.add_argument("--iterations", **count, help="default: 2500")
    text = "weight of the map's loss, of desom; default: 0.001"
    sub.add_argument("--gamma", type=float, default=0.001, metavar="G", help=text)
    text = "last temperature, higher for a smoother map; default: 0.1"
    sub.add_argument("--t-min", type=float, default=0.1, metavar="T", help=text)
    sub.add_argument("--seed", type=int, default=0, metavar="N", help="default: 0")
    sub.add_argument("--raw", action="store_true", help="do not scale a table to unit variance")
    sub.add_argument("--out", metavar="PATH", help="of the map; the page is PATH.html")
    for name, text in (
        ("run", "run what is missing of a grid, and record it"),
        ("status", "count what is recorded of a grid; exit status 1 if any is missing"),
    ):
        sub = commands.add_parser(name, help=text, description=text)
        sub.set_defaults(command=_grid, trains=name == "run")
        sub.add_argument("grid", metavar="GRID", help="name of the grid, such as table2")
        sub.add_argument("--scale", default="paper", help="paper (default) or quick")
        sub.add_argument("--seeds", type=_seeds, help="such as 0-9 or 0,3,5; default: the grid's")
        sub.add_argument("--methods", type=_names, help="such as desom,kerasom; default: all")
        sub.add_argument("--datasets", type=_names, help="such as mnist; default: all")
        sub.add_argument(
            "--results", metavar="DIR", help="records; default: results/, beside which a name is"
        )
        if name == "run":
            where = sub.add_mutually_exclusive_group()
            where.add_argument("--workers", type=_positive, default=1, help="processes at once")
            text = "Dask's, such as tcp://host:8786"
            where.add_argument("--scheduler", metavar="ADDRESS", help=text)
    text = "turn a folder of records in the old form into one file per run; exit status 1 if it "
    text += "holds what is no record"
    sub = commands.add_parser("convert", help=text, description=text)
    sub.set_defaults(command=_convert)
    sub.add_argument("--results", metavar="DIR", help="folder of records; default: results/")
    text = "run the benchmarks of the repository, into results/benchmarks.json"
    sub = commands.add_parser("bench", help=text, description=text)
    sub.set_defaults(command=_bench)
    sub.add_argument("scripts", nargs="*", metavar="SCRIPT", help="default: all of benchmarks/")
    return parser


def _names(text):
    return [name.strip() for name in text.split(",")]


def _seeds(text):
    """Read ``0-9`` or ``0,3,5-7`` as a list of seeds."""
    seeds = []
    for part in text.split(","):
        match = re.fullmatch(r"(\d+)(?:-(\d+))?", part)
        first, last = (int(end or match[1]) for end in match.groups()) if match else (1, 0)
        if first > last:
            raise argparse.ArgumentTypeError(f"{text!r} is not seeds such as 0-9 or 0,3,5")
        seeds += range(first, last + 1)
    return seeds


def _positive(text):
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive integer")
    return int(text)


@contextmanager
def _quiet():
    """Keep what libraries print in C while they are imported from the screen; they raise faults."""
    sys.stderr.flush()
    screen, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(screen, 2)
        os.close(screen)
        os.close(nowhere)


def _schedule():
    """Import what trains. Ctrl-C waits for that: JAX crashes if it comes in between."""
    check_backend()
    held = []
    handler = signal.signal(signal.SIGINT, lambda *event: held.append(event))
    try:
        with _quiet():
            from desom.experiments import schedule
    finally:
        signal.signal(signal.SIGINT, handler)
    if held and callable(handler):
        handler(*held[0])
    return schedule


def _grid(arguments):
    a, schedule = arguments, _schedule()
    runs = schedule.runs_of(a.grid, a.scale, a.methods, a.datasets, a.seeds)
    folder = records.default_folder(a.results)
    if a.trains:
        schedule.collect(runs, folder, a.workers, a.scheduler)
    wanted = Counter((run.method, run.dataset) for run in runs)
    on_file = schedule.recorded(runs, folder)
    counts = Counter((record["method"], record["dataset"]) for record in on_file)
    for (method, dataset), count in wanted.items():
        print(f"{method:12} {dataset:16} {counts[method, dataset]:3} of {count:3} recorded")
    for run, error in schedule.failed(runs, folder):
        print(f"{run} failed: {error}")
    return 0 if counts == wanted else 1


def _train(arguments):
    a = arguments
    from desom import datasets

    data = datasets.load(a.data, a.label)
    out = Path(a.out or f"{records.clean(a.data).removesuffix('.csv')}.map")
    records.check_writable(out.absolute().parent, "folder of the map")
    _schedule()
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    from desom.methods import estimator_class
    from desom.report.page import write_page
    from desom.storage import save

    own = {"learning_rate": 0.01}
    if a.method == "desom":
        # The paper's network has 3.3 million weights, which a table of few columns does not feed.
        narrow = {"hidden_units": (100, 100, 200)} if data.x.shape[1] < 200 else {}
        own = {"gamma": a.gamma, "latent_dim": min(10, data.x.shape[1])} | narrow
    lengths = {"iterations": a.iterations, "t_min": a.t_min, "t_max": max(10.0, a.t_min)}
    estimator = estimator_class(a.method)(
        tuple(a.map_size), random_state=a.seed, verbose=1, **lengths, **own
    )
    scaled = not (a.raw or data.image_shape)
    pipeline = make_pipeline(StandardScaler(with_mean=scaled, with_std=scaled), estimator)
    try:
        pipeline.fit(data.x)
    except (ValueError, FloatingPointError) as error:
        raise InputError(str(error)) from error
    prototypes = getattr(estimator, "decode", lambda m: m)(estimator.cluster_centers_)
    page = out.with_name(f"{out.name}.html")
    save(pipeline, out)
    scaler, prototypes = pipeline[0], pipeline[0].inverse_transform(prototypes)
    write_page(page, estimator, scaler.transform(data.x), data, prototypes)
    print(f"{out} has the map: desom.load({str(out)!r}).predict(x). Look at it: {page}")
    return 0


def _convert(arguments):
    from desom.experiments.convert import convert

    folder = records.default_folder(arguments.results)
    converted, named = convert(folder)
    print(*named, f"Lines of {folder} that are now files of their own: {converted}.", sep="\n")
    return 1 if named else 0


def _bench(arguments):
    folder = records.REPOSITORY / "benchmarks"
    scripts = arguments.scripts or sorted(folder.glob("[!_]*.py"))
    if not scripts:
        raise InputError("there is no folder benchmarks/ beside desom/; run this in a clone.")
    # A process of its own for each, so that none inherits another's compiled programs or memory.
    failed = [str(s) for s in scripts if subprocess.run([sys.executable, s]).returncode]
    if failed:
        print(f"desom: failed, as printed above: {', '.join(failed)}.", file=sys.stderr)
    return 1 if failed else 0
