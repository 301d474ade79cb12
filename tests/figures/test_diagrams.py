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
    "venn": partial(diagrams.draw_venn, {"R": ["one"], "RCS": ["two", "three"]}),
}


def svg_of(name, alt="What it shows"):
    figure, ax = plt.subplots()
    assert DRAWINGS[name](ax=ax) is ax
    return diagrams.as_svg(figure, alt).data


def rules_and_drawing(svg):
    rules = re.search("<style>(.*?)</style>", svg)[1]
    return rules, svg.replace(rules, "")


@pytest.mark.parametrize("name", DRAWINGS)
def test_a_drawing_is_an_image_with_words_whose_colors_are_those_of_the_page(name):
    svg = svg_of(name, 'A "map" & its <units>')
    root = ElementTree.fromstring(svg)
    assert root.attrib["role"] == "img" and root.attrib["aria-label"] == 'A "map" & its <units>'
    assert len(svg) < 200_000
    assert not list(root.iter("{http://www.w3.org/2000/svg}text")), "a text would need a font"
    rules, drawing = rules_and_drawing(svg)
    assert not re.search(r"(fill|stroke): (?!var|none)", drawing), "the same in the dark"
    assert {*re.findall(r"var\((.*?)\)", drawing)} <= {*re.findall(r"(--[\w-]+):", rules)}


@pytest.mark.parametrize("name", ["architecture of desom", "venn"])
def test_two_drawings_are_the_same_bytes(name):
    assert svg_of(name) == svg_of(name)
    assert not plt.get_fignums()


def test_two_drawings_of_a_page_share_no_id_and_their_references_resolve():
    seen = set()
    for name in ("flow of dec", "flow of dkm"):
        svg = svg_of(name, name)
        ids = re.findall(r' id="([^"]+)"', svg)
        assert len({*ids}) == len(ids) > 0 and not seen & {*ids}
        assert {*re.findall(r'(?:href="|url\()#([^")]+)', svg)} == {*ids}
        seen |= {*ids}


def test_nothing_is_drawn_in_the_default_black():
    _, drawing = rules_and_drawing(svg_of("gradients"))
    shapes = re.findall(r"<(?:path|use)[^>]*>", drawing)
    texts = re.findall(r"<g [^>]*scale\([^>]*>", drawing)
    assert len(texts) > 10 and all("fill: var(" in text for text in texts)
    filled = [shape for shape in shapes if 'style="' in shape and "fill: none" not in shape]
    assert filled and all("var(" in shape for shape in filled)


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


def test_texts_can_be_read_in_both_themes():
    rules, _ = rules_and_drawing(svg_of("venn"))
    themes = [dict(re.findall("(--[a-z-]+):(#[0-9a-f]{6})", rule)) for rule in rules.split("}")[:2]]
    light, dark = themes
    assert light.keys() == dark.keys() and len({*light.values()}) == len({*dark.values()})
    for theme in themes:
        paper = theme.pop("--diagram-paper")
        theme.pop("--diagram-wire")
        assert len(theme) >= 6 and min(contrast(color, paper) for color in theme.values()) >= 4.5


@pytest.mark.parametrize("draw", [diagrams.draw_architecture, diagrams.draw_flow])
def test_a_method_without_a_drawing_is_refused(draw):
    with pytest.raises(InputError, match="method"):
        draw("kmeans")
