"""The figures that the paper published, to stand beside ours; none of them is a result of ours."""


def _by_dataset(**rows):
    """Name the columns of a table of the paper."""
    names = ("mnist", "fashion_mnist", "reuters10k")
    return {method: dict(zip(names, row, strict=True)) for method, row in rows.items()}


# What stands beside a column of the paper whose data cannot be had: the same corpus, classes and
# recipe, other documents.
STAND_INS = {"rcv1_10k": "reuters10k"}

# Forest et al., ESANN 2019, Table 1: accuracy of ten clusters, as the paper quotes it from others;
# the last row is its own Table 3. None where it has no number. One row stands for AE+k-means and
# AE+GMM.
TABLE1 = {
    "kmeans": {"mnist": (0.58,)},
    "ae_kmeans": {"mnist": (0.82,)},
    "ae_gmm": {"mnist": (0.82,)},
    "aec": {"mnist": (0.760,)},
    "dec": {"mnist": (0.8430,)},
    "dcn": {"mnist": (0.830,)},
    "dkm": {"mnist": None},
    "idec": {"mnist": (0.8806,)},
    "vade": {"mnist": (0.9446,)},
    "wamic": {"mnist": (0.9842,)},
    "dnm": {"mnist": None},
    "desom": {"mnist": (0.7611,)},
}

# Table 2: purity, and NMI with the geometric mean of the entropies (the only one that scikit-learn
# had when the paper was written), means of ten runs; None where absent.
TABLE2 = _by_dataset(
    kmeans=((0.842, 0.571), (0.716, 0.512), (0.892, 0.427)),
    minisom=((0.637, 0.430), (0.646, 0.494), (0.690, 0.230)),
    kerasom=((0.826, 0.565), (0.717, 0.512), (0.697, 0.324)),
    ae_minisom=((0.871, 0.616), (0.734, 0.531), (0.690, 0.235)),
    ae_kerasom=((0.939, 0.661), (0.764, 0.539), (0.777, 0.306)),
    som_vae=((0.868, 0.595), (0.739, 0.520), None),
    desom=((0.939, 0.657), (0.752, 0.538), (0.849, 0.381)),
)

# Purity and NMI of 64 units on images held out, as a port of DPSOM reports them.
MAPS = {
    "conv_desom": {"mnist_60k": None, "fashion_mnist_60k": None},
    "vit_som": {"mnist_60k": None, "fashion_mnist_60k": None},
    "dpsom": {"mnist_60k": (0.963, 0.692), "fashion_mnist_60k": (0.781, 0.567)},
    "umap_som": {"mnist_60k": None, "fashion_mnist_60k": None},
    "spectral_som": {"mnist_60k": None, "fashion_mnist_60k": None},
    "hone": {"mnist_60k": None, "fashion_mnist_60k": None},
}

# Table 3: accuracy of as many clusters as classes, of maps by k-means on their prototypes.
TABLE3 = _by_dataset(
    kmeans=((0.5834,), (0.5645,), (0.5937,)),
    ae_kerasom=((0.7606,), (0.4487,), (0.3661,)),
    desom=((0.7611,), (0.5602,), (0.5718,)),
)
