"""What deep-clustering methods share: an autoencoder, centers among its codes, both at once."""

import keras
from keras import layers, ops
from sklearn.cluster import KMeans

from desom.autoencoder import (
    PRETRAINING,
    Pretraining,
    build_networks,
    copy_networks,
    first_phase,
    reconstruction_loss,
)
from desom.estimator import (
    Count,
    Model,
    NearestPrototype,
    NetworkEstimator,
    all_or_nothing,
    hyperparameter,
)
from desom.som import squared_distances

# The restarts of k-means that DEC, IDEC and most that follow them take.
RESTARTS = 20


def k_means(codes, n_clusters, seed):
    """Cluster codes (N, d) by scikit-learn's k-means: the best of ``RESTARTS``, by inertia."""
    return KMeans(n_clusters, n_init=RESTARTS, random_state=seed).fit(codes)


@keras.saving.register_keras_serializable("desom")
class CentersLayer(layers.Layer):
    """K centers in latent space: takes codes (B, d), gives their squared distances to them (B, K).

    Gradients move the centers unless ``trainable`` is False.
    """

    def __init__(self, n_clusters, trainable=True, initializer="glorot_uniform", **kwargs):
        super().__init__(trainable=trainable, **kwargs)
        self.n_clusters, self.initializer = n_clusters, initializer

    def build(self, input_shape):
        shape = (self.n_clusters, input_shape[-1])
        self.centers = self.add_weight(shape, initializer=self.initializer, name="centers")

    def call(self, z):
        """Squared distances of the codes to the centers, of shape (B, K)."""
        # PyTorch moves centers in place, and needs the old ones for the gradient.
        return squared_distances(z, self.centers if self.trainable else ops.copy(self.centers))


class LossOfTerms(Model):
    """A Keras model whose loss has some terms, of each of which there is a curve by its name.

    A subclass has their names as ``TERMS``, and ``losses(x, y, y_pred, training)``, which gives the
    loss of a batch and then the values of the terms.
    """

    def __init__(self, **functional):
        super().__init__(**functional)
        self.trackers = [keras.metrics.Mean(name=name) for name in self.TERMS]

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """Loss of a batch."""
        loss, *terms = self.losses(x, y, y_pred, training)
        for tracker, term in zip(self.trackers, terms, strict=True):
            tracker.update_state(term)
        return loss


class ClusteringModel(LossOfTerms):
    """Encoder, decoder and centers as one Keras model, with the loss L = L_r + weight L_c.

    Called on x, it gives a dictionary: ``latent`` codes z, ``reconstruction`` of x, and
    ``squared_distances`` of z to the centers. A subclass has the clustering loss L_c. L_r is a mean
    over features: where a paper sums over D of them, its weight is ``weight`` * D.
    """

    TERMS = ("reconstruction_loss", "clustering_loss")

    def __init__(self, encoder, decoder, centers, weight):
        x = keras.Input(encoder.input_shape[1:], name="x")
        z = encoder(x)
        outputs = {"latent": z, "reconstruction": decoder(z), "squared_distances": centers(z)}
        super().__init__(inputs=x, outputs=outputs)
        self.encoder, self.decoder, self.centers, self.weight = encoder, decoder, centers, weight

    def losses(self, x, y, y_pred, training):
        """L, L_r, and L_c, a subclass' ``clustering_loss``: y is what ``refresh`` gave."""
        loss_r = reconstruction_loss(x, y_pred["reconstruction"])
        loss_c = self.clustering_loss(y_pred, y, training)
        return loss_r + self.weight * loss_c, loss_r, loss_c


class CodesClustering(NearestPrototype, NetworkEstimator):
    """Clusters the codes of an autoencoder, which is trained on reconstruction first."""

    n_clusters: Count = hyperparameter(10, "Number of clusters.", kw_only=False)
    pretrain_iterations: Count = hyperparameter(5_000, "Training steps of the autoencoder alone.")
    pretraining: Pretraining = PRETRAINING


class DeepClustering(CodesClustering):
    """A method that starts from a trained autoencoder and k-means of its codes.

    A subclass has the ``_build_model`` of its ClusteringModel, and may have a ``_schedule``. After
    `fit`: ``cluster_centers_``, float32 of shape (n_clusters, latent_dim), which ``decode`` shows
    in the space of X; ``labels_`` (n_samples,); the curves ``history_``; ``model_``.
    """

    iterations: Count = hyperparameter(5_000, "Training steps that follow, at most.")

    @all_or_nothing
    def fit(self, X, y=None, autoencoder=None):
        """Train the autoencoder on X, place the centers by k-means of the codes, train both.

        As `Kerasom.fit`; X has a sample per cluster at least. ``autoencoder`` is the first phase,
        if it is done already: what ``first_phase(self, X)`` gives.
        """
        X = self._check_training_set(X)
        rng = self._start(X)
        copy_networks(first_phase(self, X, autoencoder).model_, self.model_)
        self._place_centers(self._embed(X), int(rng.integers(2**31)))
        self._train(X, rng, **self._schedule(X))
        self._read_centers()
        self.labels_ = self._assign(self._embed(X))
        return self

    def _build_parts(self, n_features, seeds, layer=CentersLayer, name="centers", **options):
        """Give encoder, decoder and the layer of the centers."""
        networks = build_networks(n_features, self.hidden_units, self.latent_dim, seeds)
        return *networks, layer(int(self.n_clusters), name=name, **options)

    def _schedule(self, X):
        """Say what `train` refreshes now and then: ``refresh`` and ``refresh_interval``."""
        return {}

    def _place_centers(self, codes, seed):
        clusters = k_means(codes, self.n_clusters, seed)
        self.model_.centers.centers.assign(clusters.cluster_centers_)
        self.labels_ = clusters.labels_

    def _read_centers(self):
        self.cluster_centers_ = keras.ops.convert_to_numpy(self.model_.centers.centers)
