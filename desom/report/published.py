"""The figures that the paper published, to stand beside ours; none of them is a result of ours."""

# Forest et al., ESANN 2019, Table 1: accuracy of ten clusters, a share and not a percentage, as the
# paper quotes it from others; the last row is its own Table 3. None where it has no number. One of
# its rows stands for AE+k-means and AE+GMM.
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


# The same paper, Table 2: purity, and NMI with the geometric mean of the entropies (the
# only one that scikit-learn had when the paper was written), means of ten runs; None where absent.
TABLE2 = {
    "kmeans": {
        "mnist": (0.842, 0.571),
        "fashion_mnist": (0.716, 0.512),
        "reuters10k": (0.892, 0.427),
    },
    "minisom": {
        "mnist": (0.637, 0.430),
        "fashion_mnist": (0.646, 0.494),
        "reuters10k": (0.690, 0.230),
    },
    "kerasom": {
        "mnist": (0.826, 0.565),
        "fashion_mnist": (0.717, 0.512),
        "reuters10k": (0.697, 0.324),
    },
    "ae_minisom": {
        "mnist": (0.871, 0.616),
        "fashion_mnist": (0.734, 0.531),
        "reuters10k": (0.690, 0.235),
    },
    "ae_kerasom": {
        "mnist": (0.939, 0.661),
        "fashion_mnist": (0.764, 0.539),
        "reuters10k": (0.777, 0.306),
    },
    "som_vae": {"mnist": (0.868, 0.595), "fashion_mnist": (0.739, 0.520), "reuters10k": None},
    "desom": {
        "mnist": (0.939, 0.657),
        "fashion_mnist": (0.752, 0.538),
        "reuters10k": (0.849, 0.381),
    },
}


# The same paper, Table 3: accuracy of as many clusters as classes, a share and not a percentage;
# the maps are followed by k-means on their prototypes. Means of ten runs.
TABLE3 = {
    "kmeans": {"mnist": (0.5834,), "fashion_mnist": (0.5645,), "reuters10k": (0.5937,)},
    "ae_kerasom": {"mnist": (0.7606,), "fashion_mnist": (0.4487,), "reuters10k": (0.3661,)},
    "desom": {"mnist": (0.7611,), "fashion_mnist": (0.5602,), "reuters10k": (0.5718,)},
}
