"""HONE, hardening over neighbors: a deep map that sharpens its own assignments, smoothed on it.

A method of this project: DESOM's loss, with the self-training of DEC (Xie et al., ICML 2016), whose
assignments are smoothed over the map as DPSOM has it in mind (Manduchi et al., AISTATS 2021), and
whose targets may come from another view of a sample (Guo et al., ACML 2018).
"""

import keras
import numpy as np
from keras import ops

from desom.autoencoder import Autoencoder, Pretraining, build_networks, copy_networks, first_phase
from desom.baselines._convolutional import ConvAutoencoder, build_convolutional_networks, side_of
from desom.baselines._mixtures import fit_mixture, whiten, within_covariance
from desom.baselines._views import neighbors_of, views_of
from desom.baselines.dec import self_training_loss, student_kernel, target_distribution
from desom.desom import DESOMModel
from desom.errors import InputError
from desom.estimator import (
    Count,
    Flag,
    Natural,
    NetworkEstimator,
    NonNegative,
    Positive,
    all_or_nothing,
    hyperparameter,
    one_of,
)
from desom.grid import grid_distances, neighborhood
from desom.som import Kerasom, OnAMap, squared_distances

# Components of the mixture that says what a unit of the latent space is.
COMPONENTS = 10


def smoothing(distances, tau):
    """S_lk = K^tau(delta(l, k)) / sum over k' of the same: rows (K,) of weights that sum to 1.

    From distances on the map (K, K) and a temperature tau >= 0 in steps; the identity for tau = 0.
    """
    weights = np.asarray(neighborhood(distances.astype("float32"), tau)) if tau else distances == 0
    return (weights / weights.sum(axis=1, keepdims=True)).astype("float32")


def neighborly_assignments(squared_distances, smoothing, alpha):
    """q_ik ~ sum_l S_lk (1 + ‖z_i - m_l‖² / alpha)^(-(alpha + 1) / 2), over k a distribution.

    Student's t smoothed over the map: close to a unit is also who is close to its neighbors. From
    (B, K) and (K, K).
    """
    smooth = ops.matmul(student_kernel(squared_distances, alpha), smoothing)
    return smooth / ops.sum(smooth, axis=1, keepdims=True)


def _spread(codes):
    """Give the root mean variance of the coordinates, or 1 where all codes are equal."""
    return float(np.sqrt(codes.var(axis=0).mean())) or 1.0


def hone_loss(desom_loss, hardening_loss, gamma_hard):
    """L = L_r + gamma L_som(T) + gamma_hard L_h, L_h = 1/N sum_i KL(p_i ‖ q_i), all scalars."""
    return desom_loss + gamma_hard * hardening_loss


class HONEModel(DESOMModel):
    """Encoder, decoder and map, with the loss of HONE.

    A training step has, for each sample, its target p (K,) and a view of it (D,), or no view.
    """

    def __init__(self, encoder, decoder, som, gamma, gamma_hard, alpha, tau):
        super().__init__(encoder, decoder, som, gamma)
        self.gamma_hard, self.alpha, self.tau = gamma_hard, alpha, tau
        distances = grid_distances(som.map_size, som.topology, som.toroidal)
        self.smoothing = smoothing(distances, tau)
        self.hardening_tracker = keras.metrics.Mean(name="hardening_loss")

    def assignments(self, squared_distances):
        """Give q of codes at these distances (B, K)."""
        return neighborly_assignments(squared_distances, self.smoothing, self.alpha)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """L of a batch; a training step first moves the map's clock."""
        loss = super().compute_loss(x, None, y_pred, training=training)
        n_units, distances = len(self.smoothing), y_pred["squared_distances"]
        if y.shape[1] > n_units:
            distances = self.som(self.encoder(y[:, n_units:], training=training))
        hardening = self_training_loss(y[:, :n_units], self.assignments(distances))
        self.hardening_tracker.update_state(hardening)
        return hone_loss(loss, hardening, self.gamma_hard)


class HONE(OnAMap, NetworkEstimator):
    """Hardening over neighbors: an autoencoder, a map of its codes, then all three losses at once.

    The map on the codes begins at ``t_max`` and ends at ``t_joint``; the joint training goes on
    from there to ``t_min``. After `fit`: what `DESOM` learns; ``history_`` has ``hardening_loss``
    too; ``model_`` is a `HONEModel`.
    """

    network: one_of("dense", "convolutional") = hyperparameter(
        "dense", "Kind of the networks; ``hidden_units`` of the second are filters."
    )
    pretrain_iterations: Count = hyperparameter(16_400, "Training steps of the autoencoder alone.")
    pretraining: Pretraining = hyperparameter("sgd", "How: see `Autoencoder`.")
    whitening: Flag = hyperparameter(True, "Whether clusters of codes get unit covariance.")
    map_iterations: Count = hyperparameter(4_000, "Training steps of the map alone.")
    map_learning_rate: Positive = hyperparameter(0.01, "Step size of Adam, for the map alone.")
    iterations: Count = hyperparameter(8_000, "Joint training steps.")
    t_joint: Positive = hyperparameter(0.7, "Temperature when the joint training begins.")
    t_min: Positive = hyperparameter(0.7, "Temperature at the end, in steps on the map.")
    gamma: NonNegative = hyperparameter(0.001, "Weight of L_som.")
    gamma_hard: NonNegative = hyperparameter(0.1, "Weight of L_h.")
    alpha: Positive = hyperparameter(5.0, "Degrees of freedom of Student's t.")
    tau: NonNegative = hyperparameter(0.6, "Temperature of the smoothing; 0 for none.")
    balance: NonNegative = hyperparameter(1.0, "Power of a unit's size that its targets give up.")
    neighbors: Natural = hyperparameter(0, "A view is of one of so many neighbors; 0: of itself.")
    augmentation: NonNegative = hyperparameter(0.0, "Strength of the views' random transform.")

    @property
    def _autoencoder(self):
        return ConvAutoencoder if self.network == "convolutional" else Autoencoder

    def _build_model(self, n_features, seeds):
        shape = n_features, self.hidden_units, self.latent_dim, seeds
        dense = self.network == "dense"
        networks = (build_networks if dense else build_convolutional_networks)(*shape)
        som = self._som_layer(t_max=float(self.t_joint))
        weights = self.gamma, self.gamma_hard, self.alpha, self.tau
        return HONEModel(*networks, som, *map(float, weights))

    def _check_parameters(self):
        super()._check_parameters()
        if not self.t_min <= self.t_joint <= self.t_max:
            between = f"from t_min, {self.t_min}, to t_max, {self.t_max}"
            raise InputError(f"t_joint is {self.t_joint}; it takes a temperature {between}.")

    def _check_training_set(self, X):
        X = super()._check_training_set(X)
        if self.network == "convolutional" or self.augmentation:
            side_of(X.shape[1])
        if self.neighbors >= len(X):
            raise InputError(f"neighbors is {self.neighbors}; {len(X)} samples have fewer.")
        return X

    def _place_prototypes(self, X, rng):
        """Give the codes their unit, and train a map of them."""
        codes, seed = self._embed(X), int(rng.integers(2**31))
        covariance = np.eye(codes.shape[1]) * _spread(codes) ** 2
        if self.whitening:
            n = min(COMPONENTS, self._n_prototypes())
            covariance = within_covariance(fit_mixture(codes, n, seed, "full"))
        whiten(self.model_, covariance)
        codes = self._embed(X)
        scale = _spread(codes)
        own = {name: getattr(self, name) for name in Kerasom().get_params()}
        own |= {"learning_rate": self.map_learning_rate, "iterations": self.map_iterations}
        own |= {"t_min": self.t_joint, "decay": "exponential", "random_state": seed}
        som = Kerasom(**own).fit(codes / scale)
        self.model_.som.prototypes.assign(som.cluster_centers_ * scale)

    def _schedule(self, X, rng):
        """Say what `train` refreshes once an epoch: the targets and the views of all samples."""
        nearest = None

        def refresh():
            nonlocal nearest
            codes = self._embed(X)
            distances = squared_distances(codes, self.model_.som.prototypes)
            q = ops.convert_to_numpy(self.model_.assignments(distances))
            targets = target_distribution(q, self.balance)
            if not self.neighbors and not self.augmentation:
                return targets
            if self.neighbors and nearest is None:
                nearest = neighbors_of(codes, self.neighbors)
            return np.hstack([targets, views_of(X, nearest, self.augmentation, rng)])

        return {"refresh": refresh, "refresh_interval": -(-len(X) // self.batch_size)}

    @all_or_nothing
    def fit(self, X, y=None, callback=None, autoencoder=None):
        """Train the autoencoder on X, then the map on the codes, then both; as `DESOM.fit`."""
        X = self._check_training_set(X)
        rng = self._start(X)
        copy_networks(first_phase(self, X, autoencoder).model_, self.model_)
        return self._organize(X, rng, callback, **self._schedule(X, rng))
