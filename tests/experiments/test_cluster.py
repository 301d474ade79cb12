"""``desom run --scheduler``: the grid on a Dask cluster whose workers may die."""

import os
import re
import shlex
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import dask
import distributed
import pytest
import yaml
from distributed.cli import dask_scheduler, dask_worker

from desom.cli import _parser, main
from desom.errors import InputError, LostWorker
from desom.experiments import records
from desom.experiments.records import REPOSITORY
from desom.experiments.run import Run, configuration
from desom.experiments.schedule import collect, recorded, runs_of


@pytest.fixture(scope="module")
def cluster():
    """Two workers, processes of their own on this machine."""
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None, memory_limit=0
    ) as local:
        yield local


@contextmanager
def after_first_record(wanted, folder, strike):
    """Call a function as soon as one of the runs is recorded."""

    def wait_and_strike():
        while not recorded(wanted, folder):
            time.sleep(0.01)
        strike()

    striking = threading.Thread(target=wait_and_strike)
    striking.start()
    yield
    striking.join()
    assert recorded(wanted, folder)


def short_runs(seeds):
    config = configuration("minisom", map_size=(2, 5), iterations=10_000)
    return [Run("minisom", "digits", seed, config) for seed in range(seeds)]


def test_worker_that_is_killed_costs_no_run_and_repeats_none(cluster, tmp_path):
    wanted, killed = short_runs(6), []

    def kill_a_worker():
        with distributed.Client(cluster.scheduler_address) as client:
            pids = client.run(os.getpid)
        killed.append(min(pids.values()))
        os.kill(killed[0], signal.SIGKILL)

    with after_first_record(wanted, tmp_path, kill_a_worker):
        got = collect(wanted, tmp_path, scheduler=cluster.scheduler_address)
    assert len(killed) == 1
    assert [record["seed"] for record in got] == list(range(6))
    assert len(list((tmp_path / "minisom").iterdir())) == 12
    for record in got:
        assert records.load_artifact(record, tmp_path)["class_counts"].sum() == 1797


def test_cluster_trains_what_this_machine_would(cluster, tmp_path):
    (run,) = short_runs(1)
    (here,) = collect([run], tmp_path / "here")
    (there,) = collect([run], tmp_path / "there", scheduler=cluster.scheduler_address)
    assert there["key"] == here["key"]
    assert there["metrics"] == pytest.approx(here["metrics"], abs=0.02)


@pytest.fixture
def scheduler():
    """Give the address of a scheduler without workers, and its process."""
    bin = Path(sys.executable).parent
    command = [bin / "dask", "scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard"]
    # A run is given up when the first worker dies with it; as a rule, when the fourth does.
    few = os.environ | {"DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "0"}
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=few)
    for line in process.stderr:
        if found := re.search(r"Scheduler at: +(tcp://\S+)", line):
            break
    yield found[1], process
    process.kill()
    process.wait()
    process.stderr.close()


@pytest.fixture
def one_worker(scheduler):
    """A worker of one thread, as the page has it started, but that none takes its place."""
    command = [Path(sys.executable).with_name("dask"), "worker", scheduler[0], "--nthreads", "1"]
    process = subprocess.Popen([*command, "--memory-limit", "0", "--no-dashboard", "--no-nanny"])
    yield process
    process.terminate()
    process.wait()


@pytest.mark.usefixtures("one_worker", "foreground")
def test_a_single_worker_trains_not_this_process_and_ctrl_c_leaves_it_at_work(
    scheduler, tmp_path, capsys
):
    part = ["table2", "--scale", "quick", "--datasets", "digits", "--methods", "minisom"]
    part += ["--seeds", "0-3", "--results", str(tmp_path)]
    wanted = runs_of("table2", "quick", ["minisom"], ["digits"], [*range(4)])

    def interrupt():
        os.kill(os.getpid(), signal.SIGINT)

    with after_first_record(wanted, tmp_path, interrupt):
        assert main(["run", *part, "--scheduler", scheduler[0]]) == 130
    assert "desom: interrupted; what had finished is recorded." in capsys.readouterr().err
    assert len(recorded(wanted, tmp_path)) < 4
    # A run that the worker goes on with is left to it.
    assert main(["run", *part, "--scheduler", scheduler[0]]) in (0, 1)
    assert main(["run", *part, "--scheduler", scheduler[0]]) == 0
    # What this process trains, it announces.
    assert "] minisom on digits, seed 3\n" not in capsys.readouterr().out
    assert len(list((tmp_path / "minisom").iterdir())) == 8


def test_cluster_without_workers_is_named(scheduler, tmp_path):
    with pytest.raises(LostWorker, match=f"no worker came to the scheduler {scheduler[0]} within"):
        collect(short_runs(1), tmp_path, scheduler=scheduler[0], patience=0.5)


@pytest.mark.usefixtures("one_worker")
def test_run_whose_workers_die_is_named(scheduler, tmp_path):
    address, _ = scheduler
    wanted = short_runs(4)

    def kill_the_worker():
        with distributed.Client(address) as client:
            (pid,) = client.run(os.getpid).values()
        os.kill(pid, signal.SIGKILL)

    message = r"minisom on digits, seed \d was given up, because every"
    raised = pytest.raises(LostWorker, match=message)
    with after_first_record(wanted, tmp_path, kill_the_worker), raised:
        collect(wanted, tmp_path, scheduler=address)


@pytest.mark.usefixtures("one_worker")
def test_scheduler_that_dies_is_named(scheduler, tmp_path):
    address, process = scheduler
    wanted = short_runs(4)

    message = f"the scheduler {address} is gone; the runs that had"
    raised = pytest.raises(LostWorker, match=message)
    with after_first_record(wanted, tmp_path, process.kill), raised:
        collect(wanted, tmp_path, scheduler=address)


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:9", "nowhere", "tcp://"])
def test_scheduler_that_does_not_answer_is_named(address, tmp_path):
    short = dask.config.set({"distributed.comm.timeouts.connect": "0.5s"})
    with short, pytest.raises(InputError, match=f"the scheduler {address} does not answer"):
        collect(short_runs(1), tmp_path, scheduler=address)
    assert not list(tmp_path.rglob("*.json"))


def test_workers_and_a_scheduler_exclude_each_other(capsys):
    with pytest.raises(SystemExit):
        main(["run", "table2", "--workers", "2", "--scheduler", "tcp://127.0.0.1:8786"])
    assert "not allowed with argument" in capsys.readouterr().err


# The page


def blocks(language):
    page = (REPOSITORY / "book/cluster.md").read_text()
    return re.findall(rf"```{language}\n(.*?)```", page, re.DOTALL)


def check_command(words):
    """Check that a command of ours or of Dask's exists, with its options."""
    assert (Path(sys.executable).with_name(words[0])).exists()
    if words[0] == "desom":
        _parser().parse_args(words[1:])
    elif words[0] == "dask":
        part = {"scheduler": dask_scheduler, "worker": dask_worker}[words[1]]
        part.main.make_context(words[1], words[2:])


def test_commands_of_the_page_exist():
    found = []
    for block in blocks("bash"):
        assert subprocess.run(["bash", "-n"], input=block, text=True).returncode == 0
        for line in block.splitlines():
            words = shlex.split(line, comments=True)
            names = [word for word in words if word in ("desom", "dask", "papermill")]
            if names:
                command = words[words.index(names[0]) :]
                check_command([word for word in command if word != "&"])
                found.append(command[:2])
    assert found.count(["desom", "run"]) == 3 and found.count(["dask", "worker"]) == 2


def test_objects_of_kubernetes_fit_together():
    (text,) = blocks("yaml")
    objects = {(o["kind"], o["metadata"]["name"]): o["spec"] for o in yaml.safe_load_all(text)}
    assert objects.keys() == {
        ("Service", "scheduler"),
        ("Deployment", "scheduler"),
        ("Deployment", "workers"),
        ("Job", "table2"),
    }
    pods = {name: spec.get("template") for name, spec in objects.items()}
    for (kind, name), template in pods.items():
        if kind == "Deployment":
            labels = template["metadata"]["labels"]
            assert objects[kind, name]["selector"]["matchLabels"] == labels
        if template:
            (container,) = template["spec"]["containers"]
            check_command(container["command"])
            volumes = {volume["name"] for volume in template["spec"].get("volumes", ())}
            assert {mount["name"] for mount in container.get("volumeMounts", ())} == volumes
            assert all(type(v["value"]) is str for v in container.get("env", ()))
    service = objects["Service", "scheduler"]
    scheduler = pods["Deployment", "scheduler"]["metadata"]["labels"]
    assert service["selector"] == scheduler and service["ports"] == [{"port": 8786}]
    places = {
        tuple(map(str, template["spec"]["containers"][0]["volumeMounts"]))
        for name, template in pods.items()
        if name[1] in ("workers", "table2")
    }
    assert len(places) == 1
