"""What several test modules share besides fixtures: small estimators, names, refusals."""

import keras
import numpy as np
import pytest

from desom import DESOM, Kerasom
from desom.datasets import load
from desom.errors import InputError

# The scores of a record, by what they are of.
CLUSTERING = {"purity", "nmi", "nmi_geometric", "accuracy", "ari"}
TWO_LEVEL = {"km_accuracy", "km_nmi", "km_purity"}
MAP = {
    "quantization_error",
    "topographic_error",
    "combined_error",
    "distortion",
    "trustworthiness",
    "neighborhood_preservation",
}
NETWORK = {"input_quantization_error", "reconstruction_error"}

# Estimators that are fitted in no time.
SMALL = {"map_size": (2, 3), "iterations": 30, "batch_size": 16, "random_state": 0}


def small(cls, **changes):
    network = {"hidden_units": (8, 6), "latent_dim": 2} if cls is DESOM else {}
    return cls(**SMALL | network | changes)


BOTH = pytest.mark.parametrize("cls", [Kerasom, DESOM])


def disturb_every_global_generator():
    keras.utils.set_random_seed(np.random.randint(1000))  # noqa: NPY002
    np.random.rand(17)  # noqa: NPY002


def refusal(name):
    """Give the message of the error that loading raises: one line."""
    with pytest.raises(InputError) as error:
        load(name)
    message = str(error.value)
    assert "\n" not in message and message.endswith(".")
    return message
