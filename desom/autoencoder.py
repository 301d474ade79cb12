"""The autoencoder: encoder, its mirror image, reconstruction loss, and pre-training by it alone."""

import keras
from keras import layers, ops
from keras.initializers import GlorotUniform
from sklearn.utils.validation import check_is_fitted

from desom.errors import InputError
from desom.estimator import Count, Model, NetworkEstimator, all_or_nothing, hyperparameter, one_of

Precision = one_of("float32", "mixed_bfloat16")
Pretraining = one_of("adam", "sgd")
PRETRAINING = hyperparameter("adam", "How: by Adam, or by gradient descent as in DEC-Keras.")


def uniform_by_fan_in(seed):
    """Draw weights from ±1 / sqrt(fan-in), where DEC-Keras starts."""
    return keras.initializers.VarianceScaling(1 / 3, "fan_in", "uniform", seed=seed)


def build_networks(
    n_features, hidden_units, latent_dim, seeds, dtype=None, initializer=GlorotUniform
):
    """Build the encoder f, D-500-500-2000-10 in the paper, and its mirror image, the decoder g.

    Two ``keras.Sequential``, (B, D) to (B, latent_dim) and back: ReLU hidden layers, linear code
    and reconstruction. ``initializer`` draws the weights with ``seeds``, a SeedGenerator.
    ``dtype``, float32 or mixed_bfloat16, is the precision of the matrix products, by default that
    of Keras. Weights are float32 either way, and so are the codes, for distances between codes lose
    more by rounding than images do.
    """
    # Keras takes no integer of NumPy.
    widths = tuple(map(int, (n_features, *hidden_units, latent_dim)))
    code_dtype = "float32" if dtype == "mixed_bfloat16" else dtype
    encoder = _stack("encoder", widths, seeds, dtype, code_dtype, initializer)
    decoder = _stack("decoder", widths[::-1], seeds, dtype, dtype, initializer)
    if dtype == "mixed_bfloat16":
        decoder.add(layers.Activation("linear", dtype="float32", name="float32"))
    return encoder, decoder


def _stack(name, widths, seeds, dtype, output_dtype, initializer):
    def dense(units, activation, layer_name, dtype):
        options = {"kernel_initializer": initializer(seed=seeds), "name": layer_name}
        return layers.Dense(units, activation, dtype=dtype, **options)

    n_inputs, *hidden_units, n_outputs = widths
    hidden = [dense(units, "relu", f"hidden_{i}", dtype) for i, units in enumerate(hidden_units)]
    output = dense(n_outputs, None, "output", output_dtype)
    return keras.Sequential([layers.Input((n_inputs,)), *hidden, output], name=name)


def reconstruction_loss(x, reconstruction):
    """L_r = 1/N sum_i 1/D ‖x̃_i - x_i‖² (ESANN 2019, reconstruction loss).

    The paper's formula sums over the D features; its code, like Keras' ``mse``, takes their mean. A
    weight gamma on L_som beside this mean is gamma * D beside the sum: the paper's 0.001 is 0.784
    in its own formula on MNIST.
    """
    # PyTorch cannot subtract an array of NumPy, which Keras' `train_on_batch` hands on as it is.
    return ops.mean(ops.square(ops.subtract(reconstruction, x)))


class AutoencoderModel(Model):
    """Encoder and decoder as one Keras model that takes x and gives its reconstruction."""

    def __init__(self, encoder, decoder):
        x = keras.Input(encoder.input_shape[1:], name="x")
        super().__init__(inputs=x, outputs=decoder(encoder(x)), name="autoencoder")
        self.encoder, self.decoder = encoder, decoder

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """L_r of a batch."""
        return reconstruction_loss(x, y_pred)


class Autoencoder(NetworkEstimator):
    """The paper's autoencoder, trained on reconstruction alone: the start of the two-phase methods.

    With ``pretraining="sgd"`` as DEC-Keras does: gradient descent, step 1, momentum 0.9, from
    `uniform_by_fan_in`. After `fit`: the curves ``history_``, ``iteration`` and ``loss``;
    ``model_``, an `AutoencoderModel`.
    """

    dtype: Precision = hyperparameter("float32", "Precision of the products; see `build_networks`.")
    iterations: Count = hyperparameter(5_000, "Training steps.")
    pretraining: Pretraining = PRETRAINING

    def _build_model(self, n_features, seeds):
        start = GlorotUniform if self.pretraining == "adam" else uniform_by_fan_in
        shape = n_features, self.hidden_units, self.latent_dim, seeds
        return AutoencoderModel(*build_networks(*shape, dtype=self.dtype, initializer=start))

    def _optimizer(self):
        adam = self.pretraining == "adam"
        return super()._optimizer() if adam else keras.optimizers.SGD(1.0, momentum=0.9)

    @all_or_nothing
    def fit(self, X, y=None):
        """Train on X (n_samples, n_features) from random weights; as `Kerasom.fit` otherwise."""
        X = self._check_training_set(X)
        self._train(X, self._start(X))
        return self


def autoencoder_of(method):
    """Give the unfitted autoencoder that a method starts from, with the method's parameters."""
    kind = getattr(method, "_autoencoder", Autoencoder)
    own = {n: getattr(method, n) for n in kind().get_params().keys() & method.get_params().keys()}
    return kind(**own | {"iterations": method.pretrain_iterations})


def first_phase(method, X, autoencoder=None):
    """Train the autoencoder that a method starts from, or check the one that is given.

    ``method`` has ``pretrain_iterations``; X is float32 of shape (n_samples, n_features).
    """
    if autoencoder is None:
        return autoencoder_of(method).fit(X)
    if type(autoencoder) is not (kind := getattr(method, "_autoencoder", Autoencoder)):
        raise InputError(f"autoencoder is {autoencoder!r}; it takes a fitted {kind.__name__}.")
    check_is_fitted(autoencoder)
    *widths, latent_dim = (a.shape[-1] for a in autoencoder.model_.encoder.get_weights()[::2])
    given = (autoencoder.n_features_in_, tuple(widths), latent_dim)
    wanted = (X.shape[1], tuple(method.hidden_units), method.latent_dim)
    if given != wanted:
        names = "features, hidden_units and latent_dim"
        raise InputError(f"autoencoder has {names} {given}; this estimator and X have {wanted}.")
    return autoencoder


def copy_networks(source, target):
    """Copy the weights of encoder and decoder from one Keras model to another."""
    target.encoder.set_weights(source.encoder.get_weights())
    target.decoder.set_weights(source.decoder.get_weights())
