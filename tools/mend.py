"""Mend what Sphinx and its theme write into every page and what no setting of theirs changes."""

import re
from pathlib import Path

import imagesize

from gate import BookError

# The arrow beside an entry of the table of contents would be a button without a name.
ARROW = re.compile(r'(<a class="[^"]*" href="[^"]*">([^<]*)</a><details[^>]*><summary)>')
# This label would hide what is written on a fold of code: "Show code cell source".
FOLD = '<summary aria-label="Toggle hidden content">'
# Every exercise and every solution has a section of the same name.
CONTENT = re.compile(r'<section id="(?:exercise|solution)-content">')
# ARIA 1.3 gives this role up, and a list may hold list items only.
ENTRY = re.compile(r'role="doc-biblioentry"')
IMAGE = re.compile(r'<img (?![^>]*\bwidth=")[^>]*\bsrc="([^":]+)"[^>]*?(?= ?/?>)')
# Jupyter Book readies every page for kernels on another site, by a script that raises an error.
KERNELS = re.compile(
    r'<script>(?:const THEBE_JS_URL|kernelName)[^<]*</script>|<script type="text/x-thebe-config">'
    r"[^<]*</script>|<script[^>]*sphinx-thebe[^>]*></script>|<link[^>]*sphinx-thebe[^>]*>"
)
# The theme looks for what scrolls, box by box, and has the page laid out anew for each; book.js
# looks for the same, and watches it.
TABS = re.compile(r'document\.querySelectorAll\(\["pre",[^)]*\)\)')
SCRIPT = "_static/scripts/pydata-sphinx-theme.js"


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
        return f'{match[0]} width="{width}" height="{height}"' if width > 0 else match[0]

    html = ARROW.sub(r'\1 aria-label="Pages under \2">', KERNELS.sub("", html))
    html = CONTENT.sub("<section>", html.replace(FOLD, "<summary>"))
    return IMAGE.sub(sized, ENTRY.sub('role="listitem"', html))


def mend(html):
    """Mend every page of a built book and the script of its theme, in place.

    Parameters
    ----------
    html : Path
        The book's folder.

    Raises
    ------
    BookError
        If the script is not the one that is mended here.
    """
    script = Path(html) / SCRIPT
    source, found = TABS.subn("[]", script.read_text("utf-8"))
    if not found:
        raise BookError(f"{SCRIPT} has changed: tools/mend.py does not find {TABS.pattern} in it")
    script.write_text(source, "utf-8")
    for path in Path(html).rglob("*.html"):
        if "_static" not in path.parts:
            page = path.read_text("utf-8")
            path.write_text(mended(page, path.parent), "utf-8")
