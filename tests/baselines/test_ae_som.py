"""An autoencoder, frozen, and a map of its codes: which phase trains what."""

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

from desom import DESOM, Kerasom
from desom.autoencoder import Autoencoder, autoencoder_of
from desom.baselines.ae_som import AEKerasom, AEMinisom
from desom.baselines.minisom import Minisom
from desom.errors import InputError

NETWORK = {"hidden_units": (8, 6), "latent_dim": 2, "batch_size": 16, "learning_rate": 0.01}
PRETRAINING = NETWORK | {"pretrain_iterations": 12, "random_state": 3}
KERASOM = {"map_size": (2, 3), "iterations": 15, "t_max": 2.0, "t_min": 0.3}
MINISOM = {"map_size": (2, 3), "iterations": 200, "sigma": 0.8, "decay": "asymptotic"}
SETTINGS = {
    AEKerasom: KERASOM | {"som_learning_rate": 0.05},
    AEMinisom: MINISOM | {"som_learning_rate": 0.3},
}
BOTH = pytest.mark.parametrize("cls", SETTINGS)

pytestmark = pytest.mark.usefixtures("eager")


def small(cls, **changes):
    return cls(**PRETRAINING | SETTINGS[cls] | changes)


@pytest.fixture(scope="module")
def trained():
    return {}


@pytest.fixture
def autoencoder(blobs, trained):
    """Give a first phase that was trained once for all tests, and that no test changes."""
    if not trained:
        trained["first"] = Autoencoder(**NETWORK, iterations=12, random_state=3).fit(blobs[0])
    return trained["first"]


def assert_same_weights(model, weights):
    assert all(np.array_equal(*pair) for pair in zip(model.get_weights(), weights, strict=True))


# The first phase


@BOTH
def test_first_phase_is_the_autoencoder_alone_given_or_not(cls, autoencoder, blobs):
    own, given = small(cls).fit(blobs[0]), small(cls).fit(blobs[0], autoencoder=autoencoder)
    assert_same_weights(own.model_, autoencoder.model_.get_weights())
    assert own.history_["pretrain_iteration"] == autoencoder.history_["iteration"]
    assert own.history_["reconstruction_loss"] == autoencoder.history_["loss"]
    assert np.array_equal(own.cluster_centers_, given.cluster_centers_)
    assert np.array_equal(own.labels_, given.labels_)
    assert own.history_ == given.history_
    codes = own.transform(blobs[0])
    assert np.array_equal(codes, autoencoder.transform(blobs[0]))
    assert np.array_equal(own.decode(codes), autoencoder.decode(codes))


def test_methods_with_the_same_settings_share_their_first_phase():
    first, second = (autoencoder_of(cls(random_state=7)).get_params() for cls in SETTINGS)
    assert first == second
    expected = {"hidden_units": (500, 500, 2000), "latent_dim": 10, "batch_size": 256}
    assert expected.items() <= first.items()
    assert first["random_state"] == 7


@BOTH
def test_given_autoencoder_is_not_trained_again(cls, autoencoder, blobs):
    before = [weight.copy() for weight in autoencoder.model_.get_weights()]
    # Of another seed, its own first phase would have other weights.
    estimator = small(cls, random_state=4).fit(blobs[0], autoencoder=autoencoder)
    assert_same_weights(autoencoder.model_, before)
    assert_same_weights(estimator.model_, before)


# The second phase


def test_second_phase_is_kerasom_on_the_codes(autoencoder, blobs):
    estimator = small(AEKerasom).fit(blobs[0])
    som = Kerasom(**KERASOM, batch_size=16, learning_rate=0.05, random_state=3)
    assert_second_phase_is(som.fit(autoencoder.transform(blobs[0])), estimator)
    assert som.history_.items() <= estimator.history_.items()


def test_callback_watches_the_map_among_the_codes(autoencoder, blobs):
    seen = []

    def watch(estimator, iteration):
        seen.append((iteration, estimator.cluster_centers_))
        assert estimator.decode(estimator.cluster_centers_).shape == (6, 5)
        assert estimator.predict(blobs[0]).max() < 6

    estimator = small(AEKerasom).fit(blobs[0], callback=watch, autoencoder=autoencoder)
    assert [iteration for iteration, _ in seen] == estimator.history_["iteration"] == [10, 15]
    assert np.array_equal(seen[-1][1], estimator.cluster_centers_)
    assert not np.array_equal(seen[0][1], estimator.cluster_centers_)


def test_second_phase_is_minisom_on_the_codes(autoencoder, blobs):
    estimator = small(AEMinisom).fit(blobs[0])
    som = Minisom(**MINISOM, learning_rate=0.3, random_state=3)
    assert_second_phase_is(som.fit(autoencoder.transform(blobs[0])), estimator)


def assert_second_phase_is(som, estimator):
    assert np.array_equal(estimator.cluster_centers_, som.cluster_centers_)
    assert np.array_equal(estimator.labels_, som.labels_)
    assert len(set(som.labels_)) > 1


# Refusals


@pytest.mark.parametrize(
    ("changes", "features"),
    [({"hidden_units": (8, 7)}, 5), ({"latent_dim": 3}, 5), ({}, 4)],
)
@BOTH
def test_autoencoder_of_another_shape_is_refused(cls, changes, features, autoencoder, blobs):
    with pytest.raises(InputError, match="autoencoder has features, hidden_units and latent_dim"):
        small(cls, **changes).fit(blobs[0][:, :features], autoencoder=autoencoder)


@BOTH
def test_what_is_no_autoencoder_is_refused(cls, blobs):
    desom = DESOM((2, 3), **NETWORK, iterations=1).fit(blobs[0])
    for other in ("autoencoder.npz", desom):
        with pytest.raises(InputError, match="it takes a fitted Autoencoder"):
            small(cls).fit(blobs[0], autoencoder=other)
    with pytest.raises(NotFittedError):
        small(cls).fit(blobs[0], autoencoder=autoencoder_of(small(cls)))


@pytest.mark.usefixtures("no_training")
@pytest.mark.parametrize(
    ("cls", "name", "value"),
    [
        (AEKerasom, "t_max", 0.01),
        (AEKerasom, "iterations", 0),
        (AEKerasom, "som_learning_rate", 0),
        (AEMinisom, "sigma", 0),
        (AEMinisom, "som_learning_rate", 1.5),
        (AEMinisom, "decay", "slow"),
        *((cls, name, 0) for cls in SETTINGS for name in ("pretrain_iterations", "latent_dim")),
        *((cls, "hidden_units", (8, 0)) for cls in SETTINGS),
    ],
)
def test_bad_parameter_of_either_phase_is_refused_before_the_first(cls, name, value, blobs):
    with pytest.raises(ValueError, match=name):
        small(cls, **{name: value}).fit(blobs[0])
