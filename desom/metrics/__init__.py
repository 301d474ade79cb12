"""How good a clustering, a map, a latent space is."""

from desom.metrics.checks import GridDistances
from desom.metrics.clustering import (
    accuracy,
    ari,
    class_counts,
    class_entropy,
    clustering_scores,
    nmi,
    purity,
)
from desom.metrics.maps import (
    c_measure,
    class_regions,
    class_scatter_index,
    combined_error,
    distortion,
    kruskal_shepard_error,
    map_scores,
    neighborhood_preservation,
    path_on_map,
    quantization_error,
    sharpness_ratio,
    smallest_unit,
    topographic_error,
    topographic_function,
    topographic_product,
    trustworthiness,
    u_matrix,
    units_used,
)
