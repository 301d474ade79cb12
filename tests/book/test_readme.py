"""The headline of README.md comes from the records."""

import copy

import readme


def test_the_table_is_the_one_that_the_records_give():
    text = readme.README.read_text("utf-8")
    assert readme.with_table(text, readme.headline_records()) == text


def test_the_table_follows_a_record_that_changes():
    text = readme.README.read_text("utf-8")
    records = copy.deepcopy(readme.headline_records())
    records[0]["metrics"]["purity"] += 1
    changed = readme.with_table(text, records)
    assert changed.splitlines()[0] == text.splitlines()[0]
    different = [a for a, b in zip(changed.splitlines(), text.splitlines(), strict=True) if a != b]
    assert [line.split(" | ")[0] for line in different] == ["| k-means"]


def test_the_recorded_maps_reach_the_paper():
    wanted = {"mnist": (0.939, 0.655), "fashion_mnist": (0.750, 0.536)}
    for dataset, (purity, nmi) in wanted.items():
        scores = [
            record["metrics"]
            for record in readme.headline_records()
            if (record["method"], record["dataset"]) == ("desom", dataset)
        ]
        assert len(scores) == 10
        assert sum(score["purity"] for score in scores) / 10 >= purity
        assert sum(score["nmi_geometric"] for score in scores) / 10 >= nmi


def test_the_picture_is_there():
    assert readme.PICTURE.stat().st_size < 200 * 1024
