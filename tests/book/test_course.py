"""The editions of the course: students see no solution, plans and slides add up, nothing is cut."""

import json
import re
import shutil
import zipfile
from io import BytesIO

import nbformat
import pytest
import yaml
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from pypdf import PdfReader

import course
import gate
from building import KERNEL, ROOT, tool, write_chapter, write_repository
from exercises import exercises_of
from slides import Chapters, parts, slides

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


SESSION = """\
# A session (1 min)

An aim.

## One (2 min)

> What is a number?

{equation} eq-chapter-one

{exercise} ex-chapter-number

Notes:
It is one.
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Make the course of a repository with one chapter."""
    root = write_repository(tmp_path_factory.mktemp("course"))
    plan = {"file": "book/teaching", "sections": [{"file": "book/teaching/session1"}]}
    entries = [{"file": "book/chapter"}], [plan]
    captioned = [{"caption": str(n), "chapters": e} for n, e in enumerate(entries)]
    toc = {"format": "jb-book", "root": "book/index", "parts": captioned}
    (root / "_toc.yml").write_text(yaml.safe_dump(toc))
    front = "# A book\n\nSee {ref}`ex-chapter-number`, and {doc}`teaching`.\n"
    (root / "book/index.md").write_text(front)
    listed = "```{tableofcontents}\n```\n"
    (root / "book/teaching.md").write_text(f"# Teaching\n\nTeach.\n\n{listed}")
    (root / "book/teaching").mkdir()
    session = "# Session 1\n\nThe planword: {ref}`ex-chapter-number`.\n"
    (root / "book/teaching/session1.md").write_text(session)
    for name in ("reveal", "assessment"):
        shutil.copytree(ROOT / "course" / name, root / "course" / name)
    (root / "course/session1.md").write_text(SESSION)
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


def test_the_student_has_the_project_and_not_the_exam(made):
    assert (made / "student/project.md").is_file()
    assert holding(made / "student", "model answer") == []
    assert "exam.md" in holding(made / "instructor", "model answer")
    assert (made / "instructor/autograder/source/chapter/chapter.ipynb").is_file()


def test_the_student_edition_holds_no_plan(made):
    assert holding(made / "student", "planword") == []
    assert "session1.html" in holding(made / "instructor", "planword")


def test_no_page_of_an_edition_shows_markup(made):
    pages = [*(made / "student/html").rglob("*.html"), *(made / "instructor").rglob("*.html")]
    assert len(pages) > 8
    assert [page for page in pages if re.search(r"\{\w+\}(`|<code)", page.read_text("utf-8"))] == []


def test_the_instructor_has_the_slides_of_each_session(made):
    page = (made / "instructor/slides/session1.html").read_text("utf-8")
    assert r"\[x = 1 .\]" in page and "A number · recall, 7 minutes" in page
    assert 'data-timing="120"' in page and "It is one." in page


def test_the_student_edition_is_a_download_of_the_pages(made):
    (made.parent / "html/book").mkdir(parents=True)
    page = made.parent / "html/book/teaching.html"
    page.write_text("<article><p>Teach.</p></article>")
    for _ in range(2):  # again adds nothing
        assert course.main(["--join", "--into", str(made.parents[1])]) == 0
    assert page.read_text("utf-8").count('<a href="../student.zip">') == 1
    with zipfile.ZipFile(made.parent / "html/student.zip") as archive:
        assert {"student/README.md", "student/html/index.html"} <= {*archive.namelist()}


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_the_cell_that_sets_the_scale_is_below_the_imports(chapter):
    codes = [cell for cell in gate.read(chapter).cells if cell.cell_type == "code"]
    (place,) = [n for n, c in enumerate(codes) if "parameters" in c.metadata.get("tags", [])]
    assert "import" in codes[place - 1].source
    assert re.search(r'^scale\b.* = "paper"', codes[place].source, re.MULTILINE)


def test_a_student_can_run_a_chapter_to_its_end(made, tmp_path):
    notebook = nbformat.read(made / "student/notebooks/chapter.ipynb", as_version=4)
    NotebookClient(notebook, kernel_name="python3").execute(cwd=str(tmp_path))
    check, after = notebook.cells[-3], notebook.cells[-1]
    (error,) = check.outputs
    assert (error.ename, error.evalue) == ("AssertionError", "Think of the number one.")
    assert after.outputs[0].data["text/plain"] == "'went on'"


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


def test_what_is_a_part_of_the_package_is_no_secret():
    # Pages show functions of the package.
    package = "\n".join(path.read_text("utf-8") for path in (ROOT / "desom").rglob("*.py"))
    assert [line for line in course.solution_lines() if line in package] == []


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

SESSIONS = sorted((ROOT / "course").glob("*.md"))
TAKEN = re.compile(r"^\{(\w+)\} (\S+)", re.MULTILINE)
PLANS = [ROOT / f"book/teaching/session{n}.md" for n in range(1, 9)]
LABEL = re.compile(r"\{(?:ref|eq|numref)\}`([\w-]+)`")
each_plan = pytest.mark.parametrize("plan", PLANS, ids=lambda path: path.stem)


def rows(plan, heading):
    """Give the cells of the table below a heading of a session's page."""
    text = plan.read_text("utf-8").split(f"## {heading}\n")[1].split("\n## ")[0]
    return [line.strip("|").split("|") for line in text.splitlines() if line[:1] == "|"][2:]


def on_slides(plan):
    """Give the names of all that the slides of a session take from chapters, in their order."""
    text = (ROOT / f"course/{plan.stem}.md").read_text("utf-8")
    return [name for _, name in TAKEN.findall(text)]


def test_a_session_has_a_plan_and_slides():
    assert [path.stem for path in SESSIONS] == [path.stem for path in PLANS]


@each_plan
def test_a_plan_has_the_minutes_of_its_slides(plan):
    minutes = [int(cells[0]) for cells in rows(plan, "Plan")]
    made = parts((ROOT / f"course/{plan.stem}.md").read_text("utf-8"))
    assert sum(minutes) == sum(int(head[3]) for head, _, _ in made)
    named = [(m, *LABEL.findall(what)) for m, what in rows(plan, "Plan") if LABEL.search(what)]
    planned = [(label, EXERCISES[label].minutes) for _, label in named]
    assert planned == [(label, int(minutes)) for minutes, label in named]
    assert [label for label, _ in planned] == [e for e in on_slides(plan) if e in EXERCISES]


def test_every_exercise_belongs_to_an_outcome_of_one_session():
    named = [
        label
        for plan in PLANS
        for cells in rows(plan, "Outcomes")
        for label in LABEL.findall("".join(cells[1:4]))
    ]
    assert sorted(named) == sorted(EXERCISES)


@each_plan
def test_what_an_exercise_needs_comes_before_it(plan):
    before = [name for earlier in PLANS[: PLANS.index(plan)] for name in on_slides(earlier)]
    own = on_slides(plan)
    for outcome, room, _, projects, needed in rows(plan, "Outcomes"):
        seen = before + own
        for label in LABEL.findall(room):
            assert label in own, f"{label} is on no slide"
            seen = before + own[: own.index(label)]
        assert LABEL.findall(needed), f"{outcome} needs nothing"
        assert set(LABEL.findall(needed)) - set(seen) == set(), outcome
        kinds = {EXERCISES[label].kind for label in LABEL.findall(projects)}
        assert kinds <= {"project"}


def test_every_chapter_to_learn_from_is_read_for_one_session():
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text("utf-8"))
    learned = {"The idea", "Results", "Beyond the paper"}
    chapters = [e["file"] for p in toc["parts"] if p["caption"] in learned for e in p["chapters"]]
    opening = [plan.read_text("utf-8").split("## Outcomes")[0] for plan in PLANS]
    read = re.findall(r"\{doc\}`\.\./(\w+)`", "".join(opening))
    assert sorted(set(read) & {path.removeprefix("book/") for path in chapters}) == sorted(
        path.removeprefix("book/") for path in chapters
    )
    assert len(read) == len(set(read))


@each_plan
def test_a_plan_has_what_a_lecturer_asks_for(plan):
    text = plan.read_text("utf-8")
    assert "**When time runs out**" in text
    assert len(re.findall(r"^- \*\*.+?\*\* .{80,}", text, re.MULTILINE)) >= 3
    assert len(rows(plan, "Misconceptions")) >= 5


# Slides

each_session = pytest.mark.parametrize("session", SESSIONS, ids=lambda path: path.stem)
LOCAL = ("file:", "data:", "about:", "blob:")
# What is not within its slide, and what of it lies over another part of it.
FAULTS = """() => {
    const box = e => e.getBoundingClientRect(), name = e => e.outerHTML.slice(0, 80);
    const page = document.querySelector("section.present .page"), room = box(page);
    const within = ({left, right, top, bottom}) => left > room.left - 2 && right < room.right + 2
        && top > room.top - 2 && bottom < room.bottom + 2;
    const apart = (a, b) => a.right < b.left + 2 || b.right < a.left + 2
        || a.bottom < b.top + 2 || b.bottom < a.top + 2;
    const seen = [...page.querySelectorAll("*")].filter(
        e => !e.closest("mjx-assistive-mml, style") && !e.parentElement.closest("svg"));
    const print = e =>
        parseFloat(getComputedStyle(e).fontSize) * (e.closest("table").style.zoom || 1);
    const blocks = [...page.querySelectorAll(":scope > h1, :scope > h2, .body > :not(style)")];
    return Object.entries({
        "outside": seen.filter(e => !within(box(e))),
        "too wide": seen.filter(
            e => e.matches("pre, .table, .equation") && e.scrollWidth > e.clientWidth + 2),
        "over another": blocks.filter(
            (a, i) => blocks.slice(0, i).some(b => !apart(box(a), box(b)))),
        "small": seen.filter(e => e.matches("figure > img, figure > svg")
            && box(e).height < room.height / 5),
        "small print": seen.filter(e => e.matches("td") && print(e) < 12),
    }).flatMap(([fault, elements]) => elements.map(e => `${fault}: ${name(e)}`));
}"""


@pytest.fixture(scope="module")
def chapters():
    """Read what slides can show."""
    return Chapters(ROOT / "book")


@pytest.fixture(scope="module")
def shown(tmp_path_factory, chapters):
    """Make the slides of all sessions; give their folder."""
    folder = tmp_path_factory.mktemp("shown") / "slides"
    course.make_slides(folder)
    return folder


@pytest.fixture
def presented(browser, shown):
    """Open the slides of a session, which raise no error and ask for nothing beyond the disk."""
    contexts, wrong = [], []

    def presented(session, width, height, query=""):
        contexts.append(browser.new_context(viewport={"width": width, "height": height}))
        contexts[-1].on("request", lambda r: r.url.startswith(LOCAL) or wrong.append(r.url))
        page = contexts[-1].new_page()
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.goto((shown / f"{session.stem}.html").as_uri() + query)
        page.wait_for_function("window.Reveal?.isReady()")
        return page

    yield presented
    for context in contexts:
        context.close()
    assert wrong == []


@each_session
def test_a_session_has_slides_for_eighty_minutes_at_most(session):
    made = parts(session.read_text("utf-8"))
    assert 20 <= len(made) <= 30
    assert 70 <= sum(int(head[3]) for head, _, _ in made) <= 80
    assert all(len(notes.split()) > 8 for *_, notes in made), "a slide has no notes"
    assert sum("\n> " in text for _, text, _ in made) >= 5, "few questions to the room"


@each_session
def test_an_exercise_on_a_slide_has_its_time(session):
    for head, text, _ in parts(session.read_text("utf-8")):
        for kind, name in TAKEN.findall(text):
            assert kind != "exercise" or EXERCISES[name].minutes == int(head[3]), name


@each_session
def test_no_result_is_typed_on_a_slide(session):
    # The γ of the paper, what an exercise gives, and the level of intervals are no results.
    typed = re.findall(r"\d*\.\d\d\d+|\d+ ?%", session.read_text("utf-8"))
    assert set(typed) <= {"0.001", "0.012", "95 %"}


@each_session
def test_code_on_slides_is_short_and_of_the_book(session, chapters):
    code = [c.source for c in chapters.cells.values()]
    code += [path.read_text("utf-8") for path in (ROOT / "desom").rglob("*.py")]
    lines = {line.strip() for text in code for line in text.splitlines()}
    page = slides(session, chapters)
    shown = re.findall("<pre>(.*?)</pre>", page, re.DOTALL)
    assert all(len(code.strip().splitlines()) <= 12 for code in shown)
    blocks = re.findall(r"^```python\n(.*?)^```", session.read_text("utf-8"), re.S | re.M)
    assert {line.strip() for block in blocks for line in block.splitlines()} - lines == set()


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("{figure} fig-none", "names the figure fig-none"),
        ("{table} chapter/none", "names the table chapter/none"),
        ("{picture} fig-x", "names the picture fig-x"),
        ("{titles} som", "names the titles som"),
        ("{code} desom.som:none", "names the code desom.som:none"),
        ("See {eq}`eq-x`.", "would show {eq}<code>"),
        ("## Without a time", "would show <h2>Without"),
    ],
)
def test_a_slide_that_cannot_be_shown_is_refused(text, fault, tmp_path, chapters):
    (tmp_path / "session.md").write_text(f"# A session (1 min)\n\n{text}\n")
    with pytest.raises(gate.BookError, match=re.escape(fault)):
        slides(tmp_path / "session.md", chapters)


@each_session
@pytest.mark.parametrize("size", [(1280, 720), (1920, 1080)])
def test_nothing_on_a_slide_is_cut(session, size, presented):
    page = presented(session, *size)
    assert page.locator("[data-mjx-error]").count() == 0
    faults = []
    for number in range(page.evaluate("Reveal.getTotalSlides()")):
        page.evaluate("n => Reveal.slide(n)", number)
        faults += [f"slide {number + 1}: {fault}" for fault in page.evaluate(FAULTS)]
    assert not faults, "\n".join(faults)


def test_a_fault_of_a_slide_is_seen(presented):
    page = presented(SESSIONS[0], 1280, 720)
    assert page.evaluate(FAULTS) == []
    page.evaluate("document.querySelector('.present p').style.marginTop = '700px'")
    assert "outside" in page.evaluate(FAULTS)[0]


def test_slides_are_turned_by_keys_and_have_notes_and_a_clock_on_another_screen(presented):
    page = presented(SESSIONS[0], 1280, 720)
    first, second = (notes for *_, notes in parts(SESSIONS[0].read_text("utf-8"))[:2])
    with page.expect_popup() as opened:
        page.keyboard.press("s")
    notes = opened.value
    notes.wait_for_selector(".speaker-controls-time .clock")
    notes.get_by_text(first.split("\n")[0].strip()[:30]).wait_for()
    page.keyboard.press("ArrowRight")
    assert page.evaluate("Reveal.getIndices().h") == 1
    notes.get_by_text(second.strip().split("\n")[0][:30]).wait_for()


def test_slides_are_printed_one_to_a_sheet(presented):
    page = presented(SESSIONS[0], 1280, 720, "?print-pdf")
    page.wait_for_selector(".pdf-page")
    sheets = PdfReader(BytesIO(page.pdf(prefer_css_page_size=True))).pages
    assert len(sheets) == len(parts(SESSIONS[0].read_text("utf-8")))
    assert "What to remember" in sheets[-2].extract_text()
