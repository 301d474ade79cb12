"""One visual language for drawings: what has which color and shape, and SVG that knows the dark.

Data are upright boxes, networks are funnels, losses are rounded boxes. Solid arrows are values,
dashed ones the gradient of the reconstruction, dotted ones that of the clusters.
"""

import re
from html import escape
from io import StringIO
from zlib import crc32

import matplotlib.pyplot as plt
import numpy as np
from IPython.display import HTML
from matplotlib.patches import Circle, Ellipse, FancyArrowPatch, Polygon, Rectangle

from desom.errors import check_name

# By role, the color on a light page, by which `as_svg` finds the role, and on a dark one.
ROLES = {
    "ink": ("#262626", "#e8e8e8"),
    "data": ("#595959", "#b5b5b5"),
    "network": ("#0b5a9e", "#7fbdf5"),
    "clusters": ("#b3440a", "#ffa066"),
    "critic": ("#00704f", "#5fd6ac"),
    "frozen": ("#757575", "#999999"),
    "wire": ("#b3b3b4", "#5c5c5c"),
    "paper": ("#ffffff", "#121212"),
}
INK, DATA, NETWORK, CLUSTERS, CRITIC, FROZEN, WIRE, PAPER = (light for light, _ in ROLES.values())
VARIABLES = {light: f"--diagram-{name}" for name, (light, _) in ROLES.items()}
LIGHT = ";".join(f"{VARIABLES[light]}:{light}" for light, _ in ROLES.values())
DARK = ";".join(f"{VARIABLES[light]}:{dark}" for light, dark in ROLES.values())
# The theme would lay a light card under what a cell shows in the dark.
CARD = "html[data-theme=dark] .bd-content div.cell_output .text_html:has(>svg.diagram)"
RULES = (
    f".diagram{{{LIGHT};display:block;margin:auto;max-width:100%;height:auto}}"
    f"html[data-theme=dark] .diagram,[data-jp-theme-light=false] .diagram{{{DARK}}}"
    f"{CARD}{{background:none;padding:0}}"
)

RECONSTRUCTION_STYLE = "--"
CLUSTERING_STYLE = ":"
WIDTHS = (784, 500, 500, 2000, 10)


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
    """Turn a drawing in the colors above into SVG that follows the theme of its page, and close it.

    The bytes depend on the drawing alone. Texts become outlines, so they need no font. Every color
    becomes a variable, which has another value where the page is dark. ``alt`` says what the figure
    shows, for those who cannot see it. Gives the HTML, to stand within a page.
    """
    stream = StringIO()
    nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    with plt.rc_context({"svg.fonttype": "path", "svg.hashsalt": "desom"}):
        figure.savefig(stream, format="svg", transparent=True, metadata=nothing)
    plt.close(figure)
    svg = stream.getvalue().partition("<svg ")[2].partition(">")[2]
    svg = re.sub(r"#[0-9a-f]{6}", lambda color: f"var({VARIABLES[color[0]]})", svg)
    # Matplotlib's own rule is for `*`, which would be every element of the page.
    svg = re.sub(r"<style.*?</style>", f"<style>{RULES}</style>", svg, count=1, flags=re.DOTALL)
    svg = re.sub(r"<!--.*?-->\s*", "", svg, flags=re.DOTALL)
    # Two drawings of one page must not share an id.
    used = set(re.findall(r'(?:href="|url\()#([^")]+)', svg))
    own = f"d{crc32(alt.encode()):08x}-"
    svg = re.sub(r' id="([^"]+)"', lambda m: f' id="{own}{m[1]}"' if m[1] in used else "", svg)
    svg = re.sub(r'((?:href="|url\()#)', rf"\1{own}", svg)
    width, height = 72 * figure.get_size_inches()
    return HTML(
        f'<svg class="diagram" role="img" aria-label="{escape(alt)}" '
        f'viewBox="0 0 {width:g} {height:g}" style="width: {width:g}pt" '
        'xmlns="http://www.w3.org/2000/svg" '
        f'xmlns:xlink="http://www.w3.org/1999/xlink">{svg}'
    )


def draw_architecture(method, ax=None):
    """Draw the architecture of DEC, IDEC or DESOM with its losses, as in the paper's Figures 1-4.

    ``method`` is dec, idec or desom; InputError for others. Like all drawings here, it takes axes,
    by default the current ones, and gives them back without frame, in coordinates of its own.
    """
    check_name("method", method, ("dec", "idec", "desom"))
    ax = blank(ax, (-0.6, 12.6), (-4.1, 2.6))
    hidden, size = WIDTHS[1:-1], str(WIDTHS[0])
    rests = method == "dec"
    encoder = [("encoder $f$", INK), ("-".join(map(str, hidden)), INK)]
    layers = "first phase only" if rests else "-".join(map(str, hidden[::-1]))
    decoder = [(text, FROZEN if rests else INK) for text in ("decoder $g$", layers)]
    _draw_networks(ax, 2.6, encoder, decoder, rests, below=(size, str(WIDTHS[-1])))
    if not rests:
        for x in (0.3, 11.7):
            wire(ax, (x, 1.3), (x, 2.2), (6, 2.2))
        loss(ax, 6, 2.2, r"\mathcal{L}_r \;=\; \Vert \tilde{x}_i - x_i \Vert^2", NETWORK)
    arrow(ax, (6, -0.95), (6, -1.85))
    if method == "desom":
        _draw_clusters(ax, "map", 6, -2.85, rows=8)
        write(ax, 4.6, -2.85, "prototypes $m_k$\non a map", CLUSTERS, ha="right")
        write(ax, 6.2, -1.4, r"$\chi(i) = \mathrm{argmin}_k\,\Vert z_i - m_k \Vert^2$", ha="left")
        arrow(ax, (7.2, -2.85), (8.0, -2.85))
        formula = r"\mathcal{L}_{som} = \sum_k w_{ik}\,\Vert z_i - m_k \Vert^2"
        loss(ax, 10.3, -2.85, formula, CLUSTERS)
        return ax
    _draw_clusters(ax, "points", 6, -2.75)
    write(ax, 4.6, -2.75, "centers $m_k$", CLUSTERS, ha="right")
    arrow(ax, (7.2, -2.4), (8.15, -2.4))
    write(ax, 8.5, -2.4, "$q_{ik}$", CLUSTERS, "medium")
    arrow(ax, (8.9, -2.4), (10.55, -2.4))
    write(ax, 9.7, -2.1, "sharpen")
    write(ax, 10.95, -2.4, "$p_{ik}$", CLUSTERS, "medium")
    for x in (8.5, 10.95):
        wire(ax, (x, -2.7), (9.75, -3.4))
    loss(ax, 9.75, -3.5, r"\mathcal{L}_c = D_{KL}(p\,\Vert\,q)", CLUSTERS)
    return ax


def draw_gradients(ax=None):
    """Draw how the gradients of DESOM's two losses run back, as in the paper's Figure 5."""
    ax = blank(ax, (-0.6, 12.6), (-4.2, 2.6))
    encoder = [
        ("encoder $f$", INK),
        (r"$\partial \mathcal{L}_r / \partial W_e$", NETWORK),
        (r"$\gamma\,\partial \mathcal{L}_{som} / \partial W_e$", CLUSTERS),
    ]
    decoder = [("decoder $g$", INK), (r"$\partial \mathcal{L}_r / \partial W_d$", NETWORK)]
    _draw_networks(ax, 2.6, encoder, decoder, wires=0.14)
    wire(ax, (0.3, 1.3), (0.3, 2.2), (11.7, 2.2), (11.7, 1.3))
    loss(ax, 9.1, 2.2, r"\mathcal{L}_r", NETWORK)
    back = {"color": NETWORK, "style": RECONSTRUCTION_STYLE}
    arrow(ax, (9.6, 2.05), (11.35, 1.15), **back)
    for start, end in ((11.4, 10.65), (7.5, 6.35), (5.65, 4.45)):
        arrow(ax, (start, -0.14), (end, -0.14), **back)

    arrow(ax, (6.15, -0.5), (6.15, -2.25))
    loss(ax, 6, -2.7, r"\gamma\,\mathcal{L}_{som}", CLUSTERS)
    _draw_clusters(ax, "map", 9.6, -2.7)
    write(ax, 9.6, -3.85, "prototypes $m_k$", CLUSTERS)
    arrow(ax, (8.45, -2.5), (6.95, -2.5))
    write(ax, 2.6, -2.7, "weights $w_{ik}$, held fixed", FROZEN)
    arrow(ax, (4.25, -2.7), (5.05, -2.7))
    write(ax, 2.6, -3.15, "no gradient runs here", FROZEN)
    back = {"color": CLUSTERS, "style": CLUSTERING_STYLE}
    arrow(ax, (6.95, -2.9), (8.45, -2.9), **back)
    write(ax, 7.65, -3.3, r"$\gamma\,\partial \mathcal{L}_{som} / \partial m_k$", CLUSTERS)
    arrow(ax, (5.85, -2.25), (5.85, -0.5), **back)
    arrow(ax, (5.65, -0.36), (4.45, -0.36), **back)
    return ax


# The losses of a method, of the reconstruction if it has one and of the clusters, and their kind.
FLOWS = {
    "dkm": (("L_r", "L_c"), "points"),
    "dec": (("L_c",), "points"),
    "vade": (("L_x", "L_{KL}"), "mixture"),
    "desom": (("L_r", "L_{som}"), "map"),
}


def draw_flow(method, title=None, ax=None):
    """Draw a deep-clustering method, one of ``FLOWS``: parts, losses, what each gradient reaches.

    Solid arrows are values, dashed blue ones the gradient of the reconstruction, dotted red ones
    that of the clustering. A part that no loss trains any more is gray. InputError for others.
    """
    check_name("method", method, FLOWS)
    losses, kind = FLOWS[method]
    ax = blank(ax, (-0.4, 12.4), (-5.1, 3.1))
    ax.set_title(title or "", color=INK)
    *reconstruction, clustering = [rf"\mathcal{{{name[0]}}}{name[1:]}" for name in losses]
    rests = not reconstruction
    color = FROZEN if rests else INK
    _draw_networks(ax, 2.2, [("encoder", INK)], [("decoder", color)], rests)
    _draw_clusters(ax, kind, 6, -3.4)
    write(ax, 6, -4.85, "$m_k$", CLUSTERS, "medium")
    arrow(ax, (6, -0.5), (6, -2.3))
    for formula in reconstruction:
        for x in (0.3, 11.7):
            wire(ax, (x, 1.1), (x, 2.3), (6, 2.3))
        loss(ax, 6, 2.3, formula, NETWORK)
        arrow(ax, (6.7, 2.1), (9.2, 0.75), NETWORK, RECONSTRUCTION_STYLE)
        arrow(ax, (5.3, 2.1), (2.8, 0.75), NETWORK, RECONSTRUCTION_STYLE)
    for start in ((5.7, -0.4), (4.6, -3.4)):
        wire(ax, start, (2.8, -2.6))
    loss(ax, 2.5, -2.6, clustering, CLUSTERS)
    arrow(ax, (2.5, -2.1), (2.7, -0.75), CLUSTERS, CLUSTERING_STYLE)
    arrow(ax, (3.3, -3.0), (4.7, -3.9), CLUSTERS, CLUSTERING_STYLE)
    return ax


def _draw_networks(ax, height, encoder, decoder, rests=False, below=("", ""), wires=0):
    """Draw data, encoder, code, decoder and reconstruction in a row; gray where nothing trains."""
    box(ax, 0.3, height, "$x$", DATA, below[0])
    funnel(ax, 1.4, 4.4, height, 0.9, encoder)
    box(ax, 6.0, 0.9, "$z$", NETWORK, below[1])
    funnel(ax, 7.6, 10.6, 0.9, height, decoder, FROZEN if rests else NETWORK)
    box(ax, 11.7, height, r"$\tilde{x}$", FROZEN if rests else DATA, below[0])
    for start, end in ((0.6, 1.35), (4.45, 5.7), (6.3, 7.55), (10.65, 11.4)):
        later = rests and start > 6
        arrow(ax, (start, wires), (end, wires), FROZEN if later else INK)


def _draw_clusters(ax, kind, x, y, rows=4):
    """Draw what gives codes their clusters, 2 wide: centers, a mixture, or a map."""
    xs, ys = x + np.array([-1.0, 0, 0.9, -0.6, 0.6]), y + np.array([0.4, 0.1, 0.6, -0.7, -0.6])
    if kind == "map":
        xs, ys = np.meshgrid(x + np.linspace(-1, 1, rows), y + np.linspace(-0.75, 0.75, rows))
        ax.plot(xs, ys, xs.T, ys.T, color=CLUSTERS, lw=0.8)
    if kind == "mixture":
        for center in zip(xs, ys, strict=True):
            ax.add_patch(Ellipse(center, 1.0, 0.7, fc=CLUSTERS, lw=0, alpha=0.2))
    ax.plot(xs.ravel(), ys.ravel(), "o", color=CLUSTERS, ms=3)


# Where the methods stand that train for some of three tasks.
PLACES = {
    "R": (-2.35, 1.35),
    "C": (2.35, 1.35),
    "S": (0, -2.25),
    "RC": (0, 1.75),
    "RS": (-1.5, -0.75),
    "CS": (1.5, -0.75),
    "RCS": (0, 0.2),
}


def draw_venn(regions, ax=None):
    """Draw three overlapping tasks, and the methods that train for some of them at once.

    ``regions`` has the names of the methods by sets of tasks, letters of "RCS": representation
    learning, clustering, self-organization. InputError for a set without a region.
    """
    ax = blank(ax, (-4.6, 4.6), (-3.4, 3.9))
    circles = {
        "representation learning": ((-1.25, 0.9), NETWORK, (-2.6, 3.45), "-"),
        "clustering": ((1.25, 0.9), CLUSTERS, (2.4, 3.45), "--"),
        "self-organization\n(topology)": ((0, -0.95), CRITIC, (3.3, -2.6), ":"),
    }
    for name, (center, color, place, style) in circles.items():
        ax.add_patch(Circle(center, 2.2, fc=color, alpha=0.13, lw=0))
        ax.add_patch(Circle(center, 2.2, fill=False, ec=color, lw=1.8, ls=style))
        write(ax, *place, name, color, "medium", weight="bold")
    for tasks, methods in regions.items():
        check_name("set of tasks", tasks, PLACES)
        write(ax, *PLACES[tasks], "\n".join(methods))
    return ax
