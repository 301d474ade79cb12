"""DEC: an encoder and centers that learn from their own confident assignments.

Xie, Girshick, Farhadi: Unsupervised Deep Embedding for Clustering Analysis, ICML 2016.
"""

from numbers import Real

import keras
import numpy as np
from keras import ops
from sklearn.utils._param_validation import Interval

from desom.autoencoder import build_networks
from desom.baselines._clustering import CentersLayer, ClusteringEstimator, ClusteringModel
from desom.estimator import COUNT, POSITIVE
from desom.som import squared_distances

MOMENTUM = 0.9


def soft_assignments(squared_distances):
    """q_ik = (1 + ‖z_i - m_k‖²)⁻¹ / sum over k' of the same (ICML 2016, eq. 1, alpha = 1).

    Parameters
    ----------
    squared_distances : tensor of shape (B, K)
        ‖z_i - m_k‖².

    Returns
    -------
    tensor of shape (B, K)
        Rows sum to 1: Student's t-distribution as a kernel between codes and centers.
    """
    kernel = 1 / (1 + squared_distances)
    return kernel / ops.sum(kernel, axis=1, keepdims=True)


def target_distribution(q):
    """p_ik = (q_ik² / f_k) / sum over k' of the same, with f_k = sum_i q_ik (ICML 2016, eq. 3).

    Parameters
    ----------
    q : ndarray of shape (N, K)
        Soft assignments of the whole data set: f_k counts the members of a cluster.

    Returns
    -------
    ndarray of shape (N, K)
        Rows sum to 1. Squares favor what is confident; f_k keeps large clusters from winning.
    """
    sharpened = q**2 / q.sum(axis=0)
    return sharpened / sharpened.sum(axis=1, keepdims=True)


def self_training_loss(p, q):
    """L_c = 1/N sum_i sum_k p_ik log(p_ik / q_ik) = KL(P‖Q) / N (ICML 2016, eq. 2).

    Parameters
    ----------
    p : tensor of shape (B, K)
        Targets, constants.
    q : tensor of shape (B, K)
        Soft assignments, through which the gradient flows to encoder and centers.

    Returns
    -------
    scalar tensor
        Summed over the clusters, averaged over the points; at least 0.
    """
    tiny = keras.config.epsilon()
    return ops.mean(ops.sum(p * (ops.log(p + tiny) - ops.log(q + tiny)), axis=1))


@keras.saving.register_keras_serializable("desom")
class SelfTrainingModel(ClusteringModel):
    """Encoder, decoder and centers, with the self-training loss as L_c (DEC, IDEC)."""

    def clustering_loss(self, y_pred, targets, training):
        """L_c of a batch whose samples have these targets p."""
        return self_training_loss(targets, soft_assignments(y_pred["squared_distances"]))


@keras.saving.register_keras_serializable("desom")
class DECModel(SelfTrainingModel):
    """The loss of DEC, which forgets the decoder."""

    @property
    def metrics(self):
        """What the curves are of: the reconstruction, which is not computed, has none."""
        return [metric for metric in super().metrics if metric is not self.reconstruction_tracker]

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """L = L_c of a batch."""
        loss = self.clustering_loss(y_pred, y, training)
        self.clustering_tracker.update_state(loss)
        return loss


class SelfTrainingEstimator(ClusteringEstimator):
    """Targets that are refreshed at an interval, until few samples change their cluster."""

    _parameter_constraints = ClusteringEstimator._parameter_constraints | {
        "update_interval": COUNT,
        "tol": [Interval(Real, 0, 1, closed="left")],
        "clustering_learning_rate": POSITIVE,
    }

    def _refresh(self, X):
        """Targets p of all samples; None, which ends the training, where labels have settled."""
        self._read_centers()
        codes = self._embed(X)
        before, self.labels_ = self.labels_, self._assign(codes)
        if self.n_refreshes_ and np.mean(before != self.labels_) < self.tol:
            return None
        self.n_refreshes_ += 1
        q = soft_assignments(squared_distances(codes, self.cluster_centers_))
        return target_distribution(ops.convert_to_numpy(q))

    def _train(self, X, rng, **refreshing):
        self.n_refreshes_ = 0
        super()._train(X, rng, **refreshing)


class DEC(SelfTrainingEstimator):
    """Deep embedded clustering.

    Parameters
    ----------
    n_clusters : int, default=10
        Number of clusters.
    hidden_units : tuple of int, default=(500, 500, 2000)
        Widths of the encoder's hidden layers; the decoder mirrors them.
    latent_dim : int, default=10
        Dimension of the latent space.
    pretrain_iterations : int, default=5_000
        Training steps of the autoencoder alone.
    iterations : int, default=20_000
        Training steps that follow, at most.
    update_interval : int, default=140
        Steps between two refreshments of the targets.
    tol : float, default=0.001
        The training ends where less than this share of the samples changes its cluster between
        two refreshments.
    batch_size : int, default=256
        Samples per step.
    learning_rate : float, default=0.001
        Step size of Adam in the first phase.
    clustering_learning_rate : float, default=0.01
        Step size of gradient descent with momentum 0.9 in the second.
    random_state : int, RandomState or None, default=None
        Determines initial weights, k-means and the shuffling.
    verbose : bool, default=False
        Whether to show a progress bar.

    Attributes
    ----------
    cluster_centers_ : ndarray of float32, shape (n_clusters, latent_dim)
        The centers, in latent space.
    labels_ : ndarray of int, shape (n_samples,)
        Cluster of every training sample: the most probable, which is the nearest center's.
    n_refreshes_ : int
        How often the targets were computed.
    history_ : dict of str to list
        Curves over training: ``iteration``, ``loss``, ``clustering_loss``.
    model_ : DECModel
        The trained Keras model. Its decoder is the one of the first phase.
    n_features_in_ : int
        Number of features of X.
    """

    def __init__(
        self,
        n_clusters=10,
        *,
        hidden_units=(500, 500, 2000),
        latent_dim=10,
        pretrain_iterations=5_000,
        iterations=20_000,
        update_interval=140,
        tol=0.001,
        batch_size=256,
        learning_rate=0.001,
        clustering_learning_rate=0.01,
        random_state=None,
        verbose=False,
    ):
        self.n_clusters = n_clusters
        self.hidden_units = hidden_units
        self.latent_dim = latent_dim
        self.pretrain_iterations = pretrain_iterations
        self.iterations = iterations
        self.update_interval = update_interval
        self.tol = tol
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.clustering_learning_rate = clustering_learning_rate
        self.random_state = random_state
        self.verbose = verbose

    def _build_model(self, n_features, seeds):
        encoder, decoder = build_networks(n_features, self.hidden_units, self.latent_dim, seeds)
        decoder.trainable = False
        return DECModel(encoder, decoder, CentersLayer(self.n_clusters, name="centers"), 1.0)

    def _optimizer(self):
        return keras.optimizers.SGD(self.clustering_learning_rate, momentum=MOMENTUM)
