"""New keys for records whose estimator gained a hyperparameter."""

import json

import numpy as np
import pytest

from desom.experiments import records
from desom.experiments.run import configuration
from rekey import rekey


@pytest.fixture
def old_record(tmp_path):
    """A record from before kerasom had ``toroidal`` and seconds per iteration; its artifact."""
    config = configuration("kerasom", map_size=(2, 3))
    del config["toroidal"]
    key = records.run_key("kerasom", "mnist", 3, config)
    record = {"method": "kerasom", "dataset": "mnist", "seed": 3, "config": config}
    record |= {"artifact": f"kerasom/mnist-{key}.npz", "key": key, "metrics": {"purity": 0.5}}
    record |= {"seconds": {"fit": 25.0, "predict": 1.5}, "curves": {"iteration": [50, 10_000]}}
    folder = tmp_path / "kerasom"
    folder.mkdir()
    np.savez(tmp_path / record["artifact"], prototypes=np.ones(3))
    (folder / "mnist.jsonl").write_text(json.dumps(record) + "\n")
    return record


def test_record_gets_the_default_and_the_key_that_its_run_is_asked_by(old_record, tmp_path):
    assert rekey(tmp_path / "kerasom/mnist.jsonl") == 1
    config = configuration("kerasom", map_size=(2, 3))
    key = records.run_key("kerasom", "mnist", 3, config)
    assert key != old_record["key"]
    changed = {"config": config, "key": key, "artifact": f"kerasom/mnist-{key}.npz"}
    changed["seconds"] = {"fit": 25.0, "predict": 1.5, "iteration": 0.0025}
    assert records.read(tmp_path, "kerasom", "mnist") == {key: old_record | changed}
    assert [path.name for path in tmp_path.glob("kerasom/*.npz")] == [f"mnist-{key}.npz"]


def test_records_with_every_hyperparameter_stay_as_they_are(old_record, tmp_path):
    rekey(tmp_path / "kerasom/mnist.jsonl")
    before = {path: path.read_bytes() for path in tmp_path.glob("kerasom/*")}
    assert rekey(tmp_path / "kerasom/mnist.jsonl") == 0
    assert {path: path.read_bytes() for path in tmp_path.glob("kerasom/*")} == before
