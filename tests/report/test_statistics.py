"""Tests, corrections, effect sizes and verdicts, against slow code that follows the definitions."""

from itertools import combinations

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import studentized_range, ttest_ind
from scipy.stats import t as student

from desom.errors import InputError
from desom.report.statistics import (
    against_best,
    against_control,
    any_difference,
    equivalent,
    expected_best,
    holm,
    mean_and_sd,
    verdict,
    welch,
)

A = [0.95, 0.94, 0.96, 0.955, 0.945]
B = [0.93, 0.90, 0.94, 0.935]


def test_the_mean_and_the_standard_deviation_of_a_sample():
    assert mean_and_sd([1, 2, 3, 4]) == pytest.approx((2.5, (5 / 3) ** 0.5))


def test_one_seed_has_no_standard_deviation():
    mean, sd = mean_and_sd([0.7])
    assert mean == 0.7 and np.isnan(sd)


def test_welch_is_the_formula():
    squared_error = [sum((v - sum(x) / len(x)) ** 2 for v in x) / (len(x) - 1) for x in (A, B)]
    parts = [squared_error[0] / len(A), squared_error[1] / len(B)]
    freedom = sum(parts) ** 2 / (parts[0] ** 2 / (len(A) - 1) + parts[1] ** 2 / (len(B) - 1))
    difference = sum(A) / len(A) - sum(B) / len(B)
    statistic = difference / sum(parts) ** 0.5
    tail, _ = quad(lambda x: student.pdf(x, freedom), statistic, np.inf)
    half_width = student.ppf(0.975, freedom) * sum(parts) ** 0.5

    result = welch(A, B)
    assert result.difference == pytest.approx(difference)
    assert result.p_value == pytest.approx(2 * tail)
    assert (result.low, result.high) == pytest.approx(
        (difference - half_width, difference + half_width)
    )


def test_welch_of_the_other_order_has_the_other_sign():
    one, other = welch(A, B), welch(B, A)
    assert other.p_value == pytest.approx(one.p_value)
    assert (other.difference, other.low) == pytest.approx((-one.difference, -one.high))


def test_welch_without_spread():
    assert welch([0.5, 0.5], [0.5, 0.5]).p_value == 1
    assert welch([0.5, 0.5], [0.4, 0.4]).p_value == 0


def test_welch_of_a_single_seed_knows_the_difference_only():
    result = welch([0.5], B)
    assert result.difference == pytest.approx(0.5 - np.mean(B)) and np.isnan(result.p_value)


def test_holm_on_an_example_by_hand():
    # 4 × 0.005, 3 × 0.01, then 2 × 0.03 twice: 1 × 0.04 may not be smaller than the one before.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


@pytest.mark.parametrize("seed", range(5))
def test_holm_rejects_what_the_step_down_procedure_rejects(seed):
    p = np.random.default_rng(seed).random(6) ** 4
    for alpha in (0.01, 0.05, 0.2):
        rejected = set()
        for step, index in enumerate(sorted(range(6), key=lambda i: p[i])):
            if p[index] > alpha / (6 - step):
                break
            rejected.add(index)
        assert set(np.flatnonzero(holm(p) <= alpha)) == rejected


def test_holm_does_not_count_what_was_not_tested():
    corrected = holm([0.02, np.nan, 0.01])
    assert corrected[[0, 2]] == pytest.approx([0.02, 0.02]) and np.isnan(corrected[1])
    assert holm([]).shape == (0,)
    assert holm([0.6, 0.9]).max() == 1


def test_a_mean_within_the_margin_is_reproduced_and_one_beyond_it_is_not():
    values = [0.930, 0.931, 0.929, 0.930]
    assert verdict(values, 0.935).word == "reproduced", "though surely lower"
    assert verdict(values, 0.96).word == "worse"
    assert verdict(values, 0.90).word == "better"
    assert verdict(values, 0.935, margin=0.004).word == "worse"


def test_runs_that_scatter_too_much_leave_it_undecided():
    values = [0.85, 0.93, 0.97, 0.90]
    for published in (0.93, 0.9125, 0.88):
        assert verdict(values, published).word == "undecided"
    assert verdict(values, 0.5).word == "better"


def test_the_interval_holds_the_true_difference_in_95_of_100_cases():
    # Theirs are ten runs of the same spread; only their mean is printed, with three digits.
    rng, hits = np.random.default_rng(0), 0
    for _ in range(2000):
        published = round(rng.normal(0.5, 0.1, 10).mean(), 3)
        result = verdict(rng.normal(0.6, 0.1, 6), published)
        hits += result.low <= 0.1 <= result.high
    assert 0.935 <= hits / 2000 <= 0.965


@pytest.mark.parametrize(
    ("difference", "size"),
    [(0.002, "negligible"), (-0.01, "small"), (0.03, "moderate"), (-0.2, "large")],
)
def test_the_size_of_a_difference_has_a_word(difference, size):
    result = verdict([0.6, 0.6], 0.6 - difference)
    assert result.size == size and result.difference == pytest.approx(difference)


def test_without_spread_the_rounding_of_the_published_number_remains():
    result = verdict([0.8424, 0.8424], 0.842)
    assert result.word == "reproduced"
    assert (result.low, result.high) == pytest.approx((0.0004 - 0.0005, 0.0004 + 0.0005))


def test_a_single_seed_has_a_difference_but_no_verdict():
    result = verdict([0.9], 0.8)
    assert (result.word, result.size) == ("", "large") and np.isnan([result.low, result.high]).all()


# Equivalence


@pytest.mark.parametrize("seed", range(20))
def test_means_are_equivalent_if_their_interval_is_within_the_margin(seed):
    rng = np.random.default_rng(seed)
    a, b = rng.normal(0, 0.02, 7), rng.normal(0.005, 0.03, 10)
    interval = ttest_ind(a, b, equal_var=False).confidence_interval(0.9)
    needed = max(-interval.low, interval.high)
    assert equivalent(a, b, needed) == pytest.approx(0.05)
    assert equivalent(a, b, 1.1 * needed) < 0.05 < equivalent(a, b, 0.9 * needed)
    assert equivalent(a, b, needed) == pytest.approx(equivalent(b, a, needed))


def test_equivalence_is_claimed_falsely_one_time_in_twenty_and_seen_where_it_is():
    rng = np.random.default_rng(0)
    pairs = rng.normal(0, [[0.02], [0.01]], (500, 2, 10))
    at_the_border = [equivalent(a + 0.03, b, 0.03) < 0.05 for a, b in pairs]
    assert 0.025 <= np.mean(at_the_border) <= 0.075
    assert np.mean([equivalent(a, b, 0.03) < 0.05 for a, b in pairs]) > 0.9


def test_a_few_scattered_seeds_are_neither_different_nor_equivalent():
    a, b = [0.90, 0.95, 0.92], [0.91, 0.96, 0.90]
    assert welch(a, b).p_value > 0.05 and equivalent(a, b, 0.02) > 0.05


def test_equivalence_without_spread_or_of_a_single_seed():
    assert equivalent([0.5, 0.5], [0.51, 0.51], 0.02) == 0
    assert equivalent([0.5, 0.5], [0.53, 0.53], 0.02) == 1
    assert np.isnan(equivalent([0.5], B))
    with pytest.raises(InputError, match=r"margin = 0 cannot be used: it must be positive\."):
        equivalent(A, B, 0)


# Comparisons with the best


def test_two_methods_are_compared_by_welch_s_test():
    p = against_best([B, A])
    assert p[0] == pytest.approx(welch(A, B).p_value) and np.isnan(p[1])


def test_several_methods_are_compared_by_the_range_of_all_means():
    rng = np.random.default_rng(0)
    groups = [A, B, [0.92, 0.93, 0.935], [0.91, 0.95]]
    p = against_best(groups)
    for other in (1, 2, 3):
        squares = [np.var(g, ddof=1) / len(g) for g in (A, groups[other])]
        t = (np.mean(A) - np.mean(groups[other])) / sum(squares) ** 0.5
        terms = [q**2 / (len(g) - 1) for q, g in zip(squares, (A, groups[other]), strict=True)]
        freedom = sum(squares) ** 2 / sum(terms)
        spread = (rng.chisquare(freedom, 200_000) / freedom) ** 0.5
        ranges = np.ptp(rng.normal(size=(200_000, 4)), axis=1) / spread
        assert p[other] == pytest.approx(np.mean(ranges > 2**0.5 * t), abs=0.005)


@pytest.mark.slow
@pytest.mark.parametrize("spreads", [[1] * 7, [1, 2, 3, 4, 5, 6, 7], [0.1, 1, 1, 1, 1, 1, 1]])
def test_equal_methods_raise_an_alarm_one_time_in_twenty_at_any_spreads(spreads):
    tables = np.random.default_rng(0).normal(size=(400, 7, 10)) * np.array(spreads)[:, None]
    means, squares = tables.mean(axis=2), tables.var(axis=2, ddof=1) / 10
    best = means.argmax(axis=1)[:, None]
    gaps = np.take_along_axis(means, best, 1) - means
    t = gaps / np.sqrt(np.take_along_axis(squares, best, 1) + squares)
    # The range has the lightest tail if the spreads are known: a smaller t is never an alarm.
    least = studentized_range.ppf(0.95, 7, np.inf) / np.sqrt(2)
    suspects = tables[t.max(axis=1) > least]
    alarms = sum(np.nanmin(against_best(table)) < 0.05 for table in suspects)
    assert 0.01 <= alarms / len(tables) <= 0.07
    assert all(
        np.nanmin(against_best(table)) >= 0.05 for table in tables[t.max(axis=1) < least][:5]
    )


def test_a_method_that_is_far_from_the_best_is_seen_among_many():
    scores = np.random.default_rng(0).normal(size=(7, 10)) * 0.01 + 0.9
    scores[3] -= 0.1
    p = against_best(scores)
    assert p[3] < 1e-4 and np.nanmin(np.delete(p, 3)) > 0.05


def test_methods_without_spread_or_of_a_single_seed():
    p = against_best([[0.9, 0.9], [0.9, 0.9], [0.8, 0.8], [0.7]])
    assert np.isnan(p[[0, 3]]).all() and p[1] == 1 and p[2] == 0
    assert np.isnan(against_best([[0.9], [0.8]])).all()


def test_the_expected_best_is_the_mean_over_all_subsets():
    for k in range(1, len(A) + 1):
        slow = np.mean([max(subset) for subset in combinations(A, k)])
        assert expected_best(A, k) == pytest.approx(slow)
    assert expected_best(A, 1) == pytest.approx(np.mean(A))
    assert expected_best(A, len(A)) == max(A)


def test_comparison_with_a_control_allows_for_the_number_of_settings():
    groups = np.random.default_rng(0).normal(size=(7, 5))
    several = against_control(groups[1:], groups[0])
    for group, corrected in zip(groups[1:], several, strict=True):
        (alone,) = against_control([group], groups[0])
        assert corrected > ttest_ind(group, groups[0]).pvalue and alone < 1
        assert alone == pytest.approx(ttest_ind(group, groups[0]).pvalue, abs=0.005)


def test_an_alarm_that_some_setting_differs_is_false_one_time_in_twenty():
    tables = np.random.default_rng(0).normal(size=(400, 7, 2))
    assert 0.03 <= np.mean([any_difference(groups) < 0.05 for groups in tables]) <= 0.07


def test_large_effects_are_found_and_named():
    base, same, other = [0.0, 0.1], [0.1, 0.0], [5.0, 5.1]
    near, far = against_control([same, other], base)
    assert near > 0.5 and far < 0.01
    assert any_difference([base, same, other]) < 0.01
    assert (near, far) == tuple(against_control([same, other], base))


def test_one_seed_each_allows_no_comparison():
    assert np.isnan(against_control([[1.0], [2.0]], [0.0])).all()
    assert np.isnan(any_difference([[1.0], [2.0]]))
