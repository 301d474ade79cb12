"""Books that are built once for all tests, and the browser that reads them."""

from pathlib import Path
from typing import NamedTuple

import keras
import pytest

import pdf
from building import ROOT, tool, write_repository

# A fixture may be made in the time of any test that uses it: what builds a book takes minutes.
MINUTES = {"quick_book": 20, "committed_book": 10}


def pytest_collection_modifyitems(items):
    for item in items:
        minutes = [MINUTES[name] for name in getattr(item, "fixturenames", ()) if name in MINUTES]
        if minutes:
            item.add_marker(pytest.mark.timeout(60 * (5 + max(minutes))))


class Built(NamedTuple):
    """A book: its folder, and the files of the repository that were changed for it."""

    folder: Path
    changed: list


def stamps():
    """Give all files of the repository that a build might touch, with their times of change."""
    folders = (ROOT / name for name in ("book", "notebooks", "results"))
    paths = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    return {(p, p.stat().st_mtime_ns) for p in paths if "__pycache__" not in p.parts}


@pytest.fixture
def repository(tmp_path):
    """Make a repository of one page and one chapter."""
    return write_repository(tmp_path)


@pytest.fixture(scope="session")
def compiled_repository(tmp_path_factory):
    """Compile such a repository; no test changes it."""
    repository = write_repository(tmp_path_factory.mktemp("small"))
    done = tool(repository, "book.py", "compile", "--committed")
    assert done.returncode == 0, done.stdout + done.stderr
    return repository


@pytest.fixture(scope="session")
def committed_book(tmp_path_factory):
    """Compile the executions that are committed, without TensorFlow; give the pages' folder."""
    folder = tmp_path_factory.mktemp("committed")
    (folder / "tensorflow.py").write_text("raise ImportError('tensorflow is not to be used')")
    env = {"PYTHONPATH": str(folder)}
    done = tool(ROOT, "book.py", "compile", "--committed", "--into", folder, env=env)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "_build/html"


@pytest.fixture(scope="session")
def quick_book(tmp_path_factory):
    """Build the book as `make book SCALE=quick FRESH=1` does, elsewhere and with no network."""
    if keras.backend.backend() != "tensorflow":
        pytest.skip("the book is made with TensorFlow: chapters show, call and time its functions")
    folder = tmp_path_factory.mktemp("quick")
    env = {
        "http_proxy": "http://127.0.0.1:9",
        "https_proxy": "http://127.0.0.1:9",
        "DESOM_DATA": str(folder / "no-data"),
        "XDG_CACHE_HOME": str(folder / "no-cache"),
    }
    before = stamps()
    for step in (["execute", "--scale", "quick", "--fresh"], ["compile"]):
        done = tool(ROOT, "book.py", *step, "--into", folder, env=env)
        assert done.returncode == 0, done.stdout + done.stderr
    return Built(folder / "_build", [path for path, _ in before ^ stamps()])


@pytest.fixture(scope="session")
def browser():
    """Have one Chromium for all tests; each opens pages of its own."""
    if pdf.chromium() is None:
        pytest.skip("Chromium is not installed (Debian: apt-get install chromium)")
    with pdf.browser() as browser:
        yield browser
