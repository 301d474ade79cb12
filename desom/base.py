"""What every estimator here shares: scikit-learn's conventions, checks, and one-file storage."""

import json
import zipfile
from numbers import Integral

import numpy as np
from keras.random import SeedGenerator
from sklearn.base import BaseEstimator, ClusterMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from desom.errors import InputError
from desom.files import atomic_write

_CLASSES = {}


class KerasEstimator(ClusterMixin, BaseEstimator):
    """A scikit-learn estimator whose learned state is a Keras model, ``model_``.

    A subclass has ``_build_model(n_features, seeds)``, which gives the model with random weights.
    """

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        _CLASSES[cls.__name__] = cls

    def _check_input(self, X, *, reset=False):
        """X as a C-contiguous float32 array, checked; copied only where it is not one already."""
        shape = np.shape(X) if isinstance(X, list | tuple) else getattr(X, "shape", (0, 0))
        if len(shape) != 2:
            raise InputError(
                f"X has shape {tuple(shape)}. Reshape your data to (n_samples, n_features)."
            )
        with np.errstate(over="ignore"):
            X = validate_data(
                self, X, dtype=np.float32, order="C", reset=reset, ensure_all_finite=False
            )
        if not np.isfinite(X).all():
            raise InputError("X contains NaN or infinity, or numbers too large for float32.")
        return X

    def _random_streams(self):
        """Two independent generators that ``random_state`` determines: weights, and samples."""
        draws = check_random_state(self.random_state).randint(2**31 - 1, size=2)
        return SeedGenerator(int(draws[0])), np.random.default_rng(draws[1])

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
            If ``random_state`` is a generator object, which has no exact text form.
        """
        check_is_fitted(self)
        if not (self.random_state is None or isinstance(self.random_state, Integral)):
            raise InputError(
                f"random_state is {self.random_state!r}; an estimator can be saved when it is "
                "None or an integer."
            )
        state = self.__getstate__()
        weights = {f"weight_{i}": weight for i, weight in enumerate(state.pop("model_"))}
        arrays = {name: value for name, value in state.items() if isinstance(value, np.ndarray)}
        # Names of columns are Python objects, which only a pickle could hold as they are.
        texts = {name: v.astype(str) for name, v in arrays.items() if v.dtype == object}
        parameters = self.get_params()
        header = {
            "estimator": type(self).__name__,
            "parameters": parameters,
            "state": {k: v for k, v in state.items() if k not in arrays and k not in parameters},
        }
        text = np.array(json.dumps(header, default=np.generic.item))
        with atomic_write(path) as file:
            np.savez(file, header=text, **weights, **arrays | texts)


def load(path):
    """Read an estimator that ``save`` wrote.

    Parameters
    ----------
    path : str or Path
        The file.

    Returns
    -------
    KerasEstimator
        The fitted estimator, of the class that was saved.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    InputError
        If the file is not one that ``save`` wrote.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = dict(file)
        header = json.loads(str(arrays.pop("header")))
        estimator = _CLASSES[header["estimator"]]()
        parameters, state = header["parameters"], header["state"]
    except (ValueError, KeyError, EOFError, TypeError, zipfile.BadZipFile) as error:
        raise InputError(f"{path} is not a saved estimator.") from error
    arrays = {name: v.astype(object) if v.dtype.kind == "U" else v for name, v in arrays.items()}
    weights = [arrays.pop(name) for name in list(arrays) if name.startswith("weight_")]
    # JSON has no tuples, and no parameter is a list.
    parameters = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in parameters.items()
    }
    estimator.__setstate__(parameters | state | arrays | {"model_": weights})
    return estimator
