"""How long a page of the compiled book takes to open from disk, and until its math is set."""

import sys

import numpy as np
from _timing import record

from desom.experiments.records import REPOSITORY

ROUNDS = 3
HTML = REPOSITORY / "_build/html"
MOMENTS = """async () => {
    await window.MathJax?.startup?.promise;
    return [performance.getEntriesByType("navigation")[0].loadEventEnd, performance.now()];
}"""


def moments(browser, page):
    """Open a page in a fresh profile; give the seconds until it is loaded and until it is set."""
    context = browser.new_context()
    tab = context.new_page()
    tab.goto(page.as_uri())
    loaded, finished = tab.evaluate(MOMENTS)
    context.close()
    return loaded / 1000, finished / 1000


def main():
    """Measure, print and record."""
    sys.path.append(str(REPOSITORY / "tools"))
    from chromium import browser

    pages = sorted(HTML.glob("book/**/*.html"))
    if not pages:
        sys.exit("There is no book in _build/html; run `make html` first.")
    with browser() as opened:
        rounds = [[moments(opened, page) for page in pages] for _ in range(ROUNDS)]
    loaded, finished = np.median(rounds, axis=0).T
    figures = {
        "what": f"seconds from disk, median of {ROUNDS} rounds; {len(pages)} pages",
        "loaded": {"median": round(float(np.median(loaded)), 2), "slowest": round(loaded.max(), 2)},
        "with_mathematics": {
            "median": round(float(np.median(finished)), 2),
            "slowest": round(finished.max(), 2),
        },
        "slowest_page": str(pages[int(finished.argmax())].relative_to(HTML)),
    }
    record("pages", figures)


if __name__ == "__main__":
    main()
