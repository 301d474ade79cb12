"""What X has to be, where its numbers lie and how far they spread: refusals, and advice.

A loss of squared distances weighs a column by its variance, and knows nothing of its unit.
"""

import numpy as np
from scipy.sparse import issparse

from desom.errors import InputError

# Beyond so many times its spread, the place of X costs single precision digits of every distance.
FAR = 10
SAMPLES, SAMPLE_BYTES = 1000, 2**26


def as_array(name, values, dtype=None):
    """Give values as an array, or an error that names them, as NumPy's own do not."""
    try:
        return np.asarray(values, dtype=dtype)
    except (TypeError, ValueError, OverflowError) as error:
        kind = TypeError if isinstance(error, TypeError) else InputError
        raise kind(f"{name} cannot be read as an array of numbers: {error}.") from None


def check_table(X):
    """Give X, which is then an array, a table or a sparse matrix of numbers with two axes."""
    if not hasattr(X, "shape"):
        X = as_array("X", X)
    if len(X.shape) != 2:
        raise InputError(
            f"X has shape {tuple(X.shape)}. Reshape your data to (n_samples, n_features)."
        )
    if np.ma.is_masked(X):
        raise InputError("X has masked values; fill them, or leave out their samples.")
    # scikit-learn has a sentence of its own for an array of complex numbers.
    numbers = "biufc" if hasattr(X, "dtype") else "biuf"
    if not issparse(X) and as_array("X", X).dtype.kind not in numbers:
        as_array("X", X, np.float32)
    return X


def sampled(X):
    """Up to 1,000 rows of X (N, D), at even places, in double precision."""
    n_rows = max(1, min(SAMPLES, SAMPLE_BYTES // (8 * X.shape[1])))
    return X[:: -(-len(X) // n_rows)].astype(float)


def origin_of(X):
    """Mean of X (N, D), float32 (D,), if X lies ten times as far from zero as it spreads, or None.

    Both lengths are root mean squares over a sample of the rows.
    """
    sample = sampled(X)
    mean = sample.mean(axis=0)
    far = np.square(mean).sum() > FAR**2 * np.square(sample - mean).sum(axis=1).mean()
    return mean.astype(X.dtype) if far else None
