"""The book on paper: what Chromium prints of the compiled pages, read back."""

import re
import unicodedata

import pytest
import yaml
from bs4 import BeautifulSoup
from pypdf import PdfReader

import gate
import pdf
from building import ROOT, toc, tool


def squeezed(text):
    """Leave out the white space, which a PDF does not keep, and the ligatures of its fonts."""
    return re.sub(r"\s+", "", unicodedata.normalize("NFKC", text))


@pytest.fixture(scope="module")
def titles(committed_book):
    """Read every chapter's title, in the order of the table of contents."""
    found = []
    for _, page in pdf.chapters(toc()):
        html = (committed_book / f"{page}.html").read_text("utf-8")
        heading = BeautifulSoup(html, "html.parser").article.h1
        heading.find(class_="headerlink").decompose()
        found.append(heading.get_text().strip())
    return found


@pytest.fixture(scope="module")
def target(committed_book):
    """Print the committed book."""
    if pdf.chromium() is None:
        pytest.skip("Chromium is not installed (Debian: apt-get install chromium)")
    done = tool(ROOT, "pdf.py", "--build", committed_book.parent)
    assert done.returncode == 0, done.stdout + done.stderr
    return committed_book.parent / "desom.pdf"


@pytest.fixture(scope="module")
def book(target):
    """Read the print."""
    return PdfReader(target)


def places(book):
    """List what the outline names, and the sheet of each, parents before children."""

    def below(outline):
        for entry in outline:
            if isinstance(entry, list):
                yield from below(entry)
            else:
                yield squeezed(entry.title), book.get_destination_page_number(entry) + 1

    return list(below(book.outline))


def test_the_print_is_the_whole_book_in_its_order(book, titles):
    assert len(titles) > 30 and len(book.pages) > 100
    outline = iter(places(book))
    for title in titles:
        # An iterator goes on from where the chapter before was found.
        sheet = next(sheet for named, sheet in outline if named == squeezed(title))
        assert squeezed(title) in squeezed(book.pages[sheet - 1].extract_text())


def test_the_contents_name_the_sheets_on_which_chapters_and_sections_start(book):
    starts = places(book)
    first = starts[1][1]
    lines = {
        squeezed(line) for s in book.pages[1 : first - 1] for line in s.extract_text().split("\n")
    }
    entries = {line for line in lines if line[-1:].isdigit()}
    assert len(entries) > 200
    assert entries - {f"{title}{sheet}" for title, sheet in starts} == {
        str(n) for n in range(2, first)
    }


def test_no_link_of_the_print_leads_to_the_disk(book):
    targets = []
    for sheet in book.pages:
        for annotation in sheet.get("/Annots", []):
            targets.append(annotation.get_object().get("/A", {}).get("/URI", "within"))
    assert targets.count("within") > 500
    assert [t for t in targets if not re.match("https?://|mailto:|within$", t)] == []


def test_the_print_does_not_say_where_or_when_it_was_made(target, book):
    config = yaml.safe_load((ROOT / "_config.yml").read_text("utf-8"))
    assert book.metadata == {"/Title": config["title"], "/Author": config["author"]}
    content = target.read_bytes()
    assert b"file:" not in content and str(ROOT).encode() not in content


def test_the_print_can_be_sent(target, book):
    assert target.stat().st_size < 50_000_000
    pictures = [sheet["/Resources"].get("/XObject", {}) for sheet in book.pages]
    assert sum(map(len, pictures)) > 50


PAGE = """<article><section id="map"><h1>A map</h1><a href="#map">here</a>
<a href="../b.html#unit">there</a><a href="../_sources/x.ipynb">source</a>
<a href="https://example.org">away</a><a download="x" href="data:text/plain,1">file</a>
<img src="../_images/x.png"/><img src="a.png" data-durations="9,9,9"/>
<details class="hide"><pre>code</pre></details>
<style>#map td {color: #fff}</style><button>press</button></section></article>"""


def test_a_page_is_freed_of_the_screen_and_of_its_place(tmp_path):
    html = tmp_path / "html"
    (html / "a").mkdir(parents=True)
    (html / "a/c.html").write_text(PAGE)
    article = pdf.article(html, "a/c", {"a/c", "b"})
    assert [link["href"] for link in article.find_all("a")] == [
        "#a-c--map",
        "#b--unit",
        "https://example.org",
    ]
    assert article.section["id"] == "a-c--map" and article["id"] == "a-c"
    assert article.style.string == "#a-c--map td {color: #fff}"
    # Of an animation, paper shows the end.
    images = [image["src"] for image in article.find_all("img")]
    assert images == ["html/_images/x.png", "html/a/a-2.png"]
    assert "source" in article.text and "file" in article.text
    assert "press" not in article.text and "code" not in article.text


WIDE = r"""<article><section id="c"><h1>Wide</h1><div class="math">
\[ L = \sum_{i=1}^N \log \prod_{j=1}^D a_{ij} + \sum_{i=1}^N \log \prod_{j=1}^D b_{ij}
+ \sum_{i=1}^N \log \prod_{j=1}^D c_{ij} + \sum_{i=1}^N \log \prod_{j=1}^D d_{ij} \]</div>
<table><tr><td>neighborhood_preservation</td><td>input_quantization_error</td>
<td>topographic_error_of_the_map</td><td>trustworthiness_of_the_map</td></tr></table>
<pre>model = DESOM(map_size=(8, 8), gamma=0.001, iterations=10_000, random_state=0)</pre>
</section></article>"""


@pytest.mark.parametrize("font", ["10pt serif", "13pt monospace"])
def test_nothing_is_wider_than_the_paper_whatever_the_fonts(browser, tmp_path, font):
    (tmp_path / "html/_static").mkdir(parents=True)
    (tmp_path / "html/mathjax").symlink_to(ROOT / "book/_extra/mathjax")
    (tmp_path / "html/c.html").write_text(WIDE)
    text = pdf.document(
        tmp_path / "html", {"root": "c", "chapters": []}, {"title": "", "author": ""}
    )
    (tmp_path / "pdf.html").write_text(text)
    page = browser.new_page(viewport={"width": pdf.WIDTH, "height": 900})
    page.goto((tmp_path / "pdf.html").as_uri())
    page.add_style_tag(content=f"body, body * {{font: {font} !important}}")
    page.evaluate("MathJax.startup.promise")
    page.evaluate(pdf.FIT, pdf.WIDTH)
    assert page.evaluate(pdf.CUT, pdf.WIDTH) == []
    assert page.locator("mjx-container svg").count() == 1
    # MathML for screen readers has other widths, and on paper nobody reads it.
    assert page.locator("math").count() == 0
    page.close()


def test_what_is_not_compiled_is_not_printed(tmp_path):
    with pytest.raises(gate.BookError, match="nothing is compiled"):
        pdf.print_book(tmp_path)
    with pytest.raises(gate.BookError, match="run `make pdf` first"):
        pdf.join(tmp_path)


def test_the_front_page_leads_to_the_print(tmp_path):
    front = tmp_path / "html/book/index.html"
    front.parent.mkdir(parents=True)
    front.write_text("<article>front</article>")
    (tmp_path / "desom.pdf").write_bytes(bytes(2_000_000))
    for _ in range(2):
        pdf.join(tmp_path)
    assert front.read_text("utf-8").count('href="../desom.pdf"') == 1
    assert (tmp_path / "html/desom.pdf").exists()
