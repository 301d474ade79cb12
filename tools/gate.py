"""The gate: what a source, an execution and a committed copy have to be, so that no page is stale.

Every check gives its faults as sentences; none is no fault.
"""

import json
import re
import sys
import warnings
from copy import deepcopy
from itertools import zip_longest
from pathlib import Path

import nbformat
from nbformat.warnings import MissingIDFieldWarning

ROOT = Path(__file__).resolve().parents[1]
IMAGE_LIMIT = 200_000
BOOK_LIMIT = 20_000_000
DATA_URI = re.compile(r"""data:image/[^"')>]+""")
ADDRESS = re.compile(r" at 0x[0-9a-f]{6,}")
STYLER_ID = re.compile(r"""\bT_[0-9a-f]{5}(?=[_"\s])""")
VOLATILE = re.compile(
    rf"{re.escape(str(ROOT))}|(?<![\w.])/(?:home|root|tmp|Users)/|{ADDRESS.pattern}"
)


class BookError(Exception):
    """What is wrong with the book, one sentence a line."""


def refuse(faults):
    """Raise a BookError of the faults, if there are any."""
    if faults:
        raise BookError("\n".join(faults))


def ended(name, command, *arguments):
    """Run a command and give its exit status: its faults end it with one sentence each, and 1."""
    try:
        command(*arguments)
    except BookError as error:
        print(f"{name}: {error}", file=sys.stderr)
        return 1
    return 0


def sources(root):
    """List the notebooks that are the book's sources, in alphabetical order."""
    return sorted((root / "notebooks").glob("*.ipynb"))


def read(path):
    """Read a notebook; BookError if it is none, or has cells without ids, which would be random."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", MissingIDFieldWarning)
            notebook = nbformat.read(path, as_version=4)
            nbformat.validate(notebook)
    except (ValueError, nbformat.ValidationError, MissingIDFieldWarning) as error:
        raise BookError(f"{path} is not a notebook: {str(error).partition(chr(10))[0]}") from None
    if notebook.nbformat_minor < 5:
        raise BookError(f"{path} has no cell ids; save it as nbformat 4.5")
    return notebook


def scrub(notebook):
    """Remove what differs between two executions of one notebook, in place.

    Standard error goes whole: it holds start-up messages with process ids, and progress bars.
    """
    notebook.metadata = nbformat.from_dict(
        {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        }
    )
    injected = any("injected-parameters" in c.metadata.get("tags", []) for c in notebook.cells)
    for cell in notebook.cells:
        for volatile in ("papermill", "execution"):
            cell.metadata.pop(volatile, None)
        tags = dict.fromkeys(cell.metadata.pop("tags", []))
        if "injected-parameters" in tags:
            cell.id = "injected-parameters"
            tags["hide-input"] = None
        elif "parameters" in tags and injected:
            tags["remove-cell"] = None
        if tags:
            cell.metadata["tags"] = list(tags)
        if cell.cell_type == "code":
            cell.outputs = _merged(o for o in cell.outputs if o.get("name") != "stderr")
            for number, output in enumerate(cell.outputs):
                data = output.get("data", {})
                if "text/plain" in data:
                    data["text/plain"] = ADDRESS.sub("", data["text/plain"])
                if "text/html" in data:
                    # pandas draws a random name for every styled table.
                    name = f"table-{cell.id}-{number}"
                    data["text/html"] = STYLER_ID.sub(name, data["text/html"])
    return notebook


def _merged(outputs):
    """Join neighboring pieces of standard output: where the kernel cuts it is a matter of time."""
    merged = []
    for output in outputs:
        if merged and output.output_type == merged[-1].output_type == "stream":
            merged[-1].text += output.text
        else:
            merged.append(output)
    return merged


def source_faults(path):
    """Say what is wrong with a source: it has to be stripped, and ready for papermill."""
    name = f"notebooks/{path.name}"
    notebook = read(path)
    faults = []
    if notebook.metadata.get("kernelspec", {}).get("name") != "python3":
        faults.append(f"{name} has another kernel than python3")
    tagged = sum("parameters" in cell.metadata.get("tags", []) for cell in notebook.cells)
    if tagged != 1:
        faults.append(f"{name} has {tagged} cells with the tag parameters; it needs exactly one")
    for number, cell in enumerate(notebook.cells, start=1):
        if cell.get("outputs") or cell.get("execution_count"):
            faults.append(f"{name}, cell {number}, is not stripped of its outputs and counts")
    return faults


def execution_faults(name, notebook):
    """Say what is wrong with an execution: it has to be whole, light, and alike everywhere."""
    faults = []
    scrubbed = scrub(deepcopy(notebook))
    for number, (cell, clean) in enumerate(zip(notebook.cells, scrubbed.cells, strict=True), 1):
        where = f"{name}, cell {number},"
        if cell.cell_type != "code":
            continue
        if cell.source.strip() and cell.execution_count is None:
            faults.append(f"{where} was not executed")
        status = cell.metadata.get("papermill", {}).get("status", "completed")
        if status != "completed":
            faults.append(f"{where} has papermill's status {status} instead of completed")
        for output in clean.outputs:
            if output.output_type == "error":
                faults.append(f"{where} raised {output.ename}: {output.evalue}")
                continue
            for size in _image_sizes(output):
                if size > IMAGE_LIMIT:
                    faults.append(f"{where} has an image of {size:,} bytes; 200,000 are accepted")
            for found in VOLATILE.findall(_text(output)):
                faults.append(f"{where} prints {found.strip()}, which is not reproducible")
    return faults


def copy_faults(root, folder):
    """Say what is wrong with executions at the paper's scale: they have to equal their sources."""
    faults = []
    names = {source.name for source in sources(root)}
    for copy in sorted(folder.glob("*.ipynb")):
        if copy.name not in names:
            faults.append(f"book/{copy.name} has no source notebooks/{copy.name}; remove it")
    for name in sorted(names):
        if not (folder / name).exists():
            faults.append(f"book/{name} is missing; make it with `make executed`")
            continue
        source, copy = read(root / "notebooks" / name), read(folder / name)
        pairs = zip_longest(_cells(source), _cells(copy))
        for number, (cell, executed) in enumerate(pairs, start=1):
            if cell != executed:
                faults.append(
                    f"book/{name}, cell {number}, differs from notebooks/{name}; "
                    "execute it anew with `make executed`"
                )
                break
        faults += execution_faults(f"book/{name}", copy)
        if scrub(deepcopy(copy)) != copy:
            faults.append(f"book/{name} is not as `make executed` leaves it; execute it by that")
    return faults


def repository_faults(root):
    """Say what is wrong with all that is committed: sources, executed copies, size of the book."""
    faults = [fault for source in sources(root) for fault in source_faults(source)]
    faults += copy_faults(root, root / "book")
    size = sum(path.stat().st_size for path in (root / "book").rglob("*") if path.is_file())
    if size > BOOK_LIMIT:
        faults.append(f"book/ holds {size:,} bytes; 20,000,000 are accepted")
    return faults


def _cells(notebook):
    """Give what an execution leaves of the cells as it was."""
    return [(c.cell_type, c.id, c.source, c.metadata.get("tags", [])) for c in notebook.cells]


def _text(output):
    """Give what can be read of an output, images left out."""
    data = output.get("data", {"text": output.get("text", "")})
    texts = [value for kind, value in data.items() if not kind.startswith("image/")]
    return DATA_URI.sub("", "\n".join(t if isinstance(t, str) else json.dumps(t) for t in texts))


def _image_sizes(output):
    """Give the sizes in bytes of an output's images, also of those within HTML."""
    for kind, value in output.get("data", {}).items():
        if kind == "image/svg+xml":
            yield len(value.encode())
        elif kind.startswith("image/"):
            yield len(value) * 3 // 4
        elif isinstance(value, str):
            yield from (len(uri) * 3 // 4 for uri in DATA_URI.findall(value))
