"""What the chapters show of the records that they read."""

import ast

import pytest

from desom.experiments.records import REPOSITORY
from desom.report import display

ENVIRONMENT = {"device": "A & B", "threads": 2, "revision": "abc123"}
RECORD = {"method": "desom", "dataset": "mnist", "seed": 3, "key": "k3", "environment": ENVIRONMENT}


@pytest.fixture
def note(capsys):
    """Read what was displayed last: outside of Jupyter it is printed."""

    def read():
        return ast.literal_eval(capsys.readouterr().out)

    return read


def test_a_citation_names_folder_runs_seeds_revisions_and_devices_once(note, monkeypatch):
    monkeypatch.delenv("DESOM_RESULTS", raising=False)
    environment = ENVIRONMENT | {"revision": "def456", "threads": 1}
    records = [
        RECORD,
        *(RECORD | {"seed": s, "key": f"k{s}", "environment": environment} for s in (0, 1)),
        RECORD | {"dataset": "digits", "key": "d3"},
        RECORD,
    ]
    assert display.cite(records) is records
    data = note()
    assert data["text/plain"] == (
        "Records in results/: 4 runs, seeds 0–1, 3: desom/mnist, desom/digits. "
        "Revisions of the code: abc123, def456. Devices: A & B, 2 threads; A & B, 1 thread."
    )
    assert data[display.RECORDS] == {"committed": True}


def test_records_of_a_reader_are_no_files_of_the_repository(note, monkeypatch, tmp_path):
    monkeypatch.setenv("DESOM_RESULTS", str(tmp_path / "mine"))
    display.cite([RECORD])
    data = note()
    assert data["text/plain"].startswith("Records in mine/, made for this page: 1 run, seeds 3:")
    assert data[display.RECORDS] == {"committed": False}
    display.cite([RECORD], tmp_path / "theirs")
    assert note()["text/plain"].startswith("Records in theirs/, made for this page: 1 run")
    display.cite([RECORD], REPOSITORY / "results")
    assert note()[display.RECORDS] == {"committed": True}


def test_nothing_is_cited_where_nothing_was_read(capsys):
    assert display.cite([]) == []
    assert capsys.readouterr().out == ""


def test_a_grid_at_the_scale_of_the_paper_is_read_as_far_as_it_goes(note, monkeypatch, tmp_path):
    part = {"methods": ["desom"], "dataset_names": ["mnist"], "seeds": [0, 1]}
    monkeypatch.delenv("DESOM_RESULTS", raising=False)
    assert [r["seed"] for r in display.records_of("table2", "paper", **part)] == [0, 1]
    assert "2 runs, seeds 0–1: desom/mnist." in note()["text/plain"]
    monkeypatch.setenv("DESOM_RESULTS", str(tmp_path))
    assert display.records_of("table2", "paper", **part) == []
    rcv1 = part | {"dataset_names": ["rcv1_10k"]}
    assert display.records_of("table2", "paper", make_missing=True, **rcv1) == []


def test_the_benchmarks_are_cited(note):
    assert "training_step" in display.read_benchmarks()
    assert note()["text/plain"].startswith("Records in results/: benchmarks.json. Revisions")
    assert (REPOSITORY / "results/benchmarks.json").is_file()
