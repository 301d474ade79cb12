"""What every method shares: hyperparameters as fields, checked input, whole fits, networks.

A hyperparameter is one line: name, domain, default, meaning. scikit-learn's ``__init__`` and
``_parameter_constraints``, and the docstring's list of parameters, are made from these lines.
"""

import inspect
import json
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from functools import wraps
from numbers import Integral, Real
from typing import Annotated, get_type_hints

import keras
import numpy as np
from keras.random import SeedGenerator
from sklearn import base
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted, validate_data

from desom import checks, storage
from desom.engine.backends import adam, usual_precision
from desom.engine.loop import train
from desom.engine.prediction import apply, nearest_prototypes, quantization_error
from desom.errors import InputError

LARGEST = 2**31 - 1

# The domains of hyperparameters: a type, how it reads, and what scikit-learn checks.
Count = Annotated[int, "int >= 1", Interval(Integral, 1, LARGEST, closed="both")]
Natural = Annotated[int, "int >= 0", Interval(Integral, 0, LARGEST, closed="both")]
Positive = Annotated[float, "float > 0", Interval(Real, 0, None, closed="neither")]
NonNegative = Annotated[float, "float >= 0", Interval(Real, 0, None, closed="left")]
Share = Annotated[float, "0 <= float < 1", Interval(Real, 0, 1, closed="left")]
Step = Annotated[float, "0 < float < 1", Interval(Real, 0, 1, closed="neither")]
Rate = Annotated[float, "0 < float <= 1", Interval(Real, 0, 1, closed="right")]
Width = Annotated[float, "float >= 1e-100", Interval(Real, 1e-100, None, closed="left")]
Widths = Annotated[tuple, "tuple of int >= 1", tuple, list]
MapSize = Annotated[tuple, "two int >= 1", tuple, list]
Flag = Annotated[bool, "bool", "boolean"]
Verbosity = Annotated[int, "bool or int >= 0", "verbose"]
Seed = Annotated[object, "int, RandomState or None", "random_state"]


def one_of(*names):
    """Give the domain of names."""
    return Annotated[str, " or ".join(map(repr, names)), StrOptions(set(names))]


def is_count(n):
    """Say whether a value is an integer of at least 1; to Python, True is one."""
    return isinstance(n, Integral) and not isinstance(n, bool) and 1 <= n <= LARGEST


def hyperparameter(default, meaning, kw_only=True):
    """Give the field of a hyperparameter: its default, and what it means, with its unit."""
    return field(default=default, kw_only=kw_only, metadata={"meaning": meaning})


def describe_hyperparameters(cls):
    """Write the section of a class' docstring that lists its hyperparameters, as numpydoc does."""
    # Those of the class itself first.
    names = dict.fromkeys(n for c in cls.__mro__ for n in inspect.get_annotations(c))
    own = {f.name: f for f in fields(cls)}
    text = "Parameters\n----------\n"
    for f in (own[name] for name in names if name in own):
        text += f"{f.name} : {f.type.__metadata__[0]}, default={f.default!r}\n"
        text += f"    {f.metadata['meaning']}\n"
    return text


def random_streams(random_state):
    """Give two independent generators: one of the initial weights, one of the samples."""
    draws = check_random_state(random_state).randint(LARGEST, size=2)
    return SeedGenerator(int(draws[0])), np.random.default_rng(draws[1])


@contextmanager
def restored_on_failure(estimator):
    """Begin a fit with nothing learned; where it fails, give back what was learned before."""
    before = vars(estimator).copy()
    for name in before:
        # scikit-learn keeps more than parameters and what was learned, a pipeline's context, say.
        if name.endswith("_"):
            delattr(estimator, name)
    try:
        yield
    except BaseException:
        vars(estimator).clear()
        vars(estimator).update(before)
        raise


def all_or_nothing(fit):
    """Make a ``fit`` that is refused, fails or is interrupted leave what was learned before."""

    @wraps(fit)
    def whole_fit(self, X, y=None, **options):
        with restored_on_failure(self), usual_precision():
            fit(self, X, y, **options)
            checks.advise_on_collapse(self)
            return self

    return whole_fit


class Model(keras.Model):
    """A Keras model that keeps the arguments of its constructor by name, and is saved as these."""

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        keras.saving.register_keras_serializable("desom")(cls)

    def get_config(self):
        """Give the arguments of the constructor, as Keras stores them."""
        arguments = {n: getattr(self, n) for n in inspect.signature(type(self)).parameters}
        return keras.saving.serialize_keras_object(arguments)

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """Make a model from what `get_config` gave."""
        return cls(**keras.saving.deserialize_keras_object(config, custom_objects))


@dataclass(repr=False, eq=False)
class Estimator(base.BaseEstimator):
    """Has its hyperparameters as fields, checks them and X, and is kept in one file."""

    random_state: Seed = hyperparameter(None, "Determines every random draw.")
    verbose: Verbosity = hyperparameter(False, "Whether to show progress.")

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        dataclass(cls, repr=False, eq=False)
        cls._parameter_constraints = {f.name: list(f.type.__metadata__[1:]) for f in fields(cls)}
        cls.__init__.__annotations__ = get_type_hints(cls)
        cls.__doc__ = f"{inspect.cleandoc(cls.__doc__)}\n\n{describe_hyperparameters(cls)}"

    def _check_parameters(self):
        self._validate_params()
        for f in fields(self):
            value = getattr(self, f.name)
            if isinstance(value, bool | np.bool_) and f.type not in (Flag, Verbosity):
                raise InputError(f"{f.name} is {value}; it takes no boolean.")
            if f.type in (Widths, MapSize) and not all(map(is_count, value)):
                raise InputError(f"{f.name} is {value!r}; it takes integers >= 1, up to {LARGEST}.")
            if f.type is MapSize and len(value) != 2:
                raise InputError(f"{f.name} is {value!r}; it takes two integers, rows and columns.")

    def _n_prototypes(self):
        return int(np.prod(getattr(self, "map_size", getattr(self, "n_clusters", 1))))

    def _check_training_set(self, X):
        """Check the parameters, and X, which has at least a sample per prototype."""
        self._check_parameters()
        checked = checks.check_samples(self._check_input(X, reset=True), self._n_prototypes())
        checks.advise_on_scale(self, X, checked)
        return checked

    def _check_input(self, X, reset=False):
        """X as a C-contiguous float32 array, checked; copied only where it is not one already."""
        X, options = checks.check_table(X), {"order": "C", "ensure_all_finite": False}
        with np.errstate(over="ignore", invalid="ignore"):
            X = validate_data(self, X, dtype=np.float32, reset=reset, **options)
            return checks.check_finite(X)

    def _embed(self, X):
        """X in the space where the prototypes live."""
        return X

    def save(self, path):
        """Write the fitted estimator to one file without a pickle; see `storage.save`."""
        check_is_fitted(self)
        storage.save(self, path)


class NearestPrototype(base.ClusterMixin):
    """Gives every sample the nearest of its prototypes, ``cluster_centers_``."""

    def _assign(self, z):
        return nearest_prototypes(z, self.cluster_centers_)

    def predict(self, X):
        """Index of the nearest prototype of every sample; for a map, of the best-matching unit.

        From X (n_samples, n_features) to an ndarray of int (n_samples,); a map's units are counted
        row by row.
        """
        check_is_fitted(self)
        return self._assign(self._embed(self._check_input(X)))

    def score(self, X, y=None):
        """Minus the mean distance from X to the nearest prototype, decoded if need be: <= 0.

        Higher is better, at equal numbers of units, for more of them always score higher.
        """
        check_is_fitted(self)
        prototypes = getattr(self, "decode", np.asarray)(self.cluster_centers_)
        return -quantization_error(self._check_input(X), prototypes)


class KerasEstimator(Estimator):
    """Learns a Keras model, ``model_``, which ``_build_model(n_features, seeds)`` gives."""

    batch_size: Count = hyperparameter(256, "Samples per training step.")
    learning_rate: Positive = hyperparameter(0.001, "Step size of Adam.")

    def _start(self, X):
        """Build ``model_`` with random weights, and give the generator of the samples."""
        seeds, rng = random_streams(self.random_state)
        self.model_ = self._build_model(X.shape[1], seeds)
        return rng

    def _optimizer(self):
        return adam(self.learning_rate)

    def _train(self, X, rng, callback=None, **options):
        """Train ``model_`` on shuffled batches, and keep the curves as ``history_``."""
        self.model_.compile(optimizer=self._optimizer())
        lengths = self.iterations, self.batch_size
        self.history_ = train(self.model_, X, *lengths, rng, callback, self.verbose, **options)

    def __getstate__(self):
        """State for copies and storage: of the Keras model, its description and its weights."""
        state = super().__getstate__().copy()
        if "model_" in state:
            description = keras.saving.serialize_keras_object(self.model_)
            weights = self.model_.get_weights()
            state["model_"] = {"description": json.dumps(description), "weights": weights}
        return state

    def __setstate__(self, state):
        """Rebuild the Keras model around its weights."""
        state = state.copy()
        stored = state.pop("model_", None)
        super().__setstate__(state)
        if stored is not None:
            self.model_ = keras.saving.deserialize_keras_object(json.loads(stored["description"]))
            self.model_.set_weights(stored["weights"])


class NetworkEstimator(base.ClassNamePrefixFeaturesOutMixin, base.TransformerMixin, KerasEstimator):
    """Learns a model with an ``encoder`` and a ``decoder``; its prototypes are latent codes."""

    hidden_units: Widths = hyperparameter((500, 500, 2000), "Encoder's layers; mirrored to decode.")
    latent_dim: Count = hyperparameter(10, "Dimension of the latent space.")

    def _embed(self, X):
        return apply(self.model_.encoder, X)

    @property
    def _n_features_out(self):
        return self.model_.encoder.output_shape[1]

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags

    def transform(self, X):
        """Latent codes z: from X (n_samples, n_features) to float32 (n_samples, latent_dim)."""
        check_is_fitted(self)
        return self._embed(self._check_input(X))

    def decode(self, Z):
        """Reconstruction of any latent codes, those of samples or prototypes, in the space of X.

        From finite Z (n_codes, latent_dim) to an ndarray of float32 (n_codes, n_features).
        """
        check_is_fitted(self)
        Z, latent_dim = checks.as_array("Z", Z, np.float32), self._n_features_out
        if Z.ndim != 2 or Z.shape[1] != latent_dim or not np.isfinite(Z).all():
            wanted = f"finite codes of shape (n_codes, {latent_dim})"
            raise InputError(f"Z has shape {Z.shape}; decode takes {wanted}.")
        return apply(self.model_.decoder, Z)

    def inverse_transform(self, Z):
        """Reconstruction of latent codes, as `decode`: the name by which pipelines know it."""
        return self.decode(Z)
