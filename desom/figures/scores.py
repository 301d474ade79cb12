"""Pictures of scores: the seeds behind a mean, and how well the mean is known."""

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
        By default that of a new figure, as high as the rows need.

    Returns
    -------
    matplotlib.axes.Axes
        The axes.
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
