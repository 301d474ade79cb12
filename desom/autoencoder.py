"""The autoencoder: a fully connected encoder, its mirror image, and the reconstruction loss."""

import keras
from keras import layers, ops


def build_encoder(n_features, hidden_units, latent_dim, seeds):
    """Build the encoder f: D-500-500-2000-10 in the paper, ReLU hidden layers, linear code.

    Parameters
    ----------
    n_features : int
        Dimension D of the input.
    hidden_units : tuple of int
        Widths of the hidden layers.
    latent_dim : int
        Dimension of the latent code.
    seeds : keras.random.SeedGenerator
        Source of the Glorot-uniform initial weights.

    Returns
    -------
    keras.Sequential
        Takes (B, D), gives (B, latent_dim).
    """
    return _stack("encoder", n_features, hidden_units, latent_dim, seeds)


def build_decoder(n_features, hidden_units, latent_dim, seeds):
    """Build the decoder g, the encoder's mirror image, linear output; arguments as the encoder's.

    Returns
    -------
    keras.Sequential
        Takes (B, latent_dim), gives (B, D).
    """
    return _stack("decoder", latent_dim, hidden_units[::-1], n_features, seeds)


def _stack(name, n_inputs, hidden_units, n_outputs, seeds):
    def dense(units, activation, layer_name):
        initializer = keras.initializers.GlorotUniform(seed=seeds)
        return layers.Dense(units, activation, kernel_initializer=initializer, name=layer_name)

    hidden = [dense(units, "relu", f"hidden_{i}") for i, units in enumerate(hidden_units)]
    return keras.Sequential(
        [layers.Input((n_inputs,)), *hidden, dense(n_outputs, None, "output")], name=name
    )


def reconstruction_loss(x, reconstruction):
    """L_r = 1/N sum_i 1/D ‖x̃_i - x_i‖² (ESANN 2019, reconstruction loss).

    The paper's formula sums over the D features; its code, like Keras' ``mse``, takes their mean,
    and so does this one. A weight gamma on L_som beside this mean is gamma * D beside the sum:
    the paper's 0.001 is 0.784 in its own formula on MNIST.

    Parameters
    ----------
    x, reconstruction : tensor of shape (B, D)
        The data points and their reconstructions.

    Returns
    -------
    scalar tensor
        Averaged over the features and the points.
    """
    return ops.mean(ops.square(reconstruction - x))
