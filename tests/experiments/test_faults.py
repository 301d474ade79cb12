"""Faults as a user meets them: real signals to real processes, a real full disk, a real NaN."""

import errno
import json
import os
import re
import resource
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import joblib
import keras
import numpy as np
import psutil
import pytest
from threadpoolctl import threadpool_info

from desom import Kerasom
from desom.cli import main
from desom.datasets import Dataset
from desom.engine.backends import STEPS_FOR_XLA
from desom.experiments import records
from desom.experiments.run import Run, configuration
from desom.experiments.schedule import THREADS, collect, failed, recorded, runs_of
from desom.report import tables
from helpers import ON_TENSORFLOW

pytestmark = pytest.mark.usefixtures("foreground")

PROC = Path("/proc")
COMMAND = Path(sys.executable).with_name("desom")
PART = ["table2", "--scale", "quick", "--datasets", "digits", "--methods", "minisom"]
MANY = 40  # runs: more than are over before they are stopped


def wanted(seeds):
    return runs_of("table2", "quick", ["minisom"], ["digits"], list(range(seeds)))


def start(folder, seeds, *arguments):
    """Start ``desom run`` as a shell does: in a group of processes of its own."""
    command = [COMMAND, "run", *PART, "--seeds", f"0-{seeds - 1}", "--results", folder]
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen([*command, *arguments], **pipes, text=True, start_new_session=True)


def wait_for_a_record(folder, process):
    while not list(folder.glob("minisom/*.json")):
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    time.sleep(0.5)  # so that the next training is under way


def complete(folder, seeds):
    """Make what is missing of the first runs, and check that no file but theirs is there."""
    assert main(["run", *PART, "--seeds", f"0-{seeds - 1}", "--results", str(folder)]) == 0
    made = records.read(folder)
    assert set(range(seeds)) <= {record["seed"] for record in made.values()}
    assert len(list((folder / "minisom").iterdir())) == 2 * len(made)


# Ctrl-C, and workers that are killed


@pytest.mark.parametrize("workers", [1, 2])
def test_ctrl_c_in_a_training_drops_it_and_the_next_call_makes_it(workers, tmp_path):
    process = start(tmp_path, MANY, "--workers", str(workers))
    wait_for_a_record(tmp_path, process)
    os.killpg(process.pid, signal.SIGINT)
    _, printed = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "desom: interrupted; what had finished is recorded.\n" in printed
    assert "Traceback" not in printed
    before = records.read(tmp_path)
    assert 0 < len(before) < MANY
    for run in wanted(MANY):
        with records.claim(tmp_path, run.key) as ours:
            assert ours
    complete(tmp_path, len(before) + workers)
    assert before.items() < records.read(tmp_path).items()


@pytest.mark.skipif(not PROC.exists(), reason="Linux says which libraries a process has loaded")
def test_ctrl_c_while_packages_are_imported_needs_no_traceback(tmp_path):
    process = start(tmp_path, MANY)
    while keras.backend.backend() not in (PROC / f"{process.pid}/maps").read_text():
        assert process.poll() is None, process.communicate()
        time.sleep(0.001)
    os.killpg(process.pid, signal.SIGINT)
    _, printed = process.communicate(timeout=60)
    assert process.returncode == 130
    assert printed.splitlines()[-1].startswith("desom: interrupted")
    assert "Traceback" not in printed


def test_worker_that_is_killed_ends_the_command_with_one_sentence(tmp_path):
    process = start(tmp_path, MANY, "--workers", "2")
    wait_for_a_record(tmp_path, process)
    children = psutil.Process(process.pid).children()
    next(child for child in children if any("popen_loky" in w for w in child.cmdline())).kill()
    _, printed = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "desom: one of the 2 workers was killed, perhaps for want of memory; " in printed
    assert "Traceback" not in printed
    assert 0 < len(recorded(wanted(MANY), tmp_path)) < MANY


# Threads


def names_of_threads():
    for task in (PROC / "self/task").iterdir():
        with suppress(FileNotFoundError, ProcessLookupError):  # the thread has ended since
            yield (task / "comm").read_text().strip()


def write_pools(run, data, folder, announcement):
    """In a worker: write how many threads each pool has, those of TensorFlow by their names."""
    # As many steps as XLA is compiled for.
    Kerasom((2, 2), iterations=STEPS_FOR_XLA, batch_size=1).fit(data.x).predict(data.x)
    names = list(names_of_threads())
    counts = {name: names.count(name) for name in ("tf_XLAEigen", "tf_Compute")}
    counts |= {info["internal_api"]: info["num_threads"] for info in threadpool_info()}
    (folder / f"{os.getpid()}.json").write_text(json.dumps(counts))


def made_up_runs(n_runs):
    return [Run("kmeans", "digits", seed, configuration("kmeans")) for seed in range(n_runs)]


@ON_TENSORFLOW
@pytest.mark.skipif(not PROC.exists(), reason="Linux lists the threads of a process")
def test_every_pool_of_a_worker_has_its_share_of_the_cores(monkeypatch, tmp_path, load):
    workers = 2
    for name in (*THREADS, "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    collect(made_up_runs(2 * workers), tmp_path, workers, load=load, train=write_pools)
    pools = [json.loads(file.read_text()) for file in tmp_path.glob("*.json")]
    share = max(1, joblib.cpu_count() // workers)
    assert 1 < len(pools) <= workers
    for counts in pools:
        # Some packages bring OpenMP, such as PyTorch.
        assert counts.keys() - {"openmp"} == {"tf_XLAEigen", "tf_Compute", "openblas"}
        assert set(counts.values()) == {share}
    assert not {*THREADS} & os.environ.keys()


def test_who_asked_for_fewer_threads_gets_them(monkeypatch, tmp_path, load):
    def train(*call):
        seen.append([os.environ[name] for name in THREADS])

    seen, n_cores = [], str(joblib.cpu_count())
    for name in THREADS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "640")
    collect(made_up_runs(1), tmp_path, load=load, train=train)
    assert seen == [["1", n_cores, n_cores, n_cores]]
    assert [os.environ.get(name) for name in THREADS] == ["1", "640", None, None]


# Data


def write_kind_of_data(run, data, folder, announcement):
    """In a worker: write whether the data are a file that all workers map, and write their sum."""
    kind = {"mapped": isinstance(data.x, np.memmap), "sum": float(data.x.sum())}
    (folder / f"{run.seed}.json").write_text(json.dumps(kind))


def test_workers_share_data_that_are_loaded_once(tmp_path):
    loaded = []

    def load(name):
        loaded.append(name)
        return Dataset(name, np.ones((1000, 500), dtype="float32"))

    collect(made_up_runs(4), tmp_path, 2, load=load, train=write_kind_of_data)
    kinds = [json.loads(file.read_text()) for file in tmp_path.glob("*.json")]
    assert kinds == [{"mapped": True, "sum": 500_000.0}] * 4
    assert loaded == ["digits"]


# A full disk


@pytest.fixture
def file_limit():
    """Give a function that limits the size of files: what no disk can exceed, in any folder."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda n_bytes: resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, limits[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 256 KiB, and a function that fills it."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", folder]
    if os.geteuid() or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("only root can mount a small disk")

    def fill():
        file = (folder / "filling").open("wb", buffering=0)
        with file, pytest.raises(OSError, match="No space left"):
            while True:
                file.write(bytes(4096))

    yield folder, fill
    subprocess.run(["umount", folder], check=True)


def check_full(folder, restrict, relieve, capsys):
    """Record a run, have the disk full for the next, then not any more."""
    part = ["run", *PART, "--results", str(folder), "--seeds"]
    assert main([*part, "0"]) == 0
    before = {path: path.read_bytes() for path in (folder / "minisom").iterdir()}
    assert len(before) == 2
    capsys.readouterr()
    restrict()
    assert main([*part, "0-1"]) == 2
    printed = capsys.readouterr().err
    relieve()
    reason = f"({os.strerror(errno.ENOSPC)}|{os.strerror(errno.EFBIG)})"
    sentence = rf"desom: minisom on digits, seed 1 cannot be recorded in \S+: {reason}; make room, "
    assert re.search(sentence, printed) and "Traceback" not in printed
    after = {path: path.read_bytes() for path in (folder / "minisom").iterdir()}
    assert after == before
    complete(folder, 2)


def test_file_that_cannot_grow_ends_the_grid_and_room_completes_it(tmp_path, file_limit, capsys):
    check_full(tmp_path, lambda: file_limit(100), lambda: file_limit(10**9), capsys)


def test_full_disk_ends_the_grid_and_room_completes_it(small_disk, capsys):
    folder, fill = small_disk
    check_full(folder, fill, (folder / "filling").unlink, capsys)


@pytest.mark.usefixtures("eager")
def test_full_disk_under_the_cache_names_the_cache(user_cache, file_limit, load, tmp_path):
    small = {"hidden_units": [8], "latent_dim": 2, "map_size": [2, 3], "iterations": 5}
    config = configuration("ae_kerasom", **small, pretrain_iterations=5)
    run = Run("ae_kerasom", "digits", 0, config)
    file_limit(3000)  # what is printed here goes to a file too
    folder = user_cache / "autoencoders"
    sentence = rf"the trained autoencoder cannot be kept in {folder}: .*; make room, and run again"
    with pytest.raises(OSError, match=sentence):
        collect([run], tmp_path, load=load)
    assert not list(folder.glob("*.skops")) + list(folder.glob(".*"))
    file_limit(10**9)
    assert len(collect([run], tmp_path, load=load)) == 1


# A loss that is not finite


@pytest.mark.usefixtures("eager")
def test_nan_stops_its_run_alone_and_no_table_sees_it(load, tmp_path, capsys):
    small = {"map_size": [2, 3], "iterations": 40, "batch_size": 16}
    runs = [
        Run("kerasom", "digits", 0, configuration("kerasom", **small, learning_rate=rate))
        for rate in (1e30, 0.001)
    ]
    sentence = r"the loss is not finite at iteration (\d+): try a "
    (record,) = collect(runs, tmp_path, load=load)
    assert record["config"] == runs[1].config
    printed = capsys.readouterr().out
    assert int(re.search(rf"kerasom on digits, seed 0 failed: {sentence}", printed)[1]) < 5

    ((run, error),) = failed(runs, tmp_path)
    assert run == runs[0] and re.match(sentence, error)
    (failure,) = records.find(tmp_path, runs, records.FAILED).values()
    assert failure["config"]["learning_rate"] == 1e30 and failure["environment"]["revision"]
    assert len(list((tmp_path / "kerasom").iterdir())) == 3
    table = tables.tidy(recorded(runs, tmp_path), ["learning_rate"])
    assert table["learning_rate"].tolist() == [0.001]
    assert np.isfinite(table["quantization_error"]).all()
