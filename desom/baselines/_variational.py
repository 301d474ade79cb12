"""What variational autoencoders share: codes with a variance, and pixels as probabilities."""

import keras
from keras import layers, ops
from scipy.special import expit

from desom.baselines._clustering import LossOfTerms
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


def bernoulli_loss(x, logits):
    """-E log p(x | z), pixels as probabilities: cross-entropy, summed over D (IJCAI 2017, eq. 11).

    In nats, averaged over the points; x in [0, 1] and logits, before the sigmoid, are (B, D).
    """
    return ops.mean(ops.sum(ops.softplus(logits) - x * logits, axis=1))


class VariationalModel(LossOfTerms):
    """Encoder with two heads, decoder and a layer of clusters as one Keras model.

    Called on x, it gives a dictionary: ``mean`` and ``log_variance`` of the code, at first the same
    variance for all codes; a sampled code ``z``; ``logits`` of the reconstruction; and by its
    ``name`` what ``clusters`` gives of z.
    """

    def __init__(self, encoder, decoder, clusters, name, seeds):
        mean = encoder.outputs[0]
        head = layers.Dense(mean.shape[1], kernel_initializer="zeros", name="log_variance")
        log_variance = head(encoder.layers[-1].input)
        sampling = SamplingLayer(seeds, name="sampling")
        z = sampling(mean, log_variance)
        outputs = {"mean": mean, "log_variance": log_variance, "z": z}
        outputs |= {"logits": decoder(z), name: clusters(z)}
        super().__init__(inputs=encoder.inputs[0], outputs=outputs)
        self.encoder, self.decoder, self.variance_head = encoder, decoder, head
        self.sampling = sampling

    seeds = property(lambda self: self.sampling.seeds, doc="The generator of sampled codes.")


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
