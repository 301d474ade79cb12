"""Slides of a chapter: its headings, equations and figures, what to notice and what to remember."""

import re
from html import escape
from pathlib import Path
from string import Template

from markdown_it import MarkdownIt
from mdit_py_plugins.dollarmath import dollarmath_plugin

from exercises import HEAD
from gate import BookError, read

TEMPLATE = Template(Path(__file__).with_suffix(".html").read_text("utf-8"))
EQUATION = re.compile(r"^\$\$\n(.*?)\n\$\$(?: *\((?:eq-)?([\w-]+)\))?$", re.DOTALL | re.MULTILINE)
NOTICE = re.compile(r"^\*\*What to notice\.\*\* .+?(?=\n\n|\Z)", re.DOTALL | re.MULTILINE)
HEADING = re.compile(r"^(#{1,3}) (.+)$", re.MULTILINE)
FENCED = re.compile(r"^(```|:::)\{.*?^\1$", re.DOTALL | re.MULTILINE)


def _math(content, options):
    begin, end = (r"\[", r"\]") if options.get("display_mode") else (r"\(", r"\)")
    return escape(f"{begin}{content.strip()}{end}")


MARKDOWN = MarkdownIt("commonmark").use(
    dollarmath_plugin, renderer=_math, allow_labels=False, double_inline=True
)


def to_html(text):
    """Render the Markdown of a chapter; what refers to another place becomes words.

    A slide has no number of an equation or a figure to point at. An equation is named by its
    label instead, which stands beside it.
    """
    text = re.sub(r"\s*\{cite:p\}`[^`]*`", "", text)
    text = re.sub(r"\{cite:t\}`([a-z]+)[^`]*`", lambda match: match[1].title(), text)
    text = re.sub(r"\{eq\}`(?:eq-)?([^`]*)`", lambda m: f"({_words(m[1])})", text)
    text = re.sub(r"\{(?:ref|numref)\}`(?:fig-|ex-)?([^`<]*)`", r"“\1”", text)
    text = re.sub(r"\{[\w:]+\}`([^`<]*?)(?: *<[^`]*>)?`", r"*\1*", text)
    text = EQUATION.sub(lambda m: f"$$\n{_tagged(m[1], m[2])}\n$$", text)
    return MARKDOWN.render(text)


def _words(label):
    return label.replace("-", " ")


def _tagged(equation, label):
    """Name an equation by its label, in the words by which slides refer to it."""
    return equation + (rf" \tag{{{_words(label)}}}" if label else "")


def _sections(cells):
    """Give heading, Markdown and figure cells of every section of level 2, the title's first."""
    sections = []
    for cell in cells:
        if cell.cell_type == "markdown":
            text = FENCED.sub("", cell.source) if "exercise" not in _tags(cell) else cell.source
            if "solution" in _tags(cell):
                continue
            places = [m for m in HEADING.finditer(text) if len(m[1]) < 3]
            ends = [*(m.start() for m in places), len(text)]
            if sections:
                sections[-1][1].append(text[: ends[0]])
            for match, end in zip(places, ends[1:], strict=True):
                sections.append((match[2], [text[match.end() : end]]))
        elif sections:
            sections[-1][1].append(cell)
    return sections


def _tags(cell):
    return cell.metadata.get("tags", [])


def _batches(items, size):
    return [items[start : start + size] for start in range(0, len(items), size)]


def _figure(cell):
    """Give a code cell's picture with its caption, or None."""
    figure = cell.metadata.get("mystnb", {}).get("figure")
    if not figure:
        return None
    alt = cell.metadata.get("mystnb", {}).get("image", {}).get("alt", "")
    for output in cell.outputs:
        data = output.get("data", {})
        if "image/png" in data:
            source = f"data:image/png;base64,{''.join(data['image/png'].split())}"
            picture = f'<img alt="{escape(alt)}" src="{source}">'
        elif "<svg" in data.get("text/html", ""):
            picture = data["text/html"]
        else:
            continue
        caption = to_html(figure["caption"])
        return f'<figure id="{figure["name"]}">{picture}<figcaption>{caption}</figcaption></figure>'
    raise BookError(f"the cell {cell.id} has a caption, and no picture that a slide can show")


def _slides_of(heading, parts):
    """Give the slides of a section: its equations, then figures and remarks as they come."""
    title = f"<h2>{to_html(heading).removeprefix('<p>').removesuffix(f'</p>{chr(10)}')}</h2>"
    text = "\n\n".join(part for part in parts if isinstance(part, str)).strip()
    if heading == "What to remember":
        return [title + to_html(text)]
    if heading == "Exercises":
        found = [match for part in parts if isinstance(part, str) for match in HEAD.finditer(part)]
        items = [
            f"<li>{escape(m['title'])} ({m['kind'].lower()}, {m['number']} {m['unit']})</li>"
            for m in found
        ]
        return [f"{title}<ol>{''.join(items)}</ol>"] if items else []
    opening = _opening(text)
    slides = [title + to_html(opening)] if opening else []
    for part in parts:
        if isinstance(part, str):
            equations = [m for m in EQUATION.finditer(part) if m[0] not in opening]
            shown = ["\n\n".join(m[0] for m in three) for three in _batches(equations, 3)]
            slides += [title + to_html(equations) for equations in shown]
            remarks = [part]
        else:
            slides += [title + shown for shown in [_figure(part)] if shown]
            remarks = [_markdown(output) for output in part.outputs]
        slides += [title + to_html(m[0]) for remark in remarks for m in NOTICE.finditer(remark)]
    return slides


def _opening(text):
    """Give the first paragraph of a section, with the equation that it may lead to."""
    blocks = [block for block in re.split(r"\n\n+", text) if not HEADING.match(block)]
    leads = len(blocks) > 1 and EQUATION.match(blocks[1])
    return "\n\n".join(blocks[: 2 if leads else 1])


def _markdown(output):
    return output.get("data", {}).get("text/markdown", "")


def slides(path):
    """Write the slides of an executed chapter.

    Parameters
    ----------
    path : Path
        The executed notebook.

    Returns
    -------
    str
        A page of HTML. It needs ``mathjax/tex-svg.js`` beside it and no network.
    """
    (title, opening), *sections = _sections(read(path).cells)
    text = "\n\n".join(part for part in opening if isinstance(part, str))
    learn = re.search(r"\*\*You will learn\*\* (.+?)(?=\n\n|\Z)", text, re.DOTALL)
    name = to_html(title).strip().removeprefix("<p>").removesuffix("</p>")
    made = [f"<h1>{name}</h1>"]
    if learn:
        goals = "\n".join(f"- {goal.strip(' .')}" for goal in learn[1].split(";"))
        made.append(f"<h2>You will learn</h2>{to_html(goals)}")
    figures = [_figure(part) for part in opening if not isinstance(part, str)]
    made += [f"<h2>{name}</h2>{figure}" for figure in figures if figure]
    for section in sections:
        made += _slides_of(*section)
    body = "\n".join(
        f'<section aria-label="Slide {number} of {len(made)}">{slide}</section>'
        for number, slide in enumerate(made, start=1)
    )
    return TEMPLATE.substitute(title=escape(re.sub("<[^>]*>", "", name)), slides=body)
