"""What a page shows of a fitted map beside its prototypes."""

import numpy as np

from desom.experiments.artifact import kept_samples


def test_kept_samples_are_spread_over_all_of_them():
    assert kept_samples(60).tolist() == list(range(60))
    kept = kept_samples(70_000)
    assert (kept[0], kept[-1], len(np.unique(kept))) == (0, 69_999, 1000)
    assert np.ptp(np.diff(kept)) <= 1
