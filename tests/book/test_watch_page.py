"""The page that trains in the browser: its engine against Keras and the metrics, its readers."""

import keras
import numpy as np
import pytest
from keras.random import SeedGenerator

import watch
from desom import datasets, metrics
from desom.autoencoder import build_networks
from desom.desom import DESOMModel
from desom.grid import TOPOLOGIES, grid_distances
from desom.som import SOMLayer
from drawings import read

QUIET = {"reduced_motion": "reduce"}


@pytest.fixture
def visit(opened):
    """Open the page, as wide as told."""

    def visit(width=1280, height=900, **options):
        return opened("watch", "#watch-run", width, height, **options)

    return visit


@pytest.fixture(scope="module")
def digits():
    return datasets.load("digits")


# The engine

TRAIN = """([encoder, decoder, prototypes, size, topology, batches, settings]) => {
    const { parameter, createMap, step } = DesomEngine;
    const network = (layers) => layers.map(([kernel, bias]) =>
        ({ kernel: parameter(kernel.flat()), bias: parameter(bias) }));
    const model = {
        encoder: network(encoder), decoder: network(decoder), iteration: 0,
        map: createMap(size, topology, prototypes.flat()),
    };
    const curves = batches.map((x) => step(model, Float64Array.from(x.flat()), settings));
    const layers = [...model.encoder, ...model.decoder];
    const learned = [...layers.flatMap(({ kernel, bias }) => [kernel, bias]), model.map.prototypes];
    return [curves, learned.map(({ values }) => [...values])];
}"""
SCORES = """([prototypes, z, size, topology, labels]) => {
    const { createMap, mapScores, classCounts, purity, nmi } = DesomEngine;
    const map = createMap(size, topology, prototypes.flat());
    const { bmus, ...scores } = mapScores(map, Float64Array.from(z.flat()));
    const counts = classCounts(bmus, map.units, labels, 10);
    return { ...scores, bmus: [...bmus], purity: purity(counts), nmi: nmi(counts) };
}"""


def layers(network):
    weights = [weight.tolist() for weight in network.get_weights()]
    return list(zip(weights[::2], weights[1::2], strict=True))


@pytest.mark.parametrize("topology", TOPOLOGIES)
def test_twenty_steps_are_those_of_keras(topology, visit, digits):
    size, gamma = (4, 5), 0.1  # at which both losses shape the encoder
    networks = build_networks(64, (32, 16), 2, SeedGenerator(0))
    model = DESOMModel(*networks, SOMLayer(size, 3.0, 0.3, 20, topology), gamma)
    model.compile(optimizer=keras.optimizers.Adam(0.001))
    model.som.prototypes.assign(model.encoder(digits.x[:20]))
    prototypes = keras.ops.convert_to_numpy(model.som.prototypes).tolist()
    batches = np.random.default_rng(0).choice(digits.x, (20, 32))
    settings = {"gamma": gamma, "tMax": 3, "tMin": 0.3, "iterations": 20}

    given = [*map(layers, networks), prototypes, size, topology, batches.tolist(), settings]
    curves, learned = visit(**QUIET).evaluate(TRAIN, given)

    for batch, point in zip(batches, curves, strict=True):
        model.reset_metrics()
        losses = model.train_on_batch(batch, return_dict=True)
        wanted = {
            "temperature": float(model.som.temperature()),
            "loss": losses["loss"],
            "reconstructionLoss": losses["reconstruction_loss"],
            "somLoss": losses["som_loss"],
        }
        assert point == pytest.approx(wanted, rel=1e-4)
    for values, variable in zip(learned, model.trainable_variables, strict=True):
        wanted = keras.ops.convert_to_numpy(variable)
        assert np.allclose(np.reshape(values, wanted.shape), wanted, rtol=0, atol=1e-4)
    assert not np.allclose(learned[-1], np.ravel(prototypes), atol=5e-3)


@pytest.mark.parametrize("topology", TOPOLOGIES)
def test_the_indices_are_those_of_the_metrics(topology, visit):
    rng, size = np.random.default_rng(0), (3, 4)
    prototypes, z = rng.normal(size=(12, 2)), rng.normal(size=(200, 2))
    labels = rng.integers(10, size=200)
    given = [prototypes.tolist(), z.tolist(), size, topology, labels.tolist()]
    scores = visit(**QUIET).evaluate(SCORES, given)
    bmus = np.array(scores.pop("bmus"))
    assert np.array_equal(bmus, np.linalg.norm(z[:, None] - prototypes, axis=2).argmin(axis=1))
    assert scores == pytest.approx(
        {
            "quantizationError": metrics.quantization_error(z, prototypes),
            "topographicError": metrics.topographic_error(
                z, prototypes, grid_distances(size, topology)
            ),
            "purity": metrics.purity(labels, bmus),
            "nmi": metrics.nmi(labels, bmus, "geometric"),
        }
    )


def test_every_epoch_is_a_permutation_and_follows_the_seed(visit):
    drawn = visit(**QUIET).evaluate(
        """() => [0, 0, 1].map((seed) => {
            const batches = DesomEngine.shuffledBatches(10, 4, DesomEngine.randomNumbers(seed));
            return Array.from({ length: 10 }, () => batches.next().value);
        })"""
    )
    one, same, other = (np.reshape(batches, (4, 10)) for batches in drawn)
    assert np.array_equal(np.sort(one, axis=1), np.tile(np.arange(10), (4, 1)))
    assert np.array_equal(one, same) and not np.array_equal(one, other)
    assert len({tuple(epoch) for epoch in one}) == 4


def test_the_digits_are_those_of_scikit_learn(digits):
    arrays, _ = read(watch.DATA.read_text("utf-8"))
    assert np.array_equal(arrays["images"] / 16, digits.x)
    assert np.array_equal(arrays["labels"], digits.y)


# DESOM


def iteration(page):
    return int(page.inner_text("#watch-iteration").split()[0].replace(",", ""))


def numbers(page):
    """Read the table: the last value of every curve that has one."""
    names, texts = (page.locator(f"#watch-curves {tag}").all_inner_texts() for tag in ("th", "td"))
    texts = zip(names, texts[::2], strict=True)
    return {name: float(text) for name, text in texts if text != "–"}


def train_to(page, least):
    page.wait_for_function(
        "least => parseInt(document.querySelector('#watch-iteration').textContent"
        ".replace(',', '')) >= least",
        arg=least,
        timeout=60_000,
    )


def test_it_learns_as_soon_as_it_is_seen_at_twenty_steps_a_second_at_least(visit):
    page = visit()
    train_to(page, 50)  # the functions are compiled by then
    before = iteration(page)
    page.wait_for_timeout(3000)
    assert iteration(page) - before > 20 * 3
    page.click("#watch-play")
    paused = iteration(page)
    page.wait_for_timeout(300)
    assert iteration(page) == paused and page.inner_text("#watch-play") == "Play"


def test_it_waits_where_less_motion_is_wanted_and_out_of_sight(visit):
    page = visit(**QUIET)
    page.wait_for_timeout(300)
    assert iteration(page) == 0 and page.inner_text("#plane-play") == "Play"
    page.click("#watch-restart")
    assert page.inner_text("#watch-play") == "Play"
    page.click("#watch-play")
    train_to(page, 20)
    page.locator("footer").last.scroll_into_view_if_needed()
    page.wait_for_timeout(300)
    unseen = iteration(page)
    page.wait_for_timeout(300)
    assert iteration(page) == unseen
    page.locator("#watch-run").scroll_into_view_if_needed()
    train_to(page, unseen + 10)


def test_a_seed_repeats_itself(visit):
    page, seen = visit(**QUIET), []
    for seed in (3, 3, 4):
        page.fill("#watch-seed", str(seed))
        page.click("#watch-restart")
        for _ in range(3):
            page.click("#watch-step")
        assert iteration(page) == 3
        seen.append(numbers(page))
    assert seen[0] == seen[1] != seen[2]


def test_the_cases_are_what_the_page_says(visit):
    page, reached = visit(**QUIET), {}
    said = {
        "DESOM": "Both losses",
        "γ = 0": "γ = 0:",
        "γ = 100": "γ = 100:",
        "T ≥ 1": "T ends at 1",
    }
    for case, beginning in said.items():
        page.get_by_role("button", name=case).click()
        assert page.inner_text("#watch-says").startswith(beginning)
        assert page.locator("#watch-says").bounding_box()["height"] < 32  # one line
        start = numbers(page)
        page.click("#watch-play")
        train_to(page, 400)
        page.click("#watch-play")
        reached[case] = {name: (start.get(name), end) for name, end in numbers(page).items()}
    left, collapsed = reached["γ = 0"], reached["γ = 100"]
    error, order = "quantization error", "topographic error"
    assert left[error][1] > 10 * left[error][0] and left[order][1] > 0.9
    assert collapsed[error][1] < 0.3 * collapsed[error][0]
    reconstruction = {case: ends["reconstruction loss"][1] for case, ends in reached.items()}
    assert reconstruction["γ = 100"] > 1.1 * max(reconstruction["DESOM"], reconstruction["γ = 0"])
    assert reached["T ≥ 1"]["temperature T"][1] > reached["DESOM"]["temperature T"][1]


def test_the_training_comes_to_an_end_and_begins_anew(visit):
    page = visit(**QUIET)
    page.get_by_label("map size").fill("0")
    assert page.inner_text("#watch-size-value") == "2 × 2"
    page.click("#watch-play")
    train_to(page, 3000)
    page.wait_for_function("() => document.querySelector('#watch-play').textContent === 'Play'")
    assert numbers(page)["temperature T"] == pytest.approx(0.1, rel=0.02)
    page.click("#watch-step")
    assert iteration(page) == 1


def test_every_control_works_by_keys(visit):
    page = visit(**QUIET)
    page.locator("#watch-play").focus()
    page.keyboard.press("Enter")
    train_to(page, 10)
    page.keyboard.press("Space")
    for name, value in (("gamma", "0.01"), ("tMax", "15"), ("tMin", "0.2"), ("size", "10 × 10")):
        page.locator(f"#watch-{name}").focus()
        page.keyboard.press("ArrowRight")
        assert page.inner_text(f"#watch-{name}-value") == value
        assert page.get_attribute(f"#watch-{name}", "aria-valuetext") == value
    assert iteration(page) == 0  # another size is another map
    page.click("#watch-step")
    page.get_by_label("neighbors").select_option("hexagonal")
    assert iteration(page) == 0


# The map alone


def plane(page):
    names = ("t", "loss", "qe", "te")
    return {name: float(page.inner_text(f"#plane-{name}")) for name in names}


def test_heat_contracts_the_lattice_and_cooling_unfolds_it_in_order(visit):
    page = visit(**QUIET)
    page.locator("#plane-run").scroll_into_view_if_needed()
    slider = page.get_by_label("temperature T")
    errors = {}
    for name, temperature in (("quenched", "-1"), ("hot", "1")):
        page.click("#plane-scatter")
        slider.fill(temperature)
        page.click("#plane-play")
        page.wait_for_timeout(4000)
        page.click("#plane-play")
        errors[name] = plane(page)
    page.click("#plane-cool")
    page.wait_for_function("() => document.querySelector('#plane-temperature').value <= -0.5")
    page.click("#plane-play")
    errors["cooled"] = plane(page)
    assert errors["hot"]["qe"] > 3 * errors["quenched"]["qe"]
    assert errors["cooled"]["qe"] < 0.5 * errors["hot"]["qe"]
    assert errors["cooled"]["te"] < 0.5 * errors["quenched"]["te"]
    assert errors["hot"]["t"] == 10 and errors["cooled"]["t"] < 0.4


@pytest.mark.parametrize("by", ["mouse", "keys"])
def test_a_point_is_dropped_where_it_is_wanted(visit, by):
    page = visit(**QUIET)
    page.click("#plane-clear")
    assert page.inner_text("#plane-loss") == "–"
    canvas = page.locator("#plane-canvas")
    if by == "mouse":
        box = canvas.bounding_box()
        canvas.click(position={"x": 0.75 * box["width"], "y": 0.5 * box["height"]})
    else:
        canvas.focus()
        scrolled = page.evaluate("scrollY")
        for key in (*["ArrowRight"] * 5, "ArrowDown", "ArrowUp", "Space"):
            page.keyboard.press(key)
        assert page.evaluate("scrollY") == scrolled
    page.locator("#plane-temperature").fill("1")
    page.click("#plane-play")
    page.wait_for_timeout(3000)
    page.click("#plane-play")
    assert plane(page)["qe"] < 0.05  # the whole map is at the only point
    colors = page.evaluate(
        """() => {
            const canvas = document.querySelector("#plane-canvas");
            const { width, height } = canvas;
            const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
            const [x, y] = [[], []];
            for (let p = 0; p < width * height; p++) {
                if (!data[4 * p + 3]) continue;
                x.push((p % width) / width);
                y.push(1 - p / width / height);
            }
            return [x, y].map((v) => v.reduce((sum, n) => sum + n, 0) / v.length);
        }"""
    )
    assert colors == pytest.approx([0.75, 0.5], abs=0.05)


# Its readers


@pytest.mark.parametrize(("width", "height"), [(1280, 900), (390, 844)])
def test_map_and_codes_are_side_by_side_and_the_rest_is_near(visit, width, height):
    page = visit(width, height, **QUIET)
    shown, beside = (page.locator(f"#watch-{name}").bounding_box() for name in ("map", "codes"))
    assert shown["y"] == beside["y"] and shown["x"] + shown["width"] <= beside["x"]
    assert page.locator("#watch-run").bounding_box()["height"] < 1.15 * height


def test_a_browser_that_is_too_old_says_so(browser, committed_book):
    page = browser.new_page()
    page.add_init_script("delete window.DecompressionStream")
    page.goto((committed_book / "book/watch.html").as_uri())
    page.get_by_text("This page does not work in this browser").wait_for()
    page.close()


def test_a_browser_without_scripts_says_so(visit):
    page = visit(java_script_enabled=False)
    assert "The maps need JavaScript" in page.inner_text("main")
    assert not page.locator("#watch-run").is_visible()
    assert not page.locator("#plane-run").is_visible()
