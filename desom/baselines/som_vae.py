"""SOM-VAE, without its temporal terms: an autoencoder whose code is quantized on a map.

Fortuin, Hüser, Locatello, Strathmann, Rätsch: SOM-VAE: Interpretable Discrete Representation
Learning on Time Series, ICLR 2019. z_e is the code of x, z_q the nearest embedding: the prototype
of the best-matching unit.
"""

from math import isqrt

import keras
import numpy as np
from keras import layers, ops
from sklearn.utils._param_validation import StrOptions

from desom.autoencoder import build_networks, reconstruction_loss
from desom.errors import InputError
from desom.estimator import NON_NEGATIVE, CodingEstimator, KerasEstimator, MapEstimator
from desom.grid import grid_distances
from desom.som import best_matching_units, squared_distances

# The authors have 256 filters in both layers, which takes hours on a CPU.
FILTERS = (32, 64)


def commitment_loss(z_e, z_q):
    """L_commitment = ‖z_e - z_q‖²: codes and embeddings attract each other (ICLR 2019, sec. 2.2).

    Parameters
    ----------
    z_e, z_q : tensor of shape (B, latent dimension)
        Codes, and their nearest embeddings.

    Returns
    -------
    scalar tensor
        Averaged over the features and the points, as in the authors' code.
    """
    return ops.mean(ops.square(z_e - z_q))


def som_vae_som_loss(z_e, embeddings, neighbors):
    """L_SOM = sum over e in N(z_q) of ‖e - sg[z_e]‖²: embeddings follow codes (ICLR 2019, 2.2).

    No gradient flows to the codes. As in the authors' code, N(z_q) is z_q and its four neighbors,
    of which those beyond the border of the map do not move anything.

    Parameters
    ----------
    z_e : tensor of shape (B, latent dimension)
        Codes.
    embeddings : tensor of shape (K, latent dimension)
        The embeddings e.
    neighbors : array of shape (K, K)
        1 where two units are equal or adjacent on the map, 0 elsewhere.

    Returns
    -------
    scalar tensor
        Averaged over the features, the five places of N and the points, as in the authors' code.
    """
    squared = squared_distances(ops.stop_gradient(z_e), embeddings)
    weights = ops.take(neighbors, best_matching_units(squared), axis=0)
    return ops.mean(ops.sum(weights * squared, axis=1)) / (5 * z_e.shape[1])


def som_vae_loss(loss_e, loss_q, loss_commitment, loss_som, alpha, beta):
    """L = L_reconstruction + alpha L_commitment + beta L_SOM (ICLR 2019, section 2.2).

    Parameters
    ----------
    loss_e, loss_q : scalar tensor
        The two parts of L_reconstruction: errors of the decoded code and of the decoded embedding.
    loss_commitment, loss_som : scalar tensor
        L_commitment and L_SOM.
    alpha, beta : float
        Their weights.

    Returns
    -------
    scalar tensor
        The loss that one gradient step lowers.
    """
    return loss_e + loss_q + alpha * loss_commitment + beta * loss_som


def build_convolutional_networks(n_features, latent_dim, seeds):
    """Build the authors' convolutional encoder and decoder, at an eighth and a quarter their width.

    Parameters
    ----------
    n_features : int
        Number of pixels of a square image whose side is a multiple of 4.
    latent_dim : int
        Dimension of the latent space.
    seeds : keras.random.SeedGenerator
        Source of the Glorot-uniform initial weights.

    Returns
    -------
    encoder, decoder : keras.Sequential
        Of flat images in [0, 1]: the decoder ends in a sigmoid.
    """

    def convolution(filters, activation="relu"):
        initializer = keras.initializers.GlorotUniform(seed=seeds)
        return layers.Conv2D(
            filters, 4, padding="same", activation=activation, kernel_initializer=initializer
        )

    def dense(units, activation=None):
        initializer = keras.initializers.GlorotUniform(seed=seeds)
        return layers.Dense(int(units), activation, kernel_initializer=initializer)

    narrow, wide = FILTERS
    side = isqrt(n_features)
    encoder = [
        layers.Input((n_features,)),
        layers.Reshape((side, side, 1)),
        convolution(narrow),
        layers.MaxPooling2D(),
        convolution(wide),
        layers.MaxPooling2D(),
        layers.Flatten(),
        dense(latent_dim),
    ]
    decoder = [
        layers.Input((latent_dim,)),
        dense((side // 4) ** 2 * wide, "relu"),
        layers.Reshape((side // 4, side // 4, wide)),
        layers.UpSampling2D(),
        convolution(narrow),
        layers.UpSampling2D(),
        convolution(1, "sigmoid"),
        layers.Flatten(),
    ]
    return keras.Sequential(encoder, name="encoder"), keras.Sequential(decoder, name="decoder")


@keras.saving.register_keras_serializable("desom")
class EmbeddingLayer(keras.layers.Layer):
    """Replaces every code by the nearest of K embeddings, which lie on the units of a map."""

    def __init__(self, n_units, seeds, **kwargs):
        super().__init__(**kwargs)
        self.n_units, self.seeds = n_units, seeds

    def build(self, input_shape):
        """Create the K embeddings, in the space of the codes, drawn as the authors draw them."""
        initializer = keras.initializers.TruncatedNormal(stddev=0.05, seed=self.seeds)
        shape = (self.n_units, input_shape[-1])
        self.embeddings = self.add_weight(shape=shape, initializer=initializer, name="embeddings")

    def call(self, z_e):
        """Nearest embedding z_q of every code, of shape (B, latent dimension)."""
        return ops.take(
            self.embeddings,
            best_matching_units(squared_distances(z_e, self.embeddings)),
            axis=0,
        )


@keras.saving.register_keras_serializable("desom")
class SOMVAEModel(keras.Model):
    """Encoder, embeddings and decoder as one Keras model, with the loss of SOM-VAE.

    Called on x, it gives a dictionary: codes ``z_e``, embeddings ``z_q``, and the reconstructions
    of x from each, ``x_e`` and ``x_q``.
    """

    def __init__(self, encoder, decoder, embedding, map_size, alpha, beta):
        x = keras.Input(encoder.input_shape[1:], name="x")
        z_e = encoder(x)
        z_q = embedding(z_e)
        outputs = {"z_e": z_e, "z_q": z_q, "x_e": decoder(z_e), "x_q": decoder(z_q)}
        super().__init__(inputs=x, outputs=outputs, name="som_vae")
        self.encoder, self.decoder, self.embedding = encoder, decoder, embedding
        self.neighbors = (grid_distances(map_size) <= 1).astype("float32")
        self.alpha, self.beta = alpha, beta
        self.trackers = {
            name: keras.metrics.Mean(name=name)
            for name in (
                "reconstruction_loss",
                "quantized_reconstruction_loss",
                "commitment_loss",
                "som_loss",
            )
        }

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """L of a batch."""
        losses = (
            reconstruction_loss(x, y_pred["x_e"]),
            reconstruction_loss(x, y_pred["x_q"]),
            commitment_loss(y_pred["z_e"], y_pred["z_q"]),
            som_vae_som_loss(y_pred["z_e"], self.embedding.embeddings, self.neighbors),
        )
        for tracker, loss in zip(self.trackers.values(), losses, strict=True):
            tracker.update_state(loss)
        return som_vae_loss(*losses, self.alpha, self.beta)


class SOMVAE(CodingEstimator, MapEstimator, KerasEstimator):
    """SOM-VAE for data without time, with the fully connected networks of the other methods.

    Parameters
    ----------
    map_size : tuple of two int, default=(8, 8)
        Rows and columns of the map.
    hidden_units : tuple of int, default=(500, 500, 2000)
        Widths of the encoder's hidden layers; the decoder mirrors them.
    latent_dim : int, default=64
        Dimension of the latent space.
    network : {"dense", "convolutional"}, default="dense"
        The networks of the other methods, or those of the authors in small; these take square
        images in [0, 1] whose side is a multiple of 4, and no ``hidden_units``.
    alpha : float, default=1.0
        Weight of the commitment loss.
    beta : float, default=0.9
        Weight of the SOM loss.
    iterations : int, default=5_000
        Number of training steps.
    batch_size : int, default=32
        Samples per step.
    learning_rate : float, default=0.0005
        Step size of Adam.
    random_state : int, RandomState or None, default=None
        Determines initial weights, initial embeddings and the shuffling.
    verbose : bool, default=False
        Whether to show a progress bar.

    Attributes
    ----------
    cluster_centers_ : ndarray of float32, shape (n_units, latent_dim)
        The embeddings; ``decode`` shows them in the space of X.
    labels_ : ndarray of int, shape (n_samples,)
        Best-matching unit of every training sample.
    history_ : dict of str to list
        Curves over training: ``iteration``, ``loss``, ``reconstruction_loss`` (from the code),
        ``quantized_reconstruction_loss``, ``commitment_loss``, ``som_loss``.
    model_ : SOMVAEModel
        The trained Keras model.
    n_features_in_ : int
        Number of features of X.
    """

    _parameter_constraints = (
        MapEstimator._parameter_constraints
        | CodingEstimator._parameter_constraints
        | KerasEstimator._parameter_constraints
        | {"alpha": NON_NEGATIVE, "beta": NON_NEGATIVE}
        | {"network": [StrOptions({"dense", "convolutional"})]}
    )

    def __init__(
        self,
        map_size=(8, 8),
        *,
        hidden_units=(500, 500, 2000),
        latent_dim=64,
        network="dense",
        alpha=1.0,
        beta=0.9,
        iterations=5_000,
        batch_size=32,
        learning_rate=0.0005,
        random_state=None,
        verbose=False,
    ):
        self.map_size = map_size
        self.hidden_units = hidden_units
        self.latent_dim = latent_dim
        self.network = network
        self.alpha = alpha
        self.beta = beta
        self.iterations = iterations
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.random_state = random_state
        self.verbose = verbose

    def _build_model(self, n_features, seeds):
        if self.network == "dense":
            networks = build_networks(n_features, self.hidden_units, self.latent_dim, seeds)
        else:
            networks = build_convolutional_networks(n_features, self.latent_dim, seeds)
        embedding = EmbeddingLayer(int(np.prod(self.map_size)), seeds, name="embedding")
        return SOMVAEModel(*networks, embedding, self.map_size, self.alpha, self.beta)

    def _check_training_set(self, X):
        X = super()._check_training_set(X)
        side = isqrt(X.shape[1])
        if self.network == "convolutional" and (side**2 != X.shape[1] or side % 4):
            raise InputError(
                f"X has {X.shape[1]} features; network='convolutional' takes square images whose "
                "side is a multiple of 4."
            )
        return X

    def fit(self, X, y=None):
        """Train on X from random weights and embeddings.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training data, float32 or float64 (then converted); never changed. At least as many
            samples as the map has units.
        y : None
            Ignored.

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
        self._train(X, self._start(X))
        self.cluster_centers_ = keras.ops.convert_to_numpy(self.model_.embedding.embeddings)
        self.labels_ = self._assign(self._embed(X))
        return self
