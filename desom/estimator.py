"""What the methods share: scikit-learn's conventions, checks, codes, maps, and one-file storage."""

import json
import math
from numbers import Integral, Real

import numpy as np
from keras.random import SeedGenerator
from scipy.sparse import issparse
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    ClusterMixin,
    TransformerMixin,
)
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import check_is_fitted, validate_data

from desom.engine.backends import adam
from desom.engine.loop import train
from desom.engine.prediction import apply, nearest_prototypes
from desom.errors import InputError
from desom.storage import atomic_write

_CLASSES = {}


LARGEST = 2**31 - 1


COUNT = [Interval(Integral, 1, LARGEST, closed="both")]


POSITIVE = [Interval(Real, 0, None, closed="neither")]


NON_NEGATIVE = [Interval(Real, 0, None, closed="left")]


def _is_count(value):
    return isinstance(value, Integral) and not isinstance(value, bool) and 1 <= value <= LARGEST


def as_array(name, values, dtype=None):
    """Give values as an array, or an error that names them, as NumPy's own do not.

    Parameters
    ----------
    name : str
        What they are, for the message.
    values : array-like
        The values.
    dtype : dtype, optional
        Type of the array.

    Returns
    -------
    ndarray
        A copy only where one is needed.

    Raises
    ------
    ValueError, TypeError
        If they are no array, or not of the type.
    """
    try:
        return np.asarray(values, dtype=dtype)
    except (TypeError, ValueError, OverflowError) as error:
        kind = TypeError if isinstance(error, TypeError) else InputError
        raise kind(f"{name} cannot be read as an array of numbers: {error}.") from None


def check_numbers(X):
    """Raise TypeError or ValueError unless X holds what can be read as numbers.

    Parameters
    ----------
    X : array-like or sparse matrix
        The samples.
    """
    # scikit-learn has a sentence of its own for an array of complex numbers.
    numbers = "biufc" if hasattr(X, "dtype") else "biuf"
    if not issparse(X) and as_array("X", X).dtype.kind not in numbers:
        as_array("X", X, np.float32)


class StoredEstimator(BaseEstimator):
    """A scikit-learn estimator that can be written to one file without a pickle."""

    _parameter_constraints = {"random_state": ["random_state"], "verbose": ["boolean"]}

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        _CLASSES[cls.__name__] = cls

    def _check_parameters(self):
        self._validate_params()
        # To Python True is 1, but not to every library below.
        for name, value in self.get_params().items():
            boolean = {"boolean", "verbose"} & set(map(str, self._parameter_constraints[name]))
            if isinstance(value, bool | np.bool_) and not boolean:
                raise InputError(f"{name} is {value}; it takes no boolean.")

    def _check_input(self, X, *, reset=False):
        """X as a C-contiguous float32 array, checked; copied only where it is not one already."""
        if not hasattr(X, "shape"):
            X = as_array("X", X)
        if len(X.shape) != 2:
            raise InputError(
                f"X has shape {tuple(X.shape)}. Reshape your data to (n_samples, n_features)."
            )
        if np.ma.is_masked(X):
            raise InputError("X has masked values; fill them, or leave out their samples.")
        check_numbers(X)
        with np.errstate(over="ignore", invalid="ignore"):
            X = validate_data(
                self, X, dtype=np.float32, order="C", reset=reset, ensure_all_finite=False
            )
            # A finite sum has finite parts, and takes no memory; one that overflows says nothing.
            finite = np.isfinite(X.sum()) or np.isfinite(X).all()
        if not finite:
            raise InputError("X contains NaN or infinity, or numbers too large for float32.")
        return X

    def _random_streams(self):
        """Two independent generators that ``random_state`` determines: weights, and samples."""
        draws = check_random_state(self.random_state).randint(2**31 - 1, size=2)
        return SeedGenerator(int(draws[0])), np.random.default_rng(draws[1])

    def save(self, path):
        """Write the fitted estimator to one ``.npz`` file: arrays and JSON text, no pickle.

        Parameters
        ----------
        path : str or Path
            The file to write; replaced if it exists.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        InputError
            If a parameter, such as a generator as ``random_state``, has no exact text form.
        """
        check_is_fitted(self)
        if not (self.random_state is None or isinstance(self.random_state, Integral)):
            raise InputError(
                f"random_state is {self.random_state!r}; an estimator can be saved when it is "
                "None or an integer."
            )
        state = self.__getstate__()
        snapshots = state.pop("snapshots_", {})
        weights = {f"weight_{i}": weight for i, weight in enumerate(state.pop("model_", []))}
        arrays = {name: value for name, value in state.items() if isinstance(value, np.ndarray)}
        # Names of columns are Python objects, which only a pickle could hold as they are.
        texts = {name: v.astype(str) for name, v in arrays.items() if v.dtype == object}
        parameters = self.get_params()
        for name, value in parameters.items():
            try:
                json.dumps(value, default=np.generic.item)
            except TypeError:
                raise InputError(
                    f"{name} is a {type(value).__name__}; an estimator can be saved when its "
                    "parameters are numbers, texts, or tuples of them."
                ) from None
        header = {
            "estimator": type(self).__name__,
            "parameters": parameters,
            "state": {k: v for k, v in state.items() if k not in arrays and k not in parameters},
        }
        text = np.array(json.dumps(header, default=np.generic.item))
        with atomic_write(path) as file:
            named = {f"snapshot_{name}": values for name, values in snapshots.items()}
            np.savez(file, header=text, **weights, **named, **arrays | texts)


class KerasEstimator(StoredEstimator):
    """A scikit-learn estimator whose learned state is a Keras model, ``model_``.

    A subclass has ``_build_model(n_features, seeds)``, which gives the model with random weights.
    """

    _parameter_constraints = StoredEstimator._parameter_constraints | {
        "iterations": COUNT,
        "batch_size": COUNT,
        "learning_rate": POSITIVE,
    }

    def _start(self, X):
        """Build ``model_`` with random weights, and give the generator of the samples."""
        seeds, rng = self._random_streams()
        self.model_ = self._build_model(X.shape[1], seeds)
        return rng

    def _optimizer(self):
        return adam(self.learning_rate)

    def _train(self, X, rng, callback=None, **refreshing):
        """Train ``model_`` on shuffled batches, and keep the curves as ``history_``."""
        self.model_.compile(optimizer=self._optimizer())
        self.history_ = train(
            self.model_,
            X,
            self.iterations,
            self.batch_size,
            rng,
            callback,
            self.verbose,
            **refreshing,
        )

    def __getstate__(self):
        """State for copy and pickle, where the Keras model is the list of its weights."""
        state = super().__getstate__().copy()
        if "model_" in state:
            state["model_"] = state["model_"].get_weights()
        return state

    def __setstate__(self, state):
        """Rebuild the Keras model around its weights."""
        weights = state.pop("model_", None)
        super().__setstate__(state)
        if weights is not None:
            self.model_ = self._build_model(self.n_features_in_, SeedGenerator(0))
            self.model_.set_weights(weights)


class CodingEstimator(ClassNamePrefixFeaturesOutMixin, TransformerMixin, KerasEstimator):
    """An estimator whose Keras model has an ``encoder`` and a ``decoder``.

    Its parameters ``hidden_units`` and ``latent_dim`` give their widths.
    """

    _parameter_constraints = {"hidden_units": [tuple, list], "latent_dim": COUNT}

    def _check_parameters(self):
        super()._check_parameters()
        if not all(map(_is_count, self.hidden_units)):
            raise InputError(
                f"hidden_units is {self.hidden_units!r}; it takes integers >= 1, up to {LARGEST}."
            )

    def _embed(self, X):
        return apply(self.model_.encoder, X)

    @property
    def _n_features_out(self):
        return self.latent_dim

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags

    def transform(self, X):
        """Latent code z of every sample.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The samples.

        Returns
        -------
        ndarray of float32, shape (n_samples, latent_dim)
            The codes.
        """
        check_is_fitted(self)
        return self._embed(self._check_input(X))

    def decode(self, Z):
        """Reconstruction, in the space of X, of any latent codes: those of samples or prototypes.

        Parameters
        ----------
        Z : array-like of shape (n_codes, latent_dim)
            Points of the latent space.

        Returns
        -------
        ndarray of float32, shape (n_codes, n_features)
            The decoded points.

        Raises
        ------
        InputError
            If Z is not a finite array of that shape.
        """
        check_is_fitted(self)
        Z = as_array("Z", Z, np.float32)
        if Z.ndim != 2 or Z.shape[1] != self.latent_dim or not np.isfinite(Z).all():
            raise InputError(
                f"Z has shape {Z.shape}; decode takes finite codes of shape "
                f"(n_codes, {self.latent_dim})."
            )
        return apply(self.model_.decoder, Z)


class PrototypeEstimator(ClusterMixin, StoredEstimator):
    """A method that gives every sample its nearest prototype, one of ``cluster_centers_``.

    The prototypes live in the space that ``_embed`` takes X to. A parameter, whose name a subclass
    has as ``_size``, says how many there are.
    """

    def _n_prototypes(self):
        size = getattr(self, self._size)
        return size if isinstance(size, Integral) else math.prod(map(int, size))

    def _check_training_set(self, X):
        """Check the parameters, and X as input with at least a sample per prototype."""
        self._check_parameters()
        X = self._check_input(X, reset=True)
        wanted, size = self._n_prototypes(), getattr(self, self._size)
        if len(X) < wanted:
            raise InputError(
                f"X has {len(X)} sample{'s' * (len(X) > 1)}, fewer than the {wanted} prototypes "
                f"of {self._size}={size}; give at least {wanted}, or ask for fewer prototypes."
            )
        return X

    def _embed(self, X):
        return X

    def _assign(self, z):
        return nearest_prototypes(z, self.cluster_centers_)

    def predict(self, X):
        """Nearest prototype of every sample; for a map, the best-matching unit.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The samples.

        Returns
        -------
        ndarray of int, shape (n_samples,)
            Index of the nearest prototype, a map's units counted row by row.
        """
        check_is_fitted(self)
        return self._assign(self._embed(self._check_input(X)))


class MapEstimator(PrototypeEstimator):
    """A method whose prototypes are the units of a map."""

    _parameter_constraints = StoredEstimator._parameter_constraints | {"map_size": [tuple, list]}
    _size = "map_size"

    # The shape of a map that has no parameters for it.
    topology, toroidal = "rectangular", False

    def _check_parameters(self):
        super()._check_parameters()
        size = self.map_size
        if len(size) != 2 or not all(map(_is_count, size)):
            raise InputError(f"map_size is {size!r}; it takes two integers >= 1, rows and columns.")
