"""AEC: an autoencoder whose codes move to the means of their clusters.

Song, Liu, Huang, Wang, Tan: Auto-encoder Based Data Clustering, CIARP 2013.
"""

import numpy as np
from keras import ops

from desom.baselines._clustering import ClusteringModel, DeepClustering
from desom.estimator import Count, NonNegative, hyperparameter


def means_of_members(codes, labels, centers):
    """m_k = mean of the codes with label k; a center without members stays where it is.

    From codes (N, d), labels (N,) in 0..K-1 and the present centers (K, d) to the new ones.
    """
    memberships = np.eye(len(centers), dtype=codes.dtype)[labels]
    counts = memberships.sum(axis=0)[:, None]
    return np.where(counts > 0, memberships.T @ codes / np.maximum(counts, 1), centers)


def compactness_loss(squared_distances, labels):
    """L_c = 1/N sum_i ‖z_i - m_s(i)‖², with the cluster s(i) of a point held fixed (CIARP 2013).

    The squared distances are (B, K), the labels s(i) are (B,), in 0..K-1.
    """
    return ops.mean(ops.take_along_axis(squared_distances, labels[:, None], axis=1))


class AECModel(ClusteringModel):
    """Encoder, decoder and centers that no gradient moves, with the compactness loss as L_c."""

    def clustering_loss(self, y_pred, targets, training):
        """L_c of a batch whose samples have these labels."""
        return compactness_loss(y_pred["squared_distances"], targets)


class AEC(DeepClustering):
    """Auto-encoder based clustering: L = D L_r + lam L_c; ``history_`` has L / D.

    Centers and labels, which the network follows, are updated in turns.
    """

    lam: NonNegative = hyperparameter(0.006, "The paper's lambda: weight of L_c beside D L_r.")
    update_interval: Count = hyperparameter(274, "Steps between two updates; here a MNIST epoch.")

    def _build_model(self, n_features, seeds):
        parts = self._build_parts(n_features, seeds, trainable=False)
        return AECModel(*parts, self.lam / n_features)

    def _schedule(self, X):
        def refresh():
            """Move the centers to the means of their members; give every sample its nearest."""
            self._read_centers()
            codes = self._embed(X)
            self.cluster_centers_ = means_of_members(codes, self.labels_, self.cluster_centers_)
            self.model_.centers.centers.assign(self.cluster_centers_)
            self.labels_ = self._assign(codes)
            return self.labels_.astype(np.int32)

        return {"refresh": refresh, "refresh_interval": self.update_interval}
