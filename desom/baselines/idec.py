"""IDEC: DEC that keeps its decoder, so that codes go on describing the data.

Guo, Gao, Liu, Yin: Improved Deep Embedded Clustering with Local Structure Preservation,
IJCAI 2017.
"""

from dataclasses import KW_ONLY

import keras

from desom.baselines._clustering import CentersLayer
from desom.baselines.dec import SelfTraining, SelfTrainingModel
from desom.estimator import NonNegative, Positive, hyperparameter


class IDEC(SelfTraining):
    """Improved deep embedded clustering: L = L_r + gamma L_c (IJCAI 2017, eq. 2)."""

    _: KW_ONLY
    gamma: NonNegative = hyperparameter(
        0.1, "Weight of L_c beside a mean over features, as in the authors' code."
    )
    clustering_learning_rate: Positive = hyperparameter(
        0.001, "Step size of Adam in the second phase."
    )

    def _build_model(self, n_features, seeds):
        networks = self._build_networks(n_features, seeds)
        centers = CentersLayer(self.n_clusters, name="centers")
        return SelfTrainingModel(*networks, centers, self.gamma)

    def _optimizer(self):
        return keras.optimizers.Adam(self.clustering_learning_rate)
