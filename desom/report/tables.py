"""Tables of results: from the records of runs to a tidy frame, and from there to the page.

`tidy` has one row per run, `compare` one row per cell of a table; the page (`to_html`), the paper
(`to_latex`) and the file (``compare(...).to_csv``) all show the frame that `compare` gives.
"""

import base64
from html import escape

import numpy as np
import pandas as pd

from desom.errors import check_name
from desom.methods import LABELS
from desom.report.published import STAND_INS
from desom.report.statistics import against_best, mean_and_sd, verdict

SEEDS = 10  # of every method in the paper; other numbers are noted
ALPHA = 0.05

DATASETS = {
    "mnist": "MNIST",
    "fashion_mnist": "Fashion-MNIST",
    "reuters21578": "Reuters-21578",
    "reuters10k": "REUTERS-10k",
    "rcv1_10k": "RCV1-10k",
    "mnist_60k": "MNIST, held out",
    "fashion_mnist_60k": "Fashion-MNIST, held out",
    "mnist5k": "MNIST-5k",
    "digits": "Digits",
}

SIGNS = {"reproduced": "=", "better": "▲", "worse": "▼", "undecided": "?"}

METRICS = {"purity": "purity", "nmi_geometric": "NMI", "two_level_accuracy": "accuracy"}

# Signs that not every font of LaTeX has, and signs that it would take for commands.
SYMBOLS = {"±": r"$\pm$", "×": r"$\times$", "▲": r"$\triangle$", "▼": r"$\nabla$", "−": "$-$"}
SYMBOLS = str.maketrans(SYMBOLS)
SPECIAL = str.maketrans({sign: rf"\{sign}" for sign in "&%$#_{}"} | {">": "$>$"})


def tidy(records, settings=()):
    """Lay out records as a frame of one row per run.

    Columns are ``method``, ``dataset``, ``seed``, ``key``, the ``settings`` (names in ``config``),
    every metric, the times as ``seconds_fit`` and so on, those times the number of threads as
    ``core_seconds_fit``, and ``two_level_accuracy``: that of as many clusters as classes, the
    method's own or else of k-means on its prototypes. NaN where there is none.
    """
    rows = []
    for record in records:
        scores = record["metrics"]
        own, threads = scores.get("accuracy"), record["environment"]["threads"]
        rows.append(
            {name: record[name] for name in ("method", "dataset", "seed", "key")}
            | {name: _hashable(record["config"].get(name, np.nan)) for name in settings}
            | {name: np.nan if value is None else value for name, value in scores.items()}
            | {"two_level_accuracy": scores.get("km_accuracy", np.nan) if own is None else own}
            | {f"seconds_{name}": value for name, value in record["seconds"].items()}
            | {f"core_seconds_{name}": value * threads for name, value in record["seconds"].items()}
        )
    return pd.DataFrame(rows)


def _hashable(value):
    return tuple(value) if isinstance(value, list) else value


def compare(runs, datasets, metrics, published):
    """Summarise the seeds of every cell of a table, and compare each column with its best mean.

    ``runs`` comes from `tidy`; the metrics are columns of it (InputError otherwise), higher better.
    The methods of ``published``, a table of that module, are the rows; its numbers are in the order
    of the metrics. The result has one row per cell: ``dataset``, ``metric``, ``method``; ``n``,
    ``mean``, ``sd`` of our seeds; ``p`` by `statistics.against_best`, NaN for the best itself;
    ``bold``, whether it is the best or not significantly worse; ``published``, and what
    `statistics.verdict` says. Beside one of ``STAND_INS`` is the number of the data set that it
    stands for, without a verdict. A cell without runs has ``n`` = 0 and NaN.
    """
    for metric in metrics:
        check_name("metric", metric, runs.columns)
    columns = [
        _column(runs[runs["dataset"] == dataset], dataset, metric, position, published)
        for dataset in datasets
        for position, metric in enumerate(metrics)
    ]
    return pd.concat(columns, ignore_index=True)


def _column(runs, dataset, metric, position, published):
    """Compare the methods on one data set by one metric, the one of this position in the paper."""
    values = {m: runs.loc[runs["method"] == m, metric].dropna().to_numpy() for m in published}
    measured = {method: ours for method, ours in values.items() if len(ours)}
    p = dict(zip(measured, against_best([*measured.values()]) if measured else (), strict=True))
    best = max(measured, key=lambda method: measured[method].mean(), default=None)
    cells = []
    for method, ours in values.items():
        cell = {"dataset": dataset, "metric": metric, "method": method, "n": len(ours)}
        cell |= {"verdict": "", "size": "", "p": p.get(method), "bold": method == best}
        quoted = published[method].get(STAND_INS.get(dataset, dataset))
        if quoted:
            cell["published"] = quoted[position]
        if len(ours):
            cell["mean"], cell["sd"] = mean_and_sd(ours)
            cell["bold"] |= bool(cell["p"] > ALPHA)
        if quoted and len(ours):
            result = verdict(ours, quoted[position])
            word = "" if dataset in STAND_INS else result.word
            cell |= result._asdict() | {"verdict": word}
        cells.append(cell)
    names = ["dataset", "metric", "method", "n"]
    numbers = ["mean", "sd", "p", "published", "difference", "low", "high"]
    column = pd.DataFrame(cells, columns=[*names, *numbers, "verdict", "size", "bold"])
    return column.astype(dict.fromkeys(numbers, float))


def _texts(cell):
    """Write our mean, what is said beside it, and the paper's number, if there is one."""
    mean, beside = "not run here", ""
    if cell.n:
        mean = f"{cell.mean:.3f}"
        beside = f" ± {cell.sd:.3f}" if cell.n > 1 else ""
        beside += f", {cell.n} seed{'s' * (cell.n > 1)}" if cell.n != SEEDS else ""
    return mean, beside, "" if np.isnan(cell.published) else f"paper {cell.published:.3f}"


def _spoken(cell):
    """Write the verdict of a cell, the difference and its size, if it has one."""
    judged = f"{cell.verdict}, {cell.difference:+.3f}, {cell.size}".replace("-", "−")
    return judged if cell.verdict else ""


def _arrange(cells, write):
    """Lay out cells as a table: methods by data sets and metrics, each in its first order."""
    words = {"method": LABELS, "dataset": DATASETS, "metric": METRICS}
    named = cells.assign(text=[*map(write, cells.itertuples())]).replace(words)
    columns = named[["dataset", "metric"]].drop_duplicates()
    table = named.pivot(index="method", columns=[*columns], values="text")
    table = table.loc[named["method"].unique(), [*columns.itertuples(index=False, name=None)]]
    return table.rename_axis(index=None, columns=[None, None])


def to_html(cells, caption, label):
    """Render what `compare` gives as a Styler: two lines a cell, ours and the paper's.

    A sign after the paper's number is the verdict, which a pointer over it says in words. The
    caption is plain text; the label names the table on the page.
    """

    def write(cell):
        (mean, beside, paper), spoken = _texts(cell), _spoken(cell)
        if spoken:
            sign = SIGNS[cell.verdict]
            paper += f' <span title="{spoken}" aria-label="{spoken}">{sign}</span>'
        ours = f"<b>{mean}</b>{beside}" if cell.bold else mean + beside
        return f"{ours}<br>{paper}" if paper else ours

    table = _arrange(cells, write).style.set_uuid(label)  # pandas would draw one at random
    cell = [("white-space", "nowrap"), ("padding", "0.3em 0.5em"), ("vertical-align", "top")]
    style = [
        {"selector": "", "props": [("font-size", "75%"), ("line-height", "1.35")]},
        {"selector": "caption", "props": [("caption-side", "bottom"), ("text-align", "left")]},
        {"selector": "th, td", "props": cell},
        {"selector": "th.row_heading", "props": [("text-align", "left")]},
    ]
    return table.set_caption(escape(caption)).set_table_styles(style)


def to_latex(cells, caption, label):
    r"""Render it as the text of a ``table*`` with booktabs; the label is one for ``\ref``."""

    def write(cell):
        mean, beside, paper = _texts(cell)
        ours = rf"\textbf{{{mean}}}{beside}" if cell.bold else mean + beside
        below = rf"\\{paper} {SIGNS.get(cell.verdict, '')}".rstrip() if paper else ""
        return rf"\shortstack{{{ours}{below}}}".translate(SYMBOLS)

    style = _arrange(cells, write).style.set_caption(caption.translate(SYMBOLS | SPECIAL))
    for axis in (0, 1):
        style.format_index(escape="latex", axis=axis)
    size = {"selector": "scriptsize", "props": ":;"}
    return style.set_table_styles([size]).to_latex(
        position_float="centering",
        hrules=True,
        multicol_align="c",
        label=label,
        environment="table*",
    )


def method_scores(cells, method):
    """Render as HTML what the cells of `compare` say of one method.

    A sentence counts the verdicts; then there is a row per cell with runs or a published number.
    """
    own = cells[(cells["method"] == method) & ((cells["n"] > 0) | cells["published"].notna())]
    counts = own["verdict"].value_counts()
    judged = ", ".join(f"{counts.get(word, 0)} {word}" for word in SIGNS)
    compared = len(own) - counts.get("", 0)
    sentence = f"Of {compared} numbers of the paper that have runs beside them: {judged}."
    if not compared:
        sentence = "The paper has no number for what was run here."
    rows = [
        {
            "data": DATASETS.get(cell.dataset, cell.dataset),
            "measure": METRICS.get(cell.metric, cell.metric),
            "paper": cell.published,
            "here": cell.mean if cell.n else "not run here",
            "± SD": cell.sd,
            "seeds": cell.n or "–",
            "verdict": _spoken(cell) or "–",
        }
        for cell in own.itertuples()
    ]
    return f"<p>{sentence}</p>\n" + _plain_html(rows)


def method_settings(records, method):
    """Render as HTML the settings of a method in some records: a row for each, with all values."""
    configs = [record["config"] for record in records if record["method"] == method]
    if not configs:
        return "<p>No run of this method is recorded.</p>"
    rows = []
    for name in dict.fromkeys(name for config in configs for name in config):
        values = (str(_hashable(config[name])) for config in configs if name in config)
        rows.append({"setting": name, "value": "; ".join(dict.fromkeys(values))})
    return _plain_html(rows)


def _plain_html(rows):
    options = {"na_rep": "–", "float_format": "{:.3f}".format, "classes": "table"}
    return pd.DataFrame(rows).to_html(index=False, border=0, justify="left", **options)


def download_link(name, text):
    """Give a link, as HTML, that saves a text as a file of this name; the page holds it."""
    content = base64.b64encode(text.encode()).decode()
    return f'<a download="{name}" href="data:text/plain;base64,{content}">{name}</a>'
