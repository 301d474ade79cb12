"""k-means (MacQueen, 1967; Lloyd, 1982): scikit-learn's, with the storage of the other methods."""

import sklearn.cluster

from desom.estimator import StoredEstimator, check_numbers


class KMeans(StoredEstimator, sklearn.cluster.KMeans):
    """scikit-learn's ``KMeans``; ``save`` writes it to one file without a pickle.

    It only adds that what is not a number in X is named, and that single and double precision may
    follow one another.
    """

    _parameter_constraints = sklearn.cluster.KMeans._parameter_constraints

    def _check_test_data(self, X):
        check_numbers(X)
        return super()._check_test_data(X).astype(self.cluster_centers_.dtype, copy=False)

    def fit(self, X, y=None, sample_weight=None):
        """Compute the clusters; see scikit-learn."""
        self._check_parameters()
        check_numbers(X)
        return super().fit(X, y, sample_weight)
