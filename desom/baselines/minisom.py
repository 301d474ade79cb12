"""The self-organizing map of the minisom package (Vettigli, 2018): Kohonen's online rule."""

from numbers import Real

import numpy as np
from minisom import MiniSom
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions

from desom.estimator import COUNT, MapEstimator

# Above 1, a step can go past its sample, and the prototypes to infinity.
RATE = [Interval(Real, 0, 1, closed="right")]
# The package squares the width, and divides by what is left.
WIDTH = [Interval(Real, 1e-100, None, closed="left")]

_DECAYS = {"asymptotic": "asymptotic_decay", "linear": "linear_decay_to_zero"}


class Minisom(MapEstimator):
    """Kohonen's map, one sample at a time: m_k += eta(t) h_k(t) (x - m_k).

    The neighborhood h is exp(-d² / 2 sigma²), d the Euclidean distance on the grid. sigma decays to
    a third of its beginning, sigma(t) = sigma / (1 + 2t / iterations), as the package does by
    default; eta decays likewise, or linearly to 0.

    Parameters
    ----------
    map_size : tuple of two int, default=(8, 8)
        Rows and columns of the map.
    sigma : float, default=1.0
        Width of the neighborhood at the beginning, in steps on the map.
    learning_rate : float, default=0.5
        eta at the beginning, at most 1.
    decay : {"asymptotic", "linear"}, default="linear"
        How eta decays.
    iterations : int, default=70_000
        Samples presented: X in its order, over and over, shuffled as a whole. Of fewer than all,
        these are the first of X.
    random_state : int, RandomState or None, default=None
        Determines the initial prototypes, random unit vectors, and the order of the samples.

    Attributes
    ----------
    cluster_centers_ : ndarray of float32, shape (n_units, n_features)
        The prototypes, in the space of X.
    labels_ : ndarray of int, shape (n_samples,)
        Best-matching unit of every training sample.
    n_features_in_ : int
        Number of features of X.
    """

    _parameter_constraints = MapEstimator._parameter_constraints | {
        "sigma": WIDTH,
        "learning_rate": RATE,
        "decay": [StrOptions(set(_DECAYS))],
        "iterations": COUNT,
    }

    def __init__(
        self,
        map_size=(8, 8),
        *,
        sigma=1.0,
        learning_rate=0.5,
        decay="linear",
        iterations=70_000,
        random_state=None,
    ):
        self.map_size = map_size
        self.sigma = sigma
        self.learning_rate = learning_rate
        self.decay = decay
        self.iterations = iterations
        self.random_state = random_state

    def fit(self, X, y=None):
        """Present ``iterations`` samples of X to the map.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training data, at least as many samples as the map has units.
        y : None
            Ignored.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If a parameter or X cannot be used; one sentence says which and why.
        """
        X = self._check_training_set(X)
        som = MiniSom(
            *self.map_size,
            X.shape[1],
            sigma=self.sigma,
            learning_rate=self.learning_rate,
            decay_function=_DECAYS[self.decay],
            random_seed=check_random_state(self.random_state).randint(2**31 - 1),
        )
        som.train(X, self.iterations, random_order=True)
        units = som.get_weights().reshape(-1, X.shape[1])
        self.cluster_centers_ = units.astype(np.float32)
        self.labels_ = self._assign(X)
        return self
