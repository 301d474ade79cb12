"""``desom run`` and ``desom status``: exit statuses, refusals, and kills at random moments."""

import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from bs4 import BeautifulSoup
from PIL import Image
from sklearn.datasets import load_digits, load_wine
from sklearn.preprocessing import StandardScaler

from desom import __version__, cli, metrics
from desom.cli import main
from desom.experiments import records
from desom.experiments.schedule import runs_of
from desom.storage import load

# Two methods that are over in no time.
PART = ["table2", "--scale", "quick", "--datasets", "digits", "--methods"]
FAST = [*PART, "kmeans,minisom", "--seeds", "0"]


@pytest.fixture
def command(tmp_path):
    """Call ``desom COMMAND`` on two fast runs in this process."""

    def call(name, *arguments, results=tmp_path / "results"):
        return main([name, *FAST, "--results", str(results), *arguments])

    return call


def contents(folder):
    """Give the files of a folder, but locks, with what they hold."""
    return {path: path.read_bytes() for path in folder.rglob("*.*") if path.is_file()}


# A map of one's own data


@pytest.fixture
def table(tmp_path):
    """Write the wine data as a table with words as classes."""
    wine = load_wine(as_frame=True)
    frame = wine.data.assign(type=wine.target_names[wine.target])
    frame.to_csv(tmp_path / "cells of wine.csv", index=False)
    return frame


@pytest.mark.parametrize("method", ["desom", "kerasom"])
def test_train_saves_a_map_and_writes_a_page(method, table, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    arguments = ["--label", "type", "--map-size", "3", "4", "--method", method, "--out", "own/map"]
    assert main(["train", "cells of wine.csv", *arguments, "--iterations", "20"]) == 0
    printed, errors = capfd.readouterr()
    assert "own/map.html" in printed.replace("\\", "/")
    assert "oneDNN" not in errors
    kept = load("own/map")
    units = kept.predict(table.drop(columns="type").to_numpy())
    assert np.array_equal(units, kept[-1].labels_)
    page = Path("own/map.html").read_text(encoding="utf-8")
    soup = BeautifulSoup(page, "html.parser")
    assert all(img["alt"] and img["src"].startswith("data:image/png") for img in soup("img"))
    assert len(soup("img")) == 3 and not re.search(r'(src|href)="(?!data:)', page)
    scores = {row.th.text: float(row.td.text) for row in soup("tr")}
    assert scores["units used"] == len(np.unique(units))
    classes = table["type"].to_numpy()
    assert scores["purity"] == pytest.approx(metrics.purity(classes, units), abs=1e-3)
    if method == "kerasom":
        x = StandardScaler().fit_transform(table.drop(columns="type"))
        error = metrics.quantization_error(x, kept[-1].cluster_centers_)
        assert scores["quantization error"] == pytest.approx(error, abs=1e-2)


def test_train_takes_a_folder_of_images(tmp_path):
    digits = load_digits()
    for number, (image, digit) in enumerate(zip(digits.images[:40], digits.target, strict=False)):
        folder = tmp_path / "images" / f"digit {digit}"
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray((15 * image).astype("uint8")).save(folder / f"{number}.png")
    out = tmp_path / "digits.map"
    arguments = ["--map-size", "3", "3", "--iterations", "5", "--out", str(out)]
    assert main(["train", str(tmp_path / "images"), *arguments]) == 0
    page = (tmp_path / "digits.map.html").read_text(encoding="utf-8")
    assert "64 columns" in page and "purity" in page


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["none.csv"], "does not exist"),
        (["cells of wine.csv"], "words in type"),
        (["cells of wine.csv", "--label", "kind"], "no column 'kind'"),
        (["cells of wine.csv", "--label", "type", "--gamma", "-1"], "gamma"),
        (["cells of wine.csv", "--label", "type", "--map-size", "20", "20"], "400 prototypes"),
    ],
)
def test_train_says_what_it_cannot_use(arguments, complaint, table, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    before = contents(tmp_path)
    assert main(["train", *arguments]) == 2
    message = capsys.readouterr().err
    assert complaint in message and message.startswith("desom: ")
    assert message.rstrip().endswith(".") and message.count("\n") == 1
    assert contents(tmp_path) == before


def test_help_of_train_fits_one_screen(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit):
        main(["train", "--help"])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) <= 40 and max(map(len, lines)) <= 80


@pytest.mark.parametrize("backend", ["tensrflow", "torch", "numpy"])
def test_a_backend_that_is_not_there_is_said_in_one_sentence(backend):
    if backend == "torch" and find_spec("torch"):
        pytest.skip("PyTorch is installed")
    environment = os.environ | {"KERAS_BACKEND": backend}
    command = [sys.executable, "-m", "desom", "status", "table2"]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert ended.returncode == 2
    assert re.fullmatch(r"desom: [^\n]*KERAS_BACKEND[^\n]*\.\n", ended.stderr)


def test_the_command_line_answers_without_a_line_of_tensorflow():
    command = [sys.executable, "-m", "desom", "status", "table2", "--scale", "quick"]
    ended = subprocess.run(command, capture_output=True, text=True)
    assert ended.returncode in (0, 1) and ended.stderr == ""
    assert version("desom") == __version__


# Exit statuses


def test_status_says_what_is_missing_and_run_completes_it(command, tmp_path, capsys):
    assert command("status") == 1
    assert capsys.readouterr().out.splitlines() == [
        "kmeans       digits             0 of   1 recorded",
        "minisom      digits             0 of   1 recorded",
    ]
    assert not (tmp_path / "results").exists()

    assert command("run", "--methods", "minisom") == 0
    before = contents(tmp_path)
    assert len(before) == 2
    assert command("status") == 1
    assert command("run") == 0
    out = capsys.readouterr().out
    assert "[1/1] minisom on digits, seed 0" in out
    assert "[1/1] kmeans on digits, seed 0" in out
    after = contents(tmp_path)
    assert before.items() < after.items()
    assert command("status") == 0
    assert capsys.readouterr().out.splitlines() == [
        "kmeans       digits             1 of   1 recorded",
        "minisom      digits             1 of   1 recorded",
    ]
    assert command("run") == 0
    assert contents(tmp_path) == after


def test_run_that_another_process_computes_is_missing(command, tmp_path):
    (run,) = runs_of("table2", "quick", ["kmeans"], ["digits"], [0])
    with records.claim(tmp_path / "results", run.key):
        assert command("run") == 1
    assert command("run") == 0


@pytest.mark.parametrize(
    ("text", "seeds"),
    [("0", [0]), ("0-2", [0, 1, 2]), ("0,3,5", [0, 3, 5]), ("7,1-2", [7, 1, 2]), ("4-4", [4])],
)
def test_seeds_are_single_or_in_ranges(text, seeds, tmp_path, capsys):
    part = [*PART, "kmeans", "--seeds", text, "--results", str(tmp_path)]
    assert main(["run", *part]) == 0
    announced = re.findall(r"\] kmeans on digits, seed (\d)", capsys.readouterr().out)
    assert [int(seed) for seed in announced] == seeds
    assert {record["seed"] for record in records.read(tmp_path).values()} == set(seeds)


def test_parts_are_lists_of_names(tmp_path, capsys):
    part = ["--methods", "kmeans, desom", "--datasets", "mnist5k,digits", "--scale", "quick"]
    assert main(["status", "table2", *part, "--results", str(tmp_path)]) == 1
    assert [line.split()[:2] for line in capsys.readouterr().out.splitlines()] == [
        [method, dataset] for dataset in ("mnist5k", "digits") for method in ("kmeans", "desom")
    ]


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


@pytest.mark.parametrize("name", ["run", "status"])
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["tabel2"], "unknown grid 'tabel2': did you mean 'table2'"),
        (["table2", "--scale", "papper"], "unknown scale 'papper': did you mean 'paper'?"),
        (["table2", "--methods", "desmo"], "'desmo': did you mean 'desom'"),
        (["table2", "--methods", "desom,kerasum"], "'kerasum': did you mean 'kerasom'"),
        (["table2", "--datasets", "mnits"], "'mnits': did you mean 'mnist'"),
        (["table2", "--methods", ""], "unknown method in table2 ''"),
        (["table2", "--seeds", "one"], "'one' is not seeds such as 0-9 or 0,3,5"),
        (["table2", "--seeds", "5-3"], "'5-3' is not seeds"),
        (["table2", "--seeds", "1-2-3"], "'1-2-3' is not seeds"),
        (["table2", "--seeds", "1,,2"], "'1,,2' is not seeds"),
        (["table2", "--seeds", "0,²"], "'0,²' is not seeds"),
        (["table2", "--seeds", "-1"], "seeds"),
    ],
)
def test_what_does_not_exist_is_refused_with_the_nearest_name(
    name, arguments, message, refused, tmp_path
):
    assert message in refused([name, *arguments, "--results", str(tmp_path / "results")])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("workers", ["0", "-1", "two", "1.5", "²"])
def test_workers_are_at_least_one(workers, refused, tmp_path):
    assert "workers" in refused(["run", *FAST, "--results", str(tmp_path), "--workers", workers])
    assert not list(tmp_path.iterdir())


def test_folder_that_cannot_be_written_is_refused(refused, tmp_path):
    (tmp_path / "file").touch()
    message = refused(["run", *FAST, "--results", str(tmp_path / "file")])
    assert (
        message == f"desom: the results folder {tmp_path}/file cannot be written; choose another."
    )


@pytest.mark.parametrize("name", ["run", "status"])
def test_record_that_is_not_json_is_refused(name, refused, tmp_path):
    (run,) = runs_of("table2", "quick", ["minisom"], ["digits"], [0])
    path = records.place(tmp_path, run.method, run.dataset, run.key)
    path.parent.mkdir()
    path.write_text("once upon a time")
    message = refused([name, *FAST, "--results", str(tmp_path)])
    assert message.startswith(f"desom: {path} is not a record; ")
    assert contents(tmp_path) == {path: b"once upon a time"}


def test_failure_is_listed_until_its_run_succeeds(command, tmp_path, capsys):
    (run,) = runs_of("table2", "quick", ["kmeans"], ["digits"], [0])
    failure = {"method": run.method, "dataset": run.dataset, "key": run.key, "error": "Too hot."}
    records.write(tmp_path / "results", failure, records.FAILED)
    assert command("status") == 1
    assert "kmeans on digits, seed 0 failed: Too hot.\n" in capsys.readouterr().out
    assert command("run") == 0
    assert "failed" not in capsys.readouterr().out
    assert not list(tmp_path.rglob("*.failed.json"))


# Benchmarks


@pytest.mark.parametrize(("statuses", "status"), [([0, 0], 0), ([0, 3], 1), ([-9, 0], 1)])
def test_bench_runs_every_benchmark_and_names_those_that_fail(statuses, status, tmp_path, capsys):
    scripts = [tmp_path / name for name in ("one.py", "two.py")]
    for script, code in zip(scripts, statuses, strict=True):
        ending = f"os.kill(os.getpid(), {-code})" if code < 0 else f"sys.exit({code})"
        script.write_text(f"import os, sys; open({str(script)!r} + '.ran', 'w').close(); {ending}")
    assert main(["bench", *map(str, scripts)]) == status
    assert sorted(tmp_path.glob("*.ran")) == [Path(f"{s}.ran") for s in scripts]
    named = [str(script) for script, code in zip(scripts, statuses, strict=True) if code]
    sentence = f"desom: failed, as printed above: {', '.join(named)}.\n"
    assert capsys.readouterr().err == (sentence if named else "")


def python(code, *arguments, **options):
    """Start Python on some code, in its own process and group, without a terminal."""
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(command, text=True, start_new_session=True, **pipes | options)


@pytest.mark.usefixtures("foreground")
def test_interruption_ends_the_benchmarks(tmp_path):
    first, second = (tmp_path / name for name in ("one.py", "two.py"))
    first.write_text("import os, signal; os.killpg(os.getpgid(0), signal.SIGINT); signal.pause()")
    second.write_text(f"open({str(second)!r} + '.ran', 'w')")
    code = "import sys; from desom.cli import main; sys.exit(main())"
    process = python(code, "bench", first, second)
    printed = process.communicate(timeout=60)[1]
    assert process.returncode == 130
    assert printed.endswith("desom: interrupted; what had finished is recorded.\n")
    assert not list(tmp_path.glob("*.ran"))


def test_bench_needs_the_repository(tmp_path):
    shutil.copytree(Path(cli.__file__).parent, tmp_path / "desom")
    code = "import sys; from desom.cli import main; sys.exit(main(['bench']))"
    process = python(code, env=os.environ | {"PYTHONPATH": str(tmp_path)}, cwd=tmp_path)
    assert "run this in a clone" in process.communicate(timeout=60)[1]
    assert process.returncode == 2


# The installed command


def desom(*arguments):
    """Call the installed command, in its own process."""
    script = Path(sys.executable).with_name("desom")
    return subprocess.run([script, *arguments], capture_output=True, text=True)


def test_installed_command_tells_what_is_missing(tmp_path):
    ended = desom("status", "table2", "--results", tmp_path)
    assert ended.returncode == 1
    assert re.search(r"^desom +mnist +0 of +10 recorded$", ended.stdout, re.MULTILINE)


def test_installed_command_refuses_with_one_sentence(tmp_path):
    ended = desom("convert", "--results", tmp_path / "nowhere")
    assert ended.returncode == 2
    assert ended.stderr.splitlines()[-1].startswith("desom: there is no folder ")
    assert "Traceback" not in ended.stderr
    assert ended.stdout == ""


# Kills

# A process that has imported everything once, and at each line that names a folder forks a child
# that makes so many runs in it. The data have many features, so that the writing of an artifact
# takes a while and is met.
# TensorFlow, which no fork should share, does nothing.
DRIVER = """
import os
import sys

import numpy as np

from desom.cli import main
from desom.datasets import Dataset
from desom.experiments.schedule import collect, recorded
from desom.experiments.run import Run, configuration

config = configuration("minisom", map_size=(2, 3), iterations=1)
data = Dataset("digits", np.random.default_rng(0).random((12, 60_000), dtype="float32"))

for line in sys.stdin:
    n_runs, _, folder = line.strip().partition(" ")
    if folder:
        runs = [Run("minisom", "digits", seed, config) for seed in range(int(n_runs))]
        child = os.fork()
        if child == 0:
            status = 70
            try:
                os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
                found = collect(runs, folder, load={"digits": data}.get)
                status = 0 if len(found) == len(runs) else 1
            finally:
                os._exit(status)
        print(child, flush=True)
    else:
        print(os.waitstatus_to_exitcode(os.wait()[1]), flush=True)
"""


class Driver:
    """The process above, and the folder that its children write to."""

    def __init__(self):
        command = [sys.executable, "-c", DRIVER]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        one_thread = os.environ | {"OMP_NUM_THREADS": "1"}
        self.process = subprocess.Popen(command, text=True, bufsize=1, env=one_thread, **pipes)

    def ask(self, text):
        self.process.stdin.write(f"{text}\n")
        return int(self.process.stdout.readline())

    def start(self, n_runs):
        return self.ask(f"{n_runs} {self.folder}")

    def records(self):
        return list(records.read(self.folder).values())

    def check_complete(self, n_runs):
        found = self.records()
        assert sorted(record["seed"] for record in found) == list(range(n_runs))
        stems = [f"digits-{record['key']}" for record in found]
        files = {path.name for path in self.folder.glob("[!.]*/[!.]*")}
        assert files == {f"{stem}{ending}" for stem in stems for ending in (".json", ".npz")}
        for record in found:
            assert records.load_artifact(record, self.folder)["prototypes"].shape == (6, 60_000)


@pytest.fixture(scope="module")
def driving():
    driver = Driver()
    yield driver
    driver.process.stdin.close()
    driver.process.wait()


@pytest.fixture
def driver(driving, tmp_path):
    driving.folder = tmp_path / "results"
    return driving


def test_ten_kills_at_random_moments_lose_no_finished_record(driver):
    n_runs, moments = 60, random.Random(0)
    for _ in range(10):
        before = driver.records()
        child = driver.start(n_runs)
        deadline = time.monotonic() + 60
        while len(driver.records()) == len(before):
            assert time.monotonic() < deadline, "nothing is recorded"
        time.sleep(moments.uniform(0, 0.2))
        os.kill(child, signal.SIGKILL)
        assert driver.ask("wait") == -signal.SIGKILL

        after = driver.records()
        assert [record for record in after if record in before] == before
        assert len(before) < len(after) < n_runs
        for record in after:
            assert records.load_artifact(record, driver.folder)["prototypes"].any()

    driver.start(n_runs)
    assert driver.ask("wait") == 0
    driver.check_complete(n_runs)


def test_two_processes_on_one_grid_share_its_runs(driver):
    driver.start(30)
    driver.start(30)
    # Who ends first may leave a run that the other computes; both may have ended when asked for.
    assert sorted([driver.ask("wait"), driver.ask("wait")]) in ([0, 0], [0, 1])
    driver.check_complete(30)
