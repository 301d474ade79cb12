"""Print the compiled book: one PDF with a title page, contents, page numbers and an outline.

The pages become one document, so that Chromium numbers it through, and a link to another page of
the book becomes a link to a place in it. It is printed twice: only the first print tells the
pages that the contents name.
"""

import argparse
import logging
import posixpath
import re
import shutil
import sys
from contextlib import contextmanager
from html import escape
from io import BytesIO
from pathlib import Path
from urllib.parse import urlsplit

import yaml
from bs4 import BeautifulSoup

from gate import ROOT, BookError, ended, refuse

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# The browser itself asks its makers for nothing. It runs as root in containers: no sandbox there.
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
# What paper has no use for. Folded code is left out, and what an output folds to be copied.
SCREEN_ONLY = (
    "script, noscript, button, canvas, .gallery, .headerlink, .only-dark, "
    "details.hide:not(.provenance), details.hide .cell_input, .cell_output details"
)
REFERRING = ("aria-describedby", "aria-labelledby", "for", "headers")
# A4 less the margins of pdf.css, in pixels of CSS.
WIDTH = 642
FIT = """width => {
    for (const table of document.querySelectorAll("article table")) {
        const box = table.getBoundingClientRect();
        if (box.right > width) table.style.zoom = (width - box.left) / box.width;
    }
}"""
CUT = """width => [...document.querySelectorAll("article *")]
    .filter(e => !e.closest("svg"))
    .filter(e => e.getBoundingClientRect().right > width + 2)
    .map(e => `${e.closest("article").id}: ${e.outerHTML.slice(0, 80)}`)"""
# A section may begin on the sheet before its heading, which keeps with what it heads.
ANCHORS = """() => {
    for (const section of document.querySelectorAll("section[id]")) {
        const heading = section.querySelector(":scope > :is(h1, h2, h3, h4)");
        if (heading && !heading.id) {
            heading.id = section.id;
            section.removeAttribute("id");
        }
    }
}"""
NUMBER = """pages => {
    for (const entry of document.querySelectorAll("nav a"))
        entry.nextElementSibling.textContent = pages[entry.hash.slice(1)];
}"""
DOCUMENT = """<!DOCTYPE html><html lang="en" data-theme="light"><head><meta charset="utf-8">
<title>{title}</title>{styles}<style>{sheet}</style>
<script>window.MathJax = {{options: {{enableMenu: false,
menuOptions: {{settings: {{assistiveMml: false}}}},
processHtmlClass: "tex2jax_process|mathjax_process|math|output_area"}}}}</script>
<script defer src="html/mathjax/tex-svg.js"></script></head><body>
<header><p class="title">{title}</p><p>{author}</p></header>
<nav><h1>Contents</h1>{contents}</nav>
{articles}</body></html>"""


def chromium():
    """Find the machine's Chromium on the PATH; None if there is none."""
    return next(filter(None, map(shutil.which, NAMES)), None)


@contextmanager
def browser():
    """Open Chromium, the machine's or else playwright's; BookError if there is none."""
    from playwright.sync_api import Error, sync_playwright

    with sync_playwright() as playwright:
        try:
            opened = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        except Error as error:
            raise BookError(
                "Chromium does not start; install it by `apt-get install chromium` or "
                f"`.venv/bin/playwright install chromium` ({str(error).partition(chr(10))[0]})"
            ) from None
        try:
            yield opened
        finally:
            opened.close()


def chapters(toc):
    """Yield the part's caption, empty for the front page, and the name of every page in order."""

    def below(part, entries):
        for entry in entries:
            yield part, entry["file"]
            yield from below(part, entry.get("sections", []))

    yield "", toc["root"]
    for part in toc.get("parts", [toc]):
        yield from below(part.get("caption", ""), part["chapters"])


def name(page, fragment=""):
    """Name a place of the book, the same on whatever page it is linked."""
    return f"{page}--{fragment}".removesuffix("--").replace("/", "-")


def article(html, page, pages):
    """Take the article out of a page, with names and addresses that hold in the whole book.

    ``html`` is the folder of the compiled book, ``pages`` are those that are printed: links to
    anything else in the folder become text.
    """
    text = BeautifulSoup((html / f"{page}.html").read_text("utf-8"), "html.parser").article
    folder = posixpath.dirname(page)
    for element in text.select(SCREEN_ONLY):
        element.decompose()
    for fold in text.find_all("details"):
        fold["open"] = ""

    ids = {element["id"] for element in text.find_all(id=True)}
    for element in text.find_all(True):
        if element.get("id"):
            element["id"] = name(page, element["id"])
        for attribute in REFERRING:
            if element.get(attribute):
                value = element[attribute]
                words = value.split() if isinstance(value, str) else value
                element[attribute] = " ".join(name(page, word) for word in words)
        if element.get("src") and ":" not in element["src"]:
            element["src"] = posixpath.normpath(f"html/{folder}/{element['src']}")
        if element.get("data-durations"):
            last = element["data-durations"].count(",")
            element["src"] = element["src"].replace(".png", f"-{last}.png")
    for style in text.find_all("style"):
        style.string = re.sub(
            r"#([\w-]+)", lambda m: f"#{name(page, m[1])}" if m[1] in ids else m[0], style.string
        )
    for link in text.find_all("a", href=True):
        address = urlsplit(link["href"])
        if address.scheme in ("http", "https", "mailto"):
            continue
        target = posixpath.normpath(f"{folder}/{address.path}") if address.path else f"{page}.html"
        if target.removesuffix(".html") in pages and not address.scheme:
            link["href"] = f"#{name(target.removesuffix('.html'), address.fragment)}"
        else:
            link.unwrap()
    text["id"] = name(page)
    return text


def document(html, toc, config):
    """Join the pages in the folder ``html`` to one document, which is to lie beside it."""
    listed = list(chapters(toc))
    pages = {page for _, page in listed}
    contents, articles, last = [], [], ""
    styles = [*sorted((html / "_static").glob("mystnb*.css")), html / "_static/pygments.css"]
    sheet = [(ROOT / "tools/pdf.css").read_text("utf-8")]
    for number, (part, page) in enumerate(listed):
        text = article(html, page, pages)
        title = text.h1.get_text().strip()
        text["style"] = f"page: chapter{number}"
        head = title.replace("\\", "\\\\").replace('"', '\\"')
        sheet.append(f'@page chapter{number} {{ @top-right {{ content: "{head}" }} }}')
        if part != last:
            contents.append(f'<p class="part">{escape(part)}</p>')
            last = part
        contents.append(_entry(text["id"], title))
        for heading in text.find_all("h2"):
            section = heading.find_parent("section")
            contents.append(_entry(section["id"], heading.get_text().strip(), "section"))
        articles.append(str(text))
    return DOCUMENT.format(
        title=escape(config["title"]),
        author=escape(config["author"]),
        styles="".join(f'<link rel="stylesheet" href="html/_static/{s.name}">' for s in styles),
        sheet="\n".join(sheet),
        contents="".join(contents),
        articles="\n".join(articles),
    )


def _entry(place, title, kind="chapter"):
    link = f'<a href="#{place}">{escape(title)}</a>'
    return f'<p class="{kind}">{link}<span class="page"></span></p>'


def printed(page):
    """Print what a browser shows, and read it back."""
    from pypdf import PdfReader

    return PdfReader(BytesIO(page.pdf(prefer_css_page_size=True, tagged=True, outline=True)))


def print_book(build):
    """Print the book that is compiled in ``html/`` of a folder to ``desom.pdf`` beside it.

    BookError if nothing is compiled, if there is no Chromium, or if paper is too narrow.
    """
    from pypdf import PdfWriter

    html, target = build / "html", build / "desom.pdf"
    if not html.exists():
        raise BookError(f"nothing is compiled in {build}; run `make html` or `make book` first")
    toc, config = (
        yaml.safe_load((ROOT / n).read_text("utf-8")) for n in ("_toc.yml", "_config.yml")
    )
    joined = build / "pdf.html"
    joined.write_text(document(html, toc, config), "utf-8")
    with browser() as opened:
        page = opened.new_page(viewport={"width": WIDTH, "height": 900})
        page.set_default_timeout(600_000)
        page.emulate_media(media="print", color_scheme="light")
        page.goto(joined.resolve().as_uri())
        page.evaluate("MathJax.startup.promise")
        page.evaluate(ANCHORS)
        page.evaluate(FIT, WIDTH)
        refuse([f"wider than the paper in {fault}" for fault in page.evaluate(CUT, WIDTH)])
        first = printed(page)
        sheets = {
            key.lstrip("/"): 1 + first.get_destination_page_number(place)
            for key, place in first.named_destinations.items()
        }
        page.evaluate(NUMBER, sheets)
        # It would remark that it copies a few objects of Chromium's twice.
        logging.getLogger("pypdf").setLevel(logging.ERROR)
        writer = PdfWriter(clone_from=printed(page))
    joined.unlink()
    # Without the time of printing, the same book is the same file.
    writer.metadata = {"/Title": config["title"], "/Author": config["author"]}
    writer.write(target)
    print(f"The printed book is {target}")


def join(build):
    """Put the PDF, if there is one, beside the pages, and a link to it on the front page."""
    pdf, front = build / "desom.pdf", build / "html/book/index.html"
    if not pdf.exists():
        raise BookError(f"{pdf} is missing; run `make pdf` first")
    shutil.copy(pdf, build / "html")
    size = pdf.stat().st_size / 1e6
    link = f'<p><a href="../desom.pdf">The whole book as a PDF</a> ({size:.0f} MB)</p>'
    page = front.read_text("utf-8")
    if link not in page:
        front.write_text(page.replace("</article>", f"{link}</article>"), "utf-8")
    print(f"The pages lead to {build / 'html/desom.pdf'}")


def main(argv=None):
    """Print the book, or join the print to the pages."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--build", type=Path, default=ROOT / "_build", help="default: _build")
    parser.add_argument(
        "--join", action="store_true", help="do not print, but add the print to the pages"
    )
    arguments = parser.parse_args(argv)
    return ended("pdf", join if arguments.join else print_book, arguments.build)


if __name__ == "__main__":
    sys.exit(main())
