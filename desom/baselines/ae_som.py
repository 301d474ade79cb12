"""A map of the codes of a frozen autoencoder: the two phases that DESOM makes one.

Forest et al., ESANN 2019, section 3: ``AE+minisom`` and ``AE+kerasom``.
"""

from desom.autoencoder import PRETRAINING, Pretraining, first_phase
from desom.baselines.minisom import Minisom, OnAKohonenMap
from desom.estimator import Count, NetworkEstimator, Positive, Rate, all_or_nothing, hyperparameter
from desom.som import Kerasom, OnAMap


class TwoPhaseMap(NetworkEstimator):
    """Trains an autoencoder on reconstruction, freezes it, and trains a ``_map`` on its codes.

    After `fit`: what the map learns, in the latent space; ``history_`` also has the autoencoder's
    curves ``pretrain_iteration`` and ``reconstruction_loss``; ``model_`` is its `AutoencoderModel`.
    """

    pretrain_iterations: Count = hyperparameter(5_000, "Training steps of the autoencoder.")
    pretraining: Pretraining = PRETRAINING

    def _fit_phases(self, X, autoencoder, **options):
        X = self._check_training_set(X)
        first = first_phase(self, X, autoencoder)
        self.model_ = first.model_
        own = {name: getattr(self, name) for name in self._map().get_params()}
        second = self._map(**own | {"learning_rate": self.som_learning_rate})
        second.fit(self._embed(X), **options)
        self.history_ = getattr(second, "history_", {}) | {
            "pretrain_iteration": first.history_["iteration"],
            "reconstruction_loss": first.history_["loss"],
        }
        self.cluster_centers_, self.labels_ = second.cluster_centers_, second.labels_
        return self


class AEKerasom(OnAMap, TwoPhaseMap):
    """``kerasom`` on the codes of a frozen autoencoder: DESOM's two losses, one after the other."""

    som_learning_rate: Positive = hyperparameter(0.01, "Step size of Adam, for the map.")
    _map = Kerasom

    @all_or_nothing
    def fit(self, X, y=None, callback=None, autoencoder=None):
        """Train the autoencoder on X, then the map on the codes; as `DESOM.fit` otherwise."""

        def at_point(som, iteration):
            self.cluster_centers_ = som.cluster_centers_
            callback(self, iteration)

        return self._fit_phases(X, autoencoder, callback=at_point if callback else None)


class AEMinisom(OnAKohonenMap, TwoPhaseMap):
    """``minisom`` on the codes of a frozen autoencoder."""

    som_learning_rate: Rate = hyperparameter(0.5, "Learning rate of the map at the beginning.")
    _map = Minisom

    @all_or_nothing
    def fit(self, X, y=None, autoencoder=None):
        """Train the autoencoder on X, then the map on the codes; as `DESOM.fit` otherwise."""
        return self._fit_phases(X, autoencoder)
