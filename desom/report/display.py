"""What the chapters show of the module itself, and of the records that they read."""

import inspect
import json
import re
from pathlib import Path
from textwrap import dedent

from IPython.display import Markdown, display

from desom.experiments.records import REPOSITORY, default_folder

# Of an output that names records; `tools/provenance.py` reads it, no front end shows it.
RECORDS = "application/vnd.desom.records+json"


def show_code(*functions):
    """Show functions as the module has them, without their docstrings.

    Parameters
    ----------
    *functions : callable
        Functions, methods or classes of this package.

    Returns
    -------
    IPython.display.Markdown
        Their source, cut out of the files as they are now.
    """
    sources = [dedent(inspect.getsource(function)).rstrip() for function in functions]
    sources = [re.sub(r'\n *""".*?"""', "", source, flags=re.DOTALL) for source in sources]
    return Markdown("```python\n" + "\n\n\n".join(sources) + "\n```")


def cite(records):
    """Say under a cell which runs it reads; the book puts that beside all that is made of them.

    Parameters
    ----------
    records : list of dict
        Records of runs.

    Returns
    -------
    list of dict
        The same records.
    """
    by_file = {}
    for record in records:
        by_file.setdefault(f"{record['method']}/{record['dataset']}.jsonl", []).append(record)
    _cite(
        {
            "file": file,
            "runs": [record["key"] for record in found],
            "seeds": sorted({record["seed"] for record in found}),
            **_made([record["environment"] for record in found]),
        }
        for file, found in by_file.items()
    )
    return records


def read_benchmarks():
    """Read the figures of the benchmarks in the repository, and cite them as `cite` does.

    Returns
    -------
    dict
        What ``results/benchmarks.json`` holds, by benchmark.
    """
    path = REPOSITORY / "results" / "benchmarks.json"
    found = json.loads(path.read_text("utf-8"))
    parts = [part for name in found.values() for part in (name, *name.get("other_machines", []))]
    environments = [part["environment"] for part in parts]
    _cite([{"file": path.name, "runs": [], "seeds": [], **_made(environments)}], path.parent)
    return found


def _made(environments):
    """Name where and by which code runs were made, each once."""
    machines = {
        f"{e['device']}, {e['threads']} thread{'s' * (e['threads'] > 1)}": None
        for e in environments
    }
    revisions = dict.fromkeys(environment["revision"] for environment in environments)
    return {"revisions": list(revisions), "machines": list(machines)}


def _cite(files, folder=None):
    files = list(files)
    if not files:
        return
    # Runs that a reader makes elsewhere are not part of the repository: nothing to link to.
    folder = Path(folder or default_folder()).resolve()
    committed = folder == REPOSITORY / "results"
    text = f"Records: {', '.join(file['file'] for file in files)} in {folder.name}/"
    display({"text/plain": text, RECORDS: {"committed": committed, "files": files}}, raw=True)
