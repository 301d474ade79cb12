"""The headline of README.md comes from the records."""

import copy

import readme


def test_the_table_is_the_one_that_the_records_give():
    text = readme.README.read_text()
    assert readme.with_table(text, readme.headline_records()) == text


def test_the_table_follows_a_record_that_changes():
    text = readme.README.read_text()
    records = copy.deepcopy(readme.headline_records())
    records[0]["metrics"]["purity"] = 0.123
    changed = readme.with_table(text, records)
    assert changed != text
    assert "**0.123**" in changed


def test_the_recorded_maps_of_mnist_reach_the_paper():
    desom = next(
        record
        for record in readme.headline_records()
        if (record["method"], record["dataset"]) == ("desom", "mnist")
    )
    assert desom["metrics"]["purity"] >= 0.93
    assert desom["metrics"]["nmi_geometric"] >= 0.64


def test_the_picture_is_there():
    assert readme.PICTURE.stat().st_size < 200 * 1024
