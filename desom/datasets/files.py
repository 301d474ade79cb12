"""Files of the user as data sets: a table, arrays, or a folder of images."""

import warnings
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image, UnidentifiedImageError

from desom.checks import LOST, lost_columns, sampled
from desom.errors import InputError

FORMS = "a table (.csv), arrays (.npz with x and optional y) or a folder of images"


def read(path, label=None):
    """Read what a path leads to, by its form: the fields of a `Dataset` after the name, by name.

    ``label`` is the column of a table that holds the classes, numbers or words. A folder's images
    are of one size; those in folders below it are of the classes that these name.
    """
    path = Path(path)
    if label is not None and path.suffix.lower() != ".csv":
        raise InputError(f"label is {label!r}, a column of a table; {path} is none.")
    if path.is_dir():
        return _read_folder(path)
    if not path.is_file():
        raise InputError(f"{path} does not exist: give the path of {FORMS}.")
    return _read_table(path, label) if path.suffix.lower() == ".csv" else _read_npz(path)


def _read_table(path, label):
    try:
        table = pd.read_csv(path)
    except (ValueError, OSError) as error:
        raise InputError(f"{path} cannot be read as a table: {error}.") from None
    if table.empty:
        raise InputError(f"{path} has no rows: it must hold a line of names, and numbers below.")
    if label is not None and label not in table:
        columns = ", ".join(map(str, table))
        raise InputError(f"{path} has no column {label!r}: its columns are {columns}.")
    y = table.pop(label) if label is not None else None
    words = [str(name) for name, column in table.items() if column.dtype.kind not in "biuf"]
    if words:
        raise InputError(
            f"{path} has words in {', '.join(words)}: leave these columns out, or name the one "
            "with the classes as the label."
        )
    holes = table.isna().any(axis=1) | (False if y is None else y.isna())
    if holes.any():
        missing = f"{holes.sum()} of {len(table)} rows"
        raise InputError(f"{path} has values missing in {missing}: fill them, or drop the rows.")
    x, names = _points(table.to_numpy(), path), tuple(map(str, table))
    for column in lost_columns(sampled(table)):
        warnings.warn(f"column {names[column]} of {path} lies {LOST}", stacklevel=4)
    return {"x": x, "feature_names": names} | _classes(None if y is None else y.to_numpy(), x, path)


def _read_npz(path):
    if not zipfile.is_zipfile(path):
        raise InputError(f"{path} is not an .npz: make it with np.savez(path, x=x, y=y).")
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {key: file[key] for key in ("x", "y") if key in file}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise InputError(f"{path} cannot be read: {error}.") from error
    if "x" not in arrays:
        raise InputError(f"{path} holds no array named x: make it with np.savez(path, x=x, y=y).")
    x = arrays["x"]
    image_shape = x.shape[1:] if x.ndim == 3 else None
    x = _points(x, path)
    return {"x": x, "image_shape": image_shape} | _classes(arrays.get("y"), x, path)


def _read_folder(path):
    files = sorted(
        file for file in path.rglob("*") if file.suffix.lower() in Image.registered_extensions()
    )
    images = []
    for file in files:
        try:
            with Image.open(file) as image:
                images.append(np.asarray(image.convert("L")))
        except (OSError, UnidentifiedImageError) as error:
            raise InputError(f"{file} cannot be read as an image: {error}.") from None
        if images[-1].shape != images[0].shape:
            (rows, columns), (others, those) = images[-1].shape, images[0].shape
            sizes = f"{columns}×{rows} pixels and {files[0]} {those}×{others}"
            raise InputError(f"{file} has {sizes}: give one size.")
    if not images:
        raise InputError(f"{path} holds no image: give the path of {FORMS}.")
    shape = images[0].shape
    x = _points(np.stack(images).reshape(len(images), -1) / np.float32(255), path)
    below = [file.relative_to(path).parts[0] for file in files if file.parent != path]
    y = np.array(below) if len(below) == len(files) else None
    return {"x": x, "image_shape": shape} | _classes(y, x, path)


def _points(x, path):
    """Flatten points, checked, to float32 (N, D)."""
    if x.dtype.kind not in "biuf":
        raise InputError(f"x of {path} has dtype {x.dtype}: it must hold real numbers.")
    if x.ndim < 2 or x.size == 0:
        raise InputError(f"x of {path} has shape {x.shape}: it must hold one data point per row.")
    with np.errstate(over="ignore"):
        x = np.ascontiguousarray(x, dtype=np.float32).reshape(len(x), -1)
    if not np.isfinite(x).all():
        raise InputError(f"x of {path} holds NaN, infinity, or numbers too large for float32.")
    return x


def _classes(y, x, path):
    """Give classes as int64 (N,), with their names where they are words or truth values."""
    if y is None:
        return {"y": None}
    words = y.dtype.kind in "bUSO"
    whole = y.dtype.kind != "f" or (np.isfinite(y).all() and (y == y.round()).all())
    if y.dtype.kind not in "biufUSO" or not whole or y.shape != (len(x),):
        raise InputError(
            f"y of {path} has dtype {y.dtype} and shape {y.shape}: it must hold one integer, or "
            f"one word, for each of the {len(x)} rows of x."
        )
    if not words:
        return {"y": np.ascontiguousarray(y, dtype=np.int64)}
    names, y = np.unique(y.astype(str), return_inverse=True)
    return {"y": y.astype(np.int64), "class_names": tuple(map(str, names))}
