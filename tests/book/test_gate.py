"""The gate: what is stale, unfinished, heavy or not reproducible is refused."""

import base64
import json

import nbformat
import pytest
from nbformat.v4 import new_output

import gate
from building import ROOT, execution, source


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
    content = json.loads(path.read_text("utf-8")) | {"nbformat_minor": minor}
    for cell in content["cells"]:
        del cell["id"]
    path.write_text(json.dumps(content))
    with pytest.raises(gate.BookError, match=sentence):
        gate.source_faults(path)


def test_the_gate_refuses_a_heavy_book(repository):
    (repository / "book/film.mp4").write_bytes(bytes(20_000_000))
    (fault,) = gate.repository_faults(repository)
    assert fault.startswith("book/ holds 20,0")
