"""The files of records: each is whole or not there, whatever happens, and in whatever company."""

import json
import multiprocessing
import os
import resource
import signal
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest

from desom.errors import InputError
from desom.experiments import records
from desom.experiments.records import FAILED
from desom.experiments.run import Run

# Children of a fork share no locks or threads with TensorFlow as long as they only touch files.
fork = multiprocessing.get_context("fork")

RUN = Run("desom", "mnist", 3, {"map_size": [8, 8]})


def record(key, **fields):
    return {"method": "desom", "dataset": "mnist", "key": key} | fields


def file(folder, key, ending=".json"):
    return folder / "desom" / f"mnist-{key}{ending}"


# Round trips


def test_records_come_back_by_key_in_the_order_in_which_they_were_made(tmp_path):
    written = [
        record("c", created="1", metrics={"nmi": 0.1 + 0.2, "accuracy": None}, curves={}),
        record("a", created="2", config={"map_size": [8, 8]}, artifact="desom/é.npz"),
        record("b", created="3", curves={"loss": [1e-9, 3.5]}),
    ]
    for one in reversed(written):
        records.write(tmp_path, one)
    got = records.read(tmp_path, "desom", "mnist")
    assert list(got) == ["c", "a", "b"]
    assert list(got.values()) == written


@pytest.mark.parametrize(
    ("dataset", "name"),
    [
        ("/data/of mine/my cells.npz", "my_cells"),
        ("../cells.csv", "cells.csv"),
        ("images/", "images"),
        ("/data/.npz", "data"),
        ("mnist_60k", "mnist_60k"),
    ],
)
def test_a_record_of_data_given_by_path_lies_in_the_folder(dataset, name, tmp_path):
    run = Run("desom", dataset, 3, {"map_size": [8, 8]})
    one = {"method": "desom", "dataset": dataset, "key": run.key}
    records.write(tmp_path, one)
    assert [path.name for path in tmp_path.rglob("*.json")] == [f"{name}-{run.key}.json"]
    assert records.find(tmp_path, [run]) == {run.key: one}
    assert records.read(tmp_path, "desom", dataset) == records.read(tmp_path) == {run.key: one}
    records.write(tmp_path, one | {"error": "lost"}, FAILED)
    assert len(records.find(tmp_path, [run], FAILED)) == 1


def test_record_is_a_file_of_json_with_a_line_for_each_entry(tmp_path):
    one = record("a", note="two\nlines", curves={"loss": [1, 2], "none": []}, seconds={})
    records.write(tmp_path, one)
    text = file(tmp_path, "a").read_text()
    assert json.loads(text) == one
    assert text.splitlines()[4:9] == [
        ' "note": "two\\nlines",',
        ' "curves": {',
        '  "loss": [1, 2],',
        '  "none": []',
        " },",
    ]
    assert [path.name for path in (tmp_path / "desom").iterdir()] == ["mnist-a.json"]


def test_every_method_and_data_set_has_its_files(tmp_path):
    for method, dataset in (("kerasom", "digits"), ("desom", "digits"), ("desom", "digits-2")):
        records.write(tmp_path, {"method": method, "dataset": dataset, "key": f"{method}{dataset}"})
    assert list(records.read(tmp_path, "desom", "digits")) == ["desomdigits"]
    assert list(records.read(tmp_path, "desom")) == ["desomdigits", "desomdigits-2"]
    assert len(records.read(tmp_path)) == 3
    assert records.read(tmp_path, "desom", "mnist") == {}


def test_folder_that_does_not_exist_holds_nothing(tmp_path):
    assert records.read(tmp_path / "nowhere") == records.find(tmp_path / "nowhere", [RUN]) == {}
    assert not list(tmp_path.iterdir())


def test_records_of_runs_come_in_the_order_of_the_runs(tmp_path):
    runs = [Run("desom", "mnist", seed, {}) for seed in range(4)]
    for run in (runs[1], runs[3]):
        records.write(tmp_path, record(run.key, seed=run.seed))
    for order in (runs, runs[::-1]):
        found = records.find(tmp_path, order)
        assert list(found) == [run.key for run in order if run.seed in (1, 3)]
        assert all(found[run.key]["seed"] == run.seed for run in order if run.key in found)


def test_failure_stands_apart_and_goes_with_the_success_of_its_run(tmp_path):
    for error in ("one", "two"):
        records.write(tmp_path, record(RUN.key, error=error), FAILED)
    assert records.find(tmp_path, [RUN], FAILED) == {RUN.key: record(RUN.key, error="two")}
    assert records.read(tmp_path) == records.find(tmp_path, [RUN]) == {}
    records.write(tmp_path, record(RUN.key))
    assert [path.name for path in (tmp_path / "desom").iterdir()] == [f"mnist-{RUN.key}.json"]


def test_values_of_numpy_are_numbers(tmp_path):
    records.write(tmp_path, record("a", x=np.float32(0.5), n=np.int64(3)))
    assert json.loads(file(tmp_path, "a").read_text()) == record("a", x=0.5, n=3)


def test_another_record_of_a_run_takes_its_place(tmp_path):
    for value in (1, 2):
        records.write(tmp_path, record("a", value=value))
    assert records.read(tmp_path) == {"a": record("a", value=2)}


def test_full_disk_leaves_the_record_as_it_was(tmp_path):
    records.write(tmp_path, record("a"))
    before = file(tmp_path, "a").read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    # The system takes what there is room for, and refuses the rest.
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
    try:
        for key in "ab":
            with pytest.raises(OSError, match=r"No space left|File too large"):
                records.write(tmp_path, record(key, note="x" * 100))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert [path.read_bytes() for path in (tmp_path / "desom").iterdir()] == [before]


# Keys


def test_key_is_pinned():
    # If this fails, no record on file is found any more.
    config = {"map_size": [8, 8], "gamma": 0.001, "iterations": 10_000}
    assert records.run_key("desom", "mnist", 0, config) == "c4830a8db7c4d442"


def test_key_does_not_depend_on_the_form_of_the_configuration():
    key = records.run_key("desom", "mnist", 0, {"map_size": [8, 8], "gamma": 0.001})
    for same in (
        {"gamma": 0.001, "map_size": [8, 8]},
        {"map_size": (8, 8), "gamma": 0.001},
        {"map_size": np.array([8, 8]).tolist(), "gamma": np.float64(0.001)},
        {"map_size": tuple(np.array([8, 8])), "gamma": 0.001},
    ):
        assert records.run_key("desom", "mnist", 0, same) == key


def test_key_depends_on_everything_asked():
    config = {"map_size": [8, 8], "gamma": 0.001}
    requests = [
        ("desom", "mnist", 0, config),
        ("kerasom", "mnist", 0, config),
        ("desom", "digits", 0, config),
        ("desom", "mnist", 1, config),
        ("desom", "mnist", 0, config | {"gamma": 0.01}),
        ("desom", "mnist", 0, config | {"t_max": 10.0}),
    ]
    assert len({records.run_key(*request) for request in requests}) == len(requests)


# What is no record


NO_RECORDS = [
    *("", "{", "once upon a time", "[1, 2]", '{"method": "desom"}', "7", "NaN", "9" * 5000),
    *(json.dumps(record("a", **{name: 7})) for name in ("metrics", "config", "seconds")),
    *(json.dumps(record(key)) for key in (7, "", "..", "a/b", "b", None)),
    *(json.dumps(record("a") | part) for part in ({"method": "dec"}, {"dataset": "digits"})),
    json.dumps(record("a")) + " {}",
    "[" * 100_000,
]


@pytest.mark.parametrize("content", NO_RECORDS, ids=lambda content: content[:70])
def test_file_that_is_no_record_is_refused_by_name(content, tmp_path):
    records.write(tmp_path, record("c"))
    file(tmp_path, "a").write_text(content)
    with pytest.raises(InputError, match=r"desom/mnist-a\.json is not a record; restore the file,"):
        records.read(tmp_path, "desom", "mnist")
    assert file(tmp_path, "a").read_text() == content
    assert list(records.read(tmp_path, "desom", "digits")) == []


@pytest.mark.parametrize(
    "content", [b"\xff\xfe", b"\0\0", b"{}", json.dumps(record(RUN.key)).encode()]
)
def test_failure_that_cannot_be_read_is_refused_by_name(content, tmp_path):
    records.write(tmp_path, record("c"))
    file(tmp_path, RUN.key, FAILED).write_bytes(content)
    with pytest.raises(InputError, match=rf"{RUN.key}\.failed\.json is not a record; restore"):
        records.find(tmp_path, [RUN], FAILED)
    assert list(records.read(tmp_path)) == ["c"]


@pytest.mark.parametrize("name", ["desom/mnist.jsonl", "failures.jsonl"])
def test_folder_in_the_old_form_is_refused_with_what_to_do(name, tmp_path):
    (tmp_path / "desom").mkdir()
    (tmp_path / name).touch()
    sentence = rf"{name} holds records in the old form; .* desom convert --results {tmp_path}\."
    for read in (lambda: records.read(tmp_path), lambda: records.find(tmp_path, [RUN])):
        with pytest.raises(InputError, match=sentence):
            read()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"once upon a time"])
def test_damaged_artifact_is_refused_by_name(content, tmp_path):
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(InputError, match=r"a\.npz is not an artifact, or it is damaged"):
        records.load_artifact({"artifact": "a.npz"}, tmp_path)


# Company


def write_fifty(folder, writer, barrier):
    barrier.wait()
    for i in range(50):
        # Of many lengths, up to several blocks of a file system.
        records.write(folder, record(f"{writer}-{i}", padding="x" * (i * i * 7 % 9000)))


def test_four_processes_write_at_once_and_lose_nothing(tmp_path):
    barrier = fork.Barrier(4)
    writers = [
        fork.Process(target=write_fifty, args=(tmp_path, writer, barrier)) for writer in range(4)
    ]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        records.read(tmp_path)
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0] * 4
    wanted = {f"{writer}-{i}" for writer in range(4) for i in range(50)}
    assert records.read(tmp_path).keys() == wanted
    assert len(list((tmp_path / "desom").iterdir())) == len(wanted)


def hold(folder, connection):
    with records.claim(folder, "a") as ours:
        connection.send(ours)
        signal.pause()


def is_free(folder, key="a"):
    """Try to claim from another process."""
    mine, its = fork.Pipe()

    def attempt():
        with records.claim(folder, key) as ours:
            its.send(ours)

    child = fork.Process(target=attempt)
    child.start()
    child.join()
    return mine.recv()


def test_claim_excludes_everybody_else_until_it_ends(tmp_path):
    with records.claim(tmp_path, "a") as ours:
        assert ours
        assert not is_free(tmp_path)
        assert is_free(tmp_path, key="b")
        with records.claim(tmp_path, "a") as again:
            assert not again
    assert is_free(tmp_path)


def test_claim_ends_with_an_exception(tmp_path):
    with pytest.raises(FloatingPointError), records.claim(tmp_path, "a"):
        raise FloatingPointError
    assert is_free(tmp_path)


def test_claim_ends_with_a_process_that_is_killed(tmp_path):
    mine, its = fork.Pipe()
    child = fork.Process(target=hold, args=(tmp_path, its))
    child.start()
    assert mine.recv()
    assert not is_free(tmp_path)
    os.kill(child.pid, signal.SIGKILL)
    child.join()
    assert is_free(tmp_path)


# Folders and files


def test_folder_of_the_records(monkeypatch, tmp_path):
    monkeypatch.setenv("DESOM_RESULTS", str(tmp_path))
    assert records.default_folder() == tmp_path
    monkeypatch.delenv("DESOM_RESULTS")
    assert records.default_folder().name == "results"


def test_folder_is_created(tmp_path):
    records.check_writable(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").is_dir()


@pytest.mark.parametrize("name", ["file", "file/below"])
def test_file_in_the_place_of_the_folder_is_refused(name, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=f"{name} cannot be written; choose another"):
        records.check_writable(tmp_path / name)


def refusal_for_nobody(folder, connection):
    if os.geteuid() == 0:  # who may write everywhere
        os.setuid(65534)
    try:
        records.check_writable(folder)
    except InputError as error:
        connection.send(str(error))
    else:
        connection.send(None)


@pytest.mark.parametrize(("permissions", "refused"), [(0o777, False), (0o555, True), (0o000, True)])
@pytest.mark.parametrize("name", ["", "below"])
def test_folder_without_permission_is_refused(name, permissions, refused):
    # pytest's own folders are closed to everybody else.
    with TemporaryDirectory() as folder:
        path = Path(folder, name)
        Path(folder).chmod(permissions)
        mine, its = fork.Pipe()
        child = fork.Process(target=refusal_for_nobody, args=(path, its))
        child.start()
        child.join()
        refusal = f"the results folder {path} cannot be written; choose another."
        assert mine.recv() == (refusal if refused else None)
