"""The interactive page in a browser, as its readers meet it: mouse, finger, keys."""

import re

import numpy as np
import pytest

import interactive
from drawings import DIGITS, apply, nearest, read


@pytest.fixture(scope="module")
def data():
    """Read the arrays and the facts of the data file."""
    return read((interactive.FOLDER / "mnist.js").read_text("utf-8"))


@pytest.fixture
def visit(opened):
    """Open the page, as wide as told."""

    def visit(width=1200, **options):
        return opened("explore", "#explore-units", width, 1000, **options)

    return visit


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


def test_the_browser_computes_what_python_computes(visit, data):
    arrays, _ = data
    images = np.concatenate([arrays["sample_images"], arrays["member_images"][::40]]) / 255
    seen = visit().evaluate(
        """async (images) => {
            const arrays = await ExploreModel.unpack(Model_mnist);
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


def test_digits_drawn_with_the_mouse_are_recognized(visit):
    page, found = visit(), {}
    for digit, strokes in DIGITS.items():
        page.click("#explore-clear")
        assert status(page) == "The pad is empty."
        draw(page, strokes)
        found[digit] = recognized(page)
    assert sum(digit == unit for digit, unit in found.items()) >= 8, found


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


def test_a_digit_drawn_with_keys_is_recognized(visit):
    page = visit()
    page.get_by_role("application", name="Drawing pad").focus()
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
    page.keyboard.press(" ")
    for key in ("ArrowDown", "ArrowRight"):
        page.keyboard.down(key)
    for key in ("ArrowDown", "ArrowRight"):
        page.keyboard.up(key)
    page.keyboard.press(" ")
    (stroke,) = page.evaluate("window.seen")
    assert np.allclose(stroke, [[0.5, 0.5], [0.5, 0.55], [0.55, 0.6]])


def test_a_drawing_is_prepared_as_mnist_is(visit, data):
    _, facts = data
    sizes = [(1, 0, 0), (0.3, 0.1, 0.6)]
    drawings = [
        [[[a * x + b, a * y + c] for x, y in stroke] for stroke in DIGITS[digit]]
        for digit in DIGITS
        for a, b, c in sizes
    ]
    prepare = (
        "([drawings, width]) => drawings.map((d) => [...ExploreStrokes.toImage(d, width, 0.05)])"
    )
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


@pytest.mark.parametrize("by", ["mouse", "keys"])
def test_a_chosen_unit_shows_its_members(visit, data, by):
    arrays, _ = data
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
        """() => [...document.querySelectorAll("#explore-members canvas")].map((canvas) => {
             const { data } = canvas.getContext("2d").getImageData(0, 0, 28, 28);
             return [...data].filter((_, n) => n % 4 === 3);
           })"""
    )
    assert np.array_equal(ink, arrays["member_images"][mine])
    table = page.locator("#explore-classes tr td:nth-child(2)").all_inner_texts()
    assert [int(text.replace(",", "")) for text in table] == counts.tolist()


def test_a_sample_goes_to_the_encoder_as_it_is(visit, data):
    arrays, _ = data
    page = visit()
    units = nearest(arrays, apply(arrays, "encoder", arrays["sample_images"] / 255))
    for n, unit in enumerate(units):
        page.locator("#explore-samples button").nth(n).press("Enter")
        assert f"row {unit // 8 + 1}, column {unit % 8 + 1};" in status(page)
        bmu = page.locator("#explore-map [aria-current=true]")
        assert bmu.count() == 1 and "best-matching unit" in bmu.get_attribute("aria-label")
        assert page.locator("#explore-samples [aria-pressed=true]").count() == 1


def test_a_code_that_is_dragged_is_decoded(visit, data):
    arrays, _ = data
    page = visit()
    code = apply(arrays, "encoder", arrays["sample_images"][:1] / 255)
    slider = page.get_by_label("Dimension 3 of the code")
    slider.focus()
    for _ in range(40):
        page.keyboard.press("ArrowRight")
    code[0, 2] = float(slider.input_value())
    decoded = apply(arrays, "decoder", code)[0]
    ink = page.evaluate(
        """() => {
             const canvas = document.querySelector("#explore-reconstruction");
             const { data } = canvas.getContext("2d").getImageData(0, 0, 28, 28);
             return [...data].filter((_, n) => n % 4 === 3);
           }"""
    )
    assert np.abs(np.array(ink) - 255 * decoded.clip(0, 1)).max() < 2.5
    unit = nearest(arrays, code)[0]
    assert f"row {unit // 8 + 1}, column {unit % 8 + 1};" in status(page)


def test_the_sliders_show_recorded_maps(visit):
    page = visit()
    loaded = "() => performance.getEntriesByType('resource').map(e => e.name.split('/').pop())"
    assert "mnist-maps.js" not in page.evaluate(loaded)
    page.locator("#explore-recorded").scroll_into_view_if_needed()
    says = page.locator("#explore-moment-says")
    page.wait_for_function("document.querySelector('#explore-moment-says').textContent !== ''")
    assert says.inner_text() == "After 10,000 of 10,000 iterations."
    page.locator("#explore-moment").press("Home")
    page.wait_for_function("document.querySelector('#explore-moment').value === '0'")
    assert says.inner_text().startswith("After 50 of")
    _, facts = read((interactive.FOLDER / "mnist-maps.js").read_text("utf-8"))
    for setting in ("gamma", "t_min"):
        page.locator("#explore-vary").select_option(f"mnist {setting}")
        purity = f"{facts[setting][-1]['purity']:.3f}".lstrip("0")
        page.get_by_text(f"purity {purity}").wait_for()


def test_another_data_set_can_be_chosen(visit):
    page = visit()
    page.locator("#explore-dataset").select_option("fashion_mnist")
    page.get_by_text("Fashion-MNIST's images are nearer").wait_for()
    page.get_by_role("button", name="Sample of Bag").click()
    assert "most of its images are Bag" in status(page)
    assert page.locator("#explore-map [role=gridcell]").count() == 64
    page.locator("#explore-dataset").select_option("mnist")
    page.get_by_text("of MNIST's images are nearer").wait_for()
    assert page.locator("#explore-map [role=gridcell]").count() == 64


def test_pad_and_map_are_side_by_side_on_a_wide_screen(visit):
    page = visit(1280)
    pad, grid = (page.locator(f"#explore-{name}").bounding_box() for name in ("pad", "map"))
    assert pad["x"] + pad["width"] < grid["x"] and abs(pad["y"] - grid["y"]) < 5


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1200, 360])
def test_axe_finds_no_violation(visit, scheme, width):
    from axe_playwright_python.sync_playwright import Axe

    page = visit(width, color_scheme=scheme, reduced_motion="reduce")
    page.locator("#explore-pad").focus()
    rules = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]}
    found = Axe().run(page, context=".bd-article", options=rules).response["violations"]
    assert [(rule["id"], node["html"]) for rule in found for node in rule["nodes"]] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_browser_without_scripts_says_so(visit):
    page = visit(java_script_enabled=False)
    assert "The map needs JavaScript" in page.inner_text("main")
    assert not page.locator("#explore").is_visible()
