"""IDEC: DEC that keeps its decoder, so that codes go on describing the data.

Guo, Gao, Liu, Yin: Improved Deep Embedded Clustering with Local Structure Preservation,
IJCAI 2017.
"""

import keras

from desom.autoencoder import build_networks
from desom.baselines._clustering import CentersLayer
from desom.baselines.dec import SelfTrainingEstimator, SelfTrainingModel
from desom.estimator import NON_NEGATIVE


class IDEC(SelfTrainingEstimator):
    """Improved deep embedded clustering: L = L_r + gamma L_c (IJCAI 2017, eq. 2).

    Parameters
    ----------
    n_clusters : int, default=10
        Number of clusters.
    hidden_units : tuple of int, default=(500, 500, 2000)
        Widths of the encoder's hidden layers; the decoder mirrors them.
    latent_dim : int, default=10
        Dimension of the latent space.
    gamma : float, default=0.1
        Weight of the clustering loss beside a reconstruction error that is a mean over features,
        as in the authors' code.
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
    clustering_learning_rate : float, default=0.001
        Step size of Adam in the second.
    random_state : int, RandomState or None, default=None
        Determines initial weights, k-means and the shuffling.
    verbose : bool, default=False
        Whether to show a progress bar.

    Attributes
    ----------
    cluster_centers_ : ndarray of float32, shape (n_clusters, latent_dim)
        The centers, in latent space; ``decode`` shows them in the space of X.
    labels_ : ndarray of int, shape (n_samples,)
        Cluster of every training sample: the most probable, which is the nearest center's.
    n_refreshes_ : int
        How often the targets were computed.
    history_ : dict of str to list
        Curves over training: ``iteration``, ``loss``, ``reconstruction_loss``, ``clustering_loss``.
    model_ : SelfTrainingModel
        The trained Keras model.
    n_features_in_ : int
        Number of features of X.
    """

    _parameter_constraints = SelfTrainingEstimator._parameter_constraints | {"gamma": NON_NEGATIVE}

    def __init__(
        self,
        n_clusters=10,
        *,
        hidden_units=(500, 500, 2000),
        latent_dim=10,
        gamma=0.1,
        pretrain_iterations=5_000,
        iterations=20_000,
        update_interval=140,
        tol=0.001,
        batch_size=256,
        learning_rate=0.001,
        clustering_learning_rate=0.001,
        random_state=None,
        verbose=False,
    ):
        self.n_clusters = n_clusters
        self.hidden_units = hidden_units
        self.latent_dim = latent_dim
        self.gamma = gamma
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
        networks = build_networks(n_features, self.hidden_units, self.latent_dim, seeds)
        centers = CentersLayer(self.n_clusters, name="centers")
        return SelfTrainingModel(*networks, centers, self.gamma)

    def _optimizer(self):
        return keras.optimizers.Adam(self.clustering_learning_rate)
