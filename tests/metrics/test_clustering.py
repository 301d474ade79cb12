"""Every clustering metric against slow loops over its definition, and hand-computed cases."""

import itertools
from math import comb, log, sqrt

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from desom import metrics
from desom.errors import InputError

few = settings(max_examples=25, deadline=None)
labelings = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 4)), min_size=2, max_size=30)


def slow_purity(y_true, labels):
    correct = 0
    for cluster in set(labels):
        members = [y for y, label in zip(y_true, labels, strict=True) if label == cluster]
        correct += max(members.count(y) for y in members)
    return correct / len(labels)


def slow_accuracy(y_true, labels):
    clusters, classes = sorted(set(labels)), sorted(set(y_true))
    classes += [None] * len(clusters)
    return max(
        sum(y == match[clusters.index(k)] for y, k in zip(y_true, labels, strict=True))
        for match in itertools.permutations(classes, len(clusters))
    ) / len(labels)


def slow_entropy(values):
    shares = [values.count(v) / len(values) for v in set(values)]
    return -sum(share * log(share) for share in shares)


def slow_nmi(y_true, labels, mean):
    entropies = slow_entropy(y_true), slow_entropy(labels)
    information = sum(entropies) - slow_entropy(list(zip(y_true, labels, strict=True)))
    return information / mean(*entropies)


def slow_ari(y_true, labels):
    pairs = list(itertools.combinations(zip(y_true, labels, strict=True), 2))
    same_class = sum(a[0] == b[0] for a, b in pairs)
    same_cluster = sum(a[1] == b[1] for a, b in pairs)
    both = sum(a == b for a, b in pairs)
    if same_class == same_cluster == 0:
        return 1.0
    chance = same_class * same_cluster / comb(len(y_true), 2)
    return (both - chance) / ((same_class + same_cluster) / 2 - chance)


@few
@given(labelings)
def test_purity_and_accuracy_equal_slow_loops(pairs):
    y_true, labels = map(list, zip(*pairs, strict=True))
    assert metrics.purity(y_true, labels) == pytest.approx(slow_purity(y_true, labels))
    assert metrics.accuracy(y_true, labels) == pytest.approx(slow_accuracy(y_true, labels))


@few
@given(labelings.filter(lambda pairs: all(len(set(side)) > 1 for side in zip(*pairs, strict=True))))
def test_nmi_and_ari_equal_slow_loops(pairs):
    y_true, labels = map(list, zip(*pairs, strict=True))
    arithmetic = slow_nmi(y_true, labels, lambda a, b: (a + b) / 2)
    geometric = slow_nmi(y_true, labels, lambda a, b: sqrt(a * b))
    assert metrics.nmi(y_true, labels) == pytest.approx(arithmetic, abs=1e-9)
    assert metrics.nmi(y_true, labels, "geometric") == pytest.approx(geometric, abs=1e-9)
    assert metrics.ari(y_true, labels) == pytest.approx(slow_ari(y_true, labels), abs=1e-9)


def slow_class_entropy(counts):
    total = 0.0
    for members in counts:
        if sum(members):
            total -= log(max(members) / sum(members))
    return total


@few
@given(
    st.lists(st.lists(st.integers(0, 5), min_size=3, max_size=3), min_size=1, max_size=9).filter(
        lambda counts: any(map(any, counts))
    )
)
def test_class_entropy_equals_slow_loops_and_leaves_out_empty_units(counts):
    assert metrics.class_entropy(counts) == pytest.approx(slow_class_entropy(counts))
    assert metrics.class_entropy([*counts, [0, 0, 0]]) == metrics.class_entropy(counts)


def test_hand_computed_class_entropy():
    assert metrics.class_entropy([[4, 0], [0, 1]]) == 0
    # The share of a unit counts, not its size.
    assert metrics.class_entropy([[2, 2], [100, 300]]) == pytest.approx(log(2) + log(4 / 3))
    with pytest.raises(InputError, match=r"class_counts of shape \(2,\)"):
        metrics.class_entropy([1, 2])


def test_hand_computed_clustering():
    y_true, labels = [0, 0, 0, 1, 1, 2], [5, 5, 7, 7, 7, 7]
    # Cluster 5 holds 2 of class 0; cluster 7 holds 1, 2 and 1 of classes 0, 1 and 2.
    assert metrics.purity(y_true, labels) == pytest.approx(4 / 6)
    assert metrics.accuracy(y_true, labels) == pytest.approx(4 / 6)
    # Of 15 pairs, 4 share their class, 7 their cluster and 2 both.
    assert metrics.ari(y_true, labels) == pytest.approx((2 - 28 / 15) / (11 / 2 - 28 / 15))


def test_accuracy_matches_one_cluster_to_one_class():
    y_true, labels = [0, 0, 0, 0, 1, 1], [0, 0, 1, 1, 2, 2]
    assert metrics.purity(y_true, labels) == 1
    assert metrics.accuracy(y_true, labels) == pytest.approx(4 / 6)


def test_clustering_scores_of_renamed_classes_are_perfect():
    y_true = np.repeat([0, 1, 2], 4)
    scores = metrics.clustering_scores(y_true, np.array([9, 4, 6])[y_true], n_clusters=3)
    assert scores == pytest.approx(dict.fromkeys(scores, 1.0))
    assert list(scores) == ["purity", "nmi", "nmi_geometric", "accuracy", "ari"]


def test_clustering_scores_of_one_cluster_are_worst():
    scores = metrics.clustering_scores([0, 0, 1, 1], [3, 3, 3, 3], n_clusters=2)
    worst = {"purity": 0.5, "nmi": 0, "nmi_geometric": 0, "accuracy": 0.5, "ari": 0}
    assert scores == pytest.approx(worst)


@pytest.mark.parametrize("n_clusters, defined", [(2, False), (3, True), (4, False)])
def test_clusters_without_samples_count_for_the_accuracy(n_clusters, defined):
    scores = metrics.clustering_scores([0, 0, 1, 2], [0, 0, 1, 1], n_clusters)
    assert scores["accuracy"] == (0.75 if defined else None)


def test_clustering_scores_equal_the_functions():
    rng = np.random.default_rng(0)
    y_true, labels = rng.integers(0, 5, (2, 200))
    assert metrics.clustering_scores(y_true, labels, 5) == {
        "purity": metrics.purity(y_true, labels),
        "nmi": metrics.nmi(y_true, labels),
        "nmi_geometric": metrics.nmi(y_true, labels, average_method="geometric"),
        "accuracy": metrics.accuracy(y_true, labels),
        "ari": metrics.ari(y_true, labels),
    }


@pytest.mark.parametrize(
    "convert",
    [
        lambda y: y.astype(float),
        lambda y: np.array(["ham", "spam", "eggs"])[y],
        lambda y: pd.Series(np.array(["ham", "spam", "eggs"])[y], index=y[::-1]),
        lambda y: pd.Categorical(np.array(["ham", "spam", "eggs"])[y]),
        lambda y: y.astype(np.uint8).tolist(),
    ],
)
def test_classes_of_any_kind_are_counted_alike(convert):
    rng = np.random.default_rng(0)
    y, labels = rng.integers(0, 3, (2, 50))
    expected = metrics.clustering_scores(y, labels, 3)
    assert metrics.clustering_scores(convert(y), labels, 3) == pytest.approx(expected)
    assert metrics.clustering_scores(y, convert(labels), 3) == pytest.approx(expected)
    two = y == 1
    assert metrics.nmi(two, labels) == metrics.nmi(two.astype(int), labels)
    counts = metrics.class_counts(convert(y), labels, 3)
    assert sorted(counts.sum(axis=0)) == sorted(np.bincount(y))


# Bad input


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: metrics.purity([0, 1], [0]), r"labels of shape \(1,\) .* must be \(2\)"),
        (lambda: metrics.accuracy([], []), r"y_true of shape \(0,\)"),
        (lambda: metrics.nmi([0, 1], [0.0, 1.5]), "labels of type float64 .* integers"),
        (lambda: metrics.nmi([0, 1], [0.0, np.nan]), "labels of type float64 .* integers"),
        (lambda: metrics.purity(["a", None], [0, 1]), "y_true of type object .* strings"),
        (lambda: metrics.ari([[0, 1]], [0, 1]), r"y_true of shape \(1, 2\) .* must be \(any\)"),
        (lambda: metrics.clustering_scores([1j, 2], [0, 1], 2), "y_true of type .* integers"),
    ],
)
def test_bad_input_is_named_in_one_sentence(call, message):
    with pytest.raises(InputError, match=message) as error:
        call()
    assert str(error.value).endswith(".") and "\n" not in str(error.value)
