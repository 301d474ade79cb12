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
from desom.report.statistics import against_best, hedges_g, mean_and_sd, verdict

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

# What LaTeX would take for a command, and signs that not every font of its has.
LATEX = str.maketrans(
    {sign: rf"\{sign}" for sign in "&%$#_{}"}
    | {sign: f"${sign}$" for sign in "<>"}
    | {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    | {"*": "$^{*}$", "±": r"$\pm$", "×": r"$\times$", "−": "$-$"}
)


def tidy(records, settings=()):
    """Lay out records as a frame of one row per run.

    Columns are ``method``, ``dataset``, ``seed``, ``key``, the ``settings`` (names in ``config``),
    every metric, the times as ``seconds_fit`` and so on, those times the number of threads as
    ``core_seconds_fit`` and so on, and ``two_level_accuracy``: the accuracy of as many clusters as
    classes, the method's own or else those of k-means on its prototypes. NaN where there is none.
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
    Hedges' ``g``, negative below the best; ``bold``, whether it is the best or not significantly
    worse; ``published``, ``verdict``, ``difference``, ``low``, ``high`` and ``size``, as
    `statistics.verdict` has them. Beside one of ``STAND_INS`` is the number of the data set that it
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
    best = max(measured, key=lambda method: measured[method].mean(), default=None)
    p = dict(zip(measured, against_best([*measured.values()]) if measured else (), strict=True))
    cells = []
    for method, ours in values.items():
        cell = {"dataset": dataset, "metric": metric, "method": method, "n": len(ours)}
        cell |= {"verdict": "", "size": ""}
        quoted = published[method].get(STAND_INS.get(dataset, dataset))
        if quoted:
            cell["published"] = quoted[position]
        if method in measured:
            cell["mean"], cell["sd"] = mean_and_sd(ours)
            cell["p"] = p[method]
            if method != best:
                cell["g"] = hedges_g(ours, measured[best])
            if quoted:
                result = verdict(ours, quoted[position])
                word = "" if dataset in STAND_INS else result.word
                cell |= result._asdict() | {"verdict": word}
        cells.append(cell)
    names = ["dataset", "metric", "method", "n"]
    numbers = ["mean", "sd", "p", "g", "published", "difference", "low", "high"]
    column = pd.DataFrame(cells, columns=[*names, *numbers, "verdict", "size"])
    column = column.astype(dict.fromkeys(numbers, float))
    return column.assign(bold=(column["method"] == best) | (column["p"] > ALPHA))


def _cell_lines(cell):
    """Write what a cell says, a line each; the first is the mean, or that there is none."""
    lines = ["not run here"]
    if cell.n:
        lines = [f"{cell.mean:.3f}"]
        if cell.n > 1:
            lines.append(f"± {cell.sd:.3f}")
        if cell.n != SEEDS:
            lines.append(f"{cell.n} seed{'s' * (cell.n > 1)}")
    if not np.isnan(cell.published):
        lines.append(f"paper {cell.published:.3f}")
    return lines + _verdict_lines(cell)


def _verdict_lines(cell):
    """Write the verdict of a cell, the difference and its size, if it has one."""
    if not cell.verdict:
        return []
    return [cell.verdict, f"{cell.difference:+.3f}, {cell.size}".replace("-", "−")]


def _arrange(cells, write):
    """Lay out cells as a table: methods by data sets and metrics, each in its first order."""
    texts = [write(cell) for cell in cells.itertuples()]
    table = cells.assign(text=texts).set_index(["method", "dataset", "metric"])["text"]
    rows, datasets, metrics = (list(dict.fromkeys(cells[name])) for name in table.index.names)
    return pd.DataFrame(
        {
            (DATASETS.get(d, d), METRICS.get(m, m)): [table[method, d, m] for method in rows]
            for d in datasets
            for m in metrics
        },
        index=[LABELS.get(method, method) for method in rows],
    )


def _two_lines(cell):
    """Write what a cell says as HTML: ours, and below it the paper's number with its verdict."""
    ours = "not run here"
    if cell.n:
        ours = f"<b>{cell.mean:.3f}</b>" if cell.bold else f"{cell.mean:.3f}"
        ours += f" ± {cell.sd:.3f}" if cell.n > 1 else ""
        ours += f", {cell.n} seed{'s' * (cell.n > 1)}" if cell.n != SEEDS else ""
    if np.isnan(cell.published):
        return ours
    spoken = ", ".join(_verdict_lines(cell))
    sign = SIGNS.get(cell.verdict, "")
    verdict = f' <span title="{spoken}" aria-label="{spoken}">{sign}</span>' if sign else ""
    return f"{ours}<br>paper {cell.published:.3f}{verdict}"


def to_html(cells, caption, label):
    """Render what `compare` gives as a Styler: two lines a cell, ours and the paper's.

    A sign after the paper's number is the verdict, which a pointer over it says in words. The
    caption is plain text; the label names the table on the page.
    """
    table = _arrange(cells, _two_lines).style.set_uuid(label)  # pandas would draw one at random
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
        first, *others = [line.translate(LATEX) for line in _cell_lines(cell)]
        stack = [rf"\textbf{{{first}}}" if cell.bold else first, *others]
        return r"\begin{tabular}[t]{@{}c@{}}" + r"\\".join(stack) + r"\end{tabular}"

    table = _arrange(cells, write)
    style = table.style.set_caption(caption.translate(LATEX)).set_table_styles(
        [
            {"selector": "scriptsize", "props": ":;"},
            {"selector": "setlength", "props": r":\tabcolsep{3pt};"},
        ]
    )
    for axis in (0, 1):
        style.format_index(lambda name: name.translate(LATEX), axis=axis)
    latex = style.to_latex(
        column_format="l" + "c" * len(table.columns),
        position_float="centering",
        hrules=True,
        multicol_align="c",
        label=label,
        environment="table*",
    )
    head, rule, body = latex.partition("\\midrule\n")
    return head + rule + body.replace(" \\\\\n", " \\\\\n\\addlinespace\n")


def method_scores(cells, method):
    """Render as HTML what the cells of `compare` say of one method.

    A sentence counts the verdicts; then there is a row per cell with runs or a published number.
    """
    own = cells[(cells["method"] == method) & ((cells["n"] > 0) | cells["published"].notna())]
    counts = own["verdict"].value_counts()
    judged = ", ".join(
        f"{counts.get(word, 0)} {word}" for word in ("reproduced", "better", "worse", "undecided")
    )
    compared = len(own) - counts.get("", 0)
    sentence = f"Of {compared} numbers of the paper that have runs beside them: {judged}."
    if not compared:
        sentence = "The paper has no number for what was run here."
    rows = []
    for cell in own.itertuples():
        row = {"data": DATASETS.get(cell.dataset, cell.dataset)}
        row |= {"measure": METRICS.get(cell.metric, cell.metric)}
        row |= {"paper": _number(cell.published), "here": "not run here", "± SD": "–", "seeds": "–"}
        if cell.n:
            row |= {"here": _number(cell.mean), "± SD": _number(cell.sd), "seeds": cell.n}
        rows.append(row | {"verdict": ", ".join(_verdict_lines(cell)) or "–"})
    return f"<p>{sentence}</p>\n" + _plain_html(pd.DataFrame(rows))


def method_settings(records, method):
    """Render as HTML the settings of a method in some records: a row for each, with all values."""
    values = {}
    for record in records:
        if record["method"] == method:
            for name, value in record["config"].items():
                values.setdefault(name, {})[str(_hashable(value))] = None
    if not values:
        return "<p>No run of this method is recorded.</p>"
    rows = [(name, "; ".join(texts)) for name, texts in values.items()]
    return _plain_html(pd.DataFrame(rows, columns=["setting", "value"]))


def _number(value):
    return "–" if np.isnan(value) else f"{value:.3f}"


def _plain_html(table):
    return table.to_html(index=False, border=0, classes="table", justify="left")


def download_link(name, text):
    """Give a link, as HTML, that saves a text as a file of this name; the page holds it."""
    content = base64.b64encode(text.encode()).decode()
    return f'<a download="{name}" href="data:text/plain;base64,{content}">{name}</a>'
