"""DESOM, the deep embedded self-organizing map.

Forest, Lebbah, Azzag, Lacaille: Deep Embedded SOM: Joint Representation Learning and
Self-Organization, ESANN 2019.
"""

import keras

from desom.autoencoder import (
    PRETRAINING,
    Precision,
    Pretraining,
    build_networks,
    copy_networks,
    first_phase,
    reconstruction_loss,
)
from desom.estimator import (
    Model,
    Natural,
    NetworkEstimator,
    NonNegative,
    all_or_nothing,
    hyperparameter,
)
from desom.som import OnAMap


def desom_loss(reconstruction_loss, som_loss, gamma):
    """L = L_r + gamma L_som, all scalars (ESANN 2019, loss function).

    L_r is a mean over features here, see `reconstruction_loss`, and L_som a sum over units.
    """
    return reconstruction_loss + gamma * som_loss


class DESOMModel(Model):
    """Encoder, decoder and map as one Keras model, with the joint loss.

    From x to a dictionary: its ``latent`` codes, ``reconstruction`` and ``squared_distances``.
    """

    def __init__(self, encoder, decoder, som, gamma):
        x = keras.Input(encoder.input_shape[1:], name="x")
        z = encoder(x)
        outputs = {"latent": z, "reconstruction": decoder(z), "squared_distances": som(z)}
        super().__init__(inputs=x, outputs=outputs, name="desom")
        self.encoder, self.decoder, self.som, self.gamma = encoder, decoder, som, gamma
        self.reconstruction_tracker = keras.metrics.Mean(name="reconstruction_loss")
        self.som_tracker = keras.metrics.Mean(name="som_loss")

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """L of a batch; a training step first moves the map's clock."""
        if training:
            self.som.tick()
        loss_r = reconstruction_loss(x, y_pred["reconstruction"])
        loss_som = self.som.loss(y_pred["squared_distances"])
        self.reconstruction_tracker.update_state(loss_r)
        self.som_tracker.update_state(loss_som)
        return desom_loss(loss_r, loss_som, self.gamma)


class DESOM(OnAMap, NetworkEstimator):
    """Deep embedded self-organizing map: an autoencoder and a map of its latent space, jointly.

    The defaults are the paper's. After `fit`: ``cluster_centers_``, the prototypes, float32 of
    shape (K, latent_dim), which ``decode`` shows; ``labels_``, the best-matching units; the curves
    ``history_``, with ``reconstruction_loss`` and ``som_loss``; ``model_``, a `DESOMModel`.
    """

    dtype: Precision = hyperparameter("float32", "Precision of the products; see `build_networks`.")
    pretrain_iterations: Natural = hyperparameter(0, "Steps of the autoencoder alone, before.")
    pretraining: Pretraining = PRETRAINING
    gamma: NonNegative = hyperparameter(0.001, "Weight of L_som; in the paper's sum, gamma * D.")

    def _build_model(self, n_features, seeds):
        shape = n_features, self.hidden_units, self.latent_dim, seeds
        networks = build_networks(*shape, dtype=self.dtype)
        return DESOMModel(*networks, self._som_layer(), self.gamma)

    def _start(self, X, autoencoder=None):
        rng = super()._start(X)
        if autoencoder or self.pretrain_iterations:
            copy_networks(first_phase(self, X, autoencoder).model_, self.model_)
        return rng

    @all_or_nothing
    def fit(self, X, y=None, callback=None, autoencoder=None):
        """Train on X, from random or pre-trained weights and random samples as prototypes.

        As `Kerasom.fit`; X is in [0, 1] or of unit variance, for the default gamma. ``autoencoder``
        is the pre-training, if it is done already: what ``first_phase(self, X)`` gives.
        """
        X = self._check_training_set(X)
        return self._organize(X, self._start(X, autoencoder), callback)
