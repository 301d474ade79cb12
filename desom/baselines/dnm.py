"""Deep Neural Maps: codes that gather around the nodes of a map by Kohonen's rule.

Pesteie, Abolmaesumi, Rohling: Deep Neural Maps, ICLR 2018 workshop.
"""

from numbers import Real

import keras
from keras import ops
from sklearn.utils._param_validation import Interval

from desom.autoencoder import PretrainedEstimator, build_networks
from desom.baselines._clustering import ClusteringModel
from desom.baselines.dec import self_training_loss, soft_assignments
from desom.estimator import COUNT, NON_NEGATIVE, CodingEstimator
from desom.som import (
    GradientMapEstimator,
    SOMLayer,
    best_matching_units,
    neighborhood_weights,
    squared_distances,
)


def sharpened(q):
    """p_ik = q_ik² / sum over k' of q_ik'²: the authors' target, point by point, held fixed.

    DEC also divides by the size of the cluster, see ``dec.target_distribution``; here a map may
    leave nodes empty.

    Parameters
    ----------
    q : tensor of shape (B, K)
        Soft assignments.

    Returns
    -------
    tensor of shape (B, K)
        Rows sum to 1. No gradient flows through it.
    """
    squares = ops.square(q)
    return ops.stop_gradient(squares / ops.sum(squares, axis=1, keepdims=True))


def kohonen_step(prototypes, z, weights, alpha):
    """m_k <- m_k + alpha w_ik (z_i - m_k), for all points of a batch at once (ICLR 2018).

    The points in turn would leave a share prod_i (1 - alpha w_ik) of m_k. The batch leaves the same
    share, and puts the weighted mean of the points in the place of the rest.

    Parameters
    ----------
    prototypes : tensor of shape (K, d)
        The prototypes m_k.
    z : tensor of shape (B, d)
        Codes.
    weights : tensor of shape (B, K)
        The neighborhood weights w_ik, in [0, 1].
    alpha : float or scalar tensor
        Learning rate, in [0, 1).

    Returns
    -------
    tensor of shape (K, d)
        The prototypes after the batch.
    """
    kept = ops.exp(ops.sum(ops.log1p(-alpha * weights), axis=0))[:, None]
    totals = ops.maximum(ops.sum(weights, axis=0)[:, None], 1e-30)
    means = ops.matmul(ops.transpose(weights), z) / totals
    return kept * prototypes + (1 - kept) * means


@keras.saving.register_keras_serializable("desom")
class KohonenLayer(SOMLayer):
    """A map whose prototypes move by Kohonen's rule, and not by gradient.

    Parameters
    ----------
    alpha : float
        First learning rate; it decays as the temperature does.
    **kwargs
        As for `SOMLayer`.
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


@keras.saving.register_keras_serializable("desom")
class DNMModel(ClusteringModel):
    """Encoder, decoder and map, with the self-training loss towards sharpened targets as L_c."""

    @property
    def som(self):
        """The map, in the place of the centers."""
        return self.centers

    def clustering_loss(self, y_pred, targets, training):
        """L_c of a batch; a training step then moves the clock and the prototypes."""
        squared_distances = y_pred["squared_distances"]
        q = soft_assignments(squared_distances)
        if training:
            self.som.tick()
            self.som.move(y_pred["latent"], squared_distances)
        return self_training_loss(sharpened(q), q)


class DNM(PretrainedEstimator, GradientMapEstimator):
    """Deep neural map: pre-trained autoencoder, then a map by Kohonen's rule, L = D L_r + lam L_c.

    Parameters
    ----------
    map_size : tuple of two int, default=(8, 8)
        Rows and columns of the map.
    hidden_units : tuple of int, default=(500, 500, 2000)
        Widths of the encoder's hidden layers; the decoder mirrors them.
    latent_dim : int, default=10
        Dimension of the latent space.
    pretrain_iterations : int, default=5_000
        Training steps of the autoencoder alone.
    lam : float, default=1.0
        Weight of the clustering loss beside a reconstruction error summed over D features.
    alpha : float, default=0.3
        First learning rate of Kohonen's rule; it decays as the temperature does.
    t_max, t_min : float, default=10.0 and 0.1
        Temperature at the beginning and at the end, in steps on the map.
    decay : {"exponential", "linear", "constant"}, default="exponential"
        How the temperature goes from one to the other; a constant one stays at ``t_max``.
    topology : {"rectangular", "rectangular8", "hexagonal"}, default="rectangular"
        Neighbors of a unit: 4, 8 with the diagonal ones, or 6.
    toroidal : bool, default=False
        Whether opposite borders of the map touch.
    iterations : int, default=5_000
        Training steps that follow.
    batch_size : int, default=256
        Samples per step.
    learning_rate : float, default=0.001
        Step size of Adam, in both phases.
    snapshots : int, default=0
        Moments of the training at which the map is kept in ``snapshots_``.
    random_state : int, RandomState or None, default=None
        Determines initial weights and prototypes and the shuffling.
    verbose : bool, default=False
        Whether to show a progress bar.

    Attributes
    ----------
    cluster_centers_ : ndarray of float32, shape (n_units, latent_dim)
        The prototypes, in latent space; ``decode`` shows them in the space of X.
    labels_ : ndarray of int, shape (n_samples,)
        Best-matching unit of every training sample.
    history_ : dict of str to list
        Curves over training: ``iteration``, ``loss``, which is L / D, ``reconstruction_loss``,
        ``clustering_loss``, ``temperature``.
    snapshots_ : dict of str to ndarray
        With ``snapshots``, over training: ``iteration`` and ``prototypes``.
    model_ : DNMModel
        The trained Keras model.
    n_features_in_ : int
        Number of features of X.
    """

    _parameter_constraints = (
        GradientMapEstimator._parameter_constraints
        | CodingEstimator._parameter_constraints
        | {
            "pretrain_iterations": COUNT,
            "lam": NON_NEGATIVE,
            "alpha": [Interval(Real, 0, 1, closed="neither")],
        }
    )

    def __init__(
        self,
        map_size=(8, 8),
        *,
        hidden_units=(500, 500, 2000),
        latent_dim=10,
        pretrain_iterations=5_000,
        lam=1.0,
        alpha=0.3,
        t_max=10.0,
        t_min=0.1,
        decay="exponential",
        topology="rectangular",
        toroidal=False,
        iterations=5_000,
        batch_size=256,
        learning_rate=0.001,
        snapshots=0,
        random_state=None,
        verbose=False,
    ):
        self.map_size = map_size
        self.hidden_units = hidden_units
        self.latent_dim = latent_dim
        self.pretrain_iterations = pretrain_iterations
        self.lam = lam
        self.alpha = alpha
        self.t_max = t_max
        self.t_min = t_min
        self.decay = decay
        self.topology = topology
        self.toroidal = toroidal
        self.iterations = iterations
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.snapshots = snapshots
        self.random_state = random_state
        self.verbose = verbose

    def _build_model(self, n_features, seeds):
        networks = build_networks(n_features, self.hidden_units, self.latent_dim, seeds)
        names = ("map_size", "t_max", "t_min", "iterations", "topology", "toroidal", "decay")
        som = KohonenLayer(self.alpha, **{name: getattr(self, name) for name in names}, name="som")
        return DNMModel(*networks, som, self.lam / n_features)

    def fit(self, X, y=None, callback=None, autoencoder=None):
        """Train the autoencoder on X, then the map and both networks.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training data, float32 or float64 (then converted); never changed. At least as many
            samples as the map has units.
        y : None
            Ignored.
        callback : callable, optional
            Called at most 200 times as ``callback(self, iteration)``, with ``cluster_centers_``
            up to date.
        autoencoder : Autoencoder, optional
            The first phase, if it is done already: what ``self.autoencoder().fit(X)`` gives.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If a parameter, X or the autoencoder cannot be used; one sentence says which and why.
        FloatingPointError
            If the loss is no longer finite.
        """
        X = self._check_training_set(X)
        rng = self._start(X)
        self._begin_from(self._first_phase(X, autoencoder))
        return self._organize(X, rng, callback)
