"""The interactive page: its data file against independent arithmetic, and itself in a browser."""

import base64
import json
import re
import shutil
import subprocess
import sysconfig
import zlib
from pathlib import Path

import numpy as np
import pytest
import yaml

import interactive
from desom import DESOM, datasets
from desom.records import load_artifact
from drawings import DIGITS

ROOT = Path(__file__).resolve().parents[1]
OWN = "interactive/"
CHROMIUM = shutil.which("chromium")
playwright = pytest.importorskip("playwright.sync_api")
axe = pytest.importorskip("axe_playwright_python.sync_playwright")
needs_chromium = pytest.mark.skipif(not CHROMIUM, reason="there is no chromium")


# A reader of its own, in float64


def read(text):
    """Give the arrays and facts of a data file."""
    content = json.loads(re.fullmatch(r"const ExploreData = (.*);\n", text, re.S)[1])
    raw, arrays = zlib.decompress(base64.b64decode(content["bytes"])), {}
    for name, kind, shape in content["arrays"]:
        values = np.frombuffer(raw, np.dtype(kind).newbyteorder("<"), count=int(np.prod(shape)))
        arrays[name], raw = values.reshape(shape), raw[values.nbytes :]
    assert raw == b""
    return arrays, content["facts"]


def apply(arrays, name, x):
    """Apply encoder or decoder, with the kernels as products of steps and scales."""
    h = np.asarray(x, np.float64)[:, arrays[f"{name}_inputs"]]
    depth = sum(key.startswith(f"{name}_kernel") for key in arrays)
    for n in range(depth):
        kernel = arrays[f"{name}_kernel_{n}"].astype(float)
        kernel = kernel * arrays[f"{name}_scales_{n}"][:, None]
        h = h @ kernel + arrays[f"{name}_bias_{n}"]
        h = h if n == depth - 1 else np.maximum(h, 0)
    return h


def nearest(arrays, codes):
    return np.linalg.norm(codes[:, None] - arrays["prototypes"], axis=2).argmin(axis=1)


@pytest.fixture(scope="module")
def committed():
    return read(interactive.DATA.read_text())


@pytest.fixture(scope="module")
def digits():
    return datasets.load("mnist5k")


# The tool


def test_rounding_moves_no_weight_by_more_than_half_a_step():
    kernel = np.random.default_rng(0).normal(size=(6, 50)).astype(np.float32) ** 3
    kernel[2] = 0
    steps, scales = interactive.quantise(kernel)
    assert steps.dtype == np.int8
    assert np.all(np.abs(steps * scales[:, None] - kernel) <= 0.50001 * scales[:, None])
    assert np.abs(steps).max(axis=1).tolist() == [127, 127, 0, 127, 127, 127]


def test_what_never_fires_is_left_out_and_changes_nothing():
    rng = np.random.default_rng(0)
    x = rng.random((40, 7)).astype(np.float32)
    x[:, 3] = 0
    layers = [(rng.normal(size=(7, 9)), rng.normal(size=9)), (rng.normal(size=(9, 2)), np.ones(2))]
    layers[0][1][[0, 5]] = -100
    inputs, smaller = interactive.prune(x, layers)
    assert inputs.tolist() == [0, 1, 2, 4, 5, 6]
    dead = {0, 5} | set(np.flatnonzero((x @ layers[0][0] + layers[0][1] <= 0).all(axis=0)))
    assert smaller[0][0].shape == (6, 9 - len(dead)) and smaller[1][0].shape == (9 - len(dead), 2)
    by_hand = np.maximum(x @ layers[0][0] + layers[0][1], 0) @ layers[1][0] + 1
    assert np.allclose(interactive.output(x[:, inputs], smaller), by_hand)


@pytest.mark.parametrize("width", [2, 3, 4])
def test_the_width_of_a_stroke_is_measured(width):
    image = np.zeros((28, 28), np.float32)
    image[4:24, 10 : 10 + width] = 1
    assert interactive.stroke_width(image[None]) == pytest.approx(width, abs=0.25)


def test_members_are_spread_from_the_nearest_to_the_farthest():
    units, distances = np.repeat([2, 0], [100, 3]), np.arange(103)[::-1]
    chosen = interactive.members(units, distances, 4)
    assert chosen[:3].tolist() == [102, 101, 100]
    assert len(chosen) == 3 + interactive.MEMBERS
    assert chosen[[3, -1]].tolist() == [99, 0] and (np.diff(chosen[3:]) < 0).all()


def test_the_page_has_the_estimator_s_units_members_and_errors(digits):
    chosen = np.random.default_rng(0).permutation(5000)[:500]
    data = datasets.Dataset("few", digits.x[chosen], digits.y[chosen], image_shape=(28, 28))
    few = DESOM((2, 3), hidden_units=(20, 10), latent_dim=3, iterations=60, random_state=0)
    few.fit(data.x)
    arrays, facts = interactive.page_data(few, data, 300, None)
    arrays, again = read(interactive.script(arrays, facts))
    assert again == facts
    codes = apply(arrays, "encoder", data.x)
    assert np.allclose(codes, few.transform(data.x), atol=0.03 * np.abs(codes).max())
    assert np.allclose(apply(arrays, "decoder", codes), few.decode(codes), atol=0.02)
    units = nearest(arrays, codes)
    assert facts["same_unit"] == np.mean(units == few.predict(data.x)) > 0.9
    for unit, counts in enumerate(arrays["class_counts"]):
        assert counts.tolist() == [np.sum(data.y[units == unit] == c) for c in range(10)]
        mine = arrays["member_units"] == unit
        assert mine.sum() == min(counts.sum(), interactive.MEMBERS)
        shown = arrays["member_images"][mine].astype(np.float32) / 255
        assert (nearest(arrays, apply(arrays, "encoder", shown)) == unit).all()
    errors = [np.mean((few.decode(few.transform(data.x)) - data.x) ** 2)]
    errors.append(np.mean((apply(arrays, "decoder", codes) - data.x) ** 2))
    assert facts["reconstruction_error"] == pytest.approx(errors, rel=1e-4)
    assert arrays["sample_classes"].tolist() == list(range(10))
    assert "a training that is not recorded" in interactive.with_table(
        f"{interactive.BEGIN}{interactive.END}", facts, 1
    )


# What is committed


def test_the_page_and_all_its_files_are_under_three_megabytes():
    files = [interactive.PAGE, *interactive.DATA.parent.iterdir()]
    assert sum(file.stat().st_size for file in files) < interactive.LIMIT == 3_000_000
    assert {file.suffix for file in files} == {".md", ".js", ".css"}


def test_the_table_is_the_one_that_the_data_file_gives(committed):
    text = interactive.PAGE.read_text("utf-8")
    size = interactive.DATA.stat().st_size
    assert interactive.with_table(text, committed[1], size) == text
    changed = interactive.with_table(text, committed[1] | {"same_unit": 0.5}, size)
    assert "50.0% of 70,000 images" in changed


def test_the_committed_model_is_that_of_the_record(committed):
    arrays, facts = committed
    record = load_artifact({"artifact": f"desom/mnist-{facts['run']}.npz"})
    assert np.array_equal(arrays["prototypes"], record["prototypes"])
    assert np.abs(arrays["decoded"] - 255 * record["decoded"].clip(0, 1)).max() < 1
    moved = np.abs(arrays["class_counts"] - record["class_counts"]).sum() / 2
    assert moved <= (1 - facts["same_unit"]) * arrays["class_counts"].sum()
    purity = arrays["class_counts"].max(axis=1).sum() / facts["images"]
    assert facts["purity"][1] == pytest.approx(purity)


def test_the_committed_model_knows_digits(committed, digits):
    arrays, facts = committed
    codes = apply(arrays, "encoder", digits.x)
    majority = arrays["class_counts"].argmax(axis=1)
    # mnist5k is a part of MNIST.
    hits = np.mean(majority[nearest(arrays, codes)] == digits.y)
    assert hits == pytest.approx(facts["purity"][1], abs=0.02)
    error = np.mean((apply(arrays, "decoder", codes) - digits.x) ** 2)
    assert error == pytest.approx(facts["reconstruction_error"][1], rel=0.05)


# The page in a browser, from a book of this page alone


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    shutil.copytree(ROOT / "book/_extra", folder / "book/_extra")
    for name in ("_config.yml", "book/explore.md", "book/references.bib"):
        shutil.copy(ROOT / name, folder / name)
    (folder / "_toc.yml").write_text(yaml.safe_dump({"format": "jb-book", "root": "book/explore"}))
    command = [Path(sysconfig.get_path("scripts"), "jupyter-book"), "build", folder]
    subprocess.run(command, check=True, capture_output=True)
    return (folder / "_build/html/book/explore.html").as_uri()


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def visit(site, browser):
    """Open the page, and in the end ask for what nobody wants."""
    wrong, contexts = [], []

    def visit(**options):
        contexts.append(browser.new_context(viewport={"width": 1200, "height": 1000}, **options))
        page = contexts[-1].new_page()
        page.on("request", lambda request: wrong.append(request.url))
        page.on("pageerror", lambda error: wrong.append(f"{error.stack} {error}"))
        page.goto(site)
        if options.get("java_script_enabled", True):
            page.wait_for_selector("#explore-units:not([hidden])")
        return page

    yield visit
    for context in contexts:
        context.close()
    # Requests for anything but files, and errors of the page's own scripts.
    assert [w for w in wrong if not w.startswith("file:") and ("http" in w or OWN in w)] == []


def status(page):
    return page.inner_text("#explore-status")


def recognized(page):
    return int(re.search(r"most of its images are (\d)", status(page))[1])


def on_screen(page, points):
    box = page.locator("#explore-pad").bounding_box()
    return [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]


def draw(page, strokes):
    page.locator("#explore-pad").scroll_into_view_if_needed()
    for stroke in strokes:
        first, *rest = on_screen(page, stroke)
        page.mouse.move(*first)
        page.mouse.down()
        for point in rest:
            page.mouse.move(*point)
        page.mouse.up()


@needs_chromium
def test_the_browser_computes_what_python_computes(visit, committed, digits):
    arrays, _ = committed
    images = digits.x[::250]
    seen = visit().evaluate(
        """async (images) => {
            const arrays = await ExploreModel.unpack(ExploreData);
            return images.map((image) => {
              const { code, bmu, distances, reconstruction } = ExploreModel.look(arrays, image);
              return [[...code], bmu, distances, [...reconstruction]];
            });
        }""",
        images.tolist(),
    )
    codes, units, distances, reconstructions = zip(*seen, strict=True)
    by_hand = apply(arrays, "encoder", images)
    assert np.allclose(codes, by_hand, atol=1e-5)
    assert np.allclose(reconstructions, apply(arrays, "decoder", by_hand), atol=1e-4)
    between = np.linalg.norm(by_hand[:, None] - arrays["prototypes"], axis=2)
    assert np.allclose(distances, between, atol=1e-5)
    assert list(units) == between.argmin(axis=1).tolist()


@needs_chromium
def test_digits_drawn_with_the_mouse_are_recognized(visit):
    page, found = visit(), {}
    for digit, strokes in DIGITS.items():
        page.click("#explore-clear")
        assert status(page) == "The pad is empty."
        draw(page, strokes)
        found[digit] = recognized(page)
    assert sum(digit == unit for digit, unit in found.items()) >= 8, found


@needs_chromium
def test_a_digit_drawn_with_a_finger_is_recognized(visit):
    page = visit(has_touch=True)
    page.locator("#explore-pad").scroll_into_view_if_needed()
    scrolled = page.evaluate("scrollY")
    finger = page.context.new_cdp_session(page)
    for stroke in DIGITS[4]:
        for number, (x, y) in enumerate(on_screen(page, stroke)):
            kind = "touchMove" if number else "touchStart"
            touch = {"type": kind, "touchPoints": [{"x": x, "y": y}]}
            finger.send("Input.dispatchTouchEvent", touch)
        finger.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    assert recognized(page) == 4
    assert page.evaluate("scrollY") == scrolled


@needs_chromium
def test_a_digit_drawn_with_keys_is_recognized(visit):
    page = visit()
    page.locator("#explore-pad").focus()
    scrolled = page.evaluate("scrollY")

    def press(keys, times):
        for _ in range(times):
            for key in keys:
                page.keyboard.down(key)
            for key in keys:
                page.keyboard.up(key)

    press(["ArrowUp"], 6)
    press(["ArrowLeft"], 4)
    press([" "], 1)
    assert page.inner_text("#explore-pen") == "Pen down."
    press(["ArrowRight"], 8)
    for _ in range(6):
        press(["ArrowDown"], 2)
        press(["ArrowLeft"], 1)
    press([" "], 1)
    assert page.inner_text("#explore-pen") == "Pen up."
    assert recognized(page) == 7
    assert page.evaluate("scrollY") == scrolled
    press(["Backspace"], 1)
    assert status(page) == "The pad is empty."
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "explore-undo"


@needs_chromium
def test_two_arrows_held_together_move_the_pen_diagonally(visit):
    page = visit()
    page.evaluate(
        """() => {
          window.seen = [];
          const toImage = ExploreStrokes.toImage;
          ExploreStrokes.toImage = (strokes, ...rest) => {
            window.seen = structuredClone(strokes);
            return toImage(strokes, ...rest);
          };
        }"""
    )
    page.locator("#explore-pad").focus()
    for key in (" ", "ArrowDown", "ArrowRight"):
        page.keyboard.down(key)
    for key in ("ArrowDown", "ArrowRight"):
        page.keyboard.up(key)
    page.keyboard.press(" ")
    (stroke,) = page.evaluate("window.seen")
    assert np.allclose(stroke, [[0.5, 0.5], [0.5, 0.55], [0.55, 0.6]])


@needs_chromium
def test_a_drawing_is_prepared_as_mnist_is(visit, committed):
    _, facts = committed
    sizes = [(1, 0, 0), (0.3, 0.1, 0.6)]
    drawings = [
        [[[a * x + b, a * y + c] for x, y in stroke] for stroke in DIGITS[digit]]
        for digit in DIGITS
        for a, b, c in sizes
    ]
    prepare = "([drawings, width]) => drawings.map((d) => [...ExploreStrokes.toImage(d, width, 0.05)])"
    images = visit().evaluate(prepare, [drawings, facts["stroke_width"]])
    images = np.array(images).reshape(10, 2, 28, 28)
    # Large or small, here or there: the same image.
    assert np.allclose(images[:, 0], images[:, 1], atol=1e-4)
    for image in images[:, 0]:
        y, x = np.mgrid[:28, :28]
        assert np.average(x, weights=image) == pytest.approx(14, abs=0.1)
        assert np.average(y, weights=image) == pytest.approx(14, abs=0.1)
        extent = max(np.ptp(np.flatnonzero((image > 0.5).any(axis=axis))) + 1 for axis in (0, 1))
        assert 19 <= extent <= 21
    assert interactive.stroke_width(images[:, 0]) == pytest.approx(facts["stroke_width"], abs=0.5)


@needs_chromium
@pytest.mark.parametrize("by", ["mouse", "keys"])
def test_a_chosen_unit_shows_its_members(visit, committed, by):
    arrays, _ = committed
    page, unit = visit(), 8 * 2 + 3
    cells = page.locator("#explore-map [role=gridcell]")
    assert cells.count() == 64
    if by == "mouse":
        cells.nth(unit).click()
    else:
        assert page.locator("#explore-map [tabindex='0']").count() == 1
        page.locator("#explore-map [tabindex='0']").focus()
        for key in ("Home", "ArrowUp", *["ArrowRight"] * 3, *["ArrowDown"] * 2, "Enter"):
            page.keyboard.press(key)
    counts, mine = arrays["class_counts"][unit], arrays["member_units"] == unit
    name = page.inner_text("#explore-unit")
    assert name.startswith("Row 3, column 4: ")
    assert name.endswith(f"of its {counts.sum():,} images are {counts.argmax()}")
    assert cells.nth(unit).get_attribute("aria-selected") == "true"
    assert page.locator("#explore-map [aria-selected=true]").count() == 1
    shown = page.locator("#explore-members canvas")
    labels = [shown.nth(n).get_attribute("aria-label") for n in range(shown.count())]
    assert labels == [f"an image of {label}" for label in arrays["member_classes"][mine]]
    ink = page.evaluate(
        """() => [...document.querySelectorAll("#explore-members canvas")].map((c) =>
             [...c.getContext("2d").getImageData(0, 0, 28, 28).data].filter((_, i) => i % 4 === 3))"""
    )
    assert np.array_equal(ink, arrays["member_images"][mine])
    table = page.locator("#explore-classes tr td:nth-child(2)").all_inner_texts()
    assert [int(text.replace(",", "")) for text in table] == counts.tolist()


@needs_chromium
def test_a_sample_goes_to_the_encoder_as_it_is(visit, committed):
    arrays, _ = committed
    page = visit()
    units = nearest(arrays, apply(arrays, "encoder", arrays["sample_images"] / 255))
    for n, unit in enumerate(units):
        page.locator("#explore-samples button").nth(n).press("Enter")
        assert f"row {unit // 8 + 1}, column {unit % 8 + 1};" in status(page)
        bmu = page.locator("#explore-map [aria-current=true]")
        assert bmu.count() == 1 and "best-matching unit" in bmu.get_attribute("aria-label")
        assert page.locator("#explore-samples [aria-pressed=true]").count() == 1


@needs_chromium
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1200, 360])
def test_axe_finds_no_violation(visit, scheme, width):
    page = visit(color_scheme=scheme, reduced_motion="reduce")
    page.set_viewport_size({"width": width, "height": 900})
    page.locator("#explore-pad").focus()
    rules = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]}
    found = axe.Axe().run(page, context=".bd-article", options=rules)
    nodes = [(v["id"], n["html"]) for v in found.response["violations"] for n in v["nodes"]]
    assert nodes == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@needs_chromium
def test_a_browser_without_scripts_says_so(visit):
    page = visit(java_script_enabled=False)
    assert "The map needs JavaScript" in page.inner_text("main")
    assert not page.locator("#explore").is_visible()
