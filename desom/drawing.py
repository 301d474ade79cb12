"""One visual language for drawings: what has which color and shape, and SVG that knows the dark.

Data are upright boxes, networks are funnels, losses are rounded boxes. Solid arrows are values,
dashed ones the gradient of the reconstruction, dotted ones that of the clusters.
"""

import re
from html import escape
from io import StringIO
from zlib import crc32

import matplotlib.pyplot as plt
from IPython.display import HTML
from matplotlib.patches import FancyArrowPatch, Polygon, Rectangle

# Each role has a color of its own, since `as_svg` finds the role by it.
INK = "#262626"
DATA = "#595959"
NETWORK = "#0b5a9e"
CLUSTERS = "#b3440a"
CRITIC = "#00704f"
FROZEN = "#757575"
WIRE = "#b3b3b4"
PAPER = "#ffffff"
# The name of the role, and its color where the page is dark.
ROLES = {
    INK: ("ink", "#e8e8e8"),
    DATA: ("data", "#b5b5b5"),
    NETWORK: ("network", "#7fbdf5"),
    CLUSTERS: ("clusters", "#ffa066"),
    CRITIC: ("critic", "#5fd6ac"),
    FROZEN: ("frozen", "#999999"),
    WIRE: ("wire", "#5c5c5c"),
    PAPER: ("paper", "#121212"),
}
RECONSTRUCTION_STYLE = "--"
CLUSTERING_STYLE = ":"


def blank(ax, xlim, ylim):
    """Give axes, or the current ones, a coordinate system and nothing to see of it."""
    ax = ax or plt.gca()
    ax.set(xlim=xlim, ylim=ylim, aspect="equal")
    ax.axis("off")
    return ax


def write(ax, x, y, text, color=INK, size="small", **look):
    """Write a text, in the middle of a place unless `ha` and `va` say otherwise."""
    ax.text(x, y, text, color=color, size=size, **({"ha": "center", "va": "center"} | look))


def box(ax, x, height, symbol, color, below=""):
    """Draw data or codes: an upright box with its symbol, and its size below."""
    ax.add_patch(Rectangle((x - 0.28, -height / 2), 0.56, height, fc=PAPER, ec=color, lw=1.5))
    write(ax, x, 0, symbol, color, "large")
    write(ax, x, -height / 2 - 0.12, below, color, va="top")


def funnel(ax, x0, x1, height0, height1, lines, color=NETWORK):
    """Draw a network: a funnel from one height to another; `lines` has texts and their colors."""
    corners = [(x0, -height0 / 2), (x0, height0 / 2), (x1, height1 / 2), (x1, -height1 / 2)]
    ax.add_patch(Polygon(corners, fc=color, alpha=0.16, lw=0))
    ax.add_patch(Polygon(corners, fill=False, ec=color, lw=1.2))
    for row, (text, text_color) in enumerate(lines):
        write(ax, (x0 + x1) / 2, 0.24 * (len(lines) - 1) - 0.48 * row, text, text_color)


def loss(ax, x, y, name, color):
    """Draw a loss: its formula in a rounded box."""
    look = {"boxstyle": "round", "fc": PAPER, "ec": color, "lw": 1.5}
    write(ax, x, y, f"${name}$", color, "medium", bbox=look)


def wire(ax, *points):
    """Draw a thin line through points: it leads to a loss what the loss compares."""
    ax.plot(*zip(*points, strict=True), color=WIRE, lw=0.8, zorder=0)


def arrow(ax, start, end, color=INK, style="-"):
    """Draw an arrow: thin and solid for values, thick and broken for a gradient."""
    look = {"arrowstyle": "-|>", "mutation_scale": 11, "color": color, "shrinkA": 0, "shrinkB": 0}
    lw = 1.0 if style == "-" else 1.8
    ax.add_patch(FancyArrowPatch(start, end, linestyle=style, lw=lw, **look))


def as_svg(figure, alt):
    """Turn a drawing in the colors above into SVG that follows the theme of its page.

    The bytes depend on the drawing alone. Texts become outlines, so they need no font. Every color
    becomes a variable, which has another value where the page is dark.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        The drawing; it is closed.
    alt : str
        What it shows, for those who cannot see it.

    Returns
    -------
    IPython.display.HTML
        The SVG, to stand within a page.
    """
    stream = StringIO()
    nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    with plt.rc_context({"svg.fonttype": "path", "svg.hashsalt": "desom"}):
        figure.savefig(stream, format="svg", transparent=True, metadata=nothing)
    plt.close(figure)
    svg = stream.getvalue().partition("<svg ")[2]
    frame, svg = svg.split(">", 1)
    view = re.search(r'viewBox="[\d.]+ [\d.]+ ([\d.]+) ([\d.]+)"', frame)

    svg = re.sub(r"#[0-9a-f]{6}", lambda color: f"var(--diagram-{ROLES[color[0]][0]})", svg)
    # Matplotlib's own rule is for `*`, which would be every element of the page.
    svg = re.sub(r"<style.*?</style>", f"<style>{_rules()}</style>", svg, count=1, flags=re.DOTALL)
    svg = re.sub(r"<!--.*?-->\s*", "", svg, flags=re.DOTALL)
    # Two drawings of one page must not share an id.
    used = set(re.findall(r'(?:href="|url\()#([^")]+)', svg))
    own = f"d{crc32(alt.encode()):08x}-"
    svg = re.sub(r' id="([^"]+)"', lambda m: f' id="{own}{m[1]}"' if m[1] in used else "", svg)
    svg = re.sub(r'((?:href="|url\()#)', rf"\1{own}", svg)
    return HTML(
        f'<svg class="diagram" role="img" aria-label="{escape(alt)}" {view[0]} '
        f'style="width: {view[1]}pt" xmlns="http://www.w3.org/2000/svg" '
        f'xmlns:xlink="http://www.w3.org/1999/xlink">{svg}'
    )


def _rules():
    """Write the rules of style: the colors on white, and those where the page is dark."""
    light = ";".join(f"--diagram-{name}:{color}" for color, (name, _) in ROLES.items())
    dark = ";".join(f"--diagram-{name}:{color}" for name, color in ROLES.values())
    # The theme would lay a light card under what a cell shows in the dark.
    card = "html[data-theme=dark] .bd-content div.cell_output .text_html:has(>svg.diagram)"
    return (
        f".diagram{{{light};display:block;margin:auto;max-width:100%;height:auto}}"
        f"html[data-theme=dark] .diagram,[data-jp-theme-light=false] .diagram{{{dark}}}"
        f"{card}{{background:none;padding:0}}"
    )
