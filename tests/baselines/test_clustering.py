"""The deep-clustering methods as estimators: what they learn, phases, files, refusals, bad data."""

import copy
import re
import warnings
from contextlib import nullcontext
from functools import partial

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning, NotFittedError

import helpers
from desom import DESOM, metrics
from desom.autoencoder import autoencoder_of
from desom.baselines.ae_gmm import AEGMM
from desom.baselines.ae_kmeans import AEKMeans
from desom.baselines.aec import AEC
from desom.baselines.dcn import DCN
from desom.baselines.dec import DEC
from desom.baselines.dkm import DKM
from desom.baselines.dnm import DNM
from desom.baselines.idec import IDEC
from desom.baselines.vade import VaDE
from desom.baselines.wamic import WaMiC
from desom.errors import InputError
from helpers import DEEP, EACH_DEEP, brief, deep, learned

MIXTURES = (AEGMM, VaDE, WaMiC)
EACH_WITH_CENTERS = pytest.mark.parametrize("cls", [cls for cls in DEEP if cls not in MIXTURES])


# What is learned


@EACH_DEEP
def test_three_patterns_are_told_apart(cls, deep_estimators, patterns):
    x, y = patterns
    score = metrics.purity if cls is DNM else metrics.accuracy
    assert score(y, deep_estimators[cls].predict(x)) >= 0.95


@EACH_DEEP
def test_labels_are_those_that_are_predicted(cls, deep_estimators, patterns):
    estimator = deep_estimators[cls]
    assert np.array_equal(estimator.labels_, estimator.predict(patterns[0]))
    assert estimator.labels_.dtype.kind == "i"
    assert len(np.unique(estimator.labels_)) >= 3


@EACH_WITH_CENTERS
def test_cluster_of_a_sample_is_that_of_the_nearest_center(cls, deep_estimators, patterns):
    estimator = deep_estimators[cls]
    codes = estimator.transform(patterns[0])
    differences = codes[:, None].astype(float) - estimator.cluster_centers_
    nearest = np.square(differences).sum(axis=2).argmin(axis=1)
    assert np.array_equal(estimator.labels_, nearest)


@EACH_DEEP
def test_centers_are_points_of_the_latent_space(cls, deep_estimators, patterns):
    estimator = deep_estimators[cls]
    assert estimator.cluster_centers_.shape == (6 if cls is DNM else 3, 2)
    assert estimator.transform(patterns[0]).shape == (600, 2)
    assert estimator.decode(estimator.cluster_centers_).shape[1] == 40


@EACH_DEEP
def test_samples_are_reconstructed_from_their_codes(cls, deep_estimators, patterns):
    x, estimator = patterns[0], deep_estimators[cls]
    # The decoder of DEC is that of the first phase, and its codes are not.
    share = 1.2 if cls is DEC else 0.3
    reconstructed = estimator.decode(estimator.transform(x))
    assert np.square(reconstructed - x).mean() < share * np.square(x - x.mean(axis=0)).mean()


# A weight beside a sum over 40 features is a fortieth of it beside their mean.
TERMS = {
    **{
        cls: {"reconstruction_loss": 1, "clustering_loss": 0.3 / 40} for cls in (AEC, DCN, DKM, DNM)
    },
    IDEC: {"reconstruction_loss": 1, "clustering_loss": 0.7},
    DEC: {"clustering_loss": 1},
    VaDE: {"bernoulli_loss": 1, "divergence": 1},
    WaMiC: {"reconstruction_loss": 1, "wasserstein_estimate": -1},
}


@pytest.mark.usefixtures("eager", "few_restarts", "point_per_step")
@pytest.mark.parametrize("cls", TERMS)
def test_curves_add_up_to_the_loss(cls, patterns, deep_autoencoder):
    estimator = brief(cls, lam=0.3, gamma=0.7).fit(patterns[0][:90], autoencoder=deep_autoencoder)
    curves = {name: np.array(curve) for name, curve in estimator.history_.items()}
    assert curves["iteration"].tolist() == [1, 2, 3]
    others = {"temperature"} if cls is DNM else set()
    assert curves.keys() == {"iteration", "loss", *TERMS[cls]} | others
    total = sum(weight * curves[name] for name, weight in TERMS[cls].items())
    assert curves["loss"] == pytest.approx(total, rel=1e-5, abs=1e-6)


# The first phase


@pytest.mark.parametrize("kind", ["adam", "sgd"])
def test_methods_with_the_same_settings_share_their_first_phase(kind):
    settings = {"random_state": 7, "pretraining": kind, "pretrain_iterations": 9}
    first, *others = (autoencoder_of(cls(**settings)).get_params() for cls in [*DEEP, DESOM])
    assert all(other == first for other in others)
    assert (first["iterations"], first["pretraining"], first["random_state"]) == (9, kind, 7)


@pytest.mark.usefixtures("eager", "few_restarts")
@EACH_DEEP
def test_descent_of_step_one_on_badly_scaled_data_ends_in_a_sentence(cls, patterns):
    x = patterns[0] if cls is VaDE else 1000 * patterns[0]
    # VaDE takes no other data than those in [0, 1], which such a descent can take.
    with nullcontext() if cls is VaDE else pytest.raises(FloatingPointError, match="scale X to"):
        brief(cls, pretraining="sgd", pretrain_iterations=20).fit(x)


@pytest.mark.usefixtures("eager", "few_restarts")
@pytest.mark.parametrize("cls", [VaDE, WaMiC])
@pytest.mark.parametrize("n_clusters", [1, 5])
def test_whitened_start_of_equal_points_is_finite(cls, n_clusters, patterns):
    equal, changes = np.repeat(patterns[0][:1], 20, axis=0), {"n_clusters": n_clusters}
    for game in ("codes", "data") if cls is WaMiC else ("",):
        changes |= {"start": "whitened", "game": game}
        assert len(set(fitted_on(equal, cls, **changes).labels_)) == 1
        varied = fitted_on(patterns[0][:90], cls, **changes)
        assert set(varied.labels_) <= set(range(n_clusters))


@EACH_DEEP
def test_second_phase_trains_the_encoder_or_nothing(cls, deep_estimators, deep_autoencoder):
    first = deep_autoencoder.model_.encoder.get_weights()
    after = deep_estimators[cls].model_.encoder.get_weights()
    same = all(np.array_equal(*pair) for pair in zip(first, after, strict=True))
    assert same == (cls in (AEKMeans, AEGMM))


@pytest.mark.usefixtures("no_training")
@pytest.mark.parametrize(
    ("changes", "features"),
    [({"hidden_units": (16, 15)}, 40), ({"latent_dim": 3}, 40), ({}, 39)],
)
@EACH_DEEP
def test_autoencoder_of_another_shape_is_refused(
    cls, changes, features, deep_autoencoder, patterns
):
    with pytest.raises(InputError, match="autoencoder has features, hidden_units and latent_dim"):
        deep(cls, **changes).fit(patterns[0][:, :features], autoencoder=deep_autoencoder)


@pytest.mark.usefixtures("no_training")
@EACH_DEEP
def test_what_is_no_fitted_autoencoder_is_refused(cls, patterns):
    for other in ("autoencoder.npz", DESOM()):
        with pytest.raises(InputError, match="it takes a fitted Autoencoder"):
            deep(cls).fit(patterns[0], autoencoder=other)
    with pytest.raises(NotFittedError):
        deep(cls).fit(patterns[0], autoencoder=autoencoder_of(deep(cls)))


# Refusals


# scikit-learn refuses too, by errors of its own.
refusal = partial(helpers.refusal, error=ValueError)

BAD_PARAMETERS = [
    ("n_clusters", 0, r"range \[1"),
    ("n_clusters", 2.5, "int"),
    ("hidden_units", (8, 0), ">= 1"),
    ("hidden_units", 8, "tuple"),
    ("latent_dim", 0, r"range \[1"),
    ("pretrain_iterations", 0, r"range \[1"),
    ("iterations", 0, r"range \[1"),
    ("batch_size", 0, r"range \[1"),
    ("learning_rate", 0.0, r"range \(0"),
    ("clustering_learning_rate", 0.0, r"range \(0"),
    ("update_interval", 0, r"range \[1"),
    ("lam", -0.1, r"range \[0"),
    ("gamma", -0.1, r"range \[0"),
    ("tol", -0.1, r"range \[0"),
    ("tol", 1.0, r"1\.0\)"),
    ("alpha", 0.0, r"range \(0"),
    ("covariance_type", "tied", "'diag'"),
    ("pretraining", "rmsprop", "'sgd'"),
    ("restarts", 0, r"range \[1"),
    ("start", "full", "'whitened'"),
    ("game", "images", "'data'"),
    ("map_size", (0, 3), ">= 1"),
    ("t_max", 0.01, "at least t_min"),
    ("random_state", -1, "int"),
    ("verbose", "yes", "bool"),
]


@pytest.mark.usefixtures("no_training")
@pytest.mark.parametrize(
    ("cls", "name", "value", "accepted"),
    [(cls, *bad) for cls in DEEP for bad in BAD_PARAMETERS if bad[0] in cls().get_params()]
    + [(DNM, "alpha", 1.0, r"1\.0\)")],
)
def test_bad_parameter_is_refused(cls, name, value, accepted, patterns):
    message = refusal(deep(cls, **{name: value}).fit, patterns[0])
    assert name in message
    assert str(value) in message
    assert re.search(accepted, message)


@pytest.mark.usefixtures("no_training")
@EACH_DEEP
def test_fewer_samples_than_clusters_are_refused(cls, patterns):
    expected = f"X has 2 samples, fewer than the {6 if cls is DNM else 3} prototypes"
    assert refusal(deep(cls).fit, patterns[0][:2]).startswith(expected)


@pytest.mark.usefixtures("no_training")
@EACH_DEEP
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_nan_and_infinity_are_refused(cls, value, patterns):
    x = patterns[0].copy()
    x[3, 2] = value
    assert "X contains NaN or infinity" in refusal(deep(cls).fit, x)


@pytest.mark.usefixtures("no_training")
@pytest.mark.parametrize(("value", "extent"), [(-0.5, "-0.5 to 1"), (1.5, "0 to 1.5")])
def test_vade_refuses_what_is_no_probability(value, extent, patterns):
    x = patterns[0].copy()
    x[3, 2] = value
    assert f"X has values from {extent}; VaDE takes values in [0, 1]." == refusal(deep(VaDE).fit, x)


@EACH_DEEP
def test_what_does_not_fit_the_model_is_refused_after_the_fit_too(cls, deep_estimators, patterns):
    for method in ("predict", "transform"):
        with pytest.raises(ValueError, match="X has 39 features"):
            getattr(deep_estimators[cls], method)(patterns[0][:, 1:])
    with pytest.raises(InputError, match=r"decode takes finite codes of shape \(n_codes, 2\)"):
        deep_estimators[cls].decode(np.ones((4, 3)))


# Degenerate data


def fitted_on(x, cls, **changes):
    """Fit on data of which a method may say that it has fewer distinct points than clusters."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        estimator = brief(cls, **changes).fit(x)
    assert np.isfinite(learned(estimator)).all()
    assert np.isfinite(estimator.decode(estimator.transform(x))).all()
    for curve in estimator.history_.values():
        assert np.isfinite(curve).all()
    return estimator


@pytest.mark.usefixtures("eager", "few_restarts")
@EACH_DEEP
def test_equal_points_are_one_cluster(cls, patterns):
    estimator = fitted_on(np.repeat(patterns[0][:1], 20, axis=0), cls)
    assert len(set(estimator.labels_)) == 1


@pytest.mark.usefixtures("eager", "few_restarts")
@EACH_DEEP
def test_one_cluster_and_a_network_without_hidden_layers_are_some_too(cls, patterns):
    x = patterns[0][:90]
    smallest = {"n_clusters": 1, "map_size": (1, 1), "hidden_units": (), "batch_size": 2}
    estimator = fitted_on(x, cls, **smallest)
    assert not estimator.predict(x).any()
    assert estimator.transform(x).shape == (90, 2)


@pytest.mark.usefixtures("eager", "few_restarts")
@pytest.mark.parametrize("cls", MIXTURES)
def test_codes_far_from_the_origin_are_no_obstacle(cls, patterns, deep_autoencoder):
    first = copy.deepcopy(deep_autoencoder)
    kernel, bias = first.model_.encoder.layers[-1].get_weights()
    first.model_.encoder.layers[-1].set_weights([0.001 * kernel, bias + 30])
    estimator = brief(cls, learning_rate=1e-6).fit(patterns[0][:90], autoencoder=first)
    assert np.isfinite(learned(estimator)).all()
