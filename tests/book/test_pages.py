"""The pages of the compiled book, read as text: links, headings, images, weight."""

import re
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from bs4 import BeautifulSoup

import mend

MEGABYTE = 1_000_000


@pytest.fixture(scope="module")
def pages(committed_book):
    """Read every page."""
    return {
        path: BeautifulSoup(path.read_text("utf-8"), "html.parser")
        for path in sorted(committed_book.rglob("*.html"))
        if "_static" not in path.parts
    }


def assert_none(pages, find):
    """Assert that nothing is found on any page, or say what and where."""
    found = [f"{path}: {fault}" for path, page in pages.items() for fault in find(path, page)]
    assert not found, "\n".join(found)


def names(page):
    """Collect what a link can point to on a page."""
    return {element["id"] for element in page.find_all(id=True)} | {"", "top"}


def test_every_internal_link_leads_somewhere(pages):
    targets = {path.resolve(): names(page) for path, page in pages.items()}

    def dead(path, page):
        for link in page.find_all("a", href=True):
            address = urlsplit(link["href"])
            if address.scheme or address.netloc:
                continue
            file = (path.parent / unquote(address.path)).resolve() if address.path else path
            known = targets.get(file.resolve())
            if not file.is_file() or (known and unquote(address.fragment) not in known):
                yield link["href"]

    assert len(targets) > 30
    assert_none(pages, dead)


def test_external_links_are_encrypted(pages):
    def bare(path, page):
        return [a["href"] for a in page.find_all("a", href=True) if a["href"].startswith("http:")]

    assert_none(pages, bare)


def test_headings_are_in_order(pages):
    def skipped(path, page):
        levels = [int(h.name[1]) for h in page.select("article :is(h1, h2, h3, h4, h5, h6)")]
        if levels and (levels[0] != 1 or levels.count(1) != 1):
            yield f"starts with {levels[:3]} and has {levels.count(1)} titles"
        yield from (f"{a} to {b}" for a, b in pairwise(levels) if b > a + 1)

    assert_none(pages, skipped)


def test_no_id_is_given_twice(pages):
    def twice(path, page):
        ids = [element["id"] for element in page.find_all(id=True)]
        return sorted({i for i in ids if ids.count(i) > 1})

    assert_none(pages, twice)


def test_every_image_says_what_it_shows_and_how_large_it_is(pages):
    def mute(path, page):
        for image in page.find_all("img"):
            # The theme's style sheet gives its own images their size.
            sized = image.get("width") or not image.find_parent("article")
            if not image.get("alt", "").strip() or not sized:
                yield str(image)[:100]

    assert sum(len(page.find_all("img")) for page in pages.values()) > 50
    assert_none(pages, mute)


def test_no_image_is_wider_than_a_fine_screen_can_show(pages):
    # The column of text has 700 pixels, of two dots each.
    def wide(path, page):
        return [str(i)[:100] for i in page.find_all("img") if int(i.get("width", 0)) > 1400]

    assert_none(pages, wide)


def test_no_page_is_heavy(pages):
    def heavy(path, page):
        assets = page.select("img[src], script[src]")
        files = [element["src"] for element in assets if ":" not in element["src"]]
        files += [style["href"] for style in page.select("link[rel=stylesheet]")]
        whole = {(path.parent / urlsplit(file).path).resolve() for file in files} | {path}
        weight = sum(file.stat().st_size for file in whole)
        if weight > 8 * MEGABYTE:
            yield f"{weight:,} bytes"

    assert_none(pages, heavy)


def test_what_the_theme_writes_is_mended(tmp_path):
    image = Path(__file__).resolve().parents[2] / "book/images/mnist-map.png"
    (tmp_path / "map.png").write_bytes(image.read_bytes())
    page = mend.mended(
        '<li><a class="reference internal" href="m.html">Methods</a><details><summary><i></i>'
        '<div role="doc-biblioentry"><img alt="map" src="map.png" /><img src="map.png" width="9"/>'
        '<script>const THEBE_JS_URL = 1</script><script src="sphinx-thebe.js?v=1"></script>'
        '<script type="text/x-thebe-config">{}</script><script>kernelName = 1</script>'
        '<section id="solution-content"><summary aria-label="Toggle hidden content">Show code'
        "</summary><script>1</script>",
        tmp_path,
    )
    assert '<summary aria-label="Pages under Methods">' in page
    assert 'role="listitem"' in page and "biblioentry" not in page
    assert re.search(r'alt="map" src="map.png" width="\d+" height="\d+" />', page)
    end = '<img src="map.png" width="9"/><section><summary>Show code</summary><script>1</script>'
    assert page.endswith(end)
