"""What the chapters show of the module itself, and of the records that they read."""

import inspect
import json
import re
from itertools import pairwise
from pathlib import Path
from textwrap import dedent

from IPython.display import Markdown, display

from desom.experiments.records import REPOSITORY, default_folder
from desom.experiments.schedule import collect, recorded, runs_of

# Marks an output that names records for `book/_ext/pages.py`; front ends show its text alone.
RECORDS = "application/vnd.desom.records+json"


def show_code(*functions):
    """Show functions or classes as Markdown, cut out of their files, without their docstrings."""
    sources = [dedent(inspect.getsource(function)).rstrip() for function in functions]
    sources = [re.sub(r'\n *""".*?"""', "", source, flags=re.DOTALL) for source in sources]
    return Markdown("```python\n" + "\n\n\n".join(sources) + "\n```")


def cite(records, folder=None):
    """Say under a cell which records of a folder it reads, if any, and hand them on.

    The book folds that, and adds a link to the code.
    """
    if records:
        names = dict.fromkeys(f"{record['method']}/{record['dataset']}" for record in records)
        keys, seeds = ({record[part] for record in records} for part in ("key", "seed"))
        count = f"{len(keys):,} run{'s' * (len(keys) > 1)}, seeds {_ranges(sorted(seeds))}"
        environments = [record["environment"] for record in records]
        _display_note(f"{count}: {', '.join(names)}", environments, folder or default_folder())
    return records


def records_of(grid, scale, make_missing=False, **part):
    """Read and `cite` the records of a grid, or of a part of it, as `schedule.runs_of` names them.

    At the quick scale the runs that are missing are made, and at the paper's if told so; but none
    on RCV1, which is a download of 650 MB.
    """
    wanted = runs_of(grid, scale, **part)
    if scale == "paper" and not make_missing:
        return cite(recorded(wanted))
    read = [run for run in wanted if run.dataset in ("rcv1_10k", "reuters10k")]
    return cite(collect([run for run in wanted if run not in read]) + recorded(read))


def read_benchmarks():
    """Read ``results/benchmarks.json`` as a dictionary by benchmark, and cite it as `cite` does."""
    path = REPOSITORY / "results" / "benchmarks.json"
    benchmarks = json.loads(path.read_text("utf-8"))
    parts = [p for name in benchmarks.values() for p in (name, *name.get("other_machines", []))]
    _display_note(path.name, [part["environment"] for part in parts], path.parent)
    return benchmarks


def _ranges(numbers):
    """Write sorted integers briefly: 0–3, 7."""
    cuts = [0, *(i for i, (a, b) in enumerate(pairwise(numbers), 1) if b > a + 1), len(numbers)]
    parts = [numbers[a:b] for a, b in pairwise(cuts)]
    return ", ".join(f"{p[0]}–{p[-1]}" if len(p) > 1 else f"{p[0]}" for p in parts)


def _display_note(what, environments, folder):
    """Display which records these are, in which folder, by which code, on which devices."""
    # What a reader runs is no part of the repository: there is nothing to link to.
    committed = Path(folder).resolve() == REPOSITORY / "results"
    place = "results/" if committed else f"{Path(folder).name}/, made for this page"
    revisions = dict.fromkeys(e["revision"] for e in environments)
    devices = dict.fromkeys(
        f"{e['device']}, {e['threads']} thread{'s' * (e['threads'] > 1)}" for e in environments
    )
    text = (
        f"Records in {place}: {what}. Revisions of the code: {', '.join(revisions)}. "
        f"Devices: {'; '.join(devices)}."
    )
    display({"text/plain": text, RECORDS: {"committed": committed}}, raw=True)
