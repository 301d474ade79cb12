"""Drawings of maps: what is drawn, where, on which axes."""

from itertools import product

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import PolyCollection

from desom import DESOM, Kerasom, figures, metrics
from desom.errors import InputError
from desom.grid import TOPOLOGIES, grid_distances
from helpers import small

SIZE = (4, 3)
K = 12
GRIDS = [(topology, toroidal) for topology in TOPOLOGIES for toroidal in (False, True)]


@pytest.fixture
def prototypes():
    return np.random.default_rng(0).normal(size=(K, 5))


def drawn(ax):
    """Draw the figure of some axes, so that what cannot be drawn fails."""
    ax.figure.canvas.draw()
    return ax


# Mosaics


@pytest.mark.parametrize("gap", [0, 2])
@pytest.mark.parametrize("topology", TOPOLOGIES)
def test_a_mosaic_has_every_image_at_the_place_of_its_unit(topology, gap):
    height, width = 3, 4
    images = np.random.default_rng(0).random((K, height * width))
    picture = figures.mosaic(images, SIZE, (height, width), topology, gap)
    shift = (width + gap) // 2 if topology == "hexagonal" else 0
    rows, columns = SIZE
    assert picture.shape == (
        rows * (height + gap) - gap,
        columns * (width + gap) - gap + shift,
    )
    seen = 0
    for k, (row, column) in enumerate(product(range(rows), range(columns))):
        top, left = row * (height + gap), column * (width + gap) + row % 2 * shift
        place = picture[top : top + height, left : left + width]
        assert np.array_equal(place.ravel(), images[k].astype(np.float32))
        seen += place.size
    assert np.isfinite(picture).sum() == seen


def test_a_mosaic_takes_bytes():
    images = np.arange(0, 240, 20, dtype=np.uint8)[:, None]
    assert np.allclose(figures.mosaic(images, SIZE, (1, 1)), images.reshape(SIZE) / 255)


# One number per unit


@pytest.mark.parametrize("topology", TOPOLOGIES)
def test_units_have_the_colors_of_their_numbers(topology):
    values = np.arange(K, dtype=float)
    values[5] = np.nan
    _, ax = plt.subplots()
    assert figures.plot_units(values, SIZE, ax, topology=topology, annot=True, vmax=20) is ax
    (cells,) = drawn(ax).collections
    assert isinstance(cells, PolyCollection) and len(cells.get_paths()) == K
    assert np.allclose(cells.get_array().filled(-1), np.where(np.isnan(values), -1, values))
    assert cells.get_clim() == (0, 20)
    assert [text.get_text() for text in ax.texts] == [str(k) for k in range(K) if k != 5]
    top, bottom = ax.get_ylim()[::-1]
    assert top < bottom, "row 0 is at the top"


def test_arguments_are_passed_on():
    _, ax = plt.subplots()
    look = {"cmap": "crest", "linewidths": 3, "annot": ["x"] * K, "annot_kws": {"size": 3}}
    figures.plot_units(range(K), SIZE, ax, cbar=False, **look)
    assert ax.collections[0].get_cmap().name == "crest"
    assert ax.collections[0].get_linewidth() == [3]
    assert {text.get_fontsize() for text in ax.texts} == {3}
    assert not ax.child_axes, "no color bar"


def test_the_color_bar_says_what_the_numbers_are():
    ax = figures.plot_units(range(K), SIZE, label="images")
    assert ax.child_axes[0].get_ylabel() == "images"


def test_the_majority_class_is_written_and_its_share_is_the_color():
    counts = np.zeros((K, 2), dtype=int)
    counts[0], counts[1] = (3, 1), (0, 5)
    ax = drawn(figures.plot_classes(counts, SIZE, ["T-shirt/top", "Ankle boot"]))
    assert [text.get_text() for text in ax.texts] == ["T-shi", "Ankle"]
    assert ax.collections[0].get_array().compressed().tolist() == [0.75, 1]


def test_large_maps_number_some_of_their_rows():
    ax = figures.plot_units(range(400), (20, 20))
    assert [label.get_text() for label in ax.get_yticklabels()][:3] == ["0", "2", "4"]


@pytest.mark.parametrize("topology", TOPOLOGIES)
def test_the_ticks_of_a_mosaic_are_in_the_middle_of_the_images(topology):
    ax = figures.plot_prototypes(np.zeros((K, 6)), SIZE, (2, 3), topology=topology, gap=1)
    assert drawn(ax).get_yticks().tolist() == [0.5, 3.5, 6.5, 9.5]
    assert ax.get_xticks().tolist() == [1, 5, 9]


# Among the data


@pytest.mark.parametrize(("topology", "toroidal"), GRIDS)
def test_a_lattice_has_a_line_for_every_pair_of_neighbors(prototypes, topology, toroidal):
    plane = prototypes[:, :2]
    ax = figures.plot_lattice(plane, plane, SIZE, None, topology, toroidal, s=9)
    lines = {frozenset(map(tuple, line.get_xydata())) for line in ax.lines}
    pairs = np.argwhere(np.triu(grid_distances(SIZE, topology, toroidal) == 1))
    assert lines == {frozenset({tuple(plane[k]), tuple(plane[m])}) for k, m in pairs}
    assert drawn(ax).collections[0].get_sizes() == [9]


def test_a_projection_keeps_a_plane_as_it_is():
    rng = np.random.default_rng(0)
    basis = np.linalg.qr(rng.normal(size=(5, 2)))[0].T
    codes, prototypes = rng.normal(size=(50, 2)) @ basis, rng.normal(size=(K, 2)) @ basis
    classes = np.arange(50) % 2 * 3
    ax = figures.plot_projection(codes, prototypes, SIZE, classes=classes, class_names="abcd")
    points, units = (np.asarray(c.get_offsets()) for c in drawn(ax).collections)
    for projected, given in ((points, codes), (units, prototypes)):
        between = np.linalg.norm(projected[:, None] - projected, axis=2)
        assert np.allclose(between, np.linalg.norm(given[:, None] - given, axis=2))
    assert len(np.unique(ax.collections[0].get_facecolor(), axis=0)) == 2
    assert [text.get_text() for text in ax.texts] == ["a", "d"]
    assert ax.get_xlabel().endswith("of the variance)")


# Views


@pytest.mark.parametrize(("topology", "toroidal"), GRIDS)
def test_the_u_matrix_is_drawn(prototypes, topology, toroidal):
    ax = drawn(figures.plot_u_matrix(prototypes, SIZE, None, topology, toroidal, cbar=False))
    heights = metrics.u_matrix(prototypes, grid_distances(SIZE, topology, toroidal))
    assert np.allclose(ax.collections[0].get_array(), heights)


NAMES = ["a", "b", "c", "d", "e"]


@pytest.mark.parametrize("convert", [list, np.array, pd.Index, pd.Series, tuple])
@pytest.mark.parametrize("topology", TOPOLOGIES)
def test_every_component_is_drawn_on_a_scale_of_its_own(prototypes, topology, convert):
    axes = figures.plot_components(prototypes, SIZE, topology=topology, names=convert(NAMES))
    assert [ax.get_title() for ax in axes] == NAMES
    for ax, values in zip(axes, prototypes.T, strict=True):
        assert np.allclose(drawn(ax).collections[0].get_array(), values)
        assert ax.collections[0].get_clim() == (values.min(), values.max())
        assert len(ax.child_axes) == 1, "a color bar"


def test_components_of_one_unit_can_be_drawn_on_one_scale(prototypes):
    axes = figures.plot_components(prototypes, SIZE, vmin=-3, vmax=3)
    assert [ax.get_title() for ax in axes] == list("12345")
    assert all(ax.collections[0].get_clim() == (-3, 3) for ax in axes)


def overlaps(figure):
    """List the pairs of titles, axes and color bars that cover one another."""
    figure.canvas.draw()
    renderer = figure.canvas.get_renderer()
    boxes = []
    for ax in figure.axes:
        if ax.axison:
            parts = [ax, ax.title, *ax.child_axes] if ax.get_title() else [ax, *ax.child_axes]
            boxes.append([part.get_tightbbox(renderer) for part in parts])
    return [
        (i, j)
        for i, own in enumerate(boxes)
        for j in range(i)
        for a in own
        for b in boxes[j]
        if min(a.x1, b.x1) - max(a.x0, b.x0) > 1 and min(a.y1, b.y1) - max(a.y0, b.y0) > 1
    ]


@pytest.mark.parametrize("styled", [False, True])
def test_titles_and_color_bars_never_overlap(styled):
    rng = np.random.default_rng(0)
    prototypes = rng.normal(size=(K, 13)) * 10.0 ** rng.integers(-4, 5, 13)
    names = [f"a rather long name of column {n}" for n in range(13)]
    with plt.rc_context():
        if styled:
            figures.use_style()
        axes = figures.plot_components(prototypes, SIZE, names=names)
        assert overlaps(axes[0].figure) == []
        estimator = small(Kerasom, iterations=2).fit(rng.random((40, 4)))
        y = rng.integers(3, size=40)
        axes = figures.plot_overview(estimator, rng.random((40, 4)), y, (2, 2))
        assert overlaps(axes[0].figure) == []


def test_a_walk_is_one_row():
    _, ax = plt.subplots()
    assert figures.plot_walk(np.zeros((7, 6)), (2, 3), ax) is ax
    assert drawn(ax).images[0].get_array().shape == (2, 7 * 4 - 1)
    assert ax.get_xlabel() == "step" and len(ax.get_yticks()) == 0


@pytest.mark.parametrize(
    ("cls", "changes"),
    [(Kerasom, {}), (DESOM, {"topology": "hexagonal", "toroidal": True})],
    ids=["rectangular Kerasom", "hexagonal, toroidal DESOM"],
)
def test_an_overview_takes_a_fitted_estimator(cls, changes):
    rng = np.random.default_rng(0)
    x, y = rng.random((40, 4), dtype=np.float32), rng.integers(3, size=40)
    estimator = small(cls, iterations=2, **changes).fit(x)
    axes = figures.plot_overview(estimator, x, y, image_shape=(2, 2))
    titles = ["samples per unit", "U-matrix", "majority class", "prototypes"]
    assert [drawn(ax).get_title() for ax in axes] == titles
    assert axes[0].collections[0].get_array().sum() == len(x)
    assert len(figures.plot_overview(estimator, x)) == 2


@pytest.mark.parametrize("convert", [list, np.array, pd.Index, pd.Series, tuple])
def test_a_name_goes_with_its_class_whichever_others_occur(convert, fitted, blobs):
    x, y = blobs
    names = convert(["zero", "one", "two"])
    axes = figures.plot_overview(fitted[Kerasom], x[y != 0], y[y != 0], class_names=names)
    assert {text.get_text() for text in axes[2].texts} <= {"one", "two"}
    ax = plt.figure().gca()
    prototypes = fitted[Kerasom].cluster_centers_
    figures.plot_projection(x[y != 0], prototypes, (2, 3), ax, y[y != 0], names)
    assert [text.get_text() for text in ax.texts] == ["one", "two"]


@pytest.mark.parametrize("kind", [str, bool, float])
def test_classes_may_be_names_themselves(kind, fitted, blobs):
    x, y = blobs
    labels = np.array([kind(c) for c in y])
    shown = {str(c) for c in np.unique(labels)}
    axes = figures.plot_overview(fitted[Kerasom], x, labels)
    assert {text.get_text() for text in axes[2].texts} <= shown
    ax = figures.plot_projection(x, x[:6], (2, 3), plt.figure().gca(), labels)
    assert {text.get_text() for text in ax.texts} == shown
    called = {c: f"class {c}" for c in np.unique(labels)}
    ax = figures.plot_projection(x, x[:6], (2, 3), plt.figure().gca(), labels, called)
    assert {text.get_text() for text in ax.texts} == set(called.values())


def test_what_is_written_on_the_units_may_be_a_series():
    texts = pd.Series(list("abcdefghijkl"), index=range(100, 112))
    ax = figures.plot_units(pd.Series(range(K), index=texts.index), SIZE, annot=texts)
    assert [text.get_text() for text in ax.texts] == list("abcdefghijkl")


# What cannot be drawn


@pytest.mark.parametrize(
    ("draw", "sentence"),
    [
        (lambda: figures.mosaic(np.zeros((K, 5)), SIZE, (2, 3)), "must be (12, 6)"),
        (lambda: figures.plot_units(range(5), SIZE), "takes (12,), one number per unit"),
        (lambda: figures.plot_lattice([[0, 0]], np.zeros((K, 3)), SIZE), "must be (12, 2)"),
        (lambda: figures.plot_units(range(K), SIZE, topology="hexagon"), "'hexagonal'"),
        (lambda: figures.mosaic(np.zeros((K, 1)), SIZE, (1, 1), "round"), "unknown topology"),
        (lambda: figures.plot_lattice([[0, 0]], np.zeros((K, 2)), SIZE, topology=""), "topology"),
        (lambda: figures.plot_u_matrix(np.zeros((5, 2)), SIZE), "grid_distances of shape"),
        (lambda: figures.plot_components(np.zeros((K, 3)), SIZE, names="ab"), "3 components"),
        (lambda: figures.plot_classes(np.ones((K, 2), int), SIZE, "abc"), "for each column"),
        (
            lambda: figures.plot_projection(
                np.eye(3), np.zeros((K, 3)), SIZE, classes=[0, 1, 5], class_names="ab"
            ),
            "no name for class",
        ),
    ],
)
def test_a_refusal_is_one_sentence(draw, sentence):
    with pytest.raises(InputError) as error:
        draw()
    message = str(error.value)
    assert sentence in message and "\n" not in message and message.endswith(".")


def test_panels_stand_side_by_side_in_their_order():
    axes = figures.plot_side_by_side(
        {"one": lambda ax: ax.plot([1, 2]), "two": lambda ax: ax.bar([0], [3])}, height=2
    )
    assert [ax.get_title() for ax in axes] == ["one", "two"]
    assert len(axes[0].lines) == len(axes[1].patches) == 1
    assert axes[0].figure.get_figheight() == 2


def test_a_map_is_drawn_by_its_images_and_by_its_classes():
    images, counts = np.linspace(0, 1, 16).reshape(4, 4), np.eye(4, dtype=int)
    pictures, classes = figures.plot_map(images, counts, (2, 2), (2, 2), "abcd")
    assert np.nanmax(pictures.images[0].get_array()) == 1
    assert [text.get_text() for text in classes.texts] == [*"abcd"]
