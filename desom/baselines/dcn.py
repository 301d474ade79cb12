"""DCN: k-means of the codes, one batch at a time, while the codes become friendlier to k-means.

Yang, Fu, Sidiropoulos, Hong: Towards K-means-friendly Spaces: Simultaneous Deep Learning and
Clustering, ICML 2017.
"""

import keras
from keras import ops

from desom.baselines._clustering import CentersLayer, ClusteringModel, DeepClustering
from desom.estimator import NonNegative, hyperparameter

# With how many members every cluster begins, in the authors' code.
FIRST_COUNT = 100.0


def k_means_loss(squared_distances):
    """L_c = 1/N sum_i ‖z_i - m_s(i)‖² / 2, with s(i) the nearest center (ICML 2017, eq. 5).

    The squared distances are (B, K). The paper's lambda / 2 is the half here.
    """
    return ops.mean(ops.min(squared_distances, axis=1)) / 2


def running_means(centers, counts, z, labels):
    """m_k <- m_k + (z_i - m_k) / c_k, for every point of cluster k in turn (ICML 2017, eq. 8).

    c_k counts the members so far, the new one included; as c_k m_k is a sum, a batch is added at
    once. From centers (K, d), counts (K,), codes (B, d) and labels (B,) to the new centers and
    counts.
    """
    memberships = ops.one_hot(labels, centers.shape[0])
    grown = counts + ops.sum(memberships, axis=0)
    sums = counts[:, None] * centers + ops.matmul(ops.transpose(memberships), z)
    return sums / grown[:, None], grown


@keras.saving.register_keras_serializable("desom")
class CountingCentersLayer(CentersLayer):
    """Centers that no gradient moves, and how many members each has had."""

    def build(self, input_shape):
        super().build(input_shape)
        first = keras.initializers.Constant(FIRST_COUNT)
        self.counts = self.add_weight((self.n_clusters,), initializer=first, name="counts")


class DCNModel(ClusteringModel):
    """Encoder, decoder and running means, with the k-means loss as L_c."""

    def clustering_loss(self, y_pred, targets, training):
        """L_c of a batch; a training step then moves the centers to the batch."""
        squared_distances = y_pred["squared_distances"]
        if training:
            labels = ops.argmin(squared_distances, axis=1)
            layer = self.centers
            moved = running_means(layer.centers, layer.counts, y_pred["latent"], labels)
            layer.centers.assign(moved[0])
            layer.counts.assign(moved[1])
        return k_means_loss(squared_distances)


class DCN(DeepClustering):
    """Deep clustering network: L = D L_r + lam L_c, running means; ``history_`` has L / D."""

    lam: NonNegative = hyperparameter(1.0, "The paper's lambda: weight of L_c beside D L_r.")

    def _build_model(self, n_features, seeds):
        parts = self._build_parts(n_features, seeds, CountingCentersLayer, trainable=False)
        return DCNModel(*parts, self.lam / n_features)
