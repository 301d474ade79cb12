"""The record of every run: a file of its own, which is whole or not there.

``<folder>/<method>/<dataset>-<key>.json`` holds a record; beside it, ``<dataset>-<key>.npz`` the
arrays that figures need, and ``<dataset>-<key>.failed.json`` what is known of a run that failed.
No table reads the last, and it goes when the run succeeds.
"""

import hashlib
import json
import os
import re
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from filelock import FileLock, Timeout

from desom.errors import InputError
from desom.storage import atomic_write

# Of no use where the package is installed without its repository.
REPOSITORY = Path(__file__).resolve().parents[2]

FAILED = ".failed.json"

# What of a record is an object.
PARTS = ("config", "metrics", "curves", "seconds", "environment")

# Files with a record on each line: as all were, before each run had its own.
OLD_FORM = ("*/*.jsonl", "failures.jsonl")


def default_folder(name=None):
    """Folder of the records: ``$DESOM_RESULTS``, else ``results/`` beside the source, or here.

    A relative name is in the same place, wherever one calls.
    """
    if name is None and os.environ.get("DESOM_RESULTS"):
        return Path(os.environ["DESOM_RESULTS"])
    root = REPOSITORY if (REPOSITORY / "pyproject.toml").is_file() else Path()
    return root / (name or "results")


def run_key(method, dataset, seed, config):
    """Name a run by what was asked, in 16 hexadecimal digits, the same on any machine."""
    text = json.dumps([method, dataset, seed, config], sort_keys=True, default=np.generic.item)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def check_writable(folder, name="results folder"):
    """Create a folder if need be, and raise InputError unless it can be written."""
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        writable = os.access(folder, os.W_OK | os.X_OK)
    except OSError:
        writable = False
    if not writable:
        raise InputError(f"the {name} {folder} cannot be written; choose another.")


def names(record):
    """Give what names a record: its method, data set and key."""
    return record["method"], record["dataset"], record["key"]


def clean(dataset):
    """Name a data set in a file's name: of one given by path, the file's own name."""
    return re.sub(r"[^\w.-]+", "_", Path(dataset).name.removesuffix(".npz")).lstrip("_.-") or "data"


def place(folder, method, dataset, key, ending=".json"):
    """Give the path of a record, of its arrays (".npz"), or of its failure."""
    return Path(folder, method, f"{clean(dataset)}-{key}{ending}")


def write(folder, record, ending=".json"):
    """Write a record, which takes away the failure of its run; or with ``FAILED`` a failure."""
    with atomic_write(place(folder, *names(record), ending)) as file:
        file.write(f"{_text(record)}\n".encode())
    if ending != FAILED:
        place(folder, *names(record), FAILED).unlink(missing_ok=True)


def _text(value, indent=""):
    """JSON with a line for each entry of an object, and each list on one line."""
    if not (isinstance(value, dict) and value):
        return json.dumps(value, default=np.generic.item)
    inner = indent + " "
    entries = (f"{inner}{json.dumps(name)}: {_text(v, inner)}" for name, v in value.items())
    return "{\n" + ",\n".join(entries) + f"\n{indent}}}"


def read(folder, method="*", dataset=None):
    """Read the records of a folder, or of one method, or of one method on one data set, by key.

    Method by method, data set by data set, and there as they were made. Raises InputError if a file
    is not a record, or the folder has records in the old form.
    """
    _refuse_old_form(folder)
    paths = Path(folder).glob(f"{method}/{clean(dataset) if dataset else '*'}-*.json")
    records = [read_file(path) for path in sorted(paths) if not path.name.endswith(FAILED)]
    records = [record for record in records if dataset in (None, record["dataset"])]
    records.sort(key=lambda r: (r["method"], r["dataset"], str(r.get("created"))))
    return {record["key"]: record for record in records}


def find(folder, runs, ending=".json"):
    """Read the records, or with ``FAILED`` the failures, of some runs by key; raises as `read`."""
    _refuse_old_form(folder)
    paths = {run.key: run.place(folder, ending) for run in runs}
    return {key: read_file(path, ending) for key, path in paths.items() if path.exists()}


def _refuse_old_form(folder):
    for path in old_files(folder):
        raise InputError(
            f"{path} holds records in the old form; convert the folder once: "
            f"desom convert --results {folder}."
        )


def old_files(folder):
    """List the files of a folder that hold records in the old form, a line each."""
    return [path for name in OLD_FORM for path in sorted(Path(folder).glob(name))]


def read_file(path, ending=".json"):
    """Read one record, or failure; raise InputError if it is not the one that its name says."""
    record = parse(path.read_bytes())
    sound = record and path == place(path.parents[1], *names(record), ending)
    if not sound or (ending == FAILED and not isinstance(record.get("error"), str)):
        raise InputError(f"{path} is not a record; restore the file, or delete it and run again.")
    return record


def parse(content):
    """Give the record that some bytes of JSON are, or None.

    Its ``method`` and ``key`` are to be parts of a file's name; the data set may be a path.
    """
    try:
        record = json.loads(content)
        texts = names(record)
    except (ValueError, RecursionError, KeyError, TypeError):
        return None
    sound = all(isinstance(text, str) for text in texts)
    sound = sound and all(re.fullmatch(r"\w[\w.-]*", text) for text in (texts[0], texts[2]))
    return record if sound and all(isinstance(record.get(n, {}), dict) for n in PARTS) else None


def load_artifact(record, folder=None):
    """Read the arrays of a record that has an artifact, by name; InputError if it is damaged."""
    path = Path(folder or default_folder()) / record["artifact"]
    with path.open("rb") as file:
        try:
            with np.load(file, allow_pickle=False) as arrays:
                return dict(arrays)
        # A damaged archive fails in a dozen ways, each with an error of its own.
        except Exception as error:
            raise InputError(f"{path} is not an artifact, or it is damaged.") from error


@contextmanager
def claim(folder, key):
    """Claim a run: yields False while another process on this folder computes it.

    The claim is a file lock, which ends with the process, however the process ends.
    """
    locks = Path(folder) / ".locks"
    locks.mkdir(parents=True, exist_ok=True)
    try:
        held = FileLock(locks / key).acquire(blocking=False)
    except Timeout:
        yield False
    else:
        with held:
            yield True
