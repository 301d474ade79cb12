"""Files that others publish: found, downloaded, checked, read."""

import gzip
import math
import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir
from typing import NamedTuple

import numpy as np
import pooch
from sklearn.datasets import fetch_rcv1

from desom.errors import InputError


class Published(NamedTuple):
    """A data set that others publish: addresses end in a slash, files have a SHA-256."""

    name: str
    folder: str
    mirrors: tuple[str, ...]
    files: dict[str, str]


def _idx_files(*sha256):
    kinds = ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")
    return {f"{kind}-ubyte.gz": digest for kind, digest in zip(kinds, sha256, strict=True)}


MNIST = Published(
    "mnist",
    "mnist",
    (
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    ),
    _idx_files(
        "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
        "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
    ),
)

FASHION_MNIST = Published(
    "fashion_mnist",
    "fashion-mnist",
    (
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",
    ),
    _idx_files(
        "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
        "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
        "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
        "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
    ),
)

REUTERS21578 = Published(
    "reuters21578",
    "reuters21578",
    ("http://www.cad.zju.edu.cn/home/dengcai/Data/Reuters21578/",),
    {"Reuters21578.mat": "2e442026efc64cfbcd3a531b4bc99b21eed6c5463276dbfa69d096f91dd5c245"},
)


def cache():
    """Folder of the user's cache: downloaded files, trained autoencoders; it may not exist yet."""
    try:
        return Path(pooch.os_cache("desom"))
    except RuntimeError:  # who has no home has no cache of their own
        return Path(gettempdir(), "desom")


def folders(*names):
    """List where a folder of one of these names may be: in $DESOM_DATA, then in the cache."""
    root = os.environ.get("DESOM_DATA")
    given = [Path(root, name) for name in dict.fromkeys(names)] if root else []
    return [*given, cache() / names[0]]


def files(published):
    """Find the files of a data set, and download those that are nowhere to the user's cache.

    Paths in the order of ``published.files``. Raises InputError if a file has another SHA-256 than
    the published one, and is then kept aside, or is not to be had.
    """
    places = folders(published.folder, published.name)
    paths, missing = [], []
    for file, sha256 in published.files.items():
        path = next((f / file for f in places if (f / file).is_file()), None)
        if path is None:
            missing.append(path := places[-1] / file)
        elif refusal := _refusal(path, sha256, path):
            raise InputError(
                f"{path} is not the published file: {refusal}; remove or replace it and run again."
            )
        paths.append(path)

    for path in missing:
        failures = []
        for mirror in published.mirrors:
            try:
                failure = _download(mirror + path.name, path, published.files[path.name])
            except OSError as error:
                failure = error.strerror or type(error).__name__
            if failure is None:
                break
            failures.append(f"{mirror} ({failure})")
        else:
            names = [path.name for path in missing if not path.is_file()]
            raise InputError(
                f"{published.name} needs {', '.join(names)}, found neither in "
                f"{', '.join(map(str, places))} nor at {' or '.join(failures)}: run again with a "
                "network, or put the files from one of these addresses in a folder named "
                f"{published.folder} and set DESOM_DATA to the folder that contains it."
            )
    return paths


def _download(url, target, sha256):
    """Download a file, which gets its name once its hash is right; else say why it is refused."""
    print(f"Downloading {url} to {target.parent}", file=sys.stderr)
    target.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="partial-", dir=target.parent) as folder:
        partial = Path(folder, target.name)
        # Seconds to connect, then seconds of silence: somebody offline should be told soon.
        download = pooch.HTTPDownloader(progressbar=True, timeout=(3.05, 10))
        download(url, partial, None)
        refusal = _refusal(partial, sha256, target)
        if refusal is None:
            partial.replace(target)
    return refusal


def _refusal(path, sha256, target):
    """Move a file aside and say why, or give None if it has the expected hash."""
    given = pooch.file_hash(path)
    if given == sha256:
        return None
    try:
        kept = path.replace(target.with_name(f"{target.name}.rejected"))
    except OSError:  # a read-only folder
        kept = path
    return f"its SHA-256 is {given[:12]}…, not {sha256[:12]}…, so it is kept as {kept} and not used"


def _read_idx(path, ndim):
    """Read a gzipped IDX file of bytes (LeCun's format): an array of uint8 with ``ndim`` axes."""
    raw = gzip.decompress(path.read_bytes())
    magic, *shape = (int.from_bytes(raw[4 * i : 4 * i + 4], "big") for i in range(1 + ndim))
    header = 4 * (1 + ndim)
    if magic != 0x0800 + ndim or len(raw) != header + math.prod(shape):
        raise InputError(
            f"{path} is not an IDX file of bytes with {ndim} axes: its magic number is"
            f" {magic:#06x}, its shape {tuple(shape)}, its length {len(raw)} bytes."
        )
    return np.frombuffer(raw, np.uint8, offset=header).reshape(shape)


def read_images(paths):
    """Read the four IDX files of MNIST: images and labels for training, then those of the test.

    Gives x, float32 (N, rows * columns), in [0, 1], and y, int64 (N,).
    """
    images = np.concatenate([_read_idx(path, 3) for path in paths[::2]])
    labels = np.concatenate([_read_idx(path, 1) for path in paths[1::2]], dtype=np.int64)
    return np.divide(images.reshape(len(images), -1), 255, dtype=np.float32), labels


def read_rcv1():
    """Read RCV1 as scikit-learn keeps it, in ``$DESOM_DATA/RCV1/`` or else in the user's cache.

    Gives what `sklearn.datasets.fetch_rcv1` does, which downloads it to the cache if need be;
    raises InputError if it can neither be read nor downloaded.
    """
    places = folders("RCV1")
    folder = next((folder for folder in places if folder.is_dir()), places[-1])
    print(f"Reading RCV1 from {folder}, where it is downloaded if need be", file=sys.stderr)
    try:
        return fetch_rcv1(data_home=folder.parent)
    except (OSError, EOFError, ValueError) as error:  # the last two: an interrupted one's files
        raise InputError(
            f"RCV1 is needed, which scikit-learn could neither read from {folder} nor download to "
            f"it ({type(error).__name__}): run again with a network, and without that folder if an "
            "earlier run was interrupted."
        ) from error
