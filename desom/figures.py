"""Pictures of maps and of trainings, as functions that draw on Matplotlib axes and return them."""

import re
from io import BytesIO

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from matplotlib.ticker import LogLocator, NullFormatter
from PIL import Image

from desom.errors import InputError
from desom.som import grid_distances

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


def mosaic(images, map_size, image_shape):
    """Lay out one image per unit as one large image, unit by unit as on the map.

    Parameters
    ----------
    images : array-like of shape (K, height * width)
        One flattened image per unit, units row by row.
    map_size : tuple of two int
        Rows and columns of the map, K in all.
    image_shape : tuple of two int
        Height and width of an image, in pixels.

    Returns
    -------
    ndarray of shape (rows * height, columns * width)
        The mosaic.

    Raises
    ------
    InputError
        If the sizes do not agree.
    """
    images = np.asarray(images, dtype=np.float32)
    rows, columns = map_size
    height, width = image_shape
    if images.shape != (rows * columns, height * width):
        raise InputError(
            f"images has shape {images.shape}; a {rows}×{columns} map of {height}×{width} images "
            f"takes {(rows * columns, height * width)}."
        )
    return images.reshape(rows, columns, height, width).swapaxes(1, 2).reshape(rows * height, -1)


def plot_prototypes(images, map_size, image_shape, ax=None):
    """Draw the prototypes of a map as images, each at the place of its unit.

    Parameters
    ----------
    images : array-like of shape (K, height * width)
        Prototypes in the space of the data (decoded, for DESOM), in [0, 1].
    map_size, image_shape : tuple of two int
        Rows and columns of the map; height and width of an image.
    ax : matplotlib.axes.Axes, optional
        Where to draw; the current axes by default.

    Returns
    -------
    matplotlib.axes.Axes
        The axes.
    """
    ax = ax or plt.gca()
    picture = mosaic(images, map_size, image_shape)
    # To the eye 32 grays are all of them, and the file is half as large.
    grays = plt.get_cmap("gray_r", 32)
    ax.imshow(picture, cmap=grays, vmin=0, vmax=1, interpolation="nearest")
    for axis, cells, pixels in zip("yx", map_size, image_shape, strict=True):
        ticks = (np.arange(cells) + 0.5) * pixels - 0.5
        ax.set(**{f"{axis}ticks": ticks, f"{axis}ticklabels": range(cells)})
    ax.set(xlabel="column of the map", ylabel="row of the map")
    ax.tick_params(length=0)
    sns.despine(ax=ax, left=True, bottom=True)
    return ax


def plot_units(values, map_size, ax=None, label=None, **heatmap):
    """Draw one number per unit as a heat map.

    Parameters
    ----------
    values : array-like of shape (K,)
        One number per unit, units row by row; NaN leaves a unit empty.
    map_size : tuple of two int
        Rows and columns of the map.
    ax : matplotlib.axes.Axes, optional
        Where to draw; the current axes by default.
    label : str, optional
        What the numbers are, with their unit: the title of the color bar.
    **heatmap
        Further arguments of ``seaborn.heatmap``.

    Returns
    -------
    matplotlib.axes.Axes
        The axes.
    """
    arguments = {"square": True, "cmap": "viridis", "cbar_kws": {"label": label}} | heatmap
    ax = sns.heatmap(np.reshape(values, map_size), ax=ax, **arguments)
    ax.set(xlabel="column of the map", ylabel="row of the map")
    ax.tick_params(length=0, rotation=0)
    return ax


def plot_classes(class_counts, map_size, class_names, ax=None):
    """Draw the majority class of every unit, shaded by its share of the unit's samples.

    Parameters
    ----------
    class_counts : array-like of int, shape (K, number of classes)
        Samples of every class in every unit.
    map_size : tuple of two int
        Rows and columns of the map.
    class_names : sequence of str
        The classes; of a name, the first word is written.
    ax : matplotlib.axes.Axes, optional
        Where to draw; the current axes by default.

    Returns
    -------
    matplotlib.axes.Axes
        The axes. A unit without samples stays empty.
    """
    counts = np.asarray(class_counts)
    hits = counts.sum(axis=1)
    share = np.where(hits > 0, counts.max(axis=1) / np.maximum(hits, 1), np.nan)
    words = np.array([re.split("[ /]", name)[0] for name in class_names])
    names = words[counts.argmax(axis=1)]
    return plot_units(
        share,
        map_size,
        ax=ax,
        label="share of the majority class",
        annot=np.where(hits > 0, names, "").reshape(map_size),
        fmt="",
        vmin=0,
        vmax=1,
        cmap="crest",
        annot_kws={"size": 9 if max(map(len, words)) < 4 else 7},
    )


def plot_lattice(points, prototypes, map_size, ax=None):
    """Draw a map in the plane of its data: the points, the prototypes, a line for every neighbor.

    Parameters
    ----------
    points : array-like of shape (N, 2)
        The data, or its projection.
    prototypes : array-like of shape (K, 2)
        The prototypes in the same plane.
    map_size : tuple of two int
        Rows and columns of the map.
    ax : matplotlib.axes.Axes, optional
        Where to draw; the current axes by default.

    Returns
    -------
    matplotlib.axes.Axes
        The axes.
    """
    ax = ax or plt.gca()
    prototypes = np.asarray(prototypes)
    ax.scatter(*np.asarray(points).T, s=4, color="0.75", linewidths=0, rasterized=True)
    starts, ends = np.nonzero(np.triu(grid_distances(map_size) == 1))
    ax.plot(*np.stack([prototypes[starts], prototypes[ends]]).transpose(2, 0, 1), color="C0", lw=1)
    ax.scatter(*prototypes.T, s=18, color="C3", zorder=3)
    ax.set_aspect("equal")
    return ax


def plot_curves(curves, axes=None):
    """Draw the curves of a training: one panel for each loss, one for the temperature.

    Parameters
    ----------
    curves : dict of str to list
        A record's ``curves`` or an estimator's ``history_``.
    axes : sequence of matplotlib.axes.Axes, optional
        One per curve other than ``iteration``; a new row of axes by default.

    Returns
    -------
    sequence of matplotlib.axes.Axes
        The axes.
    """
    names = [name for name in curves if name != "iteration"]
    if axes is None:
        _, axes = plt.subplots(1, len(names), figsize=(2.4 * len(names), 2.4), squeeze=False)
        axes = axes[0]
    for ax, name in zip(axes, names, strict=True):
        ax.semilogy(curves["iteration"], curves[name])
        few_decades = np.ptp(np.log10(curves[name])) < 1.5
        ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if few_decades else (1,)))
        ax.yaxis.set_major_formatter("{x:g}")
        ax.yaxis.set_minor_formatter(NullFormatter())
        ax.set(xlabel="iteration", title=name.replace("_", " "))
    sns.despine()
    return axes


def animate(draw, frames, figsize=(5, 3.2), seconds=0.15, last_seconds=2.5):
    """Draw frames one after another, as one animated PNG: a picture that plays in any browser.

    Unlike Matplotlib's players it needs neither a script nor a network. It repeats forever.

    Parameters
    ----------
    draw : callable
        Called as ``draw(frame, ax)`` on empty axes; it sets their limits, the same every time.
    frames : sequence
        What to draw.
    figsize : tuple of two float
        Width and height in inches, of 70 pixels.
    seconds, last_seconds : float
        How long each frame stays, and the last one.

    Returns
    -------
    bytes
        The file.
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
    palette = images[-1].quantize(32, method=Image.Quantize.MAXCOVERAGE)
    images = [image.quantize(palette=palette, dither=Image.Dither.NONE) for image in images]
    durations = [1000 * seconds] * (len(images) - 1) + [1000 * last_seconds]
    file = BytesIO()
    images[0].save(file, "PNG", save_all=True, append_images=images[1:], duration=durations, loop=0)
    return file.getvalue()
