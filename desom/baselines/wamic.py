"""WaMiC: an autoencoder whose codes a Wasserstein critic cannot tell from a mixture of Gaussians.

After Harchaoui: Wasserstein Adversarial Mixture Clustering, 2018. No code of it is public, and this
is a design of our own from the published idea: see the page of the method.
"""

import keras
import numpy as np
from keras import layers, ops

from desom.autoencoder import build_networks, reconstruction_loss
from desom.baselines._clustering import DeepClustering
from desom.baselines._mixtures import (
    START,
    Start,
    fit_mixture,
    most_probable,
    whiten,
    whitened_mixture,
)
from desom.estimator import Count, Model, NonNegative, Positive, hyperparameter

CRITIC_UNITS = (256, 256)
# The usual momentum of Adam beside an adversary.
BETAS = (0.5, 0.9)


def reverse_gradient(x, strength):
    """Give x, and send back -strength times the gradient (Ganin and Lempitsky, ICML 2015).

    Below it the loss of the adversary is ascended, above it descended, in one step; ``strength`` is
    the weight of the game for whoever made x.
    """
    return (1 + strength) * ops.stop_gradient(x) - strength * x


def wasserstein_estimate(of_codes, of_prior, prior_weights):
    """1/N sum_i C(z_i) - sum_j w_j C(z'_j): what a 1-Lipschitz critic C sees of W(Q, P).

    The critic's values for codes and for samples of the prior, and the samples' weights, which sum
    to 1, are (B,). At most the Wasserstein distance, by the duality of Kantorovich and Rubinstein.
    """
    return ops.mean(of_codes) - ops.sum(prior_weights * of_prior)


@keras.saving.register_keras_serializable("desom")
class PriorLayer(layers.Layer):
    """A mixture of K Gaussians of unit covariance, sampled evenly from all components.

    Takes codes, for their number; gives as many samples, and their weights.
    """

    def __init__(self, n_clusters, seeds, **kwargs):
        super().__init__(**kwargs)
        self.n_clusters, self.seeds = n_clusters, seeds

    def build(self, input_shape):
        """Create logits of the weights pi, and the means."""
        shape = (self.n_clusters, input_shape[-1])
        self.logits = self.add_weight(shape=shape[:1], initializer="zeros", name="logits")
        self.means = self.add_weight(shape=shape, name="means")

    def call(self, z):
        """Draw samples of shape (B, d), with weights of shape (B,): pi over the even share."""
        components = ops.arange(ops.shape(z)[0]) % self.n_clusters
        noise = keras.random.normal(ops.shape(z), seed=self.seeds)
        samples = ops.take(self.means, components, axis=0) + noise
        weights = ops.take(ops.softmax(self.logits), components)
        return samples, weights / ops.sum(weights)


def build_critic(latent_dim, seeds):
    """Build the critic: small layers of spectral norm 1, so that it is 1-Lipschitz.

    A ``keras.Sequential`` that takes (B, latent_dim) to (B, 1); ``seeds`` draws its weights.
    """
    glorot = keras.initializers.GlorotUniform(seed=seeds)
    denses = [layers.Dense(n, kernel_initializer=glorot) for n in (*CRITIC_UNITS, 1)]
    *hidden, last = map(layers.SpectralNormalization, denses)
    leaky = [layer for dense in hidden for layer in (dense, layers.LeakyReLU(0.2))]
    critic = keras.Sequential([layers.Input((latent_dim,)), *leaky, last], name="critic")
    for dense in (*hidden, last):
        # Keras draws the start of its power iteration from the global generator.
        dense.vector_u.assign(keras.random.normal(dense.vector_u.shape, seed=seeds))
    return critic


@keras.saving.register_keras_serializable("desom")
class WaMiCModel(Model):
    """Encoder, decoder, prior and critic as one Keras model: L = L_r + weight W.

    Called on x, it gives a dictionary: ``latent`` codes, ``reconstruction`` of x, and the critic's
    values ``of_codes`` and ``of_prior`` with the ``prior_weights``.
    """

    def __init__(self, encoder, decoder, critic, weight, n_clusters, seeds):
        x = keras.Input(encoder.input_shape[1:], name="x")
        z = encoder(x)
        prior = PriorLayer(n_clusters, seeds, name="prior")
        samples, weights = prior(z)
        # In one call: every call in training normalizes the critic's kernels anew.
        values = critic(reverse_gradient(ops.concatenate([z, samples]), weight))[:, 0]
        of_codes, of_prior = ops.split(values, 2)
        outputs = {"latent": z, "reconstruction": decoder(z), "of_codes": of_codes}
        outputs |= {"of_prior": of_prior, "prior_weights": reverse_gradient(weights, weight)}
        super().__init__(inputs=x, outputs=outputs, name="wamic")
        self.encoder, self.decoder, self.prior, self.critic = encoder, decoder, prior, critic
        self.weight, self.n_clusters = weight, n_clusters
        self.reconstruction_tracker = keras.metrics.Mean(name="reconstruction_loss")
        self.distance_tracker = keras.metrics.Mean(name="wasserstein_estimate")

    seeds = property(lambda self: self.prior.seeds, doc="The generator of the prior's samples.")

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """L_r - W of a batch: the critic raises W; codes and prior, reversed, lower it."""
        loss_r = reconstruction_loss(x, y_pred["reconstruction"])
        values = y_pred["of_codes"], y_pred["of_prior"]
        distance = wasserstein_estimate(*values, y_pred["prior_weights"])
        self.reconstruction_tracker.update_state(loss_r)
        self.distance_tracker.update_state(distance)
        return loss_r - distance


class WaMiC(DeepClustering):
    """Wasserstein adversarial mixture clustering, in latent space.

    Beside what `DeepClustering` learns: ``weights_``, the probabilities pi_c (n_clusters,) of the
    components, whose means are ``cluster_centers_``. ``predict`` gives the most probable one.
    """

    lam: NonNegative = hyperparameter(10.0, "Weight of the Wasserstein distance beside D L_r.")
    start: Start = START
    iterations: Count = hyperparameter(10_000, "Training steps that follow.")
    learning_rate: Positive = hyperparameter(0.001, "Step size of Adam in the first phase.")
    clustering_learning_rate: Positive = hyperparameter(0.0001, "Step size of the second phase.")

    def _build_model(self, n_features, seeds):
        networks = build_networks(n_features, self.hidden_units, self.latent_dim, seeds)
        critic = build_critic(self.latent_dim, seeds)
        return WaMiCModel(*networks, critic, self.lam / n_features, self.n_clusters, seeds)

    def _optimizer(self):
        return keras.optimizers.Adam(self.clustering_learning_rate, *BETAS)

    def _place_centers(self, codes, seed):
        """Fit a mixture, and have its clusters spread by one, on average, along every axis."""
        if self.start == "whitened":
            weights, means, _ = whitened_mixture(self.model_, codes, self.n_clusters, seed)
        else:
            mixture = fit_mixture(codes, self.n_clusters, seed)
            weights, within = mixture.weights_, np.diag(mixture.weights_ @ mixture.covariances_)
            means = mixture.means_ @ whiten(self.model_, within)
        self.model_.prior.logits.assign(np.log(weights))
        self.model_.prior.means.assign(means)

    def _read_centers(self):
        self.weights_ = ops.convert_to_numpy(ops.softmax(self.model_.prior.logits))
        self.cluster_centers_ = ops.convert_to_numpy(self.model_.prior.means)

    def _assign(self, z):
        unit = np.zeros_like(self.cluster_centers_)
        return most_probable(z, np.log(self.weights_), self.cluster_centers_, unit)
