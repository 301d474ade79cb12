"""The published files: where they are found, hashes, mirrors, and what is said without network."""

import gzip
import hashlib
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pooch
import pytest

from desom.datasets import published
from desom.datasets.published import MNIST, Published, files, read_images
from helpers import refusal

IMAGES = np.arange(5 * 2 * 3, dtype=np.uint8).reshape(5, 2, 3) * 8 + 23
LABELS = np.array([3, 1, 4, 1, 5], dtype=np.uint8)


def idx(array):
    header = np.array([0x0800 + array.ndim, *array.shape], dtype=">u4")
    return gzip.compress(header.tobytes() + array.tobytes())


# Three train images and two test images, 2 x 3 pixels each.
ARRAYS = (IMAGES[:3], LABELS[:3], IMAGES[3:], LABELS[3:])
CONTENT = dict(zip(MNIST.files, map(idx, ARRAYS), strict=True))
TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS = CONTENT


def sha256(content):
    return hashlib.sha256(content).hexdigest()


class Mirrors:
    """Two addresses on this machine: what each serves, what is broken off, what was asked for."""

    def __init__(self):
        self.first, self.second, self.broken, self.asked = {}, {}, set(), []

    def __enter__(self):
        mirrors = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                mirrors.asked.append(self.path)
                mirror, file = self.path.strip("/").split("/")
                content = getattr(mirrors, mirror).get(file)
                self.send_response(404 if content is None else 200)
                self.send_header("Content-Length", str(len(content or b"")))
                self.end_headers()
                self.wfile.write((content or b"")[: -9 if self.path in mirrors.broken else None])

            def log_message(self, *args):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        root = f"http://127.0.0.1:{self.server.server_port}"
        self.addresses = (f"{root}/first/", f"{root}/second/")
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *error):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def mirrors():
    with Mirrors() as mirrors:
        yield mirrors


@pytest.fixture
def tiny(mirrors):
    hashes = {file: sha256(content) for file, content in CONTENT.items()}
    return Published("tiny-images", mirrors.addresses, hashes)


@pytest.fixture
def cache(user_cache):
    return user_cache / "tiny-images"


def write(folder, content):
    folder.mkdir(parents=True)
    for file, its_content in content.items():
        (folder / file).write_bytes(its_content)


def listing(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def given(paths):
    return {path.name: path.read_bytes() for path in paths}


# Files that are on the machine


def test_files_in_desom_data(monkeypatch, tmp_path, mirrors, tiny, cache):
    monkeypatch.setenv("DESOM_DATA", str(tmp_path / "data"))
    write(tmp_path / "data" / "tiny-images", CONTENT)
    assert given(files(tiny)) == CONTENT
    assert mirrors.asked == []
    assert not cache.parent.exists()


def test_files_in_the_cache_complete_those_in_desom_data(
    monkeypatch, tmp_path, mirrors, tiny, cache
):
    content = list(CONTENT.items())
    monkeypatch.setenv("DESOM_DATA", str(tmp_path / "data"))
    write(tmp_path / "data" / "tiny-images", dict(content[:1]))
    write(cache, dict(content[1:]))
    assert given(files(tiny)) == CONTENT
    assert mirrors.asked == []


def test_file_with_a_wrong_hash_is_refused_and_stays(mirrors, tiny, cache):
    wrong = idx(LABELS[:2])
    write(cache, CONTENT | {TEST_LABELS: wrong})
    message = refusal(files, tiny)
    assert f"{cache / TEST_LABELS} is not the published file" in message
    assert f"SHA-256 is {sha256(wrong)[:12]}…" in message
    assert f"not {tiny.files[TEST_LABELS][:12]}…" in message
    assert "remove or replace it and run again" in message
    assert listing(cache) == CONTENT | {TEST_LABELS: wrong}
    assert mirrors.asked == []


# Files that have to be downloaded


def test_missing_files_are_downloaded_once_and_it_is_said(capsys, mirrors, tiny, cache):
    mirrors.first = CONTENT
    assert given(files(tiny)) == listing(cache) == CONTENT
    assert "100%|" in capsys.readouterr().err

    mirrors.asked.clear()
    assert given(files(tiny)) == CONTENT
    assert mirrors.asked == []
    assert capsys.readouterr() == ("", "")


def test_second_mirror_is_tried_when_the_first_fails(mirrors, tiny, cache):
    """The first has no labels, and breaks off every file of images."""
    mirrors.first = {file: CONTENT[file] for file in (TRAIN_IMAGES, TEST_IMAGES)}
    mirrors.broken = {f"/first/{file}" for file in CONTENT}
    mirrors.second = CONTENT
    assert given(files(tiny)) == listing(cache) == CONTENT
    assert mirrors.asked[:2] == [f"/first/{TRAIN_IMAGES}", f"/second/{TRAIN_IMAGES}"]


def test_second_mirror_is_tried_when_the_first_serves_another_file(mirrors, tiny, cache):
    mirrors.first, mirrors.second = {TRAIN_IMAGES: b"wrong"}, CONTENT
    assert given(files(tiny)) == CONTENT
    assert listing(cache) == CONTENT


def test_no_mirror_serves_the_published_file(mirrors, tiny, cache):
    mirrors.first = {TRAIN_IMAGES: b"wrong"}
    message = refusal(files, tiny)
    assert f"{mirrors.addresses[0]} (a file of another SHA-256)" in message
    assert f"{mirrors.addresses[1]} (HTTPError)" in message
    assert listing(cache) == {}


@pytest.mark.parametrize("name", ["MNIST", "FASHION_MNIST", "REUTERS21578"])
def test_without_network_one_sentence_says_what_to_do(name, monkeypatch, tmp_path, user_cache):
    monkeypatch.setenv("DESOM_DATA", str(tmp_path / "data"))
    dataset = getattr(published, name)
    message = refusal(files, dataset)
    for expected in (
        f"{dataset.folder} needs {', '.join(dataset.files)}",
        str(tmp_path / "data" / dataset.folder),
        str(user_cache / dataset.folder),
        *(f"{address} (ProxyError)" for address in dataset.mirrors),
        "set DESOM_DATA",
    ):
        assert expected in message
    assert listing(user_cache / dataset.folder) == {}


def test_addresses_are_folders():
    for dataset in (published.MNIST, published.FASHION_MNIST, published.REUTERS21578):
        assert all(address.endswith("/") for address in dataset.mirrors)


def test_only_missing_files_are_named(mirrors, tiny, cache):
    write(cache, {file: CONTENT[file] for file in (TRAIN_IMAGES, TEST_IMAGES)})
    mirrors.first = {TRAIN_LABELS: CONTENT[TRAIN_LABELS]}
    message = refusal(files, tiny)
    assert TEST_LABELS in message
    assert not any(file in message for file in (TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES))
    assert listing(cache) == {file: CONTENT[file] for file in CONTENT if file != TEST_LABELS}


def test_interrupted_download_leaves_nothing(monkeypatch, mirrors, tiny, cache):
    mirrors.first = CONTENT

    class Interrupted(pooch.HTTPDownloader):
        def __call__(self, *arguments):
            super().__call__(*arguments)
            raise KeyboardInterrupt

    monkeypatch.setattr(pooch, "HTTPDownloader", Interrupted)
    with pytest.raises(KeyboardInterrupt):
        files(tiny)
    assert mirrors.asked and listing(cache) == {}


# What the files hold


@pytest.fixture
def paths(tmp_path):
    write(tmp_path / "files", CONTENT)
    return [tmp_path / "files" / file for file in CONTENT]


def test_images_are_flattened_and_scaled_the_training_set_first(paths):
    x, y = read_images(paths)
    np.testing.assert_array_equal(x, (IMAGES.reshape(5, 6) / 255).astype(np.float32))
    np.testing.assert_array_equal(y, LABELS)
    assert x.dtype == np.float32 and x.flags.c_contiguous
    assert y.dtype == np.int64


def test_who_has_no_home_has_a_cache_among_temporary_files(monkeypatch):
    def no_home(project):
        raise RuntimeError("could not determine the home directory")

    monkeypatch.setattr("pooch.os_cache", no_home)
    assert published.cache().is_relative_to(tempfile.gettempdir())
