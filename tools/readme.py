"""Write the headline map and table of README.md from the records.

``python tools/readme.py`` rewrites them; ``--check`` only says whether the table is up to date.
"""

import argparse
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
README = REPOSITORY / "README.md"
PICTURE = REPOSITORY / "book" / "images" / "mnist-map.png"
BEGIN, END = "<!-- results: written by tools/readme.py -->", "<!-- end of results -->"
NAMES = {"mnist": "MNIST", "fashion_mnist": "Fashion-MNIST", "desom": "DESOM", "kerasom": "kerasom"}


def headline_records():
    """Give the records that README.md shows: DESOM and kerasom, seed 0."""
    from desom.experiments import recorded, runs_of

    return recorded(runs_of("table2", methods=["kerasom", "desom"], seeds=[0]))


def table(records):
    """Lay out the headline table as Markdown.

    Parameters
    ----------
    records : list of dict
        The records to show, a line each.

    Returns
    -------
    str
        The table.
    """
    from desom.published import TABLE2

    lines = [
        "| data | method | purity | paper | NMI (geometric) | paper | minutes | run |",
        "|:--|:--|--:|--:|--:|--:|--:|:--|",
    ]
    for record in records:
        purity, nmi = TABLE2[record["method"]][record["dataset"]]
        scores = record["metrics"]
        lines.append(
            f"| {NAMES[record['dataset']]} | {NAMES[record['method']]} "
            f"| **{scores['purity']:.3f}** | {purity:.3f} "
            f"| **{scores['nmi_geometric']:.3f}** | {nmi:.3f} "
            f"| {record['seconds']['fit'] / 60:.1f} | `{record['key']}` |"
        )
    return "\n".join(lines)


def with_table(text, records):
    """Put the table between its markers in the text of README.md."""
    before, rest = text.split(BEGIN)
    return f"{before}{BEGIN}\n{table(records)}\n{END}{rest.split(END)[1]}"


def draw_picture(record):
    """Draw the decoded map of a record to the headline picture."""
    import matplotlib.pyplot as plt

    from desom import figures
    from desom.records import load_artifact

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
    text = with_table(README.read_text(), records)
    if arguments.check:
        return int(text != README.read_text())
    README.write_text(text)
    draw_picture(next(r for r in records if (r["method"], r["dataset"]) == ("desom", "mnist")))
    return 0


if __name__ == "__main__":
    sys.exit(main())
