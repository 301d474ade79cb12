"""What a handful of seeds can tell: tests, corrections, effect sizes, verdicts on published means.

Values are the scores of one method on one data set, one per seed, higher better. The standard
deviation is that of a sample (division by n - 1), and NaN for a single seed.
"""

from typing import NamedTuple

import numpy as np
from scipy import stats
from scipy.special import comb

# Published tables give three digits: no difference below half of the last one can be seen.
ROUNDING = 0.0005

# How many standard deviations of our seeds a published mean may be away.
TOLERANCE = 2.0


def mean_and_sd(values):
    """Mean and standard deviation of a sample.

    Parameters
    ----------
    values : array-like of float, shape (n,)
        At least one score.

    Returns
    -------
    mean, sd : float
        The latter NaN if n = 1.
    """
    values = np.asarray(values, dtype=float)
    return float(values.mean()), float(values.std(ddof=1)) if len(values) > 1 else np.nan


class Welch(NamedTuple):
    """A difference of two means, the 95 % confidence interval around it, and the p-value."""

    difference: float
    low: float
    high: float
    p_value: float


def welch(a, b):
    """Welch's t-test of the means of two samples, which may have different variances (1947).

    Parameters
    ----------
    a, b : array-like of float, shapes (n,) and (m,)
        The scores of two methods.

    Returns
    -------
    Welch
        Of mean(a) - mean(b), two-sided; only the difference is known if n or m is 1.
    """
    (mean_a, sd_a), (mean_b, sd_b) = mean_and_sd(a), mean_and_sd(b)
    difference = mean_a - mean_b
    if np.isnan(sd_a + sd_b):
        return Welch(difference, np.nan, np.nan, np.nan)
    if sd_a == sd_b == 0:  # t is then 0/0 or infinite
        return Welch(difference, difference, difference, float(difference == 0))
    test = stats.ttest_ind(a, b, equal_var=False)
    interval = test.confidence_interval(0.95)
    return Welch(difference, float(interval.low), float(interval.high), float(test.pvalue))


def holm(p_values):
    """Holm's correction of p-values for the number of tests (1979).

    The smallest of m is multiplied by m, the next by m - 1, and so on; none may then be smaller
    than one before it. Rejecting what is below 0.05 errs on any of them in at most 5 % of cases.

    Parameters
    ----------
    p_values : array-like of float, shape (m,)
        NaN where there was no test; it stays and does not count.

    Returns
    -------
    ndarray of float, shape (m,)
        The corrected p-values, at most 1.
    """
    corrected = np.array(p_values, dtype=float)
    order = np.argsort(corrected)[: np.count_nonzero(~np.isnan(corrected))]
    factors = np.arange(len(order), 0, -1)
    grown = np.maximum.accumulate(factors * corrected[order])
    corrected[order] = np.minimum(grown, 1)
    return corrected


def against_control(groups, control):
    """Compare the means of several samples with that of one, by Dunnett's test (1955).

    All samples share one spread, which few seeds of many settings estimate together, and the
    p-values are corrected for the number of samples.

    Parameters
    ----------
    groups : list of array-like of float
        The scores of every changed setting.
    control : array-like of float
        Those of the setting that all are compared with.

    Returns
    -------
    ndarray of float, shape (number of groups,)
        Two-sided p-values; NaN if no sample has a second value.
    """
    if all(len(values) < 2 for values in (*groups, control)):
        return np.full(len(groups), np.nan)
    # SciPy integrates by random points.
    return stats.dunnett(*groups, control=control, random_state=np.random.default_rng(0)).pvalue


def any_difference(groups):
    """Test whether samples have one mean: the F-test of a one-way analysis of variance.

    Unlike the difference of the largest and the smallest mean, it allows for how many there are.

    Parameters
    ----------
    groups : list of array-like of float
        The scores of every setting.

    Returns
    -------
    float
        The p-value; NaN if no sample has a second value.
    """
    if all(len(values) < 2 for values in groups):
        return np.nan
    return float(stats.f_oneway(*groups).pvalue)


def hedges_g(a, b):
    """Hedges' g: the difference of two means in standard deviations, corrected for small samples.

    Parameters
    ----------
    a, b : array-like of float, shapes (n,) and (m,)
        The scores of two methods, n + m > 3.

    Returns
    -------
    float
        Positive if a is higher (Hedges, 1981); NaN if both samples have no spread.
    """
    a, b = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    freedom = len(a) + len(b) - 2
    squares = np.square(a - a.mean()).sum() + np.square(b - b.mean()).sum()
    if freedom < 2 or squares == 0:
        return np.nan
    correction = 1 - 3 / (4 * freedom - 1)
    return float(correction * (a.mean() - b.mean()) / np.sqrt(squares / freedom))


class Verdict(NamedTuple):
    """``reproduced``, ``better`` or ``worse``, and the difference in standard deviations."""

    word: str
    deviations: float


def verdict(values, published):
    """Say whether our seeds reproduce a published mean.

    They do if it lies within two standard deviations of our mean, so that it could well be one of
    our own runs. The papers give no spread of their own to test against. A standard deviation below
    the rounding of the published number counts as that rounding.

    Parameters
    ----------
    values : array-like of float, shape (n,)
        Our scores.
    published : float
        The published mean.

    Returns
    -------
    Verdict
        With a positive difference if our mean is higher. A single seed has no verdict: "" and NaN.
    """
    mean, sd = mean_and_sd(values)
    if np.isnan(sd):
        return Verdict("", np.nan)
    deviations = (mean - published) / max(sd, ROUNDING)
    if abs(deviations) <= TOLERANCE:
        return Verdict("reproduced", deviations)
    return Verdict("better" if deviations > 0 else "worse", deviations)


def expected_best(values, k):
    """Average the maximum of k of the n values, drawn without replacement, over all draws.

    Of all subsets of size k, the share C(i - 1, k - 1) / C(n, k) has the i-th smallest value as its
    maximum. With k = 1 this is the mean, with k = n the best.

    Parameters
    ----------
    values : array-like of float, shape (n,)
        One score per seed.
    k : int
        How many seeds are tried, from 1 to n.

    Returns
    -------
    float
        In the unit of the values.
    """
    ordered = np.sort(np.asarray(values, dtype=float))
    n = len(ordered)
    return float(np.sum(comb(np.arange(n), k - 1) * ordered) / comb(n, k))


def critical_difference(n_methods, n_datasets, alpha=0.05):
    """Difference of mean ranks from which Nemenyi's test sees one (Demšar, JMLR 2006, section 3.2).

    Parameters
    ----------
    n_methods, n_datasets : int
        How many methods are ranked on each of how many data sets.
    alpha : float
        Level of the test.

    Returns
    -------
    float
        In ranks; two mean ranks can differ by n_methods - 1 at most.
    """
    q = stats.studentized_range.ppf(1 - alpha, n_methods, np.inf) / np.sqrt(2)
    return float(q * np.sqrt(n_methods * (n_methods + 1) / (6 * n_datasets)))
