"""WaMiC: an autoencoder whose codes a Wasserstein critic cannot tell from a mixture of Gaussians.

After Harchaoui: Wasserstein Adversarial Mixture Clustering, 2018. No code of it is public, and this
is a design of our own from the published idea: see the page of the method.
"""

import keras
import numpy as np
from keras import ops

from desom.autoencoder import build_networks, reconstruction_loss
from desom.baselines._clustering import DeepClustering, LossOfTerms
from desom.baselines._critics import (
    PriorLayer,
    build_critic,
    build_critic_of_data,
    gradient_penalty,
    recovery_loss,
    reverse_gradient,
    slopes,
    wasserstein_estimate,
)
from desom.baselines._mixtures import (
    START,
    Start,
    fit_mixture,
    log_joint,
    most_probable,
    whiten,
    whitened_mixture,
)
from desom.estimator import Count, NonNegative, Positive, hyperparameter, one_of

# The usual momentum of Adam beside an adversary.
BETAS = (0.5, 0.9)
# Of the penalty on the gradients of a critic (Gulrajani et al., 2017).
PENALTY_WEIGHT = 10


class WaMiCModel(LossOfTerms):
    """Encoder, decoder, prior and critic as one Keras model: L = L_r + weight W.

    Called on x, it gives a dictionary: ``latent`` codes, ``reconstruction`` of x, and the critic's
    values ``of_codes`` and ``of_prior`` with the ``prior_weights``.
    """

    TERMS = ("reconstruction_loss", "wasserstein_estimate")

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

    seeds = property(lambda self: self.prior.seeds, doc="The generator of the prior's samples.")

    def losses(self, x, y, y_pred, training):
        """L_r - W of a batch, and both: the critic raises W; codes and prior lower it."""
        loss_r = reconstruction_loss(x, y_pred["reconstruction"])
        values = y_pred["of_codes"], y_pred["of_prior"]
        distance = wasserstein_estimate(*values, y_pred["prior_weights"])
        return loss_r - distance, loss_r, distance


class DataGameModel(LossOfTerms):
    """The game on data: the critic compares x and what is decoded from the prior, which is fixed.

    L = L_r + weight W + L_rec / D: the encoder also learns from which component a decoded sample
    came. Called on x, it gives a dictionary, as `WaMiCModel`, with the samples that are
    ``generated`` and their codes when ``recovered``.
    """

    TERMS = ("reconstruction_loss", "wasserstein_estimate", "gradient_penalty", "recovery_loss")

    def __init__(self, encoder, decoder, critic, weight, n_clusters, seeds):
        x = keras.Input(encoder.input_shape[1:], name="x")
        z = encoder(x)
        prior = PriorLayer(n_clusters, seeds, name="prior", trainable=False)
        samples, weights = prior(z)
        generated = decoder(samples)
        values = critic(ops.concatenate([x, reverse_gradient(generated, weight)]))[:, 0]
        of_data, of_generated = ops.split(values, 2)
        outputs = {"latent": z, "reconstruction": decoder(z), "prior_weights": weights}
        outputs |= {"of_data": of_data, "of_generated": of_generated, "generated": generated}
        outputs["recovered"] = encoder(ops.stop_gradient(generated))
        super().__init__(inputs=x, outputs=outputs, name="wamic")
        self.encoder, self.decoder, self.prior, self.critic = encoder, decoder, prior, critic
        self.weight, self.n_clusters = weight, n_clusters

    seeds = property(lambda self: self.prior.seeds, doc="The generator of all samples.")

    def losses(self, x, y, y_pred, training):
        """L_r - W + 10 penalty + L_rec / D of a batch, and all four: the decoder lowers W."""
        weights, generated = y_pred["prior_weights"], ops.stop_gradient(y_pred["generated"])
        share = keras.random.uniform((ops.shape(generated)[0], 1), seed=self.seeds)
        between = share * x + (1 - share) * generated
        means = ops.convert_to_tensor(self.prior.means)
        mixture = ops.log_softmax(self.prior.logits), means, ops.zeros_like(means)
        components = ops.arange(ops.shape(generated)[0]) % self.n_clusters
        loss_r = reconstruction_loss(x, y_pred["reconstruction"])
        distance = wasserstein_estimate(y_pred["of_data"], y_pred["of_generated"], weights)
        penalty = gradient_penalty(slopes(self.critic, between))
        recovery = recovery_loss(log_joint(y_pred["recovered"], *mixture), components, weights)
        loss = loss_r - distance + PENALTY_WEIGHT * penalty + recovery / generated.shape[1]
        return loss, loss_r, distance, penalty, recovery


class WaMiC(DeepClustering):
    """Wasserstein adversarial mixture clustering.

    Beside what `DeepClustering` learns: ``weights_``, the probabilities pi_c (n_clusters,) of the
    components, whose means are ``cluster_centers_``. ``predict`` gives the most probable one.
    """

    lam: NonNegative = hyperparameter(10.0, "Weight of the Wasserstein distance beside D L_r.")
    start: Start = START
    game: one_of("codes", "data") = hyperparameter(
        "codes", "What the critic compares: codes with the prior, or X with what is decoded of it."
    )
    iterations: Count = hyperparameter(10_000, "Training steps that follow.")
    learning_rate: Positive = hyperparameter(0.001, "Step size of Adam in the first phase.")
    clustering_learning_rate: Positive = hyperparameter(0.0001, "Step size of the second phase.")

    def _build_model(self, n_features, seeds):
        networks = build_networks(n_features, self.hidden_units, self.latent_dim, seeds)
        if self.game == "data":
            model, critic = DataGameModel, build_critic_of_data(n_features, seeds)
        else:
            model, critic = WaMiCModel, build_critic(self.latent_dim, seeds)
        return model(*networks, critic, self.lam / n_features, int(self.n_clusters), seeds)

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
