"""Execute the notebooks, check their executions, and compile the book.

What every step makes is under ``_build/``:

``executions/``
    The notebooks as papermill leaves them; here a failed execution can be inspected.
``source/``
    What Jupyter Book reads: the executions without what is volatile, and the pages. It mirrors the
    repository, so that the addresses of its files are those of the repository.
``html/``
    The book.
``quick/results/``, ``paper/results/``
    Records of runs that were trained for the book alone, apart from those of the repository.
"""

import argparse
import ast
import os
import shutil
import subprocess
import sys
import sysconfig
import time
from itertools import chain
from pathlib import Path

import nbformat

from gate import (
    ROOT,
    BookError,
    copy_faults,
    ended,
    execution_faults,
    read,
    refuse,
    repository_faults,
    scrub,
    source_faults,
    sources,
)

HOUR = 3600
# The longest that a cell may take. At the paper's scale a cell may train a whole grid.
TIMEOUTS = {"quick": HOUR, "paper": 96 * HOUR}
# Trainings or notebooks at a time. Most of what is quick uses one core; at the paper's scale a
# training has the whole machine.
JOBS = {"quick": 2, "paper": 1}


def overrides(source, wanted):
    """Choose the parameters to inject into a notebook: none whose default is wanted already.

    So an execution at the defaults has its source's cells, and no others. BookError if the notebook
    does not declare one of the parameters; papermill would inject it.
    """
    from papermill import inspect_notebook

    declared = inspect_notebook(source)
    refuse(
        [
            f"notebooks/{source.name} does not declare the parameter {name}, "
            f"only {', '.join(declared) or 'none'}"
            for name in wanted
            if name not in declared
        ]
    )
    return {
        name: value
        for name, value in wanted.items()
        if value != ast.literal_eval(declared[name]["default"])
    }


def run(source, target, parameters, timeout, progress):
    """Execute a notebook by papermill, in its own folder; the target stays if a cell fails.

    BookError if a cell fails, takes longer than ``timeout`` seconds, or ends the kernel.
    """
    from nbclient.exceptions import CellTimeoutError, DeadKernelError
    from papermill import PapermillExecutionError, execute_notebook
    from traitlets.config import Config

    try:
        execute_notebook(
            source,
            target,
            parameters,
            kernel_name="python3",
            cwd=source.parent,
            start_timeout=300,
            execution_timeout=timeout,
            progress_bar={"desc": source.stem} if progress else False,
            # The kernel would warn, above every progress bar, that it is not encrypted.
            config=Config(KernelManager={"transport_encryption": "auto"}),
        )
    except PapermillExecutionError as error:
        print("\n".join(error.traceback), file=sys.stderr)
        reason = f"In [{error.exec_count}] raised {error.ename}: {error.evalue}"
    except (CellTimeoutError, DeadKernelError) as error:
        reason = str(error).partition("\n")[0]
    else:
        return
    raise BookError(f"notebooks/{source.name} failed: {reason} (the execution is in {target})")


def stage(build, *, executed):
    """Lay out afresh what the book is made of; with or without the committed executions."""
    staging = build / "source"
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(parents=True)
    for name in ("_config.yml", "_toc.yml"):
        shutil.copy(ROOT / name, staging)
    # The API pages are made of the docstrings; the notes on code name lines of the sources.
    for name in ("book", "desom", "notebooks"):
        left_out = ["*.ipynb"] if name == "book" and not executed else []
        ignored = shutil.ignore_patterns(".*", "__pycache__", *left_out)
        shutil.copytree(ROOT / name, staging / name, ignore=ignored)


def execute(arguments):
    """Execute every notebook, and stage the scrubbed executions with the pages."""
    from ipykernel.kernelspec import write_kernel_spec
    from joblib import Parallel, delayed

    build, scale = arguments.into / "_build", arguments.scale
    refuse([fault for source in sources(ROOT) for fault in source_faults(source)])
    plan = [(source, overrides(source, {"scale": scale})) for source in sources(ROOT)]
    stage(build, executed=False)

    # A kernel called python3 elsewhere on the machine must not come before this interpreter's.
    shutil.rmtree(build / "jupyter", ignore_errors=True)
    write_kernel_spec(build / "jupyter" / "kernels" / "python3")
    os.environ["JUPYTER_PATH"] = str(build / "jupyter")
    # Any other backend would leave the figures out.
    os.environ["MPLBACKEND"] = "module://matplotlib_inline.backend_inline"
    # TensorFlow's remarks on its build would bury the progress bars.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # The notebooks run in their own folder, where a relative path would lead elsewhere.
    for name in {"DESOM_DATA", "DESOM_RESULTS"} & os.environ.keys():
        os.environ[name] = str(Path(os.environ[name]).resolve())
    if scale == "quick" or arguments.fresh:
        results = build / scale / "results"
        if arguments.fresh:
            shutil.rmtree(results, ignore_errors=True)
        os.environ["DESOM_RESULTS"] = str(results)
    print(f"Records: {os.environ.get('DESOM_RESULTS', ROOT / 'results')}", flush=True)

    if scale == "quick":
        train(JOBS[scale])

    executions = build / "executions"
    shutil.rmtree(executions, ignore_errors=True)
    executions.mkdir()
    steps = (delayed(execute_one)(source, build, scale, parameters) for source, parameters in plan)
    faults = Parallel(n_jobs=min(JOBS[scale], len(plan)))(steps)
    refuse([*chain(*faults)])


def train(workers):
    """Train what the notebooks read, before they run at the same time and want the same runs."""
    from desom.experiments.grids import GRIDS

    code = "\n".join(cell.source for source in sources(ROOT) for cell in read(source).cells)
    grids = [grid for grid in GRIDS if f'"{grid}"' in code]
    if grids:
        from desom.experiments.schedule import collect, runs_of

        runs = {run.key: run for grid in grids for run in runs_of(grid, "quick")}
        collect([*runs.values()], workers=workers)


def execute_one(source, build, scale, parameters):
    """Execute a notebook, and stage it without what is volatile; give its faults."""
    print(f"Executing notebooks/{source.name} at scale {scale}", flush=True)
    start, target = time.monotonic(), build / "executions" / source.name
    run(source, target, parameters, TIMEOUTS[scale], progress=JOBS[scale] == 1)
    notebook = read(target)
    faults = execution_faults(f"_build/executions/{source.name}", notebook)
    nbformat.write(scrub(notebook), build / "source" / "book" / source.name)
    print(f"Executed notebooks/{source.name} in {time.monotonic() - start:.0f} s", flush=True)
    return faults


def keep(arguments):
    """Copy the staged executions to book/, where they are committed."""
    if (ROOT / "my-results").exists():
        raise BookError(
            "the chapters have compared the runs in my-results/; move it, and try again"
        )
    staged = arguments.into / "_build" / "source" / "book"
    refuse(copy_faults(ROOT, staged))
    for source in sources(ROOT):
        shutil.copy(staged / source.name, ROOT / "book")
        print(f"Kept book/{source.name}")
    refuse(repository_faults(ROOT))


def compile_book(arguments):
    """Compile what is staged, or what is committed."""
    build = arguments.into / "_build"
    jupyter_book(arguments, "html")
    print(f"The book is {build / 'html' / 'index.html'}")


def links(arguments):
    """Follow every link of the pages that leads out of the book, and name those that are broken."""
    arguments.committed = True
    jupyter_book(arguments, "linkcheck")
    print("Every link leads somewhere.")


def jupyter_book(arguments, builder):
    """Have Jupyter Book read the pages that are staged, or else those that are committed."""
    build = arguments.into / "_build"
    if arguments.committed:
        refuse(repository_faults(ROOT))
        stage(build, executed=True)
    if not (build / "source").exists():
        raise BookError(f"nothing is staged in {build}; run `python tools/book.py execute` first")
    compile_staged(arguments.into, builder)


def compile_staged(into, builder="html"):
    """Compile what is staged, from nothing: Sphinx does not repeat the warnings of old pages."""
    build = into / "_build"
    for stale in (builder, ".doctrees", "jupyter_execute"):
        shutil.rmtree(build / stale, ignore_errors=True)
    command = [Path(sysconfig.get_path("scripts"), "jupyter-book"), "build", build / "source"]
    command += ["--path-output", into, "-W", "-n", "--keep-going"]
    # Its name for HTML is not that of the folder: it would add one.
    command += [] if builder == "html" else ["--builder", builder]
    print(f"Compiling: {' '.join(map(str, command))}", flush=True)
    if subprocess.run(command).returncode:
        raise BookError("the book has faults; Jupyter Book's warnings, above, name them")


def main(argv=None):
    """Run a command."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    subs = {}
    steps = {"execute": execute, "keep": keep, "compile": compile_book, "links": links}
    for name, command in steps.items():
        subs[name] = commands.add_parser(name, help=command.__doc__, description=command.__doc__)
        subs[name].set_defaults(command=command)
        subs[name].add_argument(
            "--into", type=Path, default=ROOT, help="folder to make _build/ in; default: this one"
        )
    subs["execute"].add_argument(
        "--scale", choices=TIMEOUTS, default="paper", help="paper (default) or quick"
    )
    subs["execute"].add_argument(
        "--fresh", action="store_true", help="train every run anew, whatever is recorded"
    )
    subs["compile"].add_argument(
        "--committed", action="store_true", help="compile the executions that are in book/"
    )
    arguments = parser.parse_args(argv)
    arguments.into = arguments.into.resolve()
    return ended("book", arguments.command, arguments)


if __name__ == "__main__":
    sys.exit(main())
