"""The self-organizing map: temperature, neighborhood, loss, the layer that holds it, and Kerasom.

Notation of the paper (Forest et al., ESANN 2019): data points z_i, prototypes m_k (k = 1..K),
best-matching unit chi(i), distance on the map delta(k, l), temperature T, neighborhood K^T.
"""

from dataclasses import dataclass

import keras
import numpy as np
from keras import ops

from desom.checks import origin_of
from desom.errors import InputError
from desom.estimator import (
    Count,
    Flag,
    KerasEstimator,
    MapSize,
    Model,
    NearestPrototype,
    Positive,
    all_or_nothing,
    hyperparameter,
    one_of,
)
from desom.grid import TOPOLOGIES, distances_from, neighborhood


def temperature(iteration, iterations, t_max, t_min):
    """T = T_max (T_min / T_max)^(iter / iterations): exponential decay (ESANN 2019, Algorithm 1).

    ``iteration`` runs from 1 to ``iterations``; temperatures are in steps on the map.
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


def squared_distances(z, prototypes):
    """‖z_i - m_k‖² = ‖z_i‖² - 2 z_i·m_k + ‖m_k‖², for every pair, as one matrix product.

    From points (B, D) and prototypes (K, D) to a tensor (B, K); the (B, K, D) differences are never
    built. Rounding costs 1e-7 of ‖z_i‖² + ‖m_k‖²: all digits of a distance far from zero, where
    both have to be moved to zero first. What it leaves just below zero is clipped.
    """
    z_norms = ops.sum(ops.square(z), axis=1, keepdims=True)
    prototype_norms = ops.sum(ops.square(prototypes), axis=1)
    products = ops.matmul(z, ops.transpose(prototypes))
    return ops.maximum(z_norms - 2.0 * products + prototype_norms, 0.0)


def best_matching_units(squared_distances):
    """chi(i) = argmin_k ‖z_i - m_k‖²: from (B, K) to (B,), in 0..K-1 (ESANN 2019, section 2)."""
    return ops.argmin(squared_distances, axis=1)


def neighborhood_weights(distances, temperature):
    """w_ik = K^T(delta(chi(i), k)), (B, K), from the distances on the map; no gradient (Alg. 1)."""
    return ops.stop_gradient(neighborhood(distances, temperature))


def som_loss(squared_distances, weights):
    """L_som = 1/N sum_i sum_k w_ik ‖z_i - m_k‖², both arguments (B, K) (ESANN 2019, SOM loss)."""
    return ops.mean(ops.sum(weights * squared_distances, axis=1))


@keras.saving.register_keras_serializable("desom")
class SOMLayer(keras.layers.Layer):
    """A map of prototypes: takes points (B, D), gives their squared distances to the prototypes.

    Its parameters are those of `OnAMap`. ``prototypes`` (K, D) are its weights; ``iteration``, an
    integer, counts the training steps seen so far.
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


@dataclass(repr=False, eq=False)
class OnAMap(NearestPrototype):
    """What every map shares that is trained by gradient: its shape, its clock, Algorithm 1."""

    map_size: MapSize = hyperparameter((8, 8), "Rows and columns of the map.", kw_only=False)
    t_max: Positive = hyperparameter(10.0, "Temperature at the beginning, in steps on the map.")
    t_min: Positive = hyperparameter(0.1, "Temperature at the end, in steps on the map.")
    decay: one_of(*DECAYS) = hyperparameter("exponential", "How T falls; constant: at t_max.")
    topology: one_of(*TOPOLOGIES) = hyperparameter("rectangular", "4, 8 or 6 neighbors.")
    toroidal: Flag = hyperparameter(False, "Whether opposite borders of the map touch.")
    iterations: Count = hyperparameter(10_000, "Training steps of the map.")

    def _check_parameters(self):
        super()._check_parameters()
        if self.t_max < self.t_min:
            raise InputError(f"t_max is {self.t_max}; it takes at least t_min, {self.t_min}.")
        if self.toroidal and self.topology == "hexagonal" and self.map_size[0] % 2:
            size = tuple(self.map_size)
            raise InputError(f"map_size is {size}; a hexagonal torus takes an even number of rows.")

    def _som_layer(self, layer=SOMLayer, **arguments):
        names = ("map_size", "t_max", "t_min", "iterations", "topology", "toroidal", "decay")
        # Keras stores no numbers of NumPy.
        own = {name: np.asarray(getattr(self, name)).tolist() for name in names}
        return layer(**own | arguments, name="som")

    def _organize(self, X, rng, callback=None, **schedule):
        """Algorithm 1: prototypes at random samples, then training steps; ``callback`` watches."""

        def at_point(iteration):
            self._read_prototypes()
            callback(self, iteration)

        self._place_prototypes(X, rng)
        self._train(X, rng, callback=at_point if callback else None, **schedule)
        return self._finish(X)

    def _place_prototypes(self, X, rng):
        samples = X[rng.choice(len(X), self.model_.som.prototypes.shape[0], replace=False)]
        self.model_.som.prototypes.assign(self._embed(samples))

    def _finish(self, X):
        self.history_["temperature"] = [
            float(DECAYS[self.decay](n, self.iterations, self.model_.som.t_max, self.t_min))
            for n in self.history_["iteration"]
        ]
        self._read_prototypes()
        self.labels_ = self._assign(self._embed(X))
        return self

    def _read_prototypes(self):
        self.cluster_centers_ = ops.convert_to_numpy(self.model_.som.prototypes)


class SOMModel(Model):
    """The map alone, as a Keras model: from points (B, D) to squared distances (B, K)."""

    def __init__(self, n_features, som):
        x = keras.Input((n_features,), name="x")
        super().__init__(inputs=x, outputs=som(x), name="som_model")
        self.n_features, self.som = n_features, som

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """L_som of a batch; a training step first moves the map's clock."""
        if training:
            self.som.tick()
        return self.som.loss(y_pred)


class Kerasom(OnAMap, KerasEstimator):
    """The self-organizing map alone, trained as DESOM trains its own: Adam on the SOM loss.

    After `fit`: ``cluster_centers_``, the prototypes, float32 of shape (K, n_features);
    ``labels_``, the best-matching units (n_samples,); ``history_``, the curves ``iteration``,
    ``loss`` and ``temperature``; ``model_``, a `SOMModel`.
    """

    def _build_model(self, n_features, seeds):
        return SOMModel(n_features, self._som_layer())

    @all_or_nothing
    def fit(self, X, y=None, callback=None):
        """Train on X from prototypes set to random samples.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            At least a sample per unit; columns count by their variance. Read as float32.
        callback : callable, optional
            Called at most 200 times as ``callback(self, iteration)``, with ``cluster_centers_``
            up to date: to watch, or to keep, the map as it organizes itself.

        Raises
        ------
        ValueError
            If a parameter or X cannot be used; one sentence says which and why.
        FloatingPointError
            If the loss is no longer finite.
        """
        X = self._check_training_set(X)
        origin, rng = origin_of(X), self._start(X)
        if origin is None:
            return self._organize(X, rng, callback)

        def at_point(_, iteration):
            self.cluster_centers_ = self.cluster_centers_ + origin
            callback(self, iteration)

        self._organize(X - origin, rng, at_point if callback else None)
        self.cluster_centers_ = self.cluster_centers_ + origin
        self.model_.som.prototypes.assign(self.cluster_centers_)
        self.labels_ = self._assign(X)
        return self
