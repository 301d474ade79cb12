"""AE + GMM: a mixture of Gaussians on the codes of an autoencoder, by expectation-maximization."""

import numpy as np

from desom.baselines._mixtures import fit_mixture, within_covariance
from desom.baselines.ae_kmeans import FrozenClustering
from desom.estimator import Count, hyperparameter, one_of


class AEGMM(FrozenClustering):
    """A mixture of Gaussians, scikit-learn's, on the codes of a frozen autoencoder.

    Beside what `FrozenClustering` learns: ``mixture_``, the fitted ``GaussianMixture``, whose means
    are ``cluster_centers_``; ``predict`` gives the most probable component. Pooled covariances are
    those of a full mixture, averaged when it is fitted: where a whitened WaMiC starts.
    """

    covariance_type: one_of("full", "diag", "pooled") = hyperparameter(
        "full",
        "Whether a component has axes of its own, those of the latent space, or all the same.",
    )
    restarts: Count = hyperparameter(1, "Fits from k-means, of which the likeliest is kept.")

    def _cluster(self, codes, seed):
        fitted = "diag" if self.covariance_type == "diag" else "full"
        self.mixture_ = fit_mixture(codes, self.n_clusters, seed, fitted, self.restarts)
        if self.covariance_type == "pooled":
            within = within_covariance(self.mixture_)
            self.mixture_.covariances_[:] = within
            self.mixture_.precisions_[:] = np.linalg.inv(within)
            self.mixture_.precisions_cholesky_[:] = np.linalg.inv(np.linalg.cholesky(within)).T
        self.cluster_centers_ = self.mixture_.means_

    def _assign(self, z):
        # In single precision, its squares lose the digits of codes far from zero.
        return self.mixture_.predict(z.astype(float))
