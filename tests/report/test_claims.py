"""Every rule behind a verdict, with claims that are true, false and undecided."""

import numpy as np
import pandas as pd
import pytest

from desom.grid import grid_distances
from desom.report import claims

LOW, HIGH = [0.70, 0.71, 0.69, 0.70, 0.705], [0.80, 0.81, 0.79, 0.80, 0.805]
NEAR = [0.704, 0.712, 0.698, 0.702, 0.709]  # above LOW by 0.004
WIDE = [0.60, 0.95, 0.75, 0.55, 0.90]
UP, DOWN, UNKNOWN = (HIGH, LOW), (LOW, HIGH), (WIDE, LOW)


@pytest.mark.parametrize(
    ("findings", "word"),
    [
        ([True, True], "holds"),
        ([True, None], "holds in part"),
        ([True, False, None], "mixed"),
        ([False, None], "contradicted in part"),
        ([False, False], "contradicted"),
        ([None, None], "open"),
        ([], "open"),
    ],
)
def test_the_parts_of_a_claim_make_a_word(findings, word):
    assert claims.outcome(findings) == word


@pytest.mark.parametrize(
    ("pairs", "word"),
    [
        ([UP, UP], "holds"),
        ([DOWN, DOWN], "contradicted"),
        ([UNKNOWN, UNKNOWN], "open"),
        ([UP, UNKNOWN], "holds in part"),
        ([UP, DOWN], "mixed"),
        ([([0.8], [0.7])], "open"),  # a single seed tells nothing
        ([], "open"),
    ],
)
def test_direction(pairs, word):
    assert claims.direction(pairs) == word


def test_one_rule_says_better_far_better_and_not_worse():
    near = [(NEAR, LOW)]
    assert claims.direction(near) == "open"
    assert claims.direction(near, least=-0.02) == "holds"
    assert claims.direction(near, least=0.02) == "contradicted"
    assert claims.direction([UP], least=0.02) == "holds"
    assert claims.direction([DOWN], least=-0.02) == "contradicted"
    assert claims.direction([UNKNOWN], least=-0.02) == "open"


@pytest.mark.parametrize(
    ("conditions", "word"),
    [
        ({"SGD": {"x": UP}, "Adam": {"x": UP}}, "holds"),
        ({"SGD": {"x": DOWN}, "Adam": {"x": DOWN}}, "contradicted"),
        ({"SGD": {"x": DOWN}, "Adam": {"x": UP}}, "depends on the optimizer"),
        ({"SGD": {"x": UP}, "Adam": {"x": DOWN, "y": UP}}, "depends on the optimizer"),
        ({"SGD": {"x": UP}, "Adam": {"x": UNKNOWN}}, "holds in part"),
        ({"SGD": {"x": UNKNOWN}, "Adam": {"x": UNKNOWN}}, "open"),
        # Two data sets disagree under every optimizer alike: it depends on no optimizer.
        ({"SGD": {"x": UP, "y": DOWN}, "Adam": {"x": UP, "y": DOWN}}, "mixed"),
        ({"SGD": {"x": UP}, "Adam": {"y": DOWN}}, "mixed"),
        ({}, "open"),
    ],
)
def test_across_conditions(conditions, word):
    assert claims.across(conditions, "the optimizer") == word


def test_conditions_are_corrected_for_together():
    borderline = ([0.700, 0.710, 0.720, 0.705], [0.690, 0.680, 0.697, 0.695])
    assert claims.across({"SGD": {"x": borderline}}, "the optimizer") == "holds"
    many = {condition: {"x": borderline} for condition in range(10)}
    assert claims.across(many, "the optimizer") == "open"
    assert claims.across({"SGD": {"x": (NEAR, LOW)}}, "the optimizer", 0.02) == "contradicted"


@pytest.mark.parametrize(
    ("ours", "word"),
    [(1, "holds"), (9, "contradicted"), (3, "mixed"), (2, "holds in part")],
)
def test_fewer(ours, word):
    assert claims.fewer(ours, [2, 4]) == word


def test_as_many_are_not_fewer():
    assert claims.fewer(2, [2]) == claims.fewer(2, []) == "open"


def test_many_parts_need_wider_intervals():
    borderline = ([0.700, 0.710, 0.720, 0.705], [0.690, 0.680, 0.697, 0.695])
    (alone,) = claims.simultaneous([borderline])
    among_ten = claims.simultaneous([borderline] * 10)[0]
    assert alone.low > 0 > among_ten.low
    assert among_ten.difference == alone.difference
    assert claims.direction([borderline]) == "holds"
    assert claims.direction([borderline] * 10) == "open"


def test_two_runs_that_agree_by_luck_tell_nothing():
    lucky = ([0.8000, 0.8001], LOW)
    (test,) = claims.simultaneous([lucky])
    assert test.difference == pytest.approx(0.09905) and np.isnan(test.low)
    assert claims.direction([lucky]) == claims.equivalence([lucky]) == "open"


def test_parts_of_noise_are_rarely_found():
    """Ten equal pairs: any word but "open" is an error, in at most one of twenty claims."""
    rng = np.random.default_rng(0)
    alarms = sum(
        claims.direction([(rng.normal(size=10), rng.normal(size=10)) for _ in range(10)]) != "open"
        for _ in range(150)
    )
    assert 0 < alarms / 150 < 0.1


@pytest.mark.parametrize(
    ("pairs", "word"),
    [
        ([(NEAR, LOW)], "holds"),
        ([UP], "contradicted"),
        ([DOWN], "contradicted"),
        ([UNKNOWN], "open"),
        ([(NEAR, LOW), UNKNOWN], "holds in part"),
        ([(NEAR, LOW), UP], "mixed"),
        ([([0.7], [0.7])], "open"),
    ],
)
def test_equivalence(pairs, word):
    assert claims.equivalence(pairs, margin=0.02) == word


def test_equality_depends_on_the_margin_that_is_stated():
    assert claims.equivalence([(NEAR, LOW)], margin=0.005) == "open"
    assert claims.equivalence([UP], margin=0.2) == "holds"


@pytest.mark.parametrize(
    ("columns", "word"),
    [
        ([(HIGH, [LOW, WIDE[:2] * 3])], "open"),  # one of the others may be anywhere
        ([(HIGH, [LOW, NEAR])], "holds"),
        ([(LOW, [NEAR])], "holds"),  # below the best by less than the margin
        ([(LOW, [NEAR, HIGH])], "contradicted"),
        ([(LOW, [NEAR]), (LOW, [HIGH])], "mixed"),
        ([([0.7], [[0.9], [0.8]])], "open"),
    ],
)
def test_competitive(columns, word):
    assert claims.competitive(columns, margin=0.02) == word


@pytest.mark.parametrize(
    ("measured", "word"),
    [
        ([1, 2, 3, 4, 5, 6, 7], "holds"),
        ([1, 2, 3, 5, 4, 6, 7], "holds in part"),
        ([7, 6, 5, 4, 3, 2, 1], "contradicted"),
        ([7, 6, 5, 3, 4, 2, 1], "contradicted in part"),
        ([4, 1, 7, 2, 6, 3, 5], "open"),
    ],
)
def test_order(measured, word):
    verdict, correlation, p_value = claims.order([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7], measured)
    assert verdict == word
    assert (p_value < 0.05) == (word != "open")
    assert correlation == pytest.approx(1) or word != "holds"


def test_few_methods_have_no_order():
    assert claims.order([0.1, 0.2], [1, 2])[0] == "open"
    assert claims.order([], [])[0] == "open"


def test_a_map_is_organized_or_not():
    rng = np.random.default_rng(1)
    adjacent = grid_distances((6, 6)) == 1
    rows, columns = np.indices((6, 6)).reshape(2, -1)
    sheet = np.stack([rows, columns, rows * columns / 9], axis=1).astype(float)
    ratio, p_value = claims.organized(sheet, adjacent)
    assert ratio < 0.5 and p_value == pytest.approx(1 / 1001)
    chessboard = np.stack([(rows + columns) % 2, 0 * rows], axis=1).astype(float)
    ratio, p_value = claims.organized(chessboard, adjacent)
    assert ratio > 1.9 and p_value > 0.99
    _, p_value = claims.organized(rng.normal(size=(36, 10)), adjacent)
    assert 0.05 < p_value < 0.99


@pytest.mark.parametrize(
    ("p_values", "word"),
    [
        ([0.001, 0.001], "holds"),
        ([0.999, 0.999], "contradicted"),
        ([0.001, 0.999], "mixed"),
        ([0.001, 0.04], "holds in part"),  # 0.04 is too much for two maps
        ([0.04], "holds"),
        ([0.5, 0.9], "open"),
        ([], "open"),
    ],
)
def test_order_of_maps(p_values, word):
    assert claims.order_of_maps(p_values) == word


def test_effects_pair_the_methods_where_both_have_runs():
    runs = pd.DataFrame(
        [
            ("a", "mnist", 0.9, 0.6),
            ("a", "mnist", 0.8, 0.5),
            ("b", "mnist", 0.7, 0.4),
            ("a", "reuters21578", 0.6, 0.3),
        ],
        columns=["method", "dataset", "purity", "nmi_geometric"],
    )
    pairs = claims.effects(runs, ("a", "b"), ("b", "c"))
    assert list(pairs) == [("a", "b", "MNIST", "purity"), ("a", "b", "MNIST", "NMI")]
    a, b = pairs["a", "b", "MNIST", "purity"]
    assert list(a) == [0.9, 0.8] and list(b) == [0.7]
    assert not claims.effects(runs)


def test_a_measure_without_a_word_has_its_own():
    runs = pd.DataFrame({"method": ["a", "b"], "dataset": ["mnist"] * 2, "error": [0.1, 0.2]})
    assert list(claims.effects(runs, ("a", "b"), metrics=("error",))) == [
        ("a", "b", "MNIST", "error")
    ]
    assert not claims.effects(runs[:0], ("a", "b"))
