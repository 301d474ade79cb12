"""What the games of WaMiC are played with: two critics, a prior, and Wasserstein distances."""

import keras
from keras import layers, ops

# Units of the critic of codes, and of the critic of data.
CRITIC_UNITS, DATA_CRITIC_UNITS = (256, 256), (512, 512)


def reverse_gradient(x, strength):
    """Give x, and send back -strength times the gradient (Ganin and Lempitsky, ICML 2015).

    Below it the loss of the adversary is ascended, above it descended, in one step; ``strength`` is
    the weight of the game for whoever made x.
    """
    return (1 + strength) * ops.stop_gradient(x) - strength * x


def wasserstein_estimate(of_codes, of_prior, prior_weights):
    """1/N sum_i C(z_i) - sum_j w_j C(z'_j): what a 1-Lipschitz critic C sees of W(Q, P).

    Its values for codes and for samples of the prior, and the samples' weights, of sum 1, are (B,).
    At most the Wasserstein distance, by the duality of Kantorovich and Rubinstein.
    """
    return ops.mean(of_codes) - ops.sum(prior_weights * of_prior)


@keras.saving.register_keras_serializable("desom")
class PriorLayer(layers.Layer):
    """K Gaussians of unit covariance: takes codes, gives as many samples, and their weights."""

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
    """Build a 1-Lipschitz critic, (B, latent_dim) to (B, 1): small layers of spectral norm 1."""
    glorot = keras.initializers.GlorotUniform(seed=seeds)
    denses = [layers.Dense(n, kernel_initializer=glorot) for n in (*CRITIC_UNITS, 1)]
    *hidden, last = map(layers.SpectralNormalization, denses)
    leaky = [layer for dense in hidden for layer in (dense, layers.LeakyReLU(0.2))]
    critic = keras.Sequential([layers.Input((latent_dim,)), *leaky, last], name="critic")
    for dense in (*hidden, last):
        # Keras draws the start of its power iteration from the global generator.
        dense.vector_u.assign(keras.random.normal(dense.vector_u.shape, seed=seeds))
    return critic


def build_critic_of_data(n_features, seeds):
    """Build a critic (B, n_features) to (B, 1) that `gradient_penalty` keeps near 1-Lipschitz."""
    glorot = keras.initializers.GlorotUniform(seed=seeds)
    hidden = [layers.Dense(n, "leaky_relu", kernel_initializer=glorot) for n in DATA_CRITIC_UNITS]
    last = layers.Dense(1, kernel_initializer=glorot)
    return keras.Sequential([layers.Input((n_features,)), *hidden, last], name="critic")


def slopes(critic, x):
    """Gradient of a critic of data by its input, point by point: from (B, D) to (B, D).

    It is the product of the kernels, each behind the slopes of its layer's leaky ReLU: Keras has no
    gradient that can stand in a loss on every backend.
    """
    passed = []
    for layer in critic.layers:
        x = layer(x)
        passed.append(ops.where(x > 0, 1.0, 0.2))
    passed[-1] = ops.ones_like(x)
    gradient = ops.ones_like(x)
    for layer, slope in zip(critic.layers[::-1], passed[::-1], strict=True):
        gradient = ops.matmul(gradient * slope, ops.transpose(layer.kernel))
    return gradient


def gradient_penalty(gradients):
    """Mean of (‖gradient‖ - 1)², of gradients (B, D) (Gulrajani et al., NeurIPS 2017, eq. 3)."""
    norms = ops.sqrt(ops.sum(ops.square(gradients), axis=1) + 1e-12)
    return ops.mean(ops.square(norms - 1))


def recovery_loss(log_joint, components, weights):
    """-sum_j w_j log p(c_j | z_j): whether codes tell from which component they were generated.

    From ``log_joint`` (B, K), the true components (B,) and weights (B,), which sum to 1.
    """
    log_posterior = ops.log_softmax(log_joint, axis=1)
    return -ops.sum(weights * ops.take_along_axis(log_posterior, components[:, None], axis=1)[:, 0])
