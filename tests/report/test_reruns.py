"""A reader's runs beside the recorded ones."""

import re

import numpy as np
import pytest
from scipy import stats

import gate
from desom import cli
from desom.experiments import records
from desom.experiments.grids import GRIDS
from desom.experiments.records import REPOSITORY
from desom.experiments.schedule import runs_of
from desom.report import reruns


def a_run(seed, purity, method="desom", dataset="mnist", **config):
    """Give what a record holds that matters here."""
    return {
        "method": method,
        "dataset": dataset,
        "seed": seed,
        "key": f"{method}-{dataset}-{seed}-{sorted(config.items())}",
        "config": config,
        "metrics": {"purity": purity},
        "seconds": {},
        "environment": {"threads": 1},
    }


OURS = [a_run(seed, value) for seed, value in enumerate([0.90, 0.92, 0.91, 0.93, 0.91])]


def test_the_tolerance_is_the_prediction_interval_of_a_new_run():
    (row,) = reruns.compare_runs([a_run(7, 0.92)], OURS).to_dict("records")
    values = [record["metrics"]["purity"] for record in OURS]
    # By the t-test of one value against five: at the border of the interval, its p-value is 0.01.
    spread = np.std(values, ddof=1)
    t = (row["to"] - np.mean(values)) / (spread * np.sqrt(1 + 1 / 5))
    assert 2 * stats.t.sf(t, 4) == pytest.approx(0.01)
    assert row["to"] - row["ours"] == pytest.approx(row["ours"] - row["from"])
    assert (row["your runs"], row["our runs"], row["verdict"]) == (1, 5, "within tolerance")


@pytest.mark.slow
def test_of_runs_that_differ_by_luck_one_in_a_hundred_is_off():
    # 300 data sets that share nothing: of each, four runs of ours and one of a reader.
    values = np.random.default_rng(0).normal(0.9, 0.01, size=(300, 5))
    ours = [
        a_run(s, v, dataset=f"{n}") for n, row in enumerate(values) for s, v in enumerate(row[:4])
    ]
    theirs = [a_run(9, row[4], dataset=f"{n}") for n, row in enumerate(values)]
    off = (reruns.compare_runs(theirs, ours)["verdict"] == "off").mean()
    assert 0 < off <= 0.03


@pytest.mark.parametrize("purity", [0.80, 1.0])
def test_a_run_that_is_off_is_flagged(purity):
    assert list(reruns.compare_runs([a_run(7, purity)], OURS)["verdict"]) == ["off"]


def test_more_runs_of_the_reader_narrow_the_interval():
    one = reruns.compare_runs([a_run(5, 0.92)], OURS).iloc[0]
    four = reruns.compare_runs([a_run(seed, 0.92) for seed in range(5, 9)], OURS).iloc[0]
    ratio = (four["to"] - four["ours"]) / (one["to"] - one["ours"])
    assert ratio == pytest.approx(np.sqrt((1 / 4 + 1 / 5) / (1 + 1 / 5)))


def test_settings_of_one_method_share_their_spread():
    ours = [a_run(s, v, rate=r) for r in (1, 2) for s, v in ((0, 0.8 + r / 10), (1, 0.82 + r / 10))]
    (row,) = reruns.compare_runs([a_run(5, 0.9, rate=1)], ours).to_dict("records")
    assert (row["setting"], row["our runs"], row["ours"]) == ("rate=1", 2, pytest.approx(0.91))
    half = stats.t.ppf(0.995, 2) * np.sqrt(2e-4) * np.sqrt(1 + 1 / 2)
    assert row["to"] - row["ours"] == pytest.approx(half)


def test_runs_that_agree_to_the_last_digit_leave_room_for_rounding():
    ours = [a_run(seed, 0.9) for seed in range(10)]
    (row,) = reruns.compare_runs([a_run(10, 0.9004)], ours).to_dict("records")
    assert row["verdict"] == "within tolerance" and row["from"] < 0.9 < row["to"]


def test_a_single_recorded_run_has_no_tolerance_and_another_setting_none_at_all():
    assert list(reruns.compare_runs([a_run(7, 0.5)], OURS[:1])["verdict"]) == ["no tolerance"]
    other = reruns.compare_runs([a_run(7, 0.92, dataset="digits")], OURS)
    assert list(other["verdict"]) == ["not recorded"]


def test_what_a_run_keeps_is_no_setting_and_a_seed_counts_once():
    ours = [a_run(seed, 0.9 + seed / 100, snapshots=kept) for kept in (0, 24) for seed in range(3)]
    (row,) = reruns.compare_runs([a_run(5, 0.91, snapshots=3)], ours).to_dict("records")
    assert (row["our runs"], row["setting"]) == (3, "")


def test_a_seed_that_is_recorded_is_a_repeat_and_no_new_run():
    theirs = [a_run(1, 0.92), a_run(2, 0.9103), a_run(7, 0.99)]
    new, repeats = reruns.compare_runs(theirs, OURS).to_dict("records")
    assert (new["your runs"], new["yours"], new["verdict"]) == (1, 0.99, "off")
    assert (repeats["your runs"], repeats["our runs"]) == (2, 2)
    assert repeats["ours"] == pytest.approx((0.92 + 0.91) / 2)
    assert repeats["verdict"] == "the same" and np.isnan(repeats["from"])
    (other,) = reruns.compare_runs([a_run(1, 0.925)], OURS).to_dict("records")
    assert other["verdict"] == "another number"


# What a chapter shows


def recorded_run(folder, run, purity):
    """Put a record of a run on file."""
    record = a_run(run.seed, purity, run.method, run.dataset, **run.config)
    records.write(folder, record | {"key": run.key})


def test_a_reader_without_runs_is_told_how_to_make_one(tmp_path, monkeypatch):
    monkeypatch.setenv("DESOM_RESULTS", str(tmp_path))
    page = reruns.your_runs("paper", "table2", methods=["desom"]).data
    assert re.search(r"--methods desom --datasets \w+ --seeds \d+ ", page)
    monkeypatch.setenv("DESOM_RESULTS", str(REPOSITORY / "results"))
    assert "No run of yours" in reruns.your_runs("paper", "table2").data
    monkeypatch.delenv("DESOM_RESULTS")
    assert reruns.own_folder() == REPOSITORY / "my-results"


def test_a_run_is_compared_with_ours_of_the_same_settings_alone(tmp_path):
    (run,) = runs_of("table2", methods=["kerasom"], dataset_names=["mnist"], seeds=[10])
    recorded_run(tmp_path, run, 0.5)
    other = type(run)(run.method, run.dataset, 11, run.config | {"iterations": 7})
    recorded_run(tmp_path, other, 0.6)
    page = reruns.your_runs("paper", "table2", methods=["kerasom"], folder=tmp_path).to_html()
    assert page.count("<td") == 12  # one row
    assert "Your runs beside ours: 1 off." in page and "0.500" in page


def test_quick_runs_are_not_compared(tmp_path):
    (run,) = runs_of("table2", methods=["kerasom"], dataset_names=["mnist"], seeds=[10])
    recorded_run(tmp_path, run, 0.5)
    assert "not compared" in reruns.your_runs("quick", "table2", folder=tmp_path).data


RESULTS = {
    *("clustering", "deep_clustering", "deep_clustering_settings", "desom", "figure6", "gamma"),
    *("best_map", "latent", "performance", "report", "settings", "topologies", "training"),
}


def test_every_chapter_with_results_ends_with_the_reader_s_runs():
    calls = {}
    for path in gate.sources(REPOSITORY):
        for cell in gate.read(path).cells:
            if "your_runs(" in cell.source and cell.cell_type == "code":
                calls[path.stem] = cell.source
    assert {name for name, call in calls.items() if call.startswith("your_runs(scale, ")} == RESULTS


def test_a_setting_that_some_records_leave_out_is_named(tmp_path):
    (run,) = runs_of("table1", methods=["dec"], dataset_names=["mnist"], seeds=[99])
    recorded_run(tmp_path, run, 0.5)
    page = reruns.your_runs("paper", "table1", "table1_adam", methods=["dec"], folder=tmp_path)
    assert "pretraining=sgd" in page.to_html()


def test_a_seed_that_is_recorded_is_not_proposed(tmp_path):
    recorded = {run.seed for run in runs_of("table1")}
    page = reruns.your_runs("paper", "table1", folder=tmp_path).data
    assert int(re.search(r"--seeds (\d+)", page)[1]) not in recorded


def test_of_the_settings_of_a_chapter_those_that_took_the_least_time_are_proposed(tmp_path):
    seconds = {}
    for record in records.read(REPOSITORY / "results", "desom", "mnist").values():
        if record["config"]["pretrain_iterations"] == 0 and record["config"]["gamma"] == 0.001:
            seconds[record["key"]] = record["seconds"]["fit"]
    page = reruns.your_runs("paper", "figure7", folder=tmp_path).data
    minutes = float(re.search(r"ours took ([\d.]+) minutes", page)[1])
    assert "--methods desom --datasets mnist" in page
    assert 0 < minutes <= max(seconds.values()) / 60 + 0.1


def test_a_name_is_one_folder_wherever_one_calls(tmp_path, monkeypatch):
    monkeypatch.delenv("DESOM_RESULTS", raising=False)
    monkeypatch.chdir(tmp_path)
    assert records.default_folder("my-results").resolve() == reruns.own_folder()
    assert records.default_folder("my-results") == REPOSITORY / "my-results"
    assert records.default_folder(str(tmp_path)) == tmp_path


@pytest.mark.parametrize("name", sorted(RESULTS))
def test_the_command_that_a_chapter_gives_makes_one_run_of_its_settings(name, tmp_path):
    path = REPOSITORY / f"notebooks/{name}.ipynb"
    (call,) = (c.source for c in gate.read(path).cells if c.source.startswith("your_runs("))
    page = eval(call, {"your_runs": reruns.your_runs, "scale": "paper"}).data
    command = re.search(r"^desom (run .*) --results my-results$", page, re.M)[1].split()
    grid, options = command[1], dict(zip(command[2::2], command[3::2], strict=True))
    (run,) = runs_of(
        grid,
        methods=[options["--methods"]],
        dataset_names=[options["--datasets"]],
        seeds=[int(options["--seeds"])],
    )
    grids = {*re.findall(r'"(\w+)"', call)} & {*GRIDS}
    wanted = [r for g in grids for r in runs_of(g) if r.dataset == run.dataset]
    kept = {"snapshots": None}
    assert run.config | kept in [r.config | kept for r in wanted if r.method == run.method]
    # The command line knows it.
    assert cli.main(["status", *command[1:], "--results", str(tmp_path)]) == 1
