"""Pictures of maps, as functions that draw on Matplotlib axes and return them.

They take arrays, with one row per unit, and the shape of the map. So they draw whatever has units:
a fitted estimator (``cluster_centers_``, or ``decode`` of it), the artifact of a record, one moment
of a training. A map has `map_size` rows and columns, K units in all, counted row by row; `topology`
and `toroidal` are those of `grid.grid_distances`. `images` (K, height * width) has an image per
unit, of numbers in [0, 1] or bytes, and `image_shape` is (height, width). All draw on the axes
given as `ax`, else on the current ones, hand further arguments on to what draws, and raise
InputError if the sizes do not agree or the topology is unknown.
"""

import re
import textwrap
from collections.abc import Mapping
from functools import partial
from math import ceil

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from matplotlib.collections import PolyCollection
from sklearn.decomposition import PCA

from desom.errors import InputError, check_name
from desom.grid import TOPOLOGIES, cell_corners, grid_coordinates
from desom.metrics import GridDistances, class_counts, u_matrix
from desom.metrics.checks import adjacent_pairs, check_array


def mosaic(images, map_size, image_shape, topology="rectangular", gap=0):
    """Lay out one image per unit as one large image, unit by unit as on the map.

    On a hexagonal grid, every other row is shifted by half an image, like bricks in a wall: an
    image then touches those of its six neighbors. Gives float32 (rows * height, columns * width),
    larger by the gaps, of so many pixels, and by the shift; what belongs to no image is NaN.
    """
    check_name("topology", topology, TOPOLOGIES)
    (rows, columns), (height, width) = map_size, image_shape
    images = check_array("images", images, (rows * columns, height * width))
    scale = 255 if images.dtype == np.uint8 else 1
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
    """Draw the prototypes of a map, decoded for DESOM, as images, each at the place of its unit.

    They may be samples too; ``image`` is for ``Axes.imshow``, and ``gap`` as for `mosaic`.
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
        One number per unit; NaN leaves a unit empty.
    label : str, optional
        What the numbers are, with their unit: the title of the color bar, unless ``cbar`` is False.
    vmin, vmax : float, optional
        Numbers at the ends of the color map; those of the values by default.
    annot : True or sequence of str, optional
        What to write on the units: the numbers to three digits, or one text per unit, by
        ``Axes.text`` with ``annot_kws``.
    **cells
        Further arguments of ``matplotlib.collections.PolyCollection``, as ``cmap``.
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
        texts = [f"{value:.3g}" for value in values] if annot is True else list(annot)
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


def plot_classes(counts, map_size, class_names, ax=None, topology="rectangular", **units):
    """Draw the majority class of every unit, shaded by its share of the unit's samples.

    From ``counts`` (K, number of classes) of samples, and a name for each of its columns, of which
    the first five letters of the first word are written. A unit without samples stays empty.
    ``units`` is for `plot_units`.
    """
    counts = np.asarray(counts)
    if counts.ndim != 2 or counts.shape[1] != len(class_names):
        raise InputError(
            f"class_names has {len(class_names)} names and counts the shape {counts.shape}; it "
            "takes one for each column."
        )
    hits = counts.sum(axis=1)
    share = np.where(hits > 0, counts.max(axis=1) / np.maximum(hits, 1), np.nan)
    words = np.array([re.split("[ /]", str(name))[0][:5] for name in class_names])
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

    ``points`` (N, 2) are the data, or their projection, ``prototypes`` (K, 2) lie in the same
    plane; ``scatter`` is for ``Axes.scatter`` of the points, as ``c``.
    """
    ax = ax or plt.gca()
    check_name("topology", topology, TOPOLOGIES)
    distances = GridDistances(map_size, topology, toroidal)
    prototypes = check_array("prototypes", prototypes, (len(distances), 2))
    look = {"s": 4, "c": "0.75", "linewidths": 0, "rasterized": True} | scatter
    ax.scatter(*np.asarray(points).T, **look)
    pairs = np.transpose(adjacent_pairs(distances))
    starts, ends = pairs[pairs[:, 0] < pairs[:, 1]].T
    ax.plot(*np.stack([prototypes[starts], prototypes[ends]]).transpose(2, 0, 1), color="C0", lw=1)
    ax.scatter(*prototypes.T, s=18, color="C3", zorder=3)
    ax.set_aspect("equal")
    return ax


def plot_u_matrix(prototypes, map_size, ax=None, topology="rectangular", toroidal=False, **units):
    """Draw how far every prototype is from those of its neighbors: dark valleys, bright ridges.

    The prototypes (K, D) are in the space where the map lives; ``units`` is for `plot_units`.
    """
    heights = u_matrix(prototypes, GridDistances(map_size, topology, toroidal))
    look = {"label": "mean distance to the neighbors", "cmap": "cividis"} | units
    return plot_units(heights, map_size, ax=ax, topology=topology, **look)


def plot_components(prototypes, map_size, topology="rectangular", names=None, **units):
    """Draw every component of the prototypes (K, D) over the map, each on a scale of its own.

    ``names`` are the titles, the numbers of the components by default; ``units`` is for
    `plot_units`. Gives the D axes of a new figure, up to five in a row.
    """
    prototypes = np.asarray(prototypes)
    n = prototypes.shape[1]
    names = range(1, n + 1) if names is None else list(names)
    if len(names) != n:
        raise InputError(f"names has {len(names)} names; the prototypes have {n} components.")
    axes = _new_axes(n, 2.4, 1.8)
    for ax, values, name in zip(axes, prototypes.T, names, strict=True):
        plot_units(values, map_size, ax=ax, topology=topology, **units)
        title = textwrap.fill(str(name), 20)
        ax.set(title=title, xlabel="", ylabel="", xticks=[], yticks=[])
    return axes


def _new_axes(n, width, height):
    """Make a figure of so many axes, up to five in a row, in which nothing overlaps."""
    columns = min(n, 5)
    rows = ceil(n / columns)
    size = width * columns, height * rows
    _, axes = plt.subplots(rows, columns, figsize=size, squeeze=False, layout="constrained")
    for spare in axes.flat[n:]:
        spare.axis("off")
    return axes.flat[:n]


def plot_projection(
    codes, prototypes, map_size, ax=None, classes=None, class_names=None, **lattice
):
    """Draw a map over the two principal components of the codes; the axes name their variance.

    Codes, or any points (N, D), decide the projection; the prototypes (K, D) are of the same space.
    By its ``classes`` (N,), a code has a color, and the name of a class stands in the middle of its
    codes: what ``class_names``, a sequence or a mapping, has for class c, c itself by default.
    ``lattice`` is for `plot_lattice`.
    """
    pca = PCA(2).fit(np.asarray(codes, dtype=float))
    points = pca.transform(np.asarray(codes, dtype=float))
    if classes is not None:
        present, index = np.unique(classes, return_inverse=True)
        names = _names_of(present, class_names)
        lattice = {"c": np.array(sns.color_palette("colorblind", len(present)))[index]} | lattice
    ax = plot_lattice(points, pca.transform(prototypes), map_size, ax, **lattice)
    for ratio, axis, name in zip(pca.explained_variance_ratio_, "xy", ("1st", "2nd"), strict=True):
        ax.set(**{f"{axis}label": f"{name} principal component ({ratio:.0%} of the variance)"})
    if classes is not None:
        box = {"facecolor": "white", "alpha": 0.8, "linewidth": 0, "pad": 1}
        for number, name in enumerate(names):
            middle = np.median(points[index == number], axis=0)
            ax.text(*middle, name, ha="center", va="center", weight="bold", bbox=box, zorder=4)
    return ax


def _names_of(classes, class_names):
    """Give the names of some classes: what class_names has for a class, whichever others occur."""
    if class_names is None:
        return [str(c) for c in classes]
    try:
        named = class_names if isinstance(class_names, Mapping) else dict(enumerate(class_names))
        return [str(named[c]) for c in classes]
    except KeyError as error:
        raise InputError(
            f"class_names has no name for class {error}; it takes a sequence, with the name of "
            "class c at index c, or a mapping from classes to names."
        ) from None


def plot_walk(images, image_shape, ax=None, **image):
    """Draw the steps of a walk as images in a row; ``image`` is for `plot_prototypes`."""
    ax = plot_prototypes(images, (1, len(images)), image_shape, ax, **image)
    ax.set(xlabel="step", ylabel="", yticks=[])
    return ax


def plot_side_by_side(panels, height=3.4):
    """Draw panels in a row as wide as a page of the book, so many inches high; give their axes.

    ``panels`` has, by title, what draws on the axes that it is given as `ax`.
    """
    _, axes = plt.subplots(1, len(panels), figsize=(7.4, height), squeeze=False)
    for ax, (title, draw) in zip(axes[0], panels.items(), strict=True):
        draw(ax=ax)
        ax.set_title(title)
    return axes[0]


def plot_map(prototypes, counts, map_size, image_shape, class_names):
    """Draw a map twice: its prototypes as images, and the majority class of every unit."""
    return plot_side_by_side(
        {
            "prototypes": partial(plot_prototypes, prototypes, map_size, image_shape),
            "majority class": partial(plot_classes, counts, map_size, class_names),
        }
    )


def plot_overview(estimator, X, y=None, image_shape=None, class_names=None, axes=None):
    """Draw what there is to see of a fitted map at first sight, whatever trained it.

    On ``axes``, or a new row of them, which are returned: the hit map of X (n_samples, n_features)
    and the U-matrix; with the classes ``y`` (n_samples,), numbers or names, the majority class of
    every unit, ``class_names`` being as for `plot_projection`; and with the ``image_shape`` of
    samples that are images, the prototypes, decoded if need be.
    """
    prototypes, map_size = estimator.cluster_centers_, estimator.map_size
    topology, toroidal = estimator.topology, estimator.toroidal
    labels = estimator.predict(X)
    if axes is None:
        n = 2 + (y is not None) + (image_shape is not None)
        axes = _new_axes(n, 4, 3.4)
    rest = iter(axes)
    hits = np.bincount(labels, minlength=len(prototypes))
    plot_units(hits, map_size, next(rest), "samples", topology).set_title("samples per unit")
    ax = plot_u_matrix(prototypes, map_size, next(rest), topology, toroidal)
    ax.set_title("U-matrix")
    if y is not None:
        counts = class_counts(y, labels, len(prototypes))
        names = _names_of(np.unique(y), class_names)
        plot_classes(counts, map_size, names, next(rest), topology).set_title("majority class")
    if image_shape is not None:
        images = estimator.decode(prototypes) if hasattr(estimator, "decode") else prototypes
        ax = plot_prototypes(images, map_size, image_shape, next(rest), topology)
        ax.set_title("prototypes")
    return axes
