"""SOM-VAE, without its temporal terms: an autoencoder whose code is quantized on a map.

Fortuin, Hüser, Locatello, Strathmann, Rätsch: SOM-VAE: Interpretable Discrete Representation
Learning on Time Series, ICLR 2019. z_e is the code of x, z_q the nearest embedding: the prototype
of the best-matching unit.
"""

from functools import partial
from math import isqrt

import keras
import numpy as np
from keras import layers, ops

from desom.autoencoder import build_networks, reconstruction_loss
from desom.baselines._clustering import CentersLayer, LossOfTerms
from desom.errors import InputError
from desom.estimator import (
    Count,
    MapSize,
    NearestPrototype,
    NetworkEstimator,
    NonNegative,
    Positive,
    all_or_nothing,
    hyperparameter,
    one_of,
)
from desom.grid import grid_distances
from desom.som import best_matching_units, squared_distances

# The authors have 256 filters in both layers, which takes hours on a CPU.
FILTERS = (32, 64)


def commitment_loss(z_e, z_q):
    """L_commitment = ‖z_e - z_q‖²: codes and embeddings attract each other (ICLR 2019, sec. 2.2).

    Both are (B, d). Averaged over the features and the points, as in the authors' code.
    """
    return ops.mean(ops.square(z_e - z_q))


def som_vae_som_loss(z_e, embeddings, neighbors):
    """L_SOM = sum over e in N(z_q) of ‖e - sg[z_e]‖²: embeddings follow codes (ICLR 2019, 2.2).

    No gradient flows to the codes z_e (B, d). As in the authors' code, N(z_q) is z_q and its four
    neighbors, of which those beyond the border move nothing, and the loss is averaged over
    features, the five places of N and points. ``neighbors`` (K, K) is 1 where two units, whose
    embeddings are (K, d), are equal or adjacent, else 0.
    """
    squared = squared_distances(ops.stop_gradient(z_e), embeddings)
    weights = ops.take(neighbors, best_matching_units(squared), axis=0)
    return ops.mean(ops.sum(weights * squared, axis=1)) / (5 * z_e.shape[1])


def som_vae_loss(loss_e, loss_q, loss_commitment, loss_som, alpha, beta):
    """L = L_reconstruction + alpha L_commitment + beta L_SOM (ICLR 2019, section 2.2).

    L_reconstruction has two parts: the errors of the decoded code and of the decoded embedding.
    """
    return loss_e + loss_q + alpha * loss_commitment + beta * loss_som


def build_convolutional_networks(n_features, latent_dim, seeds):
    """Build the authors' convolutional encoder and decoder, at an eighth and a quarter their width.

    Two ``keras.Sequential``, of flat square images in [0, 1] whose side is a multiple of 4.
    """
    glorot = keras.initializers.GlorotUniform(seed=seeds)
    dense = partial(layers.Dense, kernel_initializer=glorot)
    convolution = partial(
        layers.Conv2D, kernel_size=4, padding="same", activation="relu", kernel_initializer=glorot
    )
    side, latent_dim, (narrow, wide) = isqrt(n_features), int(latent_dim), FILTERS
    pool, grow = layers.MaxPooling2D, layers.UpSampling2D
    encoder = [layers.Input((n_features,)), layers.Reshape((side, side, 1))]
    encoder += [convolution(narrow), pool(), convolution(wide), pool()]
    encoder += [layers.Flatten(), dense(latent_dim)]
    side //= 4
    decoder = [layers.Input((latent_dim,)), dense(side**2 * wide, activation="relu")]
    decoder += [layers.Reshape((side, side, wide)), grow(), convolution(narrow)]
    decoder += [grow(), convolution(1, activation="sigmoid"), layers.Flatten()]
    return keras.Sequential(encoder, name="encoder"), keras.Sequential(decoder, name="decoder")


@keras.saving.register_keras_serializable("desom")
class EmbeddingLayer(CentersLayer):
    """Replaces every code by the nearest of K embeddings, which lie on the units of a map."""

    def call(self, z_e):
        """Nearest embedding z_q of every code, of shape (B, latent dimension)."""
        return ops.take(self.centers, best_matching_units(super().call(z_e)), axis=0)


class SOMVAEModel(LossOfTerms):
    """Encoder, embeddings and decoder as one Keras model, with the loss of SOM-VAE.

    Called on x, it gives a dictionary: codes ``z_e``, embeddings ``z_q``, and the reconstructions
    of x from each, ``x_e`` and ``x_q``.
    """

    TERMS = ("reconstruction_loss", "quantized_reconstruction_loss", "commitment_loss", "som_loss")

    def __init__(self, encoder, decoder, map_size, alpha, beta, seeds):
        x = keras.Input(encoder.input_shape[1:], name="x")
        z_e = encoder(x)
        # As the authors draw them.
        start = keras.initializers.TruncatedNormal(stddev=0.05, seed=seeds)
        embedding = EmbeddingLayer(int(np.prod(map_size)), initializer=start, name="embedding")
        z_q = embedding(z_e)
        outputs = {"z_e": z_e, "z_q": z_q, "x_e": decoder(z_e), "x_q": decoder(z_q)}
        super().__init__(inputs=x, outputs=outputs, name="som_vae")
        self.encoder, self.decoder, self.embedding = encoder, decoder, embedding
        self.map_size, self.alpha, self.beta, self.seeds = tuple(map_size), alpha, beta, seeds
        self.neighbors = (grid_distances(map_size) <= 1).astype("float32")

    def losses(self, x, y, y_pred, training):
        """L of a batch, and its terms."""
        terms = (
            reconstruction_loss(x, y_pred["x_e"]),
            reconstruction_loss(x, y_pred["x_q"]),
            commitment_loss(y_pred["z_e"], y_pred["z_q"]),
            som_vae_som_loss(y_pred["z_e"], self.embedding.centers, self.neighbors),
        )
        return som_vae_loss(*terms, self.alpha, self.beta), *terms


class SOMVAE(NearestPrototype, NetworkEstimator):
    """SOM-VAE for data without time.

    After `fit`: what `DESOM` learns; ``cluster_centers_`` are the embeddings, ``history_`` has the
    curves of every term, ``reconstruction_loss`` that of the code; ``model_`` is a `SOMVAEModel`.
    """

    map_size: MapSize = hyperparameter((8, 8), "Rows and columns of the map.", kw_only=False)
    latent_dim: Count = hyperparameter(64, "Dimension of the latent space.")
    network: one_of("dense", "convolutional") = hyperparameter(
        "dense", "The networks of the other methods, or `build_convolutional_networks`."
    )
    alpha: NonNegative = hyperparameter(1.0, "Weight of the commitment loss.")
    beta: NonNegative = hyperparameter(0.9, "Weight of the SOM loss.")
    iterations: Count = hyperparameter(5_000, "Number of training steps.")
    batch_size: Count = hyperparameter(32, "Samples per training step.")
    learning_rate: Positive = hyperparameter(0.0005, "Step size of Adam.")

    def _build_model(self, n_features, seeds):
        if self.network == "dense":
            networks = build_networks(n_features, self.hidden_units, self.latent_dim, seeds)
        else:
            networks = build_convolutional_networks(n_features, self.latent_dim, seeds)
        return SOMVAEModel(*networks, self.map_size, self.alpha, self.beta, seeds)

    def _check_training_set(self, X):
        X = super()._check_training_set(X)
        side = isqrt(X.shape[1])
        if self.network == "convolutional" and (side**2 != X.shape[1] or side % 4):
            raise InputError(
                f"X has {X.shape[1]} features; network='convolutional' takes square images whose "
                "side is a multiple of 4."
            )
        return X

    @all_or_nothing
    def fit(self, X, y=None):
        """Train on X from random weights and embeddings; as `Kerasom.fit` otherwise."""
        X = self._check_training_set(X)
        self._train(X, self._start(X))
        self.cluster_centers_ = ops.convert_to_numpy(self.model_.embedding.centers)
        self.labels_ = self._assign(self._embed(X))
        return self
