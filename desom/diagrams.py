"""Drawings of architectures, in one visual language: data gray, network blue, clusters red."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import Circle, Ellipse, FancyArrowPatch, Polygon, Rectangle

from desom.errors import check_name

NETWORK, MAP, DATA = "C0", "C3", "0.35"
CRITIC, FROZEN = "C2", "0.7"


def draw_desom(widths=(784, 500, 500, 2000, 10), map_size=(8, 8), ax=None):
    """Draw the architecture of DESOM, its two losses, and what each loss trains.

    Parameters
    ----------
    widths : tuple of int
        Width of the input, of the encoder's hidden layers, and of the latent code.
    map_size : tuple of two int
        Rows and columns of the map.
    ax : matplotlib.axes.Axes, optional
        Where to draw; the current axes by default.

    Returns
    -------
    matplotlib.axes.Axes
        The axes, without frame, in the drawing's own coordinates.
    """
    ax = ax or plt.gca()
    ax.set(xlim=(-0.6, 12.6), ylim=(-3.8, 2.5), aspect="equal")
    ax.axis("off")
    *hidden, code = widths[1:]

    _box(ax, 0.3, 2.6, "$x$", DATA, f"{widths[0]}")
    _funnel(ax, 1.4, 4.4, 2.6, 0.9, "encoder $f$", "-".join(map(str, hidden)))
    _box(ax, 6.0, 0.9, "$z$", NETWORK, f"{code}")
    _funnel(ax, 7.6, 10.6, 0.9, 2.6, "decoder $g$", "-".join(map(str, hidden[::-1])))
    _box(ax, 11.7, 2.6, r"$\tilde{x}$", DATA, f"{widths[0]}")
    for start, end in ((0.65, 1.3), (4.5, 5.65), (6.35, 7.5), (10.7, 11.35)):
        _arrow(ax, (start, 0), (end, 0), "0.2")

    rows, columns = map_size
    ys, xs = np.divide(np.indices(map_size), np.maximum(np.subtract(map_size, 1), 1)[:, None, None])
    ax.plot(4.9 + 2.2 * xs, -3.6 + 1.7 * ys, color=MAP, lw=0.6)
    ax.plot((4.9 + 2.2 * xs).T, (-3.6 + 1.7 * ys).T, color=MAP, lw=0.6)
    ax.plot(4.9 + 2.2 * xs.ravel(), -3.6 + 1.7 * ys.ravel(), "o", color=MAP, ms=3)
    ax.text(
        4.7, -2.75, f"prototypes $m_k$\n{rows}×{columns} map", color=MAP, ha="right", va="center"
    )
    _arrow(ax, (6, -0.85), (6, -1.75), "0.2")
    ax.text(6.2, -1.3, r"$\chi(i) = \mathrm{argmin}_k\,\|z_i - m_k\|^2$", va="center", size="small")

    ax.annotate(
        "",
        (0.3, 1.45),
        (11.7, 1.45),
        arrowprops={"arrowstyle": "<->", "color": NETWORK, "connectionstyle": "bar,fraction=0.05"},
    )
    ax.text(
        6,
        2.15,
        r"$L_r$ : trains the encoder and the decoder",
        color=NETWORK,
        ha="center",
        bbox={"color": "white", "pad": 1},
    )
    ax.text(
        7.4,
        -2.75,
        r"$L_{som}$ : trains the prototypes," + "\nand through $z$ the encoder",
        color=MAP,
        va="center",
    )
    return ax


# What stands below the latent code of a method, and how it moves. `moved` is the method's own rule
# where no gradient does it; `trained` names the parts that the gradient of each loss reaches.
FLOWS = {
    "ae_kmeans": {
        "below": "points",
        "moved": "k-means of the codes,\nonce the networks rest",
        "losses": {"L_r": ("encoder", "decoder")},
    },
    "aec": {
        "below": "points",
        "moved": "means of their members,\nnow and then",
        "losses": {"L_r": ("encoder", "decoder"), "L_c": ("encoder",)},
    },
    "dcn": {
        "below": "points",
        "moved": "running means,\nbatch by batch",
        "losses": {"L_r": ("encoder", "decoder"), "L_c": ("encoder",)},
    },
    "dkm": {
        "below": "points",
        "losses": {"L_r": ("encoder", "decoder"), "L_c": ("encoder", "below")},
    },
    "dec": {"below": "points", "losses": {"L_c": ("encoder", "below")}},
    "idec": {
        "below": "points",
        "losses": {"L_r": ("encoder", "decoder"), "L_c": ("encoder", "below")},
    },
    "vade": {
        "below": "mixture",
        "losses": {"L_x": ("encoder", "decoder"), "L_{KL}": ("encoder", "below")},
    },
    "wamic": {
        "below": "mixture",
        "critic": True,
        "losses": {"L_r": ("encoder", "decoder"), "W": ("encoder", "below")},
    },
    "dnm": {
        "below": "map",
        "moved": "Kohonen's rule,\nbatch by batch",
        "losses": {"L_r": ("encoder", "decoder"), "L_c": ("encoder",)},
    },
    "som_vae": {
        "below": "map",
        "decoded": True,
        "losses": {"L_r": ("encoder", "decoder", "below"), "L_c": ("encoder", "below")},
    },
    "desom": {
        "below": "map",
        "losses": {"L_r": ("encoder", "decoder"), "L_{som}": ("encoder", "below")},
    },
}
_STYLES = ("--", ":")


def draw_flow(method, title=None, ax=None):
    """Draw a deep-clustering method: its parts, its losses, and what the gradient of each reaches.

    Solid arrows are values, dashed blue ones the gradient of the reconstruction, dotted red ones
    that of the clustering. A part that no loss trains any more is gray.

    Parameters
    ----------
    method : str
        Name of the method, one of ``FLOWS``.
    title : str, optional
        What to write above; nothing by default.
    ax : matplotlib.axes.Axes, optional
        Where to draw; the current axes by default.

    Returns
    -------
    matplotlib.axes.Axes
        The axes, without frame, in the drawing's own coordinates.

    Raises
    ------
    InputError
        If there is no drawing of the method.
    """
    check_name("method", method, FLOWS)
    flow = FLOWS[method]
    ax = ax or plt.gca()
    ax.set(xlim=(-0.4, 12.4), ylim=(-5.1, 3.1), aspect="equal", title=title or "")
    ax.axis("off")
    losses = list(flow["losses"].items())
    trained = {part for _, parts in losses for part in parts}
    _box(ax, 0.3, 2.2, "$x$", DATA, "")
    _funnel(ax, 1.3, 4.3, 2.2, 0.9, "encoder", "", NETWORK)
    _box(ax, 6.0, 0.9, "$z$", NETWORK, "")
    _funnel(ax, 7.7, 10.7, 0.9, 2.2, "decoder", "", NETWORK if "decoder" in trained else FROZEN)
    _box(ax, 11.7, 2.2, r"$\tilde{x}$", DATA if "decoder" in trained else FROZEN, "")
    for start, end in ((0.6, 1.3), (4.3, 5.7), (6.3, 7.7), (10.7, 11.4)):
        _arrow(ax, (start, 0), (end, 0), "0.2")
    _draw_below(ax, flow)
    if "decoder" in trained:
        _draw_reconstruction(ax, *losses[0])
    if losses[-1][0] != "L_r":
        _draw_clustering(ax, *losses[-1], critic=flow.get("critic", False))
    return ax


def _draw_below(ax, flow):
    """Draw what gives the codes their clusters, and the way that values take to and from it."""
    x, y = np.array([[5.0, 6.0, 6.9, 5.4, 6.6], [-3.0, -3.3, -2.8, -4.1, -4.0]])
    if flow["below"] == "map":
        x, y = np.meshgrid(np.linspace(5, 7, 4), np.linspace(-2.7, -4.2, 4))
        ax.plot(x, y, x.T, y.T, color=MAP, lw=0.8)
    if flow["below"] == "mixture":
        for center in zip(x, y, strict=True):
            ax.add_patch(Ellipse(center, 1.0, 0.7, fc=MAP, ec=MAP, alpha=0.2))
    ax.plot(x.ravel(), y.ravel(), "o", color=MAP, ms=3)
    ax.text(6, -4.85, "$m_k$", color=MAP, ha="center", va="center")
    _arrow(ax, (6, -0.5), (6, -2.3), "0.2")
    if flow.get("decoded"):
        _arrow(ax, (7.2, -2.7), (8.6, -0.75), "0.2")
        ax.text(7.6, -1.5, "$z_q$", ha="right", va="center", size="small")
    if "moved" in flow:
        ax.text(7.5, -3.5, flow["moved"], color=MAP, va="center", size="small")


def _draw_reconstruction(ax, name, parts):
    """Draw the loss of the reconstruction above the networks."""
    for x in (0.3, 11.7):
        ax.plot([x, x, 6], [1.1, 2.3, 2.3], color="0.7", lw=0.8, zorder=0)
    _loss(ax, 6, 2.3, name, NETWORK)
    _arrow(ax, (6.7, 2.1), (9.2, 0.75), NETWORK, _STYLES[0])
    if "encoder" in parts:
        _arrow(ax, (5.3, 2.1), (2.8, 0.75), NETWORK, _STYLES[0])
    if "below" in parts:
        _arrow(ax, (9.6, -0.75), (7.3, -3.7), NETWORK, _STYLES[0])


def _draw_clustering(ax, name, parts, critic):
    """Draw the loss of the clusters to the left of them."""
    for start in ((5.7, -0.4), (4.6, -3.4)):
        ax.plot([start[0], 2.8], [start[1], -2.6], color="0.7", lw=0.8, zorder=0)
    if critic:
        ax.add_patch(Rectangle((0.9, -3.15), 2.9, 1.1, fc="white", ec=CRITIC, lw=1.5))
        ax.text(2.35, -2.6, "critic", color=CRITIC, ha="center", va="center", size="small")
        _loss(ax, 2.35, -4.5, name, MAP)
        _arrow(ax, (2.35, -4.1), (2.35, -3.2), CRITIC, _STYLES[1])
        ax.text(2.1, -3.65, "raises", color=CRITIC, ha="right", va="center", size="small")
        _arrow(ax, (2.35, -2.05), (2.6, -0.75), MAP, _STYLES[1])
        ax.text(2.2, -1.5, "lowered", color=MAP, ha="right", va="center", size="small")
        _arrow(ax, (3.85, -3.0), (4.6, -3.6), MAP, _STYLES[1])
        return
    _loss(ax, 2.5, -2.6, name, MAP)
    if "encoder" in parts:
        _arrow(ax, (2.5, -2.1), (2.7, -0.75), MAP, _STYLES[1])
    if "below" in parts:
        _arrow(ax, (3.2, -3.0), (4.6, -3.9), MAP, _STYLES[1])


def draw_venn(regions, ax=None):
    """Draw three overlapping tasks, and the methods that train for some of them at once.

    Parameters
    ----------
    regions : dict of tuple to sequence of str
        The methods to write for every set of tasks, by their letters in "RCS": representation
        learning, clustering, self-organization.
    ax : matplotlib.axes.Axes, optional
        Where to draw; the current axes by default.

    Returns
    -------
    matplotlib.axes.Axes
        The axes, without frame, in the drawing's own coordinates.

    Raises
    ------
    InputError
        If a set of tasks has no region.
    """
    ax = ax or plt.gca()
    ax.set(xlim=(-4.6, 4.6), ylim=(-3.4, 3.9), aspect="equal")
    ax.axis("off")
    circles = {
        "representation learning": ((-1.25, 0.9), NETWORK, (-2.6, 3.45), "-"),
        "clustering": ((1.25, 0.9), MAP, (2.4, 3.45), "--"),
        "self-organization\n(topology)": ((0, -0.95), CRITIC, (3.3, -2.6), ":"),
    }
    for name, (center, color, place, style) in circles.items():
        ax.add_patch(Circle(center, 2.2, fc=color, alpha=0.13, lw=0))
        ax.add_patch(Circle(center, 2.2, fill=False, ec=color, lw=1.8, ls=style))
        ax.text(*place, name, color=color, ha="center", va="center", weight="bold")
    for tasks, methods in regions.items():
        check_name("set of tasks", tasks, _PLACES)
        ax.text(*_PLACES[tasks], "\n".join(methods), ha="center", va="center", size="small")
    return ax


_PLACES = {
    "R": (-2.35, 1.35),
    "C": (2.35, 1.35),
    "S": (0, -2.25),
    "RC": (0, 1.75),
    "RS": (-1.5, -0.75),
    "CS": (1.5, -0.75),
    "RCS": (0, 0.2),
}


def _loss(ax, x, y, name, color):
    box = {"boxstyle": "round", "fc": "white", "ec": color, "lw": 1.5}
    ax.text(x, y, f"${name}$", color=color, ha="center", va="center", bbox=box)


def _box(ax, x, height, symbol, color, width):
    ax.add_patch(Rectangle((x - 0.28, -height / 2), 0.56, height, fc="white", ec=color, lw=1.5))
    ax.text(x, 0, symbol, ha="center", va="center", color=color, size="large")
    ax.text(x, -height / 2 - 0.12, width, ha="center", va="top", color=color, size="small")


def _funnel(ax, x0, x1, height0, height1, title, layers, color=NETWORK):
    corners = [(x0, -height0 / 2), (x0, height0 / 2), (x1, height1 / 2), (x1, -height1 / 2)]
    ax.add_patch(Polygon(corners, fc=color, ec=color, alpha=0.25, lw=1.5))
    middle = (x0 + x1) / 2
    if not layers:
        ax.text(middle, 0, title, ha="center", va="center", size="small")
        return
    ax.text(middle, 0.13, title, ha="center", va="bottom", size="medium")
    ax.text(middle, -0.08, layers, ha="center", va="top", size="small")


def _arrow(ax, start, end, color, style="-"):
    look = {"arrowstyle": "-|>", "mutation_scale": 11, "color": color, "shrinkA": 0, "shrinkB": 0}
    lw = 1.0 if style == "-" else 1.8
    ax.add_patch(FancyArrowPatch(start, end, linestyle=style, lw=lw, **look))
