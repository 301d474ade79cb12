"""Beside every figure and table of a chapter: the code that made it, and the records.

A cell that reads records says which (`desom.display.cite`). Which cells use them follows from the
names in the code: a cell is made of the records that its names came from, directly or not.
"""

import ast
import json
import symtable
from html import escape
from itertools import pairwise

import nbformat
import yaml
from IPython.core.inputtransformer2 import TransformerManager
from nbformat.v4 import new_markdown_cell

RECORDS = "application/vnd.desom.records+json"


def annotate(book, notebooks, config):
    """Write the code and the records below every figure and table of the staged chapters.

    Parameters
    ----------
    book : Path
        The folder of the executed notebooks, which are changed.
    notebooks : Path
        The folder of their sources, ``notebooks/`` of the repository.
    config : Path
        ``_config.yml``, which names the repository and its branch.
    """
    repository = yaml.safe_load(config.read_text("utf-8"))["repository"]
    base = f"{repository['url']}/blob/{repository['branch']}"
    for path in sorted(book.glob("*.ipynb")):
        notebook = nbformat.read(path, as_version=4)
        source = notebooks / path.name
        lines = cell_lines(source.read_text("utf-8"))
        cited = {cell.id: _citations(cell) for cell in notebook.cells}
        read_by = reads(notebook.cells, {name for name, found in cited.items() if found})
        cells = []
        for cell in notebook.cells:
            cells.append(cell)
            if cell.cell_type == "code":
                files = [file for root in read_by[cell.id] for file in cited[root]]
                link = f"{base}/notebooks/{path.name}?plain=1#{lines.get(cell.id, '')}"
                note = _note(link, path.name, files, base)
                if _shows(cell, note):
                    # An output of the cell would become a part of its figure.
                    cells.append(new_markdown_cell(note, id=f"{cell.id}-made-by"))
        notebook.cells = cells
        nbformat.write(notebook, path)


def cell_lines(text):
    """Find the lines of a notebook's file that hold its cells.

    Parameters
    ----------
    text : str
        The file, as nbformat writes it: every cell's id has a line of its own, before its source.

    Returns
    -------
    dict of str to str
        By the cell's id, ``L7-L12``, the part of an address that marks these lines on GitHub.
    """
    names = {cell["id"] for cell in json.loads(text)["cells"]}
    rows = text.splitlines()
    starts = [
        (number, name)
        for number, row in enumerate(rows, start=1)
        for name in names
        if row.strip() == f'"id": {json.dumps(name)},'
    ]
    ends = [number - 3 for number, _ in starts[1:]] + [len(rows)]
    return {name: f"L{start}-L{end}" for (start, name), end in zip(starts, ends, strict=True)}


def _citations(cell):
    """List the files that a cell says it reads."""
    found = []
    for output in cell.get("outputs", []):
        citation = output.get("data", {}).get(RECORDS)
        if citation:
            found += [file | {"committed": citation["committed"]} for file in citation["files"]]
    return found


def _shows(cell, note):
    """Say whether a cell shows a figure, a table or what it cites; drop the citation itself.

    What is shown on another page gets the note there.
    """
    shown = any(RECORDS in output.get("data", {}) for output in cell.outputs)
    cell.outputs = [output for output in cell.outputs if RECORDS not in output.get("data", {})]
    for output in cell.outputs:
        data = output.get("data", {})
        # What is glued to another page has its kind behind a prefix.
        prefix = output.get("metadata", {}).get("scrapbook", {}).get("mime_prefix", "")
        html = f"{prefix}text/html"
        text = data.get(html, "") + data.get("text/markdown", "")
        if prefix and is_figure(text):
            data[html] += note
        elif is_figure(text) or any(kind.startswith("image/") for kind in data):
            shown = True
    return shown


def is_figure(text):
    """Say whether HTML or Markdown holds a table or a picture."""
    return any(mark in text for mark in ("<table", "<img", "<svg", "|:--"))


def _note(link, name, files, base):
    code = f'Code: <a href="{link}">notebooks/{name}</a>.'
    return (
        '<details class="provenance" style="font-size:80%"><summary>Code and records</summary>'
        f"<p>{code} {_records(files, base)}</p></details>"
    )


def _records(files, base):
    """Write which records these are: how many, of which seeds, by which code, on which machine."""
    if not files:
        return "Records: none, all of it is computed on this page."
    places = {
        f'<a href="{base}/results/{file["file"]}">results/{file["file"]}</a>'
        if file["committed"]
        else f"{escape(file['file'])} (made for this page, not part of the repository)": None
        for file in files
    }
    found = {
        part: sorted({value for file in files for value in file[part]})
        for part in ("runs", "seeds", "revisions", "machines")
    }
    sentences = [f"Records: {', '.join(places)}."]
    if found["runs"]:
        sentences.append(f"Runs: {len(found['runs']):,}, seeds {ranges(found['seeds'])}.")
    sentences.append(f"Revisions of the code: {escape(', '.join(found['revisions']))}.")
    sentences.append(f"Devices: {escape('; '.join(found['machines']))}.")
    return " ".join(sentences)


def ranges(numbers):
    """Write sorted integers briefly: 0–3, 7."""
    cuts = [0, *(i for i, (a, b) in enumerate(pairwise(numbers), 1) if b > a + 1), len(numbers)]
    parts = [numbers[a:b] for a, b in pairwise(cuts)]
    return ", ".join(f"{p[0]}–{p[-1]}" if len(p) > 1 else f"{p[0]}" for p in parts)


def reads(cells, roots):
    """Find the cells whose records every cell is made of.

    The names in the code tell it, statement by statement, in the order of the page. A name that a
    statement assigns holds what that statement reads, and so does a name whose object it changes by
    an item, an attribute or a method. What functions do to their arguments is not followed, nor are
    two names of one object.

    Parameters
    ----------
    cells : list of NotebookNode
        The cells of a notebook.
    roots : set of str
        The ids of the cells that read records themselves.

    Returns
    -------
    dict of str to list of str
        By the id of a code cell, ids of roots in the order of the page.
    """
    flow, found = Flow(), {}
    for cell in cells:
        if cell.cell_type == "code":
            own = {cell.id} & roots
            tree = ast.parse(TransformerManager().transform_cell(cell.source))
            read = own.union(*(flow.follow(statement, own) for statement in tree.body))
            found[cell.id] = [other.id for other in cells if other.id in read]
    return found


class Flow:
    """Which records the names of a program hold, as its statements are followed in turn."""

    def __init__(self):
        self.holds = {}
        self.bodies = {}
        self.imported = set()

    def follow(self, statement, own):
        """Take a statement into account.

        Parameters
        ----------
        statement : ast.stmt
            The next statement at the top level.
        own : set of str
            The records that its cell reads.

        Returns
        -------
        set of str
            The records that it reads.
        """
        if isinstance(statement, ast.For):
            first = ast.Assign([statement.target], statement.iter, lineno=0)
            # A second round sees what the first one has left.
            rounds = [first, *statement.body, *statement.orelse] * 2
            return set().union(*(self.follow(part, own) for part in rounds))
        assigned, read = names(statement)
        if isinstance(statement, ast.Import | ast.ImportFrom):
            self.imported |= assigned
            for name in assigned:
                self.holds.pop(name, None)
            return set()
        if isinstance(statement, ast.FunctionDef | ast.ClassDef):
            self.bodies[statement.name] = read
            self.holds.pop(statement.name, None)
            return set()
        held = own | self._held(read, set())
        for name in (assigned | changed(statement)) - self.imported:
            before = set()
            if isinstance(statement, ast.Assign) and name in assigned:
                self.bodies.pop(name, None)
            else:
                before = self.holds.get(name, set())
            self.holds[name] = held | before
        return held

    def _held(self, wanted, seen):
        """Collect what names hold; a function holds what its body reads when it is called."""
        held = set()
        for name in wanted - seen:
            seen.add(name)
            held |= self.holds.get(name, set()) | self._held(self.bodies.get(name, set()), seen)
        return held


def names(statement):
    """Give the global names that a statement assigns, and those that it reads, in functions too."""
    table = symtable.symtable(ast.unparse(statement), "cell", "exec")
    tables = [table]
    for scope in tables:  # grows while it is read
        tables += scope.get_children()
    symbols = [(scope, symbol) for scope in tables for symbol in scope.get_symbols()]
    assigned = {
        s.get_name() for t, s in symbols if t is table and (s.is_assigned() or s.is_imported())
    }
    read = {s.get_name() for t, s in symbols if s.is_referenced() and (t is table or s.is_global())}
    return assigned, read


def changed(statement):
    """Give the names whose objects a statement changes: an item, an attribute, by a method."""
    targets = [
        node
        for node in ast.walk(statement)
        if isinstance(node, ast.Subscript | ast.Attribute) and type(node.ctx) is ast.Store
    ]
    calls = [
        node.value.func
        for node in ast.walk(statement)
        if isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Call)
        and isinstance(node.value.func, ast.Attribute)
    ]
    found = set()
    for node in targets + calls:
        while isinstance(node, ast.Attribute | ast.Subscript | ast.Call):
            node = node.func if isinstance(node, ast.Call) else node.value
        if isinstance(node, ast.Name):
            found.add(node.id)
    return found
