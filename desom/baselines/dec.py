"""DEC: an encoder and centers that learn from their own confident assignments.

Xie, Girshick, Farhadi: Unsupervised Deep Embedding for Clustering Analysis, ICML 2016.
"""

import keras
import numpy as np
from keras import ops

from desom.baselines._clustering import ClusteringModel, DeepClustering
from desom.estimator import Count, Positive, Share, hyperparameter, one_of
from desom.som import squared_distances

Optimizer = one_of("sgd", "adam")


def soft_assignments(squared_distances):
    """q_ik = (1 + ‖z_i - m_k‖²)⁻¹ / sum over k' of the same (ICML 2016, eq. 1, alpha = 1).

    From (B, K) to (B, K), rows sum to 1: Student's t-distribution as a kernel between codes and
    centers.
    """
    kernel = 1 / (1 + squared_distances)
    return kernel / ops.sum(kernel, axis=1, keepdims=True)


def student_kernel(squared_distances, alpha):
    """(1 + ‖z_i - m_k‖² / alpha)^(-(alpha + 1) / 2): Student's t, up to a factor, as a kernel.

    From (B, K) and alpha > 0 degrees of freedom to (B, K).
    """
    return ops.exp(-(alpha + 1) / 2 * ops.log1p(squared_distances / alpha))


def target_distribution(q, balance=1):
    """p_ik ~ q_ik² / f_k^balance, over k a distribution, f_k = sum_i q_ik (ICML 2016, eq. 3: 1).

    An ndarray (N, K), as q of the whole data set is. Squares favor what is confident; f_k, the size
    of a cluster, keeps large ones from winning. With a balance of 2 it gives no claim on a sample.
    """
    sharpened = q**2 / q.sum(axis=0) ** balance
    return sharpened / sharpened.sum(axis=1, keepdims=True)


def self_training_loss(p, q):
    """L_c = 1/N sum_i sum_k p_ik log(p_ik / q_ik) = KL(P‖Q) / N >= 0 (ICML 2016, eq. 2).

    Both are (B, K). The targets p are constants; the gradient flows through the soft assignments q.
    """
    tiny = keras.config.epsilon()
    return ops.mean(ops.sum(p * (ops.log(p + tiny) - ops.log(q + tiny)), axis=1))


class SelfTrainingModel(ClusteringModel):
    """Encoder, decoder and centers, with the self-training loss as L_c (DEC, IDEC)."""

    def clustering_loss(self, y_pred, targets, training):
        """L_c of a batch whose samples have these targets p."""
        return self_training_loss(targets, soft_assignments(y_pred["squared_distances"]))


class DECModel(SelfTrainingModel):
    """The loss of DEC, which forgets the decoder."""

    TERMS = ("clustering_loss",)

    def __init__(self, encoder, decoder, centers):
        decoder.trainable = False
        super().__init__(encoder, decoder, centers, weight=1.0)

    def losses(self, x, y, y_pred, training):
        """L = L_c of a batch: the reconstruction is not computed."""
        loss = self.clustering_loss(y_pred, y, training)
        return loss, loss


class SelfTraining(DeepClustering):
    """Targets that are refreshed at an interval, until few samples change their cluster.

    Beside what `DeepClustering` learns: ``n_refreshes_``, how often the targets were computed.
    """

    iterations: Count = hyperparameter(20_000, "Training steps that follow, at most.")
    update_interval: Count = hyperparameter(140, "Steps between two refreshments of the targets.")
    tol: Share = hyperparameter(
        0.001, "Share of samples: where fewer change their cluster in an interval, training ends."
    )
    learning_rate: Positive = hyperparameter(0.001, "Step size of Adam in the first phase.")

    def _optimizer(self):
        if self.optimizer == "adam":
            return keras.optimizers.Adam(self.clustering_learning_rate)
        return keras.optimizers.SGD(self.clustering_learning_rate, momentum=0.9)

    def _schedule(self, X):
        def refresh():
            """Targets p of all samples; None ends the training where labels have settled."""
            self._read_centers()
            codes = self._embed(X)
            before, self.labels_ = self.labels_, self._assign(codes)
            if self.n_refreshes_ and np.mean(before != self.labels_) < self.tol:
                return None
            self.n_refreshes_ += 1
            q = soft_assignments(squared_distances(codes, self.cluster_centers_))
            return target_distribution(ops.convert_to_numpy(q))

        self.n_refreshes_ = 0
        return {"refresh": refresh, "refresh_interval": self.update_interval}


class DEC(SelfTraining):
    """Deep embedded clustering: L = L_c, by gradient descent with momentum 0.9.

    The decoder is that of the first phase.
    """

    clustering_learning_rate: Positive = hyperparameter(0.01, "Step size of the second phase.")
    optimizer: Optimizer = hyperparameter("sgd", "Of the second phase: momentum 0.9, or Adam.")

    def _build_model(self, n_features, seeds):
        return DECModel(*self._build_parts(n_features, seeds))
