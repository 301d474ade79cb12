"""Mixtures of Gaussians: how they are fitted, and as layers, the priors of VaDE and WaMiC.

Jiang, Zheng, Tan, Tang, Zhou: Variational Deep Embedding: An Unsupervised and Generative Approach
to Clustering, IJCAI 2017.
"""

import keras
import numpy as np
from keras import layers, ops
from sklearn import config_context
from sklearn.mixture import GaussianMixture

from desom.estimator import hyperparameter, one_of

Start = one_of("diagonal", "whitened")
START = hyperparameter("diagonal", "The mixture at first: as it was, or of `whitened_mixture`.")
# Fits of a whitened mixture, of which the likeliest is kept.
STARTS = 10


def fit_mixture(codes, n_clusters, seed, covariance_type="diag", restarts=1):
    """Fit a mixture, scikit-learn's, by expectation-maximization, from k-means of the codes (N, d).

    It is the likeliest of the restarts, in double precision; ``covariance_type`` is full or diag.
    """
    options = {"covariance_type": covariance_type, "n_init": restarts, "random_state": seed}
    mixture = GaussianMixture(n_clusters, **options)
    # A variance is a difference of squares there: in single precision, that of a cluster that is
    # small beside its distance from the origin may come out below zero.
    # The start from k-means is refused where scikit-learn dispatches to other arrays than NumPy's.
    with config_context(array_api_dispatch=False):
        return mixture.fit(codes.astype(float))


def within_covariance(mixture):
    """Sigma_w = sum_c pi_c Sigma_c: the covariance (d, d) within the clusters, pooled."""
    return np.tensordot(mixture.weights_, mixture.covariances_, 1)


def whiten(model, within):
    """Choose axes in which a covariance (d, d) is the identity, by two layers of a model.

    The last layer of the encoder and the first of the decoder absorb the change: codes have other
    coordinates, no reconstruction changes. Gives the matrix (d, d) that takes codes, as rows,
    there.
    """
    root = np.linalg.cholesky(within).T
    to_new = np.linalg.inv(root)
    last, first = model.encoder.layers[-1], model.decoder.layers[0]
    last.set_weights([weights @ to_new for weights in last.get_weights()])
    kernel, bias = first.get_weights()
    first.set_weights([root @ kernel, bias])
    return to_new


def whitened_mixture(model, codes, n_clusters, seed):
    """Fit full covariances, the likeliest of ``STARTS``, and whiten the space by what they pool.

    Gives the weights (K,), means (K, d) and covariances (K, d, d) in the new axes of the model.
    """
    mixture = fit_mixture(codes, n_clusters, seed, "full", STARTS)
    to_new = whiten(model, within_covariance(mixture))
    return mixture.weights_, mixture.means_ @ to_new, to_new.T @ mixture.covariances_ @ to_new


def scaled_squares(mean, variance, means, log_variances):
    """E sum_j (z_j - mu_cj)² / sigma_cj², for z of this mean and variance, and every component c.

    Matrix products: the (B, K, d) differences are never built. From mean and variance (B, d), 0 for
    a code that is known, and mu_c and log sigma_c² (K, d), to (B, K).
    """
    precisions = ops.exp(-log_variances)
    scaled = means * precisions
    squares = ops.matmul(variance + ops.square(mean), ops.transpose(precisions))
    return squares - 2 * ops.matmul(mean, ops.transpose(scaled)) + ops.sum(means * scaled, axis=1)


def log_joint(z, log_weights, means, log_variances):
    """Logarithm of pi_c N(z; mu_c, sigma_c²), up to a constant (IJCAI 2017, eq. 16).

    From codes (B, d), log pi_c (K,), mu_c and log sigma_c² (K, d) to (B, K); its softmax is p(c |
    z_i).
    """
    squares = scaled_squares(z, ops.zeros_like(z), means, log_variances)
    return log_weights - (squares + ops.sum(log_variances, axis=1)) / 2


def most_probable(z, log_weights, means, log_variances):
    """Give every code the component of the largest `log_joint`: ndarrays, the result (N,)."""
    # Far from zero, the expanded squares lose their digits.
    center = means.mean(axis=0)
    arrays = z - center, log_weights, means - center, log_variances
    tensors = map(ops.convert_to_tensor, arrays)
    return ops.convert_to_numpy(log_joint(*tensors)).argmax(axis=1)


@keras.saving.register_keras_serializable("desom")
class MixtureLayer(layers.Layer):
    """K Gaussians, axes along those of the latent space: takes codes, gives their `log_joint`."""

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
        """Give the ``log_joint`` of codes (B, d) with every component, (B, K)."""
        return log_joint(z, *self.parameters())
