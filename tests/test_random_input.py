"""A thousand pieces of nonsense, drawn at random: each is refused in one sentence, or works."""

import json
import re
import warnings

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from scipy.sparse import csr_array

from desom import load, records
from desom.cli import main
from desom.errors import InputError
from desom.runs import METHODS
from helpers import small

many = settings(
    max_examples=400,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)

SMALL = {
    "hidden_units": (4,),
    "latent_dim": 2,
    "map_size": (2, 2),
    "n_clusters": 3,
    "batch_size": 8,
}
numbers = st.one_of(
    st.integers(-5, 40), st.floats(), st.just(10**30), st.booleans(), st.floats(-1, 2)
)
nonsense = st.one_of(
    numbers,
    st.none(),
    st.text(max_size=4),
    st.lists(numbers, max_size=3),
    st.tuples(numbers, numbers),
    st.dictionaries(st.text(max_size=1), numbers, max_size=2),
    st.just(np.arange(3)),
    st.just(object()),
    st.just(len),
)
matrices = st.one_of(
    arrays(
        st.sampled_from(
            [np.float32, np.float64, np.int64, np.complex64, bool, object, "U3", "M8[s]"]
        ),
        array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=6),
    ),
    st.just(np.linspace(0, 1, 60).reshape(12, 5)),
    st.just(csr_array(np.eye(6))),
    st.lists(st.lists(numbers, max_size=3), max_size=4),
    nonsense,
)


def is_one_sentence(error):
    """Say whether an error explains itself: of the type for bad input, and more than a word."""
    return isinstance(error, ValueError | TypeError) and re.search(r"\w+.* \w+", str(error))


@pytest.fixture
def no_steps(monkeypatch):
    """Train no step, and build no network: what is asked is whether the input is looked at."""
    monkeypatch.setattr("desom.base.KerasEstimator._start", stop)
    monkeypatch.setattr("desom.autoencoder.PretrainedEstimator._first_phase", stop)


class Accepted(Exception):
    """The input got as far as the training."""


def stop(*args, **kwargs):
    raise Accepted


@pytest.mark.usefixtures("no_steps")
@many
@given(method=st.sampled_from(sorted(METHODS)), data=st.data())
def test_fit_accepts_or_explains(method, data):
    known = METHODS[method]().get_params()
    names = data.draw(st.lists(st.sampled_from(sorted(known)), max_size=2, unique=True))
    changes = {name: data.draw(nonsense, label=name) for name in names}
    parameters = {name: value for name, value in SMALL.items() if name in known} | changes
    X = data.draw(matrices, label="X")
    estimator = METHODS[method](**parameters)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            estimator.fit(X)
        except Accepted:
            pass
        except Exception as error:
            assert is_one_sentence(error), repr(error)
            assert not hasattr(estimator, "cluster_centers_")


@pytest.fixture(scope="module")
def fitted(blobs):
    return {name: small(METHODS[name]).fit(blobs[0]) for name in ("kerasom", "desom")}


@many
@given(method=st.sampled_from(["kerasom", "desom"]), X=matrices)
def test_predict_accepts_or_explains(method, X, fitted):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            units = fitted[method].predict(X)
        except Exception as error:
            assert is_one_sentence(error), repr(error)
        else:
            assert len(units) == len(X)


# Files


def mangled(content):
    """Strategy: some bytes of a file are changed, added or missing."""
    place = st.integers(0, len(content))
    piece = st.one_of(
        st.binary(max_size=8), st.sampled_from([b"\n", b"{}", b'"', b"null", b"[" * 9])
    )
    edits = st.lists(st.tuples(place, st.integers(0, 30), piece), min_size=1, max_size=4)

    def edit(edits):
        changed = bytearray(content)
        for start, length, new in edits:
            changed[start : start + length] = new
        return bytes(changed)

    return edits.map(edit)


RECORD = {
    **{"method": "kerasom", "dataset": "digits", "seed": 0, "config": {"t_max": 10.0}},
    **{"metrics": {"purity": 0.5, "accuracy": None}, "curves": {"loss": [1.0]}, "key": "a"},
}
LINES = b"".join(json.dumps(RECORD | {"key": key}).encode() + b"\n" for key in "abc")


@many
@given(content=mangled(LINES))
@example(content=b"[" * 100_000)
@example(content=b'{"key": 1}\n')
def test_file_of_records_is_read_or_refused(content, tmp_path, capsys):
    path = tmp_path / "kerasom" / "digits.jsonl"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            assert all(map(str.isascii, records.read(tmp_path, "kerasom", "digits")))
        except InputError as error:
            assert re.search(r"digits\.jsonl, line \d+, is not a record; restore", str(error))
        part = ["--methods", "kerasom", "--datasets", "digits", "--scale", "quick"]
        assert main(["status", "table2", *part, "--results", str(tmp_path)]) in (1, 2)
    assert "Traceback" not in capsys.readouterr().err


@pytest.fixture(scope="module")
def saved(fitted, tmp_path_factory):
    path = tmp_path_factory.mktemp("saved") / "map.npz"
    fitted["kerasom"].save(path)
    return path


@many
@given(data=st.data())
def test_saved_estimator_and_artifact_are_read_or_refused(data, saved, blobs):
    content = data.draw(mangled(saved.read_bytes()))
    path = saved.with_name("mangled.npz")
    path.write_bytes(content)
    try:
        assert len(load(path).predict(blobs[0])) == len(blobs[0])
    except InputError as error:
        assert str(error).startswith(f"{path} is not a saved estimator")
    try:
        records.load_artifact({"artifact": path.name}, path.parent)
    except InputError as error:
        assert str(error).startswith(f"{path} is not an artifact")
