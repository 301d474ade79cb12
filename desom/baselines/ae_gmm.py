"""AE + GMM: a mixture of Gaussians on the codes of an autoencoder, by expectation-maximization."""

from sklearn.mixture import GaussianMixture
from sklearn.utils._param_validation import StrOptions

from desom.baselines._mixtures import fit_mixture
from desom.baselines.ae_kmeans import CodesEstimator


class AEGMM(CodesEstimator):
    """A mixture of Gaussians, scikit-learn's, on the codes of a frozen autoencoder.

    Parameters
    ----------
    n_clusters : int, default=10
        Number of components.
    covariance_type : {"full", "diag"}, default="full"
        Whether a component has axes of its own, or those of the latent space.
    hidden_units : tuple of int, default=(500, 500, 2000)
        Widths of the encoder's hidden layers; the decoder mirrors them.
    latent_dim : int, default=10
        Dimension of the latent space.
    pretrain_iterations : int, default=5_000
        Training steps of the autoencoder.
    batch_size : int, default=256
        Samples per step.
    learning_rate : float, default=0.001
        Step size of Adam.
    random_state : int, RandomState or None, default=None
        Determines initial weights, the shuffling and the start of the mixture, by k-means.
    verbose : bool, default=False
        Whether to show a progress bar.

    Attributes
    ----------
    weights_ : ndarray of shape (n_clusters,)
        The probability pi_k of every component.
    cluster_centers_ : ndarray of shape (n_clusters, latent_dim)
        The means, in latent space; ``decode`` shows them in the space of X.
    covariances_, precisions_cholesky_ : ndarray
        Of shape (n_clusters, latent_dim, latent_dim) or (n_clusters, latent_dim), as scikit-learn
        has them.
    labels_ : ndarray of int, shape (n_samples,)
        Most probable component of every training sample.
    history_ : dict of str to list
        Curves of the autoencoder's training: ``iteration``, ``reconstruction_loss``.
    model_ : AutoencoderModel
        The trained Keras model.
    n_features_in_ : int
        Number of features of X.
    """

    _parameter_constraints = CodesEstimator._parameter_constraints | {
        "covariance_type": [StrOptions({"full", "diag"})]
    }

    def __init__(
        self,
        n_clusters=10,
        *,
        covariance_type="full",
        hidden_units=(500, 500, 2000),
        latent_dim=10,
        pretrain_iterations=5_000,
        batch_size=256,
        learning_rate=0.001,
        random_state=None,
        verbose=False,
    ):
        self.n_clusters = n_clusters
        self.covariance_type = covariance_type
        self.hidden_units = hidden_units
        self.latent_dim = latent_dim
        self.pretrain_iterations = pretrain_iterations
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.random_state = random_state
        self.verbose = verbose

    def _cluster(self, codes, seed):
        mixture = fit_mixture(codes, self.n_clusters, seed, self.covariance_type)
        self.weights_, self.cluster_centers_ = mixture.weights_, mixture.means_
        self.covariances_ = mixture.covariances_
        self.precisions_cholesky_ = mixture.precisions_cholesky_

    def _assign(self, z):
        mixture = GaussianMixture(self.n_clusters, covariance_type=self.covariance_type)
        mixture.weights_, mixture.means_ = self.weights_, self.cluster_centers_
        mixture.covariances_ = self.covariances_
        mixture.precisions_cholesky_ = self.precisions_cholesky_
        return mixture.predict(z)
