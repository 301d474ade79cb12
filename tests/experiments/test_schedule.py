"""Grids of runs: what they ask for, what is recorded, and what is trained at all."""

import os
from dataclasses import replace

import pytest

from desom import DESOM, datasets
from desom.errors import InputError
from desom.experiments import records
from desom.experiments.run import Run, configuration, run_and_record
from desom.experiments.schedule import GRIDS, SCALES, collect, recorded, runs_of
from desom.report.published import TABLE1

# What is asked


def names(selected):
    return [(run.method, run.dataset, run.seed) for run in selected]


@pytest.mark.usefixtures("tiny_grid")
def test_grid_is_every_method_on_every_data_set_with_every_seed():
    assert names(runs_of("tiny")) == [
        ("kerasom", "mnist", 0),
        ("desom", "mnist", 0),
        ("kerasom", "mnist", 1),
        ("desom", "mnist", 1),
        ("kerasom", "fashion_mnist", 0),
        ("desom", "fashion_mnist", 0),
        ("kerasom", "fashion_mnist", 1),
        ("desom", "fashion_mnist", 1),
    ]
    assert {run.method: run.config for run in runs_of("tiny")} == {
        "kerasom": configuration("kerasom"),
        "desom": configuration("desom"),
    }


@pytest.mark.usefixtures("tiny_grid")
def test_quick_scale_has_small_data_short_trainings_and_one_seed():
    selected = runs_of("tiny", "quick")
    assert names(selected) == [
        ("kerasom", "mnist5k", 0),
        ("desom", "mnist5k", 0),
        ("kerasom", "digits", 0),
        ("desom", "digits", 0),
    ]
    assert {run.config["iterations"] for run in selected} == {5}


@pytest.mark.usefixtures("tiny_grid")
def test_part_of_a_grid_can_be_asked_for():
    part = runs_of("tiny", methods=["desom"], dataset_names=["mnist"], seeds=[1, 4])
    assert names(part) == [("desom", "mnist", 1), ("desom", "mnist", 4)]
    part = runs_of("tiny", "quick", dataset_names=["digits"])
    assert names(part) == [("kerasom", "digits", 0), ("desom", "digits", 0)]


@pytest.mark.usefixtures("tiny_grid")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("tini",), "unknown grid 'tini': did you mean 'tiny'"),
        (("tiny", "quik"), "unknown scale 'quik': did you mean 'quick'"),
        (("tiny", "paper", ["desome"]), "unknown method in tiny 'desome': did you mean 'desom'"),
        (
            ("tiny", "paper", None, ["mnist5k"]),
            "unknown data set .* 'mnist5k': did you mean 'mnist'",
        ),
        (("tiny", "quick", None, ["digit"]), "unknown data set .* 'digit': did you mean 'digits'"),
    ],
)
def test_unknown_name_is_refused_with_the_nearest(arguments, message):
    with pytest.raises(InputError, match=message):
        runs_of(*arguments)


COMPARED = {"kmeans", "minisom", "kerasom", "ae_minisom", "ae_kerasom", "som_vae", "desom"}
DATASETS = {"mnist", "fashion_mnist", "reuters21578", "reuters10k"}


@pytest.mark.parametrize(
    ("grid", "methods"),
    [("table2", COMPARED), ("table3", {"kmeans", "ae_kerasom", "desom"})],
)
def test_table_is_ten_runs_of_each_method_on_each_data_set(grid, methods):
    selected = runs_of(grid)
    assert len({run.key for run in selected}) == len(selected) == 10 * 4 * len(methods)
    assert set(names(selected)) == {
        (method, dataset, seed) for method in methods for dataset in DATASETS for seed in range(10)
    }


def test_k_means_has_the_clusters_of_the_map_or_those_of_the_classes():
    assert {run.config["n_clusters"] for run in runs_of("table2", methods=["kmeans"])} == {64}
    for scale in ("paper", "quick"):
        for run in runs_of("table3", scale, ["kmeans"]):
            assert run.config["n_clusters"] == (4 if "reuters" in run.dataset else 10)


def test_first_table_is_ten_runs_of_ten_clusters_on_mnist():
    runs = runs_of("table1", "paper")
    assert {run.method for run in runs} == set(TABLE1)
    assert {(run.dataset, run.seed) for run in runs} == {("mnist", seed) for seed in range(10)}
    # A mixture has covariances of two kinds; two methods take long, and have six seeds.
    assert len(runs) == 10 * (len(TABLE1) + 1) - 2 * 4 == len({run.key for run in runs})
    for method in ("vade", "wamic"):
        assert [run.seed for run in runs if run.method == method] == [*range(6)]
        assert len(runs_of("table1", methods=[method], seeds=[0, 9])) == 2
    assert {run.config.get("n_clusters", 10) for run in runs} == {10}
    shared = {
        str(run.estimator().autoencoder())
        for run in runs_of("table1", "paper", seeds=[0])
        if run.config.get("pretrain_iterations")
    }
    assert len(shared) == 1


def test_first_phase_is_varied_around_the_first_table():
    first_table = {run.key for run in runs_of("table1", seeds=[0, 1])}
    for scale in SCALES:
        runs = runs_of("first_phase", scale)
        for method in {run.method for run in runs}:
            configs = [run.config for run in runs if run.method == method]
            varied = {n for c in configs for n in c if c[n] != configs[0][n]}
            assert varied == {"pretrain_iterations"}
    known = [run for run in runs_of("first_phase") if run.key in first_table]
    assert {run.method for run in known} == set(GRIDS["first_phase"].methods)


@pytest.mark.parametrize("grid", ["table1", "first_phase"])
def test_quick_trainings_of_deep_clustering_are_short(grid):
    for run in runs_of(grid, "quick"):
        assert run.dataset == "mnist5k"
        assert run.config.get("iterations", 0) <= 1000
        assert run.config.get("pretrain_iterations", 0) <= 800
        assert run.config.get("update_interval", 0) < run.config.get("iterations", 1)


def test_tables_share_the_runs_of_their_common_maps():
    for method in ("ae_kerasom", "desom"):
        keys = [
            {run.key for run in runs_of(grid, methods=[method])} for grid in ("table2", "table3")
        ]
        assert keys[0] == keys[1]


def test_quick_tables_have_no_text_and_two_seeds():
    selected = runs_of("table2", "quick")
    assert set(names(selected)) == {
        (method, dataset, seed)
        for method in COMPARED
        for dataset in ("mnist5k", "digits")
        for seed in (0, 1)
    }


def test_rows_of_one_method_are_told_apart_by_their_configurations():
    selected = runs_of("minisom")
    settings = {
        tuple(run.config[name] for name in ("iterations", "sigma", "decay", "learning_rate"))
        for run in selected
    }
    assert settings == {
        (iterations, sigma, decay, 0.5)
        for iterations in (1_000, 10_000, 70_000)
        for sigma in (1.0, 4.0)
        for decay in ("asymptotic", "linear")
    }
    assert len({run.key for run in selected}) == len(selected) == 3 * len(settings)


def test_rows_that_the_quick_scale_makes_equal_are_one():
    assert len(runs_of("minisom", "quick")) == 2 * 2 * 2
    assert names(runs_of("pretraining", "quick")) == [("ae_kerasom", "mnist5k", s) for s in (0, 1)]


def test_quick_rows_are_taken_as_they_stand_with_the_first_seed(tiny_grid, monkeypatch):
    rows = (("desom", {"iterations": 7, "gamma": 0.5}), ("desom", {"iterations": 9}))
    monkeypatch.setitem(GRIDS, "tiny", replace(tiny_grid, quick_rows=rows))
    selected = runs_of("tiny", "quick", dataset_names=["digits"])
    assert names(selected) == [("desom", "digits", 0)] * 2
    assert [run.config for run in selected] == [configuration("desom", **own) for _, own in rows]
    assert len(runs_of("tiny", "quick", seeds=[0, 1])) == 2 * len(selected) * 2
    assert len(runs_of("tiny")) == 8


VARIED = {
    "figure6": {"snapshots", "map_size"},
    "figure7": {"gamma", "pretrain_iterations"},
    "training": {"iterations", "learning_rate", "t_min", "map_size"},
    "latent": set(),
    "topologies": {"iterations", "topology", "map_size"},
}


@pytest.mark.parametrize("grid", VARIED)
def test_quick_rows_are_a_part_of_the_grid_s_questions(grid):
    full, quick = ([run for run in runs_of(grid, s) if run.method == "desom"] for s in SCALES)
    assert len(quick) <= min(8, len(full))

    def varied(runs):
        values = {name: [run.config[name] for run in runs] for name in runs[0].config}
        return {name for name, found in values.items() if any(v != found[0] for v in found)}

    assert varied(quick) - {"iterations"} == VARIED[grid] - {"iterations"} <= varied(full)


def test_quick_chapters_share_their_runs():
    training, latent = ({run.key for run in runs_of(g, "quick")} for g in ("training", "latent"))
    assert latent <= {run.key for run in runs_of("figure6", "quick")}
    for grid in ("figure7", "topologies"):
        assert training & {run.key for run in runs_of(grid, "quick")}


# What is trained


@pytest.fixture
def quick(tiny_grid):
    """The runs of kerasom and desom on the blobs, which are called digits."""
    return runs_of("tiny", "quick", dataset_names=["digits"])


def test_what_is_recorded_is_not_trained_again(quick, trainings, tmp_path, capsys):
    first = collect(quick[:1], tmp_path)
    assert len(trainings) == 1
    both = collect(quick, tmp_path)
    assert len(trainings) == 2
    assert both[0] == first[0]
    assert collect(quick, tmp_path) == both
    assert collect(quick[::-1], tmp_path) == both[::-1]
    assert len(trainings) == 2
    assert (
        capsys.readouterr().out.splitlines()[-1] == f"2 of 2 runs are recorded in {tmp_path.name}/."
    )


def test_another_seed_or_configuration_is_another_run(quick, trainings, tmp_path):
    run = quick[0]
    collect([run], tmp_path)
    other_seed = Run(run.method, run.dataset, 1, run.config)
    other_config = Run(run.method, run.dataset, 0, run.config | {"t_max": 3.0})
    assert recorded([other_seed, other_config], tmp_path) == []
    assert len(collect([run, other_seed, other_config], tmp_path)) == 3
    assert len(trainings) == 3


def test_run_is_recorded_as_soon_as_it_ends(quick, trainings, tmp_path, monkeypatch):
    def fit(self, X):
        raise KeyboardInterrupt

    monkeypatch.setattr(DESOM, "fit", fit)
    with pytest.raises(KeyboardInterrupt):
        collect(quick, tmp_path)
    assert [record["method"] for record in recorded(quick, tmp_path)] == ["kerasom"]


def test_run_that_another_process_computes_is_left_to_it(quick, trainings, tmp_path):
    with records.claim(tmp_path, quick[0].key):
        assert [record["method"] for record in collect(quick, tmp_path)] == ["desom"]
    assert len(trainings) == 1
    assert len(collect(quick, tmp_path)) == 2


def test_run_that_another_process_has_just_recorded_is_not_repeated(quick, trainings, tmp_path):
    collect(quick[:1], tmp_path)
    run_and_record(quick[0], tmp_path)
    assert len(trainings) == 1


def test_artifact_without_its_record_is_made_anew(quick, trainings, tmp_path, monkeypatch):
    append = records.append

    def killed(folder, record):
        raise SystemExit

    monkeypatch.setattr(records, "append", killed)
    with pytest.raises(SystemExit):
        collect(quick[:1], tmp_path)
    monkeypatch.setattr(records, "append", append)
    assert len(collect(quick[:1], tmp_path)) == 1
    assert len(list((tmp_path / "kerasom").iterdir())) == 2


@pytest.fixture
def without(monkeypatch, tiny_grid):
    """Make data sets impossible to load."""
    load = datasets.load

    def make(*missing):
        def load_others(name):
            if name in missing:
                raise InputError(f"{name} needs a network.")
            return load(name)

        monkeypatch.setattr(datasets, "load", load_others)

    return make


def test_runs_whose_data_cannot_be_loaded_are_left_out_with_a_message(
    without, trainings, tmp_path, capsys
):
    without("mnist5k")
    got = collect(runs_of("tiny", "quick"), tmp_path)
    assert [(record["method"], record["dataset"]) for record in got] == [
        ("kerasom", "digits"),
        ("desom", "digits"),
    ]
    lines = capsys.readouterr().out.splitlines()
    assert "The runs on mnist5k are left out. mnist5k needs a network." in lines
    assert "[2/2] desom on digits, seed 0" in lines


@pytest.mark.usefixtures("no_training")
def test_data_none_of_which_can_be_loaded_stop_a_grid_before_it_trains(without, tmp_path):
    without("mnist5k", "digits")
    with pytest.raises(InputError, match="mnist5k needs a network"):
        collect(runs_of("tiny", "quick"), tmp_path)


@pytest.mark.usefixtures("no_training")
@pytest.mark.parametrize("name", ["results", "results/desom"])
def test_folder_that_cannot_be_written_stops_a_grid_before_it_trains(name, quick, tmp_path):
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).touch()
    with pytest.raises(InputError, match=f"{name} cannot be written"):
        collect(quick, tmp_path / "results")


@pytest.mark.usefixtures("no_training")
def test_record_that_cannot_be_read_stops_a_grid_before_it_trains(quick, tmp_path):
    (tmp_path / "desom").mkdir()
    (tmp_path / "desom" / "digits.jsonl").write_text("once upon a time\n")
    with pytest.raises(InputError, match=r"digits\.jsonl, line 1, is not a record"):
        collect(quick, tmp_path)


def test_recorded_grid_needs_neither_data_nor_a_folder_to_write(
    quick, trainings, tmp_path, monkeypatch
):
    expected = collect(quick, tmp_path)

    def refuse(*args):
        raise AssertionError("this must not be called")

    monkeypatch.setattr(datasets, "load", refuse)
    monkeypatch.setattr(records, "check_writable", refuse)
    assert collect(quick, tmp_path) == expected


def test_folder_is_the_default_one_unless_it_is_given(quick, trainings, tmp_path, monkeypatch):
    monkeypatch.setenv("DESOM_RESULTS", str(tmp_path))
    assert len(collect(quick)) == len(recorded(quick)) == len(recorded(quick, tmp_path)) == 2


def test_two_workers_record_each_run_once(tmp_path, monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    config = configuration("kerasom", map_size=(2, 5), iterations=5)
    selected = [Run("kerasom", "digits", seed, config) for seed in range(3)]
    got = collect(selected, tmp_path, workers=2)
    assert [record["seed"] for record in got] == [0, 1, 2]
    assert len((tmp_path / "kerasom" / "digits.jsonl").read_text().splitlines()) == 3
    for record in got:
        assert records.load_artifact(record, tmp_path)["class_counts"].sum() == 1797
        assert record["metrics"]["accuracy"] is not None
    assert {record["environment"]["threads"] for record in got} == {max(1, os.cpu_count() // 2)}
    assert "OMP_NUM_THREADS" not in os.environ
