"""Chromium without a window: it prints the book, and the tests read the book with it."""

import shutil
from contextlib import contextmanager

from gate import BookError

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# The browser itself asks its makers for nothing. It runs as root in containers: no sandbox there.
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def find():
    """Find the browser on the PATH; None if there is none."""
    return next(filter(None, map(shutil.which, NAMES)), None)


@contextmanager
def browser():
    """Open Chromium, the machine's or else playwright's own.

    Yields
    ------
    playwright.sync_api.Browser
        It has a profile of its own, empty.

    Raises
    ------
    BookError
        If there is no Chromium.
    """
    from playwright.sync_api import Error, sync_playwright

    with sync_playwright() as playwright:
        try:
            opened = playwright.chromium.launch(executable_path=find(), args=FLAGS)
        except Error as error:
            raise BookError(
                "Chromium does not start; install it by `apt-get install chromium` or "
                f"`.venv/bin/playwright install chromium` ({str(error).partition(chr(10))[0]})"
            ) from None
        try:
            yield opened
        finally:
            opened.close()
