"""How good a clustering, a map, a latent space is."""

from desom.metrics.clustering import accuracy, ari, class_counts, clustering_scores, nmi, purity
from desom.metrics.maps import (
    class_regions,
    combined_error,
    distortion,
    map_scores,
    neighborhood_preservation,
    path_on_map,
    quantization_error,
    smallest_unit,
    topographic_error,
    trustworthiness,
    u_matrix,
    units_used,
)

__all__ = [
    "accuracy",
    "ari",
    "class_counts",
    "class_regions",
    "clustering_scores",
    "combined_error",
    "distortion",
    "map_scores",
    "neighborhood_preservation",
    "nmi",
    "path_on_map",
    "purity",
    "quantization_error",
    "smallest_unit",
    "topographic_error",
    "trustworthiness",
    "u_matrix",
    "units_used",
]
