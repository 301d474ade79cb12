"""Indices of the maps on record, from their artifacts: a new index needs no new run."""

import numpy as np
import pandas as pd

from desom import metrics
from desom.engine.prediction import nearest_prototypes
from desom.experiments.records import load_artifact
from desom.grid import grid_distances


def map_indices(records, folder=None, data=None):
    """Give the indices of every map among some records: a frame with a row for each, by its key.

    Columns are named as in `desom.metrics`; ``input_topographic_product`` is that of the decoded
    prototypes, in the space of the data, and ``class_regions`` the mean over classes. NaN where
    the artifact lacks what an index takes. ``folder`` has the records, by default those of
    `records.default_folder`. With ``data``, a `Dataset`, there are also those that need the points:
    ``sharpness_ratio`` if they are images; and of maps without a network, whose best-matching units
    the artifact gives, ``topographic_function``, ``c_measure`` and ``kruskal_shepard_error``.
    """
    maps = [record for record in records if "map_size" in record["config"]]
    rows = {record["key"]: _indices(record, load_artifact(record, folder), data) for record in maps}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("key")


def _indices(record, arrays, data):
    config, prototypes = record["config"], arrays["prototypes"]
    shape = config.get("topology", "rectangular"), config.get("toroidal", False)
    distances = grid_distances(config["map_size"], *shape)
    pictures = arrays.get("decoded", None if "latent_dim" in config else prototypes)
    row = {"topographic_product": metrics.topographic_product(prototypes, distances)}
    if pictures is not None:
        row["input_topographic_product"] = metrics.topographic_product(pictures, distances)
    if "class_counts" in arrays:
        counts = arrays["class_counts"]
        row |= {
            "class_entropy": metrics.class_entropy(counts),
            "class_regions": float(np.mean(metrics.class_regions(counts, distances))),
            "class_scatter_index": metrics.class_scatter_index(counts, distances),
            "units_used": metrics.units_used(counts.sum(axis=1)),
            "smallest_unit": metrics.smallest_unit(counts.sum(axis=1)),
        }
    if data is not None and data.image_shape and pictures is not None:
        row["sharpness_ratio"] = metrics.sharpness_ratio(pictures, data.x, data.image_shape)
    if data is not None and "latent_dim" not in config:
        bmus = nearest_prototypes(data.x, prototypes.astype(data.x.dtype))
        row |= {
            "topographic_function": metrics.topographic_function(data.x, prototypes, distances),
            "c_measure": metrics.c_measure(data.x, bmus, distances),
            "kruskal_shepard_error": metrics.kruskal_shepard_error(data.x, bmus, distances),
        }
    return row
