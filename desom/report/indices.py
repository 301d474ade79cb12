"""Indices of the maps on record, from their artifacts: a new index needs no new run."""

import numpy as np
import pandas as pd

from desom import metrics
from desom.experiments.records import load_artifact
from desom.grid import grid_distances


def map_indices(records, folder=None):
    """Give the indices of every map among some records: a frame with a row for each, by its key.

    Columns are named as in `desom.metrics`; ``input_topographic_product`` is that of the decoded
    prototypes, in the space of the data, and ``class_regions`` the mean over classes. NaN where
    the artifact lacks what an index takes; records have those that need the points.
    """
    maps = [record for record in records if "map_size" in record["config"]]
    rows = {r["key"]: _indices(r["config"], load_artifact(r, folder)) for r in maps}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("key")


def _indices(config, arrays):
    prototypes = arrays["prototypes"]
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
    return row
