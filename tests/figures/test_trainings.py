"""Curves and animations of trainings."""

from io import BytesIO

import matplotlib.pyplot as plt
import numpy as np
from PIL import Image

from desom import figures


def test_every_curve_has_a_panel_that_names_it():
    curves = {"iteration": [1, 2, 3], "loss": [3.0, 2.0, 1.5], "som_loss": [1e3, 10.0, 0.1]}
    axes = figures.plot_curves(curves)
    assert [ax.get_title() for ax in axes] == ["loss", "som loss"]
    for ax, name in zip(axes, ("loss", "som_loss"), strict=True):
        assert np.array_equal(
            ax.lines[0].get_xydata(), np.transpose([curves["iteration"], curves[name]])
        )
        assert ax.get_yscale() == "log"
    _, given = plt.subplots(1, 2)
    assert figures.plot_curves(curves, given) is given


def test_an_animation_has_all_frames_and_leaves_no_figure_open():
    file = figures.animate(
        lambda frame, ax: (ax.bar(frame, 1), ax.set(xlim=(0, 4))),
        [1, 2, 3],
        figsize=(2, 2),
        seconds=0.1,
        last_seconds=2,
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
    assert durations == [100, 100, 2000]
