"""The self-organizing map of the minisom package (Vettigli, 2018): Kohonen's online rule."""

from dataclasses import dataclass

import numpy as np
from minisom import MiniSom
from sklearn.utils import check_random_state

from desom.estimator import (
    Count,
    Estimator,
    MapSize,
    NearestPrototype,
    Rate,
    Width,
    all_or_nothing,
    hyperparameter,
    one_of,
)

RATE_DECAYS = {"asymptotic": "asymptotic_decay", "linear": "linear_decay_to_zero"}


@dataclass(repr=False, eq=False)
class OnAKohonenMap(NearestPrototype):
    """What the maps of the minisom package share."""

    map_size: MapSize = hyperparameter((8, 8), "Rows and columns of the map.", kw_only=False)
    # The package squares it, and divides by what is left.
    sigma: Width = hyperparameter(1.0, "First width of the neighborhood, in steps on the map.")
    decay: one_of(*RATE_DECAYS) = hyperparameter("linear", "How the learning rate decays.")
    iterations: Count = hyperparameter(70_000, "Samples presented to the map.")


class Minisom(OnAKohonenMap, Estimator):
    """Kohonen's map, one sample at a time: m_k += eta(t) h_k(t) (x - m_k).

    The neighborhood h is exp(-d² / 2 sigma²), d the Euclidean distance on the grid. sigma decays to
    a third, sigma(t) = sigma / (1 + 2t / iterations), as the package does by default; eta likewise,
    or linearly to 0. The map begins with random unit vectors; it is shown X in its order, over and
    over, shuffled as a whole: of fewer than all, the first of X.

    After `fit`: ``cluster_centers_``, the prototypes, float32 of shape (K, n_features);
    ``labels_``, the best-matching units (n_samples,).
    """

    # Above 1, a step can go past its sample, and the prototypes to infinity.
    learning_rate: Rate = hyperparameter(0.5, "eta at the beginning.")

    @all_or_nothing
    def fit(self, X, y=None):
        """Present ``iterations`` samples of X to the map; as `Kerasom.fit` otherwise."""
        X = self._check_training_set(X)
        som = MiniSom(
            *self.map_size,
            X.shape[1],
            sigma=self.sigma,
            learning_rate=self.learning_rate,
            decay_function=RATE_DECAYS[self.decay],
            random_seed=check_random_state(self.random_state).randint(2**31 - 1),
        )
        som.train(X, self.iterations, random_order=True, verbose=bool(self.verbose))
        units = som.get_weights().reshape(-1, X.shape[1])
        self.cluster_centers_ = units.astype(np.float32)
        self.labels_ = self._assign(X)
        return self
