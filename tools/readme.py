"""Write the headline map and table of README.md from the records.

``python tools/readme.py`` rewrites them; ``--check`` only says whether the table is up to date.
"""

import argparse
import sys
from math import isnan
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
README = REPOSITORY / "README.md"
PICTURE = REPOSITORY / "book" / "images" / "mnist-map.png"
BEGIN, END = "<!-- results: written by tools/readme.py -->", "<!-- end of results -->"
SHOWN = ["mnist", "fashion_mnist", "rcv1_10k"]


def headline_records():
    """Give the records that README.md shows: those of Table 2 on images, and on RCV1."""
    from desom.experiments.schedule import recorded, runs_of

    return recorded(runs_of("table2", dataset_names=SHOWN))


def table(records):
    """Lay out the headline table as Markdown: means ± standard deviations [the paper's numbers]."""
    from desom.methods import LABELS
    from desom.report.published import TABLE2
    from desom.report.tables import DATASETS, compare, tidy

    metrics = {"purity": "purity", "nmi_geometric": "NMI"}
    cells = compare(tidy(records), SHOWN, list(metrics), TABLE2)
    heads = [f"{DATASETS[d]}, {name}" for d in SHOWN for name in metrics.values()]
    lines = [f"| method | {' | '.join(heads)} |", "|:--|" + "--:|" * len(heads)]
    for method, row in cells.groupby("method", sort=False):
        columns = (
            (f"{cell.mean:.3f} ± {cell.sd:.3f}" if cell.n else "not run")
            + f" ({cell.n} seeds)" * (cell.n not in (0, 10))
            + ("" if isnan(cell.published) else f" [{cell.published:.3f}]")
            for cell in row.itertuples()
        )
        lines.append(f"| {LABELS[method]} | {' | '.join(columns)} |")
    return "\n".join(lines)


def with_table(text, records):
    """Put the table between its markers in the text of README.md."""
    before, rest = text.split(BEGIN)
    return f"{before}{BEGIN}\n{table(records)}\n{END}{rest.split(END)[1]}"


def draw_picture(record):
    """Draw the decoded map of a record to the headline picture."""
    import matplotlib.pyplot as plt

    from desom import figures
    from desom.experiments.records import load_artifact

    figures.use_style()
    _, ax = plt.subplots(figsize=(4.2, 4.2))
    figures.plot_prototypes(
        load_artifact(record)["decoded"], record["config"]["map_size"], (28, 28), ax=ax
    )
    ax.set(xticks=[], yticks=[], xlabel="", ylabel="")
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    plt.savefig(PICTURE, metadata={"Software": None})


def main():
    """Write the headline, or check it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="change nothing; exit status 1 if old")
    arguments = parser.parse_args()
    records = headline_records()
    text = with_table(README.read_text("utf-8"), records)
    if arguments.check:
        return int(text != README.read_text("utf-8"))
    README.write_text(text, "utf-8")
    draw_picture(next(r for r in records if (r["method"], r["dataset"]) == ("desom", "mnist")))
    return 0


if __name__ == "__main__":
    sys.exit(main())
