"""A book that is read to its end: what has a limit of lines or of screens."""

import pytest

import gate
from building import ROOT

CHAPTERS = [path.stem for path in gate.sources(ROOT)]
# The thirteen chapters that the book began with have 5,150 of them.
MOST_LINES = 6850
MOST_SCREENS = 15
SCREENS = """async () => {
    await window.MathJax?.startup?.promise;
    return document.documentElement.scrollHeight / innerHeight;
}"""


def test_all_chapters_together_have_no_more_code_than_can_be_read():
    cells = (cell for path in gate.sources(ROOT) for cell in gate.read(path).cells)
    lines = sum(len(cell.source.splitlines()) for cell in cells if cell.cell_type == "code")
    assert lines <= MOST_LINES


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_chapter_ends_before_its_reader_tires(browser, committed_book, chapter):
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto((committed_book / f"book/{chapter}.html").as_uri())
    assert page.evaluate(SCREENS) <= MOST_SCREENS
    page.close()
