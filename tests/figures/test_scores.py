"""The seeds behind a mean."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

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


RUNS = pd.DataFrame(
    {
        "change": ["base", "base", "new", "new"],
        "length": [1, 1, 2, 2],
        "purity": [0.5, 0.7, 0.8, 0.9],
        "error": [0.2, 0.4, 0.3, 0.1],
    }
)
MEASURES = {"purity": "purity", "error": "topographic error"}


def test_every_run_is_a_dot_and_the_base_has_a_line_at_its_mean():
    axes = figures.plot_dots(RUNS, MEASURES, "change", base="base")
    for ax, measure in zip(axes, MEASURES, strict=True):
        dots = np.concatenate([dots.get_offsets() for dots in ax.collections])
        assert np.allclose(dots, np.stack([RUNS[measure], [0, 0, 1, 1]], axis=1))
        assert np.allclose(ax.lines[0].get_xdata(), RUNS[measure][:2].mean())
    assert axes[1].get_xlabel().split() == ["topographic", "error"]


@pytest.mark.parametrize("by", [None, "change"])
def test_a_trend_goes_through_the_means(by):
    axes = figures.plot_trends(RUNS, "length", MEASURES, by, xlabel="steps")
    assert [ax.get_title() for ax in axes.flat] == [*MEASURES.values()]
    assert [ax.get_xlabel() for ax in axes.flat] == ["steps"] * 2
    for ax, measure in zip(axes.flat, MEASURES, strict=True):
        drawn = np.concatenate([line.get_xydata() for line in ax.lines])
        for mean in RUNS.groupby("length")[measure].mean().reset_index().to_numpy():
            assert np.isclose(drawn, mean).all(axis=1).any()
