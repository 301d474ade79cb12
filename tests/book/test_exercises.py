"""The exercises: a check fails on the open cell, and passes on the solution."""

import re

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

import gate
from exercises import KINDS, exercises_of

CHAPTERS = [source.stem for source in gate.sources(gate.ROOT)]
BY_CHAPTER = {name: exercises_of(gate.ROOT / f"notebooks/{name}.ipynb") for name in CHAPTERS}
ALL = [exercise for chapter in BY_CHAPTER.values() for exercise in chapter]


def run(exercise, *parts):
    """Run some cells of an exercise in a namespace of its own."""
    names = {"__name__": exercise.label}
    for part in parts:
        for source in getattr(exercise, part):
            exec(compile(source, f"{exercise.label}, {part}", "exec"), names)


@pytest.mark.parametrize("exercise", ALL, ids=lambda exercise: exercise.label)
def test_a_check_fails_on_the_open_cell(exercise):
    with pytest.raises((AssertionError, NotImplementedError)) as failure:
        run(exercise, "starter", "check")
    # A sentence for the student, and not the bare expression.
    assert re.fullmatch(r"(?s)[A-Z].{14,}[.?!]", str(failure.value)), failure.value


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
