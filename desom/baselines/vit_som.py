"""The loss of ViT-SOM on the networks of DESOM: distances are angles, and count by their mean.

ViT-SOM, 2025, trains a vision transformer with it; here it is the loss alone that is compared.
"""

import keras
from keras import layers, ops

from desom.autoencoder import build_networks
from desom.desom import DESOM, DESOMModel
from desom.estimator import NonNegative, hyperparameter
from desom.som import SOMLayer, best_matching_units, neighborhood_weights


def cosine_distances(z, prototypes):
    """1 - z_i·m_k / (‖z_i‖ ‖m_k‖), for every pair: from (B, d) and (K, d) to (B, K), in [0, 2]."""
    z, prototypes = (ops.normalize(a, axis=1) for a in (z, prototypes))
    return 1 - ops.matmul(z, ops.transpose(prototypes))


def mean_som_loss(cosine_distances, weights):
    """L_som = 1/(N K) sum_i sum_k w_ik (1 - cos(z_i, m_k)), both (B, K): a mean over the units."""
    return ops.mean(weights * cosine_distances)


def ramp(iteration, iterations):
    """Give the share of gamma at an iteration: it rises evenly to 1 over half the training."""
    return ops.minimum(1.0, 2 * iteration / iterations)


@keras.saving.register_keras_serializable("desom")
class CosineSOMLayer(SOMLayer):
    """A map whose distances are those of angles; it takes codes, gives (B, K)."""

    def call(self, z):
        """Cosine distances of the codes to the prototypes, of shape (B, K)."""
        return cosine_distances(z, self.prototypes)

    def loss(self, cosine_distances):
        """`mean_som_loss` of a batch, at its share of gamma."""
        weights = self.distances_from(best_matching_units(cosine_distances))
        weights = neighborhood_weights(weights, self.temperature())
        share = ramp(ops.cast(self.iteration, "float32"), self.iterations)
        return share * mean_som_loss(cosine_distances, weights)


class ViTSOM(DESOM):
    """DESOM with the loss of ViT-SOM: L = L_r + gamma L_som, gamma rising; codes have length 1.

    As `DESOM` otherwise; ``cluster_centers_`` have length 1 too, and the nearest is the one at the
    smallest angle.
    """

    gamma: NonNegative = hyperparameter(0.005, "Weight of L_som, reached in mid-training.")

    def _build_model(self, n_features, seeds):
        shape = n_features, self.hidden_units, self.latent_dim, seeds
        encoder, decoder = build_networks(*shape, dtype=self.dtype)
        encoder.add(layers.UnitNormalization(dtype="float32"))
        return DESOMModel(encoder, decoder, self._som_layer(CosineSOMLayer), self.gamma)

    def _read_prototypes(self):
        self.cluster_centers_ = ops.convert_to_numpy(
            ops.normalize(self.model_.som.prototypes, axis=1)
        )
