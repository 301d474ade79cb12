"""What several test modules share besides fixtures: small estimators, names, refusals."""

import math
import re
from importlib.util import find_spec

import joblib
import keras
import numpy as np
import pytest
import tensorflow as tf

from desom import DESOM, Kerasom
from desom.baselines.ae_gmm import AEGMM
from desom.baselines.ae_kmeans import AEKMeans
from desom.baselines.aec import AEC
from desom.baselines.dcn import DCN
from desom.baselines.dec import DEC
from desom.baselines.dkm import DKM
from desom.baselines.dnm import DNM
from desom.baselines.idec import IDEC
from desom.baselines.vade import VaDE
from desom.baselines.wamic import WaMiC
from desom.errors import InputError
from desom.methods import METHODS

# The methods whose packages are there: one is an extra.
INSTALLED = [name for name in METHODS if name != "umap_som" or find_spec("umap")]

# Points, centers and dimensions of a latent space that is small enough for loops.
N, K, LATENT = 7, 3, 2

ON_TENSORFLOW = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="about how TensorFlow compiles"
)

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
    "topographic_function",
    "c_measure",
    "kruskal_shepard_error",
    "units_used",
    "smallest_unit",
}
NETWORK = {
    "input_quantization_error",
    "reconstruction_error",
    "input_trustworthiness",
    "input_c_measure",
    "input_kruskal_shepard_error",
}
IMAGES = {"sharpness_ratio"}
COUNTS = {"units_used", "smallest_unit"}
# What the first records of maps lack.
LATER = COUNTS | IMAGES | NETWORK - {"input_quantization_error", "reconstruction_error"}
LATER |= {"topographic_function", "c_measure", "kruskal_shepard_error"}
# What the first records of AE + k-means lack.
LATENT_SPACE = {"code_spread", "code_dimension", "code_margin", "active_units"}

# Estimators that are fitted in no time.
SMALL = {"map_size": (2, 3), "iterations": 30, "batch_size": 16, "random_state": 0}


def small(cls, **changes):
    network = {"hidden_units": (8, 6), "latent_dim": 2} if cls is DESOM else {}
    return cls(**SMALL | network | changes)


BOTH = pytest.mark.parametrize("cls", [Kerasom, DESOM])

# Methods that start from a trained autoencoder, with what has them learn the patterns in seconds.
DEEP = {
    AEKMeans: {},
    AEGMM: {},
    AEC: {"iterations": 200, "update_interval": 20},
    DCN: {"iterations": 200},
    DKM: {"iterations": 200},
    DEC: {"iterations": 200, "update_interval": 20},
    IDEC: {"iterations": 200, "update_interval": 20},
    VaDE: {"iterations": 200},
    WaMiC: {"iterations": 200},
    DNM: {"iterations": 200, "t_max": 2.0},
}
EACH_DEEP = pytest.mark.parametrize("cls", DEEP)


def deep(cls, **changes):
    """Give an unfitted method of the family; changes that it has no parameter for are left out."""
    size = {"map_size": (2, 3)} if cls is DNM else {"n_clusters": 3}
    network = {"hidden_units": (16, 16), "latent_dim": 2, "pretrain_iterations": 300}
    training = {"batch_size": 64, "learning_rate": 0.01, "random_state": 0}
    known = {name: changes[name] for name in changes.keys() & cls().get_params()}
    return cls(**size | network | training | DEEP[cls] | known)


def brief(cls, **changes):
    """Give one whose training is over at once, for tests to which the result does not matter."""
    lengths = {"pretrain_iterations": 3, "iterations": 3, "update_interval": 2, "tol": 0.0}
    return deep(cls, **lengths | changes)


def learned(estimator):
    """All numbers that the training determines, as one vector."""
    arrays = estimator.model_.get_weights() if hasattr(estimator, "model_") else []
    arrays = [*arrays, getattr(estimator, "cluster_centers_", np.empty(0))]
    return np.concatenate([array.ravel() for array in arrays])


def tensors(*arrays):
    """Give arrays as tensors of the backend: PyTorch cannot compute with both."""
    return [keras.ops.convert_to_tensor(array) for array in arrays]


def arrays(outputs):
    """Give what a model or a layer gave as arrays, in the same structure."""
    return keras.tree.map_structure(keras.ops.convert_to_numpy, outputs)


def gradients(loss, variables):
    """Give the gradients of ``loss()`` by Keras variables as arrays: None where none flows."""
    values = [variable.value for variable in variables]
    if keras.backend.backend() == "tensorflow":
        with tf.GradientTape() as tape:
            value = loss()
        found = [g if g is None else tf.convert_to_tensor(g) for g in tape.gradient(value, values)]
    elif keras.backend.backend() == "torch":
        import torch

        found = torch.autograd.grad(loss(), values, allow_unused=True)
    else:
        import jax

        def of(values):
            with keras.StatelessScope(state_mapping=list(zip(variables, values, strict=True))):
                return loss()

        found = jax.grad(of)(values)
    arrays = [None if g is None else keras.ops.convert_to_numpy(g) for g in found]
    # JAX has zeros where no gradient flows.
    return [None if array is None or not array.any() else array for array in arrays]


def value_and_gradients(loss, *arrays):
    """Give a loss of arrays, and its gradient by each: None where none flows."""
    variables = [keras.Variable(array, dtype=array.dtype.name) for array in arrays]

    def of_variables():
        return loss(*(variable.value for variable in variables))

    return float(of_variables()), *gradients(of_variables, variables)


def slopes(loss, array, step=1e-5):
    """Gradient of a function of an array of float64, by differences."""
    gradient = np.empty(array.shape)
    for place in np.ndindex(array.shape):
        ends = []
        for sign in (1, -1):
            moved = array.copy()
            moved[place] += sign * step
            ends.append(float(loss(moved)))
        gradient[place] = (ends[0] - ends[1]) / (2 * step)
    return gradient


def assert_same(estimator, other, x):
    """Two estimators have the same parameters and state, and predict alike."""
    assert type(other) is type(estimator)
    assert other.get_params() == estimator.get_params()
    assert vars(other).keys() == vars(estimator).keys()
    assert getattr(other, "history_", None) == getattr(estimator, "history_", None)
    assert other.n_features_in_ == estimator.n_features_in_
    assert np.array_equal(learned(other), learned(estimator))
    assert np.array_equal(other.labels_, estimator.labels_)
    assert_alike(estimator, other, x)


def assert_alike(estimator, other, x):
    """Two estimators give the same bits for the same samples, whatever their parameters say."""
    for method in ("predict", "transform"):
        if hasattr(estimator, method):
            outputs = [getattr(e, method)(x) for e in (estimator, other)]
            assert outputs[0].dtype == outputs[1].dtype
            assert np.array_equal(*outputs)
    if hasattr(estimator, "decode"):
        assert np.array_equal(other.decode(outputs[0]), estimator.decode(outputs[0]))


def disturb_every_global_generator():
    keras.utils.set_random_seed(np.random.randint(1000))  # noqa: NPY002
    np.random.rand(17)  # noqa: NPY002


def slow_tfidf(counts, n_terms):
    """Weigh the terms of a list of lists as the documentation of `tfidf_top_terms` says."""
    columns = range(len(counts[0]))
    totals = [sum(row[j] for row in counts) for j in columns]
    top = sorted(sorted(columns, key=lambda j: (-totals[j], j))[:n_terms])
    df = {j: sum(row[j] > 0 for row in counts) for j in top}
    table = []
    for row in counts:
        weights = [
            (1 + math.log(row[j])) * (math.log((1 + len(counts)) / (1 + df[j])) + 1)
            if row[j]
            else 0
            for j in top
        ]
        norm = math.sqrt(sum(weight**2 for weight in weights)) or 1
        table.append([weight / norm * math.sqrt(len(top)) for weight in weights])
    return np.array(table)


def write_rcv1(folder, vectors, target, topics, compress=9):
    """Lay out the files of scikit-learn."""
    folder.mkdir(parents=True)
    contents = {
        "samples": vectors,
        "sample_id": np.arange(vectors.shape[0]),
        "sample_topics": target,
        "topics_names": topics,
    }
    for name, content in contents.items():
        joblib.dump(content, folder / f"{name}_py3.pkl", compress=compress)


def refusal(call, *arguments, error=InputError):
    """Give the message of the error that a call must raise: one line, ended by a full stop."""
    with pytest.raises(error) as caught:
        call(*arguments)
    message = str(caught.value)
    assert re.fullmatch(r"[^\n]+\.", message)
    return message
