"""DPSOM without time: a variational autoencoder whose codes harden on a smooth probabilistic map.

Manduchi, Hüser, Vogt, Rätsch, Fortuin: DPSOM: Deep Probabilistic Clustering with Self-Organizing
Maps, 2019; T-DPSOM, CHIL 2021.
"""

from math import log

import numpy as np
from keras import ops

from desom.autoencoder import build_networks
from desom.baselines._clustering import CentersLayer
from desom.baselines._variational import OfPixels, VariationalModel, bernoulli_loss
from desom.baselines.dec import self_training_loss, student_kernel, target_distribution
from desom.engine.loop import train
from desom.estimator import (
    Count,
    Flag,
    MapSize,
    NearestPrototype,
    NetworkEstimator,
    NonNegative,
    Positive,
    all_or_nothing,
    hyperparameter,
)
from desom.grid import grid_distances
from desom.som import Kerasom, squared_distances

# The map begins by a loss that weighs a unit 1.2 and each of its four neighbors 0.2: a
# neighborhood of exp(-d² / T²) with this T, but for 1/1300 of a unit two steps away.
START_TEMPERATURE = log(6) ** -0.5
# Logarithms begin here.
TINY = 1e-7


def normal_divergence(mean, log_variance):
    """KL of N(mean, sigma²) to N(0, 1) in nats, averaged over points; from (B, d) (2019, eq. 3)."""
    terms = ops.exp(log_variance) + ops.square(mean) - 1 - log_variance
    return ops.mean(ops.sum(terms, axis=1)) / 2


def student_assignments(squared_distances, alpha):
    """q_ij ~ (1 + ‖z_i - m_j‖² / alpha)^(-(alpha + 1) / 2), over j a distribution (2019, eq. 1)."""
    kernel = TINY + student_kernel(squared_distances, alpha)
    return kernel / ops.sum(kernel, axis=1, keepdims=True)


def smoothness_loss(q, q_of_map, neighbors):
    """S = -1/N sum_i sum_j q_ij sum over the neighbors e of j of log q_ie (2019, eq. 5).

    The first q (B, K) is held fixed, and the codes of the second: prototypes alone move, those
    beside a likely unit towards its samples. ``neighbors`` (K, K) is 1 for neighbors, else 0.
    """
    logs = ops.matmul(ops.log(q_of_map), neighbors)
    return -ops.mean(ops.sum(ops.stop_gradient(q) * logs, axis=1))


def dpsom_loss(reconstruction, divergence, hardening, smoothness, prior, gamma, beta):
    """L = (-E log p(x|z) + prior KL) + gamma KL(p ‖ q) + beta S, all scalars (2019, eq. 6)."""
    return reconstruction + prior * divergence + gamma * hardening + beta * smoothness


class DPSOMModel(VariationalModel):
    """A variational model of codes around prototypes; without targets, the loss is the ELBO's."""

    TERMS = ("bernoulli_loss", "divergence", "hardening_loss", "smoothness_loss")

    def __init__(self, encoder, decoder, map_size, toroidal, prior, gamma, beta, alpha, seeds):
        centers = CentersLayer(int(np.prod(map_size)), name="centers")
        super().__init__(encoder, decoder, centers, "squared_distances", seeds)
        self.map_size, self.toroidal, self.centers = tuple(map_size), toroidal, centers
        self.prior, self.gamma, self.beta, self.alpha = prior, gamma, beta, alpha
        self.neighbors = (grid_distances(map_size, toroidal=toroidal) == 1).astype("float32")

    def losses(self, x, y, y_pred, training):
        """L of a batch, whose samples have targets p, or none yet, and its terms."""
        loss_r = bernoulli_loss(x, y_pred["logits"])
        divergence = normal_divergence(y_pred["mean"], y_pred["log_variance"])
        hardening = smoothness = 0.0
        if y is not None:
            q = student_assignments(y_pred["squared_distances"], self.alpha)
            held = squared_distances(ops.stop_gradient(y_pred["z"]), self.centers.centers)
            hardening = self_training_loss(y, q)
            of_map = student_assignments(held, self.alpha)
            smoothness = smoothness_loss(q, of_map, self.neighbors)
        terms = loss_r, divergence, hardening, smoothness
        return dpsom_loss(*terms, self.prior, self.gamma, self.beta), *terms


class DPSOM(OfPixels, NearestPrototype, NetworkEstimator):
    """DPSOM for data in [0, 1] without time: VAE, then a map of its codes, then all at once.

    After `fit`: what `DESOM` learns, the code of a sample being its mean; ``history_`` has the four
    terms of the joint training; ``model_`` is a `DPSOMModel`.
    """

    map_size: MapSize = hyperparameter((8, 8), "Rows and columns of the map.", kw_only=False)
    toroidal: Flag = hyperparameter(True, "Whether opposite borders of the map touch.")
    latent_dim: Count = hyperparameter(100, "Dimension of the latent space.")
    vae_iterations: Count = hyperparameter(3_500, "Training steps of the networks alone.")
    map_iterations: Count = hyperparameter(4_700, "Training steps of the map alone.")
    map_learning_rate: Positive = hyperparameter(0.01, "Step size of Adam, for the map alone.")
    iterations: Count = hyperparameter(23_400, "Joint training steps.")
    batch_size: Count = hyperparameter(300, "Samples per training step.")
    prior: NonNegative = hyperparameter(0.5, "Weight of the KL divergence to N(0, 1).")
    gamma: NonNegative = hyperparameter(20.0, "Weight of the hardening, KL(p, q).")
    beta: NonNegative = hyperparameter(0.25, "Weight of the smoothness of the map.")
    alpha: Positive = hyperparameter(10.0, "Degrees of freedom of Student's t.")

    def _build_model(self, n_features, seeds):
        networks = build_networks(n_features, self.hidden_units, self.latent_dim, seeds)
        size, weights = tuple(map(int, self.map_size)), (self.prior, self.gamma, self.beta)
        alpha = float(self.alpha)
        return DPSOMModel(*networks, size, bool(self.toroidal), *weights, alpha, seeds)

    def _place_prototypes(self, X, rng):
        shared = {n: getattr(self, n) for n in ("map_size", "toroidal", "batch_size")}
        steps = {"iterations": self.map_iterations, "learning_rate": self.map_learning_rate}
        still = {"t_max": START_TEMPERATURE, "t_min": START_TEMPERATURE, "decay": "constant"}
        som = Kerasom(**shared, **steps, **still, random_state=int(rng.integers(2**31)))
        self.model_.centers.centers.assign(som.fit(self._embed(X)).cluster_centers_)

    @all_or_nothing
    def fit(self, X, y=None):
        """Train on X from random weights; as `Kerasom.fit` otherwise."""
        X = self._check_training_set(X)
        rng = self._start(X)
        self.model_.compile(optimizer=self._optimizer())
        train(self.model_, X, self.vae_iterations, self.batch_size, rng, verbose=self.verbose)
        self._place_prototypes(X, rng)

        def refresh():
            """Targets p of all samples, from the means of their codes."""
            distances = squared_distances(self._embed(X), self.model_.centers.centers)
            return target_distribution(
                ops.convert_to_numpy(student_assignments(distances, self.model_.alpha))
            )

        interval = -(-len(X) // self.batch_size)
        self._train(X, rng, refresh=refresh, refresh_interval=interval)
        # A record of a map has the curve of its reconstruction by this name.
        self.history_["reconstruction_loss"] = self.history_["bernoulli_loss"]
        self.cluster_centers_ = ops.convert_to_numpy(self.model_.centers.centers)
        self.labels_ = self._assign(self._embed(X))
        return self
