"""The export to nbgrader: its own commands make what students get, and grade what they hand in."""

import csv
import os
import re
import shutil
import sys
from pathlib import Path

import nbformat
import pytest
import yaml

import autograder
import course
import gate
from building import ROOT, run
from exercises import exercises_of

SPECIFIED = yaml.safe_load((ROOT / "course/assessment/hidden.yml").read_text("utf-8"))
HIDDEN = {name: tests for name, tests in SPECIFIED.items() if name != "template"}
ANSWERS = yaml.safe_load(Path(__file__).with_name("answers.yml").read_text("utf-8"))
ALL = {e.label: e for source in gate.sources(ROOT) for e in exercises_of(source)}
CHAPTER = "codes"


def test_hidden_tests_are_of_exercises_and_most_have_some():
    assert set(HIDDEN) <= set(ALL)
    graded = {label for label, e in ALL.items() if e.kind not in ("project", "experiment")}
    assert len(graded & set(HIDDEN)) >= 0.9 * len(graded)


@pytest.mark.parametrize("label", sorted(HIDDEN))
@pytest.mark.parametrize("kind", ["solution", "right"])
def test_hidden_tests_accept_right_answers(label, kind):
    exercise = ALL[label]
    own = exercise.starter + exercise.solution
    tests = SPECIFIED["template"].format(solution="\n".join(own), expressions=HIDDEN[label])
    names = {"__name__": label}
    answer = exercise.solution if kind == "solution" else [ANSWERS[label]["right"]]
    for source in (*exercise.starter, *answer, tests):
        exec(compile(source, label, "exec"), names)


def nbgrader(folder, *arguments):
    """Run a command of nbgrader in the folder of its course."""
    # It calls alembic by its name.
    first = {"PYTHONPATH": str(ROOT), "PATH": str(Path(sys.executable).parent)}
    env = {k: os.pathsep.join([v, os.environ.get(k, "")]) for k, v in first.items()}
    done = run([sys.executable, "-m", "nbgrader", *arguments], folder, env)
    assert done.returncode == 0, done.stdout + done.stderr


def hand_in(folder, student, answers):
    """Fill in what is released, and hand it in."""
    place = folder / "submitted" / student / CHAPTER
    shutil.copytree(folder / "release" / CHAPTER, place)
    path = place / f"{CHAPTER}.ipynb"
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        name = cell.metadata.get("nbgrader", {}).get("grade_id", "")
        if name.endswith("-starter"):
            cell.source += "\n" + answers(name.removesuffix("-starter"))
    nbformat.write(notebook, path)


@pytest.mark.timeout(600)
def test_nbgrader_makes_what_students_get_and_grades_it(tmp_path):
    folder = tmp_path / "autograder"
    autograder.export(folder)
    shutil.rmtree(folder / "source")
    autograded = ROOT / f"notebooks/{CHAPTER}.ipynb"
    notebook = autograder.assignment(autograded)
    (folder / "source" / CHAPTER).mkdir(parents=True)
    nbformat.write(notebook, folder / "source" / CHAPTER / autograded.name)
    nbgrader(folder, "generate_assignment", CHAPTER, "--create")

    # Students get the visible checks: no solution, in code or in words, and no hidden test.
    assert course.traces(folder / "release", course.solution_lines()) == []
    released = nbformat.read(folder / "release" / CHAPTER / autograded.name, as_version=4)
    text = "\n".join(cell.source for cell in released.cells)
    assert "HIDDEN" not in text and "SOLUTION" not in text and "solved" not in text
    checks = [e.check[0] for e in exercises_of(autograded)]
    assert all(check in text for check in checks)

    hand_in(folder, "ada", lambda label: ANSWERS[label]["right"])
    hand_in(folder, "bob", lambda label: ANSWERS[label]["wrong"][0])
    nbgrader(folder, "autograde", CHAPTER)
    nbgrader(folder, "export", "--to", "grades.csv")
    with (folder / "grades.csv").open() as file:
        rows = {row["student_id"]: row for row in csv.DictReader(file)}
    by_hand = [c for c in notebook.cells if c.metadata.get("nbgrader", {}).get("points")]
    words = sum(c.metadata.nbgrader.points for c in by_hand if c.cell_type == "markdown")
    most = float(rows["ada"]["max_score"])
    assert float(rows["ada"]["score"]) == most - words
    assert float(rows["bob"]["score"]) == 0


@pytest.mark.parametrize("level", ["upper", "lower"])
def test_a_sample_report_was_executed_and_its_points_add_up(level):
    path = ROOT / f"course/assessment/sample_{level}.ipynb"
    cells = nbformat.read(path, as_version=4).cells
    codes = [cell for cell in cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in codes] == list(range(1, len(codes) + 1))
    assert not [o for cell in codes for o in cell.outputs if o.output_type == "error"]
    *points, total = map(int, re.findall(r"\| \**(\d+)\** \|", cells[-1].source))
    assert sum(points) == total and len(points) == 6


def test_the_curves_of_the_project_are_those_of_its_samples():
    project = (ROOT / "course/assessment/project.md").read_text("utf-8")
    code = re.search(r"```python\n(.*?)\n```", project, re.DOTALL)[1]
    for level in ("upper", "lower"):
        path = ROOT / f"course/assessment/sample_{level}.ipynb"
        assert code in [cell.source for cell in nbformat.read(path, as_version=4).cells]
    names = {}
    exec(code, names)
    x, kinds = names["curves"](50, seed=1)
    assert x.shape == (50, 64) and set(kinds) == {0, 1, 2}
