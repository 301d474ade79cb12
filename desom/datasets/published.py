"""Files that others publish: found, downloaded, checked, read."""

import gzip
import os
import sys
from pathlib import Path
from tempfile import gettempdir
from typing import NamedTuple

import numpy as np
import pooch
from sklearn.datasets import fetch_rcv1

from desom.errors import InputError


class Published(NamedTuple):
    """A data set that others publish: addresses end in a slash, files have a SHA-256."""

    folder: str
    mirrors: tuple[str, ...]
    files: dict[str, str]


def _idx_files(*sha256):
    kinds = ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")
    return {f"{kind}-ubyte.gz": digest for kind, digest in zip(kinds, sha256, strict=True)}


MNIST = Published(
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
    ("http://www.cad.zju.edu.cn/home/dengcai/Data/Reuters21578/",),
    {"Reuters21578.mat": "2e442026efc64cfbcd3a531b4bc99b21eed6c5463276dbfa69d096f91dd5c245"},
)


def cache():
    """Folder of the user's cache: downloaded files, trained autoencoders; it may not exist yet."""
    try:
        return Path(pooch.os_cache("desom"))
    except RuntimeError:  # who has no home has no cache of their own
        return Path(gettempdir(), "desom")


def folders(name):
    """List where a folder may be: in $DESOM_DATA, if that is set, then in the cache."""
    root = os.environ.get("DESOM_DATA")
    return [Path(root, name), cache() / name] if root else [cache() / name]


def files(published):
    """Find the files of a data set, and download those that are nowhere to the user's cache.

    Paths in the order of ``published.files``. Raises InputError if a file has another SHA-256 than
    the published one, or is not to be had.
    """
    places, paths = folders(published.folder), []
    for file, sha256 in published.files.items():
        path = _find(file, places) or _download(file, published, places)
        if (given := pooch.file_hash(path)) != sha256:
            raise InputError(
                f"{path} is not the published file: its SHA-256 is {given[:12]}…, not "
                f"{sha256[:12]}…; remove or replace it and run again."
            )
        paths.append(path)
    return paths


def _find(file, places):
    return next((folder / file for folder in places if (folder / file).is_file()), None)


def _download(file, published, places):
    """Download a file to the last of the places, where it appears once its hash is right."""
    failures = []
    for mirror in published.mirrors:
        # Seconds to connect, then seconds of silence: somebody offline should be told soon.
        download = pooch.HTTPDownloader(progressbar=True, timeout=(3.05, 10))
        try:
            options = {"path": places[-1], "downloader": download}
            return Path(pooch.retrieve(mirror + file, published.files[file], file, **options))
        except OSError as error:
            failures.append(f"{mirror} ({error.strerror or type(error).__name__})")
        except ValueError:
            failures.append(f"{mirror} (a file of another SHA-256)")
    missing = ", ".join(file for file in published.files if not _find(file, places))
    raise InputError(
        f"{published.folder} needs {missing}, found neither in {', '.join(map(str, places))} nor "
        f"at {' or '.join(failures)}: run again with a network, or put the files from one of these "
        f"addresses in a folder named {published.folder} and set DESOM_DATA to the folder that "
        "contains it."
    )


def read_images(paths):
    """Read the four files of MNIST, IDX: images and labels for training, then those of the test.

    Gives x, float32 (N, rows * columns), in [0, 1], and y, int64 (N,).
    """
    parts = [np.frombuffer(gzip.decompress(path.read_bytes()), np.uint8) for path in paths]
    # The sizes stand before the values, in 16 bytes where there are images, else in 8.
    labels = np.concatenate([part[8:] for part in parts[1::2]], dtype=np.int64)
    images = np.concatenate([part[16:] for part in parts[::2]]).reshape(len(labels), -1)
    return np.divide(images, 255, dtype=np.float32), labels


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
