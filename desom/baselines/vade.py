"""VaDE: a variational autoencoder whose prior is a mixture of Gaussians.

Jiang, Zheng, Tan, Tang, Zhou: Variational Deep Embedding: An Unsupervised and Generative Approach
to Clustering, IJCAI 2017.
"""

import keras
import numpy as np
from keras import layers, ops
from scipy.special import expit

from desom.autoencoder import build_networks
from desom.baselines._clustering import ClusteringEstimator
from desom.baselines._mixtures import (
    MixtureLayer,
    SamplingLayer,
    fit_mixture,
    log_joint,
    scaled_squares,
)
from desom.errors import InputError

# The authors' Adam.
EPSILON = 1e-4
# The logits that stand for a pixel of 0 and of 1 when the training begins.
FIRST_LOGIT = 4.0
# The variance of every code when the training begins, over that of the mixture's components.
FIRST_SHARE = 0.1


def mixture_divergence(mean, log_variance, gamma, log_weights, means, log_variances):
    """KL of q(z, c | x) to the prior p(z, c), averaged over points (IJCAI 2017, eq. 12).

    Parameters
    ----------
    mean, log_variance : tensor of shape (B, d)
        Of q(z | x).
    gamma : tensor of shape (B, K)
        q(c | x) = p(c | z).
    log_weights : tensor of shape (K,)
        log pi_c.
    means, log_variances : tensor of shape (K, d)
        mu_c and log sigma_c².

    Returns
    -------
    scalar tensor
        In nats, summed over the dimensions.
    """
    variance = ops.exp(log_variance)
    squares = scaled_squares(mean, variance, means, log_variances)
    within = ops.sum(gamma * (squares + ops.sum(log_variances, axis=1)), axis=1) / 2
    between = ops.sum(gamma * (ops.log(gamma + keras.config.epsilon()) - log_weights), axis=1)
    entropy = ops.sum(1 + log_variance, axis=1) / 2
    return ops.mean(within + between - entropy)


def bernoulli_loss(x, logits):
    """-E log p(x | z), pixels as probabilities: cross-entropy, summed over D (IJCAI 2017, eq. 11).

    Parameters
    ----------
    x : tensor of shape (B, D)
        Data in [0, 1].
    logits : tensor of shape (B, D)
        The decoder's output, before the sigmoid.

    Returns
    -------
    scalar tensor
        In nats, averaged over the points.
    """
    return ops.mean(ops.sum(ops.softplus(logits) - x * logits, axis=1))


@keras.saving.register_keras_serializable("desom")
class VaDEModel(keras.Model):
    """Encoder with two heads, decoder and mixture as one Keras model, with the loss -ELBO.

    Called on x, it gives a dictionary: ``mean`` and ``log_variance`` of the code, ``logits`` of the
    reconstruction and ``log_joint`` of a sampled code.
    """

    def __init__(self, encoder, decoder, mixture, seeds):
        mean = encoder.outputs[0]
        # The network is trained already: at first, all codes have one variance.
        head = layers.Dense(mean.shape[1], kernel_initializer="zeros", name="log_variance")
        log_variance = head(encoder.layers[-1].input)
        z = SamplingLayer(seeds, name="sampling")(mean, log_variance)
        outputs = {
            "mean": mean,
            "log_variance": log_variance,
            "logits": decoder(z),
            "log_joint": mixture(z),
        }
        super().__init__(inputs=encoder.inputs[0], outputs=outputs, name="vade")
        self.encoder, self.decoder, self.mixture = encoder, decoder, mixture
        self.variance_head = head
        self.reconstruction_tracker = keras.metrics.Mean(name="bernoulli_loss")
        self.divergence_tracker = keras.metrics.Mean(name="divergence")

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """-ELBO of a batch."""
        loss_r = bernoulli_loss(x, y_pred["logits"])
        divergence = mixture_divergence(
            y_pred["mean"],
            y_pred["log_variance"],
            ops.softmax(y_pred["log_joint"]),
            *self.mixture.parameters(),
        )
        self.reconstruction_tracker.update_state(loss_r)
        self.divergence_tracker.update_state(divergence)
        return loss_r + divergence


class VaDE(ClusteringEstimator):
    """Variational deep embedding, for data in [0, 1].

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
    iterations : int, default=10_000
        Training steps that follow.
    batch_size : int, default=256
        Samples per step.
    learning_rate : float, default=0.001
        Step size of Adam, in both phases.
    random_state : int, RandomState or None, default=None
        Determines initial weights, the start of the mixture, the shuffling and the sampled codes.
    verbose : bool, default=False
        Whether to show a progress bar.

    Attributes
    ----------
    weights_ : ndarray of float32, shape (n_clusters,)
        The probability pi_c of every component.
    cluster_centers_, log_variances_ : ndarray of float32, shape (n_clusters, latent_dim)
        Means, and logarithms of the variances, in latent space.
    labels_ : ndarray of int, shape (n_samples,)
        Most probable component of every training sample, at the mean of its code.
    history_ : dict of str to list
        Curves over training: ``iteration``, ``loss``, ``bernoulli_loss``, ``divergence``.
    model_ : VaDEModel
        The trained Keras model; its decoder gives logits.
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
        iterations=10_000,
        batch_size=256,
        learning_rate=0.001,
        random_state=None,
        verbose=False,
    ):
        self.n_clusters = n_clusters
        self.hidden_units = hidden_units
        self.latent_dim = latent_dim
        self.pretrain_iterations = pretrain_iterations
        self.iterations = iterations
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.random_state = random_state
        self.verbose = verbose

    def _build_model(self, n_features, seeds):
        encoder, decoder = build_networks(n_features, self.hidden_units, self.latent_dim, seeds)
        return VaDEModel(encoder, decoder, MixtureLayer(self.n_clusters, name="mixture"), seeds)

    def _optimizer(self):
        return keras.optimizers.Adam(self.learning_rate, epsilon=EPSILON)

    def _check_training_set(self, X):
        X = super()._check_training_set(X)
        if X.min() < 0 or X.max() > 1:
            raise InputError(
                f"X has values from {X.min():g} to {X.max():g}; VaDE takes values in [0, 1]."
            )
        return X

    def _begin_from(self, autoencoder):
        """Copy the weights, and have the last layer give logits where it gave the data."""
        super()._begin_from(autoencoder)
        kernel, bias = self.model_.decoder.layers[-1].get_weights()
        slope = 2 * FIRST_LOGIT
        self.model_.decoder.layers[-1].set_weights([slope * kernel, slope * (bias - 0.5)])

    def _place_centers(self, codes, seed):
        found = fit_mixture(codes, self.n_clusters, seed)
        self.model_.mixture.logits.assign(np.log(found.weights_))
        self.model_.mixture.means.assign(found.means_)
        self.model_.mixture.log_variances.assign(np.log(found.covariances_))
        within = found.weights_ @ found.covariances_
        self.model_.variance_head.bias.assign(np.log(FIRST_SHARE * within))

    def _read_centers(self):
        log_weights, means, log_variances = map(
            ops.convert_to_numpy, self.model_.mixture.parameters()
        )
        self.weights_, self.cluster_centers_ = np.exp(log_weights), means
        self.log_variances_ = log_variances

    def _assign(self, z):
        parameters = (np.log(self.weights_), self.cluster_centers_, self.log_variances_)
        z, *parameters = map(ops.convert_to_tensor, (z, *parameters))
        return ops.convert_to_numpy(log_joint(z, *parameters)).argmax(axis=1)

    def decode(self, Z):
        """Mean of the pixels, in [0, 1], for latent codes; as `CodingEstimator.decode`."""
        return expit(super().decode(Z))
