"""Make the editions of a course from the chapters: for students, and for instructors.

What is made is under ``_build/course/``:

``student/``
    A working copy without solutions: notebooks to fill in, the compiled book, the package and the
    records that it reads. ``--join`` puts it beside the pages of ``_build/html``, to be downloaded.
``instructor/``
    The notebooks with solutions, as executed; the compiled book, with the plan of each session; the
    slides of each session; the assessment, and the exercises for nbgrader.
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

import autograder
from book import compile_staged, stage
from exercises import part_of
from gate import ROOT, BookError, ended, read, refuse, repository_faults, sources
from slides import Chapters, slides

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
- `project.md` is the project, with its data and its rubric.

Install, with Python 3.11, in this folder, and open a chapter:

```bash
python3.11 -m venv .venv
.venv/bin/pip install --constraint constraints.txt --editable '.[book]' jupyterlab
.venv/bin/jupyter lab notebooks
```

An exercise has a cell to fill in, and below it a check. *Run All* runs every chapter to its end: a
check of what is still open shows an error with a hint, and the next cell goes on. A chapter reads
recorded runs. To train small stand-ins instead, write `"quick"` for `"paper"` in the cell below the
imports, which sets `scale`.
"""


def strip(notebook):
    """Remove the solutions of a notebook, and what its checks have printed.

    A check keeps its error to itself: with the tag ``raises-exception``, *Run All* goes on.
    """
    notebook.cells = [cell for cell in notebook.cells if part_of(cell) != "solution"]
    for cell in notebook.cells:
        if part_of(cell) == "check":
            cell.outputs = []
            cell.metadata.tags = [*cell.metadata.tags, "raises-exception"]
    return notebook


def solution_lines():
    """Collect the lines that stand in solutions of the notebooks, and nowhere else of them.

    Gives where it is, by line; white space around the line is cut off.
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
    texts = [path.read_text("utf-8") for path in sorted((ROOT / "desom").rglob("*.py"))]
    known = "\n".join([*elsewhere, *texts])
    return {line: where for line, where in found.items() if line not in known}


def traces(folder, lines):
    """Find the lines that `solution_lines` gives in the files of a folder, also within archives.

    Gives a sentence for every file in which there is one.
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
    config = compile_edition(folder, without_solutions)
    shutil.copy(ROOT / "course/assessment/project.md", folder)
    (folder / "README.md").write_text(STUDENT.format(title=config["title"]), "utf-8")
    refuse(traces(folder, solution_lines()))


def without_solutions(staged):
    """Remove solutions and plans from what is staged, and what leads to them elsewhere."""
    config = yaml.safe_load((staged / "_config.yml").read_text("utf-8"))
    # They lead to the notebooks of the repository, which are solved.
    config["launch_buttons"], config["html"]["use_repository_button"] = {}, False
    (staged / "_config.yml").write_text(yaml.safe_dump(config), "utf-8")
    for copy in (staged / "book").glob("*.ipynb"):
        nbformat.write(strip(read(copy)), copy)
    toc = yaml.safe_load((staged / "_toc.yml").read_text("utf-8"))
    for part in toc.get("parts", []):
        for entry in part["chapters"]:
            if entry["file"] == "book/teaching":
                del entry["sections"]
    (staged / "_toc.yml").write_text(yaml.safe_dump(toc), "utf-8")
    shutil.rmtree(staged / "book/teaching")
    teaching, listed = staged / "book/teaching.md", "```{tableofcontents}\n```\n"
    teaching.write_text(teaching.read_text("utf-8").replace(listed, ""), "utf-8")


def compile_edition(folder, prepare=lambda staged: None):
    """Compile the book for an edition, after a change of what is staged; give its _config.yml."""
    with TemporaryDirectory() as temporary:
        staging = Path(temporary) / "_build"
        stage(staging, executed=True)
        prepare(staging / "source")
        compile_staged(Path(temporary))
        shutil.copytree(staging / "html", folder / "html")
        return yaml.safe_load((staging / "source/_config.yml").read_text("utf-8"))


def instructor(folder):
    """Make the instructor edition."""
    (folder / "notebooks").mkdir()
    for source in sources(ROOT):
        shutil.copy(ROOT / "book" / source.name, folder / "notebooks")
    make_slides(folder / "slides")
    shutil.copytree(ROOT / "course/assessment", folder / "assessment")
    autograder.export(folder / "autograder")
    compile_edition(folder)


def make_slides(folder):
    """Make the slides of every session, with the scripts that show them and draw equations."""
    shutil.copytree(ROOT / "course/reveal", folder / "reveal")
    shutil.copytree(ROOT / "book/_extra/mathjax", folder / "mathjax")
    chapters = Chapters(ROOT / "book")
    for session in sorted((ROOT / "course").glob("*.md")):
        (folder / f"{session.stem}.html").write_text(slides(session, chapters), "utf-8")


def make(build):
    """Make both in an empty folder."""
    refuse(repository_faults(ROOT))
    shutil.rmtree(build / "course", ignore_errors=True)
    for edition in (instructor, student):
        folder = build / "course" / edition.__name__
        folder.mkdir(parents=True)
        edition(folder)
        print(f"Made {folder}", flush=True)


def join(build):
    """Put the student edition beside the pages, and a link to it on the page on teaching.

    Raises
    ------
    BookError
        If it is not made.
    """
    made, page = build / "course/student", build / "html/book/teaching.html"
    if not made.exists():
        raise BookError(f"{made} is missing; run `make course` first")
    archive = Path(shutil.make_archive(build / "html/student", "zip", made.parent, made.name))
    size = archive.stat().st_size / 1e6
    link = f'<p><a href="../student.zip">The student edition</a> ({size:.0f} MB)</p>'
    text = re.sub(r'<p><a href="../student.zip">.*?</p>', "", page.read_text("utf-8"))
    page.write_text(text.replace("</article>", f"{link}</article>"), "utf-8")
    print(f"The pages lead to {archive}")


def main(argv=None):
    """Make the course, or join the student edition to the pages."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--into", type=Path, default=ROOT, help="folder to make _build/ in; default: this one"
    )
    parser.add_argument(
        "--join", action="store_true", help="do not make them, but offer one beside the pages"
    )
    arguments = parser.parse_args(argv)
    return ended("course", join if arguments.join else make, arguments.into.resolve() / "_build")


if __name__ == "__main__":
    sys.exit(main())
