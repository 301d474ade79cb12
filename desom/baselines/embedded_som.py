"""A map of an embedding that knows neighbors alone: UMAP, or a spectral one, then a batch SOM.

McInnes, Healy, Melville: UMAP, arXiv:1802.03426, 2018; Belkin, Niyogi: Laplacian Eigenmaps, Neural
Computation, 2003. The reference without joint training.
"""

from importlib.util import find_spec

import numpy as np
from sklearn import base
from sklearn.decomposition import PCA
from sklearn.manifold import SpectralEmbedding
from sklearn.neighbors import KNeighborsRegressor
from sklearn.utils.validation import check_is_fitted

from desom.checks import as_array
from desom.errors import InputError
from desom.estimator import (
    Count,
    Estimator,
    Positive,
    all_or_nothing,
    hyperparameter,
    random_streams,
)
from desom.grid import grid_distances, neighborhood
from desom.som import DECAYS, OnAMap

# Axes that are left of the data before neighbors are sought.
COMPONENTS = 50
# Samples that a place between them is shown by.
SHOWN = 10


def batch_step(z, units, weights):
    """m_k = sum_i w_{chi(i)k} z_i / sum_i w_{chi(i)k}: the batch SOM (Kohonen, 1995).

    From points (N, d), their best-matching units (N,) and weights > 0 (K, K) to prototypes (K, d).
    """
    sums = np.zeros((len(weights), z.shape[1]))
    np.add.at(sums, units, z)
    counts = np.bincount(units, minlength=len(weights))
    return (weights @ sums) / (weights @ counts)[:, None]


class EmbeddedSOM(OnAMap, base.TransformerMixin, Estimator):
    """PCA, an embedding ``_embedding(points, seed)`` of a subclass, and a batch SOM of it.

    A new sample has the place of the nearest one of the training, which is kept. After `fit`:
    ``cluster_centers_``, the prototypes, float32 of shape (K, latent_dim); ``labels_``.
    """

    latent_dim: Count = hyperparameter(10, "Dimension of the embedding.")
    n_neighbors: Count = hyperparameter(15, "Neighbors of a sample in the graph.")
    iterations: Count = hyperparameter(100, "Steps of the batch SOM, each with all samples.")
    t_min: Positive = hyperparameter(0.7, "Temperature at the end, in steps on the map.")

    @all_or_nothing
    def fit(self, X, y=None):
        """Embed X (n_samples, n_features), then train the map; as `Kerasom.fit` otherwise."""
        X = self._check_training_set(X)
        if self.n_neighbors >= len(X):
            raise InputError(f"n_neighbors is {self.n_neighbors}; {len(X)} samples have fewer.")
        _, rng = random_streams(self.random_state)
        seed = int(rng.integers(2**31))
        self.pca_ = PCA(min(COMPONENTS, *X.shape), random_state=seed)
        points = self.pca_.fit_transform(X)
        codes = self._embedding(points, seed).astype("float32")
        self.places_ = KNeighborsRegressor(1, algorithm="brute").fit(points, codes)
        shown = min(SHOWN, len(X))
        self.pictures_ = KNeighborsRegressor(shown, algorithm="brute").fit(codes, X)
        self.cluster_centers_ = codes[rng.choice(len(X), self._n_prototypes(), replace=False)]
        distances = grid_distances(self.map_size, self.topology, self.toroidal).astype(float)
        for n in range(1, self.iterations + 1):
            cooled = DECAYS[self.decay](n, self.iterations, self.t_max, self.t_min)
            # No weight is 0, so that no unit is without points.
            weights = np.maximum(np.asarray(neighborhood(distances, cooled)), 1e-30)
            prototypes = batch_step(codes, self._assign(codes), weights)
            self.cluster_centers_ = prototypes.astype("float32")
        self.labels_ = self._assign(codes)
        return self

    def _embed(self, X):
        places = self.places_.predict(self.pca_.transform(X))
        return places.reshape(len(X), -1).astype("float32")

    def transform(self, X):
        """Give the place of the nearest training sample: (N, n_features) to (N, latent_dim)."""
        check_is_fitted(self)
        return self._embed(self._check_input(X))

    def decode(self, Z):
        """Mean of the training samples that are nearest to places (n, latent_dim), as in X."""
        check_is_fitted(self)
        return self.pictures_.predict(as_array("Z", Z, np.float32)).astype("float32")


class UMAPSOM(EmbeddedSOM):
    """UMAP, by umap-learn, then a batch SOM."""

    def _check_parameters(self):
        super()._check_parameters()
        if not find_spec("umap"):
            raise InputError("umap_som needs umap-learn: install it by pip install 'desom[umap]'.")

    def _embedding(self, points, seed):
        from umap import UMAP

        options = {"n_neighbors": self.n_neighbors, "n_components": self.latent_dim}
        return UMAP(**options, random_state=seed, n_jobs=1).fit_transform(points)


class SpectralSOM(EmbeddedSOM):
    """The first eigenvectors of a graph of neighbors, scikit-learn's, then a batch SOM."""

    def _embedding(self, points, seed):
        options = {"n_neighbors": self.n_neighbors, "n_components": self.latent_dim}
        # The usual solver factorizes the graph, which takes all memory for 70,000 samples.
        solver = {"affinity": "nearest_neighbors", "eigen_solver": "lobpcg", "random_state": seed}
        return SpectralEmbedding(**options, **solver).fit_transform(points)
