"""AE + GMM: a mixture of Gaussians on the codes of an autoencoder, by expectation-maximization."""

from desom.baselines._mixtures import fit_mixture
from desom.baselines.ae_kmeans import FrozenClustering
from desom.estimator import hyperparameter, one_of


class AEGMM(FrozenClustering):
    """A mixture of Gaussians, scikit-learn's, on the codes of a frozen autoencoder.

    Beside what `FrozenClustering` learns: ``mixture_``, the fitted ``GaussianMixture``, whose means
    are ``cluster_centers_``; ``predict`` gives the most probable component.
    """

    covariance_type: one_of("full", "diag") = hyperparameter(
        "full", "Whether a component has axes of its own, or those of the latent space."
    )

    def _cluster(self, codes, seed):
        self.mixture_ = fit_mixture(codes, self.n_clusters, seed, self.covariance_type)
        self.cluster_centers_ = self.mixture_.means_

    def _assign(self, z):
        return self.mixture_.predict(z)
