"""VaDE: a variational autoencoder whose prior is a mixture of Gaussians.

Jiang, Zheng, Tan, Tang, Zhou: Variational Deep Embedding: An Unsupervised and Generative Approach
to Clustering, IJCAI 2017.
"""

import keras
import numpy as np
from keras import ops

from desom.baselines._clustering import DeepClustering
from desom.baselines._mixtures import (
    START,
    MixtureLayer,
    Start,
    fit_mixture,
    most_probable,
    scaled_squares,
    whitened_mixture,
)
from desom.baselines._variational import OfPixels, VariationalModel, bernoulli_loss
from desom.engine.loop import train
from desom.estimator import Count, hyperparameter

# The authors' Adam.
EPSILON = 1e-4
# The logits that stand for a pixel of 0 and of 1 when the training begins.
FIRST_LOGIT = 4.0
# The variance of every code when the training begins, over that of the mixture's components.
FIRST_SHARE = 0.1
# From a whitened start: epochs of the decoder alone, and of the rise of the step size.
DECODER_EPOCHS, RISING_EPOCHS = 2, 6


@keras.saving.register_keras_serializable("desom")
class RisingRate(keras.optimizers.schedules.LearningRateSchedule):
    """A step size that rises to its peak, then falls by a tenth every 10 epochs, to a fifth.

    ``epoch`` is the number of steps of an epoch. The fall is the authors'.
    """

    def __init__(self, peak, epoch):
        self.peak, self.epoch = peak, epoch

    def __call__(self, step):
        """Give the size of the step of this number, from 0 on."""
        epochs = (ops.cast(step, "float32") + 1) / self.epoch
        falls = ops.floor(ops.maximum(epochs - RISING_EPOCHS, 0) / 10)
        return self.peak * ops.minimum(epochs / RISING_EPOCHS, ops.maximum(0.9**falls, 0.2))

    def get_config(self):
        """Give the arguments of the constructor."""
        return {"peak": self.peak, "epoch": self.epoch}


def mixture_divergence(mean, log_variance, gamma, log_weights, means, log_variances):
    """KL of q(z, c | x) to the prior p(z, c), in nats, averaged over points (IJCAI 2017, eq. 12).

    Mean and log_variance (B, d) are those of q(z | x), gamma (B, K) is q(c | x) = p(c | z); of the
    prior, log pi_c (K,), mu_c and log sigma_c² (K, d).
    """
    variance = ops.exp(log_variance)
    squares = scaled_squares(mean, variance, means, log_variances)
    within = ops.sum(gamma * (squares + ops.sum(log_variances, axis=1)), axis=1) / 2
    between = ops.sum(gamma * (ops.log(gamma + keras.config.epsilon()) - log_weights), axis=1)
    entropy = ops.sum(1 + log_variance, axis=1) / 2
    return ops.mean(within + between - entropy)


class VaDEModel(VariationalModel):
    """A variational model whose codes come from a mixture, with the loss -ELBO."""

    TERMS = ("bernoulli_loss", "divergence")

    def __init__(self, encoder, decoder, mixture, seeds):
        super().__init__(encoder, decoder, mixture, "log_joint", seeds)
        self.mixture = mixture

    def losses(self, x, y, y_pred, training):
        """-ELBO of a batch, and its two terms."""
        loss_r = bernoulli_loss(x, y_pred["logits"])
        code, gamma = (y_pred["mean"], y_pred["log_variance"]), ops.softmax(y_pred["log_joint"])
        divergence = mixture_divergence(*code, gamma, *self.mixture.parameters())
        return loss_r + divergence, loss_r, divergence


class VaDE(OfPixels, DeepClustering):
    """Variational deep embedding, for data in [0, 1].

    Beside what `DeepClustering` learns, the mixture, whose means are ``cluster_centers_``:
    ``weights_``, the probabilities pi_c (n_clusters,), and ``log_variances_`` (n_clusters,
    latent_dim). ``predict`` gives the most probable component, at the mean of the code. From a
    whitened start, the weights stay equal; decoder and variances learn first, for 2 epochs, then
    the step size rises.
    """

    start: Start = START
    iterations: Count = hyperparameter(10_000, "Training steps that follow.")

    def _build_model(self, n_features, seeds):
        parts = self._build_parts(n_features, seeds, MixtureLayer, name="mixture")
        return VaDEModel(*parts, seeds)

    def _optimizer(self):
        return keras.optimizers.Adam(self.learning_rate, epsilon=EPSILON)

    def _place_centers(self, codes, seed):
        """Fit a mixture, and have the decoder give logits where it gave the data."""
        if self.start == "whitened":
            _, means, covariances = whitened_mixture(self.model_, codes, self.n_clusters, seed)
            variances = np.diagonal(covariances, axis1=1, axis2=2)
            weights = np.full(len(means), 1 / len(means))
        else:
            mixture = fit_mixture(codes, self.n_clusters, seed)
            weights, means, variances = mixture.weights_, mixture.means_, mixture.covariances_
        self.model_.mixture.logits.assign(np.log(weights))
        self.model_.mixture.means.assign(means)
        self.model_.mixture.log_variances.assign(np.log(variances))
        self.model_.variance_head.bias.assign(np.log(FIRST_SHARE * (weights @ variances)))
        kernel, bias = self.model_.decoder.layers[-1].get_weights()
        slope = 2 * FIRST_LOGIT
        self.model_.decoder.layers[-1].set_weights([slope * kernel, slope * (bias - 0.5)])

    def _train(self, X, rng, **options):
        if self.start == "diagonal":
            super()._train(X, rng, **options)
            return
        model, epoch = self.model_, max(1, len(X) // self.batch_size)
        model.encoder.trainable = model.mixture.trainable = False
        model.compile(optimizer=self._optimizer())
        train(model, X, DECODER_EPOCHS * epoch, self.batch_size, rng, verbose=self.verbose)
        model.encoder.trainable = model.mixture.trainable = True
        model.mixture.logits.trainable = False
        rate = RisingRate(float(self.learning_rate), epoch)
        model.compile(optimizer=keras.optimizers.Adam(rate, epsilon=EPSILON))
        lengths = self.iterations, self.batch_size
        self.history_ = train(model, X, *lengths, rng, verbose=self.verbose, **options)

    def _read_centers(self):
        arrays = map(ops.convert_to_numpy, self.model_.mixture.parameters())
        log_weights, self.cluster_centers_, self.log_variances_ = arrays
        self.weights_ = np.exp(log_weights)

    def _assign(self, z):
        return most_probable(z, np.log(self.weights_), self.cluster_centers_, self.log_variances_)
