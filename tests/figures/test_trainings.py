"""Curves and animations of trainings."""

from io import BytesIO

import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from desom import figures
from desom.methods import estimator_class
from helpers import INSTALLED, refusal


def test_every_curve_has_a_panel_that_names_it():
    curves = {"iteration": [1, 2, 3], "loss": [3.0, 2.0, 1.5], "som_loss": [1e3, 10.0, 0.1]}
    axes = figures.plot_curves(curves)
    assert [ax.get_title() for ax in axes] == ["loss", "som loss"]
    for ax, name in zip(axes, ("loss", "som_loss"), strict=True):
        assert np.array_equal(
            ax.lines[0].get_xydata(), np.transpose([curves["iteration"], curves[name]])
        )
        assert ax.get_yscale() == "log"


def test_values_of_any_sign_can_be_drawn():
    curves = {"iteration": [1, 2], "loss": [-1.0, 2.0], "zeros": [0.0, 0.0], "rate": [1.0, 0.1]}
    axes = figures.plot_curves(curves)
    assert [ax.get_yscale() for ax in axes] == ["linear", "linear", "log"]
    axes[0].figure.canvas.draw()


def test_a_curve_belongs_to_the_iterations_before_it():
    curves = {"iteration": [1, 2, 3], "loss": [3.0, 2.0, 1.0]}
    curves |= {"pretrain_iteration": [10, 20, 30], "reconstruction_loss": [9.0, 8.0, 7.0]}
    first, second = figures.plot_curves(curves)
    assert first.lines[0].get_xdata().tolist() == [1, 2, 3]
    assert second.lines[0].get_xdata().tolist() == [10, 20, 30]
    assert second.get_xlabel() == "pretrain iteration"
    for wrong in ({"loss": [1.0]}, {"iteration": [1, 2], "loss": [1.0]}):
        assert "iterations before it" in refusal(figures.plot_curves, wrong)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted({*INSTALLED} - {"kmeans", "minisom"}))
def test_curves_of_every_estimator_are_drawn(name):
    cls = estimator_class(name)
    known = cls().get_params()
    wanted = {"hidden_units": (8,), "latent_dim": 2, "pretrain_iterations": 12, "iterations": 25}
    wanted |= {"map_size": (2, 2), "n_clusters": 3, "random_state": 0}
    x = load_digits().data[:80] / 16
    estimator = cls(**{k: v for k, v in wanted.items() if k in known}).fit(x)
    curves = getattr(estimator, "history_", {})
    axes = figures.plot_curves(curves)
    drawn = [len(ax.lines[0].get_xdata()) for ax in axes if ax.lines]
    assert drawn == [len(c) for n, c in curves.items() if not n.endswith("iteration")]
    axes[0].figure.canvas.draw()


def test_an_animation_has_all_frames_and_leaves_no_figure_open():
    file = figures.animate(
        lambda frame, ax: (ax.bar(frame, 1), ax.set(xlim=(0, 4))),
        [1, 2, 3],
        figsize=(2, 2),
        seconds=0.1,
        colors=8,
    )
    assert file.startswith(b"\x89PNG")
    assert plt.get_fignums() == []
    with Image.open(BytesIO(file)) as image:
        assert image.n_frames == 3 and image.info["loop"] == 0
        assert len(image.convert("RGB").getcolors()) <= 8
        durations = []
        for frame in range(3):
            image.seek(frame)
            durations.append(image.info["duration"])
    assert durations == [100, 100, 2500]
