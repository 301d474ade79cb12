"""Estimators in one file, without a pickle, and files that are whole or refused."""

import json
import os
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

from desom.errors import InputError


def load(path):
    """Read an estimator that ``save`` wrote.

    Parameters
    ----------
    path : str or Path
        The file.

    Returns
    -------
    StoredEstimator
        The fitted estimator, of the class that was saved.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    InputError
        If the file is not one that ``save`` wrote.
    """
    from desom.experiments.records import read_arrays

    arrays = read_arrays(path, "a saved estimator")
    import_module("desom.methods")  # knows every class that can be saved
    try:
        return _restored(arrays)
    # What a foreign or changed file runs into.
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path} is not a saved estimator, or it is damaged.") from error


def _restored(arrays):

    from desom.estimator import _CLASSES

    header = json.loads(str(arrays.pop("header")))
    estimator = _CLASSES[header["estimator"]]()
    parameters, state = header["parameters"], header["state"]
    arrays = {name: v.astype(object) if v.dtype.kind == "U" else v for name, v in arrays.items()}
    weights = [arrays.pop(name) for name in list(arrays) if name.startswith("weight_")]
    learned = {"model_": weights} if weights else {}
    snapshots = {
        name.removeprefix("snapshot_"): arrays.pop(name)
        for name in list(arrays)
        if name.startswith("snapshot_")
    }
    learned |= {"snapshots_": snapshots} if snapshots else {}
    # JSON has no tuples, and no parameter is a list.
    parameters = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in parameters.items()
    }
    estimator.__setstate__(parameters | state | arrays | learned)
    return estimator


@contextmanager
def atomic_write(path):
    """Open a binary file that appears under its name only once it is whole and on disk.

    Parameters
    ----------
    path : str or Path
        The file to write; replaced if it exists. Its folder is created.

    Yields
    ------
    file object
        Write to it; an exception inside the block leaves ``path`` as it was.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        with temporary.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
