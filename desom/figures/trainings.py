"""Pictures of trainings: curves and animations; and the style of all figures."""

from io import BytesIO

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from matplotlib.ticker import LogLocator, NullFormatter
from PIL import Image

from desom.errors import InputError

# Fits the width of a page of the book, at a file size that a page can afford.
STYLE = {
    "figure.dpi": 110,
    "figure.constrained_layout.use": True,
    "axes.titlesize": "medium",
    "image.cmap": "viridis",
}


def use_style():
    """Set the book's Matplotlib style: seaborn's white grid and color-blind safe palette."""
    sns.set_theme(context="notebook", style="ticks", palette="colorblind", rc=STYLE)


def plot_curves(curves):
    """Draw the curves of a training: one panel for each loss, one for the temperature.

    The scale is logarithmic where all values are positive. ``curves``, lists by name, are those of
    a record or an estimator's ``history_``. Those named ``iteration``, or of a first phase
    ``pretrain_iteration``, say when: a curve belongs to the last of them before it. Gives a new row
    of axes.
    """
    when, panels = None, {}
    for name in curves:
        if name.endswith("iteration"):
            when = name
        else:
            panels[name] = when
    n = max(1, len(panels))
    look = {"figsize": (2.4 * n, 2.4), "squeeze": False, "layout": "constrained"}
    axes = plt.subplots(1, n, **look)[1][0]
    for ax, (name, when) in zip(axes, panels.items(), strict=False):
        values = np.asarray(curves[name], dtype=float)
        if when is None or len(curves[when]) != len(values):
            raise InputError(f"curves has {name}, and no iterations before it of its length.")
        ax.plot(curves[when], values)
        if len(values) and values.min() > 0:
            few_decades = np.ptp(np.log10(values)) < 1.5
            ax.set_yscale("log")
            ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if few_decades else (1,)))
            ax.yaxis.set_major_formatter("{x:g}")
            ax.yaxis.set_minor_formatter(NullFormatter())
        ax.set(xlabel=when.replace("_", " "), title=name.replace("_", " "))
    sns.despine()
    return axes


def animate(draw, frames, figsize, seconds, colors):
    """Draw frames one after another, as one animated PNG: a picture that plays in any browser.

    Unlike Matplotlib's players it needs neither a script nor a network. It repeats forever, after
    2.5 seconds of the last frame. Gives the bytes of the file.

    Parameters
    ----------
    draw : callable
        Called as ``draw(frame, ax)`` on empty axes; it sets their limits, the same every time.
    frames : sequence
        What to draw.
    figsize : tuple of two float
        Width and height in inches, of 70 pixels.
    seconds : float
        How long each frame stays but the last.
    colors : int
        Colors that all frames share, at most 256: those of the last frame.
    """
    figure, ax = plt.subplots(figsize=figsize, dpi=70)
    images = []
    for frame in frames:
        ax.clear()
        draw(frame, ax)
        figure.canvas.draw()
        images.append(Image.fromarray(np.asarray(figure.canvas.buffer_rgba())).convert("RGB"))
    plt.close(figure)
    # All frames must share one palette; without dithering, what stands still costs nothing.
    palette = images[-1].quantize(colors, method=Image.Quantize.MAXCOVERAGE)
    images = [image.quantize(palette=palette, dither=Image.Dither.NONE) for image in images]
    durations = [1000 * seconds] * (len(images) - 1) + [2500]
    file = BytesIO()
    images[0].save(file, "PNG", save_all=True, append_images=images[1:], duration=durations, loop=0)
    return file.getvalue()
