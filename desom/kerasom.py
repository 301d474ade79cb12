"""The self-organizing map alone (kerasom), and what every map that is trained by gradient shares.

Forest, Lebbah, Azzag, Lacaille: Deep Embedded SOM: Joint Representation Learning and
Self-Organization, ESANN 2019.
"""

from numbers import Integral

import keras
import numpy as np
from sklearn.utils._param_validation import Interval, StrOptions

from desom.base import POSITIVE, KerasEstimator, MapEstimator
from desom.errors import InputError
from desom.som import DECAYS, TOPOLOGIES, SOMLayer
from desom.training import CURVE_POINTS, curve_points


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
