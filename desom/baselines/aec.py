"""AEC: an autoencoder whose codes move to the means of their clusters.

Song, Liu, Huang, Wang, Tan: Auto-encoder Based Data Clustering, CIARP 2013.
"""

import numpy as np
import keras
from keras import ops

from desom.autoencoder import build_networks
from desom.baselines._clustering import CentersLayer, ClusteringEstimator, ClusteringModel
from desom.estimator import COUNT, NON_NEGATIVE


def means_of_members(codes, labels, centers):
    """m_k = mean of the codes with label k; a center without members stays where it is.

    Parameters
    ----------
    codes : ndarray of shape (N, d)
        Latent codes.
    labels : ndarray of int, shape (N,)
        Their clusters, in 0..K-1.
    centers : ndarray of shape (K, d)
        The present centers.

    Returns
    -------
    ndarray of shape (K, d)
        The new centers.
    """
    members = np.eye(len(centers), dtype=codes.dtype)[labels]
    counts = members.sum(axis=0)[:, None]
    return np.where(counts > 0, members.T @ codes / np.maximum(counts, 1), centers)


def compactness_loss(squared_distances, labels):
    """L_c = 1/N sum_i ‖z_i - m_s(i)‖², with the cluster s(i) of a point held fixed (CIARP 2013).

    Parameters
    ----------
    squared_distances : tensor of shape (B, K)
        ‖z_i - m_k‖².
    labels : tensor of int, shape (B,)
        The clusters s(i), in 0..K-1.

    Returns
    -------
    scalar tensor
        Averaged over the points.
    """
    return ops.mean(ops.take_along_axis(squared_distances, labels[:, None], axis=1))


@keras.saving.register_keras_serializable("desom")
class AECModel(ClusteringModel):
    """Encoder, decoder and centers that no gradient moves, with the compactness loss as L_c."""

    def clustering_loss(self, y_pred, targets, training):
        """L_c of a batch whose samples have these labels."""
        return compactness_loss(y_pred["squared_distances"], targets)


class AEC(ClusteringEstimator):
    """Auto-encoder based clustering: L = D L_r + lam L_c, centers and labels updated in turns.

    Parameters
    ----------
    n_clusters : int, default=10
        Number of clusters.
    hidden_units : tuple of int, default=(500, 500, 2000)
        Widths of the encoder's hidden layers; the decoder mirrors them.
    latent_dim : int, default=10
        Dimension of the latent space.
    lam : float, default=0.006
        The paper's lambda: weight of L_c beside a reconstruction error summed over D features.
    pretrain_iterations : int, default=5_000
        Training steps of the autoencoder alone.
    iterations : int, default=5_000
        Training steps that follow.
    update_interval : int, default=274
        Steps between two updates of centers and labels; by default an epoch of MNIST.
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
    model_ : AECModel
        The trained Keras model.
    n_features_in_ : int
        Number of features of X.
    """

    _parameter_constraints = ClusteringEstimator._parameter_constraints | {
        "lam": NON_NEGATIVE,
        "update_interval": COUNT,
    }

    def __init__(
        self,
        n_clusters=10,
        *,
        hidden_units=(500, 500, 2000),
        latent_dim=10,
        lam=0.006,
        pretrain_iterations=5_000,
        iterations=5_000,
        update_interval=274,
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
        self.update_interval = update_interval
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.random_state = random_state
        self.verbose = verbose

    def _build_model(self, n_features, seeds):
        networks = build_networks(n_features, self.hidden_units, self.latent_dim, seeds)
        centers = CentersLayer(self.n_clusters, trainable=False, name="centers")
        return AECModel(*networks, centers, self.lam / n_features)

    def _refresh(self, X):
        """Move the centers to the means of their members, then give every sample its nearest."""
        self._read_centers()
        codes = self._embed(X)
        self.cluster_centers_ = means_of_members(codes, self.labels_, self.cluster_centers_)
        self.model_.centers.centers.assign(self.cluster_centers_)
        self.labels_ = self._assign(codes)
        return self.labels_.astype(np.int32)
