"""DESOM, the deep embedded self-organizing map.

Forest, Lebbah, Azzag, Lacaille: Deep Embedded SOM: Joint Representation Learning and
Self-Organization, ESANN 2019.
"""

from numbers import Integral

import keras
import numpy as np
from sklearn.utils._param_validation import Interval

from desom.autoencoder import DTYPES, PretrainedEstimator, build_networks, reconstruction_loss
from desom.engine.prediction import apply
from desom.estimator import NON_NEGATIVE
from desom.grid import grid_distances
from desom.metrics.latent import decoded_walks
from desom.som import GradientMapEstimator


def desom_loss(reconstruction_loss, som_loss, gamma):
    """L = L_r + gamma L_som (ESANN 2019, loss function).

    Parameters
    ----------
    reconstruction_loss : scalar tensor
        L_r, the mean over features (see ``autoencoder.reconstruction_loss``).
    som_loss : scalar tensor
        L_som, the sum over units.
    gamma : float
        The weight of the map beside a reconstruction error that is a mean over features.

    Returns
    -------
    scalar tensor
        The loss that one gradient step lowers.
    """
    return reconstruction_loss + gamma * som_loss


class DESOMModel(keras.Model):
    """Encoder, decoder and map as one Keras model, with the joint loss.

    Called on x, it gives a dictionary: ``latent`` codes z, ``reconstruction`` of x, and
    ``squared_distances`` of z to the prototypes.
    """

    def __init__(self, encoder, decoder, som, gamma):
        x = keras.Input(encoder.input_shape[1:], name="x")
        z = encoder(x)
        outputs = {"latent": z, "reconstruction": decoder(z), "squared_distances": som(z)}
        super().__init__(inputs=x, outputs=outputs, name="desom")
        self.encoder, self.decoder, self.som, self.gamma = encoder, decoder, som, gamma
        self.reconstruction_tracker = keras.metrics.Mean(name="reconstruction_loss")
        self.som_tracker = keras.metrics.Mean(name="som_loss")

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """L of a batch; a training step first moves the map's clock."""
        if training:
            self.som.tick()
        loss_r = reconstruction_loss(x, y_pred["reconstruction"])
        loss_som = self.som.loss(y_pred["squared_distances"])
        self.reconstruction_tracker.update_state(loss_r)
        self.som_tracker.update_state(loss_som)
        return desom_loss(loss_r, loss_som, self.gamma)


class DESOM(PretrainedEstimator, GradientMapEstimator):
    """Deep embedded self-organizing map: an autoencoder and a map of its latent space, jointly.

    The defaults are the paper's.

    Parameters
    ----------
    map_size : tuple of two int, default=(8, 8)
        Rows and columns of the map.
    hidden_units : tuple of int, default=(500, 500, 2000)
        Widths of the encoder's hidden layers; the decoder mirrors them.
    latent_dim : int, default=10
        Dimension of the latent space.
    dtype : {"float32", "mixed_bfloat16"}, default="float32"
        Precision of the matrix products of encoder and decoder; weights, codes, prototypes and
        losses are float32 either way.
    pretrain_iterations : int, default=0
        Training steps of the autoencoder alone, before the joint training; none in the paper.
    gamma : float, default=0.001
        Weight of the SOM loss beside a reconstruction error that is a mean over features; beside
        the sum over D features that the paper writes, the same weight is gamma * D.
    t_max, t_min : float, default=10.0 and 0.1
        Temperature at the beginning and at the end, in steps on the map.
    decay : {"exponential", "linear", "constant"}, default="exponential"
        How the temperature goes from one to the other; a constant one stays at ``t_max``.
    topology : {"rectangular", "rectangular8", "hexagonal"}, default="rectangular"
        Neighbors of a unit: 4, 8 with the diagonal ones, or 6.
    toroidal : bool, default=False
        Whether opposite borders of the map touch.
    iterations : int, default=10_000
        Number of training steps.
    batch_size : int, default=256
        Samples per step.
    learning_rate : float, default=0.001
        Step size of Adam.
    snapshots : int, default=0
        Moments of the training at which the map is kept in ``snapshots_``: to animate it, say.
    random_state : int, RandomState or None, default=None
        Determines the initial weights and prototypes and the shuffling.
    verbose : bool, default=False
        Whether to show a progress bar.

    Attributes
    ----------
    cluster_centers_ : ndarray of float32, shape (n_units, latent_dim)
        The prototypes, in latent space; ``decode`` shows them in the space of X.
    labels_ : ndarray of int, shape (n_samples,)
        Best-matching unit of every training sample.
    history_ : dict of str to list
        Curves over training: ``iteration``, ``loss``, ``reconstruction_loss``, ``som_loss``,
        ``temperature``.
    snapshots_ : dict of str to ndarray
        With ``snapshots``, over training: ``iteration`` (S,), ``prototypes`` (S, n_units,
        latent_dim), ``decoded`` (S, n_units, n_features), as float16, ``codes`` (S, n, latent_dim)
        of n = 1,000 samples of X, those of ``latent.kept_samples``, and ``detour`` and ``jump``
        (S, pairs of neighbors), those of ``latent.decoded_walks``.
    model_ : DESOMModel
        The trained Keras model.
    n_features_in_ : int
        Number of features of X.
    """

    _parameter_constraints = (
        GradientMapEstimator._parameter_constraints
        | PretrainedEstimator._parameter_constraints
        | {
            "dtype": DTYPES,
            "gamma": NON_NEGATIVE,
            "pretrain_iterations": [Interval(Integral, 0, None, closed="left")],
        }
    )

    def __init__(
        self,
        map_size=(8, 8),
        *,
        hidden_units=(500, 500, 2000),
        latent_dim=10,
        dtype="float32",
        pretrain_iterations=0,
        gamma=0.001,
        t_max=10.0,
        t_min=0.1,
        decay="exponential",
        topology="rectangular",
        toroidal=False,
        iterations=10_000,
        batch_size=256,
        learning_rate=0.001,
        snapshots=0,
        random_state=None,
        verbose=False,
    ):
        self.map_size = map_size
        self.hidden_units = hidden_units
        self.latent_dim = latent_dim
        self.dtype = dtype
        self.pretrain_iterations = pretrain_iterations
        self.gamma = gamma
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
        networks = build_networks(n_features, self.hidden_units, self.latent_dim, seeds, self.dtype)
        return DESOMModel(*networks, self._build_som(), self.gamma)

    def fit(self, X, y=None, callback=None, autoencoder=None):
        """Train on X, from random or pre-trained weights and random samples as prototypes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training data, float32 or float64 (then converted); never changed. At least as many
            samples as the map has units.
        y : None
            Ignored.
        callback : callable, optional
            Called at most 200 times as ``callback(self, iteration)``, with ``cluster_centers_``
            up to date: to watch, or to keep, the map as it organizes itself.
        autoencoder : Autoencoder, optional
            The pre-training, if it is done already: what ``self.autoencoder().fit(X)`` gives.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If a parameter or X cannot be used; one sentence says which and why.
        FloatingPointError
            If the loss is no longer finite.
        """
        X = self._check_training_set(X)
        return self._organize(X, self._start(X, autoencoder), callback)

    def _start(self, X, autoencoder=None):
        rng = super()._start(X)
        if autoencoder or self.pretrain_iterations:
            self._begin_from(self._first_phase(X, autoencoder))
        return rng

    def _snapshot(self, X):
        """Give what is kept of a moment: prototypes, their images, some codes, walks on the map.

        For images, half precision is finer than a screen.
        """

        from desom.experiments.artifact import kept_samples

        def decode(z):
            return apply(self.model_.decoder, z)

        distances = grid_distances(self.map_size, self.topology, self.toroidal)
        walks = decoded_walks(decode, self.cluster_centers_, distances)
        return (
            super()._snapshot(X)
            | walks
            | {
                "decoded": decode(self.cluster_centers_).astype(np.float16),
                "codes": self._embed(X[kept_samples(len(X))]),
            }
        )
