"""Autoencoders that several methods start from: trained once per seed and data set, then cached."""

import fcntl
import time
import warnings

import keras

from desom.datasets.published import cache
from desom.errors import InputError
from desom.experiments import records
from desom.storage import load


def check_cache():
    """Make sure that trained autoencoders can be kept, before one is trained.

    Returns
    -------
    Path
        Their folder, in the user's cache.

    Raises
    ------
    InputError
        If it cannot be written.
    """
    folder = cache() / "autoencoders"
    records.check_writable(folder, "cache of autoencoders")
    return folder


def pretrained(autoencoder, data):
    """Give a trained autoencoder: from the user's cache, else trained now and put there.

    A second process that asks for the same one waits for the first.

    Parameters
    ----------
    autoencoder : Autoencoder
        Not fitted, with an integer ``random_state``.
    data : datasets.Dataset
        What to train it on.

    Returns
    -------
    Autoencoder
        Fitted on ``data.x``; its ``seconds_`` is the time that its training took.

    Raises
    ------
    OSError
        If it cannot be kept, because the disk is full, say.
    """
    path = check_cache() / f"{_key(autoencoder, data)}.npz"
    with path.with_suffix(".lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            found = load(path)
            # The right name, but another's content.
            if type(found) is type(autoencoder) and _key(found, data) == path.stem:
                return found
            raise InputError(f"{path} holds something else.")
        except FileNotFoundError:
            pass
        except InputError:
            warnings.warn(f"{path} is damaged; its autoencoder is trained again", stacklevel=2)
        start = time.perf_counter()
        autoencoder.fit(data.x)
        autoencoder.seconds_ = time.perf_counter() - start
        try:
            autoencoder.save(path)
        except OSError as error:
            raise OSError(
                f"the trained autoencoder cannot be kept in {path.parent}: "
                f"{error.strerror or error}; make room, and run again."
            ) from error
        return autoencoder


def _key(autoencoder, data):
    config = autoencoder.get_params() | {"backend": keras.backend.backend()}
    seed = config.pop("random_state")
    del config["verbose"]
    return records.run_key("autoencoder", data.sha256, seed, config)
