"""What a handful of seeds can tell: tests, corrections, effect sizes, verdicts on published means.

Values are the scores of one method on one data set, one per seed, higher better. The standard
deviation is that of a sample (division by n - 1), and NaN for a single seed.
"""

from typing import NamedTuple

import numpy as np
from scipy import stats
from scipy.special import comb

from desom.errors import InputError

# Published tables give three digits: no difference below half of the last one can be seen.
ROUNDING = 0.0005

# Means that differ by less count as equal. Stated beforehand: no conclusion of the paper hangs on
# two hundredths of purity, NMI or accuracy.
MARGIN = 0.02

# What a difference of at most so much is called.
SIZES = {"negligible": 0.005, "small": MARGIN, "moderate": 0.05, "large": np.inf}


def mean_and_sd(values):
    """Give the mean and the standard deviation of n >= 1 scores; the latter is NaN if n = 1."""
    values = np.asarray(values, dtype=float)
    return float(values.mean()), float(values.std(ddof=1)) if len(values) > 1 else np.nan


class Welch(NamedTuple):
    """A difference of two means, a confidence interval around it, and the two-sided p-value."""

    difference: float
    low: float
    high: float
    p_value: float


def welch(a, b, level=0.95):
    """Welch's t-test of mean(a) - mean(b), for samples of different variances (1947).

    ``level`` is that of the interval. Of single scores only the difference is known; the rest of
    the `Welch` is NaN.
    """
    (mean_a, sd_a), (mean_b, sd_b) = mean_and_sd(a), mean_and_sd(b)
    difference = mean_a - mean_b
    if np.isnan(sd_a + sd_b):
        return Welch(difference, np.nan, np.nan, np.nan)
    if sd_a == sd_b == 0:  # t is then 0/0 or infinite
        return Welch(difference, difference, difference, float(difference == 0))
    test = stats.ttest_ind(a, b, equal_var=False)
    interval = test.confidence_interval(level)
    return Welch(difference, float(interval.low), float(interval.high), float(test.pvalue))


def equivalent(a, b, margin=MARGIN):
    """Test whether two means differ by less than a margin: two one-sided Welch tests.

    One rejects that a is better by the margin or more, one that it is worse by as much (Schuirmann,
    1987). It gives the larger p-value, below 0.05 exactly if the 90 % confidence interval of the
    difference is within the margin; NaN for single scores. InputError if the margin is not above 0.
    """
    if not margin > 0:
        raise InputError(f"margin = {margin} cannot be used: it must be positive.")
    (mean_a, sd_a), (mean_b, sd_b) = mean_and_sd(a), mean_and_sd(b)
    if sd_a == sd_b == 0:
        return float(abs(mean_a - mean_b) >= margin)
    if np.isnan(sd_a + sd_b):
        return np.nan
    ends = (("greater", margin), ("less", -margin))
    return max(
        float(stats.ttest_ind(np.add(a, end), b, equal_var=False, alternative=side).pvalue)
        for side, end in ends
    )


def against_best(groups):
    """Compare each of k samples with the one of the best mean: Games and Howell's test (1976).

    The best is known from the same values, and so it is lucky. The test allows for that by allowing
    for every pair: Welch's t and degrees of freedom are those of the two samples, its distribution
    that of the range of all k means. It gives k p-values, NaN for the best and for single scores.
    """
    sizes = np.array([len(values) for values in groups])
    means, sds = np.transpose([mean_and_sd(values) for values in groups])
    best, errors = np.argmax(means), sds**2 / sizes
    gaps, squares = means[best] - means, errors[best] + errors
    with np.errstate(divide="ignore", invalid="ignore"):
        t = gaps / np.sqrt(squares)
        parts = errors**2 / (sizes - 1)
        freedoms = squares**2 / (parts[best] + parts)
        p = stats.studentized_range.sf(np.sqrt(2) * t, np.count_nonzero(sizes > 1), freedoms)
    p[squares == 0] = gaps[squares == 0] == 0  # t is then 0/0 or infinite
    p[best] = np.nan
    return p


def holm(p_values):
    """Holm's correction of m p-values for the number of tests (1979); NaN stays, and is no test.

    The smallest is multiplied by m, the next by m - 1, and so on; none may then be smaller than one
    before it.
    """
    corrected = np.array(p_values, dtype=float)
    order = np.argsort(corrected)[: np.count_nonzero(~np.isnan(corrected))]
    factors = np.arange(len(order), 0, -1)
    grown = np.maximum.accumulate(factors * corrected[order])
    corrected[order] = np.minimum(grown, 1)
    return corrected


def against_control(groups, control):
    """Compare the means of several samples with that of one, by Dunnett's test (1955).

    All samples share one spread. The two-sided p-values are corrected for the number of samples;
    NaN if no sample has a second score.
    """
    if all(len(values) < 2 for values in (*groups, control)):
        return np.full(len(groups), np.nan)
    # SciPy integrates by random points.
    return stats.dunnett(*groups, control=control, random_state=np.random.default_rng(0)).pvalue


def any_difference(groups):
    """Test whether samples have one mean: the p-value of a one-way analysis of variance.

    NaN if no sample has a second score.
    """
    if all(len(values) < 2 for values in groups):
        return np.nan
    return float(stats.f_oneway(*groups).pvalue)


class Verdict(NamedTuple):
    """A word on a published mean; ours minus that, its 95 % interval, and its size in words."""

    word: str
    difference: float
    low: float
    high: float
    size: str


def verdict(values, published, n_published=10, margin=MARGIN):
    """Say whether our seeds reproduce a published mean, by the interval of the difference of means.

    The paper gives no spread, so its runs are taken to have ours, s: with n runs of ours and m of
    theirs, the difference is known to ± t s √(1/n + 1/m), t being the quantile of Student's
    distribution with n - 1 degrees of freedom, and to the rounding of the published number.

    The word is ``reproduced`` if the whole interval is within the margin, else ``better`` or
    ``worse`` if it does not hold 0, else ``undecided``; of a single run it is empty.
    """
    mean, sd = mean_and_sd(values)
    difference = mean - published
    size = next(word for word, limit in SIZES.items() if abs(difference) <= limit)
    if np.isnan(sd):
        return Verdict("", difference, np.nan, np.nan, size)
    n = len(values)
    half = stats.t.ppf(0.975, n - 1) * sd * np.sqrt(1 / n + 1 / n_published) + ROUNDING
    low, high = difference - half, difference + half
    word = "better" if low > 0 else "worse" if high < 0 else "undecided"
    if -margin < low and high < margin:
        word = "reproduced"
    return Verdict(word, difference, float(low), float(high), size)


def expected_best(values, k):
    """Average the maximum of k of the n values, drawn without replacement, over all draws.

    Of all subsets of size k, the share C(i - 1, k - 1) / C(n, k) has the i-th smallest as maximum.
    """
    ordered = np.sort(np.asarray(values, dtype=float))
    n = len(ordered)
    return float(np.sum(comb(np.arange(n), k - 1) * ordered) / comb(n, k))
