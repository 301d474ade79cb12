"""Estimators in one file: what is kept, what is refused, nothing half-written."""

import multiprocessing
import os
import signal
import zipfile

import joblib
import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.cluster import KMeans
from sklearn.exceptions import NotFittedError

import desom
from desom import DESOM, Kerasom
from desom.errors import InputError
from desom.storage import atomic_write
from helpers import BOTH, assert_same, small


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
    numbers = {"gamma": np.float32(0.1), "random_state": np.int64(3), "t_max": np.float32(2)}
    numbers |= {"map_size": (np.int64(2), np.int64(3)), "iterations": np.int64(5)}
    estimator = small(DESOM, **numbers)
    estimator.fit(blobs[0]).save(tmp_path / "map.npz")
    assert_same(estimator, desom.load(tmp_path / "map.npz"), blobs[0])


@BOTH
def test_saved_file_holds_no_pickle(cls, fitted, tmp_path):
    fitted[cls].save(tmp_path / "map.npz")
    with zipfile.ZipFile(tmp_path / "map.npz") as file:
        assert {name.rpartition(".")[2] for name in file.namelist()} == {"json", "npy"}
        for name in file.namelist():
            if name.endswith(".npy"):
                with file.open(name) as array:
                    np.load(array, allow_pickle=False)


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


def test_interrupted_write_leaves_the_old_file_alone(tmp_path):
    path = tmp_path / "folder" / "file"
    with atomic_write(path) as file:
        file.write(b"whole")
    with pytest.raises(KeyboardInterrupt), atomic_write(path) as file:
        file.write(b"half of a fi")
        raise KeyboardInterrupt
    assert path.read_bytes() == b"whole"
    assert [other.name for other in path.parent.iterdir()] == ["file"]


def test_what_cannot_be_saved_leaves_nothing(fitted, tmp_path):
    with pytest.raises(NotFittedError):
        small(Kerasom).save(tmp_path / "map.npz")
    with pytest.raises(OSError):
        fitted[Kerasom].save(tmp_path)
    assert not list(tmp_path.iterdir())


def test_generator_is_saved_as_a_parameter(blobs, tmp_path):
    estimator = small(Kerasom, random_state=np.random.RandomState(0)).fit(blobs[0])
    estimator.save(tmp_path / "map.npz")
    loaded = desom.load(tmp_path / "map.npz")
    assert np.array_equal(loaded.random_state.rand(3), estimator.random_state.rand(3))


def write_text(path):
    path.write_text("Once upon a time\n")


def write_npy(path):
    with path.open("wb") as file:
        np.save(file, np.arange(3))


def write_other_npz(path):
    np.savez(path, x=np.arange(3))


def write_pickle(path):
    joblib.dump(small(Kerasom), path)


def write_estimator_of_others(path):
    skops.io.dump(KMeans(3), path)


def write_array(path):
    skops.io.dump(np.arange(3), path)


@pytest.mark.parametrize(
    "write",
    [
        write_text,
        write_npy,
        write_other_npz,
        write_pickle,
        write_estimator_of_others,
        write_array,
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


def test_class_of_others_is_refused_by_name(tmp_path):
    class Foreign:
        pass

    skops.io.dump({"of others": Foreign()}, tmp_path / "map")
    with pytest.raises(InputError, match=r"it holds .*Foreign"):
        desom.load(tmp_path / "map")


# Files that are whole or not there

# Children of a fork share no locks or threads with TensorFlow as long as they only touch files.
fork = multiprocessing.get_context("fork")


def test_file_appears_once_it_is_whole(tmp_path):
    path = tmp_path / "below" / "file"
    with atomic_write(path) as file:
        file.write(b"new")
        assert not path.exists()
    assert path.read_bytes() == b"new"
    assert list(path.parent.iterdir()) == [path]


def write_and_die(path):
    with atomic_write(path) as file:
        file.write(b"half a fi")
        file.flush()
        os.kill(os.getpid(), signal.SIGKILL)


def test_killed_file_leaves_the_old_one(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    child = fork.Process(target=write_and_die, args=(path,))
    child.start()
    child.join()
    assert child.exitcode == -signal.SIGKILL
    assert path.read_bytes() == b"old"
    with atomic_write(path) as file:
        file.write(b"new")
    assert path.read_bytes() == b"new"
