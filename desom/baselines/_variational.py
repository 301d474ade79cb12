"""What variational autoencoders share: codes with a variance, and pixels as probabilities."""

import keras
from keras import layers, ops
from scipy.special import expit

from desom.errors import InputError


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


def variational_code(encoder, seeds):
    """Give an encoder's code a variance of its own, the same for all codes at first.

    Gives the mean and the logarithm of the variance (B, d), a sampled code (B, d), and the layers:
    the head that gives the second, and the `SamplingLayer` that draws the third.
    """
    mean = encoder.outputs[0]
    head = layers.Dense(mean.shape[1], kernel_initializer="zeros", name="log_variance")
    log_variance = head(encoder.layers[-1].input)
    sampling = SamplingLayer(seeds, name="sampling")
    return mean, log_variance, sampling(mean, log_variance), head, sampling


class OfPixels:
    """What an estimator shares that takes values in [0, 1] as probabilities, and decodes logits."""

    def _check_training_set(self, X):
        X = super()._check_training_set(X)
        if X.min() < 0 or X.max() > 1:
            name = type(self).__name__
            given = f"values from {X.min():g} to {X.max():g}"
            raise InputError(f"X has {given}; {name} takes values in [0, 1].")
        return X

    def decode(self, Z):
        """Mean of the pixels, in [0, 1], for latent codes; as `NetworkEstimator.decode`."""
        return expit(super().decode(Z))
