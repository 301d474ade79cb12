"""The exercises of a chapter, as its notebook has them.

An exercise is a Markdown cell with the tag ``exercise``, and what follows it until the next one:

``starter``
    A code cell, for the student to fill in.
``solution``
    A Markdown cell with the reasoning, and a code cell that does what the starter leaves open.
``check``
    A code cell that raises an AssertionError, with a sentence that helps, until it is solved.
"""

import re
from dataclasses import dataclass, field

from gate import BookError, read

KINDS = ("recall", "compute", "derive", "code", "experiment", "project")
PARTS = ("starter", "solution", "check")
HEAD = re.compile(
    r":::\{exercise\} (?P<title>.+)\n:label: (?P<label>[\w-]+)\n\n"
    r"\*\*(?P<kind>\w+), (?P<number>\d+) (?P<unit>minutes|hours?)\.\*\* "
)


@dataclass
class Exercise:
    """One exercise: how it is called, what it asks for, and the sources of its code cells."""

    label: str
    title: str
    kind: str
    minutes: int
    starter: list = field(default_factory=list)
    solution: list = field(default_factory=list)
    check: list = field(default_factory=list)


def part_of(cell):
    """Give the part of an exercise that a cell is: one of `PARTS`, ``exercise``, or None."""
    tags = [tag for tag in cell.metadata.get("tags", []) if tag in ("exercise", *PARTS)]
    return tags[0] if tags else None


def exercises_of(path):
    """Read the exercises of a notebook, in its order.

    BookError if a cell has no exercise before it, an exercise lacks a part, its parts come in
    another order than `PARTS`, or its Markdown does not begin with title, label, kind and time.
    """
    exercises = []
    for number, cell in enumerate(read(path).cells, start=1):
        part, where = part_of(cell), f"{path.name}, cell {number},"
        if part == "exercise":
            match = HEAD.match(cell.source)
            if not match or match["label"] != cell.id or match["kind"].lower() not in KINDS:
                raise BookError(
                    f"{where} does not begin as an exercise does: its title, its label, which is "
                    f"the cell's id, its kind (one of {', '.join(KINDS)}) and its time"
                )
            minutes = int(match["number"]) * (1 if match["unit"] == "minutes" else 60)
            exercises.append(Exercise(cell.id, match["title"], match["kind"].lower(), minutes))
        elif part and not exercises:
            raise BookError(f"{where} is a {part} before any exercise")
        elif part and cell.cell_type == "code":
            later = PARTS[PARTS.index(part) + 1 :]
            if any(getattr(exercises[-1], other) for other in later):
                raise BookError(f"{where} is a {part} after the {later[0]} of its exercise")
            getattr(exercises[-1], part).append(cell.source)
    for exercise in exercises:
        for part in PARTS:
            if not getattr(exercise, part):
                raise BookError(f"{path.name}: the exercise {exercise.label} has no {part}")
    return exercises
