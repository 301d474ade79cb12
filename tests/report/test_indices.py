"""Indices of maps on record, from files that hold what an artifact holds."""

import numpy as np
import pytest

from desom import metrics
from desom.experiments.records import REPOSITORY, read
from desom.grid import grid_distances
from desom.report.indices import map_indices

RNG = np.random.default_rng(0)
COUNTS = RNG.poisson(1.0, (12, 3))


@pytest.fixture
def on_file(tmp_path):
    """Write an artifact, and give what its record says that matters here."""

    def write(key, config, **arrays):
        np.savez(tmp_path / f"{key}.npz", **arrays)
        return {"key": key, "config": {"map_size": [3, 4]} | config, "artifact": f"{key}.npz"}

    return write


def test_indices_come_from_prototypes_counts_and_the_grid_of_the_record(on_file, tmp_path):
    prototypes, decoded = RNG.normal(size=(12, 2)), RNG.random((12, 6))
    torus = {"latent_dim": 2, "topology": "rectangular8", "toroidal": True}
    record = on_file("a", torus, prototypes=prototypes, decoded=decoded, class_counts=COUNTS)
    (row,) = map_indices([record], tmp_path).to_dict("records")
    distances = grid_distances((3, 4), "rectangular8", toroidal=True)
    assert row == {
        "topographic_product": metrics.topographic_product(prototypes, distances),
        "input_topographic_product": metrics.topographic_product(decoded, distances),
        "class_entropy": metrics.class_entropy(COUNTS),
        "class_regions": metrics.class_regions(COUNTS, distances).mean(),
        "class_scatter_index": metrics.class_scatter_index(COUNTS, distances),
        "units_used": metrics.units_used(COUNTS.sum(axis=1)),
        "smallest_unit": metrics.smallest_unit(COUNTS.sum(axis=1)),
    }


def test_a_map_among_the_data_has_one_space_and_a_map_of_texts_no_pictures(on_file, tmp_path):
    prototypes = RNG.random((12, 6))
    among = on_file("a", {}, prototypes=prototypes)
    texts = on_file("b", {"latent_dim": 6}, prototypes=prototypes)
    frame = map_indices([among, texts, {"config": {"n_clusters": 3}}], tmp_path)
    assert frame.index.tolist() == ["a", "b"]
    own = frame["topographic_product"]
    assert own["a"] == own["b"] == frame.loc["a", "input_topographic_product"]
    assert np.isnan(frame.loc["b", "input_topographic_product"])


def test_every_recorded_map_of_digits_has_its_indices():
    recorded = [*read(REPOSITORY / "results", "kerasom", "mnist").values()][:3]
    frame = map_indices(recorded, REPOSITORY / "results")
    assert len(frame) == len(recorded) == 3
    assert np.isfinite(frame).all(axis=None)
