"""The book is whole, fresh and reproducible: the gate, the executions, the compilation."""

import base64
import inspect
import json
import os
import posixpath
import re
import shutil
import subprocess
from pathlib import Path

import keras
import nbformat
import pytest
import yaml
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from sphinx.util.inventory import InventoryFile

import book
import gate
from desom import cli, methods
from desom.report import published
from docstrings import public_names
from helpers import ROOT, build

KERNEL = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def source(*codes):
    """Write a chapter with a parameters cell, and these code cells."""
    cells = [
        new_markdown_cell("# A chapter\n\n$$\nx = 1\n$$ (eq-x)\n\nSee {eq}`eq-x`, {cite:t}`k`."),
        new_code_cell('scale = "paper"', metadata={"tags": ["parameters"]}),
        *(new_code_cell(code) for code in codes),
    ]
    for number, cell in enumerate(cells):
        cell.id = f"cell-{number}"
    return new_notebook(cells=cells, metadata=KERNEL)


def execution(notebook, *outputs):
    """Count the cells of a source as if executed, and give the last one these outputs."""
    codes = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for count, cell in enumerate(codes, start=1):
        cell.execution_count = count
    codes[-1].outputs = list(outputs)
    return notebook


@pytest.fixture
def repository(tmp_path):
    """Make a book of one page and one chapter; nothing is wrong with it."""
    for name in ("tools", "book", "notebooks", "book/_extra", "book/_static"):
        (tmp_path / name).mkdir()
    for name in ("book.py", "gate.py", "mend.py", "provenance.py"):
        shutil.copy(ROOT / "tools" / name, tmp_path / "tools")
    shutil.copy(ROOT / "_config.yml", tmp_path)
    # What API pages are made of.
    shutil.copy(ROOT / "tools/apidoc.py", tmp_path / "tools")
    (tmp_path / "desom").mkdir()
    (tmp_path / "desom/__init__.py").write_text('"""A package."""\n')
    toc = {"format": "jb-book", "root": "book/index", "chapters": [{"file": "book/chapter"}]}
    (tmp_path / "_toc.yml").write_text(yaml.safe_dump(toc))
    (tmp_path / "book/index.md").write_text("# A book\n\n```{bibliography}\n```\n")
    (tmp_path / "book/references.bib").write_text(
        "@book{k, author={Kohonen, Teuvo}, title={Maps}, publisher={Springer}, year={1995}}"
    )
    nbformat.write(source("1 + 1"), tmp_path / "notebooks/chapter.ipynb")
    printed = new_output("stream", name="stdout", text="two\n")
    nbformat.write(execution(source("1 + 1"), printed), tmp_path / "book/chapter.ipynb")
    return tmp_path


# The gate


def test_what_is_committed_passes_the_gate():
    assert gate.repository_faults(ROOT) == []


def test_a_faultless_book_passes_the_gate(repository):
    assert gate.repository_faults(repository) == []


def display(kind, value):
    return new_output("display_data", data={kind: value})


def picture(size):
    return base64.b64encode(bytes(size)).decode()


@pytest.mark.parametrize(
    ("output", "sentence"),
    [
        (new_output("error", ename="SystemExit", evalue="0"), "cell 3, raised SystemExit: 0"),
        (display("image/png", picture(200_100)), "cell 3, has an image of 200,10"),
        (display("image/svg+xml", "x" * 200_001), "cell 3, has an image of 200,001 bytes"),
        (
            display("text/html", f"<img src='data:image/png;base64,{picture(200_100)}'>"),
            "cell 3, has an image of 200,1",
        ),
        (new_output("stream", text=f"read {ROOT}/README.md"), f"cell 3, prints {ROOT}"),
        (new_output("stream", text="in /tmp/x"), "cell 3, prints /tmp/"),
        (display("text/plain", "'/home/me/x'"), "cell 3, prints /home/"),
        (new_output("stream", text="<A at 0x7f00aa00bb>"), "cell 3, prints at 0x7f00aa00bb"),
        (display("text/plain", "<A at 0x7f00aa00bb>"), "is not as `make executed` leaves it"),
        (new_output("stream", name="stderr", text="pid 12"), "is not as `make executed` leaves it"),
    ],
)
def test_the_gate_refuses_an_output(repository, output, sentence):
    nbformat.write(execution(source("1 + 1"), output), repository / "book/chapter.ipynb")
    (fault,) = gate.repository_faults(repository)
    assert fault.startswith("book/chapter.ipynb") and sentence in fault


@pytest.mark.parametrize(
    "output",
    [
        display("image/png", picture(199_000)),
        display("text/html", "<a href='https://example.org/tmp/page'>page</a>"),
        new_output("stream", text="tools/book.py, 0x7f00aa00bb00"),
    ],
)
def test_the_gate_lets_an_output_pass(repository, output):
    nbformat.write(execution(source("1 + 1"), output), repository / "book/chapter.ipynb")
    assert gate.repository_faults(repository) == []


def change(path, edit):
    notebook = nbformat.read(path, as_version=4)
    edit(notebook)
    nbformat.write(notebook, path)


@pytest.mark.parametrize(
    ("edit", "sentence"),
    [
        (lambda n: n.cells[2].update(execution_count=None), "cell 3, was not executed"),
        (
            lambda n: n.cells[2].metadata.update(papermill={"status": "pending"}),
            "cell 3, has papermill's status pending instead of completed",
        ),
        (lambda n: n.cells[2].update(source="1 + 2"), "cell 3, differs from notebooks/chapter"),
        (lambda n: n.cells[0].update(source="# Else"), "cell 1, differs from notebooks/chapter"),
        (lambda n: n.cells.pop(), "cell 3, differs from notebooks/chapter.ipynb"),
        (lambda n: n.metadata.update(papermill={}), "is not as `make executed` leaves it"),
    ],
)
def test_the_gate_refuses_a_copy(repository, edit, sentence):
    change(repository / "book/chapter.ipynb", edit)
    faults = gate.repository_faults(repository)
    assert any(sentence in fault for fault in faults), faults


def test_the_gate_refuses_missing_and_orphaned_copies(repository):
    (repository / "book/chapter.ipynb").rename(repository / "book/other.ipynb")
    orphan, missing = gate.repository_faults(repository)
    assert "book/other.ipynb has no source" in orphan
    assert "book/chapter.ipynb is missing" in missing


@pytest.mark.parametrize(
    ("edit", "sentence"),
    [
        (lambda n: n.cells[2].update(execution_count=3), "cell 3, is not stripped"),
        (
            lambda n: n.cells[2].update(outputs=[new_output("stream", text="2")]),
            "cell 3, is not stripped",
        ),
        (lambda n: n.cells[1].metadata.update(tags=[]), "has 0 cells with the tag parameters"),
        (
            lambda n: n.cells[2].metadata.update(tags=["parameters"]),
            "has 2 cells with the tag parameters",
        ),
        (
            lambda n: n.metadata.update(kernelspec={"name": "ir", "display_name": "R"}),
            "another kernel than python3",
        ),
    ],
)
def test_the_gate_refuses_a_source(repository, edit, sentence):
    path = repository / "notebooks/chapter.ipynb"
    change(path, edit)
    (fault,) = gate.source_faults(path)
    assert fault.startswith("notebooks/chapter.ipynb") and sentence in fault


@pytest.mark.parametrize("content", ["<<<<<<< HEAD", '{"nbformat": 4, "nbformat_minor": 5}'])
def test_the_gate_refuses_what_is_no_notebook(repository, content):
    (repository / "notebooks/chapter.ipynb").write_text(content)
    with pytest.raises(gate.BookError, match=r"chapter\.ipynb is not a notebook"):
        gate.repository_faults(repository)


@pytest.mark.parametrize(("minor", "sentence"), [(4, "has no cell ids"), (5, "is not a notebook")])
def test_the_gate_refuses_cells_without_ids(repository, minor, sentence):
    path = repository / "notebooks/chapter.ipynb"
    content = json.loads(path.read_text()) | {"nbformat_minor": minor}
    for cell in content["cells"]:
        del cell["id"]
    path.write_text(json.dumps(content))
    with pytest.raises(gate.BookError, match=sentence):
        gate.source_faults(path)


def test_the_gate_refuses_a_heavy_book(repository):
    (repository / "book/film.mp4").write_bytes(bytes(20_000_000))
    (fault,) = gate.repository_faults(repository)
    assert fault.startswith("book/ holds 20,0")


# Execution


def test_only_what_differs_from_the_default_is_injected(repository):
    path = repository / "notebooks/chapter.ipynb"
    assert book.overrides(path, {"scale": "paper"}) == {}
    assert book.overrides(path, {"scale": "quick"}) == {"scale": "quick"}


def test_a_parameter_that_the_notebook_does_not_declare_is_refused(repository):
    path = repository / "notebooks/chapter.ipynb"
    with pytest.raises(gate.BookError, match="does not declare the parameter speed, only scale"):
        book.overrides(path, {"scale": "paper", "speed": 1})


def test_two_executions_are_the_same_bytes(repository):
    talk = (
        "import os, sys, time\n"
        "print(scale, flush=True)\n"
        "time.sleep(0.5)\n"
        "print('pid', os.getpid(), file=sys.stderr, flush=True)\n"
        "print('later')"
    )
    plot = "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()"
    table = "import pandas as pd\npd.DataFrame({'a': [1]}).style"
    nbformat.write(source(talk, plot, table), repository / "notebooks/chapter.ipynb")
    # Another kernel of the same name, which cannot start, and a backend that shows no figure.
    decoy = repository / "decoy"
    (decoy / "kernels/python3").mkdir(parents=True)
    (decoy / "kernels/python3/kernel.json").write_text(
        '{"argv": ["false"], "display_name": "Decoy", "language": "python"}'
    )
    env = {"JUPYTER_PATH": str(decoy), "MPLBACKEND": "agg"}
    staged = []
    for _ in range(2):
        made = build(repository, "execute", "--scale", "quick", env=env)
        assert made.returncode == 0, made.stderr
        staged.append((repository / "_build/source/book/chapter.ipynb").read_bytes())
    assert staged[0] == staged[1]

    notebook = nbformat.reads(staged[0].decode(), as_version=4)
    _, parameters, injected, talked, plotted, styled = notebook.cells
    assert parameters.metadata.tags == ["parameters", "remove-cell"]
    assert injected.metadata.tags == ["injected-parameters", "hide-input"]
    assert [output.text for output in talked.outputs] == ["quick\nlater\n"]
    assert "image/png" in plotted.outputs[0].data
    assert 'id="table-cell-4-0"' in styled.outputs[0].data["text/html"]


def test_a_failing_notebook_is_named_with_its_error_and_kept(repository):
    nbformat.write(source("1 / 0", "2"), repository / "notebooks/chapter.ipynb")
    made = build(repository, "execute")
    kept = repository / "_build/executions/chapter.ipynb"
    assert made.returncode == 1
    assert made.stderr.splitlines()[-1] == (
        "book: notebooks/chapter.ipynb failed: In [2] raised ZeroDivisionError: division by zero "
        f"(the execution is in {kept})"
    )
    assert "ZeroDivisionError" in kept.read_text()


def test_a_notebook_that_ends_early_is_refused(repository):
    nbformat.write(source("import sys\nsys.exit(0)", "2"), repository / "notebooks/chapter.ipynb")
    made = build(repository, "execute")
    assert made.returncode == 1
    assert "cell 3, raised SystemExit: 0" in made.stderr


def test_a_page_with_a_dangling_reference_is_refused(repository):
    made = build(repository, "compile", "--committed")
    assert made.returncode == 0, made.stderr
    with (repository / "book/index.md").open("a") as page:
        page.write("\nSee {eq}`nowhere`.\n")
    made = build(repository, "compile", "--committed")
    assert made.returncode == 1
    assert "nowhere" in made.stderr and "the book has faults" in made.stderr


# The pages


def written_pages():
    """List the pages that are not notebooks."""
    return sorted((ROOT / "book").rglob("*.md"))


def test_every_page_is_in_the_table_of_contents():
    # Jupyter Book leaves out, without a word, what is not.
    wanted = pages(yaml.safe_load((ROOT / "_toc.yml").read_text("utf-8")))
    notebooks = [f"book/{source.stem}" for source in gate.sources(ROOT)]
    written = [str(page.relative_to(ROOT).with_suffix("")) for page in written_pages()]
    assert sorted(wanted) == sorted(notebooks + written)


def test_every_method_of_the_tables_has_its_page():
    text = "\n".join(page.read_text("utf-8") for page in (ROOT / "book/methods").glob("*.md"))
    chapters = dict.fromkeys(published.TABLE1, "deep_clustering")
    chapters |= dict.fromkeys(published.TABLE2, "clustering")
    for method, chapter in chapters.items():
        for part in ("scores", "settings"):
            assert f"```{{glue}} {part}-{method}\n:doc: ../{chapter}.ipynb\n```" in text


def test_every_method_is_where_its_table_says():
    table = (ROOT / "book/methods/index.md").read_text("utf-8")
    rows = re.findall(r"\| `(\w+)` \| `([\w/]+\.py)` \| `(\w+)` \|$", table, re.M)
    wanted = dict.fromkeys([*published.TABLE2, *published.TABLE1])
    assert [name for _, _, name in rows] == list(wanted)
    for cls, file, name in rows:
        method = methods.estimator_class(name)
        assert (method.__name__, Path(inspect.getsourcefile(method))) == (cls, ROOT / file)


@pytest.mark.parametrize("page", written_pages(), ids=lambda page: page.stem)
def test_the_commands_of_a_page_are_known(page, tmp_path):
    for command in re.findall(r"^desom (?:run|status) ([^#\n]*)", page.read_text("utf-8"), re.M):
        # What says how to run says nothing of what is missing.
        what = re.sub(r"--(workers|scheduler) \S+", "", command)
        arguments = [*what.split(), "--results", str(tmp_path)]
        assert cli.main(["status", *arguments]) == 1, command


@pytest.mark.parametrize("page", written_pages(), ids=lambda page: page.stem)
def test_the_examples_of_a_page_run(page, monkeypatch):
    def train(model, x, iterations, *options, **refreshing):
        return {"iteration": [iterations], "loss": [0.5]}

    monkeypatch.setattr("desom.estimator.train", train)
    for example in re.findall(r"^```python\n(.*?)^```", page.read_text("utf-8"), re.M | re.S):
        names = {}
        exec(example, names)
        clusters = names.get("units", names.get("clusters"))
        assert len(clusters) == len(names["data"].x) and clusters.max() < 64


# The book


def pages(toc):
    """List every file that a table of contents names."""
    if isinstance(toc, dict):
        return [v for k, v in toc.items() if k in ("root", "file")] + pages(list(toc.values()))
    return [page for part in toc for page in pages(part)] if isinstance(toc, list) else []


def assert_whole(html):
    """Assert that front page, table of contents and the public names of the package are there."""
    wanted = pages(yaml.safe_load((ROOT / "_toc.yml").read_text("utf-8")))
    assert len(wanted) > 1 and (html / "index.html").exists()
    assert [page for page in wanted if not (html / f"{page}.html").exists()] == []
    with (html / "objects.inv").open("rb") as stream:
        inventory = InventoryFile.load(stream, "", posixpath.join)
    named = {name for kind, names in inventory.items() if kind[:3] == "py:" for name in names}
    assert {*public_names()} - named == set()


def checkout():
    """Describe what git sees of the working tree."""
    commands = (["status", "--porcelain"], ["diff", "HEAD"])
    return [subprocess.check_output(["git", *c], cwd=ROOT) for c in commands]


@pytest.fixture(scope="session")
def quick_book(tmp_path_factory):
    """Build the book as `make book SCALE=quick FRESH=1` does, elsewhere and with no network."""
    if keras.backend.backend() != "tensorflow":
        pytest.skip("the book is made with TensorFlow: chapters show, call and time its functions")
    folder = tmp_path_factory.mktemp("quick")
    env = {
        "http_proxy": "http://127.0.0.1:9",
        "https_proxy": "http://127.0.0.1:9",
        "DESOM_DATA": str(folder / "no-data"),
        "XDG_CACHE_HOME": str(folder / "no-cache"),
    }
    before = checkout()
    for step in (["execute", "--scale", "quick", "--fresh"], ["compile"]):
        made = build(ROOT, *step, "--into", folder, env=env)
        assert made.returncode == 0, made.stdout + made.stderr
    return folder / "_build", before, checkout()


def test_make_runs_the_same_steps():
    for goal, steps in {
        ("book", "SCALE=quick", "FRESH=1"): ["execute --scale quick --fresh", "compile"],
        ("book",): ["execute --scale paper", "compile"],
        ("html",): ["compile --committed"],
        ("executed",): ["execute", "keep"],
    }.items():
        # Without what a make that runs these tests hands down.
        env = os.environ | {"MAKEFLAGS": ""}
        plan = subprocess.check_output(["make", "-n", *goal], cwd=ROOT, env=env, text=True)
        ran = re.findall(r"tools/book\.py (.*?) *$", plan, re.MULTILINE)
        assert ran == steps


def test_the_quick_book_is_whole(quick_book):
    assert_whole(quick_book[0] / "html")


def test_the_quick_book_executes_every_notebook(quick_book):
    staged = sorted((quick_book[0] / "source/book").glob("*.ipynb"))
    assert [path.name for path in staged] == [path.name for path in gate.sources(ROOT)] != []
    for path in staged:
        notebook = nbformat.read(path, as_version=4)
        assert gate.execution_faults(path.name, notebook) == []
        assert 'scale = "quick"' in "\n".join(cell.source for cell in notebook.cells)


def test_the_quick_book_touches_no_tracked_file(quick_book):
    _, before, after = quick_book
    assert before == after


def test_the_committed_book_compiles_without_tensorflow(committed_book):
    assert_whole(committed_book)
