"""Pictures of maps and of trainings, as functions that draw on Matplotlib axes and return them.

They take arrays, with one row per unit, and the shape of the map. So they draw whatever has units:
a fitted estimator (``cluster_centers_``, or ``decode`` of it), the artifact of a record, one moment
of a training. `desom.views` puts them together.
"""

import re
from io import BytesIO

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from matplotlib.collections import PolyCollection
from matplotlib.ticker import LogLocator, NullFormatter
from PIL import Image

from desom.errors import InputError, check_name
from desom.som import TOPOLOGIES, grid_coordinates, grid_distances

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


def mosaic(images, map_size, image_shape, topology="rectangular", gap=0):
    """Lay out one image per unit as one large image, unit by unit as on the map.

    Parameters
    ----------
    images : array-like of shape (K, height * width)
        One flattened image per unit, units row by row; numbers, or bytes that stand for [0, 1].
    map_size : tuple of two int
        Rows and columns of the map, K in all.
    image_shape : tuple of two int
        Height and width of an image, in pixels.
    topology : {"rectangular", "rectangular8", "hexagonal"}
        On a hexagonal grid, every other row is shifted by half an image, like bricks in a wall: an
        image then touches those of its six neighbors.
    gap : int
        Pixels between neighboring images.

    Returns
    -------
    ndarray of float32, shape (rows * height, columns * width)
        The mosaic, larger by the gaps, and on a hexagonal grid wider by half an image. What belongs
        to no image is NaN.

    Raises
    ------
    InputError
        If the sizes do not agree, or the topology is unknown.
    """
    check_name("topology", topology, TOPOLOGIES)
    images = np.asarray(images)
    scale = 255 if images.dtype == np.uint8 else 1
    rows, columns = map_size
    height, width = image_shape
    if images.shape != (rows * columns, height * width):
        raise InputError(
            f"images has shape {images.shape}; a {rows}×{columns} map of {height}×{width} images "
            f"takes {(rows * columns, height * width)}."
        )
    cells = (images.astype(np.float32) / scale).reshape(rows, columns, height, width)
    cells = np.pad(cells, ((0, 0), (0, 0), (0, gap), (0, gap)), constant_values=np.nan)
    bands = cells.swapaxes(1, 2).reshape(rows, height + gap, columns * (width + gap))
    if topology == "hexagonal":
        half = (width + gap) // 2
        bands = np.pad(bands, ((0, 0), (0, 0), (0, half)), constant_values=np.nan)
        bands[1::2] = np.roll(bands[1::2], half, axis=2)
    picture = bands.reshape(rows * (height + gap), -1)
    return picture[: len(picture) - gap, : picture.shape[1] - gap]


def plot_prototypes(images, map_size, image_shape, ax=None, topology="rectangular", gap=1, **image):
    """Draw the prototypes of a map as images, each at the place of its unit.

    Parameters
    ----------
    images : array-like of shape (K, height * width)
        Prototypes in the space of the data (decoded, for DESOM), or samples, one per unit: numbers
        in [0, 1], or bytes.
    map_size, image_shape : tuple of two int
        Rows and columns of the map; height and width of an image.
    ax : matplotlib.axes.Axes, optional
        Where to draw; the current axes by default.
    topology, gap
        As for `mosaic`.
    **image
        Further arguments of ``Axes.imshow``.

    Returns
    -------
    matplotlib.axes.Axes
        The axes.
    """
    ax = ax or plt.gca()
    picture = mosaic(images, map_size, image_shape, topology, gap)
    # To the eye 32 grays are all of them, and the file is half as large.
    grays = plt.get_cmap("gray_r", 32)
    ax.imshow(picture, **{"cmap": grays, "vmin": 0, "vmax": 1, "interpolation": "nearest"} | image)
    places = [
        np.arange(n) * (pixels + gap) + (pixels - 1) / 2
        for n, pixels in zip(map_size, image_shape, strict=True)
    ]
    return _name_axes(ax, *places)


def cell_corners(map_size, topology="rectangular"):
    """Place the corners of every unit's cell in the plane: a square, or a hexagon, of width 1.

    Parameters
    ----------
    map_size : tuple of two int
        Rows and columns of the map.
    topology : {"rectangular", "rectangular8", "hexagonal"}
        As for `som.grid_coordinates`, which places the centers.

    Returns
    -------
    ndarray of float64, shape (K, 4 or 6, 2)
        Place in the row, and height, of every corner; heights grow downwards.

    Raises
    ------
    InputError
        If the topology is unknown.
    """
    check_name("topology", topology, TOPOLOGIES)
    n = 6 if topology == "hexagonal" else 4
    angles = np.pi * (2 * np.arange(n) + 1) / n
    corners = np.stack([np.cos(angles), np.sin(angles)], axis=1) / (2 * np.cos(np.pi / n))
    return grid_coordinates(map_size, topology)[:, None, ::-1] + corners


def plot_units(
    values,
    map_size,
    ax=None,
    label=None,
    topology="rectangular",
    vmin=None,
    vmax=None,
    annot=None,
    annot_kws=None,
    cbar=True,
    **cells,
):
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
    topology : {"rectangular", "rectangular8", "hexagonal"}
        Squares in rows and columns, or hexagons.
    vmin, vmax : float, optional
        Numbers at the ends of the color map; those of the values by default.
    annot : True or sequence of str, optional
        What to write on the units: the numbers to three digits, or one text per unit.
    annot_kws : dict, optional
        Further arguments of ``Axes.text`` for what is written.
    cbar : bool
        Whether to draw a color bar.
    **cells
        Further arguments of ``matplotlib.collections.PolyCollection``, as ``cmap``.

    Returns
    -------
    matplotlib.axes.Axes
        The axes.

    Raises
    ------
    InputError
        If there is not one number per unit, or the topology is unknown.
    """
    ax = ax or plt.gca()
    values = np.asarray(values, dtype=float)
    corners = cell_corners(map_size, topology)
    if values.shape != (len(corners),):
        raise InputError(
            f"values has shape {values.shape}; a {map_size[0]}×{map_size[1]} map takes "
            f"{(len(corners),)}, one number per unit."
        )
    look = {"cmap": "viridis", "edgecolors": "white", "linewidths": 0.5} | cells
    units = PolyCollection(corners, array=np.ma.masked_invalid(values), clim=(vmin, vmax), **look)
    ax.add_collection(units)
    (left, top), (right, bottom) = corners.min(axis=(0, 1)), corners.max(axis=(0, 1))
    ax.set(xlim=(left, right), ylim=(bottom, top), aspect="equal")
    if cbar:
        # Beside the axes, a color bar would be as high as their whole place in the figure.
        ax.figure.colorbar(units, cax=ax.inset_axes((1.04, 0, 0.05, 1)), label=label)
    if annot is not None:
        texts = [f"{value:.3g}" for value in values] if annot is True else annot
        light = sns.utils.relative_luminance(units.to_rgba(values)) > 0.4
        centers = corners.mean(axis=1)
        for k in np.flatnonzero(np.isfinite(values)):
            written = {"ha": "center", "va": "center", "color": "0.15" if light[k] else "white"}
            ax.text(*centers[k], texts[k], **written | (annot_kws or {}))
    places = grid_coordinates(map_size, topology).reshape(*map_size, 2)
    return _name_axes(ax, places[:, 0, 0], places[0, :, 1])


def _name_axes(ax, row_places, column_places):
    """Write the numbers of a map's rows and columns, or of some where they are many."""
    for axis, places in (("y", row_places), ("x", column_places)):
        shown = np.arange(0, len(places), 1 + len(places) // 12)
        ax.set(**{f"{axis}ticks": places[shown], f"{axis}ticklabels": shown})
    ax.set(xlabel="column of the map", ylabel="row of the map")
    ax.tick_params(length=0)
    sns.despine(ax=ax, left=True, bottom=True)
    return ax


def plot_classes(class_counts, map_size, class_names, ax=None, topology="rectangular", **units):
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
    topology : {"rectangular", "rectangular8", "hexagonal"}
        As for `plot_units`.
    **units
        Further arguments of `plot_units`.

    Returns
    -------
    matplotlib.axes.Axes
        The axes. A unit without samples stays empty.
    """
    counts = np.asarray(class_counts)
    hits = counts.sum(axis=1)
    share = np.where(hits > 0, counts.max(axis=1) / np.maximum(hits, 1), np.nan)
    words = np.array([re.split("[ /]", name)[0] for name in class_names])
    size = min(9 if max(map(len, words)) < 4 else 7, 100 / map_size[1])
    look = {
        "label": "share of the majority class",
        "annot": words[counts.argmax(axis=1)],
        "annot_kws": {"size": size},
        "vmin": 0,
        "vmax": 1,
        "cmap": "crest",
    }
    return plot_units(share, map_size, ax=ax, topology=topology, **look | units)


def plot_lattice(
    points, prototypes, map_size, ax=None, topology="rectangular", toroidal=False, **scatter
):
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
    topology : {"rectangular", "rectangular8", "hexagonal"}
        As for `som.grid_distances`: it says who are neighbors.
    toroidal : bool
        Whether opposite borders touch, so that lines join them too.
    **scatter
        Further arguments of ``Axes.scatter`` for the points, as ``c``.

    Returns
    -------
    matplotlib.axes.Axes
        The axes.

    Raises
    ------
    InputError
        If there is not one prototype in the plane per unit, or the topology is unknown.
    """
    ax = ax or plt.gca()
    check_name("topology", topology, TOPOLOGIES)
    prototypes = np.asarray(prototypes)
    distances = grid_distances(map_size, topology, toroidal)
    if prototypes.shape != (len(distances), 2):
        raise InputError(
            f"prototypes has shape {prototypes.shape}; a {map_size[0]}×{map_size[1]} map in the "
            f"plane takes {(len(distances), 2)}."
        )
    look = {"s": 4, "c": "0.75", "linewidths": 0, "rasterized": True} | scatter
    ax.scatter(*np.asarray(points).T, **look)
    starts, ends = np.nonzero(np.triu(distances == 1))
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


def animate(draw, frames, figsize=(5, 3.2), seconds=0.15, last_seconds=2.5, colors=32):
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
    colors : int
        Colors that all frames share, at most 256: those of the last frame.

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
    palette = images[-1].quantize(colors, method=Image.Quantize.MAXCOVERAGE)
    images = [image.quantize(palette=palette, dither=Image.Dither.NONE) for image in images]
    durations = [1000 * seconds] * (len(images) - 1) + [1000 * last_seconds]
    file = BytesIO()
    images[0].save(file, "PNG", save_all=True, append_images=images[1:], duration=durations, loop=0)
    return file.getvalue()
