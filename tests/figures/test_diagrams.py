"""Drawings as SVG: the same bytes each time, colors that can be read, no id that two share."""

import re
from functools import partial
from xml.etree import ElementTree

import matplotlib.pyplot as plt
import pytest

from desom.errors import InputError
from desom.figures import diagrams

DRAWINGS = {
    **{
        f"architecture of {name}": partial(diagrams.draw_architecture, name)
        for name in ("dec", "idec", "desom")
    },
    **{f"flow of {name}": partial(diagrams.draw_flow, name, "A title") for name in diagrams.FLOWS},
    "gradients": diagrams.draw_gradients,
    "venn": lambda ax: diagrams.draw_venn({"R": ["one"], "RCS": ["two", "three"]}, ax),
}


def svg_of(name, alt="What it shows"):
    figure, ax = plt.subplots()
    assert DRAWINGS[name](ax) is ax
    return diagrams.as_svg(figure, alt).data


@pytest.mark.parametrize("name", DRAWINGS)
def test_a_drawing_is_an_image_with_words_in_the_roles_colors_alone(name):
    svg = svg_of(name, 'A "map" & its <units>')
    root = ElementTree.fromstring(svg)
    assert root.attrib["role"] == "img" and root.attrib["aria-label"] == 'A "map" & its <units>'
    assert len(svg) < 200_000
    drawn = re.sub(r"(?:href=\"|url\()#[\w-]+", "", svg.replace(diagrams._rules(), ""))
    assert "#" not in drawn.partition("aria-label")[2].partition("xmlns")[2]
    known = {f"--diagram-{role}" for role, _ in diagrams.ROLES.values()}
    assert {*re.findall(r"var\((.*?)\)", drawn)} <= known
    assert not list(root.iter("{http://www.w3.org/2000/svg}text")), "a text would need a font"


@pytest.mark.parametrize("name", ["architecture of desom", "venn"])
def test_two_drawings_are_the_same_bytes(name):
    assert svg_of(name) == svg_of(name)
    assert not plt.get_fignums()


def test_two_drawings_of_a_page_share_no_id_and_their_references_resolve():
    seen = set()
    for name in ("flow of dec", "flow of idec"):
        svg = svg_of(name, name)
        ids = re.findall(r' id="([^"]+)"', svg)
        assert len({*ids}) == len(ids) > 0 and not seen & {*ids}
        assert {*re.findall(r'(?:href="|url\()#([^")]+)', svg)} == {*ids}
        seen |= {*ids}


def test_nothing_is_drawn_in_the_default_black():
    svg = svg_of("gradients")
    shapes = re.findall(r"<(?:path|use)[^>]*>", svg.partition("</style>")[2])
    texts = re.findall(r"<g [^>]*scale\([^>]*>", svg)
    assert len(texts) > 10 and all("fill: var(" in text for text in texts)
    filled = [shape for shape in shapes if 'style="' in shape and "fill: none" not in shape]
    assert filled and all("var(--diagram-" in shape for shape in filled)


def luminance(color):
    """WCAG's relative luminance of a color such as #0b5a9e."""
    parts = [int(color[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(*colors):
    low, high = sorted(map(luminance, colors))
    return (high + 0.05) / (low + 0.05)


def test_contrast_is_that_of_wcag():
    assert contrast("#ffffff", "#000000") == pytest.approx(21)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)


@pytest.mark.parametrize(
    "color", [c for c in diagrams.ROLES if c not in ("#ffffff", diagrams.WIRE)]
)
def test_texts_can_be_read_in_both_themes(color):
    _, dark_paper = diagrams.ROLES[diagrams.PAPER]
    assert contrast(color, diagrams.PAPER) >= 4.5
    assert contrast(diagrams.ROLES[color][1], dark_paper) >= 4.5


def test_roles_have_names_and_colors_of_their_own():
    names, dark = zip(*diagrams.ROLES.values(), strict=True)
    assert len({*names}) == len({*dark}) == len(diagrams.ROLES)


@pytest.mark.parametrize("draw", [diagrams.draw_architecture, diagrams.draw_flow])
def test_a_method_without_a_drawing_is_refused(draw):
    with pytest.raises(InputError, match="method"):
        draw("kmeans")
