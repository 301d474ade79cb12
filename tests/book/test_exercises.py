"""The exercises: a check fails on the open cell and on wrong answers, and passes on right ones."""

import ast
import re
from pathlib import Path

import nbformat
import pytest
import yaml
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

import gate
from exercises import KINDS, exercises_of

CHAPTERS = [source.stem for source in gate.sources(gate.ROOT)]
BY_CHAPTER = {name: exercises_of(gate.ROOT / f"notebooks/{name}.ipynb") for name in CHAPTERS}
ALL = [exercise for chapter in BY_CHAPTER.values() for exercise in chapter]
ANSWERS = yaml.safe_load(Path(__file__).with_name("answers.yml").read_text("utf-8"))
WRONG = [(e, n) for e in ALL for n in range(len(ANSWERS[e.label]["wrong"]))]
# A sentence for the student, and not the bare expression.
SENTENCE = r"(?s)[A-Z0-9].{14,}[.?!]"


def run(exercise, *parts, answer=None):
    """Run some cells of an exercise in a namespace of its own; ``answer`` is another solution."""
    names = {"__name__": exercise.label}
    for part in parts:
        for source in [answer] if part == "answer" else getattr(exercise, part):
            exec(compile(source, f"{exercise.label}, {part}", "exec"), names)


@pytest.mark.parametrize("exercise", ALL, ids=lambda exercise: exercise.label)
def test_a_check_fails_on_the_open_cell(exercise):
    with pytest.raises((AssertionError, NotImplementedError)) as failure:
        run(exercise, "starter", "check")
    assert re.fullmatch(SENTENCE, str(failure.value)), failure.value


@pytest.mark.parametrize(("exercise", "n"), WRONG, ids=lambda of: getattr(of, "label", of))
def test_a_check_refuses_a_wrong_answer_with_a_sentence(exercise, n):
    with pytest.raises(AssertionError) as failure:
        run(exercise, "starter", "answer", "check", answer=ANSWERS[exercise.label]["wrong"][n])
    assert re.fullmatch(SENTENCE, str(failure.value)), failure.value


@pytest.mark.parametrize("exercise", ALL, ids=lambda exercise: exercise.label)
def test_a_check_accepts_a_right_answer_that_is_written_otherwise(exercise):
    run(exercise, "starter", "answer", "check", answer=ANSWERS[exercise.label]["right"])


def test_every_exercise_has_two_wrong_answers():
    assert {e.label for e in ALL} == set(ANSWERS)
    assert min(len(answers["wrong"]) for answers in ANSWERS.values()) >= 2


def bound(source):
    """Collect the names that a cell binds, but for those that it imports."""
    plain = re.sub(r"^([ \t]*)[!%].*", r"\1pass", source, flags=re.MULTILINE)
    names, waiting = set(), list(ast.parse(plain).body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            names.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif not isinstance(node, ast.comprehension):
            waiting += ast.iter_child_nodes(node)
    return names


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_starter_takes_no_name_of_an_earlier_cell(chapter):
    taken = set()
    for cell in gate.read(gate.ROOT / f"notebooks/{chapter}.ipynb").cells:
        if cell.cell_type == "code":
            tags = cell.metadata.get("tags", [])
            if "starter" in tags:
                assert not bound(cell.source) & taken, cell.id
            if not {"check", "solution"} & {*tags}:
                taken |= bound(cell.source)


@pytest.mark.parametrize("exercise", ALL, ids=lambda exercise: exercise.label)
def test_a_check_passes_on_the_solution(exercise, capsys):
    run(exercise, "starter", "solution", "check")
    assert capsys.readouterr().out, "a check that passes says so"


# The appendix on settings is looked things up in, not worked through.
@pytest.mark.parametrize("chapter", sorted({*CHAPTERS} - {"settings"}))
def test_a_chapter_has_exercises_from_recall_to_project(chapter):
    kinds = [exercise.kind for exercise in BY_CHAPTER[chapter]]
    assert len(kinds) >= 4
    assert kinds[0] == "recall" and kinds[-1] == "project"
    assert set(kinds) <= set(KINDS)


def test_labels_differ_and_name_their_chapter():
    labels = [exercise.label for exercise in ALL]
    assert len(set(labels)) == len(labels)
    for chapter, exercises in BY_CHAPTER.items():
        for exercise in exercises:
            assert exercise.label.startswith(f"ex-{chapter.replace('_', '-')}-")


ASK = ":::{exercise} A number\n:label: ex-a-number\n\n**Recall, 7 minutes.** Give 1.\n:::"


def written(path, *parts, ask=ASK):
    """Write a notebook with an exercise of these parts."""
    cells = [new_markdown_cell(ask, id="ex-a-number", metadata={"tags": ["exercise"]})] * bool(ask)
    cells += [new_code_cell(part, id=part, metadata={"tags": [part]}) for part in parts]
    nbformat.write(new_notebook(cells=cells), path)
    return path


def test_an_exercise_is_read(tmp_path):
    path = written(tmp_path / "a.ipynb", "starter", "solution", "check")
    (exercise,) = exercises_of(path)
    assert (exercise.label, exercise.title, exercise.kind) == ("ex-a-number", "A number", "recall")
    assert (exercise.minutes, exercise.starter, exercise.check) == (7, ["starter"], ["check"])
    hours = ASK.replace("Recall, 7 minutes", "Project, 2 hours")
    path = written(path, "starter", "solution", "check", ask=hours)
    assert exercises_of(path)[0].minutes == 120


@pytest.mark.parametrize(
    ("parts", "ask", "sentence"),
    [
        (["starter"], "", "cell 1, is a starter before any exercise"),
        (["starter", "check"], ASK, "the exercise ex-a-number has no solution"),
        (["starter", "check", "solution"], ASK, "cell 4, is a solution after the check"),
        (["starter"], ASK.replace("Recall", "Riddle"), "cell 1, does not begin as an exercise"),
        (["starter"], ASK.replace("ex-a-number", "ex-b"), "cell 1, does not begin as an exercise"),
        (["starter"], ASK.replace("7 minutes", "soon"), "cell 1, does not begin as an exercise"),
    ],
)
def test_what_is_no_exercise_is_refused(tmp_path, parts, ask, sentence):
    with pytest.raises(gate.BookError, match=sentence):
        exercises_of(written(tmp_path / "a.ipynb", *parts, ask=ask))


def test_hints_are_folded_in_two_steps_and_a_why_has_a_cell_for_its_answer():
    for chapter in CHAPTERS:
        cells = gate.read(gate.ROOT / f"notebooks/{chapter}.ipynb").cells
        ids = {cell.id for cell in cells}
        for cell in cells:
            if "exercise" in cell.metadata.get("tags", []):
                text, hint, another = cell.source.split('<details class="hint"><summary>')
                assert min(len(hint), len(another)) > 30, cell.id
                assert hint.startswith("Hint<") and another.startswith("Another hint<")
                assert not re.search(r"\b[Ww]hy\b", text) or f"{cell.id}-answer" in ids, cell.id
