"""DCN: k-means of the codes, one batch at a time, while the codes become friendlier to k-means.

Yang, Fu, Sidiropoulos, Hong: Towards K-means-friendly Spaces: Simultaneous Deep Learning and
Clustering, ICML 2017.
"""

import keras
from keras import ops

from desom.autoencoder import build_networks
from desom.baselines._clustering import CentersLayer, ClusteringEstimator, ClusteringModel
from desom.estimator import NON_NEGATIVE
from desom.som import squared_distances

# With how many members every cluster begins, in the authors' code.
FIRST_COUNT = 100.0


def k_means_loss(squared_distances):
    """L_c = 1/N sum_i ‖z_i - m_s(i)‖² / 2, with s(i) the nearest center (ICML 2017, eq. 5).

    Parameters
    ----------
    squared_distances : tensor of shape (B, K)
        ‖z_i - m_k‖².

    Returns
    -------
    scalar tensor
        Averaged over the points. The paper's lambda / 2 is the half here.
    """
    return ops.mean(ops.min(squared_distances, axis=1)) / 2


def running_means(centers, counts, z, labels):
    """m_k <- m_k + (z_i - m_k) / c_k, for every point of cluster k in turn (ICML 2017, eq. 8).

    c_k counts the members so far, the new one included. The points of a batch can be taken at
    once: c_k m_k is a sum, to which they add.

    Parameters
    ----------
    centers : tensor of shape (K, d)
        The centers m_k.
    counts : tensor of shape (K,)
        The counts c_k before the batch.
    z : tensor of shape (B, d)
        Codes.
    labels : tensor of int, shape (B,)
        Their clusters, in 0..K-1.

    Returns
    -------
    centers, counts : tensor
        The same after the batch.
    """
    members = ops.one_hot(labels, centers.shape[0])
    grown = counts + ops.sum(members, axis=0)
    sums = counts[:, None] * centers + ops.matmul(ops.transpose(members), z)
    return sums / grown[:, None], grown


@keras.saving.register_keras_serializable("desom")
class CountingCentersLayer(CentersLayer):
    """Centers that no gradient moves, and how many members each has had."""

    def build(self, input_shape):
        """Create the centers and their counts."""
        super().build(input_shape)
        self.counts = self.add_weight(
            shape=(self.n_clusters,),
            initializer=lambda shape, dtype: ops.full(shape, FIRST_COUNT, dtype),
            name="counts",
        )

    def call(self, z):
        """Squared distances of the codes to the centers as they are now, of shape (B, K)."""
        # PyTorch moves centers in place, and needs the old ones for the gradient.
        return squared_distances(z, ops.copy(self.centers))


@keras.saving.register_keras_serializable("desom")
class DCNModel(ClusteringModel):
    """Encoder, decoder and running means, with the k-means loss as L_c."""

    def clustering_loss(self, y_pred, targets, training):
        """L_c of a batch; a training step then moves the centers to the batch."""
        squared_distances = y_pred["squared_distances"]
        loss = k_means_loss(squared_distances)
        if training:
            labels = ops.argmin(squared_distances, axis=1)
            layer = self.centers
            moved = running_means(layer.centers, layer.counts, y_pred["latent"], labels)
            layer.centers.assign(moved[0])
            layer.counts.assign(moved[1])
        return loss


class DCN(ClusteringEstimator):
    """Deep clustering network: L = D L_r + lam L_c; running means as centers.

    Parameters
    ----------
    n_clusters : int, default=10
        Number of clusters.
    hidden_units : tuple of int, default=(500, 500, 2000)
        Widths of the encoder's hidden layers; the decoder mirrors them.
    latent_dim : int, default=10
        Dimension of the latent space.
    lam : float, default=1.0
        The paper's lambda: weight of L_c beside a reconstruction error summed over D features.
    pretrain_iterations : int, default=5_000
        Training steps of the autoencoder alone.
    iterations : int, default=5_000
        Training steps that follow.
    batch_size : int, default=256
        Samples per step.
    learning_rate : float, default=0.001
        Step size of Adam, in both phases.
    random_state : int, RandomState or None, default=None
        Determines initial weights, k-means and the shuffling.
    verbose : bool, default=False
        Whether to show a progress bar.

    Attributes
    ----------
    cluster_centers_ : ndarray of float32, shape (n_clusters, latent_dim)
        The centers, in latent space; ``decode`` shows them in the space of X.
    labels_ : ndarray of int, shape (n_samples,)
        Cluster of every training sample: the nearest center.
    history_ : dict of str to list
        Curves over training: ``iteration``, ``loss``, which is L / D, ``reconstruction_loss``,
        ``clustering_loss``.
    model_ : DCNModel
        The trained Keras model.
    n_features_in_ : int
        Number of features of X.
    """

    _parameter_constraints = ClusteringEstimator._parameter_constraints | {"lam": NON_NEGATIVE}

    def __init__(
        self,
        n_clusters=10,
        *,
        hidden_units=(500, 500, 2000),
        latent_dim=10,
        lam=1.0,
        pretrain_iterations=5_000,
        iterations=5_000,
        batch_size=256,
        learning_rate=0.001,
        random_state=None,
        verbose=False,
    ):
        self.n_clusters = n_clusters
        self.hidden_units = hidden_units
        self.latent_dim = latent_dim
        self.lam = lam
        self.pretrain_iterations = pretrain_iterations
        self.iterations = iterations
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.random_state = random_state
        self.verbose = verbose

    def _build_model(self, n_features, seeds):
        networks = build_networks(n_features, self.hidden_units, self.latent_dim, seeds)
        centers = CountingCentersLayer(self.n_clusters, trainable=False, name="centers")
        return DCNModel(*networks, centers, self.lam / n_features)
