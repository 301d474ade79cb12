"""The exercises: a check fails on the open cell, and passes on the solution."""

import re

import pytest

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


@pytest.mark.parametrize("chapter", CHAPTERS)
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
