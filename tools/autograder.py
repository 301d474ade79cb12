"""Export the exercises to nbgrader: an assignment per chapter, with points and hidden tests.

What a student is to write, its solution between nbgrader's marks, is one cell; the visible check is
worth half of the points, and the hidden tests of ``course/assessment/hidden.yml`` the other half.
Words are graded by hand. `nbgrader generate_assignment` makes of it what students get.
"""

import re
import shutil

import nbformat
import yaml

from exercises import exercises_of, part_of
from gate import ROOT, read, sources

# By kind: what a check is worth, and once more the hidden tests.
POINTS = {"recall": 1, "compute": 1, "derive": 2, "code": 2, "experiment": 2, "project": 4}
SOLUTION = "### BEGIN SOLUTION\n{}\n### END SOLUTION"
SOLVED = re.compile(r"(?s):::\{solution\} ([\w-]+)\n:class: dropdown\n\n(.*)\n:::")


def export(folder):
    """Write the course of nbgrader into a new folder: its settings, and its assignments."""
    folder.mkdir()
    shutil.copy(ROOT / "course/assessment/nbgrader_config.py", folder)
    for source in sources(ROOT):
        if exercises_of(source):
            place = folder / "source" / source.stem
            place.mkdir(parents=True)
            nbformat.write(assignment(source), place / source.name)


def assignment(source):
    """Make a notebook of the exercises of a chapter, with nbgrader's metadata."""
    hidden = yaml.safe_load((ROOT / "course/assessment/hidden.yml").read_text("utf-8"))
    exercises = {exercise.label: exercise for exercise in exercises_of(source)}
    chapter, cells = read(source), []
    texts = (c.source for c in chapter.cells if c.cell_type == "markdown")
    words = {match[1]: match[2] for match in map(SOLVED.fullmatch, texts) if match}
    for cell in chapter.cells:
        part = part_of(cell)
        if part == "exercise":
            label, points = cell.id, POINTS[exercises[cell.id].kind]
            solution = "\n".join(exercises[label].solution)
            cells.append(nbformat.v4.new_markdown_cell(cell.source, id=label))
        elif part == "starter":
            text = f"{cell.source}\n{SOLUTION.format(solution)}"
            cells.append(graded("code", f"{label}-starter", text, solution=True))
            started = cell.source
        elif "answer" in cell.metadata.get("tags", []):
            text = cell.source.removesuffix("*Your answer:*") + SOLUTION.format(words[label])
            cells.append(graded("markdown", cell.id, text, points, solution=True))
        elif part == "check":
            cells.append(graded("code", f"{label}-check", cell.source, points))
            if label in hidden:
                ours = f"{started}\n{solution}"
                text = hidden["template"].format(solution=ours, expressions=hidden[label])
                cells.append(graded("code", f"{label}-hidden", text, points))
    return nbformat.v4.new_notebook(cells=cells, metadata=chapter.metadata)


def graded(kind, name, source, points=0, solution=False):
    """Make a cell that nbgrader knows by its name: to be filled in, to be graded, or both."""
    about = {"schema_version": 3, "grade_id": name, "cell_type": kind, "solution": solution}
    about |= {"grade": bool(points), "points": points, "locked": not solution, "task": False}
    new = nbformat.v4.new_code_cell if kind == "code" else nbformat.v4.new_markdown_cell
    return new(source, metadata={"nbgrader": about})
