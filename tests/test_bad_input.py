"""What bad input gets from DESOM and Kerasom: one sentence that says what is wrong."""

import re
from functools import partial

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

import helpers
from desom import DESOM, Kerasom
from helpers import BOTH, small

# scikit-learn refuses too, by errors of its own.
refusal = partial(helpers.refusal, error=ValueError)


BAD_PARAMETERS = [
    ("map_size", (0, 3), ">= 1"),
    ("map_size", (3, 0), ">= 1"),
    ("map_size", (-2, -2), ">= 1"),
    ("map_size", (3,), "two integers"),
    ("map_size", (2, 2, 2), "two integers"),
    ("map_size", (2.0, 2.0), "integers"),
    ("map_size", 4, "tuple"),
    ("t_min", 0, r"range \(0"),
    ("t_min", -1.0, r"range \(0"),
    ("t_max", 0.0, r"range \(0"),
    ("t_max", 0.01, "at least t_min"),
    ("t_max", float("nan"), r"range \(0"),
    ("iterations", 0, r"range \[1"),
    ("iterations", 1.5, "int"),
    ("batch_size", 0, r"range \[1"),
    ("learning_rate", 0, r"range \(0"),
    ("learning_rate", "fast", "float"),
    ("random_state", -1, "int"),
    ("verbose", "yes", "bool"),
]
BAD_NETWORKS = [
    ("gamma", -0.1, r"range \[0"),
    ("gamma", float("nan"), r"range \[0"),
    ("latent_dim", 0, r"range \[1"),
    ("hidden_units", (8, 0), ">= 1"),
    ("hidden_units", (8, 2.5), "integers"),
    ("hidden_units", 8, "tuple"),
]


@pytest.mark.usefixtures("no_training")
@pytest.mark.parametrize(
    ("cls", "name", "value", "accepted"),
    [(Kerasom, *bad) for bad in BAD_PARAMETERS]
    + [(DESOM, *bad) for bad in BAD_PARAMETERS + BAD_NETWORKS],
)
def test_bad_parameter_is_refused(cls, name, value, accepted, blobs):
    message = refusal(small(cls, **{name: value}).fit, blobs[0])
    assert name in message
    assert str(value) in message
    assert re.search(accepted, message)


@pytest.mark.usefixtures("no_training")
@BOTH
def test_nan_and_infinity_are_refused(cls, blobs):
    for value in (np.nan, np.inf, -np.inf, 1e300):
        x = blobs[0].astype(float)
        x[3, 2] = value
        assert "X contains NaN or infinity" in refusal(small(cls).fit, x)


@pytest.mark.usefixtures("no_training")
@BOTH
@pytest.mark.parametrize("shape", [(), (60,), (60, 5, 1)])
def test_wrong_rank_is_refused(cls, shape):
    for x in (np.ones(shape), np.ones(shape).tolist()) if shape else (np.ones(shape),):
        message = refusal(small(cls).fit, x)
        assert str(shape) in message
        assert "(n_samples, n_features)" in message


@pytest.mark.usefixtures("no_training")
@BOTH
def test_fewer_samples_than_prototypes_are_refused(cls, blobs):
    assert "5 samples, fewer than the 6 prototypes" in refusal(small(cls).fit, blobs[0][:5])
    assert "1 sample, fewer than the 6 prototypes" in refusal(small(cls).fit, blobs[0][:1])
    assert "0 sample" in refusal(small(cls).fit, blobs[0][:0])


@BOTH
def test_as_many_samples_as_prototypes_are_enough(cls, trained_with, blobs):
    small(cls).fit(blobs[0][:6])
    assert len(trained_with["x"]) == 6


@BOTH
def test_other_number_of_features_is_refused(cls, fitted, blobs):
    for method in ("predict", "transform") if cls is DESOM else ("predict",):
        message = refusal(getattr(fitted[cls], method), blobs[0][:, :3])
        assert f"X has 3 features, but {cls.__name__} is expecting 5" in message


@BOTH
def test_bad_points_are_refused_after_the_fit_too(cls, fitted, blobs):
    x = blobs[0].copy()
    x[0, 0] = np.nan
    for method in ("predict", "transform") if cls is DESOM else ("predict",):
        call = getattr(fitted[cls], method)
        assert "NaN" in refusal(call, x)
        assert "(5,)" in refusal(call, x[1])


@pytest.mark.parametrize("codes", [np.ones((4, 3)), np.ones(2), [[np.nan, 0]], [[np.inf, 0]]])
def test_bad_codes_are_refused(codes, fitted):
    message = refusal(fitted[DESOM].decode, codes)
    assert str(np.shape(codes)) in message
    assert "(n_codes, 2)" in message


def test_unfitted_estimator_says_so(blobs):
    for call in (small(Kerasom).predict, small(DESOM).transform, small(DESOM).decode):
        with pytest.raises(NotFittedError):
            call(blobs[0])


def test_loss_that_is_not_finite_says_what_to_do(blobs):
    with pytest.raises(FloatingPointError, match=r"iteration \d+: try a smaller learning_rate"):
        small(Kerasom, learning_rate=1e30).fit(blobs[0])


def test_last_step_that_ruins_the_weights_is_noticed(blobs):
    with pytest.raises(FloatingPointError, match=r"output is not finite: try a smaller learning"):
        small(DESOM, learning_rate=1e30, iterations=1).fit(blobs[0])


def test_refused_fit_leaves_an_unfitted_estimator(blobs):
    estimator = clone(small(Kerasom, t_max=0.01))
    refusal(estimator.fit, blobs[0])
    with pytest.raises(NotFittedError):
        estimator.predict(blobs[0])
