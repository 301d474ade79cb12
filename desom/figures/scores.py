"""Pictures of scores: the seeds behind a mean, and how well the mean is known."""

from math import ceil
from textwrap import fill

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns


def plot_seeds(samples, published=None, intervals=None, ax=None):
    """Draw a row for each sample: a dot for each seed, and a bar at the mean.

    Parameters
    ----------
    samples : dict of str to array-like
        The scores of a method, one per seed, by its label; the first is the uppermost.
    published : dict of str to float, optional
        Numbers to compare with, by label; a diamond each.
    intervals : dict of str to tuple of float, optional
        Lower and upper end of a confidence interval, by label; a line each.
    ax : matplotlib.axes.Axes, optional
        Where to draw, and what is returned; of a new figure by default, as high as the rows need.
    """
    if ax is None:
        _, ax = plt.subplots(figsize=(6.4, 0.9 + 0.29 * len(samples)))
    for row, (label, values) in enumerate(samples.items()):
        # A little apart, always in the same way: seeds may agree.
        heights = row + np.linspace(-0.18, 0.18, len(values))
        ax.scatter(values, heights, s=14, color="C0", alpha=0.55, linewidths=0)
        ax.scatter(np.mean(values), row, 190, color="C0", marker="|", linewidths=2)
        if label in (published or {}):
            ax.scatter(published[label], row, 34, color="C3", marker="D", zorder=3)
        if label in (intervals or {}):
            ax.plot(intervals[label], [row, row], color="0.3", lw=1.5, zorder=0)
    ax.set_yticks(range(len(samples)), list(samples))
    ax.set_ylim(len(samples) - 0.5, -0.5)
    ax.grid(axis="y", color="0.93")
    sns.despine(ax=ax)
    return ax


def plot_dots(runs, measures, by, base):
    """Draw every run, a row of a frame, as a dot: a panel for each measure, a row for each group.

    ``measures`` has the names of the columns to draw, ``by`` is the column that groups the runs,
    and ``base`` the group whose mean is a dotted line. Gives the axes.
    """
    height = 1.2 + 0.28 * runs[by].nunique()
    _, axes = plt.subplots(1, len(measures), figsize=(8.6, height), sharey=True)
    for ax, (measure, name) in zip(axes, measures.items(), strict=True):
        sns.stripplot(runs, x=measure, y=by, color="C0", size=4, jitter=False, ax=ax)
        ax.axvline(runs.loc[runs[by] == base, measure].mean(), color="0.5", lw=1, ls=":")
        ax.set(xlabel=fill(name, 16), ylabel="")
        ax.grid(axis="y", color="0.9")
        ax.locator_params(axis="x", nbins=2)
    sns.despine()
    return axes


def plot_trends(runs, x, measures, by=None, columns=2, **look):
    """Draw measures over what was varied: a panel each, means with the spread of the runs.

    ``runs`` is a frame with a row per run, and ``measures`` has the names of the columns to draw
    over the column ``x``, for each group of the column ``by`` a line; ``columns`` is the number of
    panels in a row, and ``look`` is for ``Axes.set``. Gives the axes.
    """
    rows = ceil(len(measures) / columns)
    figsize = (7.4, 0.4 + 1.9 * rows)
    _, axes = plt.subplots(rows, columns, figsize=figsize, sharex=True, squeeze=False)
    for ax, (measure, name) in zip(axes.flat, measures.items(), strict=True):
        drawn = {"x": x, "y": measure, "hue": by, "style": by, "markers": bool(by), "ax": ax}
        sns.lineplot(runs, **drawn, errorbar="sd", err_style="bars", legend=ax is axes.flat[0])
        ax.set(**{"title": name, "ylabel": ""} | look)
    if by:
        axes.flat[0].legend(frameon=False)
    sns.despine()
    return axes
