"""What a reader may rely on: how chapters begin and end, in which order, and what is explained."""

import ast
import re

import pytest
from IPython.core.inputtransformer2 import TransformerManager

import gate
import pages
from building import ROOT, toc
from building import pages as files
from docstrings import modules, public_names

CHAPTERS = {path.stem: gate.read(path) for path in gate.sources(ROOT)}
NOTATION = (ROOT / "book/notation.md").read_text("utf-8")


def text_of(notebook, skipped=()):
    """Join the Markdown cells of a notebook that have none of these tags."""
    return "\n\n".join(
        cell.source
        for cell in notebook.cells
        if cell.cell_type == "markdown" and not {*cell.metadata.get("tags", [])} & {*skipped}
    )


def opening(notebook):
    """Give what stands before the first section."""
    return re.split(r"^## ", text_of(notebook), maxsplit=1, flags=re.MULTILINE)[0]


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_chapter_opens_with_what_it_teaches_and_needs(chapter):
    text = opening(CHAPTERS[chapter])
    assert re.match(r"# \S", text)
    assert re.search(r"^\*\*You will learn\*\* .{40,}\.$", text, re.MULTILINE)
    assert re.search(
        r"^\*\*Time\*\* about \d+ minutes\. \*\*You need\*\* .+\.$", text, re.MULTILINE
    )


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_chapter_ends_with_what_to_remember_and_exercises(chapter):
    text = text_of(CHAPTERS[chapter], skipped=("exercise", "solution"))
    ends = ["What to remember"] if chapter == "settings" else ["What to remember", "Exercises"]
    assert re.findall(r"^## (.*)$", text, re.MULTILINE)[-len(ends) :] == ends
    remembered = text.rpartition("## What to remember")[2].partition("## Exercises")[0]
    assert len(re.findall(r"^- .{20,}", remembered, re.MULTILINE)) >= 3


def test_a_page_of_reference_says_first_what_it_is_for():
    (reference,) = (part for part in toc()["parts"] if part["caption"] == "Reference")
    for page in files(reference["chapters"]):
        text = (ROOT / f"{page}.md").read_text("utf-8")
        assert re.match(r"# .+\n\n\*[^*\n].*\*\n\n", text), page


def test_a_chapter_needs_only_what_comes_before():
    read = []
    for page in files(toc()):
        name = page.removeprefix("book/")
        if name in CHAPTERS:
            needs = re.search(r"\*\*You need\*\* .*", opening(CHAPTERS[name]))[0]
            assert {*re.findall(r"\{doc\}`(\w+)`", needs)} <= {*read}, name
            read.append(name)
    assert sorted(read) == sorted(CHAPTERS)


def figures(notebook):
    """Give caption, name and source of every figure, and its alternative text if it is named."""
    for cell in notebook.cells:
        shown = cell.metadata.get("mystnb", {})
        if "figure" in shown:
            yield shown["figure"], cell.source, shown.get("image", {}).get("alt")


def test_the_figures_1_to_5_of_the_paper_are_drawn():
    drawn = {}
    for notebook in CHAPTERS.values():
        for figure, source, _ in figures(notebook):
            for number in re.findall(r"our drawing of the paper's Figure (\d)", figure["caption"]):
                assert number not in drawn
                drawn[number] = source
    assert sorted(drawn) == list("12345")
    assert all(re.search(r"^as_svg\($", source, re.MULTILINE) for source in drawn.values())


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_figure_has_a_name_a_caption_and_words_for_it(chapter):
    for figure, source, alt in figures(CHAPTERS[chapter]):
        assert figure["name"].startswith("fig-") and len(figure["caption"]) > 40
        assert alt or "as_svg(" in source or "alt=" in source, figure["name"]


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_chapter_cites_all_that_it_reads(chapter):
    for cell in CHAPTERS[chapter].cells:
        if cell.cell_type != "code":
            continue
        tree = ast.parse(TransformerManager().transform_cell(cell.source))
        calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
        citing = {
            id(inner)
            for call in calls
            if ast.unparse(call.func) == "cite"
            for inner in ast.walk(call)
        }
        readers = ("collect", "recorded", "records.read")
        reading = [call for call in calls if ast.unparse(call.func) in readers]
        assert [ast.unparse(call) for call in reading if id(call) not in citing] == []
        # An exercise reads what its reader has measured.
        assert "benchmarks.json" not in cell.source or cell.id.startswith("ex-")


# Notation

# Indices of sums, Euler's number, and letters that live in one sentence, which says what they are.
LOCAL = {*"abcehijklmnpx"}
GREEK = (
    "alpha|beta|gamma|delta|epsilon|varepsilon|eta|theta|lambda|mu|nu|pi|rho|sigma|Sigma|tau|chi"
    "|phi|omega|Delta"
)
SYMBOL = re.compile(
    rf"(\\(?:mathcal|mathbb|tilde|hat|bar)\{{?\s*\\?[A-Za-z0-9]+\}}?|\\(?:{GREEK})|(?<![\\a-zA-Z{{])[A-Za-z])"
    r"(?![a-zA-Z])(_\{?\\?[a-z]+\}?)?"
)


def symbols(text):
    """Find the symbols in the math of a text, in the form "mathcalL_som" or "w_ik"."""
    found = set()
    for display, inline in re.findall(r"\$\$(.+?)\$\$|(?<!\$)\$([^$\n]+?)\$", text, re.DOTALL):
        math = display + inline
        math = re.sub(r"\\(?:text|operatorname\*?|mathrm|begin|end)\{[^}]*\}", " ", math)
        found |= {re.sub(r"[{}\s\\]", "", "".join(symbol)) for symbol in SYMBOL.findall(math)}
    return found


def test_the_symbols_of_an_equation_are_found():
    found = symbols(r"$$\mathcal L_{som} = \sum_k w_{ik} \tilde x_i \text{for } \gamma_{ic}$$ $K$")
    assert found == {"mathcalL_som", "k", "w_ik", "tildex_i", "gamma_ic", "K"}


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_every_symbol_is_in_the_table(chapter):
    known = symbols(NOTATION.partition("## Glossary")[0])
    used = symbols(text_of(CHAPTERS[chapter], skipped=("exercise", "solution")))
    assert used - known - LOCAL == set()


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_chapter_links_to_the_glossary(chapter):
    assert "{term}`" in text_of(CHAPTERS[chapter])


def test_every_term_is_in_the_glossary():
    defined = {*re.findall(r"^(\S.*)\n  \S", NOTATION.partition(":::{glossary}")[2], re.MULTILINE)}
    pages = [page.read_text("utf-8") for page in (ROOT / "book").rglob("*.md")]
    cited = {
        plain or target
        for text in [*pages, *map(text_of, CHAPTERS.values())]
        for target, plain in re.findall(r"\{term\}`(?:[^`<]+<([^>]+)>|([^`<]+))`", text)
    }
    assert {term.lower() for term in cited} <= {term.lower() for term in defined}


# The API


def test_every_module_has_its_place_on_one_page():
    text = "\n".join(page.read_text("utf-8") for page in (ROOT / "book/api").glob("*.md"))
    listed = [
        name
        for match in pages.MODULES.finditer(text)
        for name in pages.modules(match[1], ROOT)
        if (ROOT / f"{name.replace('.', '/')}.py").is_file()  # what a package defines comes with it
    ]
    assert sorted(listed) == sorted(modules())


def test_every_public_name_has_a_docstring():
    # That all are on the pages, tests/test_book.py asks of the compiled book.
    assert len(public_names()) > 200
    assert [name for name, docstring in public_names().items() if not docstring] == []
