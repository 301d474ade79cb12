"""A map of the codes of a frozen autoencoder: the two phases that DESOM makes one.

Forest et al., ESANN 2019, section 3: ``AE+minisom`` and ``AE+kerasom``.
"""

from desom.autoencoder import PretrainedEstimator
from desom.baselines.minisom import RATE, Minisom
from desom.estimator import COUNT, POSITIVE, MapEstimator
from desom.grid import grid_distances
from desom.metrics.latent import decoded_walks
from desom.som import GradientMapEstimator, Kerasom, stack


class TwoPhaseMap(PretrainedEstimator, MapEstimator):
    """Train an autoencoder on reconstruction, freeze it, and train a map on its codes.

    A subclass names the class of the map of the second phase, ``_map``.
    """

    _parameter_constraints = (
        MapEstimator._parameter_constraints
        | PretrainedEstimator._parameter_constraints
        | {"pretrain_iterations": COUNT, "batch_size": COUNT}
        | {"learning_rate": POSITIVE, "som_learning_rate": POSITIVE}
    )

    def _som(self):
        """Give the unfitted map of the second phase."""
        own = {name: getattr(self, name) for name in self._map().get_params()}
        return self._map(**own | {"learning_rate": self.som_learning_rate})

    def _check_parameters(self):
        super()._check_parameters()
        self._som()._check_parameters()

    def fit(self, X, y=None, autoencoder=None):
        """Train the autoencoder on X, then the map on the codes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training data, float32 or float64 (then converted); never changed. At least as many
            samples as the map has units.
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
            If a loss is no longer finite.
        """
        X = self._check_training_set(X)
        first = self._first_phase(X, autoencoder)
        self.model_ = first.model_
        second = self._som().fit(self._embed(X))
        self.history_ = getattr(second, "history_", {}) | {
            "pretrain_iteration": first.history_["iteration"],
            "reconstruction_loss": first.history_["loss"],
        }
        if hasattr(second, "snapshots_"):
            distances = grid_distances(second.map_size, second.topology, second.toroidal)
            walks = [
                decoded_walks(self.decode, prototypes, distances)
                for prototypes in second.snapshots_["prototypes"]
            ]
            self.snapshots_ = second.snapshots_ | stack(walks)
        self.cluster_centers_, self.labels_ = second.cluster_centers_, second.labels_
        return self

    def _build_model(self, n_features, seeds):
        return self.autoencoder()._build_model(n_features, seeds)


class AEKerasom(TwoPhaseMap):
    """``kerasom`` on the codes of a frozen autoencoder: DESOM's two losses, one after the other.

    Parameters
    ----------
    map_size : tuple of two int, default=(8, 8)
        Rows and columns of the map.
    hidden_units : tuple of int, default=(500, 500, 2000)
        Widths of the encoder's hidden layers; the decoder mirrors them.
    latent_dim : int, default=10
        Dimension of the latent space.
    pretrain_iterations : int, default=5_000
        Training steps of the autoencoder.
    t_max, t_min : float, default=10.0 and 0.1
        Temperature at the beginning and at the end, in steps on the map.
    decay : {"exponential", "linear", "constant"}, default="exponential"
        How the temperature goes from one to the other; a constant one stays at ``t_max``.
    topology : {"rectangular", "rectangular8", "hexagonal"}, default="rectangular"
        Neighbors of a unit: 4, 8 with the diagonal ones, or 6.
    toroidal : bool, default=False
        Whether opposite borders of the map touch.
    iterations : int, default=10_000
        Training steps of the map.
    batch_size : int, default=256
        Samples per step, in both phases.
    learning_rate, som_learning_rate : float, default=0.001 and 0.01
        Step size of Adam for the autoencoder, and for the map, whose codes may be far apart.
    random_state : int, RandomState or None, default=None
        Determines initial weights, initial prototypes and the shuffling.
    verbose : bool, default=False
        Whether to show progress bars.

    Attributes
    ----------
    cluster_centers_ : ndarray of float32, shape (n_units, latent_dim)
        The prototypes, in latent space.
    labels_ : ndarray of int, shape (n_samples,)
        Best-matching unit of every training sample.
    history_ : dict of str to list
        Curves of the map, ``iteration``, ``loss``, ``temperature``, and of the autoencoder,
        ``pretrain_iteration``, ``reconstruction_loss``.
    snapshots_ : dict of str to ndarray
        With ``snapshots``, those of the map, as in `Kerasom`, and ``detour`` and ``jump`` (S, pairs
        of neighbors), those of ``latent.decoded_walks``.
    model_ : AutoencoderModel
        The frozen autoencoder.
    n_features_in_ : int
        Number of features of X.
    """

    _map = Kerasom
    _parameter_constraints = (
        GradientMapEstimator._parameter_constraints | TwoPhaseMap._parameter_constraints
    )

    def __init__(
        self,
        map_size=(8, 8),
        *,
        hidden_units=(500, 500, 2000),
        latent_dim=10,
        pretrain_iterations=5_000,
        t_max=10.0,
        t_min=0.1,
        decay="exponential",
        topology="rectangular",
        toroidal=False,
        iterations=10_000,
        batch_size=256,
        learning_rate=0.001,
        som_learning_rate=0.01,
        snapshots=0,
        random_state=None,
        verbose=False,
    ):
        self.map_size = map_size
        self.hidden_units = hidden_units
        self.latent_dim = latent_dim
        self.pretrain_iterations = pretrain_iterations
        self.t_max = t_max
        self.t_min = t_min
        self.decay = decay
        self.topology = topology
        self.toroidal = toroidal
        self.iterations = iterations
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.som_learning_rate = som_learning_rate
        self.snapshots = snapshots
        self.random_state = random_state
        self.verbose = verbose


class AEMinisom(TwoPhaseMap):
    """``minisom`` on the codes of a frozen autoencoder.

    Parameters
    ----------
    map_size : tuple of two int, default=(8, 8)
        Rows and columns of the map.
    hidden_units : tuple of int, default=(500, 500, 2000)
        Widths of the encoder's hidden layers; the decoder mirrors them.
    latent_dim : int, default=10
        Dimension of the latent space.
    pretrain_iterations : int, default=5_000
        Training steps of the autoencoder.
    batch_size : int, default=256
        Samples per step of the autoencoder.
    learning_rate : float, default=0.001
        Step size of the autoencoder's Adam.
    sigma, som_learning_rate, decay, iterations
        ``sigma``, ``learning_rate``, ``decay`` and ``iterations`` of `Minisom`.
    random_state : int, RandomState or None, default=None
        Determines initial weights, initial prototypes and the order of the samples.
    verbose : bool, default=False
        Whether to show progress.

    Attributes
    ----------
    cluster_centers_ : ndarray of float32, shape (n_units, latent_dim)
        The prototypes, in latent space.
    labels_ : ndarray of int, shape (n_samples,)
        Best-matching unit of every training sample.
    history_ : dict of str to list
        Curves of the autoencoder: ``pretrain_iteration``, ``reconstruction_loss``.
    model_ : AutoencoderModel
        The frozen autoencoder.
    n_features_in_ : int
        Number of features of X.
    """

    _map = Minisom
    _parameter_constraints = (
        Minisom._parameter_constraints
        | TwoPhaseMap._parameter_constraints
        | {"som_learning_rate": RATE}
    )

    def __init__(
        self,
        map_size=(8, 8),
        *,
        hidden_units=(500, 500, 2000),
        latent_dim=10,
        pretrain_iterations=5_000,
        batch_size=256,
        learning_rate=0.001,
        sigma=1.0,
        som_learning_rate=0.5,
        decay="linear",
        iterations=70_000,
        random_state=None,
        verbose=False,
    ):
        self.map_size = map_size
        self.hidden_units = hidden_units
        self.latent_dim = latent_dim
        self.pretrain_iterations = pretrain_iterations
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.sigma = sigma
        self.som_learning_rate = som_learning_rate
        self.decay = decay
        self.iterations = iterations
        self.random_state = random_state
        self.verbose = verbose
