"""The record of every run: one JSON line per run, appended so that no crash can lose another's.

``<folder>/<method>/<dataset>.jsonl`` holds the lines, ``<folder>/<artifact>`` the arrays that
figures need. A line is whole or absent; a process that is killed while it appends leaves at most
a torn last line, which the next reader leaves out and the next writer cuts off. What failed stands
apart, in ``<folder>/failures.jsonl``, where no table looks.
"""

import errno
import fcntl
import hashlib
import json
import os
import warnings
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from desom.errors import InputError

FAILURES = "failures.jsonl"


def default_folder():
    """Folder of the records: ``$DESOM_RESULTS``, else ``results/`` beside the package's source.

    Returns
    -------
    Path
        ``results`` in the current folder if the package is installed without its repository.
    """
    if os.environ.get("DESOM_RESULTS"):
        return Path(os.environ["DESOM_RESULTS"])
    return (REPOSITORY if (REPOSITORY / "pyproject.toml").is_file() else Path()) / "results"


def run_key(method, dataset, seed, config):
    """Name a run by what was asked: the same request has the same key on any machine.

    Parameters
    ----------
    method, dataset : str
        Names.
    seed : int
        The random seed.
    config : dict
        Every hyperparameter; values that JSON can hold (a tuple is a list).

    Returns
    -------
    str
        16 hexadecimal digits.
    """
    text = json.dumps([method, dataset, seed, config], sort_keys=True, default=np.generic.item)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _path(folder, method, dataset):
    return Path(folder) / method / f"{dataset}.jsonl"


def check_writable(folder, name="results folder"):
    """Create the folder if need be and make sure that it can be written, before any work is done.

    Parameters
    ----------
    folder : str or Path
        The folder.
    name : str
        What the folder is, for the message.

    Raises
    ------
    InputError
        If it cannot.
    """
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        writable = os.access(folder, os.W_OK | os.X_OK)
    except OSError:
        writable = False
    if not writable:
        raise InputError(f"the {name} {folder} cannot be written; choose another.")


def append(folder, record):
    """Append a record to its file, in one write, under a lock; mend a torn last line first.

    Parameters
    ----------
    folder : str or Path
        The folder of the records.
    record : dict
        The record; it has ``method``, ``dataset`` and ``key``.
    """
    _append_line(_path(folder, record["method"], record["dataset"]), record)


def append_failure(folder, failure):
    """Append a run that failed to ``failures.jsonl``, as `append` does.

    Parameters
    ----------
    folder : str or Path
        The folder of the records.
    failure : dict
        What a record says of what was asked, and the ``error``.
    """
    _append_line(Path(folder) / FAILURES, failure)


def _append_line(path, record):
    path.parent.mkdir(parents=True, exist_ok=True)
    line = json.dumps(record, default=np.generic.item).encode() + b"\n"
    with path.open("a+b", buffering=0) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        content = file.read()
        whole = content.rfind(b"\n") + 1
        if _parse(content[whole:]):
            line = b"\n" + line
        elif whole < len(content):
            warnings.warn(f"{path}: a torn last line was cut off", stacklevel=2)
            file.truncate(whole)
        start = file.seek(0, os.SEEK_END)
        # A disk that fills up takes a part, and says so by the number alone.
        if file.write(line) < len(line):
            file.truncate(start)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        os.fsync(file.fileno())


def read(folder, method, dataset):
    """Read the records of a method on a data set.

    Parameters
    ----------
    folder : str or Path
        The folder of the records.
    method, dataset : str
        Names.

    Returns
    -------
    dict of str to dict
        The records by key, in the order of the file; of two with one key, the last.

    Raises
    ------
    InputError
        If a line other than a torn last one is not a record.
    """
    return _read_lines(_path(folder, method, dataset))


def read_failures(folder):
    """Read the runs that failed.

    Parameters
    ----------
    folder : str or Path
        The folder of the records.

    Returns
    -------
    dict of str to dict
        What `append_failure` was given, by key, the last of each.

    Raises
    ------
    InputError
        As `read`.
    """
    return _read_lines(Path(folder) / FAILURES)


def _read_lines(path):
    if not path.exists():
        return {}
    with path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        lines = file.read().split(b"\n")
    records = {}
    for number, line in enumerate(lines, start=1):
        record = _parse(line)
        if record:
            records[record["key"]] = record
        elif number < len(lines):
            raise InputError(
                f"{path}, line {number}, is not a record; restore the file, or delete that line "
                "and run again."
            )
        elif line:
            warnings.warn(f"{path}: a torn last line is left out", stacklevel=2)
    return records


def load_artifact(record, folder=None):
    """Read the arrays of a record.

    Parameters
    ----------
    record : dict
        A record with an artifact.
    folder : str or Path, optional
        The folder of the records; ``default_folder()`` by default.

    Returns
    -------
    dict of str to ndarray
        The arrays by name.

    Raises
    ------
    OSError
        If the file is missing.
    InputError
        If it is damaged.
    """
    return read_arrays(Path(folder or default_folder()) / record["artifact"], "an artifact")


def _parse(line):
    """Give the record that a line holds, or None."""
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(record, dict):
        return None
    is_record = all(isinstance(record.get(n), str) for n in ("method", "dataset", "key"))
    dicts = ("config", "metrics", "curves", "seconds", "environment")
    return record if is_record and all(isinstance(record.get(n, {}), dict) for n in dicts) else None


@contextmanager
def claim(folder, key):
    """Claim a run, so that two processes on one folder never compute the same one.

    The claim is a file lock: it ends with the process, however the process ends.

    Parameters
    ----------
    folder : str or Path
        The folder of the records.
    key : str
        The run's key.

    Yields
    ------
    bool
        Whether the run is ours; False while another process computes it.
    """
    locks = Path(folder) / ".locks"
    locks.mkdir(parents=True, exist_ok=True)
    with (locks / key).open("wb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


# Of no use where the package is installed without its repository.
REPOSITORY = Path(__file__).resolve().parents[2]


def read_arrays(path, what):
    """Read the arrays of an .npz file.

    Parameters
    ----------
    path : str or Path
        The file.
    what : str
        What it should be, for the message ("a saved estimator").

    Returns
    -------
    dict of str to ndarray
        The arrays by name.

    Raises
    ------
    OSError
        If there is no such file, or it may not be read.
    InputError
        If the file holds something else, or is damaged.
    """
    with Path(path).open("rb") as file:
        try:
            with np.load(file, allow_pickle=False) as arrays:
                return dict(arrays)
        # A damaged archive fails in a dozen ways, each with an error of its own.
        except Exception as error:
            raise InputError(f"{path} is not {what}, or it is damaged.") from error
