"""VaDE: a variational autoencoder whose prior is a mixture of Gaussians.

Jiang, Zheng, Tan, Tang, Zhou: Variational Deep Embedding: An Unsupervised and Generative Approach
to Clustering, IJCAI 2017.
"""

import keras
import numpy as np
from keras import layers, ops
from scipy.special import expit

from desom.baselines._clustering import DeepClustering
from desom.baselines._mixtures import MixtureLayer, fit_mixture, most_probable, scaled_squares
from desom.errors import InputError
from desom.estimator import Count, Model, hyperparameter

# The authors' Adam.
EPSILON = 1e-4
# The logits that stand for a pixel of 0 and of 1 when the training begins.
FIRST_LOGIT = 4.0
# The variance of every code when the training begins, over that of the mixture's components.
FIRST_SHARE = 0.1


def mixture_divergence(mean, log_variance, gamma, log_weights, means, log_variances):
    """KL of q(z, c | x) to the prior p(z, c), averaged over points (IJCAI 2017, eq. 12).

    In nats, summed over the dimensions. Mean and log_variance (B, d) are those of q(z | x), gamma
    (B, K) is q(c | x) = p(c | z); of the prior, log pi_c (K,), mu_c and log sigma_c² (K, d).
    """
    variance = ops.exp(log_variance)
    squares = scaled_squares(mean, variance, means, log_variances)
    within = ops.sum(gamma * (squares + ops.sum(log_variances, axis=1)), axis=1) / 2
    between = ops.sum(gamma * (ops.log(gamma + keras.config.epsilon()) - log_weights), axis=1)
    entropy = ops.sum(1 + log_variance, axis=1) / 2
    return ops.mean(within + between - entropy)


def bernoulli_loss(x, logits):
    """-E log p(x | z), pixels as probabilities: cross-entropy, summed over D (IJCAI 2017, eq. 11).

    In nats, averaged over the points; x in [0, 1] and logits, before the sigmoid, are (B, D).
    """
    return ops.mean(ops.sum(ops.softplus(logits) - x * logits, axis=1))


@keras.saving.register_keras_serializable("desom")
class SamplingLayer(layers.Layer):
    """Draws a code from the Gaussian that the encoder gives: z = mean + sigma epsilon."""

    def __init__(self, seeds, **kwargs):
        super().__init__(**kwargs)
        self.seeds = seeds

    def call(self, mean, log_variance):
        """Codes of shape (B, d)."""
        noise = keras.random.normal(ops.shape(mean), seed=self.seeds)
        return mean + ops.exp(log_variance / 2) * noise


@keras.saving.register_keras_serializable("desom")
class VaDEModel(Model):
    """Encoder with two heads, decoder and mixture as one Keras model, with the loss -ELBO.

    Called on x, it gives a dictionary: ``mean`` and ``log_variance`` of the code, ``logits`` of the
    reconstruction and ``log_joint`` of a sampled code.
    """

    def __init__(self, encoder, decoder, mixture, seeds):
        mean = encoder.outputs[0]
        # The network is trained already: at first, all codes have one variance.
        head = layers.Dense(mean.shape[1], kernel_initializer="zeros", name="log_variance")
        log_variance = head(encoder.layers[-1].input)
        sampling = SamplingLayer(seeds, name="sampling")
        z = sampling(mean, log_variance)
        outputs = {"mean": mean, "log_variance": log_variance}
        outputs |= {"logits": decoder(z), "log_joint": mixture(z)}
        super().__init__(inputs=encoder.inputs[0], outputs=outputs, name="vade")
        self.encoder, self.decoder, self.mixture = encoder, decoder, mixture
        self.variance_head, self.sampling = head, sampling
        self.reconstruction_tracker = keras.metrics.Mean(name="bernoulli_loss")
        self.divergence_tracker = keras.metrics.Mean(name="divergence")

    seeds = property(lambda self: self.sampling.seeds, doc="The generator of sampled codes.")

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """-ELBO of a batch."""
        loss_r = bernoulli_loss(x, y_pred["logits"])
        code, gamma = (y_pred["mean"], y_pred["log_variance"]), ops.softmax(y_pred["log_joint"])
        divergence = mixture_divergence(*code, gamma, *self.mixture.parameters())
        self.reconstruction_tracker.update_state(loss_r)
        self.divergence_tracker.update_state(divergence)
        return loss_r + divergence


class VaDE(DeepClustering):
    """Variational deep embedding, for data in [0, 1].

    Beside what `DeepClustering` learns, the mixture, whose means are ``cluster_centers_``:
    ``weights_``, the probabilities pi_c (n_clusters,), and ``log_variances_`` (n_clusters,
    latent_dim). ``predict`` gives the most probable component, at the mean of the code.
    """

    iterations: Count = hyperparameter(10_000, "Training steps that follow.")

    def _build_model(self, n_features, seeds):
        parts = self._build_parts(n_features, seeds, MixtureLayer, name="mixture")
        return VaDEModel(*parts, seeds)

    def _optimizer(self):
        return keras.optimizers.Adam(self.learning_rate, epsilon=EPSILON)

    def _check_training_set(self, X):
        X = super()._check_training_set(X)
        if X.min() < 0 or X.max() > 1:
            raise InputError(
                f"X has values from {X.min():g} to {X.max():g}; VaDE takes values in [0, 1]."
            )
        return X

    def _place_centers(self, codes, seed):
        """Fit a mixture, and have the decoder give logits where it gave the data."""
        mixture = fit_mixture(codes, self.n_clusters, seed)
        self.model_.mixture.logits.assign(np.log(mixture.weights_))
        self.model_.mixture.means.assign(mixture.means_)
        self.model_.mixture.log_variances.assign(np.log(mixture.covariances_))
        within = mixture.weights_ @ mixture.covariances_
        self.model_.variance_head.bias.assign(np.log(FIRST_SHARE * within))
        kernel, bias = self.model_.decoder.layers[-1].get_weights()
        slope = 2 * FIRST_LOGIT
        self.model_.decoder.layers[-1].set_weights([slope * kernel, slope * (bias - 0.5)])

    def _read_centers(self):
        arrays = map(ops.convert_to_numpy, self.model_.mixture.parameters())
        log_weights, self.cluster_centers_, self.log_variances_ = arrays
        self.weights_ = np.exp(log_weights)

    def _assign(self, z):
        return most_probable(z, np.log(self.weights_), self.cluster_centers_, self.log_variances_)

    def decode(self, Z):
        """Mean of the pixels, in [0, 1], for latent codes; as `NetworkEstimator.decode`."""
        return expit(super().decode(Z))
