"""Sphinx extension: what the book needs beyond Jupyter Book and its theme.

While Sphinx reads, a block ``{modules}`` becomes the API of modules and packages, where a class
has its hyperparameters, and what a cell cites becomes a note below it. Then the code that is hidden
is folded below what it makes, together with the note, and the cells of an exercise below its text.
When the pages are written, they are mended: Sphinx and its theme write some things that no setting
of theirs changes.
"""

import ast
import json
import posixpath
import re
import sys
from functools import cache
from html import escape
from itertools import chain
from pathlib import Path

import imagesize
import nbformat
from astroid import MANAGER
from bs4 import BeautifulSoup
from docutils import nodes
from myst_nb.sphinx_ import HideCodeCellNode
from nbformat.v4 import new_markdown_cell
from PIL import Image, ImageSequence
from pybtex.plugin import register_plugin
from pybtex.richtext import Text
from pybtex.style.formatting.unsrt import Style
from pybtex.style.labels import BaseLabelStyle
from sphinx.errors import ExtensionError
from sphinx.ext.napoleon import NumpyDocstring

import quiz

MODULES = re.compile(r"^```\{modules\} (.+)\n```$", re.MULTILINE)
API = """\
## `{0}`

```{{eval-rst}}
.. autoapimodule:: {0}
   :members:
   :show-inheritance:
```
"""
QUOTED = re.compile(r"'\w+'")
# By this an output tells that it is what `desom.report.display.cite` says of records.
RECORDS = "application/vnd.desom.records+json"
EXERCISES = re.compile("^## Exercises$", re.MULTILINE)
QUIZ = """\
<details class="questions"><summary>Check yourself: questions with replies</summary>

:::{{quiz}} {}
:::

</details>

## Exercises"""
NOTE = '<details class="provenance"><summary>Code and records</summary>'
TASK = '<details class="task"><summary>To fill in, solution, check</summary>'

# The arrow beside an entry of the table of contents would be a button without a name.
ARROW = re.compile(r'(<a class="[^"]*" href="[^"]*">([^<]*)</a><details[^>]*><summary)>')
# This label would hide what is written on a fold of code: "Show code cell source".
FOLD = '<summary aria-label="Toggle hidden content">'
# Of a caption, in HTML: up to a full stop before a capital or a tag.
SENTENCE = re.compile(r".*?[.?!](?=\s+[A-Z<]|\s*$)|.*", re.DOTALL)
# Every exercise and every solution has a section of the same name.
CONTENT = re.compile(r'<section id="(?:exercise|solution)-content">')
# ARIA 1.3 gives this role up, and a list may hold list items only.
ENTRY = 'role="doc-biblioentry"'
IMAGE = re.compile(r'<img (?![^>]*\bwidth=")[^>]*\bsrc="([^":]+)"[^>]*?(?= ?/?>)')
# Jupyter Book readies every page for kernels on another site, by a script that raises an error.
KERNELS = re.compile(
    r'<script>(?:const THEBE_JS_URL|kernelName)[^<]*</script>|<script type="text/x-thebe-config">'
    r"[^<]*</script>|<script[^>]*sphinx-thebe[^>]*></script>|<link[^>]*sphinx-thebe[^>]*>"
)
# The theme looks for what scrolls, box by box, and has the page laid out anew for each; book.js
# looks for the same, and watches it.
TABS = re.compile(r'document\.querySelectorAll\(\["pre",[^)]*\)\)')
NO_TABS = "[/* book.js */]"
# Here the gallery stands, on its page.
GALLERY = '<div class="gallery"></div>'
# In pixels: twice the width of its place.
SMALL = 440
SCRIPT = "_static/scripts/pydata-sphinx-theme.js"


class AuthorYear(BaseLabelStyle):
    """Label the entries of the bibliography as the text cites them: Kaski and Lagus, 1996."""

    def format_labels(self, sorted_entries):
        """Yield a label for each entry."""
        for entry in sorted_entries:
            last = [
                " ".join(person.prelast_names + person.last_names)
                for person in entry.persons["author"]
            ]
            names = " and ".join(last) if len(last) < 3 else f"{last[0]} et al."
            yield str(Text.from_latex(f"{names}, {entry.fields['year']}"))


class Bibliography(Style):
    """The bibliography in the order of its labels."""

    default_sorting_style = "author_year_title"
    default_label_style = AuthorYear


def skip(app, what, name, member, skipped, options):
    """Leave out of the API what a module imports, what is private, what has no docstring."""
    return member.imported or name.startswith("_") or member.is_undoc_member


def leave_alone(app):
    """Keep astroid from reading other packages: that takes longer than the pages themselves."""
    for path in Path(app.srcdir, "desom").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            match node:
                case ast.Import(names=imported):
                    imported = {alias.name for alias in imported}
                case ast.ImportFrom(module=imported):
                    imported = {imported}
                case _:
                    continue
            own = {"desom", *sys.stdlib_module_names}
            MANAGER.module_denylist |= {n for n in imported if n.partition(".")[0] not in own}


def modules(names, root):
    """List modules by their names; a package gives itself and then all that is in its folder.

    Parameters
    ----------
    names : str
        Dotted names, with spaces between them.
    root : Path
        Where the package is.

    Returns
    -------
    list of str
        Dotted names of modules.
    """
    listed = []
    for name in names.split():
        listed.append(name)
        inside = sorted((root / name.replace(".", "/")).glob("*.py"))
        listed += [f"{name}.{path.stem}" for path in inside if path.stem != "__init__"]
    return listed


@cache
def statements(path):
    """Read the statements of a module, none if there is no such file."""
    return ast.parse(path.read_text("utf-8")).body if path.is_file() else []


def definition(root, module, name):
    """Find what a name of a module stands for: the module that defines it, and the syntax."""
    for node in statements(root / f"{module.replace('.', '/')}.py"):
        match node:
            case ast.ImportFrom(names=names) if name in {alias.name for alias in names}:
                return definition(root, node.module, name)
            case ast.Assign(targets=[ast.Name(id=defined)]) if defined == name:
                return module, node.value
            case ast.ClassDef(name=defined) if defined == name:
                return module, node
    return module, None


def domain(root, module, node):
    """Read the words of a domain: those of an annotated type, or the names of ``one_of``."""
    match node:
        case ast.Name(id=name):
            return domain(root, *definition(root, module, name))
        case ast.Starred(value=ast.Name(id=name)):
            return " or ".join(map(ast.unparse, definition(root, module, name)[1].keys))
        case ast.Subscript(slice=ast.Tuple(elts=[_, ast.Constant(value=words), *_])):
            return words
        case ast.Call(args=names):
            return " or ".join(domain(root, module, name) for name in names)
    return ast.unparse(node)


def literal(root, module, node):
    """Read a value that is written out, here or under the name that stands here."""
    if isinstance(node, ast.Name):
        _, node = definition(root, module, node.id)
    return ast.literal_eval(node)


def hyperparameters(root, module, name):
    """Read the fields of a class and of its bases, its own first, without importing any.

    Parameters
    ----------
    root : Path
        Where the package is.
    module, name : str
        The class.

    Returns
    -------
    dict of str to list of str
        By name: domain, default and meaning, in two lines as numpydoc has them.
    """
    module, node = definition(root, module, name)
    fields = {}
    for line in getattr(node, "body", []):
        if isinstance(line, ast.AnnAssign):
            value = line.value
            if isinstance(value, ast.Name):
                _, value = definition(root, module, value.id)
            match value:
                case ast.Call(func=ast.Name(id="hyperparameter"), args=[default, meaning]):
                    kind = domain(root, module, line.annotation)
                    default, meaning = (literal(root, module, v) for v in (default, meaning))
                    field = f"{line.target.id} : {kind}, default={default!r}"
                    fields[line.target.id] = [field, f"    {meaning}"]
    for base in getattr(node, "bases", []):
        fields |= hyperparameters(root, module, ast.unparse(base)) | fields
    return fields


def document(app):
    """Add its hyperparameters to the docstring of each class that autoapi has read."""
    for name, entry in app.env.autoapi_all_objects.items():
        if entry.type == "class":
            fields = hyperparameters(Path(app.srcdir), *name.rsplit(".", 1))
            # Within code, no quote is made typographic.
            lines = [QUOTED.sub(r"\\ ``\g<0>``\\ ", line) for line in chain(*fields.values())]
            section = NumpyDocstring(["", "Parameters", "----------", *lines], app.config)
            entry.docstring += str(section) if fields else ""


def read(app, docname, source):
    """Change the text of a page before it is parsed."""
    root = Path(app.srcdir)
    if Path(app.env.doc2path(docname)).suffix == ".ipynb":
        chapter = root / "notebooks" / f"{Path(docname).name}.ipynb"
        topics = quiz.read_topics(root)
        source[0] = annotated(source[0], chapter, app.config.extlinks["repo"][0], topics)
    else:
        source[0] = MODULES.sub(
            lambda match: "\n".join(map(API.format, modules(match[1], root))), source[0]
        )


def annotated(text, chapter, address, topics=()):
    """Move what each cell cites into a note below it, with a link to the cell's code.

    As an output of the cell it would become a part of its figure.

    Parameters
    ----------
    text : str
        The executed notebook.
    chapter : Path
        Its source, ``notebooks/<name>.ipynb``.
    address : str
        That of a file in the repository, with ``%s`` for the file.
    topics : collection of str
        The chapters that have a quiz, which comes above their exercises.

    Returns
    -------
    str
        The notebook with its notes and its quiz.
    """
    notebook = nbformat.reads(text, as_version=4)
    lines, code = cell_lines(chapter.read_text("utf-8")), f"notebooks/{chapter.name}"
    cells = []
    for cell in notebook.cells:
        cells.append(cell)
        if chapter.stem in topics and cell.cell_type == "markdown":
            cell.source = EXERCISES.sub(QUIZ.format(chapter.stem), cell.source)
        if "parameters" in cell.metadata.get("tags", []):
            cell.metadata.tags.append("hide-input")
        if cell.cell_type == "code":
            data = [output.get("data", {}) for output in cell.outputs]
            notes = dict.fromkeys(note(d, address % "results/") for d in data if RECORDS in d)
            if notes:
                # What it prints is how far it has come, which a page need not say.
                shown = [o for o in cell.outputs if o.output_type != "stream"]
                cell.outputs = [o for o in shown if RECORDS not in o.get("data", {})]
                link = f"{address % code}?plain=1#{lines.get(cell.id, '')}"
                cells.append(
                    new_markdown_cell(
                        f'{NOTE}<p>Code: <a href="{link}">{code}</a>.</p>{"".join(notes)}</details>'
                    )
                )
    notebook.cells = cells
    return nbformat.writes(notebook)


def note(data, folder):
    """Make a paragraph of what a cell cites; records of the repository have a link to them."""
    text = escape(data["text/plain"], quote=False)
    if data[RECORDS]["committed"]:
        text = text.replace("results/", f'<a href="{folder}">results/</a>', 1)
    return f"<p>{text}</p>"


def fold(app, doctree, docname):
    """Put hidden code below what it makes, with the note on its records, in one fold.

    The cells of an exercise, from its first to its check, share a fold of their own.
    """
    for cell in list(doctree.findall(nodes.container)):
        below, place = cell.parent.children, cell.parent.index(cell)
        if cell.get("hide_mode") == "input" and isinstance(cell[0], HideCodeCellNode):
            cell.append(code := cell.pop(0))
            code["prompt_show"] = code["prompt_hide"] = "Code"
            note = below[place + 1] if place + 1 < len(below) else None
            if isinstance(note, nodes.raw) and note.astext().startswith(NOTE):
                code["prompt_show"] = code["prompt_hide"] = "Code and records"
                code["classes"].append("provenance")
                note = cell.parent.pop(place + 1).astext()
                paragraphs = note.removeprefix(NOTE).removesuffix("</details>")
                code.append(nodes.raw("", paragraphs, format="html"))
        if "tag_starter" in cell["classes"]:
            last = next(
                n
                for n in below[place:]
                if "tag_check" in getattr(n, "attributes", {}).get("classes", ())
            )
            cell.parent.insert(below.index(last) + 1, nodes.raw("", "</details>", format="html"))
            cell.parent.insert(place, nodes.raw("", TASK, format="html"))


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
    names = {f'"id": {json.dumps(cell["id"])},': cell["id"] for cell in json.loads(text)["cells"]}
    rows = [row.strip() for row in text.splitlines()]
    starts = [(number, names[row]) for number, row in enumerate(rows, start=1) if row in names]
    ends = [number - 3 for number, _ in starts[1:]] + [len(rows)]
    return {name: f"L{start}-L{end}" for (start, name), end in zip(starts, ends, strict=True)}


def mended(html, folder):
    """Name arrows and folds, give the bibliography roles and images room, drop the kernels.

    Parameters
    ----------
    html : str
        The page.
    folder : Path
        Where it lies, for its images have relative addresses.

    Returns
    -------
    str
        The page, mended.
    """

    def sized(match):
        width, height = imagesize.get(folder / match[1])
        size = f' width="{width}" height="{height}"' if width > 0 else ""
        return f"{match[0]}{size}{frames(folder / match[1])}"

    html = ARROW.sub(r'\1 aria-label="Pages under \2">', KERNELS.sub("", html))
    html = CONTENT.sub("<section>", html.replace(FOLD, "<summary>"))
    return IMAGE.sub(sized, html.replace(ENTRY, 'role="listitem"'))


def frames(path):
    """Lay out the frames of an animated PNG as files beside it: `book.js` stops and turns them.

    Parameters
    ----------
    path : Path
        An image of any kind.

    Returns
    -------
    str
        Attributes for its element: how long each frame stays, in milliseconds. Nothing if it does
        not move.
    """
    if path.suffix != ".png":
        return ""
    with Image.open(path) as image:
        if not image.is_animated:
            return ""
        durations = []
        for number, frame in enumerate(ImageSequence.Iterator(image)):
            durations.append(f"{frame.info['duration']:.0f}")
            frame.save(path.with_stem(f"{path.stem}-{number}"), save_all=False)
    return f' data-durations="{",".join(durations)}"'


def gallery(html, names, folder):
    """Show every figure of the book, small, with the first sentence of its caption and a link.

    Parameters
    ----------
    html : Path
        The folder of the pages.
    names : iterable of str
        The pages in the order of reading, without their ending.
    folder : str
        That of the gallery, for its addresses are relative.

    Returns
    -------
    str
        A heading for each page that has figures, and an entry for each figure.
    """
    shown = []
    for name in names:
        page = html / f"{name}.html"
        text = page.read_text("utf-8")
        if "<figcaption" not in text:
            continue
        article = BeautifulSoup(text, "html.parser").article
        address = posixpath.relpath(f"{name}.html", folder)
        entries = []
        for figure in article.select("figure[id]:has(figcaption):has(img, svg)"):
            text = figure.select_one(".caption-text")
            for part in text.find_all(["a", "span"]):
                del part["id"]
                if part.name == "a":
                    part.unwrap()
            sentence = BeautifulSoup(SENTENCE.match(text.decode_contents())[0], "html.parser")
            place = f"{address}#{figure['id']}"
            image = figure.find("svg") or small(page.parent, figure.img, folder)
            number = figure.select_one(".caption-number").get_text()
            said = f'<a href="{place}">{number.strip()}</a> {sentence}'
            entries.append(f"<li><div>{image}</div><p>{said}</p></li>")
        if entries:
            article.h1.find(class_="headerlink").decompose()
            title = article.h1.decode_contents()
            shown.append(f'<h2><a href="{address}">{title}</a></h2><ul>{"".join(entries)}</ul>')
    return "".join(shown)


def small(folder, image, home):
    """Make a small copy of an image, of an animation its end; give its element."""
    path = folder / image["src"]
    if image.get("data-durations"):
        path = path.with_stem(f"{path.stem}-{image['data-durations'].count(',')}")
    copy = path.with_stem(f"{path.stem}-small")
    with Image.open(path) as whole:
        whole = whole.convert("RGB")
        whole.thumbnail((SMALL, SMALL))
        whole.quantize(64).save(copy, optimize=True)
        width, height = whole.size
    source = posixpath.relpath(posixpath.join(home, image["src"]), home)
    source = source.replace(Path(image["src"]).name, copy.name)
    return (
        f'<img alt="{escape(image["alt"])}" src="{source}" loading="lazy" '
        f'width="{width}" height="{height}">'
    )


def in_order(includes, name):
    """List a page and all below it, in the order of reading."""
    return [name, *chain(*(in_order(includes, below) for below in includes.get(name, [])))]


def mend(app, exception):
    """Mend every page of the book and the script of its theme, once they are written."""
    if exception or app.builder.name != "html":
        return
    html = Path(app.outdir)
    script = html / SCRIPT
    source = TABS.sub(NO_TABS, script.read_text("utf-8"))
    if NO_TABS not in source:
        raise ExtensionError(f"{SCRIPT} has changed: {TABS.pattern} is not in it any more")
    script.write_text(source, "utf-8")
    for path in html.rglob("*.html"):
        if "_static" not in path.parts:
            path.write_text(mended(path.read_text("utf-8"), path.parent), "utf-8")
    page = html / "book/gallery.html"
    if page.exists():
        names = in_order(app.env.toctree_includes, app.config.root_doc)
        figures = gallery(html, names, "book")
        figures = GALLERY.replace("></", f">{figures}</")
        page.write_text(page.read_text("utf-8").replace(GALLERY, figures), "utf-8")


def setup(app):
    """Register with Sphinx and pybtex."""
    register_plugin("pybtex.style.formatting", "author_year", Bibliography)
    app.connect("builder-inited", leave_alone, priority=100)  # autoapi reads by 500
    app.connect("autodoc-skip-member", skip)
    app.connect("builder-inited", document, priority=900)  # after autoapi, whose is 500
    app.connect("source-read", read)
    app.connect("doctree-resolved", fold)
    app.connect("build-finished", mend)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
