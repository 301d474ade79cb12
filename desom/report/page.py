"""One page of HTML on a map of any data: what it looks like, how good it is, what to look at."""

import base64
from html import escape
from io import BytesIO

import matplotlib.pyplot as plt
import numpy as np

from desom import figures, metrics

# Of more columns, the ones whose planes vary most are drawn.
PLANES = 30

# What to look at, for each index that the page has.
MEANING = {
    "quantization_error": "mean distance from a sample to its prototype, in the space of the map",
    "topographic_error": "share of samples whose two nearest units are no neighbors; 0 is best",
    "trustworthiness": "how far neighbors on the map are neighbors in the data; 1 is best",
    "neighborhood_preservation": "how far neighbors in the data are neighbors on the map",
    "units_used": "units that have samples; few are a collapse: scale the columns, lower gamma",
    "purity": "share of samples of their unit's majority class; rises with the number of units",
    "nmi": "mutual information of units and classes, over the mean of their entropies",
}
STYLE = "body{font:16px/1.5 sans-serif;max-width:60em;margin:2em auto;padding:0 1em}"
STYLE += "img{max-width:100%}td,th{padding:.2em 1em .2em 0;text-align:left}"


def indices(estimator, points, data):
    """Judge a fitted map on points, those of ``data``, as its training had them."""
    codes = estimator.transform(points) if hasattr(estimator, "transform") else points
    units, prototypes = estimator.predict(points), estimator.cluster_centers_
    distances = metrics.GridDistances(estimator.map_size, estimator.topology, estimator.toroidal)
    scores = {
        "units_used": len(np.unique(units)),
        "quantization_error": metrics.quantization_error(codes, prototypes),
        "topographic_error": metrics.topographic_error(codes, prototypes, distances),
    }
    if len(points) > 10:
        for name in ("trustworthiness", "neighborhood_preservation"):
            scores[name] = getattr(metrics, name)(codes, units, distances)
    if data.y is not None:
        scores |= {"purity": metrics.purity(data.y, units), "nmi": metrics.nmi(data.y, units)}
    return scores


def write_page(path, estimator, points, data, prototypes):
    """Write the page of a map, with its pictures in it: it needs no other file.

    ``points`` are the samples as the training had them; ``prototypes`` (K, D) are in the space and
    the units of ``data.x``.
    """
    size, topology = estimator.map_size, estimator.topology
    axes = figures.plot_overview(estimator, points, data.y, data.image_shape, data.class_names)
    parts = ["<h2>The map</h2>", _picture(axes[0].figure, "Samples per unit, U-matrix and more.")]
    parts.append(
        "<p>Samples of one unit are alike, and so are those of neighbors. Bright ridges of the "
        "U-matrix part clusters; an empty unit lies in a gap between them.</p>"
    )
    if data.image_shape is None:
        names = np.array(data.feature_names or range(1, prototypes.shape[1] + 1), dtype=object)
        spread = prototypes.std(axis=0) / np.maximum(data.x.std(axis=0), 1e-30)
        drawn = np.sort(np.argsort(-spread, kind="stable")[:PLANES])
        axes = figures.plot_components(
            prototypes[:, drawn], size, topology=topology, names=names[drawn]
        )
        parts += ["<h2>The columns</h2>", _picture(axes[0].figure, "One plane for each column.")]
        parts.append(
            "<p>Each plane has the unit of its column. Columns with like planes go together; name "
            "a region of the map by the columns that are high or low there.</p>"
        )
    rows = "".join(
        f"<tr><th>{name.replace('_', ' ')}</th><td>{value:.4g}</td><td>{MEANING[name]}</td></tr>"
        for name, value in indices(estimator, points, data).items()
    )
    parts += ["<h2>How good it is</h2>", f"<table>{rows}</table>", "<h2>How it was trained</h2>"]
    curves = figures.plot_curves(estimator.history_)
    parts.append(_picture(curves[0].figure, "The curves of the training."))
    parts.append(f"<pre>{escape(repr(estimator))}</pre>")
    title = escape(f"A map of {data.name}")
    counts = f"{len(points):,} samples, {points.shape[1]:,} columns, {size[0]}×{size[1]} units."
    head = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
    body = f"<style>{STYLE}</style><h1>{title}</h1><p>{counts}</p>{''.join(parts)}</html>"
    path.write_text(head + body, encoding="utf-8")


def _picture(figure, alt):
    file = BytesIO()
    figure.savefig(file, format="png", dpi=90)
    plt.close(figure)
    data = base64.b64encode(file.getvalue()).decode()
    return f'<img alt="{alt}" src="data:image/png;base64,{data}">'
