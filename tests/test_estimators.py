"""DESOM and Kerasom as estimators: training, seeds, storage."""

import copy
import itertools
import pickle
import zipfile

import keras
import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import NotFittedError

import desom
from desom import DESOM, Kerasom, metrics
from desom.engine.prediction import apply
from desom.errors import InputError
from helpers import BOTH, disturb_every_global_generator, small

# What is trained


def test_defaults_are_the_paper_s():
    som = {"map_size": (8, 8), "t_max": 10.0, "t_min": 0.1, "iterations": 10_000}
    training = {"batch_size": 256, "learning_rate": 0.001, "random_state": None, "verbose": False}
    network = {"hidden_units": (500, 500, 2000), "latent_dim": 10, "gamma": 0.001}
    som |= {"topology": "rectangular", "toroidal": False, "decay": "exponential", "snapshots": 0}
    network |= {"pretrain_iterations": 0, "dtype": "float32"}
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


def assert_same(estimator, other, x):
    assert type(other) is type(estimator)
    assert other.get_params() == estimator.get_params()
    assert other.history_ == estimator.history_
    assert other.n_features_in_ == estimator.n_features_in_
    for name in ("cluster_centers_", "labels_"):
        a, b = getattr(estimator, name), getattr(other, name)
        assert a.dtype == b.dtype
        assert np.array_equal(a, b)
    assert np.array_equal(other.predict(x), estimator.predict(x))
    if isinstance(estimator, DESOM):
        codes = estimator.transform(x)
        assert np.array_equal(other.transform(x), codes)
        assert np.array_equal(other.decode(codes), estimator.decode(codes))


@BOTH
@pytest.mark.parametrize(
    "duplicate",
    [lambda e: pickle.loads(pickle.dumps(e)), copy.deepcopy, copy.copy],
    ids=["pickle", "deepcopy", "copy"],
)
def test_copies_are_exact(cls, duplicate, fitted, blobs):
    assert_same(fitted[cls], duplicate(fitted[cls]), blobs[0])


@BOTH
def test_saved_estimator_is_loaded_exactly(cls, fitted, blobs, tmp_path):
    fitted[cls].save(tmp_path / "map.npz")
    assert_same(fitted[cls], desom.load(tmp_path / "map.npz"), blobs[0])
    assert [path.name for path in tmp_path.iterdir()] == ["map.npz"]


def test_loaded_estimator_can_be_saved_and_fitted_again(fitted, blobs, tmp_path):
    fitted[Kerasom].save(tmp_path / "map.npz")
    loaded = desom.load(str(tmp_path / "map.npz"))
    loaded.save(tmp_path / "map.npz")
    loaded = desom.load(tmp_path / "map.npz")
    assert_same(fitted[Kerasom], loaded, blobs[0])
    assert_same(fitted[Kerasom], loaded.fit(blobs[0]), blobs[0])


def test_numpy_parameters_are_saved(trained_with, blobs, tmp_path):
    estimator = small(DESOM, gamma=np.float32(0.1), random_state=np.int64(3), t_max=np.float64(2))
    estimator.fit(blobs[0]).save(tmp_path / "map.npz")
    assert_same(estimator, desom.load(tmp_path / "map.npz"), blobs[0])


@BOTH
def test_saved_file_holds_no_pickle(cls, fitted, tmp_path):
    fitted[cls].save(tmp_path / "map.npz")
    with zipfile.ZipFile(tmp_path / "map.npz") as file:
        assert all(name.endswith(".npy") for name in file.namelist())
    with np.load(tmp_path / "map.npz", allow_pickle=False) as file:
        assert all(not array.dtype.hasobject for array in dict(file).values())


def test_names_of_columns_are_saved_without_pickle(blobs, tmp_path):
    table = pd.DataFrame(blobs[0], columns=list("abcde"))
    estimator = small(Kerasom).fit(table)
    estimator.save(tmp_path / "map.npz")
    loaded = desom.load(tmp_path / "map.npz")
    assert loaded.feature_names_in_.tolist() == list("abcde")
    assert loaded.feature_names_in_.dtype == estimator.feature_names_in_.dtype
    assert np.array_equal(loaded.predict(table), estimator.predict(table))
    with pytest.raises(ValueError, match="feature names"):
        loaded.predict(table[list("edcba")])


def test_interrupted_save_leaves_the_old_file_alone(fitted, monkeypatch, tmp_path):
    fitted[Kerasom].save(tmp_path / "map.npz")
    before = (tmp_path / "map.npz").read_bytes()

    def savez(file, **arrays):
        file.write(b"half of a fi")
        raise KeyboardInterrupt

    monkeypatch.setattr(np, "savez", savez)
    with pytest.raises(KeyboardInterrupt):
        fitted[DESOM].save(tmp_path / "map.npz")
    with pytest.raises(KeyboardInterrupt):
        fitted[DESOM].save(tmp_path / "new.npz")
    assert [path.name for path in tmp_path.iterdir()] == ["map.npz"]
    assert (tmp_path / "map.npz").read_bytes() == before


def test_what_cannot_be_saved_exactly_is_not_saved(blobs, trained_with, tmp_path):
    with pytest.raises(NotFittedError):
        small(Kerasom).save(tmp_path / "map.npz")
    estimator = small(Kerasom, random_state=np.random.RandomState(0)).fit(blobs[0])
    with pytest.raises(InputError, match=r"random_state is RandomState.*None or an integer"):
        estimator.save(tmp_path / "map.npz")
    assert not list(tmp_path.iterdir())


def write_text(path):
    path.write_text("Once upon a time\n")


def write_npy(path):
    with path.open("wb") as file:
        np.save(file, np.arange(3))


def write_other_npz(path):
    np.savez(path, x=np.arange(3))


def write_unknown_estimator(path):
    np.savez(path, header='{"estimator": "Perceptron", "parameters": {}, "state": {}}')


def write_header_alone(path):
    np.savez(path, header='{"estimator": "DESOM"}')


def write_header_that_is_not_json(path):
    np.savez(path, header="DESOM")


def write_pickle(path):
    np.savez(path, header=np.array([{"estimator": "DESOM"}], dtype=object))


@pytest.mark.parametrize(
    "write",
    [
        write_text,
        write_npy,
        write_other_npz,
        write_unknown_estimator,
        write_header_alone,
        write_header_that_is_not_json,
        write_pickle,
    ],
)
def test_other_files_are_not_loaded(write, tmp_path):
    write(tmp_path / "other.npz")
    with pytest.raises(InputError, match=r"other\.npz is not a saved estimator"):
        desom.load(tmp_path / "other.npz")


def test_torn_file_is_not_loaded(fitted, tmp_path):
    path = tmp_path / "map.npz"
    fitted[Kerasom].save(path)
    whole = path.read_bytes()
    for length in (0, 3, 100, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(InputError, match=r"map\.npz is not a saved estimator"):
            desom.load(path)


def test_missing_file_is_said_to_be_missing(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"map\.npz"):
        desom.load(tmp_path / "map.npz")
