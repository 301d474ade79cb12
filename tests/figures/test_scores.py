"""The seeds behind a mean."""

import matplotlib.pyplot as plt
import numpy as np

from desom import figures


def test_every_seed_has_a_dot_and_every_mean_a_bar_at_its_row():
    samples = {"one": [0.2, 0.4, 0.9], "two": [0.5], "three": [0.7, 0.7]}
    ax = figures.plot_seeds(samples, {"two": 0.8}, {"one": (0.1, 0.6)})
    assert [text.get_text() for text in ax.get_yticklabels()] == list(samples)
    found = [np.asarray(points.get_offsets()) for points in ax.collections]
    dots, means = found[0], found[1]
    assert np.array_equal(dots[:, 0], samples["one"])
    assert np.abs(dots[:, 1]).max() < 0.5 and len(np.unique(dots[:, 1])) == 3
    assert np.allclose(means, [[0.5, 0]])
    assert any(np.allclose(offsets, [[0.8, 1]]) for offsets in found)
    (line,) = ax.lines
    assert np.array_equal(line.get_xydata(), [[0.1, 0], [0.6, 0]])
    # The first is above.
    assert ax.get_ylim()[0] > ax.get_ylim()[1]


def test_axes_that_are_given_are_drawn_on():
    _, ax = plt.subplots()
    assert figures.plot_seeds({"one": [1.0]}, ax=ax) is ax
