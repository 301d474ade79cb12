"""What X has to be, where its numbers lie and how far they spread: refusals, and advice.

A loss of squared distances weighs a column by its variance, and knows nothing of its unit.
"""

import warnings

import numpy as np
from scipy.sparse import issparse

from desom.errors import InputError

# Beyond so many times its spread, the place of X costs single precision digits of every distance.
FAR = 10
SAMPLES, SAMPLE_BYTES = 1000, 2**26
# Of the digits of a column, float32 has to keep three beside its spread.
DIGITS = 1e-3 / np.finfo(np.float32).eps
# Columns differ too much if less than half of them have this share of the variance, and the widest
# one so many times the median spread: pixels that are seldom lit do not.
SHARE, WIDEST = 0.99, 10
# Root mean square spreads of columns for which steps of Adam and weights of losses are made.
SPREADS = 0.01, 10
LOST = "so far from zero, beside its spread, that float32 keeps less than three of its digits; "
LOST += "subtract its mean before."
CURE = "scale the columns alike, by scikit-learn's StandardScaler, say"


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


def check_finite(X):
    """Give X (N, D), float32, if all its numbers are finite."""
    # A finite sum has finite parts, and takes no memory; one that overflows says nothing.
    if not (np.isfinite(X.sum()) or np.isfinite(X).all()):
        raise InputError("X contains NaN or infinity, or numbers too large for float32.")
    return X


def check_samples(X, n_prototypes):
    """Give X (N, D) if it has at least a sample per prototype."""
    if len(X) < n_prototypes:
        given = f"{len(X)} sample{'s' * (len(X) > 1)}"
        raise InputError(f"X has {given}, fewer than the {n_prototypes} prototypes.")
    return X


def sampled(X):
    """Up to 1,000 rows of X (N, D), at even places, in double precision; X may be a table."""
    n_rows = max(1, min(SAMPLES, SAMPLE_BYTES // (8 * X.shape[1])))
    return np.asarray(getattr(X, "iloc", X)[:: -(-len(X) // n_rows)], dtype=float)


def origin_of(X):
    """Mean of X (N, D), float32 (D,), if X lies ten times as far from zero as it spreads, or None.

    Both lengths are root mean squares over a sample of the rows.
    """
    sample = sampled(X)
    mean = sample.mean(axis=0)
    far = np.square(mean).sum() > FAR**2 * np.square(sample - mean).sum(axis=1).mean()
    return mean.astype(X.dtype) if far else None


def lost_columns(X):
    """Columns of X (N, D), in double precision, of which float32 keeps less than three digits."""
    mean, spread = np.abs(X.mean(axis=0)), X.std(axis=0)
    return np.flatnonzero((spread > 0) & (mean > DIGITS * spread))


def advise_on_scale(estimator, given, X):
    """Warn where X (N, D), float32, as checked from what was given, is on a scale of no use.

    In one sentence: if float32 loses the digits of a column, if few columns decide alone, or if
    their spread is far from that for which the steps of a training are made.
    """
    exact = sampled(given if isinstance(given, np.ndarray) or hasattr(given, "iloc") else X)
    spread, lost = exact.std(axis=0), lost_columns(exact)
    varied = spread > 0
    order = np.argsort(-spread)
    shares = np.cumsum(np.square(spread[order]))
    n_deciding = 1 + np.searchsorted(shares, SHARE * shares[-1])
    widest = spread.max() / np.percentile(spread[varied], 50, method="lower") if any(varied) else 0
    size = np.sqrt(shares[-1] / len(spread))
    if len(lost):
        _warn(f"{_named(estimator, lost)} of X lies {LOST}")
    elif 2 * n_deciding <= varied.sum() and widest > WIDEST:
        _warn(
            f"{n_deciding} of {len(spread)} columns of X, {_named(estimator, order[:n_deciding])}, "
            f"have {SHARE:.0%} of its variance, so that the others hardly count; {CURE}."
        )
    elif hasattr(estimator, "batch_size") and not SPREADS[0] <= size <= SPREADS[1] and size:
        _warn(
            f"columns of X spread by {size:.3g}, and the training is made for values in [0, 1] or "
            f"of unit variance; {CURE}."
        )


def advise_on_collapse(estimator):
    """Warn where a fitted map or clustering uses few of its units, or its codes hardly differ."""
    prototypes = getattr(estimator, "cluster_centers_", None)
    if prototypes is None or len(prototypes) < 2:
        return
    used = len(np.unique(estimator.labels_))
    spread, largest = np.ptp(prototypes, axis=0).max(), np.abs(prototypes).max()
    few, flat = 4 * used <= len(prototypes), hasattr(estimator, "decode") and spread < largest / 1e3
    if few or flat:
        smaller = " a smaller gamma," * hasattr(estimator, "gamma")
        smaller += " a smaller t_max," * hasattr(estimator, "t_max")
        codes = f", and its prototypes spread by {spread:.2g} around {largest:.2g}" * int(flat)
        _warn(
            f"{type(estimator).__name__} has collapsed: {used} of its {len(prototypes)} units have "
            f"samples{codes}; try columns of unit variance,{smaller} or more iterations.",
            calls=4,
        )


def _named(estimator, columns, most=3):
    """Name some columns of X, by the names of the table if it has them."""
    names = getattr(estimator, "feature_names_in_", range(estimator.n_features_in_))
    texts = [str(names[c]) for c in columns[:most]] + ["…"] * (len(columns) > most)
    return f"column {', '.join(texts)}"


def _warn(sentence, calls=6):
    # At the line that calls `fit`, which is so many calls away.
    warnings.warn(sentence, UserWarning, stacklevel=calls)
