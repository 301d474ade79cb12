"""Convolutional networks of square images, in the place of fully connected ones."""

from functools import partial
from math import isqrt

import keras
from keras import layers

from desom.autoencoder import Autoencoder, AutoencoderModel
from desom.errors import InputError
from desom.estimator import Widths, hyperparameter

KERNEL = 3  # as in the authors' code of DESOM
FILTERS = hyperparameter((32, 64, 64), "Filters of the encoder; mirrored to decode.")


def side_of(n_features):
    """Give the side of square images; raise InputError if flat images are not square."""
    side = isqrt(n_features)
    if side**2 != n_features:
        raise InputError(f"X has {n_features} features; convolutions take square images.")
    return side


def build_convolutional_networks(n_features, filters, latent_dim, seeds, dtype=None):
    """Build a convolutional encoder and its mirror image; as `build_networks`, of square images.

    Every layer of ``filters`` halves the side by max-pooling; the code is linear, and so is the
    reconstruction.
    """
    filters = tuple(map(int, filters))  # Keras takes no integer of NumPy
    start = keras.initializers.GlorotUniform(seed=seeds)
    convolution = partial(
        layers.Conv2D, kernel_size=KERNEL, padding="same", kernel_initializer=start, dtype=dtype
    )
    dense = partial(layers.Dense, kernel_initializer=start)
    sides = [side_of(n_features)]
    encoder = [layers.Input((n_features,)), layers.Reshape((*sides * 2, 1))]
    for n in filters:
        encoder += [convolution(n, activation="relu"), layers.MaxPooling2D(padding="same")]
        sides.append(-(-sides[-1] // 2))
    encoder += [layers.Flatten(), dense(int(latent_dim))]
    code_shape = sides[-1], sides[-1], filters[-1]
    decoder = [layers.Input((int(latent_dim),)), dense(sides[-1] ** 2 * filters[-1])]
    decoder += [layers.Reshape(code_shape)]
    for n, small, large in zip(filters[::-1], sides[:0:-1], sides[-2::-1], strict=True):
        decoder += [convolution(n, activation="relu"), layers.UpSampling2D()]
        # An odd side is pooled to its larger half.
        decoder += [layers.Cropping2D(((0, 2 * small - large),) * 2)]
    decoder += [convolution(1), layers.Flatten()]
    return keras.Sequential(encoder, name="encoder"), keras.Sequential(decoder, name="decoder")


class ConvAutoencoder(Autoencoder):
    """An autoencoder of `build_convolutional_networks`; ``hidden_units`` are its filters."""

    hidden_units: Widths = FILTERS

    def _build_model(self, n_features, seeds):
        shape = n_features, self.hidden_units, self.latent_dim, seeds
        return AutoencoderModel(*build_convolutional_networks(*shape, dtype=self.dtype))
