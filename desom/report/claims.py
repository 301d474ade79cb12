"""Verdicts on the claims of a paper: rules that know no claim in particular, and their evidence.

A claim is a list of parts, a pair of samples each: the scores of the method that is said to be
ahead, and of the other, one score per seed, higher better.
"""

import numpy as np
from scipy.stats import kendalltau

from desom.report.statistics import MARGIN, Welch, against_best, equivalent, welch
from desom.report.tables import ALPHA, DATASETS, METRICS

FEWEST = 3  # runs on a side: two may agree by luck, and then seem to have no spread


def outcome(findings):
    """Sum up what was found for the parts of a claim: True, False, or None where it is not known.

    ``holds`` or ``contradicted``, each with ``in part`` if other parts are not known; ``mixed`` if
    both occur; ``open`` if nothing is known.
    """
    findings = list(findings)
    right, wrong = findings.count(True), findings.count(False)
    if right and wrong:
        return "mixed"
    if not right and not wrong:
        return "open"
    word = "holds" if right else "contradicted"
    return word if right + wrong == len(findings) else f"{word} in part"


def effects(runs, *comparisons, metrics=("purity", "nmi_geometric")):
    """Pair the scores of two methods on every data set of which there are runs of both.

    From a frame of `tables.tidy` and tuples of two methods to a pair of samples by (one method,
    other method, data set, metric), the last two in words of the page.
    """
    pairs = {}
    for ours, theirs in comparisons:
        for dataset, here in runs.groupby("dataset", sort=False) if len(runs) else ():
            a, b = (here[here["method"] == method] for method in (ours, theirs))
            for metric in metrics if len(a) and len(b) else ():
                name = (ours, theirs, DATASETS[dataset], METRICS.get(metric, metric))
                pairs[name] = (a[metric].to_numpy(), b[metric].to_numpy())
    return pairs


def simultaneous(pairs):
    """Welch's test of every pair, with intervals that hold *all* true differences in 95 % of cases.

    With m pairs, each is at the level 1 - 0.05 / m (Bonferroni). With fewer than `FEWEST` runs on a
    side, only the difference is known.
    """
    tests = [welch(a, b, 1 - ALPHA / len(pairs)) for a, b in pairs]
    few = [min(len(a), len(b)) < FEWEST for a, b in pairs]
    unknown = (np.nan, np.nan, np.nan)
    return [Welch(t[0], *unknown) if f else t for t, f in zip(tests, few, strict=True)]


def findings(pairs, least=0.0):
    """Find of every difference of means whether it is above a number: True, False or None.

    True if its `simultaneous` interval is above, False if it is below. ``least`` = 0 asks for
    "better", -`MARGIN` for "not worse by what matters", `MARGIN` for "far better".
    """
    tests = simultaneous(pairs)
    return [True if t.low > least else False if t.high < least else None for t in tests]


def direction(pairs, least=0.0):
    """Judge the claim that every difference of means is above ``least``, by `findings`."""
    return outcome(findings(pairs, least))


def across(conditions, what, least=0.0):
    """Judge the claim that differences are above ``least`` whatever ``what`` is, by `findings`.

    ``conditions`` has the pairs of each, as `effects` names them. If one difference is above in one
    condition and below in another, it ``depends on`` what differs; else it is the `outcome` of all.
    """
    names = [name for pairs in conditions.values() for name in pairs]
    parts = findings([pair for pairs in conditions.values() for pair in pairs.values()], least)
    above, below = ({n for n, p in zip(names, parts, strict=True) if p is s} for s in (True, False))
    return f"depends on {what}" if above & below else outcome(parts)


def equivalence(pairs, margin=MARGIN):
    """Judge the claim that two methods differ by less than a margin, which is stated beforehand.

    A part is right by `statistics.equivalent`, two one-sided tests, and wrong if its `simultaneous`
    interval is outside of the margin altogether.
    """
    return outcome(
        True
        if equivalent(*pair, margin) < ALPHA and not np.isnan(test.low)
        else False
        if test.low > margin or test.high < -margin
        else None
        for pair, test in zip(pairs, simultaneous(pairs), strict=True)
    )


def competitive(columns, margin=MARGIN):
    """Judge the claim that a method is not worse than the best of the others by a margin.

    ``columns`` has for each column of a table our scores, and a list of those of the others. With
    the margin granted to ours, a column is right if no other is as high by Welch's 95 % interval,
    and wrong if the best is higher still by `statistics.against_best`.
    """
    findings = []
    for ours, others in columns:
        raised = np.add(ours, margin)
        ahead = all(welch(raised, other).low > 0 for other in others)
        behind = against_best([raised, *others])[0] < ALPHA
        findings.append(True if ahead else False if behind else None)
    return outcome(findings)


def order(quoted, measured):
    """Judge the claim that methods come in the quoted order, by Kendall's rank correlation.

    Gives the verdict, in part where the orders are not one, the correlation and its p-value.
    """
    correlation, p_value = kendalltau(quoted, measured) if len(quoted) > 1 else (np.nan, np.nan)
    agreed = correlation > 0 if p_value < ALPHA else None
    whole = np.isclose(abs(correlation), 1)
    return outcome([agreed] if whole else [agreed, None]), correlation, p_value


def fewer(ours, others):
    """Judge the claim that a number, known exactly, is smaller than every other."""
    return outcome(None if ours == other else ours < other for other in others)


def organized(images, adjacent, n_shuffles=1000):
    """Compare the distance of neighbors on a map, over that of any two, with shuffled units.

    From decoded prototypes (K, D) and who are neighbors (K, K) to the ratio, near 1 without order,
    and the p-value of a permutation test.
    """
    rng = np.random.default_rng(0)
    distances = np.linalg.norm(images[:, None] - images, axis=-1)
    everyone = distances[~np.eye(len(images), dtype=bool)].mean()
    units = [np.arange(len(images)), *(rng.permutation(len(images)) for _ in range(n_shuffles))]
    ratios = np.array([distances[np.ix_(u, u)][adjacent].mean() for u in units]) / everyone
    return float(ratios[0]), float(np.mean(ratios <= ratios[0]))


def order_of_maps(p_values):
    """Judge the claim that maps are ordered, by the p-values of `organized`, corrected.

    A map speaks against it if its shuffles are as surely more ordered.
    """
    level = ALPHA / max(len(p_values), 1)
    return outcome(True if p < level else False if p > 1 - level else None for p in p_values)
