"""IDEC: DEC that keeps its decoder, so that codes go on describing the data.

Guo, Gao, Liu, Yin: Improved Deep Embedded Clustering with Local Structure Preservation,
IJCAI 2017.
"""

from desom.baselines.dec import Optimizer, SelfTraining, SelfTrainingModel
from desom.estimator import NonNegative, Positive, hyperparameter


class IDEC(SelfTraining):
    """Improved deep embedded clustering: L = L_r + gamma L_c (IJCAI 2017, eq. 2), by Adam."""

    gamma: NonNegative = hyperparameter(0.1, "Weight of L_c beside a mean over features.")
    clustering_learning_rate: Positive = hyperparameter(0.001, "Step size of the second phase.")
    optimizer: Optimizer = hyperparameter("adam", "Of the second phase; sgd has a momentum of 0.9.")

    def _build_model(self, n_features, seeds):
        return SelfTrainingModel(*self._build_parts(n_features, seeds), self.gamma)
