"""DESOM, the deep embedded self-organizing map, and the same map alone (kerasom).

Forest, Lebbah, Azzag, Lacaille: Deep Embedded SOM: Joint Representation Learning and
Self-Organization, ESANN 2019.
"""

from numbers import Integral, Real

import keras
import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.metrics import pairwise_distances_argmin
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import check_is_fitted

from desom.autoencoder import build_decoder, build_encoder, reconstruction_loss
from desom.base import KerasEstimator
from desom.errors import InputError
from desom.som import SOMLayer, temperature
from desom.training import apply, train


def desom_loss(reconstruction_loss, som_loss, gamma):
    """L = L_r + gamma L_som (ESANN 2019, loss function).

    Parameters
    ----------
    reconstruction_loss : scalar tensor
        L_r, the mean over features (see ``autoencoder.reconstruction_loss``).
    som_loss : scalar tensor
        L_som, the sum over units.
    gamma : float
        The weight of the map beside a reconstruction error that is a mean over features.

    Returns
    -------
    scalar tensor
        The loss that one gradient step lowers.
    """
    return reconstruction_loss + gamma * som_loss


class SOMModel(keras.Model):
    """The self-organizing map alone, as a Keras model: squared distances to the prototypes."""

    def __init__(self, n_features, som):
        x = keras.Input((n_features,), name="x")
        super().__init__(inputs=x, outputs=som(x), name="som_model")
        self.som = som

    def embed(self, x):
        """Give the points as the map sees them: unchanged."""
        return x

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """L_som of a batch; a training step first moves the map's clock."""
        if training:
            self.som.iteration.assign(self.som.iteration + 1)
        return self.som.loss(y_pred)


class DESOMModel(keras.Model):
    """Encoder, decoder and map as one Keras model, with the joint loss.

    Called on x, it gives a dictionary: ``latent`` codes z, ``reconstruction`` of x, and
    ``squared_distances`` of z to the prototypes.
    """

    def __init__(self, encoder, decoder, som, gamma):
        x = keras.Input(encoder.input_shape[1:], name="x")
        z = encoder(x)
        outputs = {"latent": z, "reconstruction": decoder(z), "squared_distances": som(z)}
        super().__init__(inputs=x, outputs=outputs, name="desom")
        self.encoder, self.decoder, self.som, self.gamma = encoder, decoder, som, gamma
        self.reconstruction_tracker = keras.metrics.Mean(name="reconstruction_loss")
        self.som_tracker = keras.metrics.Mean(name="som_loss")

    def embed(self, x):
        """Give the points as the map sees them: their latent codes."""
        return apply(self.encoder, x)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """L of a batch; a training step first moves the map's clock."""
        if training:
            self.som.iteration.assign(self.som.iteration + 1)
        loss_r = reconstruction_loss(x, y_pred["reconstruction"])
        loss_som = self.som.loss(y_pred["squared_distances"])
        self.reconstruction_tracker.update_state(loss_r)
        self.som_tracker.update_state(loss_som)
        return desom_loss(loss_r, loss_som, self.gamma)


class MapEstimator(KerasEstimator):
    """Fit and predict, for models that train a self-organizing map by gradient (Algorithm 1)."""

    _parameter_constraints = {
        "map_size": [tuple, list],
        "t_max": [Interval(Real, 0, None, closed="neither")],
        "t_min": [Interval(Real, 0, None, closed="neither")],
        "iterations": [Interval(Integral, 1, None, closed="left")],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "learning_rate": [Interval(Real, 0, None, closed="neither")],
        "random_state": ["random_state"],
        "verbose": ["boolean"],
    }

    def _build_som(self):
        return SOMLayer(self.map_size, self.t_max, self.t_min, self.iterations, name="som")

    def _check_parameters(self):
        self._validate_params()
        size = self.map_size
        if len(size) != 2 or not all(isinstance(n, Integral) and n >= 1 for n in size):
            raise InputError(f"map_size is {size!r}; it takes two integers >= 1, rows and columns.")
        if self.t_max < self.t_min:
            raise InputError(
                f"t_max is {self.t_max} and t_min {self.t_min}; t_max must be at least t_min."
            )

    def fit(self, X, y=None, callback=None):
        """Train on X from random weights and prototypes set to random samples.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training data, float32 or float64 (then converted); never changed. At least as many
            samples as the map has units.
        y : None
            Ignored.
        callback : callable, optional
            Called about 200 times as ``callback(self, iteration)``, with ``cluster_centers_``
            up to date: to watch, or to keep, the map as it organizes itself.

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
        n_units = int(np.prod(self.map_size))
        if len(X) < n_units:
            raise InputError(
                f"X has {len(X)} sample{'s' * (len(X) > 1)}, fewer than the {n_units} prototypes "
                f"of map_size={tuple(self.map_size)}; give at least {n_units}, or a smaller map."
            )
        seeds, rng = self._random_streams()
        self.model_ = self._build_model(X.shape[1], seeds)
        samples = X[rng.choice(len(X), n_units, replace=False)]
        self.model_.som.prototypes.assign(self.model_.embed(samples))
        self.model_.compile(optimizer=keras.optimizers.Adam(self.learning_rate))

        def at_point(iteration):
            self._read_prototypes()
            callback(self, iteration)

        self.history_ = train(
            self.model_,
            X,
            self.iterations,
            self.batch_size,
            rng,
            callback=at_point if callback else None,
            verbose=self.verbose,
        )
        self.history_["temperature"] = [
            temperature(iteration, self.iterations, self.t_max, self.t_min)
            for iteration in self.history_["iteration"]
        ]
        self._read_prototypes()
        self.labels_ = self._nearest(self.model_.embed(X))
        return self

    def _read_prototypes(self):
        self.cluster_centers_ = keras.ops.convert_to_numpy(self.model_.som.prototypes)

    def _nearest(self, z):
        return pairwise_distances_argmin(z, self.cluster_centers_)

    def predict(self, X):
        """Best-matching unit of every sample.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The samples.

        Returns
        -------
        ndarray of int, shape (n_samples,)
            Index of the nearest prototype, units counted row by row.
        """
        check_is_fitted(self)
        return self._nearest(self.model_.embed(self._check_input(X)))


class Kerasom(MapEstimator):
    """The self-organizing map alone, trained as DESOM trains its own: Adam on the SOM loss.

    Parameters
    ----------
    map_size : tuple of two int, default=(8, 8)
        Rows and columns of the map.
    t_max, t_min : float, default=10.0 and 0.1
        Temperature at the beginning and at the end, in steps on the map.
    iterations : int, default=10_000
        Number of training steps.
    batch_size : int, default=256
        Samples per step.
    learning_rate : float, default=0.001
        Step size of Adam.
    random_state : int, RandomState or None, default=None
        Determines the initial prototypes and the shuffling.
    verbose : bool, default=False
        Whether to show a progress bar.

    Attributes
    ----------
    cluster_centers_ : ndarray of float32, shape (n_units, n_features)
        The prototypes, in the space of X.
    labels_ : ndarray of int, shape (n_samples,)
        Best-matching unit of every training sample.
    history_ : dict of str to list
        Curves over training: ``iteration``, ``loss``, ``temperature``.
    model_ : SOMModel
        The trained Keras model.
    n_features_in_ : int
        Number of features of X.
    """

    def __init__(
        self,
        map_size=(8, 8),
        *,
        t_max=10.0,
        t_min=0.1,
        iterations=10_000,
        batch_size=256,
        learning_rate=0.001,
        random_state=None,
        verbose=False,
    ):
        self.map_size = map_size
        self.t_max = t_max
        self.t_min = t_min
        self.iterations = iterations
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.random_state = random_state
        self.verbose = verbose

    def _build_model(self, n_features, seeds):
        return SOMModel(n_features, self._build_som())


class DESOM(ClassNamePrefixFeaturesOutMixin, TransformerMixin, MapEstimator):
    """Deep embedded self-organizing map: an autoencoder and a map of its latent space, jointly.

    The defaults are the paper's.

    Parameters
    ----------
    map_size : tuple of two int, default=(8, 8)
        Rows and columns of the map.
    hidden_units : tuple of int, default=(500, 500, 2000)
        Widths of the encoder's hidden layers; the decoder mirrors them.
    latent_dim : int, default=10
        Dimension of the latent space.
    gamma : float, default=0.001
        Weight of the SOM loss beside a reconstruction error that is a mean over features; beside
        the sum over D features that the paper writes, the same weight is gamma * D.
    t_max, t_min : float, default=10.0 and 0.1
        Temperature at the beginning and at the end, in steps on the map.
    iterations : int, default=10_000
        Number of training steps.
    batch_size : int, default=256
        Samples per step.
    learning_rate : float, default=0.001
        Step size of Adam.
    random_state : int, RandomState or None, default=None
        Determines the initial weights and prototypes and the shuffling.
    verbose : bool, default=False
        Whether to show a progress bar.

    Attributes
    ----------
    cluster_centers_ : ndarray of float32, shape (n_units, latent_dim)
        The prototypes, in latent space; ``decode`` shows them in the space of X.
    labels_ : ndarray of int, shape (n_samples,)
        Best-matching unit of every training sample.
    history_ : dict of str to list
        Curves over training: ``iteration``, ``loss``, ``reconstruction_loss``, ``som_loss``,
        ``temperature``.
    model_ : DESOMModel
        The trained Keras model.
    n_features_in_ : int
        Number of features of X.
    """

    _parameter_constraints = MapEstimator._parameter_constraints | {
        "hidden_units": [tuple, list],
        "latent_dim": [Interval(Integral, 1, None, closed="left")],
        "gamma": [Interval(Real, 0, None, closed="left")],
    }

    def __init__(
        self,
        map_size=(8, 8),
        *,
        hidden_units=(500, 500, 2000),
        latent_dim=10,
        gamma=0.001,
        t_max=10.0,
        t_min=0.1,
        iterations=10_000,
        batch_size=256,
        learning_rate=0.001,
        random_state=None,
        verbose=False,
    ):
        self.map_size = map_size
        self.hidden_units = hidden_units
        self.latent_dim = latent_dim
        self.gamma = gamma
        self.t_max = t_max
        self.t_min = t_min
        self.iterations = iterations
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.random_state = random_state
        self.verbose = verbose

    def _check_parameters(self):
        super()._check_parameters()
        if not all(isinstance(n, Integral) and n >= 1 for n in self.hidden_units):
            raise InputError(f"hidden_units is {self.hidden_units!r}; it takes integers >= 1.")

    def _build_model(self, n_features, seeds):
        widths = tuple(self.hidden_units)
        encoder = build_encoder(n_features, widths, self.latent_dim, seeds)
        decoder = build_decoder(n_features, widths, self.latent_dim, seeds)
        return DESOMModel(encoder, decoder, self._build_som(), self.gamma)

    @property
    def _n_features_out(self):
        return self.latent_dim

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags

    def transform(self, X):
        """Latent code z of every sample.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The samples.

        Returns
        -------
        ndarray of float32, shape (n_samples, latent_dim)
            The codes.
        """
        check_is_fitted(self)
        return self.model_.embed(self._check_input(X))

    def decode(self, Z):
        """Reconstruction, in the space of X, of any latent codes: those of samples or prototypes.

        Parameters
        ----------
        Z : array-like of shape (n_codes, latent_dim)
            Points of the latent space.

        Returns
        -------
        ndarray of float32, shape (n_codes, n_features)
            The decoded points.

        Raises
        ------
        InputError
            If Z is not a finite array of that shape.
        """
        check_is_fitted(self)
        Z = np.asarray(Z, dtype=np.float32)
        if Z.ndim != 2 or Z.shape[1] != self.latent_dim or not np.isfinite(Z).all():
            raise InputError(
                f"Z has shape {Z.shape}; decode takes finite codes of shape "
                f"(n_codes, {self.latent_dim})."
            )
        return apply(self.model_.decoder, Z)
