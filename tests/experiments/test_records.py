"""The file of records: its lines survive kills, torn ends and company."""

import json
import multiprocessing
import os
import resource
import signal
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest

from desom.errors import InputError
from desom.experiments import records
from desom.storage import atomic_write

# Children of a fork share no locks or threads with TensorFlow as long as they only touch files.
fork = multiprocessing.get_context("fork")


def record(key, **fields):
    return {"method": "desom", "dataset": "mnist", "key": key} | fields


@pytest.fixture
def file(tmp_path):
    """Path of the file that `record` goes to."""
    return tmp_path / "desom" / "mnist.jsonl"


def keys(folder):
    return list(records.read(folder, "desom", "mnist"))


# Round trips


def test_records_come_back_by_key_in_order(tmp_path):
    written = [
        record("c", metrics={"nmi": 0.1 + 0.2, "accuracy": None}, curves={"loss": [1e-9, 3.5]}),
        record("a", config={"map_size": [8, 8]}, artifact="desom/é.npz"),
        record("b"),
    ]
    for one in written:
        records.append(tmp_path, one)
    got = records.read(tmp_path, "desom", "mnist")
    assert list(got) == ["c", "a", "b"]
    assert list(got.values()) == written


def test_record_is_one_line_of_json(tmp_path, file):
    records.append(tmp_path, record("a", note="two\nlines"))
    records.append(tmp_path, record("b"))
    lines = file.read_text().splitlines()
    assert [json.loads(line)["key"] for line in lines] == ["a", "b"]
    assert file.read_bytes().endswith(b"}\n")


@pytest.mark.parametrize("room", [0, 1, 20])
def test_full_disk_leaves_the_file_as_it_was(room, tmp_path, file):
    records.append(tmp_path, record("a"))
    before = file.read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    # The system takes what there is room for, and refuses the rest.
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + room, limits[1]))
    try:
        with pytest.raises(OSError, match=r"No space left|File too large"):
            records.append(tmp_path, record("b", note="x" * 100))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert file.read_bytes() == before
    records.append(tmp_path, record("b"))
    assert keys(tmp_path) == ["a", "b"]


def test_failures_stand_apart(tmp_path):
    assert records.read_failures(tmp_path) == {}
    records.append_failure(tmp_path, record("a", error="one"))
    records.append_failure(tmp_path, record("a", error="two"))
    assert records.read_failures(tmp_path) == {"a": record("a", error="two")}
    assert keys(tmp_path) == []


def test_values_of_numpy_are_numbers(tmp_path, file):
    records.append(tmp_path, record("a", x=np.float32(0.5), n=np.int64(3)))
    assert json.loads(file.read_text()) == record("a", x=0.5, n=3)


def test_every_method_and_data_set_has_its_file(tmp_path):
    records.append(tmp_path, {"method": "kerasom", "dataset": "digits", "key": "a"})
    assert (tmp_path / "kerasom" / "digits.jsonl").is_file()
    assert keys(tmp_path) == []


def test_of_two_records_with_one_key_the_last_counts(tmp_path):
    for value in (1, 2):
        records.append(tmp_path, record("a", value=value))
    assert records.read(tmp_path, "desom", "mnist") == {"a": record("a", value=2)}


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


# Torn and foreign lines


@pytest.mark.parametrize(
    "tail", [b"{", b'{"key": "c", "method": "des', b"\xff\xfe", b"\0\0\0", b"7"]
)
def test_torn_last_line_is_left_out_then_cut_off(tail, tmp_path, file):
    records.append(tmp_path, record("a"))
    records.append(tmp_path, record("b"))
    whole = file.read_bytes()
    file.write_bytes(whole + tail)

    with pytest.warns(UserWarning, match=r"mnist\.jsonl: a torn last line is left out"):
        assert keys(tmp_path) == ["a", "b"]
    with pytest.warns(UserWarning, match=r"mnist\.jsonl: a torn last line was cut off"):
        records.append(tmp_path, record("d"))
    assert file.read_bytes() == whole + json.dumps(record("d")).encode() + b"\n"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert keys(tmp_path) == ["a", "b", "d"]


@pytest.mark.filterwarnings("ignore:.*torn last line")
def test_line_torn_at_any_byte_costs_no_other_record(tmp_path, file):
    records.append(tmp_path, record("a"))
    whole = file.read_bytes()
    line = json.dumps(record("b", note="é")).encode() + b"\n"
    for length in range(len(line) + 1):
        kept = ["a", "b"] if length >= len(line) - 1 else ["a"]
        file.write_bytes(whole + line[:length])
        assert keys(tmp_path) == kept
        records.append(tmp_path, record("c"))
        assert keys(tmp_path) == [*kept, "c"]


def test_whole_record_that_lacks_its_line_break_is_kept(tmp_path, file):
    file.parent.mkdir()
    file.write_text(json.dumps(record("a")))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert keys(tmp_path) == ["a"]
        records.append(tmp_path, record("b"))
        assert keys(tmp_path) == ["a", "b"]
    assert len(file.read_text().splitlines()) == 2


@pytest.mark.parametrize(
    "line",
    [
        *("", "once upon a time", "[1, 2]", '{"method": "desom"}', "7", "NaN", "9" * 5000),
        *(f"{json.dumps(record('c', **{name: 7}))}" for name in ("metrics", "config", "seconds")),
        json.dumps(record(7)),
        '{"method": "desom", "dataset": "mnist", "key": "c"} {}',
        "[" * 100_000,
    ],
    ids=lambda line: line[:70],
)
def test_line_that_is_no_record_is_refused_by_name(line, tmp_path, file):
    for key in "ab":
        records.append(tmp_path, record(key))
    first, second = file.read_text().splitlines()
    file.write_text(f"{first}\n{line}\n{second}\n")
    before = file.read_bytes()
    with pytest.raises(InputError, match=r"desom/mnist\.jsonl, line 2, is not a record"):
        keys(tmp_path)
    assert file.read_bytes() == before


def test_file_that_does_not_exist_holds_nothing(tmp_path):
    assert keys(tmp_path / "nowhere") == []
    assert not list(tmp_path.iterdir())


# Company


def append_fifty(folder, writer, barrier):
    barrier.wait()
    for i in range(50):
        # Of many lengths, up to several blocks of a file system.
        records.append(folder, record(f"{writer}-{i}", padding="x" * (i * i * 7 % 9000)))


def test_four_processes_append_at_once_and_lose_nothing(tmp_path, file):
    barrier = fork.Barrier(4)
    writers = [
        fork.Process(target=append_fifty, args=(tmp_path, writer, barrier)) for writer in range(4)
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0] * 4

    found = [json.loads(line)["key"] for line in file.read_text().splitlines()]
    assert sorted(found) == sorted(f"{writer}-{i}" for writer in range(4) for i in range(50))
    for writer in range(4):
        own = [key for key in found if key.startswith(f"{writer}-")]
        assert own == [f"{writer}-{i}" for i in range(50)]


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


def test_file_appears_once_it_is_whole(tmp_path):
    path = tmp_path / "below" / "file"
    with atomic_write(path) as file:
        file.write(b"new")
        assert not path.exists()
    assert path.read_bytes() == b"new"
    assert list(path.parent.iterdir()) == [path]


def test_interrupted_file_leaves_the_old_one(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with pytest.raises(KeyboardInterrupt), atomic_write(path) as file:
        file.write(b"half a fi")
        raise KeyboardInterrupt
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def write_and_die(path):
    with atomic_write(path) as file:
        file.write(b"half a fi")
        file.flush()
        os.kill(os.getpid(), signal.SIGKILL)


def test_killed_file_leaves_the_old_one_and_the_next_writer_cleans_up(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    child = fork.Process(target=write_and_die, args=(path,))
    child.start()
    child.join()
    assert child.exitcode == -signal.SIGKILL
    assert path.read_bytes() == b"old"
    with atomic_write(path) as file:
        file.write(b"new")
    assert path.read_bytes() == b"new"
    assert [p.name for p in Path(tmp_path).iterdir()] == ["file"]
