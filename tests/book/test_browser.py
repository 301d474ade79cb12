"""The book in a browser, as its readers meet it: from disk, without a network, by mouse or keys."""

from dataclasses import dataclass, field

import pytest

WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]
# axe would fetch the style sheets once more, which a browser forbids on pages from disk.
AXE = {"resultTypes": ["violations"], "preload": False}
UNFOLD = """async () => {
    for (const fold of document.querySelectorAll("details")) fold.open = true;
    for (const button of document.querySelectorAll(".toggle-button-hidden")) button.click();
    // axe looks at every word of the code; one of each color is enough, and several times as fast.
    const seen = new Set();
    for (const token of document.querySelectorAll(".highlight pre span[class]"))
        if (seen.has(token.className)) token.replaceWith(...token.childNodes);
        else seen.add(token.className);
    await new Promise(requestAnimationFrame);
    await Promise.allSettled(document.getAnimations().map(animation => animation.finished));
}"""
A_MOMENT = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
MATH_IS_SET = "() => window.MathJax?.startup?.promise"
FORMULAS_LEFT = r"""() => {
    const unset = [...document.querySelectorAll(".math")]
        .filter(formula => !formula.querySelector("mjx-container svg"));
    const wrong = [...document.querySelectorAll("[data-mml-node=merror], mjx-merror")];
    const text = document.querySelector("main").cloneNode(true);
    text.querySelectorAll("pre, code, script, style, .math").forEach(e => e.remove());
    const raw = text.textContent.match(/\$\$|\\[(\[]|\\[a-zA-Z]{2,}/g) ?? [];
    return [...unset, ...wrong].map(formula => formula.textContent).concat(raw);
}"""
BROKEN_IMAGES = """async () => {
    const broken = [];
    for (const image of document.images) {
        await image.decode().catch(() => null);
        if (!image.complete || !image.naturalWidth) broken.push(image.src);
    }
    return broken;
}"""
TOO_WIDE = """() => document.scrollingElement.scrollWidth > innerWidth
    ? [...document.querySelectorAll("main *")]
        .filter(e => e.getBoundingClientRect().right > innerWidth && !e.closest("pre, .output"))
        .map(e => e.outerHTML.slice(0, 100)).slice(0, 5)
    : []"""


@dataclass
class Visit:
    """What a page did when it was opened."""

    requests: list = field(default_factory=list)
    troubles: list = field(default_factory=list)
    images: list = field(default_factory=list)
    formulas: list = field(default_factory=list)
    violations: dict = field(default_factory=dict)
    too_wide: list = field(default_factory=list)


def violations(page, only):
    """Ask axe-core for the violations, a line each: the rule, and where."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page, options=AXE | {"runOnly": only}).response["violations"]
    return [f"{rule['id']}: {node['target']}" for rule in found for node in rule["nodes"]]


def visit(context, path):
    """Open a page from disk and look at all of it, in both themes and on a narrow screen."""
    seen, page = Visit(), context.new_page()
    page.on("request", lambda request: seen.requests.append(request.url))
    page.on("requestfailed", lambda request: seen.troubles.append(f"failed: {request.url}"))
    page.on("pageerror", lambda error: seen.troubles.append(f"raised: {error}"))
    page.on(
        "console",
        lambda said: said.type in ("error", "warning") and seen.troubles.append(said.text),
    )
    page.goto(path.as_uri())
    page.evaluate(MATH_IS_SET)
    seen.images = page.evaluate(BROKEN_IMAGES)
    seen.formulas = page.evaluate(FORMULAS_LEFT)
    page.evaluate(UNFOLD)
    seen.violations["light"] = violations(page, {"type": "tag", "values": WCAG})
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    seen.violations["dark"] = violations(page, {"type": "rule", "values": ["color-contrast"]})
    page.set_viewport_size({"width": 320, "height": 640})
    page.evaluate(A_MOMENT)
    seen.too_wide = page.evaluate(TOO_WIDE)
    keys = {"type": "rule", "values": ["scrollable-region-focusable"]}
    seen.violations["narrow"] = violations(page, keys)
    page.close()
    return seen


@pytest.fixture(scope="module")
def context(browser):
    """Have readers who want no animations: colors are measured at rest."""
    viewport = {"width": 1280, "height": 800}
    context = browser.new_context(reduced_motion="reduce", color_scheme="light", viewport=viewport)
    yield context
    context.close()


@pytest.fixture(scope="module")
def visits(context, committed_book):
    """Visit every page of the book, but the front door, which only leads on."""
    pages = [page for page in sorted(committed_book.rglob("*.html")) if is_page(page)]
    assert len(pages) > 30
    return {str(page.relative_to(committed_book)): visit(context, page) for page in pages}


def is_page(path):
    return "_static" not in path.parts and 'http-equiv="Refresh"' not in path.read_text("utf-8")


def assert_none(visits, find):
    """Assert that nothing is found on any page, or say what and where."""
    found = [f"{page}: {fault}" for page, seen in visits.items() for fault in find(seen)]
    assert not found, "\n".join(found)


def test_no_page_asks_for_anything_beyond_the_disk(visits):
    inside = ("file:", "data:", "blob:")
    assert_none(visits, lambda v: [u for u in v.requests if not u.startswith(inside)])


def test_no_page_has_a_failed_request_or_an_error_in_its_console(visits):
    assert_none(visits, lambda seen: seen.troubles)


def test_every_image_is_there(visits):
    assert_none(visits, lambda seen: seen.images)


def test_every_formula_is_set(visits):
    assert_none(visits, lambda seen: seen.formulas)


@pytest.mark.parametrize("look", ["light", "dark", "narrow"])
def test_no_page_violates_wcag_aa(visits, look):
    assert_none(visits, lambda seen: seen.violations[look])


def test_no_page_is_wider_than_a_narrow_screen(visits):
    assert_none(visits, lambda seen: seen.too_wide)


@pytest.fixture
def page(context):
    page = context.new_page()
    yield page
    page.close()


def test_search_finds_a_term_from_the_search_page(page, committed_book):
    page.goto((committed_book / "search.html").as_uri() + "?q=topographic+error")
    page.wait_for_selector("#search-results li a")
    pages = page.eval_on_selector_all("#search-results li a", "links => links.map(a => a.href)")
    assert any("book/som.html" in address for address in pages)


def test_search_opens_by_keys_on_any_page(page, committed_book):
    page.goto((committed_book / "book/notation.html").as_uri())
    page.wait_for_load_state("load")
    page.keyboard.press("Control+k")
    page.keyboard.type("topographic error")
    page.keyboard.press("Enter")
    page.wait_for_selector("#search-results li a")
    page.keyboard.press("Escape")
    page.click("#search-results li a")
    page.wait_for_selector("article h1")


FOCUSED = """() => {
    const e = document.activeElement;
    const ringed = [e, ...e.children].some(part => {
        const style = getComputedStyle(part), box = part.getBoundingClientRect();
        const ring = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0;
        return box.width > 1 && box.height > 1 && (ring || style.boxShadow !== "none");
    });
    return {
        id: [...document.querySelectorAll("*")].indexOf(e),
        html: e.outerHTML.slice(0, 150),
        body: e === document.body,
        visible: ringed,
        fold: e.tagName === "SUMMARY",
    };
}"""


def tab_through(page):
    """Press Tab until the focus leaves the page; give what had it."""
    stops = []
    while len(stops) < 2000:
        page.keyboard.press("Tab")
        stop = page.evaluate(FOCUSED)
        if stop["body"] or stop["id"] in {s["id"] for s in stops}:
            return stops
        stops.append(stop)
    raise AssertionError("the focus goes round in a page without end")


def test_a_page_can_be_used_by_keys_alone(page, committed_book):
    page.goto((committed_book / "book/gamma.html").as_uri())
    page.evaluate(MATH_IS_SET)
    stops = tab_through(page)
    assert [stop["html"] for stop in stops if not stop["visible"]] == []
    folds, links = (page.locator(f"article {kind}") for kind in ("summary", "a.reference"))
    assert sum(stop["fold"] for stop in stops) >= folds.count() > 3
    assert sum(stop["html"].startswith("<a") for stop in stops) >= links.count() > 3


def test_the_first_key_leads_to_the_content(page, committed_book):
    page.goto((committed_book / "book/gamma.html").as_uri())
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to main content"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.querySelector('main').contains(document.activeElement)")


def test_a_fold_opens_and_closes_by_keys(page, committed_book):
    page.goto((committed_book / "book/gamma.html").as_uri())
    fold = page.locator("article details.hide").first
    fold.locator("summary").focus()
    states = []
    for key in ("Enter", "Space"):
        page.keyboard.press(key)
        states.append(fold.evaluate("fold => fold.open"))
    assert states == [True, False]
