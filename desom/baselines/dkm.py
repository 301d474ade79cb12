"""Deep k-means: k-means with a soft minimum, so that gradients train codes and centers alike.

Fard, Thonet, Gaussier: Deep k-Means: Jointly Clustering with k-Means and Learning Representations,
Pattern Recognition Letters 2020 (arXiv 2018).
"""

from keras import ops

from desom.baselines._clustering import ClusteringModel, DeepClustering
from desom.estimator import NonNegative, Positive, hyperparameter


def soft_k_means_loss(squared_distances, alpha):
    """L_c = 1/N sum_i sum_k ‖z_i - m_k‖² G_ik, G = softmax of -alpha ‖z_i - m_k‖² (2018, eq. 3, 4).

    The squared distances are (B, K). ``alpha`` is an inverse temperature: 0 gives every center the
    same part in a point, infinity all of it to the nearest one.
    """
    parts = ops.softmax(-alpha * squared_distances, axis=1)
    return ops.mean(ops.sum(parts * squared_distances, axis=1))


class DKMModel(ClusteringModel):
    """Encoder, decoder and centers, with the soft k-means loss as L_c."""

    def __init__(self, encoder, decoder, centers, weight, alpha):
        super().__init__(encoder, decoder, centers, weight)
        self.alpha = alpha

    def clustering_loss(self, y_pred, targets, training):
        """L_c of a batch."""
        return soft_k_means_loss(y_pred["squared_distances"], self.alpha)


class DKM(DeepClustering):
    """Deep k-means with pre-training: L = D L_r + lam L_c (2018, eq. 1); ``history_`` has L / D."""

    lam: NonNegative = hyperparameter(1.0, "The paper's lambda: weight of L_c beside D L_r.")
    alpha: Positive = hyperparameter(1000.0, "Inverse temperature of the soft minimum.")

    def _build_model(self, n_features, seeds):
        parts = self._build_parts(n_features, seeds)
        return DKMModel(*parts, self.lam / n_features, self.alpha)
