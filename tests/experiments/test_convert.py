"""Folders of records in the old form: nothing in them is lost, and what is foreign is named."""

import json

import pytest

from desom.cli import main
from desom.errors import InputError
from desom.experiments import records
from desom.experiments.convert import convert
from desom.experiments.records import FAILED
from desom.experiments.run import Run

RUNS = [Run("desom", "mnist", seed, {}) for seed in range(3)]


def record(run, **fields):
    return {"method": run.method, "dataset": run.dataset, "seed": run.seed, "key": run.key} | fields


def write_lines(path, *lines):
    path.parent.mkdir(parents=True, exist_ok=True)
    texts = [line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines]
    path.write_bytes(b"\n".join(texts))


def files(folder):
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


def test_every_line_becomes_a_file_and_every_old_file_goes(tmp_path):
    written = [record(run, metrics={"nmi": 0.1 + 0.2}) for run in RUNS]
    other = {"method": "dec", "dataset": "digits", "key": "a", "artifact": "dec/digits-a.npz"}
    write_lines(tmp_path / "desom/mnist.jsonl", written[0], written[1])
    write_lines(tmp_path / "dec/digits.jsonl", other, b"")
    (tmp_path / "dec/digits-a.npz").touch()
    (tmp_path / "benchmarks.json").touch()
    (tmp_path / ".locks").mkdir()
    (tmp_path / ".locks/a").touch()
    write_lines(tmp_path / "failures.jsonl", record(RUNS[2], error="the loss"))
    before = [file for file in files(tmp_path) if not file.endswith(".jsonl")]

    assert convert(tmp_path) == (4, [])
    assert records.read(tmp_path, "desom") == {r["key"]: r for r in written[:2]}
    assert records.read(tmp_path, "dec") == {"a": other}
    assert records.find(tmp_path, RUNS, FAILED)[RUNS[2].key]["error"] == "the loss"
    new = [f"desom/mnist-{RUNS[0].key}.json", f"desom/mnist-{RUNS[1].key}.json"]
    new += [f"desom/mnist-{RUNS[2].key}.failed.json", "dec/digits-a.json"]
    assert files(tmp_path) == sorted(before + new)
    assert convert(tmp_path) == (0, [])


FOREIGN = [
    (b'{"method": "des', "is not a record"),
    (b"\xff\xfe", "is not a record"),
    (b"[" * 100_000, "is not a record"),
    (json.dumps({"method": "..", "dataset": "mnist", "key": "a"}).encode(), "is not a record"),
    (json.dumps(record(Run("dec", "mnist", 0, {}))).encode(), "is of another method or data set"),
]


@pytest.mark.parametrize(("line", "why"), FOREIGN, ids=range(len(FOREIGN)))
@pytest.mark.parametrize("place", [0, 1, 2])
def test_line_that_is_no_record_of_its_file_is_named_and_kept(line, why, place, tmp_path):
    lines = [record(RUNS[0]), record(RUNS[1])]
    lines.insert(place, line)
    write_lines(tmp_path / "desom/mnist.jsonl", *lines)
    old = tmp_path / "desom/mnist.jsonl"
    sentence = f"{old}, line {place + 1}, {why}; it is kept in mnist.jsonl.left."
    assert convert(tmp_path) == (2, [sentence])
    assert (tmp_path / "desom/mnist.jsonl.left").read_bytes().strip() == line
    assert list(records.read(tmp_path)) == sorted(run.key for run in RUNS[:2])


def test_of_two_records_with_one_key_the_last_counts_and_the_other_is_kept(tmp_path):
    first, last = (record(RUNS[0], metrics={"purity": purity}) for purity in (0.5, 0.6))
    write_lines(tmp_path / "desom/mnist.jsonl", first, last, last)
    converted, named = convert(tmp_path)
    assert converted == 2 and "line 1, is not the last of its run; it is kept" in named[0]
    assert records.read(tmp_path) == {RUNS[0].key: last}
    assert json.loads((tmp_path / "desom/mnist.jsonl.left").read_bytes()) == first


def test_record_that_is_there_in_the_new_form_stays(tmp_path):
    records.write(tmp_path, record(RUNS[0], metrics={"purity": 0.7}))
    write_lines(tmp_path / "desom/mnist.jsonl", record(RUNS[0], metrics={"purity": 0.5}))
    assert len(convert(tmp_path)[1]) == 1
    assert records.read(tmp_path)[RUNS[0].key]["metrics"] == {"purity": 0.7}


def test_what_is_left_is_added_to_what_was_left_before(tmp_path):
    for line in (b"one", b"two", b"one"):
        write_lines(tmp_path / "desom/mnist.jsonl", line)
        convert(tmp_path)
    assert (tmp_path / "desom/mnist.jsonl.left").read_bytes().split() == [b"one", b"two"]


def test_foreign_files_are_named_and_stay(tmp_path):
    foreign = ["notes.txt", "desom/mnist-a.npz", "desom/mnist-b.json", "desom/.mnist-c.json.tmp"]
    write_lines(tmp_path / "desom/mnist.jsonl", record(RUNS[0]))
    for name in foreign:
        (tmp_path / name).write_text("{}")
    assert convert(tmp_path) == (
        1,
        sorted(f"{tmp_path / name} belongs to no record; it stays." for name in foreign),
    )
    assert set(foreign) < set(files(tmp_path))


def test_conversion_that_breaks_off_can_be_repeated(tmp_path):
    write_lines(tmp_path / "desom/mnist.jsonl", *map(record, RUNS))
    (tmp_path / "dec").mkdir()
    (tmp_path / "failures.jsonl").mkdir()  # cannot be read as a file
    with pytest.raises(OSError, match=r"failures\.jsonl"):
        convert(tmp_path)
    (tmp_path / "failures.jsonl").rmdir()
    write_lines(tmp_path / "desom/mnist.jsonl", *map(record, RUNS))
    assert convert(tmp_path) == (3, [])
    assert len(records.read(tmp_path)) == 3


def test_folder_that_does_not_exist_is_refused(tmp_path):
    with pytest.raises(InputError, match=f"there is no folder {tmp_path}/nowhere; give one"):
        convert(tmp_path / "nowhere")


def test_command_says_what_it_did(tmp_path, capsys):
    write_lines(tmp_path / "desom/mnist.jsonl", record(RUNS[0]), b"{")
    assert main(["status", "table2", "--results", str(tmp_path)]) == 2
    assert "desom convert --results" in capsys.readouterr().err
    assert main(["convert", "--results", str(tmp_path)]) == 1
    named, summary = capsys.readouterr().out.splitlines()
    assert named.endswith("line 2, is not a record; it is kept in mnist.jsonl.left.")
    assert summary == f"Lines of {tmp_path} that are now files of their own: 1."
    assert main(["status", "table2", "--results", str(tmp_path)]) == 1
    assert main(["convert", "--results", str(tmp_path)]) == 0
