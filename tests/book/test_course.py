"""The editions of the course: students see no solution, the plan adds up, slides show all."""

import json
import re
import shutil
import zipfile
from html.parser import HTMLParser

import nbformat
import pytest
import yaml
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

import course
import gate
from building import KERNEL, ROOT, tool, write_chapter, write_repository
from exercises import exercises_of
from slides import slides

CHAPTERS = gate.sources(ROOT)
EXERCISES = {e.label: e for source in CHAPTERS for e in exercises_of(source)}
# A word that nothing else has; it stands wherever a solution is.
CANARY = "solutioncanary"

ABOUT = """\
# A chapter

**You will learn** one thing; another thing.

**Time** about 20 minutes. **You need** nothing.

## A section

A number is

$$
x = 1 .
$$ (eq-chapter-one)

## What to remember

- It is 1.

## Exercises"""
ASK = ":::{exercise} A number\n:label: ex-chapter-number\n\n**Recall, 7 minutes.** Give 1.\n:::"
WHY = f":::{{solution}} ex-chapter-number\n:class: dropdown\n\nBecause {CANARY} says so.\n:::"
CHECK = 'assert number == 1, "Think of the number one."\nprint("solution" + "canary")'


def chapter(executed):
    """Write a chapter with one exercise."""
    solved = f"number = 1  # {CANARY}\nnumber"
    cells = [
        new_markdown_cell(ABOUT, id="about"),
        new_code_cell('scale = "paper"', id="scale", metadata={"tags": ["parameters"]}),
        new_markdown_cell(ASK, id="ex-chapter-number", metadata={"tags": ["exercise"]}),
        new_code_cell("number = ...", id="a", metadata={"tags": ["starter"]}),
        new_markdown_cell(WHY, id="b", metadata={"tags": ["solution"]}),
        new_code_cell(solved, id="c", metadata={"tags": ["solution", "hide-cell"]}),
        new_code_cell(CHECK, id="d", metadata={"tags": ["check"]}),
        new_markdown_cell("## After", id="after"),
        new_code_cell("'went on'", id="e"),
    ]
    if executed:
        codes = [cell for cell in cells if cell.cell_type == "code"]
        for count, cell in enumerate(codes, start=1):
            cell.execution_count = count
        codes[-2].outputs = [new_output("stream", text=f"{CANARY}\n")]
    return new_notebook(cells=cells, metadata=KERNEL)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Make the course of a repository with one chapter."""
    root = write_repository(tmp_path_factory.mktemp("course"))
    entries = [{"file": "book/chapter"}], [{"file": "book/teaching"}]
    parts = [{"caption": str(n), "chapters": e} for n, e in enumerate(entries)]
    toc = {"format": "jb-book", "root": "book/index", "parts": parts}
    (root / "_toc.yml").write_text(yaml.safe_dump(toc))
    (root / "book/index.md").write_text("# A book\n\nSee {ref}`ex-chapter-number`.\n")
    (root / "book/teaching.md").write_text("# Plan\n\nThe planword.\n")
    (root / "book/_extra/mathjax").mkdir()
    (root / "book/_extra/mathjax/tex-svg.js").write_text("// no math\n")
    write_chapter(root, chapter(executed=False), chapter(executed=True))
    run = tool(root, "course.py")
    assert run.returncode == 0, run.stdout + run.stderr
    return root / "_build/course"


def contents(folder):
    """Give every file's bytes, and those of the members of archives."""
    for path in folder.rglob("*"):
        if path.is_file():
            yield path, path.read_bytes()
            if zipfile.is_zipfile(path):
                with zipfile.ZipFile(path) as archive:
                    yield from ((path, archive.read(name)) for name in archive.namelist())


def holding(folder, word):
    """List the files that hold a word, in any case."""
    return [path.name for path, held in contents(folder) if word.encode() in held.lower()]


def test_no_file_of_the_student_edition_holds_a_solution(made):
    assert holding(made / "student", CANARY) == []
    assert "chapter.ipynb" in holding(made / "instructor", CANARY)
    # The page is there, with its exercise and its check.
    page = (made / "student/html/book/chapter.html").read_text("utf-8")
    assert "Give 1." in page and "Think of the number one" in page
    # No button leads to a notebook with solutions.
    assert "mybinder" not in page and "colab" not in page


def test_the_student_edition_holds_no_plan(made):
    assert holding(made / "student", "planword") == []
    assert holding(made / "instructor", "planword") == ["plan.md"]


def test_a_student_can_run_a_chapter_to_its_end(made, tmp_path):
    notebook = nbformat.read(made / "student/notebooks/chapter.ipynb", as_version=4)
    NotebookClient(notebook, kernel_name="python3").execute(cwd=str(tmp_path))
    check, after = notebook.cells[-3], notebook.cells[-1]
    (error,) = check.outputs
    assert (error.ename, error.evalue) == ("AssertionError", "Think of the number one.")
    assert after.outputs[0].data["text/plain"] == "'went on'"


def test_the_instructor_has_the_timings(made):
    page = (made / "instructor/timings.md").read_text("utf-8")
    assert "| **A chapter** | reading | 20 |" in page and "| A number | recall | 7 |" in page
    assert "| **All exercises without projects** | | 7 |" in page


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_a_chapter_without_its_solutions_has_the_rest(chapter):
    whole = gate.read(chapter)
    stripped = course.strip(gate.read(chapter))
    kept = [c.id for c in whole.cells if "solution" not in c.metadata.get("tags", [])]
    assert [cell.id for cell in stripped.cells] == kept
    assert (len(kept) < len(whole.cells)) == bool(exercises_of(chapter))


def test_every_chapter_has_lines_that_only_its_solutions_have():
    named = {where.split(",")[0] for where in course.solution_lines().values()}
    assert named == {path.name for path in CHAPTERS if exercises_of(path)}


def test_a_solution_that_is_left_is_found(tmp_path):
    line = 'answer = "one" if number < 2 else "many"'
    lines = {line: "chapter.ipynb, cell"}
    assert course.traces(tmp_path, lines) == []
    (tmp_path / "a.py").write_text(f"x = 1\n    {line}\n")
    (tmp_path / "b.ipynb").write_text(json.dumps({"source": [line]}))
    marked = re.sub(r"(\w+)", r"<span>\1</span>", line.replace("<", "\0")).replace("\0", "&lt;")
    (tmp_path / "c.html").write_text(f"<pre>{marked}</pre>")
    with zipfile.ZipFile(tmp_path / "d.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.py", line)
    assert len(course.traces(tmp_path, lines)) == 4


# The plan


def sessions():
    """Give the rows of the table of every session: minutes and words."""
    text = (ROOT / "book/teaching.md").read_text("utf-8")
    parts = re.split(r"^## Session \d: ", text, flags=re.MULTILINE)[1:]
    return [
        [(int(n), words) for n, words in re.findall(r"^\| (\d+) \| (.+) \|$", part, re.MULTILINE)]
        for part in parts
    ]


def test_six_sessions_of_ninety_minutes():
    assert [sum(minutes for minutes, _ in rows) for rows in sessions()] == [90] * 6


def test_an_exercise_has_the_time_that_it_says():
    rows = [row for rows in sessions() for row in rows]
    planned = [(m[1], n) for n, words in rows if (m := re.match(r"\{ref\}`([\w-]+)`", words))]
    assert len(planned) > 10
    assert planned == [(label, EXERCISES[label].minutes) for label, _ in planned]


# Slides


class Slides(HTMLParser):
    """What is on every slide: its text without headings, its figures and pictures."""

    def __init__(self, page):
        super().__init__()
        self.texts, self.figures, self.pictures, self.addresses = [], [], [], []
        self.heading = False
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.addresses += [attributes[n] for n in ("src", "href") if n in attributes]
        if tag == "section":
            self.texts.append("")
        elif tag == "figure":
            self.figures.append(attributes["id"])
        elif tag == "img":
            self.pictures.append(attributes)
        self.heading = self.heading or tag in ("h1", "h2")

    def handle_endtag(self, tag):
        self.heading = self.heading and tag not in ("h1", "h2")

    def handle_data(self, data):
        if self.texts and not self.heading:
            self.texts[-1] += data.strip()


@pytest.mark.parametrize(
    "copy", sorted((ROOT / "book").glob("*.ipynb")), ids=lambda path: path.stem
)
def test_slides_have_every_figure_and_none_is_empty(copy):
    shown = Slides(slides(copy))
    cells = gate.read(copy).cells
    wanted = [
        c.metadata["mystnb"]["figure"]["name"]
        for c in cells
        if "figure" in c.metadata.get("mystnb", {})
    ]
    assert shown.figures == wanted
    assert all(picture["alt"] for picture in shown.pictures)
    assert len(shown.texts) > 3 and all(shown.texts[1:])
    elsewhere = [a for a in shown.addresses if not a.startswith(("data:", "#"))]
    assert elsewhere == ["mathjax/tex-svg.js"]


def test_slides_open_without_a_network(browser, tmp_path):
    shutil.copytree(ROOT / "book/_extra/mathjax", tmp_path / "mathjax")
    page_file = tmp_path / "som.html"
    page_file.write_text(slides(ROOT / "book/som.ipynb"), "utf-8")
    requests, errors = [], []
    page = browser.new_page(viewport={"width": 1280, "height": 720})
    page.on("request", lambda request: requests.append(request.url))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
    page.goto(page_file.as_uri())
    page.wait_for_selector("mjx-container svg")
    assert page.locator("[data-mjx-error]").count() == 0
    assert "$" not in page.locator("main").inner_text()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    before = page.evaluate("scrollY")
    page.keyboard.press("ArrowRight")
    page.wait_for_function("before => scrollY > before + innerHeight / 2", arg=before)
    page.close()
    assert errors == []
    assert [url for url in requests if not url.startswith(("file:", "data:"))] == []
