"""Slides of a session, from Markdown: what they show is taken from the chapters by its name.

A slide is a heading that ends in its minutes, and what follows; with ``beside`` after the minutes,
pictures and tables stand on the right. What follows a line ``Notes:`` only the speaker sees. A
quotation is a question to the room. A line ``{kind} name`` is replaced by what is named:

``{figure} fig-x``
    A figure of a chapter, and what its caption begins with; or other words, after the name.
``{table} chapter/cell``, ``{finding} chapter/cell``
    The table of a cell; the sentences that it has computed.
``{equation} eq-x``, ``{exercise} ex-x``
    An equation; the title, the kind and the time of an exercise.
``{code} desom.som:som_loss``
    A function of a module, without its docstring.
"""

import ast
import re
from html import escape
from pathlib import Path
from string import Template
from textwrap import dedent

from bs4 import BeautifulSoup
from markdown_it import MarkdownIt
from mdit_py_plugins.dollarmath import dollarmath_plugin
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

from exercises import HEAD
from gate import ROOT, BookError, read

TEMPLATE = Template(Path(__file__).with_suffix(".html").read_text("utf-8"))
SLIDE = re.compile(r"^(#{1,2}) (.+) \((\d+) min(, beside)?\)$", re.MULTILINE)
TAKEN = re.compile(r"^\{(\w+)\} (\S+) ?(.*)$", re.MULTILINE)
EQUATION = re.compile(r"^\$\$\n(.*?)\n\$\$ \((eq-[\w-]+)\)$", re.DOTALL | re.MULTILINE)


def _math(content, options):
    begin, end = (r"\[", r"\]") if options.get("display_mode") else (r"\(", r"\)")
    return escape(f"{begin}{content.strip()}{end}")


def _python(source, *_):
    return highlight(source, PythonLexer(), HtmlFormatter(nowrap=True))


MARKDOWN = MarkdownIt("commonmark", {"highlight": _python}).enable("table")
MARKDOWN.use(dollarmath_plugin, renderer=_math, allow_labels=False, double_inline=True)


class Chapters:
    """What slides take from the executed chapters of a folder.

    The methods whose names are kinds give HTML, and raise a LookupError if there is none.
    """

    def __init__(self, folder):
        books = {path.stem: read(path) for path in sorted(folder.glob("*.ipynb"))}
        self.titles = {n: book.cells[0].source.split("\n")[0][2:] for n, book in books.items()}
        self.cells = {f"{name}/{c.id}": c for name, book in books.items() for c in book.cells}
        texts = [c.source for c in self.cells.values() if c.cell_type == "markdown"]
        self.equations = {m[2]: m[1] for text in texts for m in EQUATION.finditer(text)}
        self.exercises = {m["label"]: m for text in texts if (m := HEAD.match(text))}
        drawn = [c for c in self.cells.values() if "figure" in c.metadata.get("mystnb", {})]
        self.figures = {c.metadata["mystnb"]["figure"]["name"]: c for c in drawn}

    def figure(self, name, words):
        """Give a picture, with words or else what its caption begins with."""
        cell = self.figures[name]
        known = cell.metadata["mystnb"]
        words = words or re.split(r"[.:] ", known["figure"]["caption"])[0].rstrip(".") + "."
        (picture, *_) = [*self._outputs(cell, "image/png"), *self._outputs(cell, "text/html")]
        if not picture.startswith("<"):
            alt = escape(known.get("image", {}).get("alt", ""))
            picture = f'<img alt="{alt}" src="data:image/png;base64,{"".join(picture.split())}">'
        caption = f"<figcaption>{self._prose(words)}</figcaption>"
        return f'<figure id="{name}">{picture}{caption}</figure>'

    def table(self, name, _):
        """Give the table that a cell prints, without its caption."""
        (html, *_) = self._outputs(self.cells[name], "text/html") or [self.finding(name, _)]
        tree = BeautifulSoup(html, "html.parser")
        if tree.caption:
            tree.caption.decompose()
        return f'<div class="table">{tree}</div>'

    def finding(self, name, _):
        """Give the sentences that a cell has computed."""
        text = self._outputs(self.cells[name], "text/markdown")[-1]
        text = re.sub(r"^(> )?\*\*(What to notice|In one paragraph)\.\*\* ", "", text)
        return f'<div class="finding">{self._prose(text, MARKDOWN.render)}</div>'

    def equation(self, name, _):
        """Give an equation, as it stands in its chapter."""
        shown = _math(self.equations[name], {"display_mode": True})
        return f'<div class="equation" id="{name}">{shown}</div>'

    def exercise(self, name, _):
        """Give the head of an exercise."""
        head = self.exercises[name]
        words = f"{head['title']} · {head['kind'].lower()}, {head['number']} {head['unit']}"
        return f'<p class="exercise" id="{name}">{escape(words)}</p>'

    def code(self, name, _):
        """Give the source of a function."""
        module, inside = name.split(":")
        text = (ROOT / f"{module.replace('.', '/')}.py").read_text("utf-8")
        node = ast.parse(text)
        for part in inside.split("."):
            node = {getattr(child, "name", None): child for child in node.body}[part]
        source = dedent("\n".join(text.split("\n")[node.lineno - 1 : node.end_lineno]))
        source = re.sub(r'\n *""".*?"""', "", source, flags=re.DOTALL)
        return MARKDOWN.render(f"```python\n{source}\n```")

    @staticmethod
    def _outputs(cell, kind):
        return [o["data"][kind] for o in cell.outputs if kind in o.get("data", {})]

    def _prose(self, text, render=MARKDOWN.renderInline):
        """Render Markdown of a chapter; where it refers to another, that one's title stands."""
        text = re.sub(r"\{\w+\}`([^`<]+?) *<[^`]*>`", r"\1", text)
        names = r"\{(?:doc|term)\}`(\w+)`"
        text = re.sub(names, lambda m: f"*{self.titles.get(m[1], m[1])}*", text)
        return render(text).strip()


def parts(text):
    """Cut the Markdown of a session: heading, as `SLIDE` matches it, Markdown and notes of each."""
    heads = [*SLIDE.finditer(text)]
    ends = [*(head.start() for head in heads[1:]), len(text)]
    return [
        (head, *text[head.end() : end].partition("\nNotes:\n")[::2])
        for head, end in zip(heads, ends, strict=True)
    ]


def slides(path, chapters):
    """Make the page of a session from its Markdown, and from `Chapters`.

    It needs ``reveal/`` and ``mathjax/`` beside it, and no network. A BookError says which slide
    would show markup, or which name is not there.
    """

    def taken(match):
        kind, name, words = match.groups()
        try:
            return getattr(chapters, kind)(name, words)
        except (AttributeError, LookupError, OSError, TypeError, ValueError):
            raise BookError(f"{path.name} names the {kind} {name}, which is not there") from None

    source, made = path.read_text("utf-8"), []
    for head, text, notes in parts(source):
        level, title, minutes, beside = head.groups()
        # HTML within Markdown would end at its first empty line.
        found = [*TAKEN.finditer(text)]
        body = MARKDOWN.render(TAKEN.sub("\n<!-- taken -->\n", text))
        for match in found:
            body = body.replace("<!-- taken -->", taken(match), 1)
        markup = re.search(r"\{[\w:-]+\}<code>|<h[12]>.*", body)
        if markup:
            raise BookError(f"{path.name}, slide {title!r}, would show {markup[0]}")
        head, look = f"h{len(level)}", "page beside" if beside else "page"
        made.append(
            f'<section data-timing="{60 * int(minutes)}"><div class="{look}">'
            f'<{head}>{MARKDOWN.renderInline(title)}</{head}><div class="body">{body}</div></div>'
            f'<aside class="notes">{MARKDOWN.render(notes)}</aside></section>'
        )
    title, style = escape(SLIDE.search(source)[2]), HtmlFormatter().get_style_defs("pre")
    return TEMPLATE.substitute(title=title, slides="\n".join(made), style=style)
