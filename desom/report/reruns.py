"""A reader's runs beside those of the repository: whether another machine finds the same."""

import json
import os
from collections import Counter
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
from IPython.display import Markdown
from scipy import stats

from desom.experiments import records
from desom.experiments.grids import GRIDS
from desom.experiments.records import REPOSITORY
from desom.experiments.schedule import runs_of
from desom.methods import LABELS
from desom.report.statistics import ROUNDING, mean_and_sd
from desom.report.tables import DATASETS, tidy

# Of a hundred runs that differ from ours by nothing but luck, so many are within tolerance.
LEVEL = 0.99

# They decide what a run keeps, and not how it trains.
KEPT = ("snapshots",)

MEASURES = {
    "purity": "purity",
    "nmi_geometric": "NMI (geometric)",
    "two_level_accuracy": "accuracy",
    "topographic_error": "topographic error",
}


def own_folder():
    """Give the folder of a reader's records: ``$DESOM_RESULTS``, else ``my-results/``."""
    name = None if os.environ.get("DESOM_RESULTS") else "my-results"
    return records.default_folder(name).resolve()


def your_runs(scale, *grids, methods=None, folder=None):
    """Show a reader's runs of some grids beside the recorded ones, or how to make one.

    ``methods`` limits the grids; ``folder`` is that of the reader's records, `own_folder` by
    default. The result is Markdown, or a Styler with a row for each method, setting and measure.
    """
    folder = Path(folder or own_folder()).resolve()
    if scale != "paper":
        return Markdown(
            "Runs at the quick scale are short trainings on small data. They are not compared with "
            "the recorded runs, which are at the paper's scale."
        )
    wanted = [run for grid in grids for run in runs_of(grid, methods=methods)]
    ours_in = REPOSITORY / "results"
    theirs = [] if folder == ours_in else _matching(wanted, folder)
    ours = _matching(wanted, ours_in)
    if not theirs:
        return Markdown(
            "No run of yours with the settings of this chapter is on file. This makes one, of "
            f"{_cheapest_run(wanted, ours, grids)}"
        )
    comparison = compare_runs(theirs, ours)
    counts = ", ".join(f"{n} {word}" for word, n in comparison["verdict"].value_counts().items())
    return (
        comparison.style.hide()
        .format(precision=3, na_rep="–")
        .set_caption(f"Your runs beside ours: {counts}.")
    )


def _matching(wanted, folder):
    """Read the records of a folder that have the settings of the runs, whatever their seeds."""
    settings = {_settings(run.method, run.dataset, run.config) for run in wanted}
    places = dict.fromkeys((run.method, run.dataset) for run in wanted)
    read = [r for place in places for r in records.read(folder, *place).values()]
    return [r for r in read if _settings(r["method"], r["dataset"], r["config"]) in settings]


def _cheapest_run(wanted, ours, grids):
    """Say how to make one more run of what took us the least time; on MNIST, if that is wanted."""
    seed = 1 + max(9, *(run.seed for run in wanted), *(record["seed"] for record in ours))
    minutes = {_settings(run.method, run.dataset, run.config): 0 for run in wanted}
    for r in ours:
        took = (r["seconds"].get("pretrain", 0) + r["seconds"]["fit"]) / 60
        key = _settings(r["method"], r["dataset"], r["config"])
        minutes[key] = max(took, minutes[key])
    choices = []
    for place, grid in enumerate(dict.fromkeys((*grids, *GRIDS))):
        runs = runs_of(grid, seeds=[seed])
        counts = Counter((run.method, run.dataset) for run in runs)
        for run in runs:
            took = minutes.get(_settings(run.method, run.dataset, run.config))
            if took and counts[run.method, run.dataset] == 1:
                choices.append((run.dataset != "mnist", took, place, grid, run))
    *_, took, _, grid, run = min(choices, key=lambda choice: choice[:3])
    return (
        f"{LABELS[run.method]} on {DATASETS[run.dataset]}, with a seed that is not recorded; the "
        f"longest of ours took {took:.1f} minutes. Then execute this cell again.\n\n```bash\ndesom "
        f"run {grid} --methods {run.method} --datasets {run.dataset} --seeds {seed} --results "
        "my-results\n```"
    )


def _settings(method, dataset, config):
    """Write what a run trains as one text, equal for runs that differ by their seeds alone."""
    config = {name: value for name, value in config.items() if name not in KEPT}
    return json.dumps([method, dataset, config], sort_keys=True)


def compare_runs(theirs, ours):
    """Compare the means of some runs with those of recorded runs of the same settings.

    If both sides are drawn from one normal distribution, the mean of m new runs lies, with the
    probability ``LEVEL``, within the mean ± t s √(1/m + 1/n) of n recorded ones: a prediction
    interval. s is the standard deviation of the recorded runs about the means of their settings,
    all of a method on a data set taken together, and t Student's quantile for its freedom.

    Both sides are records; one run per setting and seed counts. The frame has a row for each
    setting of ``theirs`` and each of ``MEASURES`` that it has; ``setting`` is what it does not
    share with the others. The ``verdict`` is ``within tolerance``, ``off``, ``no tolerance`` where
    no recorded setting has a second run, or ``not recorded``. A seed that is recorded is no new
    run: repeats have a row of their own, ``the same`` to the last printed digit or
    ``another number``.
    """
    configs = [(record["method"], record["config"]) for record in theirs + ours]
    theirs, ours = _by_settings(theirs, configs), _by_settings(ours, configs)
    rows = []
    for settings, mine in theirs.groupby("settings", sort=False):
        method, dataset, differing = mine[["method", "dataset", "setting"]].iloc[0]
        recorded = ours[(ours["method"] == method) & (ours["dataset"] == dataset)]
        same = recorded[recorded["settings"] == settings].set_index("seed")
        named = {
            "method": LABELS.get(method, method),
            "data": DATASETS.get(dataset, dataset),
            "setting": differing,
        }
        for (measure, name), again in product(MEASURES.items(), (False, True)):
            values = mine[mine["seed"].isin(same.index) == again].set_index("seed")[measure]
            if len(values := values.dropna()):
                beside = recorded[["settings", measure]].dropna().groupby("settings")[measure]
                groups = {key: group.to_numpy() for key, group in beside}
                group = groups.pop(settings, np.array([]))
                found = _compare_means(values.to_numpy(), group, groups.values())
                if again:
                    found = _compare_repeats(values, same[measure][values.index])
                rows.append(named | {"measure": name} | found)
    return pd.DataFrame(rows)


def _compare_means(values, same, others):
    """Compare values with those of the same settings, by the spread that all settings share."""
    row = {"your runs": len(values), "yours": values.mean(), "our runs": len(same)}
    row |= dict.fromkeys(("ours", "± SD", "from", "to"), np.nan) | {"verdict": "not recorded"}
    if not len(same):
        return row
    row["ours"], row["± SD"] = mean_and_sd(same)
    row["verdict"] = "no tolerance"
    groups = [same, *others]
    if freedom := sum(len(group) - 1 for group in groups):
        squares = sum(np.square(group - group.mean()).sum() for group in groups)
        # Runs that agree to the last digit would leave no room for rounding.
        pooled = max(np.sqrt(squares / freedom), ROUNDING)
        t = stats.t.ppf((1 + LEVEL) / 2, freedom)
        half = t * pooled * np.sqrt(1 / len(values) + 1 / len(same))
        row |= {"from": row["ours"] - half, "to": row["ours"] + half}
        within = row["from"] <= row["yours"] <= row["to"]
        row["verdict"] = "within tolerance" if within else "off"
    return row


def _compare_repeats(values, same):
    """Compare values with those of the same settings and seeds, run by run."""
    found = {"your runs": len(values), "yours": values.mean(), "our runs": len(same)}
    agree = np.allclose(values, same, rtol=0, atol=ROUNDING)
    return found | {"ours": same.mean(), "verdict": "the same" if agree else "another number"}


def _by_settings(runs, configs):
    """Lay out records, one per setting and seed, with their settings as a key and as words."""
    columns = ["method", "dataset", "seed", "settings", "setting", *MEASURES]
    frame = tidy(runs).assign(
        settings=[_settings(r["method"], r["dataset"], r["config"]) for r in runs],
        setting=[_differing_settings(record, configs) for record in runs],
    )
    return frame.reindex(columns=columns).drop_duplicates(["settings", "seed"])


def _differing_settings(record, configs):
    """Name the settings of a record that not all records of its method share."""
    of_method = [config for method, config in configs if method == record["method"]]
    return ", ".join(
        f"{name}={value}"
        for name, value in record["config"].items()
        if name not in KEPT and any(config.get(name) != value for config in of_method)
    )
