"""The house as it was drawn: its rooms, the arrows between them, its size. All of it can fail."""

import ast
import re
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

CORE = ("desom", "som", "autoencoder", "estimator", "grid", "storage")
BESIDE = ("__init__", "__main__", "checks", "errors", "cli", "methods")
ROOMS = ("engine", "baselines", "datasets", "metrics", "experiments", "figures", "report")
ESTIMATORS = {"desom", "som", "autoencoder", "estimator", "storage", "methods", "baselines"}

# From where, in desom, no arrow may go whereto. All may import errors.
FORBIDDEN = {
    **dict.fromkeys(CORE, set(ROOMS) - {"engine"}),
    "engine": set(CORE),
    "metrics": ESTIMATORS,
    "figures": ESTIMATORS | {"experiments"},
    "experiments": {"figures", "report"},
}

# What is imported when it is asked for.
NAMED_BY_TEXT = re.compile(r"desom(\.\w+)+(:\w+)?")

MOST_LINES = {"core": 950, "desom": 9090, "tools": 1900, "a baseline": 200, "dkm": 60}


# What is checked


def modules(root):
    """Give the files of desom, tools and the extension of Sphinx, by the names of the modules."""
    paths = [*root.glob("desom/**/*.py"), *root.glob("tools/*.py"), *root.glob("book/_ext/*.py")]
    names = (path.relative_to(root).with_suffix("").as_posix() for path in paths)
    dotted = [name.removesuffix("/__init__").replace("/", ".") for name in names]
    return dict(zip(dotted, paths, strict=True))


def named(path, package):
    """List the modules, or names in them, that a file imports anywhere; text may name them too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parents = package[: len(package) + 1 - node.level] if node.level else []
            base = ".".join([*parents, *filter(None, [node.module])])
            yield from (f"{base}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Constant) and NAMED_BY_TEXT.fullmatch(str(node.value)):
            yield node.value.partition(":")[0]


def arrows(root):
    """Give the modules that every module imports, as sets by its name."""
    paths = modules(root)

    def resolved(name):
        parts = name.split(".")
        prefixes = (".".join(parts[:n]) for n in range(len(parts), 0, -1))
        return next((prefix for prefix in prefixes if prefix in paths), None)

    imported = {}
    for module, path in paths.items():
        package = module.split(".") if path.stem == "__init__" else module.split(".")[:-1]
        names = list(named(path, package))
        if package[0] != "desom":
            # Tools are run as scripts: their folder is where they look first.
            names += [".".join([*package, name]) for name in names]
        imported[module] = set(map(resolved, names)) - {None, module}
    return imported


def circle(root):
    """Give the modules of a circle of imports, or nothing."""
    try:
        TopologicalSorter(arrows(root)).prepare()
    except CycleError as error:
        return error.args[1]
    return []


def room(module):
    """Give the room, or the file beside the rooms, where a module of desom is; else its folder."""
    house, *rest = module.split(".")
    return (rest or ["__init__"])[0] if house == "desom" else house


def forbidden(root):
    """List the arrows that the design forbids."""
    return [
        f"{source} → {target}"
        for source, targets in arrows(root).items()
        for target in targets
        if source.startswith("desom")
        and (
            not target.startswith("desom")
            # Classes are to be had from the package itself too: not inside of it.
            or target == "desom"
            or room(target) in FORBIDDEN.get(room(source), ())
        )
    ]


def strangers(root):
    """List the files and folders that the layout does not know."""
    known = {*(f"{name}.py" for name in CORE + BESIDE), *ROOMS, "__pycache__"}
    files = {path for path in (root / "desom").iterdir() if path.name not in known}
    for name in ROOMS:
        folder = root / "desom" / name
        files |= {path for path in folder.glob("*/") if path.name != "__pycache__"}
    rooms_of_tests = {path for path in root.glob("tests/*/") if path.name != "__pycache__"}
    files |= {path for path in rooms_of_tests if path.name not in {*ROOMS, "book"}}
    return sorted(path.relative_to(root).as_posix() for path in files)


def lengths(root):
    """Give the lines of what has a limit, docstrings included."""
    lines = {module: len(path.read_text().splitlines()) for module, path in modules(root).items()}
    baselines = {name: n for name, n in lines.items() if name.startswith("desom.baselines.")}
    return {
        "core": sum(lines.get(f"desom.{name}", 0) for name in CORE),
        "desom": sum(n for name, n in lines.items() if name.split(".")[0] == "desom"),
        "tools": sum(n for name, n in lines.items() if name.startswith("tools.")),
        "a baseline": max(baselines.values(), default=0),
        "dkm": baselines.get("desom.baselines.dkm", 0),
    }


def too_long(root):
    """List what has more lines than it may."""
    return [f"{name}: {n}" for name, n in lengths(root).items() if n > MOST_LINES[name]]


# The house


def test_no_circle_of_imports():
    assert circle(ROOT) == []


def test_no_forbidden_arrow():
    assert forbidden(ROOT) == []


def test_no_room_or_file_that_the_layout_does_not_know():
    assert strangers(ROOT) == []


@pytest.mark.parametrize("what", MOST_LINES)
def test_what_has_a_limit_is_within_it(what):
    assert lengths(ROOT)[what] <= MOST_LINES[what]


def test_the_arrows_that_exist_are_seen():
    seen = arrows(ROOT)
    assert "desom.engine.backends" in seen["desom.engine.loop"]
    assert "desom.baselines.dkm" in seen["desom.methods"]
    assert {"desom.desom", "desom.datasets"} <= seen["desom"]
    assert "tools.gate" in seen["tools.book"]


# Houses that are not as they should be


@pytest.fixture
def build(tmp_path):
    """Write the files of a house, each of the text that is given; a folder is its __init__."""

    def build(files):
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return tmp_path

    (tmp_path / "desom").mkdir()
    return build


SOUND = {
    **{f"desom/{name}/__init__.py": "" for name in ROOMS},
    "desom/__init__.py": '_HOMES = {"DESOM": "desom.desom"}',
    "desom/errors.py": "import difflib",
    "desom/methods.py": 'METHODS = {"dkm": "desom.baselines.dkm:DKM"}',
    "desom/grid.py": "from desom.errors import check_name",
    "desom/desom.py": "from desom.engine import train\nfrom desom import grid\nimport keras",
    "desom/engine/__init__.py": "from desom.engine.loop import train",
    "desom/engine/loop.py": "from desom.engine import backends\nimport desom.errors",
    "desom/engine/backends.py": "from ..errors import InputError",
    "desom/baselines/dkm.py": "from desom.desom import DESOM",
    "desom/metrics/maps.py": "from desom.grid import neighborhood",
    "desom/figures/maps.py": "from desom import metrics, grid\nfrom desom.metrics import maps",
    "desom/experiments/run.py": "from desom import datasets, methods",
    "desom/report/tables.py": "from desom.experiments import run",
    "desom/datasets/new.py": "from desom.errors import InputError",
    "tools/gate.py": "from desom import DESOM",
    "tools/book.py": "import gate",
    "book/_ext/pages.py": "import sphinx",
    "tests/metrics/test_maps.py": "from desom import DESOM",
    "tests/book/test_book.py": "",
}


def test_a_sound_house_passes(build):
    root = build(SOUND)
    assert circle(root) == forbidden(root) == strangers(root) == too_long(root) == []


@pytest.mark.parametrize(
    "files",
    [
        {"desom/grid.py": "import desom.desom"},
        {"desom/grid.py": "def late():\n    from desom import desom"},
        {"desom/engine/backends.py": "from . import loop"},
        {"desom/engine/backends.py": "from desom.engine import train"},
        {"desom/baselines/dkm.py": "from desom.methods import METHODS"},
        {"tools/gate.py": "from book import compile_staged"},
        {"tools/gate.py": "import book"},
        {"desom/errors.py": "if True:\n    class A:\n        from .grid import distance"},
    ],
)
def test_a_circle_is_found(files, build):
    root = build(SOUND | files)
    assert len(circle(root)) > 2


@pytest.mark.parametrize(
    ("file", "text"),
    [
        *(
            (f"desom/{name}.py", f"from desom.{target} import x")
            for name in sorted(CORE)
            for target in ("baselines", "datasets", "metrics", "experiments", "figures", "report")
        ),
        *(("desom/engine/new.py", f"from desom.{target} import x") for target in sorted(CORE)),
        *(("desom/metrics/new.py", f"import desom.{target}") for target in sorted(ESTIMATORS)),
        *(("desom/figures/new.py", f"import desom.{target} as x") for target in sorted(ESTIMATORS)),
        ("desom/figures/new.py", "from desom import DESOM"),
        ("desom/figures/new.py", "from desom.experiments.run import Run"),
        ("desom/figures/new.py", "from ..experiments import run"),
        ("desom/metrics/new.py", "def late():\n    from desom.desom import DESOM"),
        ("desom/metrics/new.py", 'import_module("desom.desom")'),
        ("desom/experiments/new.py", "from desom import figures"),
        ("desom/experiments/new.py", "from desom.report.tables import METHODS"),
        ("desom/report/new.py", "from tools.gate import ROOT"),
        ("desom/cli.py", "import tools.gate"),
        ("desom/report/new.py", "from book._ext import pages"),
    ],
)
def test_a_forbidden_arrow_is_found(file, text, build):
    root = build({f"desom/{name}.py": "" for name in CORE} | SOUND | {file: text})
    source = file.removesuffix(".py").replace("/", ".")
    assert [arrow.split(" → ")[0] for arrow in forbidden(root)] == [source]


@pytest.mark.parametrize(
    ("file", "stranger"),
    [
        ("desom/utils.py", "desom/utils.py"),
        ("desom/kerasom.py", "desom/kerasom.py"),
        ("desom/views/__init__.py", "desom/views"),
        ("desom/metrics/deep/maps.py", "desom/metrics/deep"),
        ("tests/runs/test_runs.py", "tests/runs"),
    ],
)
def test_a_stranger_is_found(file, stranger, build):
    assert strangers(build(SOUND | {file: ""})) == [stranger]


@pytest.mark.parametrize(
    ("what", "file", "n"),
    [
        ("core", "desom/som.py", 951),
        ("desom", "desom/report/tables.py", 9090),
        ("tools", "tools/slides.py", 1900),
        ("a baseline", "desom/baselines/som_vae.py", 201),
        ("dkm", "desom/baselines/dkm.py", 61),
    ],
)
def test_what_is_too_long_is_found(what, file, n, build):
    root = build(SOUND | {file: '"""Long."""\n' * n})
    assert [line.split(":")[0] for line in too_long(root)] == [what]
