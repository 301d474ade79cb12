"""The claims of the paper, from records of runs whose scores are made up."""

import pytest

from desom.experiments.schedule import runs_of
from desom.report import paper

GRIDS = ("table1", "table1_adam", "table2", "two_phases", "self_training", "figure7")
RUNS = {grid: runs_of(grid) for grid in GRIDS}


def is_sgd(record):
    """Tell whether gradient descent trains the clusters of DEC and IDEC, or the first phase."""
    # DEC does so by default, which its records leave out.
    default = "sgd" if record["method"] == "dec" else "adam"
    return "sgd" in (
        record["config"].get("pretraining"),
        record["config"].get("optimizer", default),
    )


def judged(of, only=lambda run: True):
    """Judge the claims by records with half and an advance, of the runs that are wanted."""
    records = {
        grid: [
            vars(run)
            | {"key": run.key, "artifact": None}
            | {"seconds": {}, "environment": {"threads": 1}}
            | {
                "metrics": {"purity": value, "nmi_geometric": value, "km_accuracy": value}
                | {"topographic_error": 1 - value}
            }
            for run in runs
            if only(run)
            for value in [0.5 + of(vars(run)) + 0.002 * (run.seed % 3)]
        ]
        for grid, runs in RUNS.items()
    }
    return paper.judge(records)


def by_method(**advances):
    """Score by the method alone."""
    return lambda record: advances.get(record["method"], 0)


# The claims that means are different.
MEANS = ("dimension", "joint", "equal_steps", "classes", "friendly", "codes", "reconstruction")


@pytest.mark.parametrize(("sign", "word"), [(1, "holds"), (-1, "contradicted"), (0, "open")])
def test_a_claim_on_means_follows_the_scores(sign, word):
    scores = {"desom": 0.1, "ae_kmeans": 0.05, "ae_minisom": 0.05, "ae_kerasom": 0.05}
    scores |= {"idec": 0.1, "dec": 0.05}
    found = judged(by_method(**{method: sign * value for method, value in scores.items()}))
    assert {name: found[name].verdict for name in MEANS} == dict.fromkeys(MEANS, word)
    # These have a margin.
    assert found["pretraining"].verdict == "holds"
    assert found["competitive"].verdict == {1: "holds", 0: "holds", -1: "contradicted"}[sign]
    assert found["package"].verdict == "contradicted"


def test_a_sign_that_an_optimizer_turns_depends_on_it():
    def of(record):
        ours = record["method"] in ("desom", "idec")
        return 0.05 if ours else 0.1 * is_sgd(record)

    found = judged(of)
    assert found["joint"].verdict == found["friendly"].verdict == "depends on the first phase"
    assert found["reconstruction"].verdict == "depends on the optimizer"
    effect = "accuracy −0.050 (MNIST, SGD) to accuracy +0.050 (MNIST, Adam)"
    assert found["reconstruction"].effect == effect


def test_runs_that_are_missing_leave_a_claim_open():
    def only(run):
        return run.method != "desom" or run.config["iterations"] == 10_000

    found = judged(by_method(desom=0.1), only)
    assert found["joint"].verdict == "holds"
    assert (found["equal_steps"].verdict, found["equal_steps"].effect) == ("open", "not run here")
    assert not found["equal_steps"].parts
    assert found["organized"].verdict == "open"


def test_the_effect_names_what_is_decided_first():
    def of(record):
        wild = record["dataset"] == "fashion_mnist" and record["method"] == "desom"
        return (-1) ** record["seed"] * 0.4 if wild else 0.03 * (record["method"] == "desom")

    joint = judged(of)["joint"]
    assert joint.verdict == "holds in part"
    assert "Fashion-MNIST" not in joint.effect and "MNIST" in joint.effect


def test_steps_are_counted_against_every_first_phase():
    time = judged(by_method())["time"]
    assert time.verdict == "mixed"
    assert time.effect.startswith("10,000 steps against 5,000, 10,000, 27,344 of ours, and 54,687")


def test_two_phases_say_how_they_began():
    runs = RUNS["two_phases"]
    names = dict.fromkeys(paper.phase(vars(run)) for run in runs)
    assert [*names][:4] == [
        "Adam, 5,000 steps",
        "none: DESOM, 15,000 steps",
        "Adam, 10,000 steps",
        "none: DESOM, 20,000 steps",
    ]
