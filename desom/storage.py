"""Files that are whole or refused, and estimators in one of them, without a pickle."""

import os
from contextlib import contextmanager
from pathlib import Path

from desom.errors import InputError


@contextmanager
def atomic_write(path):
    """Open a binary file that appears under its name only once it is whole and on disk.

    Its folder is created; an exception inside the block leaves ``path`` as it was.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def save(estimator, path):
    """Write an estimator to one file, which is replaced if it exists: arrays and JSON text."""
    import skops.io  # not above: it imports every framework that is installed

    with atomic_write(path) as file:
        skops.io.dump(estimator, file)


def load(path):
    """Read an estimator that `save` wrote, or a pipeline that ends in one; makes no foreign class.

    Raises OSError if the file cannot be read, InputError if it holds something else or is damaged.
    """
    import skops.io

    content = Path(path).read_bytes()
    try:
        types = skops.io.get_untrusted_types(data=content)
        foreign = [name for name in types if not name.startswith("desom.")]
        estimator = None if foreign else skops.io.loads(content, trusted=types)
    except Exception as error:  # a foreign or damaged archive fails in a dozen ways
        raise InputError(f"{path} is not a saved estimator, or it is damaged.") from error
    last = getattr(estimator, "steps", [("", estimator)])[-1][1]
    if foreign or not type(last).__module__.startswith("desom."):
        held = ", ".join(foreign) or type(last).__name__
        raise InputError(f"{path} is not a saved estimator of this package: it holds {held}.")
    return estimator
