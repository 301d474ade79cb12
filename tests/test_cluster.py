"""``desom run --scheduler``: the grid on a Dask cluster whose workers may die."""

import os
import signal
import threading
import time

import distributed
import pytest

from desom import records
from desom.cli import main
from desom.errors import InputError
from desom.experiments import collect, recorded
from desom.runs import Run, configuration


@pytest.fixture(scope="module")
def cluster():
    """Two workers, processes of their own on this machine."""
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None, memory_limit=0
    ) as local:
        yield local


def short_runs(seeds):
    config = configuration("kerasom", map_size=(2, 5), iterations=3000)
    return [Run("kerasom", "digits", seed, config) for seed in range(seeds)]


def test_worker_that_is_killed_costs_no_run_and_repeats_none(cluster, tmp_path):
    wanted, killed = short_runs(6), []

    def kill_after_the_first_record():
        while not recorded(wanted, tmp_path):
            time.sleep(0.01)
        with distributed.Client(cluster.scheduler_address) as client:
            pids = client.run(os.getpid)
        killed.append(min(pids.values()))
        os.kill(killed[0], signal.SIGKILL)

    killer = threading.Thread(target=kill_after_the_first_record)
    killer.start()
    got = collect(wanted, tmp_path, scheduler=cluster.scheduler_address)
    killer.join()
    assert len(killed) == 1
    assert [record["seed"] for record in got] == list(range(6))
    lines = (tmp_path / "kerasom" / "digits.jsonl").read_text().splitlines()
    assert len(lines) == 6
    assert len(list((tmp_path / "kerasom").glob("*.npz"))) == 6
    for record in got:
        assert records.load_artifact(record, tmp_path)["class_counts"].sum() == 1797


def test_cluster_trains_what_this_machine_would(cluster, tmp_path):
    (run,) = short_runs(1)
    (here,) = collect([run], tmp_path / "here")
    (there,) = collect([run], tmp_path / "there", scheduler=cluster.scheduler_address)
    assert there["key"] == here["key"]
    assert there["metrics"] == pytest.approx(here["metrics"], abs=0.02)


@pytest.mark.usefixtures("no_training")
@pytest.mark.parametrize("address", ["tcp://127.0.0.1:9", "nowhere", "tcp://"])
def test_scheduler_that_does_not_answer_is_named(address, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("desom.experiments.SECONDS_TO_ANSWER", 0.5)
    with pytest.raises(InputError, match=f"the scheduler {address} does not answer"):
        collect(short_runs(1), tmp_path, scheduler=address)
    assert not list(tmp_path.rglob("*.jsonl"))


def test_workers_and_a_scheduler_exclude_each_other(capsys):
    with pytest.raises(SystemExit):
        main(["run", "table2", "--workers", "2", "--scheduler", "tcp://127.0.0.1:8786"])
    assert "not allowed with argument" in capsys.readouterr().err
