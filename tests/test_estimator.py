"""DESOM and Kerasom as estimators: training, seeds, storage."""

import copy
import inspect
import itertools
import pickle
import re

import joblib
import keras
import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

import desom
from desom import DESOM, Kerasom, metrics
from desom.engine.prediction import apply
from desom.errors import InputError
from helpers import BOTH, assert_same, disturb_every_global_generator, small

# Hyperparameters


@BOTH
def test_every_hyperparameter_is_documented_with_domain_default_and_meaning(cls):
    section = cls.__doc__.split("Parameters\n----------\n")[1]
    entries = dict(re.findall(r"^(\w+) : (.+)\n    \S", section, re.M))
    assert entries.keys() == cls().get_params().keys()
    for name, value in cls().get_params().items():
        assert entries[name].endswith(f", default={value!r}")
    assert "steps on the map" in section
    assert "Glorot" not in cls.fit.__doc__ and "X" in inspect.signature(cls.fit).parameters


# What is trained


def test_defaults_are_the_paper_s():
    som = {"map_size": (8, 8), "t_max": 10.0, "t_min": 0.1, "iterations": 10_000}
    training = {"batch_size": 256, "learning_rate": 0.001, "random_state": None, "verbose": False}
    network = {"hidden_units": (500, 500, 2000), "latent_dim": 10, "gamma": 0.001}
    som |= {"topology": "rectangular", "toroidal": False, "decay": "exponential"}
    network |= {"pretrain_iterations": 0, "pretraining": "adam", "dtype": "float32"}
    assert Kerasom().get_params() == som | training
    assert DESOM().get_params() == som | training | network


def test_default_model_is_the_paper_s(trained_with):
    estimator = DESOM(random_state=0).fit(np.random.default_rng(0).random((70, 784)))
    model = trained_with["model"]
    kernels = [layer.kernel.shape for layer in model.encoder.layers + model.decoder.layers]
    half = [(784, 500), (500, 500), (500, 2000), (2000, 10)]
    assert kernels == half + [(b, a) for a, b in reversed(half)]
    assert model.gamma == 0.001
    assert (model.som.map_size, model.som.t_max, model.som.t_min) == ((8, 8), 10.0, 0.1)
    assert model.som.iterations == trained_with["iterations"] == 10_000
    assert trained_with["batch_size"] == 256
    assert estimator.cluster_centers_.shape == (64, 10)


@BOTH
def test_optimizer_is_adam_as_its_authors_set_it(cls, trained_with, blobs):
    small(cls, learning_rate=0.002).fit(blobs[0])
    optimizer = trained_with["model"].optimizer
    assert isinstance(optimizer, keras.optimizers.Adam)
    assert float(optimizer.learning_rate) == pytest.approx(0.002)
    assert (optimizer.beta_1, optimizer.beta_2, optimizer.epsilon) == (0.9, 0.999, 1e-7)
    assert not (optimizer.weight_decay or optimizer.clipnorm or optimizer.use_ema)


@BOTH
@pytest.mark.parametrize("seed", [0, 1])
def test_prototypes_start_as_encodings_of_distinct_samples(cls, seed, trained_with, blobs):
    small(cls, map_size=(6, 10), random_state=seed).fit(blobs[0])
    codes = apply(trained_with["model"].encoder, blobs[0]) if cls is DESOM else blobs[0]
    # Beside other samples, a code may be rounded otherwise.
    same = np.isclose(codes[:, None], trained_with["prototypes"], rtol=0, atol=1e-6).all(axis=2)
    # As many units as samples: each sample is one unit's prototype, in another order.
    assert np.array_equal(same.sum(axis=0), np.ones(60))
    assert np.array_equal(same.sum(axis=1), np.ones(60))
    assert not np.array_equal(same, np.eye(60))


@BOTH
def test_three_blobs_are_told_apart(cls, blobs):
    x, y = blobs
    estimator = small(cls, iterations=200, learning_rate=0.01, t_max=2.0).fit(x)
    assert metrics.purity(y, estimator.labels_) == 1
    loss = estimator.history_["loss"]
    assert loss[-1] < 0.3 * loss[0]
    if cls is DESOM:
        reconstructed = estimator.decode(estimator.transform(x))
        assert np.square(reconstructed - x).mean() < 0.3 * np.square(x - x.mean(axis=0)).mean()


def test_chain_of_units_unfolds_along_a_line():
    x = np.random.default_rng(0).random((500, 1))
    settings = {"iterations": 1000, "learning_rate": 0.02, "t_max": 5.0, "t_min": 0.7}
    chain = Kerasom((1, 10), **settings, random_state=0).fit(x)
    steps = np.diff(chain.cluster_centers_.ravel())
    assert np.all(steps > 0) or np.all(steps < 0)
    assert np.abs(steps).sum() > 0.6


@BOTH
def test_fitted_attributes(cls, fitted, blobs):
    estimator, n_latent = fitted[cls], 2 if cls is DESOM else 5
    assert estimator.cluster_centers_.shape == (6, n_latent)
    assert estimator.cluster_centers_.dtype == np.float32
    assert estimator.labels_.shape == (60,)
    assert estimator.n_features_in_ == 5
    parts = ["reconstruction_loss", "som_loss"] if cls is DESOM else []
    assert estimator.history_.keys() == {"iteration", "loss", "temperature", *parts}
    assert estimator.history_["iteration"] == [10, 20, 30]
    assert estimator.history_["temperature"][-1] == pytest.approx(0.1)
    assert estimator.history_["temperature"] == sorted(estimator.history_["temperature"])[::-1]


def test_loss_is_the_reconstruction_loss_and_gamma_times_the_som_loss(blobs):
    history = small(DESOM, gamma=0.37).fit(blobs[0]).history_
    parts = np.array(history["reconstruction_loss"]) + 0.37 * np.array(history["som_loss"])
    assert history["loss"] == pytest.approx(parts, rel=1e-5)


@BOTH
def test_labels_are_the_nearest_prototypes_row_by_row(cls, fitted, blobs):
    estimator = fitted[cls]
    codes = estimator.transform(blobs[0]) if cls is DESOM else blobs[0]
    differences = codes[:, None].astype(float) - estimator.cluster_centers_
    nearest = np.square(differences).sum(axis=2).argmin(axis=1)
    assert np.array_equal(estimator.predict(blobs[0]), nearest)
    assert np.array_equal(estimator.labels_, nearest)
    assert len(set(nearest)) > 1


def test_transform_encodes_and_decode_decodes(fitted, blobs):
    estimator = fitted[DESOM]
    outputs = estimator.model_.predict(blobs[0], verbose=0)
    codes = estimator.transform(blobs[0])
    assert codes.dtype == np.float32
    assert np.allclose(codes, outputs["latent"], atol=1e-6)
    assert np.allclose(estimator.decode(codes), outputs["reconstruction"], atol=1e-6)
    assert estimator.decode(estimator.cluster_centers_).shape == (6, 5)
    assert estimator.get_feature_names_out().tolist() == ["desom0", "desom1"]


def test_callback_watches_the_prototypes(blobs):
    seen = []

    def callback(estimator, iteration):
        seen.append((iteration, estimator.cluster_centers_))

    estimator = small(Kerasom, iterations=401).fit(blobs[0], callback=callback)
    assert [iteration for iteration, _ in seen] == estimator.history_["iteration"]
    assert all(not np.array_equal(a, b) for (_, a), (_, b) in itertools.pairwise(seen))
    assert np.array_equal(seen[-1][1], estimator.cluster_centers_)


# Seeds and arrays


@BOTH
def test_same_seed_gives_the_same_bits(cls, fitted, blobs):
    disturb_every_global_generator()
    again = small(cls).fit(blobs[0])
    assert np.array_equal(again.cluster_centers_, fitted[cls].cluster_centers_)
    assert again.history_ == fitted[cls].history_
    for a, b in zip(again.model_.weights, fitted[cls].model_.weights, strict=True):
        assert np.array_equal(a, b)


@pytest.mark.slow
def test_same_seed_gives_the_same_bits_at_the_paper_s_size():
    x = np.random.default_rng(0).random((600, 784), dtype=np.float32)
    first, second = (DESOM(iterations=10, random_state=3).fit(x) for _ in range(2))
    assert np.array_equal(first.cluster_centers_, second.cluster_centers_)
    assert np.array_equal(
        first.decode(first.cluster_centers_), second.decode(second.cluster_centers_)
    )


@BOTH
def test_another_seed_gives_another_map(cls, fitted, blobs):
    other = small(cls, random_state=1).fit(blobs[0])
    assert not np.allclose(other.cluster_centers_, fitted[cls].cluster_centers_)


def test_fit_forgets_an_earlier_fit(fitted, blobs):
    estimator = small(Kerasom).fit(-blobs[0][:30])
    assert_same(fitted[Kerasom], estimator.fit(blobs[0]), blobs[0])


@pytest.mark.parametrize(
    "convert",
    [np.float64, np.asfortranarray, np.ndarray.tolist, lambda x: np.repeat(x, 2, axis=1)[:, ::2]],
    ids=["float64", "Fortran order", "list", "strided"],
)
def test_form_of_the_input_does_not_matter(convert, fitted, blobs):
    x = convert(blobs[0])
    before = copy.deepcopy(x)
    if isinstance(x, np.ndarray):
        x.setflags(write=False)
    estimator = small(Kerasom).fit(x)
    assert np.array_equal(estimator.cluster_centers_, fitted[Kerasom].cluster_centers_)
    assert np.array_equal(estimator.predict(x), fitted[Kerasom].predict(blobs[0]))
    assert np.array_equal(x, before)


@BOTH
def test_input_that_could_be_changed_is_not(cls, fitted, blobs):
    for dtype, order in ((np.float32, "C"), (np.float64, "F")):
        x = np.array(blobs[0], dtype=dtype, order=order)
        estimator = small(cls).fit(x)
        estimator.predict(x)
        if cls is DESOM:
            estimator.decode(estimator.transform(x))
        assert np.array_equal(x, blobs[0])
        assert np.array_equal(estimator.cluster_centers_, fitted[cls].cluster_centers_)


# Copies and files


@BOTH
@pytest.mark.parametrize(
    "duplicate",
    [lambda e: pickle.loads(pickle.dumps(e)), copy.deepcopy, copy.copy],
    ids=["pickle", "deepcopy", "copy"],
)
def test_copies_are_exact(cls, duplicate, fitted, blobs):
    assert_same(fitted[cls], duplicate(fitted[cls]), blobs[0])


# What was learned and what is set later


@BOTH
def test_parameters_set_later_change_nothing_learned(cls, blobs, tmp_path):
    x = blobs[0]
    estimator = small(cls).fit(x)
    labels = estimator.predict(x)
    estimator.set_params(map_size=(3, 3), t_max=5.0, iterations=7)
    if cls is DESOM:
        codes = estimator.transform(x)
        estimator.set_params(latent_dim=3, hidden_units=(4,), gamma=1.0, dtype="mixed_bfloat16")
        assert estimator.get_feature_names_out().tolist() == ["desom0", "desom1"]
    estimator.save(tmp_path / "map")
    joblib.dump(estimator, tmp_path / "map.joblib")
    copies = [
        estimator,
        desom.load(tmp_path / "map"),
        copy.copy(estimator),
        copy.deepcopy(estimator),
        pickle.loads(pickle.dumps(estimator)),
        joblib.load(tmp_path / "map.joblib"),
    ]
    for other in copies:
        assert other.get_params() == estimator.get_params()
        assert np.array_equal(other.predict(x), labels)
        if cls is DESOM:
            assert np.array_equal(other.transform(x), codes)
            assert np.array_equal(other.decode(codes), estimator.decode(codes))


def interrupt(estimator, iteration):
    raise KeyboardInterrupt


@BOTH
def test_fit_that_fails_leaves_what_was_learned_before(cls, blobs):
    x = blobs[0]
    estimator = small(cls).fit(x)
    before = copy.deepcopy(estimator)
    for error, call in (
        (KeyboardInterrupt, lambda: estimator.fit(x + 1, callback=interrupt)),
        (InputError, lambda: estimator.fit(x[:3])),
        (InputError, lambda: estimator.fit(x[:, :2] * np.nan)),
        (FloatingPointError, lambda: estimator.set_params(learning_rate=1e30).fit(x[:, :4])),
        (ValueError, lambda: estimator.set_params(learning_rate=-1).fit(x)),
    ):
        with pytest.raises(error):
            call()
        estimator.set_params(learning_rate=before.learning_rate)
        assert_same(before, estimator, x)


@BOTH
def test_first_fit_that_fails_leaves_nothing(cls, blobs):
    estimator = small(cls)
    with pytest.raises(KeyboardInterrupt):
        estimator.fit(blobs[0], callback=interrupt)
    assert vars(estimator).keys() == estimator.get_params().keys()
    with pytest.raises(NotFittedError):
        estimator.predict(blobs[0])


@BOTH
def test_model_is_one_that_keras_saves_and_loads(cls, fitted, blobs, tmp_path):
    model = fitted[cls].model_
    model.save(tmp_path / "m.keras")
    loaded = keras.models.load_model(tmp_path / "m.keras")
    assert type(loaded) is type(model)
    for a, b in zip(loaded.weights, model.weights, strict=True):
        assert np.array_equal(keras.ops.convert_to_numpy(a), keras.ops.convert_to_numpy(b))
    assert np.isfinite(loaded.evaluate(blobs[0], verbose=0)).all()
    loaded.fit(blobs[0], batch_size=20, epochs=1, verbose=0)


# As scikit-learn's users expect


def slow_error(x, prototypes):
    return np.mean([min(np.linalg.norm(a - b) for b in prototypes) for a in x.astype(float)])


@BOTH
def test_score_is_minus_the_quantization_error_in_the_space_of_the_data(cls, fitted, blobs):
    estimator = fitted[cls]
    prototypes = estimator.cluster_centers_
    if cls is DESOM:
        prototypes = estimator.decode(prototypes)
    assert estimator.score(blobs[0]) == pytest.approx(-slow_error(blobs[0], prototypes), rel=1e-5)
    assert isinstance(estimator.score(blobs[0], blobs[1]), float)


def test_a_grid_search_needs_no_labels(blobs):
    search = GridSearchCV(
        Pipeline([("scale", StandardScaler()), ("map", small(Kerasom, learning_rate=0.1))]),
        {"map__iterations": [1, 200]},
        cv=2,
    ).fit(blobs[0])
    assert search.best_params_ == {"map__iterations": 200}


def test_inverse_transform_decodes_through_a_pipeline(blobs):
    pipeline = make_pipeline(StandardScaler(), small(DESOM)).fit(blobs[0])
    codes = pipeline.transform(blobs[0])
    decoded = pipeline[0].inverse_transform(pipeline[1].decode(codes))
    assert np.allclose(pipeline.inverse_transform(codes), decoded)
    assert pipeline.get_feature_names_out().tolist() == ["desom0", "desom1"]


@BOTH
@pytest.mark.parametrize("verbose", [0, 1, True, np.int64(1)])
def test_verbose_is_a_number_or_a_boolean(cls, verbose, blobs, capsys):
    small(cls, iterations=1, verbose=verbose).fit(blobs[0])
    assert ("it/s" in capsys.readouterr().err) == bool(verbose)
