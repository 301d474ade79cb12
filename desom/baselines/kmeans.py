"""k-means (MacQueen, 1967; Lloyd, 1982): scikit-learn's, with the storage of the other methods."""

import sklearn.cluster

from desom.base import StoredEstimator


class KMeans(StoredEstimator, sklearn.cluster.KMeans):
    """scikit-learn's ``KMeans``, unchanged; ``save`` writes it to one file without a pickle."""

    _parameter_constraints = sklearn.cluster.KMeans._parameter_constraints
