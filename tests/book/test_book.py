"""The book is whole and reproducible: executions, compilation, what its pages promise."""

import inspect
import re
from pathlib import Path

import nbformat
import pytest

import book
import gate
from building import ROOT, assert_whole, make, pages, source, toc, tool
from desom import cli, methods
from desom.report import published

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
        done = tool(repository, "book.py", "execute", "--scale", "quick", env=env)
        assert done.returncode == 0, done.stderr
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
    done = tool(repository, "book.py", "execute")
    kept = repository / "_build/executions/chapter.ipynb"
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        "book: notebooks/chapter.ipynb failed: In [2] raised ZeroDivisionError: division by zero "
        f"(the execution is in {kept})"
    )
    assert "ZeroDivisionError" in kept.read_text("utf-8")


def test_a_notebook_that_ends_early_is_refused(repository):
    nbformat.write(source("import sys\nsys.exit(0)", "2"), repository / "notebooks/chapter.ipynb")
    done = tool(repository, "book.py", "execute")
    assert done.returncode == 1
    assert "cell 3, raised SystemExit: 0" in done.stderr


def test_a_page_with_a_dangling_reference_is_refused(repository):
    with (repository / "book/index.md").open("a") as page:
        page.write("\nSee {eq}`nowhere`.\n")
    done = tool(repository, "book.py", "compile", "--committed")
    assert done.returncode == 1
    assert "nowhere" in done.stderr and "the book has faults" in done.stderr


# The pages


def written_pages():
    """List the pages that are not notebooks."""
    return sorted((ROOT / "book").rglob("*.md"))


def test_every_page_is_in_the_table_of_contents():
    # Jupyter Book leaves out, without a word, what is not.
    wanted = pages(toc())
    notebooks = [f"book/{source.stem}" for source in gate.sources(ROOT)]
    written = [str(page.relative_to(ROOT).with_suffix("")) for page in written_pages()]
    assert sorted(wanted) == sorted(notebooks + written)


def test_every_method_of_the_tables_has_its_page():
    text = "\n".join(page.read_text("utf-8") for page in (ROOT / "book/methods").glob("*.md"))
    chapters = dict.fromkeys(published.TABLE1, "deep_clustering")
    chapters |= dict.fromkeys(published.TABLE2, "clustering")
    chapters |= dict.fromkeys(published.MAPS, "best_map")
    for method, chapter in chapters.items():
        for part in ("scores", "settings"):
            assert f"```{{glue}} {part}-{method}\n:doc: ../{chapter}.ipynb\n```" in text


def test_every_method_is_where_its_table_says():
    table = (ROOT / "book/methods/index.md").read_text("utf-8")
    rows = re.findall(r"\| `(\w+)` \| `?([\w/.-]+)`? \| `(\w+)` \|$", table, re.M)
    wanted = dict.fromkeys([*published.TABLE2, *published.TABLE1, *published.MAPS])
    assert [name for _, _, name in rows] == list(wanted)
    for cls, home, name in rows:
        method = methods.estimator_class(name)
        file = Path(inspect.getsourcefile(method))
        ours = file.is_relative_to(ROOT / "desom")
        assert (method.__name__, str(file.relative_to(ROOT)) if ours else "scikit-learn") == (
            cls,
            home,
        )


def printed(text, capsys):
    """Run the Python of a page, and give what it prints."""
    exec("\n".join(re.findall(r"^```python\n(.*?)^```", text, re.M | re.S)), {})
    return capsys.readouterr().out


def test_the_code_on_slipped_labels_prints_what_the_page_shows(capsys):
    text = (ROOT / "book/rcv1.md").read_text("utf-8")
    shown = re.findall(r"^```text\n(.*?)^```", text, re.M | re.S)
    assert printed(text, capsys) == "".join(shown)
    # The exercise: where all trees are alike, the tree sees no slip at all.
    (alike,) = re.findall(r"`(branches = .*?)`", text)
    told = printed(re.sub("branches = {.*}", alike, text, count=1), capsys)
    assert re.findall(r"slip +(\d+): 0.00", told) == ["0", "7"]


@pytest.mark.parametrize("page", written_pages(), ids=lambda page: page.stem)
def test_the_commands_of_a_page_are_known(page, tmp_path):
    for command in re.findall(r"^desom (?:run|status) ([^#\n]*)", page.read_text("utf-8"), re.M):
        # What says how to run says nothing of what is missing.
        what = re.sub(r"--(workers|scheduler) \S+", "", command)
        arguments = [*what.split(), "--results", str(tmp_path)]
        assert cli.main(["status", *arguments]) == 1, command


@pytest.mark.parametrize("page", (ROOT / "book/methods").glob("*.md"), ids=lambda page: page.stem)
def test_the_example_of_a_method_runs(page, eager):
    for example in re.findall(r"^```python\n(.*?)^```", page.read_text("utf-8"), re.M | re.S):
        names = {}
        short = re.sub(r'iterations(=|": )[\d_]+', r"iterations\g<1>2", example)
        exec(short.replace('"mnist5k"', '"digits"'), names)
        clusters = names.get("units", names.get("clusters"))
        assert len(clusters) == len(names["data"].x) and clusters.max() < 64


# The book


def test_make_runs_the_same_steps():
    for goal, steps in {
        ("book", "SCALE=quick", "FRESH=1"): ["execute --scale quick --fresh", "compile"],
        ("book",): ["execute --scale paper", "compile"],
        ("html",): ["compile --committed"],
        ("executed",): ["execute", "keep"],
    }.items():
        ran = re.findall(r"tools/book\.py (.*?) *$", make("-n", *goal).stdout, re.MULTILINE)
        assert ran == steps


def test_the_committed_book_compiles_without_tensorflow(committed_book):
    assert_whole(committed_book)
