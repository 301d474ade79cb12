"""What is measured of a fitted method, and which arrays of it are kept for figures."""

from numbers import Integral

import numpy as np
import pandas as pd
from sklearn.cluster import KMeans
from sklearn.metrics import mean_squared_error
from threadpoolctl import threadpool_limits

from desom import metrics
from desom.baselines.ae_kmeans import AEKMeans
from desom.baselines.ae_som import AEKerasom
from desom.desom import DESOM
from desom.engine.loop import CURVE_POINTS, curve_points
from desom.errors import InputError
from desom.metrics import latent

# The temperature of the distortion where a map has none of its own: the paper's last one.
LAST_TEMPERATURE = 0.1

KEPT_CODES = 1000

# From the prototype of the first unit to that of the last.
POINTS_OF_A_WALK = 12


class Snapshots:
    """A callback of ``fit`` that keeps a map at up to 200 moments, spread over its training."""

    def __init__(self, n_moments, data):
        if not (isinstance(n_moments, Integral) and 0 <= n_moments <= CURVE_POINTS):
            raise InputError(
                f"snapshots is {n_moments!r}; it takes an integer from 0 to {CURVE_POINTS}."
            )
        self.n_moments, self.data, self.moments = n_moments, data, []

    def __call__(self, estimator, iteration):
        """Keep the map if this is one of the moments."""
        points = curve_points(estimator.iterations)
        places = np.linspace(0, len(points) - 1, self.n_moments).round().astype(int)
        if iteration in points[places]:
            self.moments.append({"iteration": iteration} | self._kept(estimator))

    def _kept(self, estimator):
        prototypes, kept = estimator.cluster_centers_.copy(), {}
        if isinstance(estimator, DESOM | AEKerasom):
            kept = latent.decoded_walks(estimator.decode, prototypes, _distances(estimator))
        # An autoencoder that is frozen shows the same codes at every moment.
        if isinstance(estimator, DESOM):
            kept["codes"] = estimator.transform(self.data.x[kept_samples(len(self.data.x))])
            if self.data.image_shape:
                kept["decoded"] = as_bytes(estimator.decode(prototypes).astype(np.float16))
        return {"prototypes": prototypes} | kept

    def arrays(self):
        """Give what was kept, by name, with an axis over the moments before those of each array.

        ``snapshot_iteration``, ``snapshot_prototypes``; of `DESOM` and `AEKerasom`, the detour and
        jump of `decoded_walks`; of `DESOM`, codes of the `kept_samples`, and images ``decoded``.
        """
        names = self.moments[0] if self.moments else ()
        return {f"snapshot_{n}": np.array([moment[n] for moment in self.moments]) for n in names}


def measure(estimator, data, labels, seed, snapshots=None):
    """Measure a fitted method: its clusters against the classes; a map's order and its pictures.

    ``labels`` are what it predicts of ``data.x``; ``seed`` is that of k-means on the prototypes.

    Returns
    -------
    metrics : dict of str to float or int
        Those of the map are in the space of the prototypes, at the last temperature; those named
        ``input_...`` are in the space of x, for decoded prototypes. A map of fewer units than there
        are classes has none of ``km_...``.
    arrays : dict of str to ndarray
        The record's artifact, empty for a method with neither map nor network: ``prototypes``, and
        with a decoder and images ``decoded`` (K, D). Of a map, ``units`` of the `kept_samples` and
        ``class_counts`` (K, number of classes); of other clusters those of `sample_codes`. With
        ``snapshots`` of the training, theirs and those of `gallery`.
    """
    n_clusters = len(estimator.cluster_centers_)
    scores, arrays = {}, {}
    if data.y is not None:
        scores = metrics.clustering_scores(data.y, labels, n_clusters)
    if hasattr(estimator, "map_size"):
        map_scores, arrays = _measure_map(estimator, data, labels, snapshots)
        members = np.bincount(labels, minlength=n_clusters)
        scores |= map_scores | {
            "units_used": metrics.units_used(members),
            "smallest_unit": metrics.smallest_unit(members),
        }
        if data.y is not None:
            n_classes = len(np.unique(data.y))
            if n_classes <= n_clusters:
                groups = cluster_prototypes(estimator.cluster_centers_, n_classes, seed)
                two_level = metrics.clustering_scores(data.y, groups[labels], n_classes)
                scores |= {f"km_{name}": two_level[name] for name in ("accuracy", "nmi", "purity")}
            counts = metrics.class_counts(data.y, labels, n_clusters)
            arrays["class_counts"] = counts.astype(np.int32)
        arrays["units"] = labels[kept_samples(len(labels))].astype(np.int16)
    elif hasattr(estimator, "decode"):
        codes = estimator.transform(data.x)
        scores["reconstruction_error"] = float(mean_squared_error(data.x, estimator.decode(codes)))
        if isinstance(estimator, AEKMeans) and n_clusters > 1:
            scores |= latent_scores(estimator, data, codes)
        arrays = {"prototypes": estimator.cluster_centers_}
        if data.image_shape:
            arrays["decoded"] = estimator.decode(estimator.cluster_centers_).astype(np.float16)
        if data.y is not None:
            arrays |= sample_codes(data, codes, labels)
    return scores, arrays


def latent_scores(estimator, data, codes):
    """Measure what the codes of an autoencoder (N, d) offer to clusters: no class is looked at."""
    hidden = data.x[kept_samples(len(data.x))]
    for layer in estimator.model_.encoder.layers[:-1]:
        kernel, bias = layer.get_weights()
        hidden = np.maximum(hidden @ kernel + bias, 0)
    return {
        "code_spread": latent.spread(codes),
        "code_dimension": latent.participation_ratio(codes),
        "code_margin": latent.relative_margin(codes, estimator.cluster_centers_),
        "active_units": latent.active_share(hidden),
    }


def _distances(estimator):
    """Distances on the map; minisom's has no other shape than a rectangle."""
    shape = getattr(estimator, "topology", "rectangular"), getattr(estimator, "toroidal", False)
    return metrics.GridDistances(estimator.map_size, *shape)


def _measure_map(estimator, data, labels, snapshots):
    prototypes, distances = estimator.cluster_centers_, _distances(estimator)
    among_data = not hasattr(estimator, "decode")
    codes = data.x if among_data else estimator.transform(data.x)
    decoded = prototypes if among_data else estimator.decode(prototypes)
    temperature = getattr(estimator, "t_min", LAST_TEMPERATURE)
    scores = metrics.map_scores(codes, prototypes, distances, temperature)
    arrays = {"prototypes": prototypes} | (snapshots.arrays() if snapshots else {})
    if data.image_shape:
        scores["sharpness_ratio"] = metrics.sharpness_ratio(decoded, data.x, data.image_shape)
    if among_data:
        # Prototypes that are images are the picture; half precision is finer than a screen.
        pictures = {n: a.astype(np.float16) for n, a in arrays.items() if n.endswith("prototypes")}
        return scores, arrays | pictures
    scores["input_quantization_error"] = metrics.quantization_error(data.x, decoded)
    if hasattr(estimator, "history_"):
        scores["reconstruction_error"] = estimator.history_["reconstruction_loss"][-1]
    for name in ("trustworthiness", "c_measure", "kruskal_shepard_error"):
        scores[f"input_{name}"] = getattr(metrics, name)(data.x, labels, distances)
    if data.image_shape:
        arrays["decoded"] = decoded.astype(np.float16)
        if data.y is not None and snapshots:
            arrays |= gallery(estimator, data, codes, labels)
    return scores, arrays


def cluster_prototypes(prototypes, n_clusters, seed):
    """Group the prototypes (K, D) by k-means, the second level of Table 3: the group of each (K,).

    Of 100 initialisations, the best by inertia is kept.
    """
    # So few points are a task for one thread: two wait for each other ten times as long.
    with threadpool_limits(1, "openmp"):
        return KMeans(n_clusters, n_init=100, random_state=seed).fit_predict(prototypes)


def kept_samples(n_samples):
    """Give the indices of the samples whose codes are kept: up to 1,000, spread over the data."""
    # Some files hold class after class, so the first samples would not stand for all.
    return np.linspace(0, n_samples - 1, min(KEPT_CODES, n_samples)).astype(int)


def nearest_and_farthest(points, prototypes, labels):
    """Find the nearest and the farthest member of every unit: indices (K,), -1 where it is empty.

    Of points (N, D), as the map sees them, prototypes (K, D) and best-matching units (N,).
    """
    distances = pd.Series(np.linalg.norm(points - prototypes[labels], axis=1)).groupby(labels)
    ends = distances.idxmin(), distances.idxmax()
    return tuple(end.reindex(range(len(prototypes)), fill_value=-1).to_numpy() for end in ends)


def gallery(estimator, data, codes, labels):
    """Collect the pictures of a map with a decoder, of images with classes, small enough to commit.

    ``nearest`` and ``farthest`` (K, D), the members of every unit as bytes, black where a unit is
    empty; ``walk`` (12, D), the decoded points of the straight line in latent space from the
    prototype of the first unit to that of the last; and `sample_codes`.
    """
    prototypes = estimator.cluster_centers_
    nearest, farthest = nearest_and_farthest(codes, prototypes, labels)
    line = np.linspace(prototypes[0], prototypes[-1], POINTS_OF_A_WALK)
    return {
        "nearest": as_bytes(data.x[nearest] * (nearest >= 0)[:, None]),
        "farthest": as_bytes(data.x[farthest] * (farthest >= 0)[:, None]),
        "walk": as_bytes(estimator.decode(line)),
        **sample_codes(data, codes, labels),
    }


def sample_codes(data, codes, labels):
    """Pick the ``codes`` of the `kept_samples`, with their ``code_labels`` and ``code_classes``."""
    kept = kept_samples(len(data.x))
    return {
        "codes": codes[kept],
        "code_labels": labels[kept].astype(np.int16),
        "code_classes": data.y[kept].astype(np.int16),
    }


def as_bytes(images):
    """Round images in [0, 1] to the 256 grays of a screen, 0 to 255."""
    return np.round(255 * np.clip(images, 0, 1)).astype(np.uint8)
