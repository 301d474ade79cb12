"""One set of pins: constraints.txt, environment.yml, what is asked for and what is installed."""

import re
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
LINES = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
# Without the other backends and packages, which the book does not need.
EXTRAS = ("book", "cluster", "test")
PINS = dict(line.split("==") for line in LINES)


def direct_dependencies(extras):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    chosen = [project["optional-dependencies"][extra] for extra in extras]
    return [Requirement(text) for group in (project["dependencies"], *chosen) for text in group]


def conda():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text("utf-8"))
    *packages, pip = environment["dependencies"]
    lines = pip["pip"]
    return packages, dict(line.split("==") for line in lines if "==" in line), lines


def installed(name):
    try:
        # Without the label of a build, such as PyTorch's +cpu.
        return metadata.version(name).partition("+")[0]
    except metadata.PackageNotFoundError:
        return None


def test_every_constraint_is_one_exact_pin():
    assert [line for line in LINES if not re.fullmatch(r"[a-z0-9-]+==[0-9][\w.]*", line)] == []
    assert len(PINS) == len(LINES)


def test_every_direct_dependency_is_pinned_within_its_range():
    wanted = direct_dependencies([*EXTRAS, "peers"])
    assert [r.name for r in wanted if not r.specifier.contains(PINS[r.name])] == []


def test_conda_installs_the_direct_dependencies_at_the_same_pins():
    _, pins, _ = conda()
    assert pins == {r.name: PINS[r.name] for r in direct_dependencies(EXTRAS)}


def test_conda_installs_the_package_under_the_constraints_for_the_same_python():
    packages, _, lines = conda()
    assert packages == ["python=3.11", "pip"]
    assert {"--constraint constraints.txt", "--editable .[book,cluster,test]"} <= set(lines)


@pytest.mark.parametrize("name", PINS)
def test_what_is_installed_is_what_is_pinned(name):
    assert installed(name) in {PINS[name], None}


def test_nothing_is_installed_beside_the_pins():
    todo, needed = [("desom", "book"), ("desom", "test"), ("desom", "")], set()
    while todo:
        name, extra = todo.pop()
        for text in metadata.requires(name) or []:
            requirement = Requirement(text)
            marker = requirement.marker
            child = canonicalize_name(requirement.name)
            if (marker and not marker.evaluate({"extra": extra})) or child in needed:
                continue
            needed.add(child)
            todo += [(child, e) for e in ("", *requirement.extras)]
    assert needed - PINS.keys() == set()
