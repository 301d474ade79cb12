"""The published files: where they are found, hashes, mirrors, and what is said without network."""

import gzip
import hashlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pooch
import pytest

from desom import datasets
from desom.datasets import load
from helpers import refusal

RealDownloader = pooch.HTTPDownloader
pytestmark = pytest.mark.usefixtures("web")


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
