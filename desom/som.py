"""The self-organizing map: its grid, its neighborhood, its loss, and the layer that holds it.

Notation of the paper (Forest et al., ESANN 2019): data points z_i, prototypes m_k (k = 1..K),
best-matching unit chi(i), distance on the map delta(k, l), temperature T, neighborhood K^T.
"""

from numbers import Integral

import keras
import numpy as np
from keras import ops
from sklearn.utils._param_validation import Interval, StrOptions

from desom.engine.loop import CURVE_POINTS, curve_points
from desom.errors import InputError
from desom.estimator import POSITIVE, KerasEstimator, MapEstimator
from desom.grid import TOPOLOGIES, distances_from


def temperature(iteration, iterations, t_max, t_min):
    """T = T_max (T_min / T_max)^(iter / iterations): exponential decay (ESANN 2019, Algorithm 1).

    Parameters
    ----------
    iteration : int, float or tensor
        The current iteration, from 1 to ``iterations``.
    iterations : int
        Length of the training.
    t_max, t_min : float
        Temperature at iteration 0 and at the last one, in steps on the map.

    Returns
    -------
    float or tensor
        The temperature T, in steps on the map.
    """
    return t_max * (t_min / t_max) ** (iteration / iterations)


def linear_temperature(iteration, iterations, t_max, t_min):
    """T = T_max + (T_min - T_max) iter / iterations: linear decay; as `temperature` otherwise."""
    return t_max + (t_min - t_max) * (iteration / iterations)


def constant_temperature(iteration, iterations, t_max, t_min):
    """T = T_max from the first iteration to the last; as `temperature` otherwise."""
    return t_max + 0.0 * iteration


DECAYS = {
    "exponential": temperature,
    "linear": linear_temperature,
    "constant": constant_temperature,
}


def neighborhood(distances, temperature):
    """K^T(d) = exp(-d² / T²): weight of a unit at distance d on the map (ESANN 2019, section 2).

    This is a Gaussian of standard deviation sigma = T / sqrt(2): libraries that write
    exp(-d² / 2 sigma²) mean the same curve with another letter.

    Parameters
    ----------
    distances : array or tensor
        Distances on the map, delta(k, l) >= 0.
    temperature : float or scalar tensor
        T > 0, in the unit of the distances.

    Returns
    -------
    tensor
        Weights in [0, 1], of the shape of ``distances``; 1 at distance 0.
    """
    ratio = ops.divide(distances, temperature)
    # Not the negative square: TensorFlow computes a chain of unary functions value by value.
    return ops.exp(-ratio * ratio)


def squared_distances(z, prototypes):
    """‖z_i - m_k‖² = ‖z_i‖² - 2 z_i·m_k + ‖m_k‖², for every pair, as one matrix product.

    The expansion never builds the (B, K, D) array of differences. Rounding can leave a value just
    below zero where a point sits on a prototype; it is clipped.

    Parameters
    ----------
    z : tensor of shape (B, D)
        Points, in the space where the prototypes live.
    prototypes : tensor of shape (K, D)
        The prototypes m_k.

    Returns
    -------
    tensor of shape (B, K)
        Squared Euclidean distances.
    """
    z_norms = ops.sum(ops.square(z), axis=1, keepdims=True)
    prototype_norms = ops.sum(ops.square(prototypes), axis=1)
    products = ops.matmul(z, ops.transpose(prototypes))
    return ops.maximum(z_norms - 2.0 * products + prototype_norms, 0.0)


def best_matching_units(squared_distances):
    """chi(i) = argmin_k ‖z_i - m_k‖²: index of the nearest prototype (ESANN 2019, section 2).

    Parameters
    ----------
    squared_distances : tensor of shape (B, K)
        Squared distances of every point to every prototype.

    Returns
    -------
    tensor of int, shape (B,)
        The best-matching unit (BMU) of every point, in 0..K-1.
    """
    return ops.argmin(squared_distances, axis=1)


def neighborhood_weights(distances, temperature):
    """w_ik = K^T(delta(chi(i), k)), held fixed: no gradient flows through (ESANN 2019, Alg. 1).

    Parameters
    ----------
    distances : tensor of shape (B, K)
        delta(chi(i), k), of every point's best-matching unit to every unit on the map.
    temperature : float or scalar tensor
        The temperature T.

    Returns
    -------
    tensor of shape (B, K)
        The weights of every unit for every point.
    """
    return ops.stop_gradient(neighborhood(distances, temperature))


def som_loss(squared_distances, weights):
    """L_som = 1/N sum_i sum_k w_ik ‖z_i - m_k‖² (ESANN 2019, SOM loss).

    Parameters
    ----------
    squared_distances : tensor of shape (B, K)
        ‖z_i - m_k‖².
    weights : tensor of shape (B, K)
        The neighborhood weights w_ik.

    Returns
    -------
    scalar tensor
        Summed over the units, averaged over the points.
    """
    return ops.mean(ops.sum(weights * squared_distances, axis=1))


@keras.saving.register_keras_serializable(package="desom")
class SOMLayer(keras.layers.Layer):
    """A map of prototypes: takes points, gives their squared distances to the prototypes.

    Parameters
    ----------
    map_size : tuple of two int
        Rows and columns of the map.
    t_max, t_min : float
        Temperature at the beginning and at the end of the training, in steps on the map.
    iterations : int
        Length of the training, over which the temperature decays.
    topology : {"rectangular", "rectangular8", "hexagonal"}
        As for `distances_from`.
    toroidal : bool
        Whether opposite borders of the map touch.
    decay : {"exponential", "linear", "constant"}
        How the temperature decays, see `DECAYS`.

    Attributes
    ----------
    prototypes : keras.Variable of shape (K, D)
        The prototypes m_k, in the space of the layer's input.
    iteration : keras.Variable, int scalar
        Training iterations seen so far.
    """

    def __init__(
        self,
        map_size,
        t_max,
        t_min,
        iterations,
        topology="rectangular",
        toroidal=False,
        decay="exponential",
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.map_size = tuple(map_size)
        self.t_max, self.t_min, self.iterations = t_max, t_min, iterations
        self.topology, self.toroidal, self.decay = topology, toroidal, decay

    def build(self, input_shape):
        """Create the K prototypes, in the space of the input."""
        shape = (int(np.prod(self.map_size)), input_shape[-1])
        self.prototypes = self.add_weight(shape=shape, name="prototypes")
        self.iteration = self.add_weight(
            shape=(), dtype="int32", initializer="zeros", trainable=False, name="iteration"
        )

    def call(self, z):
        """Squared distances of the points to the prototypes, of shape (B, K)."""
        return squared_distances(z, self.prototypes)

    def distances_from(self, units):
        """Distances on the map of some units to every unit, float32 of shape (B, K)."""
        distances = distances_from(units, self.map_size, self.topology, self.toroidal)
        return ops.cast(distances, "float32")

    def tick(self):
        """Move the clock, and with it the temperature, by one iteration."""
        self.iteration.assign(self.iteration + 1)

    def temperature(self):
        """Temperature T of the current iteration, a scalar tensor."""
        iteration = ops.cast(self.iteration, "float32")
        return DECAYS[self.decay](iteration, self.iterations, self.t_max, self.t_min)

    def loss(self, squared_distances):
        """SOM loss of a batch: its best-matching units, their weights, the weighted distances."""
        bmus = best_matching_units(squared_distances)
        weights = neighborhood_weights(self.distances_from(bmus), self.temperature())
        return som_loss(squared_distances, weights)

    def get_config(self):
        """Return the constructor's arguments, as Keras needs them to save a model."""
        names = ("map_size", "t_max", "t_min", "iterations", "topology", "toroidal", "decay")
        return super().get_config() | {name: getattr(self, name) for name in names}


def stack(moments):
    """Put the arrays of several moments together, name by name: dict of (S, ...) from S dicts."""
    return {name: np.array([moment[name] for moment in moments]) for name in moments[0]}


class SOMModel(keras.Model):
    """The self-organizing map alone, as a Keras model: squared distances to the prototypes."""

    def __init__(self, n_features, som):
        x = keras.Input((n_features,), name="x")
        super().__init__(inputs=x, outputs=som(x), name="som_model")
        self.som = som

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """L_som of a batch; a training step first moves the map's clock."""
        if training:
            self.som.tick()
        return self.som.loss(y_pred)


class GradientMapEstimator(MapEstimator, KerasEstimator):
    """Fit, for models that train a self-organizing map by gradient (ESANN 2019, Algorithm 1)."""

    _parameter_constraints = (
        MapEstimator._parameter_constraints
        | KerasEstimator._parameter_constraints
        | {
            "t_max": POSITIVE,
            "t_min": POSITIVE,
            "decay": [StrOptions(set(DECAYS))],
            "topology": [StrOptions(set(TOPOLOGIES))],
            "toroidal": ["boolean"],
            "snapshots": [Interval(Integral, 0, CURVE_POINTS, closed="both")],
        }
    )

    _layer = SOMLayer

    def _build_som(self):
        names = ("map_size", "t_max", "t_min", "iterations", "topology", "toroidal", "decay")
        return self._layer(**{name: getattr(self, name) for name in names}, name="som")

    def _check_parameters(self):
        super()._check_parameters()
        if self.t_max < self.t_min:
            raise InputError(
                f"t_max is {self.t_max} and t_min {self.t_min}; t_max must be at least t_min."
            )
        if self.toroidal and self.topology == "hexagonal" and self.map_size[0] % 2:
            raise InputError(
                f"map_size is {tuple(self.map_size)}; a hexagonal map whose borders touch takes an "
                "even number of rows."
            )

    def _organize(self, X, rng, callback):
        """Set the prototypes to random samples, and train the model."""
        self._place_prototypes(X, rng)
        kept = []
        self._train(X, rng, callback=self._observer(X, kept, callback))
        return self._finish(X, kept)

    def _place_prototypes(self, X, rng):
        samples = X[rng.choice(len(X), int(np.prod(self.map_size)), replace=False)]
        self.model_.som.prototypes.assign(self._embed(samples))

    def _observer(self, X, kept, callback):
        """Give what is called at the points of the curves: it adds the snapshots to ``kept``."""
        points = curve_points(self.iterations)
        moments = set(points[np.linspace(0, len(points) - 1, self.snapshots).round().astype(int)])

        def at_point(iteration):
            if callback or iteration in moments:
                self._read_prototypes()
            if iteration in moments:
                kept.append({"iteration": iteration} | self._snapshot(X))
            if callback:
                callback(self, iteration)

        return at_point

    def _finish(self, X, kept):
        """Set what is known after the training."""
        if kept:
            self.snapshots_ = stack(kept)
        self.history_["temperature"] = [
            float(DECAYS[self.decay](iteration, self.iterations, self.t_max, self.t_min))
            for iteration in self.history_["iteration"]
        ]
        self._read_prototypes()
        self.labels_ = self._assign(self._embed(X))
        return self

    def _snapshot(self, X):
        """Give what is kept of a moment of the training on X: the prototypes."""
        return {"prototypes": self.cluster_centers_.copy()}

    def _read_prototypes(self):
        self.cluster_centers_ = keras.ops.convert_to_numpy(self.model_.som.prototypes)


class Kerasom(GradientMapEstimator):
    """The self-organizing map alone, trained as DESOM trains its own: Adam on the SOM loss.

    Parameters
    ----------
    map_size : tuple of two int, default=(8, 8)
        Rows and columns of the map.
    t_max, t_min : float, default=10.0 and 0.1
        Temperature at the beginning and at the end, in steps on the map.
    decay : {"exponential", "linear", "constant"}, default="exponential"
        How the temperature goes from one to the other; a constant one stays at ``t_max``.
    topology : {"rectangular", "rectangular8", "hexagonal"}, default="rectangular"
        Neighbors of a unit: 4, 8 with the diagonal ones, or 6.
    toroidal : bool, default=False
        Whether opposite borders of the map touch.
    iterations : int, default=10_000
        Number of training steps.
    batch_size : int, default=256
        Samples per step.
    learning_rate : float, default=0.001
        Step size of Adam.
    snapshots : int, default=0
        Moments of the training at which the map is kept in ``snapshots_``: to animate it, say.
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
    snapshots_ : dict of str to ndarray
        With ``snapshots``, over training: ``iteration`` (S,) and ``prototypes`` (S, n_units,
        n_features).
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
        decay="exponential",
        topology="rectangular",
        toroidal=False,
        iterations=10_000,
        batch_size=256,
        learning_rate=0.001,
        snapshots=0,
        random_state=None,
        verbose=False,
    ):
        self.map_size = map_size
        self.t_max = t_max
        self.t_min = t_min
        self.decay = decay
        self.topology = topology
        self.toroidal = toroidal
        self.iterations = iterations
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.snapshots = snapshots
        self.random_state = random_state
        self.verbose = verbose

    def _build_model(self, n_features, seeds):
        return SOMModel(n_features, self._build_som())

    def fit(self, X, y=None, callback=None):
        """Train on X from prototypes set to random samples.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training data, float32 or float64 (then converted); never changed. At least as many
            samples as the map has units.
        y : None
            Ignored.
        callback : callable, optional
            Called at most 200 times as ``callback(self, iteration)``, with ``cluster_centers_``
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
        X = self._check_training_set(X)
        return self._organize(X, self._start(X), callback)
