"""Tests, corrections, effect sizes and verdicts, against slow code that follows the definitions."""

from itertools import combinations

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import t as student
from scipy.stats import ttest_ind

from desom.report.statistics import (
    against_control,
    any_difference,
    critical_difference,
    expected_best,
    hedges_g,
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


def test_hedges_g_is_the_difference_in_pooled_standard_deviations():
    variance = (4 * np.var(A, ddof=1) + 3 * np.var(B, ddof=1)) / 7
    uncorrected = (np.mean(A) - np.mean(B)) / variance**0.5
    assert hedges_g(A, B) == pytest.approx(uncorrected * (1 - 3 / (4 * 9 - 9)))
    assert hedges_g(B, A) == pytest.approx(-hedges_g(A, B))
    assert np.isnan(hedges_g([1, 1], [2, 2]))
    assert np.isnan(hedges_g([1], [2]))


def test_verdicts():
    values = [0.92, 0.94, 0.96]  # mean 0.94, standard deviation 0.02
    assert verdict(values, 0.93) == ("reproduced", pytest.approx(0.5))
    assert verdict(values, 0.9801) == ("worse", pytest.approx(-2.005))
    assert verdict(values, 0.89) == ("better", pytest.approx(2.5))


def test_without_spread_the_rounding_of_the_published_number_is_the_unit():
    assert verdict([0.8424, 0.8424], 0.842) == ("reproduced", pytest.approx(0.8))
    assert verdict([0.8424, 0.8424], 0.841) == ("better", pytest.approx(2.8))


def test_a_single_seed_has_no_verdict():
    word, deviations = verdict([0.9], 0.9)
    assert word == "" and np.isnan(deviations)


def test_the_expected_best_is_the_mean_over_all_subsets():
    for k in range(1, len(A) + 1):
        slow = np.mean([max(subset) for subset in combinations(A, k)])
        assert expected_best(A, k) == pytest.approx(slow)
    assert expected_best(A, 1) == pytest.approx(np.mean(A))
    assert expected_best(A, len(A)) == max(A)


def test_the_critical_difference_is_that_of_demsars_table():
    for methods, q in ((2, 1.960), (4, 2.569), (7, 2.949), (10, 3.164)):
        expected = q * (methods * (methods + 1) / (6 * 14)) ** 0.5
        assert critical_difference(methods, 14) == pytest.approx(expected, abs=0.001)


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
