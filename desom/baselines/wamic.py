"""WaMiC: an autoencoder whose codes a Wasserstein critic cannot tell from a mixture of Gaussians.

After Harchaoui: Wasserstein Adversarial Mixture Clustering, 2018. No code of it is public, and this
is a design of our own from the published idea: see the page of the method.
"""

import keras
import numpy as np
from keras import layers, ops

from desom.autoencoder import build_networks, reconstruction_loss
from desom.baselines._clustering import ClusteringEstimator
from desom.baselines._mixtures import fit_mixture, log_joint
from desom.estimator import NON_NEGATIVE, POSITIVE

CRITIC_UNITS = (256, 256)
# The usual momentum of Adam beside an adversary.
BETAS = (0.5, 0.9)


def reverse_gradient(x, strength):
    """Give x, and send back -strength times the gradient (Ganin and Lempitsky, ICML 2015).

    Parameters
    ----------
    x : tensor
        What the adversary sees.
    strength : float
        Weight of the game for whoever made x.

    Returns
    -------
    tensor
        x. Below it the loss of the adversary is ascended, above it descended, in one step.
    """
    return (1 + strength) * ops.stop_gradient(x) - strength * x


def wasserstein_estimate(of_codes, of_prior, prior_weights):
    """1/N sum_i C(z_i) - sum_j w_j C(z'_j): what a 1-Lipschitz critic C sees of W(Q, P).

    Parameters
    ----------
    of_codes, of_prior : tensor of shape (B,)
        The critic's values for codes and for samples of the prior.
    prior_weights : tensor of shape (B,)
        Weights of the samples; they sum to 1.

    Returns
    -------
    scalar tensor
        At most the Wasserstein distance, by the duality of Kantorovich and Rubinstein.
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

    Parameters
    ----------
    latent_dim : int
        Dimension d of the codes.
    seeds : keras.random.SeedGenerator
        Source of the initial weights.

    Returns
    -------
    keras.Sequential
        Takes (B, d), gives (B, 1).
    """

    def dense(units):
        initializer = keras.initializers.GlorotUniform(seed=seeds)
        return layers.SpectralNormalization(layers.Dense(units, kernel_initializer=initializer))

    hidden = [layer for n in CRITIC_UNITS for layer in (dense(n), layers.LeakyReLU(0.2))]
    critic = keras.Sequential([layers.Input((latent_dim,)), *hidden, dense(1)], name="critic")
    for layer in critic.layers:
        if isinstance(layer, layers.SpectralNormalization):
            # Keras draws the start of its power iteration from the global generator.
            layer.vector_u.assign(keras.random.normal(layer.vector_u.shape, seed=seeds))
    return critic


@keras.saving.register_keras_serializable("desom")
class WaMiCModel(keras.Model):
    """Encoder, decoder, prior and critic as one Keras model: L = L_r + weight W.

    Called on x, it gives a dictionary: ``latent`` codes, ``reconstruction`` of x, and the critic's
    values ``of_codes`` and ``of_prior`` with the ``prior_weights``.
    """

    def __init__(self, encoder, decoder, prior, critic, weight):
        x = keras.Input(encoder.input_shape[1:], name="x")
        z = encoder(x)
        samples, weights = prior(z)
        reverse = layers.Lambda(lambda x: reverse_gradient(x, weight))
        # In one call: every call in training normalizes the critic's kernels anew.
        values = critic(reverse(ops.concatenate([z, samples])))[:, 0]
        of_codes, of_prior = ops.split(values, 2)
        outputs = {
            "latent": z,
            "reconstruction": decoder(z),
            "of_codes": of_codes,
            "of_prior": of_prior,
            "prior_weights": reverse(weights),
        }
        super().__init__(inputs=x, outputs=outputs, name="wamic")
        self.encoder, self.decoder, self.prior, self.critic = encoder, decoder, prior, critic
        self.reconstruction_tracker = keras.metrics.Mean(name="reconstruction_loss")
        self.distance_tracker = keras.metrics.Mean(name="wasserstein_estimate")

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """L_r - W of a batch: the critic raises W; codes and prior, reversed, lower it."""
        loss_r = reconstruction_loss(x, y_pred["reconstruction"])
        distance = wasserstein_estimate(
            y_pred["of_codes"], y_pred["of_prior"], y_pred["prior_weights"]
        )
        self.reconstruction_tracker.update_state(loss_r)
        self.distance_tracker.update_state(distance)
        return loss_r - distance


class WaMiC(ClusteringEstimator):
    """Wasserstein adversarial mixture clustering, in latent space.

    Parameters
    ----------
    n_clusters : int, default=10
        Number of clusters.
    hidden_units : tuple of int, default=(500, 500, 2000)
        Widths of the encoder's hidden layers; the decoder mirrors them.
    latent_dim : int, default=10
        Dimension of the latent space.
    lam : float, default=10.0
        Weight of the Wasserstein distance beside a reconstruction error summed over D features.
    pretrain_iterations : int, default=5_000
        Training steps of the autoencoder alone.
    iterations : int, default=10_000
        Training steps that follow.
    batch_size : int, default=256
        Samples per step.
    learning_rate : float, default=0.001
        Step size of Adam in the first phase.
    clustering_learning_rate : float, default=0.0001
        Step size of Adam in the second.
    random_state : int, RandomState or None, default=None
        Determines initial weights, the start of the mixture, the shuffling and the samples.
    verbose : bool, default=False
        Whether to show a progress bar.

    Attributes
    ----------
    weights_ : ndarray of float32, shape (n_clusters,)
        The probability pi_k of every component.
    cluster_centers_ : ndarray of float32, shape (n_clusters, latent_dim)
        The means, in latent space; ``decode`` shows them in the space of X.
    labels_ : ndarray of int, shape (n_samples,)
        Most probable component of every training sample.
    history_ : dict of str to list
        Curves over training: ``iteration``, ``loss``, ``reconstruction_loss``,
        ``wasserstein_estimate``.
    model_ : WaMiCModel
        The trained Keras model.
    n_features_in_ : int
        Number of features of X.
    """

    _parameter_constraints = ClusteringEstimator._parameter_constraints | {
        "lam": NON_NEGATIVE,
        "clustering_learning_rate": POSITIVE,
    }

    def __init__(
        self,
        n_clusters=10,
        *,
        hidden_units=(500, 500, 2000),
        latent_dim=10,
        lam=10.0,
        pretrain_iterations=5_000,
        iterations=10_000,
        batch_size=256,
        learning_rate=0.001,
        clustering_learning_rate=0.0001,
        random_state=None,
        verbose=False,
    ):
        self.n_clusters = n_clusters
        self.hidden_units = hidden_units
        self.latent_dim = latent_dim
        self.lam = lam
        self.pretrain_iterations = pretrain_iterations
        self.iterations = iterations
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.clustering_learning_rate = clustering_learning_rate
        self.random_state = random_state
        self.verbose = verbose

    def _build_model(self, n_features, seeds):
        networks = build_networks(n_features, self.hidden_units, self.latent_dim, seeds)
        prior = PriorLayer(self.n_clusters, seeds, name="prior")
        critic = build_critic(self.latent_dim, seeds)
        return WaMiCModel(*networks, prior, critic, self.lam / n_features)

    def _optimizer(self):
        return keras.optimizers.Adam(self.clustering_learning_rate, *BETAS)

    def _place_centers(self, codes, seed):
        """Fit a mixture, and measure every axis of the latent space in its standard deviations."""
        found = fit_mixture(codes, self.n_clusters, seed)
        scale = np.sqrt(found.weights_ @ found.covariances_)
        last, first = self.model_.encoder.layers[-1], self.model_.decoder.layers[0]
        kernel, bias = last.get_weights()
        last.set_weights([kernel / scale, bias / scale])
        kernel, bias = first.get_weights()
        first.set_weights([kernel * scale[:, None], bias])
        self.model_.prior.logits.assign(np.log(found.weights_))
        self.model_.prior.means.assign(found.means_ / scale)

    def _read_centers(self):
        self.weights_ = ops.convert_to_numpy(ops.softmax(self.model_.prior.logits))
        self.cluster_centers_ = ops.convert_to_numpy(self.model_.prior.means)

    def _assign(self, z):
        unit = np.zeros_like(self.cluster_centers_)
        parameters = (np.log(self.weights_), self.cluster_centers_, unit)
        z, *parameters = map(ops.convert_to_tensor, (z, *parameters))
        return ops.convert_to_numpy(log_joint(z, *parameters)).argmax(axis=1)
