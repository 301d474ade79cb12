"""The extension of Sphinx, and the compiled pages read as text: links, headings, images, weight."""

import posixpath
import re
import sysconfig
from itertools import chain, pairwise
from pathlib import Path
from urllib.parse import unquote, urlsplit

import nbformat
import pytest
from bs4 import BeautifulSoup
from nbformat.v4 import new_output
from PIL import Image

import gate
import pages
from building import ROOT, execution, run, source, write_repository
from desom.estimator import Estimator, describe_hyperparameters
from desom.methods import METHODS, estimator_class

# Beside this interpreter, wherever the PATH leads.
JUPYTER_BOOK = Path(sysconfig.get_path("scripts"), "jupyter-book")
MEGABYTE = 1_000_000
ADDRESS = "https://github.com/o/desom/blob/main/%s"


# The API


def test_a_block_of_modules_names_a_module_or_all_that_is_in_a_package():
    assert pages.modules("desom.som desom.metrics", ROOT)[:2] == ["desom.som", "desom.metrics"]
    assert pages.modules("desom.metrics", ROOT)[1:] == [
        f"desom.metrics.{path.stem}"
        for path in sorted((ROOT / "desom/metrics").glob("*.py"))
        if path.stem != "__init__"
    ]


def estimators(cls=Estimator):
    """List all classes of estimators, once those of every method are imported."""
    return [cls, *chain(*map(estimators, cls.__subclasses__()))]


def test_a_class_has_the_hyperparameters_that_python_gives_it():
    for name in METHODS:
        estimator_class(name)
    classes = {cls for cls in estimators() if cls.__module__.startswith("desom.")}
    assert len(classes) > 20
    for cls in classes:
        fields = pages.hyperparameters(ROOT, cls.__module__, cls.__name__)
        section = ["Parameters", "----------", *chain(*fields.values())]
        assert section == describe_hyperparameters(cls).splitlines()


def test_what_is_no_estimator_has_no_hyperparameters():
    assert pages.hyperparameters(ROOT, "desom.desom", "DESOMModel") == {}
    assert pages.hyperparameters(ROOT, "desom.experiments.grids", "Grid") == {}


def test_the_page_of_a_class_lists_its_hyperparameters(compiled, committed_book):
    page = compiled[committed_book / "book/api/desom.html"]
    text = page.find(id="desom.desom.DESOM").find_parent("dl").get_text(" ", strip=True)
    assert re.search(r"gamma \( float >= 0, default=0.001 \) – \w", text)
    assert re.search(r"dtype \( 'float32' or 'mixed_bfloat16' , default= 'float32' \) – \w", text)
    assert "steps on the map" in text


# The notes


def cited(text, committed=True):
    """Display what `desom.report.display.cite` displays."""
    data = {"text/plain": text, pages.RECORDS: {"committed": committed}}
    return new_output("display_data", data)


@pytest.fixture
def annotated(tmp_path):
    """Annotate a chapter whose last cell has these outputs; give its cells."""

    def annotate(*outputs):
        chapter = tmp_path / "chapter.ipynb"
        nbformat.write(source("1 + 1", "draw(2)"), chapter)
        text = nbformat.writes(execution(source("1 + 1", "draw(2)"), *outputs))
        return nbformat.reads(pages.annotated(text, chapter, ADDRESS), as_version=4).cells

    return annotate


def test_what_a_cell_cites_stands_once_below_it(annotated):
    figure = new_output("display_data", {"image/png": "eA=="})
    first, second = (cited(f"Records in results/: {name}.") for name in ("A & B", "C"))
    *before, drawn, note = annotated(first, figure, second, first)
    assert len(before) == 3 and drawn.outputs == [figure]
    assert note.cell_type == "markdown"
    folder = f'<a href="{ADDRESS % "results/"}">results/</a>'
    assert note.source.endswith(
        f"<p>Records in {folder}: A &amp; B.</p><p>Records in {folder}: C.</p></details>"
    )


def test_a_cell_that_cites_nothing_has_no_note(annotated):
    cells = annotated(new_output("display_data", {"text/html": "<table></table>"}))
    assert [cell.cell_type for cell in cells] == ["markdown", "code", "code", "code"]


def test_records_of_a_reader_are_not_linked(annotated):
    note = annotated(cited("Records in results/, made for this page: A.", committed=False))[-1]
    assert "<p>Records in results/, made for this page: A.</p>" in note.source


def test_the_link_to_the_code_marks_the_lines_of_the_cell(annotated, tmp_path):
    note = annotated(cited("Records in results/: A."))[-1].source
    lines = (tmp_path / "chapter.ipynb").read_text("utf-8").splitlines()
    address = re.escape(ADDRESS % "notebooks/chapter.ipynb")
    start, end = map(int, re.search(rf'{address}\?plain=1#L(\d+)-L(\d+)"', note).groups())
    marked = "\n".join(lines[start - 1 : end])
    assert '"id": "cell-3"' in marked and "draw(2)" in marked
    assert "1 + 1" not in marked


def test_every_cell_of_the_book_that_cites_has_its_note(compiled, committed_book):
    for chapter in sorted((ROOT / "book").glob("*.ipynb")):
        page = compiled[committed_book / f"book/{chapter.stem}.html"]
        outputs = [cell.get("outputs", []) for cell in gate.read(chapter).cells]
        citing = sum(any(pages.RECORDS in o.get("data", {}) for o in cell) for cell in outputs)
        assert len(page.select("details.provenance")) == citing


# Mending


def test_what_the_theme_writes_is_mended(tmp_path):
    image = ROOT / "book/images/mnist-map.png"
    (tmp_path / "map.png").write_bytes(image.read_bytes())
    page = pages.mended(
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


def test_the_frames_of_an_animation_are_laid_beside_it(tmp_path):
    colors = [(200, 0, 0), (0, 200, 0), (0, 0, 200)]
    first, *others = [Image.new("RGB", (4, 3), color) for color in colors]
    options = {"save_all": True, "append_images": others, "duration": [150, 150, 2500]}
    first.save(tmp_path / "a.png", **options)
    first.save(tmp_path / "b.png")
    page = pages.mended('<img alt="a" src="a.png"/><img alt="b" src="b.png"/>', tmp_path)
    size = 'width="4" height="3"'
    assert page == (
        f'<img alt="a" src="a.png" {size} data-durations="150,150,2500"/>'
        f'<img alt="b" src="b.png" {size}/>'
    )
    assert [p.name for p in sorted(tmp_path.glob("*-*.png"))] == ["a-0.png", "a-1.png", "a-2.png"]
    for number, color in enumerate(colors):
        with Image.open(tmp_path / f"a-{number}.png") as frame:
            assert not frame.is_animated and frame.convert("RGB").getpixel((0, 0)) == color


def test_a_clone_builds_by_jupyter_book_alone_and_once_more(tmp_path):
    # A space in its name is no matter.
    clone = write_repository(tmp_path / "a clone")
    for _ in range(2):
        done = run([JUPYTER_BOOK, "build", clone, "-W", "-n", "--keep-going"], tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr
        script = (clone / "_build/html" / pages.SCRIPT).read_text("utf-8")
        assert script.count(pages.NO_TABS) == 1 and not pages.TABS.search(script)
        page = (clone / "_build/html/book/chapter.html").read_text("utf-8")
        assert "thebe" not in page.lower()


# The compiled pages


@pytest.fixture(scope="module")
def compiled(committed_book):
    """Read every page."""
    return {
        path: BeautifulSoup(path.read_text("utf-8"), "html.parser")
        for path in sorted(committed_book.rglob("*.html"))
        if "_static" not in path.parts
    }


def assert_none(compiled, find):
    """Assert that nothing is found on any page, or say what and where."""
    found = [f"{path}: {fault}" for path, page in compiled.items() for fault in find(path, page)]
    assert not found, "\n".join(found)


def names(page):
    """Collect what a link can point to on a page."""
    return {element["id"] for element in page.find_all(id=True)} | {"", "top"}


def test_every_internal_link_leads_somewhere(compiled):
    targets = {path.resolve(): names(page) for path, page in compiled.items()}

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
    assert_none(compiled, dead)


def test_the_gallery_leads_to_every_figure(compiled, committed_book):
    home = committed_book / "book"
    figures = [
        f"{posixpath.relpath(path, home)}#{figure['id']}"
        for path, page in compiled.items()
        for figure in page.select("article figure[id]:has(figcaption)")
    ]
    shown = compiled[home / "gallery.html"].select(".gallery li")
    assert len(shown) > 40 and all(entry.select_one("img, svg") for entry in shown)
    assert sorted(entry.a["href"] for entry in shown) == sorted(figures)


def test_works_are_listed_as_they_are_cited(compiled, committed_book):
    def plain(text):
        return re.sub(r"[\W_]+", " ", text).strip()

    listed = compiled[committed_book / "book/bibliography.html"].select(".citation")
    labels = {entry["id"]: plain(entry.select_one(".label").get_text()) for entry in listed}
    assert sum("doi.org" in str(entry) for entry in listed) > len(listed) / 3
    cited = {
        (link["href"].partition("#")[2], plain(link.get_text()))
        for page in compiled.values()
        for link in page.select('article a[href*="bibliography.html#"][title]')
    }
    whole = {place for place, text in cited if labels[place] == text}
    assert len(whole) > 40
    # Where a sentence names the authors, the link is the year.
    assert {
        text for place, text in cited if text not in (labels[place], labels[place][-4:])
    } == set()


def test_external_links_are_encrypted(compiled):
    def bare(path, page):
        return [a["href"] for a in page.find_all("a", href=True) if a["href"].startswith("http:")]

    assert_none(compiled, bare)


def test_headings_are_in_order(compiled):
    def skipped(path, page):
        levels = [int(h.name[1]) for h in page.select("article :is(h1, h2, h3, h4, h5, h6)")]
        if levels and (levels[0] != 1 or levels.count(1) != 1):
            yield f"starts with {levels[:3]} and has {levels.count(1)} titles"
        yield from (f"{a} to {b}" for a, b in pairwise(levels) if b > a + 1)

    assert_none(compiled, skipped)


def test_no_id_is_given_twice(compiled):
    def twice(path, page):
        ids = [element["id"] for element in page.find_all(id=True)]
        return sorted({i for i in ids if ids.count(i) > 1})

    assert_none(compiled, twice)


def test_every_image_says_what_it_shows_and_how_large_it_is(compiled):
    def mute(path, page):
        for image in page.find_all("img"):
            # The theme's style sheet gives its own images their size.
            sized = image.get("width") or not image.find_parent("article")
            if not image.get("alt", "").strip() or not sized:
                yield str(image)[:100]

    assert sum(len(page.find_all("img")) for page in compiled.values()) > 50
    assert_none(compiled, mute)


def test_no_image_is_wider_than_a_fine_screen_can_show(compiled):
    # The column of text has 700 pixels, of two dots each.
    def wide(path, page):
        return [str(i)[:100] for i in page.find_all("img") if int(i.get("width", 0)) > 1400]

    assert_none(compiled, wide)


def test_no_page_is_heavy(compiled):
    def heavy(path, page):
        assets = page.select("img[src], script[src]")
        files = [element["src"] for element in assets if ":" not in element["src"]]
        files += [style["href"] for style in page.select("link[rel=stylesheet]")]
        whole = {(path.parent / urlsplit(file).path).resolve() for file in files} | {path}
        weight = sum(file.stat().st_size for file in whole)
        if weight > 8 * MEGABYTE:
            yield f"{weight:,} bytes"

    assert_none(compiled, heavy)
