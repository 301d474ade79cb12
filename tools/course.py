"""Make the editions of a course from the chapters: for students, for instructors, and slides.

What is made is under ``_build/course/``:

``student/``
    A working copy without solutions: notebooks to fill in, the compiled book, the package and the
    records that it reads.
``instructor/``
    The notebooks with solutions, as executed; the timings; the plan of the sessions.
``slides/``
    One page of HTML for each chapter.
"""

import argparse
import re
import shutil
import sys
import zipfile
from html import unescape
from pathlib import Path
from tempfile import TemporaryDirectory

import nbformat
import yaml
from nbconvert.preprocessors import TagRemovePreprocessor

from book import compile_staged, stage
from exercises import exercises_of, part_of
from gate import ROOT, BookError, ended, read, refuse, repository_faults, sources
from slides import slides

TIME = re.compile(r"\*\*Time\*\* about (\d+) minutes")
PLAN = "teaching.md"
# What the notebooks of the student edition need, if it is there.
NEEDED = (
    "LICENSE",
    "constraints.txt",
    "desom",
    "environment.yml",
    "pyproject.toml",
    "results",
)
# A line as short as this one may stand anywhere.
SHORT = 30

STUDENT = """\
# {title}: student edition

- `html/index.html` is the book. It needs no network.
- `notebooks/` are its chapters, to run and to fill in. Each ends with exercises.

Install, with Python 3.11, in this folder, and open a chapter:

```bash
python3.11 -m venv .venv
.venv/bin/pip install --constraint constraints.txt --editable '.[book]' jupyterlab
.venv/bin/jupyter lab notebooks
```

An exercise has a cell to fill in, and below it a check. *Run All* runs every chapter to its end: a
check of what is still open shows an error with a hint, and the next cell goes on. Set `scale =
"quick"` in a chapter's second code cell to train small stand-ins instead of reading recorded runs.
"""


def strip(notebook):
    """Remove the solutions of a notebook, and what its checks have printed.

    A check keeps its error to itself: with the tag ``raises-exception``, *Run All* goes on.
    """
    remover = TagRemovePreprocessor(
        remove_cell_tags={"solution"}, remove_all_outputs_tags={"check"}
    )
    notebook, _ = remover.preprocess(notebook, {})
    for cell in notebook.cells:
        if part_of(cell) == "check":
            cell.metadata.tags = [*cell.metadata.tags, "raises-exception"]
    return notebook


def solution_lines():
    """Collect the lines that stand in solutions of the notebooks, and nowhere else of them.

    Returns
    -------
    dict of str to str
        Where it is, by line; white space around the line is cut off.
    """
    found, elsewhere = {}, set()
    for source in sources(ROOT):
        for cell in read(source).cells:
            lines = [line.strip() for line in cell.source.splitlines()]
            if part_of(cell) == "solution":
                found |= {line: f"{source.name}, {cell.id}" for line in lines if len(line) > SHORT}
            else:
                elsewhere.update(lines)
    # The method itself is no secret, and neither is the name of an exercise.
    modules = sorted((ROOT / "desom").rglob("*.py"))
    elsewhere.update(
        line.strip() for path in modules for line in path.read_text("utf-8").splitlines()
    )
    return {line: where for line, where in found.items() if line not in elsewhere}


def traces(folder, lines):
    """Find lines of solutions in the files of a folder, also within archives and pages.

    Parameters
    ----------
    folder : Path
        What is searched, at any depth.
    lines : dict of str to str
        What `solution_lines` gives.

    Returns
    -------
    list of str
        A sentence for every file in which there is one.
    """
    faults = []
    for path in sorted(folder.rglob("*")):
        for name, content in _contents(path) if path.is_file() else []:
            text = _plain(name, content.decode("utf-8", errors="ignore"))
            for line, where in lines.items():
                if line in text:
                    faults.append(f"{name} shows a solution of {where}: {line}")
                    break
    return faults


def _contents(path):
    """Give what a file holds; of an archive, what its members hold."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            for member in archive.namelist():
                yield f"{path}: {member}", archive.read(member)
    else:
        yield str(path), path.read_bytes()


def _plain(name, text):
    """Undo what a format does to a line of text."""
    if name.endswith(".html"):
        return unescape(re.sub(r"<[^>]*>", "", text))
    if name.endswith((".ipynb", ".json", ".js")):
        return text.replace(r"\"", '"').replace(r"\\", "\\")
    return text


def timings():
    """Add up the minutes of every chapter: to read it, and to solve its exercises.

    Returns
    -------
    list of (str, str, int, list of Exercise)
        Name, title, minutes to read, exercises; in the order of the table of contents.

    Raises
    ------
    BookError
        If a chapter does not say what time it takes.
    """
    table = []
    toc = (ROOT / "_toc.yml").read_text("utf-8")
    for path in sorted(sources(ROOT), key=lambda path: toc.find(f"book/{path.stem}\n")):
        text = "\n\n".join(cell.source for cell in read(path).cells)
        time = TIME.search(text)
        if not time:
            raise BookError(f"notebooks/{path.name} does not say what time it takes")
        title = re.search(r"^# (.+)", text, re.MULTILINE)[1]
        table.append((path.stem, title, int(time[1]), exercises_of(path)))
    return table


def timing_page(table):
    """Write the timings as Markdown: a line for a chapter, and one for each of its exercises."""
    lines = ["# Timings", "", "| chapter or exercise | kind | minutes |", "|:--|:--|--:|"]
    for _, title, minutes, exercises in table:
        lines.append(f"| **{title}** | reading | {minutes} |")
        lines += [f"| {e.title} | {e.kind} | {e.minutes} |" for e in exercises]
        solving = sum(e.minutes for e in exercises if e.kind != "project")
        lines.append(f"| *exercises without projects* | | {solving} |")
    reading = sum(minutes for _, _, minutes, _ in table)
    solving = sum(e.minutes for *_, es in table for e in es if e.kind != "project")
    lines += [f"| **All chapters** | reading | {reading} |"]
    lines += [f"| **All exercises without projects** | | {solving} |", ""]
    return "\n".join(lines)


def student(folder):
    """Make the student edition, and refuse it if a solution is left in it."""
    for name in NEEDED:
        if (ROOT / name).is_dir():
            shutil.copytree(
                ROOT / name,
                folder / name,
                ignore=shutil.ignore_patterns("__pycache__", ".locks", "mnist5k*", "digits*"),
            )
        elif (ROOT / name).exists():
            shutil.copy(ROOT / name, folder)
    (folder / "notebooks").mkdir()
    for source in sources(ROOT):
        nbformat.write(strip(read(source)), folder / "notebooks" / source.name)
    with TemporaryDirectory() as temporary:
        staging = Path(temporary) / "_build"
        stage(staging, executed=True)
        config = yaml.safe_load((staging / "source/_config.yml").read_text("utf-8"))
        # They lead to the notebooks of the repository, which are solved.
        config["launch_buttons"], config["html"]["use_repository_button"] = {}, False
        (staging / "source/_config.yml").write_text(yaml.safe_dump(config), "utf-8")
        for copy in (staging / "source/book").glob("*.ipynb"):
            nbformat.write(strip(read(copy)), copy)
        toc = yaml.safe_load((staging / "source/_toc.yml").read_text("utf-8"))
        (staging / "source/_toc.yml").write_text(yaml.safe_dump(_without_plan(toc)), "utf-8")
        (staging / "source/book" / PLAN).unlink(missing_ok=True)
        compile_staged(Path(temporary))
        shutil.copytree(staging / "html", folder / "html")
    (folder / "README.md").write_text(STUDENT.format(title=config["title"]), "utf-8")
    refuse(traces(folder, solution_lines()))


def _without_plan(toc):
    """Leave the plan out of a table of contents, and a part that has nothing else."""
    name = f"book/{PLAN.removesuffix('.md')}"
    parts = toc.get("parts", [])
    for part in parts:
        part["chapters"] = [entry for entry in part["chapters"] if entry["file"] != name]
    return toc | ({"parts": [part for part in parts if part["chapters"]]} if parts else {})


def instructor(folder):
    """Make the instructor edition."""
    (folder / "notebooks").mkdir()
    for source in sources(ROOT):
        shutil.copy(ROOT / "book" / source.name, folder / "notebooks")
    (folder / "timings.md").write_text(timing_page(timings()), "utf-8")
    shutil.copy(ROOT / "book" / PLAN, folder / "plan.md")


def make_slides(folder):
    """Make the slides of every chapter, with the script that draws their equations."""
    shutil.copytree(ROOT / "book/_extra/mathjax", folder / "mathjax")
    for source in sources(ROOT):
        page = slides(ROOT / "book" / source.name)
        (folder / f"{source.stem}.html").write_text(page, "utf-8")


def make(course):
    """Make all three in an empty folder."""
    refuse(repository_faults(ROOT))
    shutil.rmtree(course, ignore_errors=True)
    for name, edition in (
        ("slides", make_slides),
        ("instructor", instructor),
        ("student", student),
    ):
        (course / name).mkdir(parents=True)
        edition(course / name)
        print(f"Made {course / name}", flush=True)


def main(argv=None):
    """Make the course."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--into", type=Path, default=ROOT, help="folder to make _build/ in; default: this one"
    )
    course = parser.parse_args(argv).into.resolve() / "_build" / "course"
    return ended("course", make, course)


if __name__ == "__main__":
    sys.exit(main())
