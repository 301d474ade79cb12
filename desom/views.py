"""Views of a trained map: its borders, its components, its place among the codes, a walk on it.

They take arrays, as those of `desom.figures` do. Any fitted estimator with units has them::

    m = estimator.cluster_centers_
    hits = np.bincount(estimator.predict(X), minlength=len(m))
    figures.plot_units(hits, estimator.map_size, label="samples")
    views.plot_u_matrix(m, estimator.map_size, topology=estimator.topology)
    views.plot_projection(estimator.transform(X), m, estimator.map_size)

and `plot_overview` draws the first views of one at once.
"""

from math import ceil

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from sklearn.decomposition import PCA

from desom.figures import plot_classes, plot_lattice, plot_prototypes, plot_units
from desom.gallery import u_matrix
from desom.metrics import class_counts
from desom.som import grid_distances


def plot_u_matrix(prototypes, map_size, ax=None, topology="rectangular", toroidal=False, **units):
    """Draw how far every prototype is from those of its neighbors: dark valleys, bright ridges.

    Parameters
    ----------
    prototypes : array-like of shape (K, D)
        The prototypes, in the space where the map lives.
    map_size : tuple of two int
        Rows and columns of the map.
    ax : matplotlib.axes.Axes, optional
        Where to draw; the current axes by default.
    topology : {"rectangular", "rectangular8", "hexagonal"}
        Who are neighbors.
    toroidal : bool
        Whether opposite borders touch.
    **units
        Further arguments of `figures.plot_units`.

    Returns
    -------
    matplotlib.axes.Axes
        The axes.
    """
    heights = u_matrix(prototypes, grid_distances(map_size, topology, toroidal))
    look = {"label": "mean distance to the neighbors", "cmap": "cividis"} | units
    return plot_units(heights, map_size, ax=ax, topology=topology, **look)


def plot_components(prototypes, map_size, axes=None, topology="rectangular", names=None, **units):
    """Draw every component of the prototypes over the map, all on one scale.

    Parameters
    ----------
    prototypes : array-like of shape (K, D)
        The prototypes.
    map_size : tuple of two int
        Rows and columns of the map.
    axes : sequence of matplotlib.axes.Axes, optional
        One per component; a new figure by default, with five in a row.
    topology : {"rectangular", "rectangular8", "hexagonal"}
        As for `figures.plot_units`.
    names : sequence of str, optional
        Titles; the numbers of the components by default.
    **units
        Further arguments of `figures.plot_units`.

    Returns
    -------
    ndarray of matplotlib.axes.Axes, shape (D,)
        The axes.
    """
    prototypes = np.asarray(prototypes)
    n = prototypes.shape[1]
    if axes is None:
        columns = min(n, 5)
        rows = ceil(n / columns)
        _, axes = plt.subplots(rows, columns, figsize=(1.7 * columns, 1.8 * rows), squeeze=False)
        for spare in axes.flat[n:]:
            spare.axis("off")
        axes = axes.flat[:n]
    look = {"cbar": False, "vmin": prototypes.min(), "vmax": prototypes.max()} | units
    for ax, values, name in zip(axes, prototypes.T, names or range(1, n + 1), strict=True):
        plot_units(values, map_size, ax=ax, topology=topology, **look)
        ax.set(title=name, xlabel="", ylabel="", xticks=[], yticks=[])
    axes[0].figure.colorbar(axes[0].collections[0], ax=axes, label="value of the component")
    return axes


def plot_projection(
    codes,
    prototypes,
    map_size,
    ax=None,
    classes=None,
    class_names=None,
    topology="rectangular",
    toroidal=False,
    **scatter,
):
    """Draw a map over the two principal components of the codes.

    Parameters
    ----------
    codes : array-like of shape (N, D)
        Latent codes, or any points, that decide the projection.
    prototypes : array-like of shape (K, D)
        The prototypes in the same space.
    map_size : tuple of two int
        Rows and columns of the map.
    ax : matplotlib.axes.Axes, optional
        Where to draw; the current axes by default.
    classes : array-like of int, shape (N,), optional
        Classes of the codes; each gets a color, and its name in the middle of its codes.
    class_names : sequence of str, optional
        The name of class c at index c; the number by default.
    topology, toroidal
        As for `figures.plot_lattice`.
    **scatter
        Further arguments of `figures.plot_lattice`.

    Returns
    -------
    matplotlib.axes.Axes
        The axes; their names say which share of the variance of the codes they hold.
    """
    pca = PCA(2).fit(np.asarray(codes, dtype=float))
    points = pca.transform(np.asarray(codes, dtype=float))
    if classes is not None:
        found, index = np.unique(classes, return_inverse=True)
        scatter = {"c": np.array(sns.color_palette("colorblind", len(found)))[index]} | scatter
    ax = plot_lattice(
        points, pca.transform(prototypes), map_size, ax, topology, toroidal, **scatter
    )
    for ratio, axis, name in zip(pca.explained_variance_ratio_, "xy", ("1st", "2nd"), strict=True):
        ax.set(**{f"{axis}label": f"{name} principal component ({ratio:.0%} of the variance)"})
    if classes is not None:
        box = {"facecolor": "white", "alpha": 0.8, "linewidth": 0, "pad": 1}
        for number, c in enumerate(found):
            name = class_names[c] if class_names else str(c)
            middle = np.median(points[index == number], axis=0)
            ax.text(*middle, name, ha="center", va="center", weight="bold", bbox=box, zorder=4)
    return ax


def plot_walk(images, image_shape, ax=None, **image):
    """Draw the steps of a walk as images in a row.

    Parameters
    ----------
    images : array-like of shape (steps, height * width)
        The decoded steps: numbers in [0, 1], or bytes.
    image_shape : tuple of two int
        Height and width of an image.
    ax : matplotlib.axes.Axes, optional
        Where to draw; the current axes by default.
    **image
        Further arguments of `figures.plot_prototypes`.

    Returns
    -------
    matplotlib.axes.Axes
        The axes.
    """
    ax = plot_prototypes(images, (1, len(images)), image_shape, ax, **image)
    ax.set(xlabel="step", ylabel="", yticks=[])
    return ax


def plot_overview(estimator, X, y=None, image_shape=None, class_names=None, axes=None):
    """Draw what there is to see of a fitted map at first sight, whatever trained it.

    Parameters
    ----------
    estimator : MapEstimator
        Fitted.
    X : array-like of shape (n_samples, n_features)
        The samples to show on the map.
    y : array-like of int, shape (n_samples,), optional
        Their classes: adds the majority class of every unit.
    image_shape : tuple of two int, optional
        Height and width, if the samples are images: adds the prototypes, decoded if need be.
    class_names : sequence of str, optional
        The classes that occur in y, in sorted order; their numbers by default.
    axes : sequence of matplotlib.axes.Axes, optional
        Where to draw, two to four; a new row of axes by default.

    Returns
    -------
    sequence of matplotlib.axes.Axes
        The axes: hit map, U-matrix, and the panels that were added, in the order of the arguments.
    """
    prototypes, map_size = estimator.cluster_centers_, estimator.map_size
    topology, toroidal = estimator.topology, estimator.toroidal
    labels = estimator.predict(X)
    if axes is None:
        n = 2 + (y is not None) + (image_shape is not None)
        _, axes = plt.subplots(1, n, figsize=(4 * n, 3.4), squeeze=False)
        axes = axes[0]
    rest = iter(axes)
    hits = np.bincount(labels, minlength=len(prototypes))
    plot_units(hits, map_size, next(rest), "samples", topology).set_title("samples per unit")
    ax = plot_u_matrix(prototypes, map_size, next(rest), topology, toroidal)
    ax.set_title("U-matrix")
    if y is not None:
        counts = class_counts(y, labels, len(prototypes))
        names = class_names or [str(c) for c in np.unique(y)]
        plot_classes(counts, map_size, names, next(rest), topology).set_title("majority class")
    if image_shape is not None:
        images = estimator.decode(prototypes) if hasattr(estimator, "decode") else prototypes
        ax = plot_prototypes(images, map_size, image_shape, next(rest), topology)
        ax.set_title("prototypes")
    return axes
