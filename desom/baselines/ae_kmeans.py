"""AE + k-means: k-means of the codes of an autoencoder, where joint training begins."""

from desom.autoencoder import first_phase
from desom.baselines._clustering import CodesClustering, k_means
from desom.estimator import all_or_nothing, random_streams


class FrozenClustering(CodesClustering):
    """Clusters the codes of a frozen autoencoder by ``_cluster(codes, seed)`` of a subclass.

    After `fit`: what `DeepClustering` learns; ``history_`` is the autoencoder's, ``iteration`` and
    ``reconstruction_loss``, and ``model_`` its `AutoencoderModel`.
    """

    @all_or_nothing
    def fit(self, X, y=None, autoencoder=None):
        """Train the autoencoder on X, then cluster the codes; as `DeepClustering.fit` otherwise."""
        X = self._check_training_set(X)
        _, rng = random_streams(self.random_state)
        first = first_phase(self, X, autoencoder)
        self.model_ = first.model_
        self.history_ = {
            "iteration": first.history_["iteration"],
            "reconstruction_loss": first.history_["loss"],
        }
        codes = self._embed(X)
        self._cluster(codes, int(rng.integers(2**31)))
        self.labels_ = self._assign(codes)
        return self


class AEKMeans(FrozenClustering):
    """k-means of the codes of a frozen autoencoder."""

    def _cluster(self, codes, seed):
        self.cluster_centers_ = k_means(codes, self.n_clusters, seed).cluster_centers_
