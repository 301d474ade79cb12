"""Autoencoders that several methods share: trained once for each seed, then read from the cache."""

import threading

import keras
import numpy as np
import pytest
from filelock import FileLock

from desom import Kerasom
from desom.autoencoder import Autoencoder, autoencoder_of
from desom.datasets import Dataset
from desom.errors import InputError
from desom.experiments.pretraining import cached_name, pretrained
from desom.experiments.run import Run, configuration, run_and_record
from desom.experiments.schedule import collect, recorded
from helpers import small

SETTINGS = {"hidden_units": (8,), "latent_dim": 2, "iterations": 5, "batch_size": 16}

pytestmark = pytest.mark.usefixtures("eager")


@pytest.fixture
def data(blobs):
    return Dataset("blobs", blobs[0])


def autoencoder(seed=0, **changes):
    return Autoencoder(**SETTINGS | changes, random_state=seed)


@pytest.fixture
def times(user_cache):
    """Give the times that the trainings took, by the file of each: another for each training."""

    def read():
        return {p.stem: p.read_text() for p in (user_cache / "autoencoders").glob("*.json")}

    return read


@pytest.fixture
def kept(data, user_cache):
    """Give a trained autoencoder, and the file that keeps it."""
    trained, _ = pretrained(autoencoder(), data)
    (path,) = (user_cache / "autoencoders").glob("*.skops")
    return trained, path


def test_autoencoder_is_trained_once_and_then_loaded(data, times):
    first, seconds = pretrained(autoencoder(), data)
    before = times()
    second, same_seconds = pretrained(autoencoder(), data)
    assert len(before) == 1 and times() == before
    assert second is not first
    assert np.array_equal(second.transform(data.x), first.transform(data.x))
    assert second.history_ == first.history_
    assert second.get_params() == first.get_params() == autoencoder().get_params()
    assert same_seconds == seconds > 0


def test_cached_autoencoder_is_the_one_that_a_method_would_train(kept, data):
    loaded, own = pretrained(autoencoder(), data)[0], autoencoder().fit(data.x)
    assert np.array_equal(loaded.transform(data.x), own.transform(data.x))


def test_progress_bar_makes_no_other_autoencoder(kept, data, times):
    before = times()
    pretrained(autoencoder(verbose=True), data)
    assert times() == before


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
def test_another_seed_or_configuration_is_another_autoencoder(changes, kept, data, times):
    other, _ = pretrained(autoencoder(**changes), data)
    assert len(times()) == 2
    assert other.get_params() == autoencoder(**changes).get_params()


def test_other_data_are_another_autoencoder_whatever_their_name(kept, data, times):
    pretrained(autoencoder(), Dataset("blobs", -data.x))
    assert len(times()) == 2
    pretrained(autoencoder(), Dataset("other blobs", data.x))
    assert len(times()) == 2


def test_another_backend_is_another_autoencoder(data, monkeypatch):
    name = cached_name(autoencoder(), data)
    monkeypatch.setattr(keras.backend, "backend", lambda: "another")
    assert cached_name(autoencoder(), data) != name


def truncated(path, blobs):
    path.write_bytes(path.read_bytes()[:100])


def empty(path, blobs):
    path.write_bytes(b"")


def foreign(path, blobs):
    small(Kerasom).fit(blobs[0]).save(path)


def of_other_settings(path, blobs):
    autoencoder(latent_dim=3).fit(blobs[0]).save(path)


def without_its_time(path, blobs):
    path.with_suffix(".json").unlink()


def with_a_time_that_is_none(path, blobs):
    path.with_suffix(".json").write_text("once upon a time")


@pytest.mark.parametrize(
    "spoil",
    [truncated, empty, foreign, of_other_settings, without_its_time, with_a_time_that_is_none],
)
def test_file_that_is_spoilt_is_replaced_with_a_warning(spoil, kept, data, times, blobs):
    trained, path = kept
    before = times()
    spoil(path, blobs)
    with pytest.warns(UserWarning, match=f"{path.name} is damaged.* trained again"):
        again, _ = pretrained(autoencoder(), data)
    after = times()
    assert after.keys() == before.keys() and after != before
    assert np.array_equal(again.transform(data.x), trained.transform(data.x))
    pretrained(autoencoder(), data)
    assert times() == after


class Interrupted(Autoencoder):
    def fit(self, X):
        raise KeyboardInterrupt


def test_interrupted_training_leaves_no_file(data, user_cache):
    with pytest.raises(KeyboardInterrupt):
        pretrained(Interrupted(**SETTINGS, random_state=0), data)
    assert [path.suffix for path in (user_cache / "autoencoders").iterdir()] == [".lock"]


def test_cache_that_cannot_be_written_is_refused_before_the_training(data, user_cache):
    user_cache.parent.mkdir()
    user_cache.touch()
    with pytest.raises(InputError, match="autoencoders cannot be written"):
        pretrained(Interrupted(**SETTINGS, random_state=0), data)


def test_second_process_waits_for_the_first(kept, data, times):
    _, path = kept
    whole, before, got = path.read_bytes(), times(), []
    path.unlink()
    # Locks belong to open files, so that a thread is as good as a process.
    with FileLock(path.with_suffix(".lock")):
        second = threading.Thread(target=lambda: got.append(pretrained(autoencoder(), data)))
        second.start()
        second.join(0.5)
        assert second.is_alive()
        path.write_bytes(whole)
    second.join(60)
    assert len(got) == 1 and times() == before


# Runs


def run(method, seed=0, **changes):
    settings = {"map_size": (2, 3), "hidden_units": (8,), "latent_dim": 2, "batch_size": 16}
    lengths = {"pretrain_iterations": 5, "iterations": 5}
    return Run(method, "blobs", seed, configuration(method, **settings | lengths | changes))


@pytest.fixture
def record(data, tmp_path):
    def call(run):
        run_and_record(run, data, tmp_path / "results")
        return recorded([run], tmp_path / "results")[0]

    return call


def test_methods_share_the_autoencoder_of_a_seed(record, times):
    first = record(run("ae_minisom"))
    before = times()
    second = record(run("ae_kerasom"))
    assert len(before) == 1 and times() == before
    for name in ("pretrain_iteration", "reconstruction_loss"):
        assert second["curves"][name] == first["curves"][name]
    assert second["metrics"]["reconstruction_error"] == first["metrics"]["reconstruction_error"]
    assert second["seconds"]["pretrain"] == first["seconds"]["pretrain"] > 0

    record(run("ae_kerasom", seed=1))
    record(run("ae_kerasom", pretrain_iterations=6))
    assert len(times()) == 3


def test_shared_autoencoder_is_the_same_after_a_method_used_it(record, data, times):
    shared = autoencoder_of(run("ae_kerasom").estimator())
    before = pretrained(shared, data)[0].transform(data.x)
    record(run("ae_kerasom"))
    after = pretrained(autoencoder_of(run("ae_minisom").estimator()), data)[0].transform(data.x)
    assert len(times()) == 1
    assert np.array_equal(after, before)


def test_method_without_a_first_phase_trains_no_autoencoder(record, times):
    changes = {"map_size": (2, 3), "iterations": 5, "batch_size": 16}
    for method, network in (("kerasom", {}), ("desom", {"hidden_units": (8,), "latent_dim": 2})):
        got = record(Run(method, "blobs", 0, configuration(method, **changes, **network)))
        assert got["seconds"].keys() == {"fit", "predict", "iteration"}
    assert not times()


def untrained(run, *_):
    raise AssertionError(f"{run} must not be trained")


def test_a_cache_that_cannot_be_written_is_found_before_training(user_cache, tmp_path):
    user_cache.mkdir(parents=True)
    (user_cache / "autoencoders").write_text("in the way")
    with pytest.raises(InputError, match=r"the cache of autoencoders .* cannot be written"):
        collect([run("ae_kerasom")], tmp_path / "results", train=untrained)
