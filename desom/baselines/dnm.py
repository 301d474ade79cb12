"""Deep Neural Maps: codes that gather around the nodes of a map by Kohonen's rule.

Pesteie, Abolmaesumi, Rohling: Deep Neural Maps, ICLR 2018 workshop.
"""

import keras
from keras import ops

from desom.autoencoder import PRETRAINING, Pretraining, build_networks, copy_networks, first_phase
from desom.baselines._clustering import ClusteringModel
from desom.baselines.dec import self_training_loss, soft_assignments
from desom.estimator import (
    Count,
    NetworkEstimator,
    NonNegative,
    Step,
    all_or_nothing,
    hyperparameter,
)
from desom.som import OnAMap, SOMLayer, best_matching_units, neighborhood_weights, squared_distances


def sharpened(q):
    """p_ik = q_ik² / sum over k' of q_ik'² (B, K), held fixed: the authors' target, point by point.

    DEC also divides by the size of the cluster; here a map may leave nodes empty.
    """
    squares = ops.square(q)
    return ops.stop_gradient(squares / ops.sum(squares, axis=1, keepdims=True))


def kohonen_step(prototypes, z, weights, alpha):
    """m_k <- m_k + alpha w_ik (z_i - m_k), for all points of a batch at once (ICLR 2018).

    As the points in turn would, it leaves a share prod_i (1 - alpha w_ik) of m_k; their weighted
    mean takes the rest. From prototypes (K, d), codes (B, d), weights (B, K) in [0, 1] and a
    learning rate in [0, 1) to prototypes.
    """
    kept = ops.exp(ops.sum(ops.log1p(-alpha * weights), axis=0))[:, None]
    totals = ops.maximum(ops.sum(weights, axis=0)[:, None], 1e-30)
    means = ops.matmul(ops.transpose(weights), z) / totals
    return kept * prototypes + (1 - kept) * means


@keras.saving.register_keras_serializable("desom")
class KohonenLayer(SOMLayer):
    """A `SOMLayer` whose prototypes move by Kohonen's rule, and not by gradient.

    ``alpha`` is the first learning rate, which decays as the temperature does.
    """

    def __init__(self, alpha, **kwargs):
        super().__init__(**kwargs)
        self.alpha = alpha

    def build(self, input_shape):
        """Create the K prototypes, which no optimizer sees."""
        super().build(input_shape)
        self.prototypes.trainable = False

    def call(self, z):
        """Squared distances of the points to the prototypes as they are now, of shape (B, K)."""
        # PyTorch moves prototypes in place, and needs the old ones for the gradient.
        return squared_distances(z, ops.copy(self.prototypes))

    def move(self, z, squared_distances):
        """Move the prototypes to a batch of codes."""
        temperature = self.temperature()
        bmus = best_matching_units(squared_distances)
        weights = neighborhood_weights(self.distances_from(bmus), temperature)
        alpha = self.alpha * temperature / self.t_max
        self.prototypes.assign(kohonen_step(self.prototypes, z, weights, alpha))


class DNMModel(ClusteringModel):
    """Encoder, decoder and map, with the self-training loss towards sharpened targets as L_c."""

    som = property(lambda self: self.centers, doc="The map, in the place of the centers.")

    def clustering_loss(self, y_pred, targets, training):
        """L_c of a batch; a training step then moves the clock and the prototypes."""
        squared_distances = y_pred["squared_distances"]
        q = soft_assignments(squared_distances)
        if training:
            self.som.tick()
            self.som.move(y_pred["latent"], squared_distances)
        return self_training_loss(sharpened(q), q)


class DNM(OnAMap, NetworkEstimator):
    """Deep neural map: pre-trained autoencoder, then a map by Kohonen's rule, L = D L_r + lam L_c.

    After `fit`: what `DESOM` learns; ``history_`` has L / D as ``loss`` and ``clustering_loss`` in
    the place of ``som_loss``; ``model_`` is a `DNMModel`.
    """

    pretrain_iterations: Count = hyperparameter(5_000, "Training steps of the autoencoder alone.")
    pretraining: Pretraining = PRETRAINING
    iterations: Count = hyperparameter(5_000, "Training steps that follow.")
    lam: NonNegative = hyperparameter(1.0, "Weight of the clustering loss beside D L_r.")
    alpha: Step = hyperparameter(0.3, "First learning rate of Kohonen's rule; it decays as T does.")

    def _build_model(self, n_features, seeds):
        networks = build_networks(n_features, self.hidden_units, self.latent_dim, seeds)
        som = self._som_layer(KohonenLayer, alpha=float(self.alpha))
        return DNMModel(*networks, som, self.lam / n_features)

    @all_or_nothing
    def fit(self, X, y=None, callback=None, autoencoder=None):
        """Train the autoencoder on X, then the map and both networks; as `DESOM.fit` otherwise."""
        X = self._check_training_set(X)
        rng = self._start(X)
        copy_networks(first_phase(self, X, autoencoder).model_, self.model_)
        return self._organize(X, rng, callback)
