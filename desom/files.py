"""Where the repository is, and writing files so that a reader never meets half of one."""

import os
from contextlib import contextmanager
from pathlib import Path

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
