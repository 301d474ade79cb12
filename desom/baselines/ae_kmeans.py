"""AE + k-means: k-means of the codes of an autoencoder, where joint training begins."""

from desom.autoencoder import PretrainedEstimator
from desom.baselines._clustering import PARAMETER_CONSTRAINTS, RESTARTS
from desom.baselines.kmeans import KMeans
from desom.estimator import PrototypeEstimator


class CodesEstimator(PretrainedEstimator, PrototypeEstimator):
    """Train an autoencoder on reconstruction, freeze it, and cluster its codes.

    A subclass has ``_cluster(codes, seed)``, which sets its learned state.
    """

    _parameter_constraints = PARAMETER_CONSTRAINTS
    _size = "n_clusters"

    def fit(self, X, y=None, autoencoder=None):
        """Train the autoencoder on X, then cluster the codes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training data, float32 or float64 (then converted); never changed. At least as many
            samples as there are clusters.
        y : None
            Ignored.
        autoencoder : Autoencoder, optional
            The first phase, if it is done already: what ``self.autoencoder().fit(X)`` gives.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If a parameter, X or the autoencoder cannot be used; one sentence says which and why.
        FloatingPointError
            If the loss is no longer finite.
        """
        X = self._check_training_set(X)
        _, rng = self._random_streams()
        first = self._first_phase(X, autoencoder)
        self.model_ = first.model_
        self.history_ = {
            "iteration": first.history_["iteration"],
            "reconstruction_loss": first.history_["loss"],
        }
        codes = self._embed(X)
        self._cluster(codes, int(rng.integers(2**31)))
        self.labels_ = self._assign(codes)
        return self

    def _build_model(self, n_features, seeds):
        return self.autoencoder()._build_model(n_features, seeds)


class AEKMeans(CodesEstimator):
    """k-means of the codes of a frozen autoencoder.

    Parameters
    ----------
    n_clusters : int, default=10
        Number of clusters.
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
        Determines initial weights, the shuffling and k-means.
    verbose : bool, default=False
        Whether to show a progress bar.

    Attributes
    ----------
    cluster_centers_ : ndarray of float32, shape (n_clusters, latent_dim)
        The centers, in latent space; ``decode`` shows them in the space of X.
    labels_ : ndarray of int, shape (n_samples,)
        Cluster of every training sample.
    history_ : dict of str to list
        Curves of the autoencoder's training: ``iteration``, ``reconstruction_loss``.
    model_ : AutoencoderModel
        The trained Keras model.
    n_features_in_ : int
        Number of features of X.
    """

    def __init__(
        self,
        n_clusters=10,
        *,
        hidden_units=(500, 500, 2000),
        latent_dim=10,
        pretrain_iterations=5_000,
        batch_size=256,
        learning_rate=0.001,
        random_state=None,
        verbose=False,
    ):
        self.n_clusters = n_clusters
        self.hidden_units = hidden_units
        self.latent_dim = latent_dim
        self.pretrain_iterations = pretrain_iterations
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.random_state = random_state
        self.verbose = verbose

    def _cluster(self, codes, seed):
        found = KMeans(self.n_clusters, n_init=RESTARTS, random_state=seed).fit(codes)
        self.cluster_centers_ = found.cluster_centers_
