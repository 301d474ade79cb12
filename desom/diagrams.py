"""Drawings of architectures, in one visual language: data gray, network blue, map red."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import FancyArrowPatch, Polygon, Rectangle

NETWORK, MAP, DATA = "C0", "C3", "0.35"


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


def _box(ax, x, height, symbol, color, width):
    ax.add_patch(Rectangle((x - 0.28, -height / 2), 0.56, height, fc="white", ec=color, lw=1.5))
    ax.text(x, 0, symbol, ha="center", va="center", color=color, size="large")
    ax.text(x, -height / 2 - 0.12, width, ha="center", va="top", color=color, size="small")


def _funnel(ax, x0, x1, height0, height1, title, layers):
    corners = [(x0, -height0 / 2), (x0, height0 / 2), (x1, height1 / 2), (x1, -height1 / 2)]
    ax.add_patch(Polygon(corners, fc=NETWORK, ec=NETWORK, alpha=0.25, lw=1.5))
    middle = (x0 + x1) / 2
    ax.text(middle, 0.13, title, ha="center", va="bottom", size="medium")
    ax.text(middle, -0.08, layers, ha="center", va="top", size="small")


def _arrow(ax, start, end, color):
    ax.add_patch(FancyArrowPatch(start, end, arrowstyle="-|>", mutation_scale=11, color=color))
