"""What the tests of the book share: a small book, and its commands in processes of their own."""

import os
import posixpath
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import yaml
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from sphinx.util.inventory import InventoryFile

from docstrings import public_names

ROOT = Path(__file__).resolve().parents[2]
KERNEL = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def run(command, cwd, env=()):
    """Run a command to its end; nothing of a surrounding make, nothing from a terminal."""
    return subprocess.run(
        command,
        cwd=cwd,
        env=os.environ | {"MAKEFLAGS": "", "MFLAGS": ""} | dict(env),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        encoding="utf-8",
    )


def tool(repository, name, *arguments, env=()):
    """Run a tool as make does."""
    return run([sys.executable, repository / "tools" / name, *arguments], repository, env)


def make(*arguments, cwd=ROOT):
    """Run make."""
    return run(["make", *arguments], cwd)


def pages(toc):
    """List the pages of a table of contents in the order of reading."""
    if isinstance(toc, dict):
        own = [toc[key] for key in ("root", "file") if key in toc]
        return own + [page for value in toc.values() for page in pages(value)]
    return [page for part in toc for page in pages(part)] if isinstance(toc, list) else []


def compiled_pages(html):
    """List the compiled pages by their names, but the front door, which only leads on."""
    names = {str(path.relative_to(html)): path for path in sorted(html.rglob("*.html"))}
    named = {
        name: path
        for name, path in names.items()
        if "_static" not in path.parts and 'http-equiv="Refresh"' not in path.read_text("utf-8")
    }
    assert len(named) > 30
    return named


def assert_none(pages, find):
    """Assert that nothing is found on any page, or say what and where."""
    found = [f"{name}: {fault}" for name, page in pages.items() for fault in find(page)]
    assert not found, "\n".join(found)


def toc(root=ROOT):
    """Read the table of contents."""
    return yaml.safe_load((root / "_toc.yml").read_text("utf-8"))


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


def write_chapter(root, notebook, executed):
    """Put a chapter and its execution into a repository."""
    nbformat.write(notebook, root / "notebooks/chapter.ipynb")
    nbformat.write(executed, root / "book/chapter.ipynb")


def write_repository(root):
    """Make a book of one page and one chapter in an empty folder; nothing is wrong with it."""
    for name in ("notebooks", "desom", "book/_extra", "book/_static"):
        (root / name).mkdir(parents=True)
    for name in ("tools", "book/_ext"):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "_config.yml", root)
    # What API pages are made of.
    (root / "desom/__init__.py").write_text('"""A package."""\n')
    contents = {"format": "jb-book", "root": "book/index", "chapters": [{"file": "book/chapter"}]}
    (root / "_toc.yml").write_text(yaml.safe_dump(contents))
    (root / "book/index.md").write_text("# A book\n\n```{bibliography}\n```\n")
    (root / "book/references.bib").write_text(
        "@book{k, author={Kohonen, Teuvo}, title={Maps}, publisher={Springer}, year={1995}}"
    )
    printed = new_output("stream", name="stdout", text="two\n")
    write_chapter(root, source("1 + 1"), execution(source("1 + 1"), printed))
    return root


def assert_whole(html):
    """Assert that front page, table of contents and the public names of the package are there."""
    wanted = pages(toc())
    assert len(wanted) > 1 and (html / "index.html").exists()
    assert [page for page in wanted if not (html / f"{page}.html").exists()] == []
    with (html / "objects.inv").open("rb") as stream:
        inventory = InventoryFile.load(stream, "", posixpath.join)
    named = {name for kind, names in inventory.items() if kind[:3] == "py:" for name in names}
    assert {*public_names()} - named == set()
