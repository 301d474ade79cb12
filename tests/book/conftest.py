"""Books that are built once for all tests, and the browser that reads them."""

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import keras
import pytest

import pdf
from building import ROOT, tool, write_repository

# A fixture may be made in the time of any test that uses it: what builds a book takes minutes.
MINUTES = {"quick_book": 20, "committed_book": 10}


BUILDING = pytest.StashKey()


def pytest_collection_modifyitems(items):
    for item in items:
        minutes = [MINUTES[name] for name in getattr(item, "fixturenames", ()) if name in MINUTES]
        if minutes:
            item.add_marker(pytest.mark.timeout(60 * (5 + max(minutes))))
    # It is built while the other tests run, most of which use one core.
    items.sort(key=uses_the_quick_book)


def uses_the_quick_book(item):
    return "quick_book" in getattr(item, "fixturenames", ())


def pytest_collection_finish(session):
    wanted = any(map(uses_the_quick_book, session.items)) and not session.config.option.collectonly
    if wanted and keras.backend.backend() == "tensorflow":
        session.config.stash[BUILDING] = Building(Path(tempfile.mkdtemp(prefix="quick-book-")))


def pytest_unconfigure(config):
    building = config.stash.get(BUILDING, None)
    if building:
        building.end()


class Building:
    """`make book SCALE=quick FRESH=1` under way: elsewhere, with no network, in the background."""

    def __init__(self, folder):
        self.folder, self.before = folder, stamps()
        tool = [sys.executable, str(ROOT / "tools/book.py")]
        steps = [["execute", "--scale", "quick", "--fresh"], ["compile"]]
        commands = [shlex.join([*tool, *step, "--into", str(folder)]) for step in steps]
        env = {
            "http_proxy": "http://127.0.0.1:9",
            "https_proxy": "http://127.0.0.1:9",
            "DESOM_DATA": str(folder / "no-data"),
            "XDG_CACHE_HOME": str(folder / "no-cache"),
        }
        with (folder / "log").open("w") as log:
            self.process = subprocess.Popen(
                " && ".join(commands),
                shell=True,
                cwd=ROOT,
                env=os.environ | env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def result(self):
        """Wait for the book."""
        status = self.process.wait()
        assert status == 0, (self.folder / "log").read_text("utf-8", errors="replace")[-20_000:]
        return Built(self.folder / "_build", [path for path, _ in self.before ^ stamps()])

    def end(self):
        """End what still runs, and remove the book."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


class Built(NamedTuple):
    """A book: its folder, and the files of the repository that were changed for it."""

    folder: Path
    changed: list


def stamps():
    """Give all files of the repository that a build might touch, with their times of change."""
    folders = (ROOT / name for name in ("book", "notebooks", "results"))
    paths = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    hidden = re.compile(r"/(\.|__pycache__)")
    return {
        (path, path.stat().st_mtime_ns)
        for path in paths
        if not hidden.search(path.relative_to(ROOT).as_posix())
    }


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
def quick_book(pytestconfig):
    """Build the book at the quick scale; it has been under way since the tests were collected."""
    if BUILDING not in pytestconfig.stash:
        pytest.skip("the book is made with TensorFlow: chapters show, call and time its functions")
    return pytestconfig.stash[BUILDING].result()


@pytest.fixture(scope="session")
def browser():
    """Have one Chromium for all tests; each opens pages of its own."""
    if pdf.chromium() is None:
        pytest.skip("Chromium is not installed (Debian: apt-get install chromium)")
    with pdf.browser() as browser:
        yield browser
