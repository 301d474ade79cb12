"""What a page shows of a fitted map beside its prototypes."""

import numpy as np
import pytest

from desom import DESOM, Kerasom
from desom.baselines.ae_som import AEKerasom
from desom.baselines.dnm import DNM
from desom.datasets import Dataset
from desom.errors import InputError
from desom.experiments.artifact import Snapshots, as_bytes, kept_samples, measure


def test_kept_samples_are_spread_over_all_of_them():
    assert kept_samples(60).tolist() == list(range(60))
    kept = kept_samples(70_000)
    assert (kept[0], kept[-1], len(np.unique(kept))) == (0, 69_999, 1000)
    assert np.ptp(np.diff(kept)) <= 1


# Snapshots

SMALL = {"map_size": (2, 3), "iterations": 40, "batch_size": 16, "random_state": 0}
NETWORK = {"hidden_units": (8,), "latent_dim": 2}
FIRST = {"pretrain_iterations": 5}

MAP = {"iteration", "prototypes"}
WALKS = {"detour", "jump"}
KEPT = {
    Kerasom: (SMALL, MAP),
    DESOM: (SMALL | NETWORK, MAP | WALKS | {"decoded", "codes"}),
    AEKerasom: (SMALL | NETWORK | FIRST, MAP | WALKS),
    DNM: (SMALL | NETWORK | FIRST, MAP),
}


@pytest.mark.parametrize("cls", KEPT)
def test_snapshots_are_kept_at_moments_spread_over_the_training(cls, blobs):
    parameters, names = KEPT[cls]
    snapshots = Snapshots(3, Dataset("blobs", *blobs, image_shape=(1, 5)))
    seen = {}

    def watch(estimator, iteration):
        seen[iteration] = estimator.cluster_centers_.copy()
        snapshots(estimator, iteration)

    estimator = cls(**parameters).fit(blobs[0], callback=watch)
    arrays = snapshots.arrays()
    assert arrays.keys() == {f"snapshot_{name}" for name in names}
    moments = arrays["snapshot_iteration"].tolist()
    points = list(seen)
    assert moments == [points[0], points[round((len(points) - 1) / 2)], 40]
    for moment, prototypes in zip(moments, arrays["snapshot_prototypes"], strict=True):
        assert np.array_equal(prototypes, seen[moment])
    assert np.array_equal(arrays["snapshot_prototypes"][-1], estimator.cluster_centers_)
    assert {len(array) for array in arrays.values()} == {3}


def test_snapshots_change_nothing_and_show_the_same_samples_at_every_moment(blobs):
    data = Dataset("blobs", *blobs, image_shape=(1, 5))
    snapshots = Snapshots(3, data)
    estimator = DESOM(**SMALL, **NETWORK).fit(data.x, callback=snapshots)
    alone = DESOM(**SMALL, **NETWORK).fit(data.x)
    assert np.array_equal(estimator.cluster_centers_, alone.cluster_centers_)
    _, arrays = measure(estimator, data, estimator.labels_, 0, snapshots)
    kept = {"prototypes", "decoded", "class_counts", "nearest", "farthest", "walk"}
    kept |= {"codes", "code_labels", "code_classes", "units"}
    assert arrays.keys() == kept | snapshots.arrays().keys()
    assert np.array_equal(arrays["snapshot_codes"][-1], arrays["codes"])
    assert np.array_equal(arrays["snapshot_decoded"][-1], as_bytes(arrays["decoded"]))
    assert np.array_equal(arrays["code_classes"], blobs[1])


def test_snapshots_of_a_map_among_the_data_are_kept_in_half_precision(blobs):
    data = Dataset("blobs", *blobs, image_shape=(1, 5))
    snapshots = Snapshots(2, data)
    estimator = Kerasom(**SMALL).fit(data.x, callback=snapshots)
    _, arrays = measure(estimator, data, estimator.labels_, 0, snapshots)
    assert arrays["snapshot_prototypes"].dtype == np.float16
    assert np.array_equal(arrays["snapshot_prototypes"][-1], arrays["prototypes"])


def test_more_snapshots_than_points_are_one_at_every_point(blobs):
    snapshots = Snapshots(200, Dataset("blobs", *blobs))
    Kerasom(**SMALL).fit(blobs[0], callback=snapshots)
    assert snapshots.arrays()["snapshot_iteration"].tolist() == [10, 20, 30, 40]
    assert Snapshots(0, None).arrays() == {}


@pytest.mark.parametrize("number", [-1, 201, 2.5, "3", None])
def test_number_of_snapshots_is_checked(number):
    with pytest.raises(InputError, match=r"snapshots is .*; it takes an integer from 0 to 200\."):
        Snapshots(number, None)
