"""The whole book on small data, everything trained on the spot: what `make book` promises."""

import re

import keras
import nbformat
import pytest

import gate
from building import ROOT, assert_whole, tool


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


@pytest.fixture(scope="module")
def quick_book(tmp_path_factory):
    """Build the book as `make book SCALE=quick FRESH=1` does, elsewhere and with no network.

    Returns
    -------
    folder : Path
        Its ``_build``.
    touched : list of Path
        The files of the repository that were changed.
    """
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
    return folder / "_build", [path for path, _ in before ^ stamps()]


def test_the_quick_book_is_whole(quick_book):
    assert_whole(quick_book[0] / "html")


def test_the_quick_book_executes_every_notebook(quick_book):
    staged = sorted((quick_book[0] / "source/book").glob("*.ipynb"))
    assert [path.name for path in staged] == [path.name for path in gate.sources(ROOT)] != []
    for path in staged:
        notebook = nbformat.read(path, as_version=4)
        assert gate.execution_faults(path.name, notebook) == []
        assert 'scale = "quick"' in "\n".join(cell.source for cell in notebook.cells)


def test_the_quick_book_touches_no_tracked_file(quick_book):
    assert quick_book[1] == []
