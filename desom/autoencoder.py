"""The autoencoder: encoder, its mirror image, reconstruction loss, and pre-training by it alone."""

import keras
from keras import layers, ops
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.validation import check_is_fitted

from desom.errors import InputError
from desom.estimator import CodingEstimator, KerasEstimator

DTYPES = [StrOptions({"float32", "mixed_bfloat16"})]


def build_encoder(n_features, hidden_units, latent_dim, seeds, dtype=None):
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
    dtype : {"float32", "mixed_bfloat16"}, optional
        Precision of the matrix products; by default that of Keras. Weights are float32 either way,
        and so are the codes, for distances between codes lose more by rounding than images do.

    Returns
    -------
    keras.Sequential
        Takes (B, D), gives (B, latent_dim).
    """
    code_dtype = "float32" if dtype == "mixed_bfloat16" else dtype
    return _stack("encoder", n_features, hidden_units, latent_dim, seeds, dtype, code_dtype)


def build_decoder(n_features, hidden_units, latent_dim, seeds, dtype=None):
    """Build the decoder g, the encoder's mirror image, linear output; arguments as the encoder's.

    Returns
    -------
    keras.Sequential
        Takes (B, latent_dim), gives (B, D).
    """
    decoder = _stack("decoder", latent_dim, hidden_units[::-1], n_features, seeds, dtype, dtype)
    if dtype == "mixed_bfloat16":
        decoder.add(layers.Activation("linear", dtype="float32", name="float32"))
    return decoder


def build_networks(n_features, hidden_units, latent_dim, seeds, dtype=None):
    """Build an encoder and its decoder; arguments as the encoder's.

    Returns
    -------
    encoder, decoder : keras.Sequential
        With weights drawn in this order.
    """
    arguments = (n_features, tuple(hidden_units), latent_dim, seeds, dtype)
    return build_encoder(*arguments), build_decoder(*arguments)


def _stack(name, n_inputs, hidden_units, n_outputs, seeds, dtype, output_dtype):
    def dense(units, activation, layer_name, dtype):
        initializer = keras.initializers.GlorotUniform(seed=seeds)
        # Keras takes no integer of NumPy.
        return layers.Dense(
            int(units), activation, kernel_initializer=initializer, name=layer_name, dtype=dtype
        )

    hidden = [dense(units, "relu", f"hidden_{i}", dtype) for i, units in enumerate(hidden_units)]
    output = dense(n_outputs, None, "output", output_dtype)
    return keras.Sequential([layers.Input((int(n_inputs),)), *hidden, output], name=name)


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
    # PyTorch cannot subtract an array of NumPy, which Keras' `train_on_batch` hands on as it is.
    return ops.mean(ops.square(ops.subtract(reconstruction, x)))


class AutoencoderModel(keras.Model):
    """Encoder and decoder as one Keras model that takes x and gives its reconstruction."""

    def __init__(self, encoder, decoder):
        x = keras.Input(encoder.input_shape[1:], name="x")
        super().__init__(inputs=x, outputs=decoder(encoder(x)), name="autoencoder")
        self.encoder, self.decoder = encoder, decoder

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """L_r of a batch."""
        return reconstruction_loss(x, y_pred)


class Autoencoder(CodingEstimator, KerasEstimator):
    """The paper's autoencoder, trained on reconstruction alone: the start of the two-phase methods.

    Parameters
    ----------
    hidden_units : tuple of int, default=(500, 500, 2000)
        Widths of the encoder's hidden layers; the decoder mirrors them.
    latent_dim : int, default=10
        Dimension of the latent space.
    dtype : {"float32", "mixed_bfloat16"}, default="float32"
        Precision of the matrix products; see `build_encoder`.
    iterations : int, default=5_000
        Number of training steps.
    batch_size : int, default=256
        Samples per step.
    learning_rate : float, default=0.001
        Step size of Adam.
    random_state : int, RandomState or None, default=None
        Determines the initial weights and the shuffling.
    verbose : bool, default=False
        Whether to show a progress bar.

    Attributes
    ----------
    history_ : dict of str to list
        Curves over training: ``iteration``, ``loss``.
    model_ : AutoencoderModel
        The trained Keras model.
    n_features_in_ : int
        Number of features of X.
    """

    _parameter_constraints = (
        KerasEstimator._parameter_constraints
        | CodingEstimator._parameter_constraints
        | {"dtype": DTYPES}
    )

    def __init__(
        self,
        hidden_units=(500, 500, 2000),
        latent_dim=10,
        *,
        dtype="float32",
        iterations=5_000,
        batch_size=256,
        learning_rate=0.001,
        random_state=None,
        verbose=False,
    ):
        self.hidden_units = hidden_units
        self.latent_dim = latent_dim
        self.dtype = dtype
        self.iterations = iterations
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.random_state = random_state
        self.verbose = verbose

    def _build_model(self, n_features, seeds):
        return AutoencoderModel(
            *build_networks(n_features, self.hidden_units, self.latent_dim, seeds, self.dtype)
        )

    def fit(self, X, y=None):
        """Train on X from random weights.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training data, float32 or float64 (then converted); never changed.
        y : None
            Ignored.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If a parameter or X cannot be used; one sentence says which and why.
        FloatingPointError
            If the loss is no longer finite.
        """
        self._check_parameters()
        X = self._check_input(X, reset=True)
        self._train(X, self._start(X))
        return self


class PretrainedEstimator(CodingEstimator):
    """A method that starts, or can start, from an autoencoder trained on reconstruction alone.

    Its parameter ``pretrain_iterations`` is the length of that first phase.
    """

    def autoencoder(self):
        """Give the unfitted autoencoder of the first phase, with this estimator's parameters."""
        ours, its = self.get_params(), Autoencoder().get_params()
        shared = {name: ours[name] for name in its.keys() & ours.keys()}
        return Autoencoder(**shared | {"iterations": self.pretrain_iterations})

    def _first_phase(self, X, autoencoder):
        """Train the autoencoder of the first phase, or check the one that is given."""
        first = self.autoencoder().fit(X) if autoencoder is None else autoencoder
        if not isinstance(first, Autoencoder):
            raise InputError(f"autoencoder is {first!r}; it takes a fitted Autoencoder.")
        check_is_fitted(first)
        shape = (first.n_features_in_, tuple(first.hidden_units), first.latent_dim)
        wanted = (X.shape[1], tuple(self.hidden_units), self.latent_dim)
        if shape != wanted:
            raise InputError(
                f"autoencoder has features, hidden_units and latent_dim {shape}; this estimator "
                f"and X have {wanted}."
            )
        return first

    def _begin_from(self, autoencoder):
        """Copy the weights of a fitted autoencoder into ``model_``."""
        for name in ("encoder", "decoder"):
            weights = getattr(autoencoder.model_, name).get_weights()
            getattr(self.model_, name).set_weights(weights)
