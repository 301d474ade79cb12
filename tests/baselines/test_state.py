"""What every method learned: it stays as it is, is kept whole, or is not there at all."""

import copy
import zipfile
from inspect import signature

import joblib
import keras
import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

import desom
from desom.autoencoder import autoencoder_of
from desom.methods import estimator_class
from helpers import INSTALLED, arrays, disturb_every_global_generator, learned

TINY = {
    "n_clusters": 3,
    "map_size": (2, 2),
    "hidden_units": (6,),
    "latent_dim": 2,
    "pretrain_iterations": 3,
    "map_iterations": 3,
    "vae_iterations": 3,
    "n_neighbors": 3,
    "iterations": 4,
    "update_interval": 2,
    "tol": 0.0,
    "batch_size": 16,
    "random_state": 0,
}
# What can be set later, and is not a number.
OTHERS = {
    "covariance_type": "diag",
    "decay": "linear",
    "dtype": "mixed_bfloat16",
    "game": "data",
    "hidden_units": (5, 4),
    "map_size": (1, 5),
    "network": "convolutional",
    "optimizer": "adam",
    "pretraining": "sgd",
    "start": "whitened",
    "topology": "hexagonal",
    "toroidal": True,
    "verbose": True,
    "whitening": False,
}

# scikit-learn's k-means keeps what it learned in its own ways.
OURS = [name for name in INSTALLED if name != "kmeans"]
EACH = pytest.mark.parametrize("name", OURS)
EACH_NETWORK = pytest.mark.parametrize(
    "name", [name for name in OURS if name not in {"minisom", "umap_som", "spectral_som"}]
)

pytestmark = pytest.mark.usefixtures("eager", "few_restarts")


def tiny(name, **changes):
    cls, settings = estimator_class(name), TINY | changes
    return cls(**{key: settings[key] for key in settings.keys() & cls().get_params()})


@pytest.fixture(scope="module")
def x(patterns):
    return np.ascontiguousarray(patterns[0][:20, :36])


@pytest.fixture(scope="module")
def others(patterns):
    """Give other samples, of another number of features."""
    return 1 - patterns[0][:20, :25]


@pytest.fixture(scope="module")
def autoencoder(others):
    """Fit a first phase to the other samples."""
    return autoencoder_of(tiny("aec")).fit(others)


@pytest.fixture(scope="module")
def trained():
    return {}


@pytest.fixture
def fitted(name, x, trained):
    """Give an estimator that was fitted once for all tests."""
    if name not in trained:
        trained[name] = tiny(name).fit(x)
    parameters = trained[name].get_params()
    yield trained[name]
    trained[name].set_params(**parameters)


@EACH
def test_parameters_set_later_change_nothing_learned(name, fitted, x, tmp_path):
    outputs, parameters = outputs_of(fitted, x), fitted.get_params()
    for key, value in parameters.items():
        other = OTHERS[key] if key in OTHERS else value + (1 if isinstance(value, int) else 0.5)
        fitted.set_params(**{key: "asymptotic" if other == value else other})
    fitted.save(tmp_path / "saved")
    joblib.dump(fitted, tmp_path / "dumped")
    loaded, dumped = desom.load(tmp_path / "saved"), joblib.load(tmp_path / "dumped")
    for other in (fitted, loaded, dumped, copy.deepcopy(fitted)):
        assert other.get_params() == fitted.get_params()
        assert vars(other).keys() == vars(fitted).keys()
        assert getattr(other, "history_", None) == getattr(fitted, "history_", None)
        assert np.array_equal(learned(other), learned(fitted))
        assert all(map(np.array_equal, outputs_of(other, x), outputs))
    with zipfile.ZipFile(tmp_path / "saved") as file:
        assert {entry.rpartition(".")[2] for entry in file.namelist()} <= {"json", "npy"}


@EACH
def test_seed_and_first_phase_determine_what_is_learned(name, fitted, x):
    disturb_every_global_generator()
    options = {}
    if "autoencoder" in signature(fitted.fit).parameters and fitted.pretrain_iterations:
        options["autoencoder"] = autoencoder_of(fitted).fit(x)
        before = learned(options["autoencoder"])
    again, other = (tiny(name, random_state=seed).fit(x, **options) for seed in (0, 1))
    assert np.array_equal(learned(again), learned(fitted))
    assert np.array_equal(again.labels_, fitted.labels_)
    assert getattr(again, "history_", None) == getattr(fitted, "history_", None)
    assert not np.allclose(other.cluster_centers_, fitted.cluster_centers_)
    if options:
        assert np.array_equal(learned(options["autoencoder"]), before)


def outputs_of(estimator, x):
    """Give all that an estimator says of samples, and of their codes."""
    codes = estimator.transform(x) if hasattr(estimator, "transform") else x
    decoded = estimator.decode(codes) if hasattr(estimator, "decode") else x
    return estimator.predict(x), codes, decoded


# Fits that do not end


class InterruptedDraws(np.random.RandomState):
    """A ``random_state`` that is good for some draws, and then interrupts whoever asks for more."""

    def __init__(self, draws):
        super().__init__(0)
        self.draws = draws

    def randint(self, *args, **kwargs):
        self.draws -= 1
        if self.draws < 0:
            raise KeyboardInterrupt
        return super().randint(*args, **kwargs)


def interrupt(estimator, iteration):
    raise KeyboardInterrupt


# These train what a given autoencoder began by steps that can go wrong.
SECOND_PHASES = {"aec", "dcn", "dkm", "idec", "vade", "wamic", "dnm", "ae_kerasom", "desom"}


def failing_fits(name, estimator, others, autoencoder):
    """Give how a fit ends, the parameters and the data with which it does, and options of it."""
    yield ValueError, {}, others[:2], {}
    yield ValueError, {}, np.full_like(others, np.nan), {}
    yield ValueError, {"random_state": -1}, others, {}
    if "callback" in signature(estimator.fit).parameters:
        yield KeyboardInterrupt, {}, others, {"callback": interrupt}
    if name in SECOND_PHASES:
        rates = {"learning_rate", "clustering_learning_rate", "som_learning_rate"}
        changes = dict.fromkeys(rates & estimator.get_params().keys(), 1e30)
        yield FloatingPointError, changes, others, {"autoencoder": autoencoder}
    elif hasattr(estimator, "model_"):
        yield FloatingPointError, {"learning_rate": 1e30}, others, {}
    # In the first phase, if there is one: the model of the second is there already.
    draws = int(getattr(estimator, "pretrain_iterations", 0) > 0)
    yield KeyboardInterrupt, {"random_state": InterruptedDraws(draws)}, others, {}


@EACH
def test_fit_that_does_not_end_leaves_what_was_learned_before(name, fitted, others, autoencoder, x):
    before, numbers = vars(fitted).copy(), learned(fitted)
    for error, changes, data, options in failing_fits(name, fitted, others, autoencoder):
        advice = "try a smaller learning_rate" if error is FloatingPointError else None
        with pytest.raises(error, match=advice):
            fitted.set_params(**changes).fit(data, **options)
        assert vars(fitted) == before | changes
        assert np.array_equal(learned(fitted), numbers)
        fitted.set_params(**{key: before[key] for key in changes})
    assert np.array_equal(fitted.predict(x), fitted.labels_)


@EACH
def test_first_fit_that_does_not_end_leaves_nothing(name, others, autoencoder):
    *_, (error, changes, data, options) = failing_fits(name, tiny(name), others, autoencoder)
    estimator = tiny(name, **changes)
    with pytest.raises(error):
        estimator.fit(data, **options)
    assert vars(estimator).keys() == estimator.get_params().keys()
    with pytest.raises(NotFittedError):
        estimator.predict(data)


# Keras' own files


@EACH_NETWORK
def test_model_is_one_that_keras_saves_and_loads(name, fitted, x, tmp_path):
    model = fitted.model_
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert type(loaded) is type(model)
    assert all(map(np.array_equal, loaded.get_weights(), model.get_weights()))
    if hasattr(model, "seeds"):
        # Keras keeps no state of a generator.
        loaded.seeds.state.assign(model.seeds.state)
    outputs = [keras.tree.flatten(arrays(each(x))) for each in (model, loaded)]
    assert all(map(np.array_equal, *outputs))
