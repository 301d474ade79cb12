"""Autoencoders that several methods start from: trained once per seed and data set, then cached."""

import json
import time
import warnings

import keras
from filelock import FileLock

from desom.datasets.published import cache
from desom.experiments import records
from desom.storage import atomic_write, load


def check_cache():
    """Give the folder of trained autoencoders; raise InputError if it cannot be written."""
    folder = cache() / "autoencoders"
    records.check_writable(folder, "cache of autoencoders")
    return folder


def pretrained(autoencoder, data):
    """Give a trained autoencoder, and the seconds that it took: from the user's cache, or made now.

    ``autoencoder`` has an integer ``random_state``, and is fitted on ``data.x``. A second process
    that asks for the same one waits for the first. Raises OSError if it cannot be kept.
    """
    path = check_cache() / cached_name(autoencoder, data)
    time_path = path.with_suffix(".json")
    with FileLock(path.with_suffix(".lock")):
        if path.exists():
            try:
                # The right name may have another's content.
                kept, seconds = load(path), json.loads(time_path.read_bytes())
                if type(kept) is type(autoencoder) and cached_name(kept, data) == path.name:
                    return kept, float(seconds)
            except (OSError, TypeError, ValueError):
                pass
            warnings.warn(f"{path} is damaged; its autoencoder is trained again", stacklevel=2)
        start = time.perf_counter()
        autoencoder.fit(data.x)
        seconds = time.perf_counter() - start
        try:
            with atomic_write(time_path) as file:
                file.write(json.dumps(seconds).encode())
            autoencoder.save(path)
        except OSError as error:
            raise OSError(
                f"the trained autoencoder cannot be kept in {path.parent}: "
                f"{error.strerror or error}; make room, and run again."
            ) from error
        return autoencoder, seconds


def cached_name(autoencoder, data):
    """Name the file of a trained autoencoder: by its parameters, the backend and the data."""
    config = autoencoder.get_params() | {"backend": keras.backend.backend()}
    seed = config.pop("random_state")
    del config["verbose"]
    return f"{records.run_key('autoencoder', data.sha256, seed, config)}.skops"
