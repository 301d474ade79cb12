"""Hundreds of pieces of nonsense, drawn at random: each is refused in one sentence, or works."""

import json
import re
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from scipy.sparse import coo_matrix, csr_array

from desom import load
from desom.errors import InputError
from desom.experiments import records
from desom.experiments.convert import convert
from desom.experiments.run import Run, configuration
from desom.methods import METHODS, estimator_class

# scikit-learn's k-means has sentences of its own.
# Three take images, or more samples than there are here.
OURS = sorted(METHODS.keys() - {"kmeans", "conv_desom", "spectral_som", "umap_som"})


def many(n_examples):
    return settings(
        max_examples=n_examples,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
    )


SMALL = {
    "hidden_units": (4,),
    "latent_dim": 2,
    "map_size": (2, 2),
    "n_clusters": 3,
    "batch_size": 8,
    "pretrain_iterations": 2,
    "vae_iterations": 2,
    "map_iterations": 2,
    "iterations": 2,
    "update_interval": 1,
    "random_state": 0,
}
scalars = st.sampled_from(
    [np.float64("nan"), np.float32(-0.0), np.int64(3), np.bool_(True), np.str_("a"), -(10**30)]
)
extremes = st.sampled_from([np.nan, np.inf, -np.inf, 1e300, 1e38, -1e39, 5e-324, -0.0])
numbers = st.one_of(
    st.integers(-5, 40), st.floats(), st.just(10**30), st.booleans(), st.floats(-1, 2), scalars
)
nonsense = st.one_of(
    numbers,
    st.none(),
    st.text(max_size=4),
    st.binary(max_size=2),
    st.complex_numbers(),
    st.lists(numbers, max_size=3),
    st.tuples(numbers, numbers),
    st.sets(numbers, max_size=2),
    st.dictionaries(st.text(max_size=1), numbers, max_size=2),
    st.just(np.arange(3)),
    st.just(np.datetime64("2019-04-24")),
    st.just(object()),
    st.just(len),
)
FINE = np.linspace(0, 1, 60).reshape(12, 5)


def spoilt(value, row, column):
    x = FINE.copy()
    x[row, column] = value
    return x


def read_only(x):
    x = x.copy()
    x.setflags(write=False)
    return x


FORMS = [
    lambda x: x,
    lambda x: x.astype("float32"),
    lambda x: x.astype("float16"),
    lambda x: x.astype("longdouble"),
    lambda x: x.astype(">f8"),
    lambda x: x.astype(str),
    lambda x: x.astype(object),
    lambda x: x.astype("M8[s]"),
    lambda x: x.tolist(),
    lambda x: tuple(map(tuple, x)),
    lambda x: [*x.tolist(), [0.0]],
    read_only,
    np.asfortranarray,
    lambda x: x[::-1, ::-1],
    lambda x: np.repeat(x, 3, axis=0)[::3],
    lambda x: np.broadcast_to(x[:1], x.shape),
    lambda x: np.lib.stride_tricks.as_strided(x, (6, 5), (0, x.strides[1])),
    lambda x: np.rec.fromarrays(x.T),
    np.asmatrix,
    lambda x: np.ma.masked_greater(x, 0.5),
    lambda x: np.ma.masked_greater(x, 1e308),
    csr_array,
    coo_matrix,
    pd.DataFrame,
    lambda x: pd.DataFrame(x).astype(object),
    lambda x: pd.DataFrame(x).astype("Float64").mask(x > 0.9),
    lambda x: pd.DataFrame(x, columns=[*"abcde"]),
    lambda x: pd.DataFrame(x).assign(text="a"),
    lambda x: pd.Series(x[0]),
    lambda x: pd.Categorical(x[0]),
    memoryview,
    iter,
]
values = st.one_of(st.just(FINE), st.builds(spoilt, extremes, st.integers(0, 11), st.just(2)))
matrices = st.one_of(
    arrays(
        st.sampled_from(
            [np.float32, np.float64, np.int64, np.uint8, np.complex64, bool, object, "U3", "M8[s]"]
        ),
        array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=6),
    ),
    st.builds(lambda form, x: form(x), st.sampled_from(FORMS), values),
    st.lists(st.lists(numbers, max_size=3), max_size=4),
    nonsense,
)

# What only somebody who knows NumPy, TensorFlow or Keras from inside could read.
INTERNALS = re.compile(r"tensorflow|\btf\b|jax|torch|keras|ufunc|KerasTensor|\{\{|node |__\w+__")
# What is wrong: X, a part of it, or a parameter by name.
NAMED = re.compile(
    r"\b([XZ]|np\.matrix|[Ss]parse|[Ff]ound array|[Ff]eature|Complex data|input|DataFrame)"
)


def is_one_sentence(error, names):
    """Say whether an error explains itself: of the type for bad input, naming what is wrong."""
    message = str(error)
    named = NAMED.search(message) or any(name in message for name in names)
    explained = named and not INTERNALS.search(message) and len(message.split()) > 3
    return isinstance(error, ValueError | TypeError | FloatingPointError) and explained


@pytest.fixture
def no_steps(monkeypatch):
    """Train no step, and build no network: what is asked is whether the input is looked at."""
    monkeypatch.setattr("desom.estimator.random_streams", stop)


class Accepted(Exception):
    """The input got as far as the training."""


def stop(*args, **kwargs):
    raise Accepted


def changed(method, data):
    """Draw parameters of a method, small but for up to two that are nonsense."""
    known = estimator_class(method)().get_params()
    # A function as scikit-learn's ``init`` may raise whatever it likes.
    names = st.sampled_from(sorted(known.keys() - {"init"}))
    names = data.draw(st.lists(names, max_size=2, unique=True))
    changes = {name: data.draw(nonsense, label=name) for name in names}
    return {name: value for name, value in SMALL.items() if name in known} | changes


@pytest.mark.usefixtures("no_steps")
@many(250)
@given(method=st.sampled_from(OURS), data=st.data())
def test_fit_accepts_or_explains(method, data):
    parameters = changed(method, data)
    X = data.draw(matrices, label="X")
    estimator = estimator_class(method)(**parameters)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            estimator.fit(X)
        except Accepted:
            pass
        except Exception as error:
            assert is_one_sentence(error, parameters), repr(error)
            assert not hasattr(estimator, "cluster_centers_")


@pytest.mark.parametrize(
    ("method", "name", "value"),
    [
        ("minisom", "sigma", 1e-200),
        ("ae_gmm", "n_clusters", np.True_),
        ("desom", "batch_size", True),
        ("desom", "hidden_units", (True,)),
        ("dnm", "map_size", (True, 2)),
        ("minisom", "iterations", 10**30),
        ("kerasom", "iterations", 2**31),
        ("kerasom", "map_size", (2**32, 2**32)),
        ("desom", "hidden_units", (4, 10**30)),
        ("desom", "latent_dim", 10**30),
        ("dec", "n_clusters", 10**30),
        ("ae_kmeans", "pretrain_iterations", 10**30),
    ],
)
def test_number_without_sense_is_refused_by_name(method, name, value):
    parameters = {n: v for n, v in SMALL.items() if n in estimator_class(method)().get_params()}
    with pytest.raises(ValueError, match=name) as caught:
        estimator_class(method)(**parameters | {name: value}).fit(FINE)
    assert is_one_sentence(caught.value, [name])


@pytest.mark.parametrize("method", OURS)
def test_numbers_of_numpy_are_numbers(method, fitted, tmp_path):
    def of_numpy(value):
        return tuple(map(np.int64, value)) if isinstance(value, tuple) else np.int64(value)

    known = estimator_class(method)().get_params()
    parameters = {name: of_numpy(value) for name, value in SMALL.items() if name in known}
    estimator = estimator_class(method)(**parameters).fit(FINE.astype("float32"))
    assert np.allclose(estimator.cluster_centers_, fitted[method].cluster_centers_, atol=1e-5)
    estimator.save(tmp_path / "file.npz")
    assert load(tmp_path / "file.npz").get_params() == estimator.get_params()
    Run(method, "digits", 0, configuration(method, **parameters))


@many(60)
@given(method=st.sampled_from(OURS), data=st.data())
def test_training_of_two_steps_ends_well_or_explains(method, data, fitted, few_restarts):
    parameters = changed(method, data)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            estimator = estimator_class(method)(**parameters).fit(FINE)
        except Exception as error:
            assert is_one_sentence(error, [*parameters, "learning_rate"]), repr(error)
        else:
            assert np.isfinite(estimator.cluster_centers_).all()


@pytest.fixture(scope="module")
def fitted():
    """One estimator of every method, trained for a moment."""
    tf.config.run_functions_eagerly(True)
    x = FINE.astype("float32")
    estimators = {}
    for method in OURS:
        cls = estimator_class(method)
        known = {name: value for name, value in SMALL.items() if name in cls().get_params()}
        estimators[method] = cls(**known).fit(x)
    yield estimators
    tf.config.run_functions_eagerly(False)


@many(150)
@given(method=st.sampled_from(OURS), X=matrices, data=st.data())
def test_fitted_estimator_accepts_or_explains(method, X, data, fitted):
    estimator = fitted[method]
    known = [name for name in ("predict", "transform", "decode") if hasattr(estimator, name)]
    call = getattr(estimator, data.draw(st.sampled_from(known)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            result = call(X)
        except Exception as error:
            assert is_one_sentence(error, ()), repr(error)
        else:
            assert np.isfinite(result).all()


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


@many(150)
@given(content=mangled(json.dumps(RECORD, indent=1).encode()))
@example(content=b"[" * 100_000)
@example(content=b'{"key": 1}\n')
def test_file_of_a_record_is_read_or_refused(content, tmp_path):
    path = records.place(tmp_path, *records.names(RECORD))
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    try:
        assert list(records.read(tmp_path)) == [RECORD["key"]]
    except InputError as error:
        assert str(error).startswith(f"{path} is not a record; restore")


@many(150)
@given(content=mangled(b"\n".join(json.dumps(RECORD | {"key": key}).encode() for key in "abc")))
def test_file_in_the_old_form_is_converted_or_its_lines_are_named(content):
    with TemporaryDirectory() as folder:
        old = Path(folder, "kerasom/digits.jsonl")
        old.parent.mkdir()
        old.write_bytes(content)
        converted, named = convert(folder)
        assert converted + len(named) == sum(bool(line.strip()) for line in content.split(b"\n"))
        assert len(records.read(folder)) <= converted and not old.exists()


@pytest.fixture(scope="module")
def saved(fitted, tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved")
    for method, estimator in fitted.items():
        estimator.save(folder / f"{method}.npz")
    return folder


@many(150)
@given(method=st.sampled_from(OURS), data=st.data())
def test_saved_estimator_and_artifact_are_read_or_refused(method, data, saved):
    content = data.draw(mangled((saved / f"{method}.npz").read_bytes()))
    path = saved / "mangled.npz"
    path.write_bytes(content)
    try:
        assert len(load(path).predict(FINE.astype("float32"))) == len(FINE)
    except InputError as error:
        assert str(error).startswith(f"{path} is not a saved estimator")
    try:
        records.load_artifact({"artifact": path.name}, path.parent)
    except InputError as error:
        assert str(error).startswith(f"{path} is not an artifact")
