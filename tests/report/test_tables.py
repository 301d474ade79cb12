"""Tables follow the records, and every rendering shows the same cells."""

import base64
import re
from io import StringIO

import numpy as np
import pandas as pd
import pytest

from desom import datasets
from desom.errors import InputError
from desom.methods import METHODS
from desom.report import published, tables
from desom.report.statistics import against_best
from desom.report.tables import (
    compare,
    download_link,
    method_scores,
    method_settings,
    tidy,
    to_html,
    to_latex,
)

PUBLISHED = {
    "kmeans": {"mnist": (0.842, 0.571)},
    "kerasom": {"mnist": (0.826, 0.565), "digits": (0.7, 0.6)},
    "desom": {"mnist": (0.939, 0.657), "digits": None},
}
SCORES = {"kmeans": 0.84, "kerasom": 0.82, "desom": 0.94}
DATASETS, METRICS = ("mnist", "digits"), ("purity", "nmi_geometric")


def record(method, dataset, seed, purity, **changes):
    config = {"map_size": [8, 8], "iterations": 5}
    return {
        "method": method,
        "dataset": dataset,
        "seed": seed,
        "config": config,
        "metrics": {"purity": purity, "nmi_geometric": purity - 0.3, "accuracy": None},
        "seconds": {"fit": 1.5, "predict": 0.5},
        "environment": {"threads": 2},
        "key": f"{method}-{dataset}-{seed}",
    } | changes


def purity_of(method, seed):
    return SCORES[method] + 0.001 * (seed % 4)


def all_records():
    """Ten seeds of three methods on mnist, and three of one on digits."""
    of_mnist = [
        record(method, "mnist", seed, purity_of(method, seed))
        for method in SCORES
        for seed in range(10)
    ]
    of_digits = [record("desom", "digits", seed, 0.8 + 0.01 * seed) for seed in range(3)]
    return of_mnist + of_digits


def with_a_worse_seed():
    """Lower one of ten purities by 0.2: the mean of DESOM on mnist, 0.9413, sinks to 0.9213."""
    worse = record("desom", "mnist", 0, purity_of("desom", 0) - 0.2)
    return [worse if r["key"] == worse["key"] else r for r in all_records()]


def table(records=None, datasets=DATASETS):
    return compare(tidy(records or all_records()), datasets, METRICS, PUBLISHED)


def cell_of(cells, dataset, metric, method):
    chosen = cells.query("dataset == @dataset and metric == @metric and method == @method")
    assert len(chosen) == 1
    return chosen.iloc[0]


def test_one_row_per_run():
    scores = {"purity": 0.5, "accuracy": None, "km_accuracy": 0.4}
    of_a_map = record("desom", "mnist", 1, 0, metrics=scores)
    of_kmeans = record("kmeans", "mnist", 2, 0, metrics={"purity": 0.6, "accuracy": 0.55})
    runs = tidy([of_a_map, of_kmeans], settings=["map_size"])
    assert list(runs["seed"]) == [1, 2]
    assert list(runs["map_size"]) == [(8, 8), (8, 8)]
    assert list(runs["two_level_accuracy"]) == [0.4, 0.55]
    assert list(runs["seconds_fit"]) == [1.5, 1.5]
    assert list(runs["core_seconds_fit"]) == [3, 3]
    assert np.isnan(runs["accuracy"][0]) and np.isnan(runs["km_accuracy"][1])


def test_a_cell_summarises_its_seeds():
    cell = cell_of(table(), "mnist", "nmi_geometric", "kerasom")
    values = [purity_of("kerasom", seed) - 0.3 for seed in range(10)]
    mean = sum(values) / 10
    sd = (sum((v - mean) ** 2 for v in values) / 9) ** 0.5
    assert cell["n"] == 10
    assert (cell["mean"], cell["sd"]) == pytest.approx((mean, sd))
    assert cell["published"] == 0.565
    assert cell["difference"] == pytest.approx(mean - 0.565)
    assert cell["low"] < cell["difference"] < cell["high"] < -0.02
    assert (cell["verdict"], cell["size"]) == ("worse", "moderate")


def test_a_cell_is_tested_against_the_best_of_its_column():
    cells = table()
    scores = [[purity_of(method, seed) for seed in range(10)] for method in SCORES]
    expected = dict(zip(SCORES, against_best(scores), strict=True))
    for method in ("kmeans", "kerasom"):
        cell = cell_of(cells, "mnist", "purity", method)
        assert cell["p"] == pytest.approx(expected[method])
    best = cell_of(cells, "mnist", "purity", "desom")
    assert np.isnan(best["p"])
    assert list(cells.query("dataset == 'mnist' and bold")["method"]) == ["desom", "desom"]


def test_bold_are_the_best_and_those_not_significantly_worse():
    rng = np.random.default_rng(0)
    centers = {"kmeans": 0.0, "kerasom": 0.85, "desom": 1.8}
    runs = tidy(
        [
            record(method, "mnist", seed, center + rng.normal())
            for method, center in centers.items()
            for seed in range(10)
        ]
    )
    cells = compare(runs, ["mnist"], ["purity"], PUBLISHED).set_index("method")
    assert cells.loc["kmeans", "p"] < 0.05 and not cells.loc["kmeans", "bold"]
    assert cells.loc["desom", "bold"]
    others = cells.drop("desom")
    assert (others["bold"] == (others["p"] > 0.05)).all()


def test_cells_without_runs_and_cells_without_published_numbers():
    cells = table()
    absent = cell_of(cells, "digits", "purity", "kerasom")
    assert absent["n"] == 0 and absent["published"] == 0.7 and absent["verdict"] == ""
    assert not absent["bold"] and np.isnan(absent["mean"])
    unpublished = cell_of(cells, "digits", "purity", "desom")
    assert unpublished["n"] == 3 and np.isnan(unpublished["published"])
    assert unpublished["bold"] and unpublished["verdict"] == ""


def test_beside_a_stand_in_is_the_number_of_the_paper_without_a_verdict():
    runs = tidy([record("desom", "rcv1_10k", seed, 0.85) for seed in range(10)])
    cells = compare(runs, ["rcv1_10k"], ["purity"], published.TABLE2).set_index("method")
    quoted = published.TABLE2["desom"]["reuters10k"][0]
    assert cells.loc["desom", "published"] == quoted and cells.loc["desom", "verdict"] == ""
    assert cells.loc["desom", "difference"] == pytest.approx(0.85 - quoted, abs=0.01)
    html = method_scores(compare(runs, ["rcv1_10k"], ["purity"], published.TABLE2), "desom")
    assert html.startswith("<p>The paper has no number for what was run here.</p>")


def test_a_metric_that_no_run_has_is_refused():
    runs = tidy(all_records())
    with pytest.raises(InputError, match="unknown metric 'purty': did you mean 'purity'"):
        compare(runs, ["mnist"], ["purty"], PUBLISHED)


def rendered(cells):
    return (
        to_html(cells, "A caption", "t").to_html(),
        to_latex(cells, "A caption", "t"),
        cells.to_csv(),
    )


def test_every_rendering_follows_a_record_that_changes():
    before = rendered(table())
    assert rendered(table()) == before
    for text_before, text_after in zip(before, rendered(table(with_a_worse_seed())), strict=True):
        assert "0.921" not in text_before and "0.921" in text_after


def test_the_page_shows_what_the_cells_hold():
    html = to_html(table(), "See <this> & that", "t").to_html()
    assert "See &lt;this&gt; &amp; that" in html
    spoken = "reproduced, +0.002, negligible"
    sign = f'<span title="{spoken}" aria-label="{spoken}">=</span>'
    assert f"<b>0.941</b> ± 0.001<br>paper 0.939 {sign}" in html
    assert ">0.841 ± 0.001<br>paper 0.842 <span" in html
    assert "not run here<br>paper 0.700" in html
    assert "<b>0.810</b> ± 0.010, 3 seeds" in html
    assert html.index("DESOM") > html.index("kerasom") > html.index("k-means")


def test_a_table_of_accuracies_has_one_column_per_data_set():
    runs = tidy([record("desom", "mnist", s, 0, metrics={"km_accuracy": 0.8}) for s in (0, 1)])
    cells = compare(runs, ["mnist"], ["two_level_accuracy"], published.TABLE3)
    assert list(cells["method"]) == list(published.TABLE3)
    assert cells.set_index("method").loc["desom", "mean"] == pytest.approx(0.8)


def test_latex_is_well_formed_and_holds_the_same_cells():
    latex = to_latex(table(), "50 % of x_i & {more} ± 1", "tab:a")
    assert r"\caption{50 \% of x\_i \& \{more\} $\pm$ 1}" in latex
    assert latex.isascii() and r"paper 0.565 $\nabla$" in latex
    unescaped = re.sub(r"\\[{}]", "", latex)
    depth = np.cumsum([(c == "{") - (c == "}") for c in unescaped])
    assert depth.min() == 0 and depth[-1] == 0
    for name in ("table*", "tabular"):
        assert latex.count(rf"\begin{{{name}}}") == latex.count(rf"\end{{{name}}}")
    rows = latex.split("\\midrule\n")[1].split("\\bottomrule")[0].strip().splitlines()
    assert len(rows) == 3
    assert all(len(re.findall(r"(?<!\\)&", row)) == 4 for row in rows)
    assert r"\shortstack{\textbf{0.941} $\pm$ 0.001\\paper 0.939 =}" in latex
    assert r"\shortstack{\textbf{0.810} $\pm$ 0.010, 3 seeds}" in latex
    assert r"\multicolumn{2}{c}{MNIST} & \multicolumn{2}{c}{Digits}" in latex


def test_the_file_holds_every_number():
    cells = table()
    again = pd.read_csv(StringIO(cells.to_csv(index=False)), keep_default_na=True)
    assert list(again.columns) == list(cells.columns)
    assert again["mean"].to_numpy() == pytest.approx(cells["mean"].to_numpy(), nan_ok=True)


def rows_of(html):
    """Read the rows of a plain table, every cell as its text."""
    rows = html.split("<tbody>")[1].split("</tr>")[:-1]
    return [re.findall("<td>(.*?)</td>", row) for row in rows]


def test_the_page_of_a_method_has_its_cells():
    html = method_scores(table(), "kerasom")
    assert "<p>Of 2 numbers of the paper that have runs beside them: 1 reproduced, 0" in html
    assert rows_of(html) == [
        ["MNIST", "purity", "0.826", "0.821", "0.001", "10", "reproduced, −0.005, negligible"],
        ["MNIST", "NMI", "0.565", "0.521", "0.001", "10", "worse, −0.044, moderate"],
        ["Digits", "purity", "0.700", "not run here", "–", "–", "–"],
        ["Digits", "NMI", "0.600", "not run here", "–", "–", "–"],
    ]


def test_the_page_of_a_method_shows_numbers_that_the_paper_does_not_have():
    html = method_scores(table(datasets=["digits"]), "desom")
    assert html.startswith("<p>The paper has no number for what was run here.</p>")
    assert rows_of(html)[0] == ["Digits", "purity", "–", "0.810", "0.010", "3", "–"]
    # Neither a run nor a published number: no row.
    assert rows_of(method_scores(table(), "kmeans"))[-1][0] == "MNIST"


def test_the_page_of_a_method_follows_a_record_that_changes():
    for records, mean in ((all_records(), "0.941"), (with_a_worse_seed(), "0.921")):
        assert rows_of(method_scores(table(records), "desom"))[0][3] == mean


def test_the_page_of_a_method_has_every_value_of_its_settings():
    records = [
        record("kmeans", "mnist", 0, 0.8, config={"n_clusters": 10, "init": "k-means++"}),
        record("kmeans", "mnist", 1, 0.8, config={"n_clusters": 10, "init": "k-means++"}),
        record("kmeans", "reuters21578", 0, 0.8, config={"n_clusters": 4, "init": "k-means++"}),
        record("desom", "mnist", 0, 0.8),
    ]
    assert rows_of(method_settings(records, "kmeans")) == [
        ["n_clusters", "10; 4"],
        ["init", "k-means++"],
    ]
    assert rows_of(method_settings(records, "desom")) == [
        ["map_size", "(8, 8)"],
        ["iterations", "5"],
    ]
    assert method_settings(records, "som_vae") == "<p>No run of this method is recorded.</p>"


def test_a_download_holds_its_text():
    link = download_link("table.csv", "a,b\n0.9 ± 0.1,2\n")
    content = re.search(r'base64,([^"]+)"', link)[1]
    assert 'download="table.csv"' in link
    assert base64.b64decode(content).decode() == "a,b\n0.9 ± 0.1,2\n"


def test_the_published_tables_are_shares_in_the_order_of_the_paper():
    for published_table, width in ((published.TABLE2, 2), (published.TABLE3, 1)):
        for row in published_table.values():
            for numbers in filter(None, row.values()):
                assert len(numbers) == width and all(0 < number < 1 for number in numbers)
    assert list(published.TABLE2)[-1] == list(published.TABLE3)[-1] == "desom"


def test_every_row_and_column_has_a_name():
    assert set(tables.DATASETS) == set(datasets.NAMES)
    assert set(published.TABLE2) | set(published.TABLE3) <= set(METHODS)
