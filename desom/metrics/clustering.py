"""How well clusters agree with classes.

``y_true`` and ``labels`` are (N,): the class and the cluster of every sample, each an integer, a
float that is one, a boolean or a string.
All scores are Python floats, higher is better.
"""

import numpy as np
from scipy.optimize import linear_sum_assignment
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score
from sklearn.metrics.cluster import contingency_matrix

from desom.metrics.checks import check_array, check_classes


def purity(y_true, labels):
    """Share of the samples that belong to the majority class of their cluster.

    Splitting clusters can only raise it, up to 1 with one sample in each, so compare it at equal
    numbers of clusters (Manning et al., Introduction to Information Retrieval, section 16.3). In
    (0, 1].
    """
    counts = contingency_matrix(*_check_labels(y_true, labels))
    return float(counts.max(axis=0).sum() / counts.sum())


def accuracy(y_true, labels):
    """Share of the samples in the right cluster, under the best one-to-one match with the classes.

    The Hungarian algorithm finds the match (Xie et al., ICML 2016). With more clusters than classes
    the surplus stays unmatched and counts as wrong, so the figure is then hard to interpret.
    In (0, 1].
    """
    counts = contingency_matrix(*_check_labels(y_true, labels))
    return float(counts[linear_sum_assignment(counts, maximize=True)].sum() / counts.sum())


def nmi(y_true, labels, average_method="arithmetic"):
    """Mutual information of classes and clusters, divided by a mean of their entropies.

    Name the mean with the figure: papers with scikit-learn before 0.22 report the geometric one
    (Strehl & Ghosh, 2002), whose NMI is never below that of the arithmetic one, the default since.

    ``average_method`` is arithmetic, geometric, min or max. In [0, 1].
    """
    labelings = _check_labels(y_true, labels)
    return float(normalized_mutual_info_score(*labelings, average_method=average_method))


def ari(y_true, labels):
    """Agreement on pairs of samples, corrected for chance: the adjusted Rand index.

    In [-0.5, 1], 0 in expectation by chance (Hubert & Arabie, 1985).
    """
    return float(adjusted_rand_score(*_check_labels(y_true, labels)))


def class_counts(y, labels, n_units):
    """Count the points of every class (N,) in every unit (N,), of 0..n_units-1.

    An ndarray of int64 (n_units, number of classes), the classes that occur in sorted order.
    """
    indices = check_classes("y", y, len(labels))
    counts = np.zeros((n_units, indices.max() + 1), dtype=np.int64)
    np.add.at(counts, (labels, indices), 1)
    return counts


def class_entropy(class_counts):
    """-sum_k ln(share of the majority class in unit k), over the units that have points.

    From the counts (K, C) of points by unit and class to a float of at least 0: 0 if no unit mixes
    classes; lower is better. Units count alike, whatever their size (Elend & Kramer, WSOM+ 2019).
    """
    counts = check_array("class_counts", class_counts, (None, None))
    counts = counts[counts.any(axis=1)]
    return float(-np.log(counts.max(axis=1) / counts.sum(axis=1)).sum())


def clustering_scores(y_true, labels, n_clusters):
    """All the clustering metrics of this module, by name: nmi is the arithmetic one.

    ``n_clusters`` counts the clusters of the model, those that hold no sample included; unless
    there are as many as classes, the accuracy is None.
    """
    n_classes = check_classes("y_true", y_true).max() + 1
    return {
        "purity": purity(y_true, labels),
        "nmi": nmi(y_true, labels),
        "nmi_geometric": nmi(y_true, labels, average_method="geometric"),
        "accuracy": accuracy(y_true, labels) if n_clusters == n_classes else None,
        "ari": ari(y_true, labels),
    }


def _check_labels(y_true, labels):
    y_true = check_classes("y_true", y_true)
    return y_true, check_classes("labels", labels, len(y_true))
