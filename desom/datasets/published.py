"""Files that others publish: found, downloaded, checked, read."""

import gzip
import math
import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
import pooch

from desom.errors import InputError

_IDX_FILES = (
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
)


class _Published(NamedTuple):
    """What somebody else publishes: files with their hashes, their addresses, a folder's name."""

    folder: str
    mirrors: tuple[str, ...]
    files: tuple[str, ...]
    sha256: tuple[str, ...]


_PUBLISHED = {
    "mnist": _Published(
        folder="mnist",
        mirrors=(
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
            "https://storage.googleapis.com/cvdf-datasets/mnist/",
        ),
        files=_IDX_FILES,
        sha256=(
            "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
            "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
            "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
            "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
        ),
    ),
    "fashion_mnist": _Published(
        folder="fashion-mnist",
        mirrors=(
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
            "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",
        ),
        files=_IDX_FILES,
        sha256=(
            "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
            "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
            "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
            "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
        ),
    ),
    "reuters21578": _Published(
        folder="reuters21578",
        mirrors=("http://www.cad.zju.edu.cn/home/dengcai/Data/Reuters21578/",),
        files=("Reuters21578.mat",),
        sha256=("2e442026efc64cfbcd3a531b4bc99b21eed6c5463276dbfa69d096f91dd5c245",),
    ),
}


def _published_files(name):
    """Paths of the files of a published data set, after downloading those that are nowhere."""
    published = _PUBLISHED[name]
    cached = cache() / published.folder
    folders = [cached]
    if root := os.environ.get("DESOM_DATA"):
        folders = list(dict.fromkeys([Path(root, published.folder), Path(root, name), cached]))

    paths, missing = [], {}
    for file, sha256 in zip(published.files, published.sha256, strict=True):
        path = next((f / file for f in folders if (f / file).is_file()), None)
        if path is None:
            missing[path := cached / file] = sha256
        elif refusal := _refusal(path, sha256, _rejected(path)):
            raise InputError(
                f"{path} is not the published file: {refusal}; remove or replace it and run again."
            )
        paths.append(path)

    for path, sha256 in missing.items():
        failures = []
        for mirror in published.mirrors:
            try:
                failure = _download(mirror + path.name, path, sha256)
            except OSError as error:
                failure = error.strerror or type(error).__name__
            if failure is None:
                break
            failures.append(f"{mirror} ({failure})")
        else:
            files = [path.name for path in missing if not path.is_file()]
            raise InputError(
                f"{name} needs {', '.join(files)}, found neither in {', '.join(map(str, folders))}"
                f" nor at {' or '.join(failures)}: run again with a network, or put the files from"
                f" one of these addresses in a folder named {published.folder} and set DESOM_DATA"
                " to the folder that contains it."
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
        refusal = _refusal(partial, sha256, _rejected(target))
        if refusal is None:
            partial.replace(target)
    return refusal


def _rejected(path):
    return path.with_name(f"{path.name}.rejected")


def _refusal(path, sha256, rejected):
    """Move a file aside and say why, or give None if it has the expected hash."""
    found = pooch.file_hash(path)
    if found == sha256:
        return None
    try:
        kept = path.replace(rejected)
    except OSError:  # a read-only folder
        kept = path
    return f"its SHA-256 is {found[:12]}…, not {sha256[:12]}…, so it is kept as {kept} and not used"


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


def cache():
    """Folder of the user's cache: downloaded files, trained autoencoders.

    Returns
    -------
    Path
        The operating system's place for it; it may not exist yet.
    """
    return Path(pooch.os_cache("desom"))
