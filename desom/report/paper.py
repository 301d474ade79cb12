"""The claims of the paper, each judged from the records by a rule of `claims`."""

from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import pandas as pd

from desom.experiments.records import load_artifact
from desom.experiments.run import Run
from desom.grid import grid_distances
from desom.methods import LABELS
from desom.report import claims
from desom.report.published import TABLE1
from desom.report.statistics import MARGIN
from desom.report.tables import DATASETS, METRICS, tidy

# 200 epochs of 70,000 images, in batches of 256.
STEPS_OF_THE_PAPER = 200 * 70_000 // 256

ORDER = "1 − topographic error"
OPTIMIZERS = {"adam": "Adam", "sgd": "SGD"}
SCORES, ACCURACY = ("purity", "nmi_geometric"), ("two_level_accuracy",)


class Claim(NamedTuple):
    """A claim, judged: what is compared, the verdict, the size of the effect, and the chapter.

    ``parts`` has a `statistics.Welch` for every difference of means that is tested, by (condition,
    difference, data set, measure).
    """

    text: str
    comparison: str
    verdict: str
    effect: str
    chapter: str = "clustering"
    parts: dict = MappingProxyType({})


def judge(records):
    """Judge all claims, from lists of records by the name of their grid: a `Claim` by each name.

    Needed are the grids ``table1``, ``table1_adam``, of which that with more methods counts,
    ``table2``, ``two_phases``, ``self_training`` and ``figure7``, each with a record at least.
    """
    table1, adam, table2 = (tidy(records[name]) for name in ("table1", "table1_adam", "table2"))
    table1 = max(table1, adam, key=lambda runs: runs["method"].nunique())
    # The data sets that only table 2 has.
    others = {*table2["dataset"]} - {record["dataset"] for record in records["two_phases"]}
    texts = [r for r in records["table2"] if r["dataset"] in others]
    texts = [r for r in texts if r["method"] in ("desom", "ae_kerasom")]
    phases = two_phases(records["two_phases"] + texts)
    data = claims.effects(table2, *(("desom", m) for m in ("kmeans", "minisom", "kerasom")))
    codes = claims.effects(table1, ("ae_kmeans", "kmeans"), metrics=ACCURACY)
    codes |= claims.effects(table2, *((f"ae_{m}", m) for m in ("minisom", "kerasom")))
    packages = claims.effects(table2, ("kerasom", "minisom"))
    both = "DESOM − AE+kerasom"
    return {
        "dimension": _compare(
            "It handles high-dimensional data",
            "DESOM − k-means, minisom and kerasom on the data themselves",
            {"": data},
        ),
        "joint": _compare(
            "Joint training improves clustering", f"{both}, 64 units", against_phases(phases)
        ),
        "equal_steps": _compare(
            "The same, at equal steps in all",
            f"{both}, 64 units",
            against_phases(phases, equal_steps=True),
        ),
        "classes": _compare(
            "The same, with as many clusters as classes (Table 3)",
            f"{both}, the units joined by k-means",
            against_phases(phases, ACCURACY),
        ),
        "friendly": _compare(
            "Joint training makes the space SOM-friendly",
            f"{both}, share of samples whose two nearest units are neighbors",
            against_phases(phases, (ORDER,)),
            "latent",
        ),
        "time": _time(phases),
        "pretraining": _compare(
            "No pre-training is needed",
            f"DESOM from random − from pre-trained weights, not below −{MARGIN:g}",
            {"": _starts(records["figure7"])},
            "gamma",
            -MARGIN,
        ),
        "codes": _compare(
            "Fewer dimensions improve clustering by Euclidean distances",
            "k-means and maps on codes − the same on the data",
            {"": codes},
            "deep_clustering",
        ),
        "reconstruction": _compare(
            "A clustering loss without reconstruction, as in DEC, hurts",
            "IDEC − DEC, one optimizer and one length for both",
            _by_optimizer(records["self_training"]),
            "deep_clustering",
            what="the optimizer",
        ),
        "package": _compare(
            "The package minisom is far behind the SOM in Keras (Table 2)",
            f"kerasom − minisom, above {MARGIN:g}",
            {"": packages},
            least=MARGIN,
        ),
        "competitive": _competitive(table2),
        "ranks": _ranks(table1),
        "organized": _organized(records["table2"]),
    }


def _compare(text, comparison, conditions, chapter="clustering", least=0.0, what="the first phase"):
    """Judge by `claims.across`, with all the differences that it tests."""
    pairs = {
        (condition, f"{LABELS.get(a, a)} − {LABELS.get(b, b)}", *where): pair
        for condition, here in conditions.items()
        for (a, b, *where), pair in here.items()
    }
    parts = dict(zip(pairs, claims.simultaneous(pairs.values()), strict=True))
    verdict = claims.across(conditions, what, least)
    return Claim(text, comparison, verdict, _extremes(parts, least), chapter, parts)


def _extremes(parts, least=0.0):
    """Say the smallest and the largest difference, of those that are decided if any are."""
    decided = {name: t for name, t in parts.items() if t.low > least or t.high < least}
    ranked = sorted((decided or parts).items(), key=lambda part: part[1].difference)
    ends = dict([ranked[0], ranked[-1]]) if ranked else {}
    texts = [
        f"{measure} {test.difference:+.3f} ({', '.join(filter(None, (data, condition)))})"
        for (condition, _, data, measure), test in ends.items()
    ]
    return " to ".join(texts).replace(" -", " −") or "not run here"


def _setting(record, name):
    """Give a hyperparameter of a run, also one that its configuration leaves out."""
    run = Run(*(record[part] for part in ("method", "dataset", "seed", "config")))
    return run.estimator().get_params()[name]


def phase(record):
    """Say the optimizer and the length of the first phase of AE+kerasom; of DESOM, its length."""
    if record["method"] == "desom":
        return f"none: DESOM, {record['config']['iterations']:,} steps"
    optimizer = OPTIMIZERS[_setting(record, "pretraining")]
    return f"{optimizer}, {record['config']['pretrain_iterations']:,} steps"


def two_phases(records):
    """Lay out runs of AE+kerasom and of DESOM as `tidy` does, with their `phase` and the order.

    ``steps`` are those of both phases; `ORDER` is the share of the samples whose two nearest units
    are neighbors.
    """
    runs = tidy(records, ("iterations", "pretrain_iterations"))
    steps, order = runs["iterations"] + runs["pretrain_iterations"], 1 - runs["topographic_error"]
    return runs.assign(phase=[*map(phase, records)], steps=steps, **{ORDER: order})


def against_phases(runs, metrics=SCORES, equal_steps=False):
    """Pair DESOM with AE+kerasom, by the first phase: at its usual length, or at equal steps.

    ``runs`` comes from `two_phases`; the pairs are those of `claims.effects`.
    """
    joint = runs[runs["method"] == "desom"]
    conditions = {}
    for name, two in runs[runs["method"] == "ae_kerasom"].groupby("phase", sort=False):
        steps = two["steps"].iloc[0] if equal_steps else joint["steps"].min()
        here = pd.concat([joint[joint["steps"] == steps], two])
        conditions[name] = claims.effects(here, ("desom", "ae_kerasom"), metrics=metrics)
    return conditions


def _time(runs):
    """Compare steps through the networks: those of a map alone, on codes, cost next to nothing."""
    joint, two = (runs[runs["method"] == method] for method in ("desom", "ae_kerasom"))
    ours, others = joint["steps"].min(), sorted(two["pretrain_iterations"].unique())
    listed = ", ".join(f"{steps:,}" for steps in others)
    return Claim(
        "Joint training cuts the training time",
        "steps of DESOM and of a first phase alone; a step of either costs the same",
        claims.fewer(ours, [*others, STEPS_OF_THE_PAPER]),
        f"{ours:,} steps against {listed} of ours, and {STEPS_OF_THE_PAPER:,} of the paper",
        "performance",
    )


def _starts(records):
    """Pair DESOM from random and from pre-trained weights, at the usual γ."""
    runs = tidy(records, ("gamma", "pretrain_iterations"))
    usual = runs[runs["gamma"] == 0.001]
    names = np.where(usual["pretrain_iterations"] > 0, "pre-trained", "random")
    return claims.effects(usual.assign(method=names), ("random", "pre-trained"))


def _by_optimizer(records):
    """Pair IDEC with DEC, by the optimizer of both."""
    optimizers = [OPTIMIZERS[_setting(record, "optimizer")] for record in records]
    return {
        name: claims.effects(runs, ("idec", "dec"), metrics=ACCURACY)
        for name, runs in tidy(records).groupby(optimizers, sort=False)
    }


def _competitive(runs):
    """Compare DESOM with the best of the other methods in every column of Table 2."""
    columns, gaps = [], {}
    for dataset, here in runs.groupby("dataset", sort=False):
        for metric in SCORES:
            scores = {method: part.to_numpy() for method, part in here.groupby("method")[metric]}
            ours = scores.pop("desom")
            columns.append((ours, [*scores.values()]))
            gap = np.mean(ours) - max(map(np.mean, scores.values()))
            gaps["", "", DATASETS[dataset], METRICS[metric]] = claims.Welch(gap, *3 * [np.nan])
    return Claim(
        "Its clustering is competitive",
        f"DESOM − the best of the others, in every column of Table 2, not below −{MARGIN:g}",
        claims.competitive(columns),
        _extremes(gaps),
    )


def _ranks(runs):
    """Compare the order of our mean accuracies on MNIST with that of the quoted ones."""
    means = runs[runs["dataset"] == "mnist"].groupby("method")["two_level_accuracy"].mean()
    quoted = {m: row["mnist"][0] for m, row in TABLE1.items() if row["mnist"] and m in means}
    verdict, correlation, p_value = claims.order([*quoted.values()], means[[*quoted]])
    return Claim(
        "The methods of Table 1 come in this order",
        f"ranks of {len(quoted)} mean accuracies, quoted and ours",
        verdict,
        f"Kendall's τ {correlation:+.2f} (p = {p_value:.2g})".replace("-0", "−0"),
        "deep_clustering",
    )


def _organized(records):
    """Compare the decoded maps of DESOM on the first data set with shuffled ones."""
    first = (record for record in records if record["dataset"] == records[0]["dataset"])
    ours = [record for record in first if record["method"] == "desom" and record["artifact"]]
    maps = [load_artifact(record)["decoded"].astype(float) for record in ours]
    adjacent = grid_distances((8, 8)) == 1
    tested = [claims.organized(decoded.reshape(64, -1), adjacent) for decoded in maps]
    ratios, p_values = np.transpose(tested) if tested else ([], [])
    return Claim(
        "The map is organized (Figure 6)",
        f"{len(maps)} decoded maps against the same with their units shuffled",
        claims.order_of_maps(p_values),
        f"neighbors are {np.mean(ratios):.2f} as far apart as any two" if maps else "not run here",
        "figure6",
    )
