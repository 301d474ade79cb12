"""Deep k-means: k-means with a soft minimum, so that gradients train codes and centers alike.

Fard, Thonet, Gaussier: Deep k-Means: Jointly Clustering with k-Means and Learning Representations,
Pattern Recognition Letters 2020 (arXiv 2018).
"""

from keras import ops

from desom.autoencoder import build_networks
from desom.baselines._clustering import CentersLayer, ClusteringEstimator, ClusteringModel
from desom.estimator import NON_NEGATIVE, POSITIVE


def soft_k_means_loss(squared_distances, alpha):
    """L_c = 1/N sum_i sum_k ‖z_i - m_k‖² G_ik, G = softmax of -alpha ‖z_i - m_k‖² (2018, eq. 3, 4).

    Parameters
    ----------
    squared_distances : tensor of shape (B, K)
        ‖z_i - m_k‖².
    alpha : float
        Inverse temperature: 0 gives every center the same part in a point, infinity all of it to
        the nearest one.

    Returns
    -------
    scalar tensor
        Summed over the centers, averaged over the points.
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


class DKM(ClusteringEstimator):
    """Deep k-means with pre-training: L = D L_r + lam L_c (2018, eq. 1).

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
    alpha : float, default=1000.0
        Inverse temperature of the soft minimum.
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
    model_ : DKMModel
        The trained Keras model.
    n_features_in_ : int
        Number of features of X.
    """

    _parameter_constraints = ClusteringEstimator._parameter_constraints | {
        "lam": NON_NEGATIVE,
        "alpha": POSITIVE,
    }

    def __init__(
        self,
        n_clusters=10,
        *,
        hidden_units=(500, 500, 2000),
        latent_dim=10,
        lam=1.0,
        alpha=1000.0,
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
        self.alpha = alpha
        self.pretrain_iterations = pretrain_iterations
        self.iterations = iterations
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.random_state = random_state
        self.verbose = verbose

    def _build_model(self, n_features, seeds):
        networks = build_networks(n_features, self.hidden_units, self.latent_dim, seeds)
        centers = CentersLayer(self.n_clusters, name="centers")
        return DKMModel(*networks, centers, self.lam / n_features, self.alpha)
