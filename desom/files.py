"""Where the repository is, and files that are whole or refused."""

import os
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from desom.errors import InputError

# Of no use where the package is installed without its repository.
REPOSITORY = Path(__file__).resolve().parents[1]


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
