"""Advice on data that a map cannot use as they are, and on maps that have collapsed."""

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine
from sklearn.preprocessing import StandardScaler

from desom import Kerasom, datasets
from desom.baselines.minisom import Minisom
from desom.checks import advise_on_collapse, origin_of, sampled
from helpers import BOTH, small

BRIEF = {"map_size": (2, 2), "iterations": 2, "random_state": 0}


def advice(call):
    """Give the sentences that a call warns with, each ended by a full stop."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call()
    texts = [str(w.message) for w in caught if w.category is UserWarning]
    assert all(text.endswith(".") and "\n" not in text for text in texts)
    return texts


def of_scale(estimator, X):
    return [text for text in advice(lambda: estimator.fit(X)) if "collapsed" not in text]


@pytest.mark.parametrize("cls", [Kerasom, Minisom])
@pytest.mark.parametrize(
    ("load", "named"), [(load_wine, "proline"), (load_breast_cancer, "worst area")]
)
def test_columns_of_which_few_decide_are_named(cls, load, named):
    frame = load(as_frame=True).data
    (sentence,) = of_scale(cls(**BRIEF), frame)
    assert named in sentence and f"of {frame.shape[1]} columns" in sentence
    assert "StandardScaler" in sentence
    (sentence,) = of_scale(cls(**BRIEF), frame.to_numpy())
    assert f"column {frame.columns.get_loc(named)}" in sentence
    assert of_scale(cls(**BRIEF), StandardScaler().fit_transform(frame)) == []


@BOTH
@pytest.mark.parametrize("factor", [255.0, 1e-4])
def test_a_scale_that_the_training_is_not_made_for_is_named(cls, factor):
    x = load_digits().data[:100] / 16
    (sentence,) = of_scale(small(cls, iterations=2), factor * x)
    assert "[0, 1]" in sentence
    assert of_scale(small(cls, iterations=2), x) == []


def test_one_rate_for_all_scales_needs_no_advice():
    assert of_scale(Minisom(**BRIEF), 255 * load_digits().data[:50]) == []


@pytest.mark.parametrize("name", ["digits", "mnist5k"])
def test_data_sets_of_the_paper_s_kind_need_no_advice(name):
    assert of_scale(Kerasom(**BRIEF), datasets.load(name).x) == []


def test_iris_needs_no_advice():
    assert of_scale(Kerasom(**BRIEF), load_iris().data) == []


@pytest.mark.parametrize("convert", [np.asarray, pd.DataFrame])
def test_a_column_whose_digits_single_precision_loses_is_named(convert):
    times = 1.7e9 + np.random.default_rng(0).normal(size=(50, 1))
    x = np.hstack([np.random.default_rng(1).random((50, 2)), times])
    (sentence,) = of_scale(Kerasom(**BRIEF), convert(x))
    assert "column 2 of X" in sentence and "float32" in sentence
    assert of_scale(Kerasom(**BRIEF), convert(x - x.mean(axis=0))) == []


def test_constant_columns_are_no_fault():
    x = np.ones((40, 3))
    assert of_scale(Kerasom(**BRIEF), x) == []
    x[:, 0] = np.arange(40) / 40
    assert of_scale(Kerasom(**BRIEF), x) == []


def test_a_collapsed_map_says_so():
    scaled = StandardScaler().fit_transform(load_wine().data)
    settings = {"iterations": 500, "learning_rate": 0.05, "random_state": 0}
    som = Kerasom((4, 4), t_max=50.0, decay="constant", **settings)
    (sentence,) = advice(lambda: som.fit(scaled))
    used = len(np.unique(som.labels_))
    assert f"{used} of its 16 units" in sentence and used <= 4
    assert "t_max" in sentence and "gamma" not in sentence
    assert advice(lambda: Kerasom((4, 4), **settings).fit(scaled)) == []


@BOTH
def test_codes_that_hardly_differ_are_a_collapse(cls, fitted):
    estimator = fitted[cls]
    labels, prototypes = estimator.labels_, estimator.cluster_centers_
    try:
        estimator.labels_ = np.arange(6)
        assert advice(lambda: advise_on_collapse(estimator)) == []
        estimator.cluster_centers_ = 1 + 1e-5 * prototypes
        sentences = advice(lambda: advise_on_collapse(estimator))
    finally:
        estimator.labels_, estimator.cluster_centers_ = labels, prototypes
    # In the space of X, a map may lie far from zero.
    assert len(sentences) == (cls is not Kerasom)
    assert all("gamma" in sentence for sentence in sentences)


def test_the_origin_is_moved_where_the_data_lie_far_out():
    x = np.random.default_rng(0).normal(size=(5000, 3)).astype("float32")
    assert origin_of(x) is None and origin_of(x + 5) is None
    origin = origin_of(x + 1000)
    assert origin.dtype == np.float32
    assert origin == pytest.approx([1000] * 3, abs=0.2)
    assert origin_of(np.full((3, 2), 7, "float32")).tolist() == [7, 7]
    assert origin_of(np.zeros((3, 2), "float32")) is None


def test_what_is_looked_at_is_bounded():
    assert len(sampled(np.zeros((5000, 2), "float32"))) == 1000
    assert len(sampled(np.zeros((7, 2), "float32"))) == 7
    assert sampled(np.zeros((100, 1_000_000), "float32")).nbytes <= 2**26
