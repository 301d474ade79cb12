"""The book for readers who see little or use keys alone: axe-core looks at every page."""

import pytest
from axe_playwright_python.sync_playwright import Axe

from building import assert_none, compiled_pages

# axe would fetch the style sheets once more, which a browser forbids on pages from disk.
OPTIONS = {"resultTypes": ["violations"], "preload": False}
WCAG = {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]}
CONTRAST = {"type": "rule", "values": ["color-contrast"]}
KEYS = {"type": "rule", "values": ["scrollable-region-focusable"]}
# axe looks at every word of the code and every sign of a formula, which takes most of its time.
# One of each color and one formula are enough.
READY = """async () => {
    await window.MathJax?.startup?.promise;
    for (const fold of document.querySelectorAll("details")) fold.open = true;
    for (const button of document.querySelectorAll(".toggle-button-hidden")) button.click();
    const seen = new Set();
    for (const token of document.querySelectorAll(".highlight pre span[class]"))
        if (seen.has(token.className)) token.replaceWith(...token.childNodes);
        else seen.add(token.className);
    for (const formula of [...document.querySelectorAll("mjx-container")].slice(1))
        for (const part of formula.querySelectorAll("svg, mjx-assistive-mml > *"))
            part.replaceChildren();
    await new Promise(requestAnimationFrame);
    await Promise.allSettled(document.getAnimations().map(animation => animation.finished));
}"""
A_MOMENT = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"


@pytest.fixture(scope="module")
def violations(browser, committed_book):
    """Look at every page in light, in the dark and on a narrow screen: the rules, and where."""
    # Colors are measured at rest.
    viewport = {"width": 1280, "height": 900}
    context = browser.new_context(reduced_motion="reduce", color_scheme="light", viewport=viewport)

    def found(page, only):
        broken = Axe().run(page, options=OPTIONS | {"runOnly": only}).response["violations"]
        return [f"{rule['id']}: {node['target']}" for rule in broken for node in rule["nodes"]]

    def visit(path):
        page = context.new_page()
        page.goto(path.as_uri())
        page.evaluate(READY)
        seen = {"light": found(page, WCAG)}
        page.evaluate("document.documentElement.dataset.theme = 'dark'")
        seen["dark"] = found(page, CONTRAST)
        page.set_viewport_size({"width": 320, "height": 640})
        page.evaluate(A_MOMENT)
        seen["narrow"] = found(page, KEYS)
        page.close()
        return seen

    yield {name: visit(path) for name, path in compiled_pages(committed_book).items()}
    context.close()


@pytest.mark.parametrize("look", ["light", "dark", "narrow"])
def test_no_page_violates_wcag_aa(violations, look):
    assert_none(violations, lambda seen: seen[look])
