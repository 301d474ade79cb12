"""Mixtures of Gaussians with diagonal covariances, as layers: the priors of VaDE and WaMiC.

Jiang, Zheng, Tan, Tang, Zhou: Variational Deep Embedding: An Unsupervised and Generative Approach
to Clustering, IJCAI 2017.
"""

import keras
from keras import layers, ops
from sklearn import config_context
from sklearn.mixture import GaussianMixture


def fit_mixture(codes, n_clusters, seed, covariance_type="diag"):
    """Fit a mixture by expectation-maximization, from k-means of the codes (N, d).

    It is scikit-learn's ``GaussianMixture``, in double precision; ``covariance_type`` is full or
    diag: whether a component has axes of its own, or those of the latent space.
    """
    mixture = GaussianMixture(n_clusters, covariance_type=covariance_type, random_state=seed)
    # A variance is a difference of squares there: in single precision, that of a cluster that is
    # small beside its distance from the origin may come out below zero.
    # The start from k-means is refused where scikit-learn dispatches to other arrays than NumPy's.
    with config_context(array_api_dispatch=False):
        return mixture.fit(codes.astype(float))


def scaled_squares(mean, variance, means, log_variances):
    """E sum_j (z_j - mu_cj)² / sigma_cj², for z of this mean and variance, and every component c.

    Expanded into matrix products: the (B, K, d) array of differences is never built. From mean and
    variance (B, d) of the codes, variance 0 for a code that is known, and mu_c and log sigma_c²
    (K, d), to (B, K).
    """
    precisions = ops.exp(-log_variances)
    scaled = means * precisions
    squares = ops.matmul(variance + ops.square(mean), ops.transpose(precisions))
    return squares - 2 * ops.matmul(mean, ops.transpose(scaled)) + ops.sum(means * scaled, axis=1)


def log_joint(z, log_weights, means, log_variances):
    """Logarithm of pi_c N(z; mu_c, sigma_c²), up to a constant (IJCAI 2017, eq. 16).

    From codes (B, d), log pi_c (K,), mu_c and log sigma_c² (K, d) to (B, K); its softmax is
    gamma_ic = p(c | z_i).
    """
    squares = scaled_squares(z, ops.zeros_like(z), means, log_variances)
    return log_weights - (squares + ops.sum(log_variances, axis=1)) / 2


def most_probable(z, log_weights, means, log_variances):
    """Give every code the component of the largest `log_joint`: ndarrays, the result (N,)."""
    tensors = map(ops.convert_to_tensor, (z, log_weights, means, log_variances))
    return ops.convert_to_numpy(log_joint(*tensors)).argmax(axis=1)


@keras.saving.register_keras_serializable("desom")
class MixtureLayer(layers.Layer):
    """A mixture of K Gaussians with axes along those of the latent space.

    Takes codes, gives their ``log_joint`` with every component.
    """

    def __init__(self, n_clusters, **kwargs):
        super().__init__(**kwargs)
        self.n_clusters = n_clusters

    def build(self, input_shape):
        """Create logits of the weights pi, the means and the logarithms of the variances."""
        shape = (self.n_clusters, input_shape[-1])
        self.logits = self.add_weight(shape=shape[:1], initializer="zeros", name="logits")
        self.means = self.add_weight(shape=shape, name="means")
        self.log_variances = self.add_weight(shape=shape, initializer="zeros", name="log_variances")

    def parameters(self):
        """Logarithms of the weights, means, logarithms of the variances."""
        return ops.log_softmax(self.logits), self.means, self.log_variances

    def call(self, z):
        """Give the logarithm of pi_c N(z; mu_c, sigma_c²), up to a constant, of shape (B, K)."""
        return log_joint(z, *self.parameters())
