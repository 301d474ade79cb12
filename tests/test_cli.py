"""``desom run`` and ``desom status``: exit statuses, refusals, and kills at random moments."""

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from desom.cli import main
from desom.experiments import records, run
from desom.experiments.schedule import runs_of

DIGITS = ["--scale", "quick", "--datasets", "digits"]


@pytest.fixture
def command(tiny_grid, tmp_path):
    """Call ``desom COMMAND tiny`` in this process, on the blobs."""

    def call(name, *arguments, results=tmp_path / "results"):
        return main([name, "tiny", *DIGITS, "--results", str(results), *arguments])

    return call


def lines(folder):
    return [line for path in folder.rglob("*.jsonl") for line in path.read_text().splitlines()]


# Exit statuses


def test_status_says_what_is_missing_and_run_completes_it(command, trainings, tmp_path, capsys):
    assert command("status") == 1
    assert capsys.readouterr().out.splitlines() == [
        "kerasom      digits             0 of   1 recorded",
        "desom        digits             0 of   1 recorded",
    ]
    assert not (tmp_path / "results").exists()

    assert command("run", "--methods", "desom") == 0
    assert command("status") == 1
    assert command("run") == 0
    assert len(trainings) == 2
    out = capsys.readouterr().out
    assert "[1/1] kerasom on digits, seed 0" in out
    assert command("status") == 0
    assert capsys.readouterr().out.splitlines() == [
        "kerasom      digits             1 of   1 recorded",
        "desom        digits             1 of   1 recorded",
    ]
    assert command("run") == 0
    assert len(trainings) == 2


def test_run_that_another_process_computes_is_missing(command, trainings, tmp_path):
    (run,) = runs_of("tiny", "quick", ["kerasom"], ["digits"])
    with records.claim(tmp_path / "results", run.key):
        assert command("run") == 1
    assert command("run") == 0


@pytest.mark.parametrize(
    ("text", "seeds"),
    [("0", [0]), ("0-2", [0, 1, 2]), ("0,3,5", [0, 3, 5]), ("7,1-2", [7, 1, 2]), ("4-4", [4])],
)
def test_seeds_are_single_or_in_ranges(text, seeds, command, trainings, tmp_path):
    assert command("run", "--methods", "kerasom", "--seeds", text) == 0
    assert [json.loads(line)["seed"] for line in lines(tmp_path)] == seeds


def test_parts_are_lists_of_names(tiny_grid, trainings, tmp_path):
    part = ["--methods", "desom,kerasom", "--datasets", "mnist5k,digits", "--seeds", "1"]
    assert main(["run", "tiny", "--scale", "quick", *part, "--results", str(tmp_path)]) == 0
    ran = {(r["method"], r["dataset"], r["seed"]) for r in map(json.loads, lines(tmp_path))}
    assert ran == {(m, d, 1) for m in ("desom", "kerasom") for d in ("mnist5k", "digits")}


# What bad input gets


@pytest.fixture
def refused(capsys):
    """Give the sentence that a refused command prints, alone, on the standard error."""

    def call(arguments):
        try:
            status = main(arguments)
        except SystemExit as stopped:  # argparse prints its usage first
            status = stopped.code
        assert status == 2
        message = capsys.readouterr().err.splitlines()[-1]
        assert re.match("desom( run| status)?: ", message)
        return message

    return call


@pytest.mark.usefixtures("tiny_grid", "no_training")
@pytest.mark.parametrize("name", ["run", "status"])
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["tini"], "unknown grid 'tini': did you mean 'tiny'"),
        (["tabel2"], "unknown grid 'tabel2': did you mean 'table2'"),
        (["tiny", "--scale", "papper"], "unknown scale 'papper': did you mean 'paper'?"),
        (["tiny", "--methods", "desmo"], "'desmo': did you mean 'desom'"),
        (["tiny", "--methods", "desom,kerasum"], "'kerasum': did you mean 'kerasom'"),
        (["tiny", "--datasets", "mnits"], "'mnits': did you mean 'mnist'"),
        (["tiny", "--methods", ""], "unknown method in tiny ''"),
        (["tiny", "--seeds", "one"], "'one' is not seeds such as 0-9 or 0,3,5"),
        (["tiny", "--seeds", "5-3"], "'5-3' is not seeds"),
        (["tiny", "--seeds", "1-2-3"], "'1-2-3' is not seeds"),
        (["tiny", "--seeds", "1,,2"], "'1,,2' is not seeds"),
        (["tiny", "--seeds", "-1"], "seeds"),
    ],
)
def test_what_does_not_exist_is_refused_with_the_nearest_name(
    name, arguments, message, refused, tmp_path
):
    assert message in refused([name, *arguments, "--results", str(tmp_path / "results")])
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("tiny_grid", "no_training")
@pytest.mark.parametrize("workers", ["0", "-1", "two", "1.5"])
def test_workers_are_at_least_one(workers, refused):
    assert "workers" in refused(["run", "tiny", "--workers", workers])


@pytest.mark.usefixtures("no_training")
def test_folder_that_cannot_be_written_is_refused(tiny_grid, refused, tmp_path):
    (tmp_path / "file").touch()
    message = refused(["run", "tiny", *DIGITS, "--results", str(tmp_path / "file")])
    assert (
        message == f"desom: the results folder {tmp_path}/file cannot be written; choose another."
    )


@pytest.mark.usefixtures("no_training")
@pytest.mark.parametrize("name", ["run", "status"])
def test_record_that_is_not_json_is_refused(name, tiny_grid, refused, tmp_path):
    path = tmp_path / "desom" / "digits.jsonl"
    path.parent.mkdir()
    record = json.dumps({"method": "desom", "dataset": "digits", "key": "a"})
    path.write_text(f"{record}\nonce upon a time\n{record}\n")
    message = refused([name, "tiny", *DIGITS, "--results", str(tmp_path)])
    assert message.startswith(f"desom: {path}, line 2, is not a record; ")
    assert len(path.read_text().splitlines()) == 3


@pytest.mark.filterwarnings("ignore:.*torn last line")
def test_torn_record_is_run_again(command, trainings, tmp_path):
    assert command("run") == 0
    path = tmp_path / "results" / "desom" / "digits.jsonl"
    path.write_bytes(path.read_bytes()[:-100])
    assert command("status") == 1
    assert command("run") == 0
    assert len(trainings) == 3
    assert len(path.read_text().splitlines()) == 1


def test_failure_is_recorded_apart_and_the_other_runs_go_on(
    command, trainings, monkeypatch, tmp_path, capsys
):
    def fit(self, X):
        raise FloatingPointError("the loss is not finite at iteration 50: try something.")

    with monkeypatch.context() as patch:
        patch.setattr("desom.som.Kerasom.fit", fit)
        assert command("run") == 1
    sentence = "kerasom on digits, seed 0 failed: the loss is not finite at iteration 50: "
    printed = [line for line in capsys.readouterr().out.splitlines() if sentence in line]
    assert len(printed) == 2  # when it fails, and in the status at the end
    (failure,) = records.read_failures(tmp_path / "results").values()
    assert failure["error"].startswith("the loss is not finite")
    assert failure["environment"]["revision"] and failure["config"]["t_max"]
    recorded = [path.parent.name for path in tmp_path.rglob("digits.jsonl")]
    assert recorded == ["desom"]

    assert command("run") == 0
    assert command("status") == 0
    assert "failed" not in capsys.readouterr().out


@pytest.mark.parametrize("broken", ["append", "atomic_write"])
def test_full_disk_ends_with_a_sentence_and_leaves_nothing_half_written(
    broken, command, trainings, monkeypatch, tmp_path, capsys
):
    assert command("run", "--methods", "kerasom") == 0
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.*") if path.is_file()}

    def full(*args):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(records if broken == "append" else run, broken, full)
        assert command("run") == 2
    assert capsys.readouterr().err == (
        f"desom: desom on digits, seed 0 cannot be recorded in {tmp_path / 'results'}: "
        "No space left on device; make room, and run again.\n"
    )
    assert len(lines(tmp_path)) == 1
    assert all(path.read_bytes() == content for path, content in before.items())
    assert command("run") == 0


def test_interruption_keeps_the_finished_runs(command, trainings, monkeypatch, tmp_path, capsys):
    def fit(self, X):
        raise KeyboardInterrupt

    monkeypatch.setattr("desom.desom.DESOM.fit", fit)
    assert command("run") == 130
    assert capsys.readouterr().err.startswith("desom: interrupted; ")
    assert [json.loads(line)["method"] for line in lines(tmp_path)] == ["kerasom"]


@pytest.mark.parametrize(("statuses", "status"), [([0, 0], 0), ([0, 3], 1), ([-9, 0], 1)])
def test_bench_runs_every_benchmark_and_names_those_that_fail(
    statuses, status, monkeypatch, tmp_path, capsys
):
    (tmp_path / "benchmarks").mkdir()
    scripts = [tmp_path / "benchmarks" / name for name in ("one.py", "two.py")]
    for script, code in zip(scripts, statuses, strict=True):
        ending = f"os.kill(os.getpid(), {-code})" if code < 0 else f"sys.exit({code})"
        script.write_text(f"import os, sys; open({str(script)!r} + '.ran', 'w').close(); {ending}")
    (tmp_path / "benchmarks/_shared.py").write_text("raise SystemExit(1)")
    monkeypatch.setattr("desom.cli.REPOSITORY", tmp_path)
    assert main(["bench"]) == status
    assert sorted((tmp_path / "benchmarks").glob("*.ran")) == [Path(f"{s}.ran") for s in scripts]
    named = [script.name for script, code in zip(scripts, statuses, strict=True) if code]
    sentence = f"desom: failed, as printed above: {', '.join(named)}.\n"
    assert capsys.readouterr().err == (sentence if named else "")


def test_interruption_ends_the_benchmarks(monkeypatch, tmp_path, capsys):
    (tmp_path / "benchmarks").mkdir()
    first, second = (tmp_path / "benchmarks" / name for name in ("one.py", "two.py"))
    first.write_text(f"import os, signal; os.kill({os.getpid()}, signal.SIGINT); signal.pause()")
    second.write_text(f"open({str(second)!r} + '.ran', 'w')")
    monkeypatch.setattr("desom.cli.REPOSITORY", tmp_path)
    assert main(["bench"]) == 130
    assert capsys.readouterr().err == "desom: interrupted; what had finished is recorded.\n"
    assert not list(tmp_path.rglob("*.ran"))


def test_bench_needs_the_repository(monkeypatch, tmp_path, refused):
    monkeypatch.setattr("desom.cli.REPOSITORY", tmp_path)
    assert "run this in a clone" in refused(["bench"])


def desom(*arguments):
    """Call the installed command, in its own process."""
    script = Path(sys.executable).with_name("desom")
    return subprocess.run([script, *arguments], capture_output=True, text=True)


def test_installed_command_tells_what_is_missing(tmp_path):
    ended = desom("status", "table2", "--results", tmp_path)
    assert ended.returncode == 1
    assert re.search(r"^desom +mnist +0 of +10 recorded$", ended.stdout, re.MULTILINE)


def test_installed_command_refuses_with_one_sentence(tmp_path):
    ended = desom("run", "tabel2", "--results", tmp_path)
    assert ended.returncode == 2
    assert ended.stderr.splitlines()[-1].startswith("desom: unknown grid 'tabel2': did you mean")
    assert "Traceback" not in ended.stderr
    assert ended.stdout == ""


# Kills

# A process that has imported everything once, and at each word "start" forks a child that runs the
# grid. Nothing is trained, the data are small and the disk is slow, so that kills meet writes (and
# TensorFlow, which no fork should share, does nothing).
DRIVER = """
import os
import sys
import time

import numpy as np

from desom import Kerasom, cli, datasets, experiments, runs
from desom.grids import Grid

N_RUNS = int(sys.argv[1])


def load(name):
    y = np.arange(30) % 3
    return datasets.Dataset(name, y[:, None] + np.linspace(0, 0.1, 30)[:, None], y)


class Untrained(Kerasom):
    def fit(self, X):
        self.cluster_centers_ = X[:6].astype("float32")
        self.history_ = {"iteration": list(range(200)), "loss": np.linspace(1, 0, 200).tolist()}
        return self

    def predict(self, X):
        return np.arange(len(X)) % 6


def cluster_prototypes(prototypes, n_clusters, seed):
    return np.arange(len(prototypes)) % n_clusters


def fsync(file, fsync=os.fsync):
    time.sleep(0.03)
    fsync(file)


os.fsync = fsync
datasets.load = load
runs.METHODS = {"kerasom": Untrained}
runs.cluster_prototypes = cluster_prototypes
runs.environment = dict
experiments.GRIDS["tiny"] = Grid((("kerasom", {}),), ("mnist",), (0,))
experiments.QUICK_DATASETS = {"mnist": "digits"}
experiments.QUICK_CONFIG = {"kerasom": {"map_size": (2, 3)}}
experiments.QUICK_SEEDS = tuple(range(N_RUNS))

for word in sys.stdin:
    if word.strip() == "start":
        child = os.fork()
        if child == 0:
            status = 70
            try:
                os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
                status = cli.main(["run", "tiny", "--scale", "quick", "--results", sys.argv[2]])
            finally:
                os._exit(status)
        print(child, flush=True)
    else:
        print(os.waitstatus_to_exitcode(os.wait()[1]), flush=True)
"""


class Driver:
    """The process above, and the folder that its children write to."""

    def __init__(self, n_runs, folder):
        self.folder = folder
        self.file = folder / "kerasom" / "digits.jsonl"
        command = [sys.executable, "-P", "-c", DRIVER, str(n_runs), str(folder)]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        self.process = subprocess.Popen(command, text=True, bufsize=1, **pipes)

    def ask(self, word):
        self.process.stdin.write(f"{word}\n")
        return int(self.process.stdout.readline())

    def whole_lines(self):
        """Give the part of the file that ends with its last line break."""
        content = self.file.read_bytes() if self.file.exists() else b""
        return content[: content.rfind(b"\n") + 1]

    def records(self):
        return list(records.read(self.folder, "kerasom", "digits").values())

    def check_complete(self, n_runs):
        seeds = Counter(json.loads(line)["seed"] for line in self.whole_lines().splitlines())
        assert seeds == dict.fromkeys(range(n_runs), 1)
        artifacts = {record["artifact"] for record in self.records()}
        files = {path for path in self.folder.rglob("*.*") if path.is_file()}
        assert files == {self.file, *(self.folder / artifact for artifact in artifacts)}
        for artifact in artifacts:
            with np.load(self.folder / artifact, allow_pickle=False) as file:
                assert dict(file)["class_counts"].sum() == 30


@pytest.fixture
def drive(tmp_path):
    drivers = []

    def start(n_runs):
        drivers.append(Driver(n_runs, tmp_path / "results"))
        return drivers[-1]

    yield start
    for driver in drivers:
        driver.process.stdin.close()
        driver.process.wait()


@pytest.mark.filterwarnings("ignore:.*torn last line")
def test_ten_kills_at_random_moments_lose_no_finished_record(drive):
    n_runs, moments = 60, random.Random(0)
    driver = drive(n_runs)
    for _ in range(10):
        before = driver.whole_lines()
        child = driver.ask("start")
        deadline = time.monotonic() + 60
        while driver.whole_lines() == before:
            assert time.monotonic() < deadline, "nothing is recorded"
            time.sleep(0.001)
        time.sleep(moments.uniform(0, 0.2))
        os.kill(child, signal.SIGKILL)
        assert driver.ask("wait") == -signal.SIGKILL

        assert driver.whole_lines().startswith(before)
        finished = len(driver.whole_lines().splitlines())
        assert len(before.splitlines()) < finished < n_runs
        # A line may be whole but for its line break.
        assert [record["seed"] for record in driver.records()][:finished] == list(range(finished))

    driver.ask("start")
    assert driver.ask("wait") == 0
    driver.check_complete(n_runs)


def test_two_processes_on_one_grid_share_its_runs(drive):
    driver = drive(30)
    driver.ask("start")
    driver.ask("start")
    # Who ends first may leave a run that the other computes; both may have ended when asked for.
    assert sorted([driver.ask("wait"), driver.ask("wait")]) in ([0, 0], [0, 1])
    driver.check_complete(30)
