"""Books that are built once for all tests, and the browser that reads them."""

import os

import pytest
from filelock import FileLock

import pdf
from building import ROOT, tool, write_repository

# A fixture may be made in the time of any test that uses it: what builds a book takes minutes.
MINUTES = {"quick_book": 20, "committed_book": 10}


def pytest_collection_modifyitems(items):
    for item in items:
        minutes = [MINUTES[name] for name in getattr(item, "fixturenames", ()) if name in MINUTES]
        if minutes:
            item.add_marker(pytest.mark.timeout(60 * (5 + max(minutes))))


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
    """Compile the executions that are committed, without TensorFlow; give the pages' folder.

    Processes that share the tests share the book.
    """
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    with FileLock(folder / "committed.lock"):
        if not (folder / "committed").exists():
            (folder / "tensorflow.py").write_text("raise ImportError('tensorflow is not wanted')")
            env = {"PYTHONPATH": str(folder)}
            done = tool(ROOT, "book.py", "compile", "--committed", "--into", folder, env=env)
            assert done.returncode == 0, done.stdout + done.stderr
            (folder / "_build").rename(folder / "committed")
    return folder / "committed/html"


@pytest.fixture(scope="session")
def browser():
    """Have one Chromium for all tests; each opens pages of its own."""
    if pdf.chromium() is None:
        pytest.skip("Chromium is not installed (Debian: apt-get install chromium)")
    with pdf.browser() as browser:
        yield browser


@pytest.fixture
def opened(browser, committed_book):
    """Open a page, until it shows what it makes by scripts; it may raise no error, nor ask beyond
    the disk for anything.
    """
    contexts, wrong = [], []

    def opened(name, made, width, height, **options):
        options |= {"viewport": {"width": width, "height": height}}
        contexts.append(browser.new_context(**options))
        page = contexts[-1].new_page()
        page.on("request", lambda r: r.url.startswith("file:") or wrong.append(r.url))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.goto((committed_book / f"book/{name}.html").as_uri())
        if options.get("java_script_enabled", True):
            page.wait_for_selector(f"{made}:not([hidden])")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert wrong == []
