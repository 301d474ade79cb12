"""Autoencoders that several methods share: trained once for each seed, then read from the cache."""

import fcntl
import threading
from types import SimpleNamespace

import numpy as np
import pytest

from desom import Kerasom
from desom.autoencoder import Autoencoder
from desom.datasets import Dataset
from desom.errors import InputError
from desom.experiments import pretraining
from desom.experiments.pretraining import pretrained
from desom.experiments.records import read_arrays
from desom.experiments.run import Run, configuration, run_and_record
from desom.experiments.schedule import collect, recorded
from helpers import small

SETTINGS = {"hidden_units": (8,), "latent_dim": 2, "iterations": 5, "batch_size": 16}

pytestmark = pytest.mark.usefixtures("eager")


@pytest.fixture
def data(blobs):
    return Dataset("blobs", *blobs)


@pytest.fixture
def trained(monkeypatch, user_cache):
    """List the autoencoders that are trained, beside an empty cache."""
    estimators, fit = [], Autoencoder.fit

    def count(self, X, y=None):
        estimators.append(self)
        return fit(self, X, y)

    monkeypatch.setattr(Autoencoder, "fit", count)
    return estimators


def autoencoder(seed=0, **changes):
    return Autoencoder(**SETTINGS | changes, random_state=seed)


def files(user_cache):
    return sorted((user_cache / "autoencoders").glob("*.npz"))


def test_autoencoder_is_trained_once_and_then_loaded(trained, data, user_cache):
    first, second = pretrained(autoencoder(), data), pretrained(autoencoder(), data)
    assert len(trained) == len(files(user_cache)) == 1
    assert second is not first
    assert np.array_equal(second.transform(data.x), first.transform(data.x))
    assert second.history_ == first.history_
    assert second.get_params() == first.get_params() == autoencoder().get_params()


def test_cached_autoencoder_is_the_one_that_a_method_would_train(trained, data):
    pretrained(autoencoder(), data)
    loaded, own = pretrained(autoencoder(), data), autoencoder().fit(data.x)
    assert np.array_equal(loaded.transform(data.x), own.transform(data.x))


def test_time_of_the_training_is_kept_with_it(trained, data):
    first, second = pretrained(autoencoder(), data), pretrained(autoencoder(), data)
    assert second.seconds_ == first.seconds_ > 0


def test_progress_bar_makes_no_other_autoencoder(trained, data):
    pretrained(autoencoder(), data)
    pretrained(autoencoder(verbose=True), data)
    assert len(trained) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"seed": 1},
        {"hidden_units": (9,)},
        {"latent_dim": 3},
        {"iterations": 6},
        {"batch_size": 17},
        {"learning_rate": 0.01},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_another_seed_or_configuration_is_another_autoencoder(changes, trained, data, user_cache):
    pretrained(autoencoder(), data)
    other = pretrained(autoencoder(**changes), data)
    assert len(trained) == len(files(user_cache)) == 2
    assert other.get_params() == autoencoder(**changes).get_params()


def test_other_data_are_another_autoencoder_whatever_their_name(trained, data, user_cache):
    pretrained(autoencoder(), data)
    pretrained(autoencoder(), Dataset("blobs", -data.x, data.y))
    assert len(trained) == len(files(user_cache)) == 2
    pretrained(autoencoder(), Dataset("other blobs", data.x, data.y))
    assert len(trained) == 2


def test_another_backend_is_another_autoencoder(trained, data, user_cache, monkeypatch):
    pretrained(autoencoder(), data)
    other = SimpleNamespace(backend=SimpleNamespace(backend=lambda: "another"))
    monkeypatch.setattr(pretraining, "keras", other)
    pretrained(autoencoder(), data)
    assert len(trained) == len(files(user_cache)) == 2


@pytest.mark.parametrize("length", [0, 100, -1])
def test_damaged_file_is_replaced_with_a_warning(length, trained, data, user_cache):
    expected = pretrained(autoencoder(), data).transform(data.x)
    (path,) = files(user_cache)
    path.write_bytes(path.read_bytes()[:length])
    with pytest.warns(UserWarning, match=f"{path.name} is damaged.* trained again"):
        again = pretrained(autoencoder(), data)
    assert len(trained) == 2
    assert np.array_equal(again.transform(data.x), expected)
    pretrained(autoencoder(), data)
    assert len(trained) == 2


def foreign(path, blobs):
    small(Kerasom).fit(blobs[0]).save(path)


def of_other_settings(path, blobs):
    autoencoder(latent_dim=3).fit(blobs[0]).save(path)


def with_other_shapes(path, blobs):
    arrays = read_arrays(path, "an autoencoder")
    np.savez(path, **arrays | {"weight_0": np.ones((2, 2))})


def with_a_pickle(path, blobs):
    arrays = read_arrays(path, "an autoencoder")
    np.savez(path, **arrays | {"weight_0": np.array([{}, []], dtype=object)})


def without_a_weight(path, blobs):
    arrays = read_arrays(path, "an autoencoder")
    del arrays["weight_1"]
    np.savez(path, **arrays)


@pytest.mark.parametrize(
    "spoil", [foreign, of_other_settings, with_other_shapes, with_a_pickle, without_a_weight]
)
def test_file_with_something_else_is_replaced_with_a_warning(
    spoil, trained, data, user_cache, blobs
):
    expected = pretrained(autoencoder(), data).transform(data.x)
    (path,) = files(user_cache)
    spoil(path, blobs)
    del trained[:]
    with pytest.warns(UserWarning, match=f"{path.name} is damaged.* trained again"):
        again = pretrained(autoencoder(), data)
    assert len(trained) == 1
    assert np.array_equal(again.transform(data.x), expected)


def test_interrupted_training_leaves_no_file(data, user_cache, monkeypatch):
    def fit(self, X):
        raise KeyboardInterrupt

    monkeypatch.setattr(Autoencoder, "fit", fit)
    with pytest.raises(KeyboardInterrupt):
        pretrained(autoencoder(), data)
    assert files(user_cache) == []


def test_cache_that_cannot_be_written_is_refused_before_the_training(trained, data, user_cache):
    user_cache.parent.mkdir()
    user_cache.touch()
    with pytest.raises(InputError, match="autoencoders cannot be written"):
        pretrained(autoencoder(), data)
    assert not trained


def test_second_process_waits_for_the_first(trained, data, user_cache):
    pretrained(autoencoder(), data)
    (path,) = files(user_cache)
    whole = path.read_bytes()
    path.unlink()
    got = []
    # Locks belong to open files, so that a thread is as good as a process.
    with path.with_suffix(".lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        second = threading.Thread(target=lambda: got.append(pretrained(autoencoder(), data)))
        second.start()
        second.join(0.5)
        assert second.is_alive()
        path.write_bytes(whole)
    second.join(60)
    assert len(got) == len(trained) == 1


# Runs


def run(method, seed=0, **changes):
    settings = {"map_size": (2, 3), "hidden_units": (8,), "latent_dim": 2, "batch_size": 16}
    lengths = {"pretrain_iterations": 5, "iterations": 5}
    return Run(method, "blobs", seed, configuration(method, **settings | lengths | changes))


@pytest.fixture
def record(data, monkeypatch, tmp_path):
    def cluster_prototypes(prototypes, n_clusters, seed):
        return np.arange(len(prototypes)) % n_clusters

    monkeypatch.setattr("desom.experiments.artifact.cluster_prototypes", cluster_prototypes)
    monkeypatch.setattr("desom.experiments.run.load_dataset", lambda name: data)

    def call(run):
        run_and_record(run, tmp_path / "results")
        return recorded([run], tmp_path / "results")[0]

    return call


def test_methods_share_the_autoencoder_of_a_seed(trained, record):
    first, second = record(run("ae_minisom")), record(run("ae_kerasom"))
    assert len(trained) == 1
    for name in ("pretrain_iteration", "reconstruction_loss"):
        assert second["curves"][name] == first["curves"][name]
    assert second["metrics"]["reconstruction_error"] == first["metrics"]["reconstruction_error"]
    assert second["seconds"]["pretrain"] == first["seconds"]["pretrain"] > 0

    record(run("ae_kerasom", seed=1))
    record(run("ae_kerasom", pretrain_iterations=6))
    assert len(trained) == 3


def test_shared_autoencoder_is_the_same_after_a_method_used_it(trained, record, data):
    before = pretrained(run("ae_kerasom").estimator().autoencoder(), data).transform(data.x)
    record(run("ae_kerasom"))
    after = pretrained(run("ae_minisom").estimator().autoencoder(), data).transform(data.x)
    assert len(trained) == 1
    assert np.array_equal(after, before)


def test_method_without_a_first_phase_trains_no_autoencoder(trained, record):
    changes = {"map_size": (2, 3), "iterations": 5, "batch_size": 16}
    for method, network in (("kerasom", {}), ("desom", {"hidden_units": (8,), "latent_dim": 2})):
        got = record(Run(method, "blobs", 0, configuration(method, **changes, **network)))
        assert got["seconds"].keys() == {"fit", "predict", "iteration"}
    assert not trained


def test_a_cache_that_cannot_be_written_is_found_before_training(user_cache, trained, tmp_path):
    user_cache.mkdir(parents=True)
    (user_cache / "autoencoders").write_text("in the way")
    small = {"pretrain_iterations": 5, "iterations": 5, "hidden_units": (8,), "map_size": (2, 2)}
    run = Run("ae_kerasom", "digits", 0, configuration("ae_kerasom", **small))
    with pytest.raises(InputError, match=r"the cache of autoencoders .* cannot be written"):
        collect([run], tmp_path / "results")
    assert not trained
