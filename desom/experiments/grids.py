"""The grids of runs behind tables and figures, at the paper's scale and at the quick one."""

from dataclasses import dataclass, field

from desom.datasets import n_classes

# At the quick scale, small embedded data sets stand in, and the trainings are short. No news come
# with a package, so the sets of text are left out.
QUICK_DATASETS = {"mnist": "mnist5k", "fashion_mnist": "digits"}

_NARROW = {"hidden_units": (100, 100, 200)}
_PRETRAINED = _NARROW | {"pretrain_iterations": 800}

# Adam moves a coordinate by at most about the learning rate in a step: the prototypes of kerasom,
# in the space of the pixels, would not get far in 1,000 steps of the usual size.
QUICK_CONFIG = {
    "minisom": {"iterations": 2000},
    "kerasom": {"iterations": 1000, "learning_rate": 0.01},
    "ae_minisom": _PRETRAINED | {"iterations": 2000},
    "ae_kerasom": _PRETRAINED | {"iterations": 3000},
    "som_vae": _NARROW | {"iterations": 400},
    "desom": _NARROW | {"iterations": 600},
    "conv_desom": {"hidden_units": (8, 16, 16), "iterations": 200},
    "vit_som": _NARROW | {"iterations": 600},
    "dpsom": _NARROW | {"vae_iterations": 400, "map_iterations": 600, "iterations": 400},
    "hone": _PRETRAINED | {"map_iterations": 1000, "iterations": 400},
    "ae_kmeans": _PRETRAINED,
    "ae_gmm": _PRETRAINED,
    "aec": _PRETRAINED | {"iterations": 200, "update_interval": 20},
    "dcn": _PRETRAINED | {"iterations": 200},
    "dkm": _PRETRAINED | {"iterations": 200},
    "dec": _PRETRAINED | {"iterations": 300, "update_interval": 20},
    "idec": _PRETRAINED | {"iterations": 300, "update_interval": 20},
    "vade": _PRETRAINED | {"iterations": 300},
    "wamic": _PRETRAINED | {"iterations": 300},
    "dnm": _PRETRAINED | {"iterations": 300},
    "kerasom_official": {"iterations": 1000, "learning_rate": 0.01},
    "desom_official": _NARROW | {"iterations": 600},
}

QUICK_SEEDS = (0, 1)

# Grids that vary a setting have many rows: their quick ones are few.
_SMALL = _NARROW | {"iterations": 400}

_MOVIE = _NARROW | {"snapshots": 24, "iterations": 600}

_SMALL_MAPS = (
    ("ae_kerasom", _MOVIE | _PRETRAINED),
    ("desom", _MOVIE),
)


@dataclass(frozen=True)
class Grid:
    """The runs behind a table or a figure: every row, on every data set, with every seed.

    Parameters
    ----------
    rows : tuple of (str, dict)
        Methods, each with the hyperparameters that differ from its defaults; a value may be a
        function of the data set's name.
    datasets, seeds : tuple
        Names, those of the paper's scale, and seeds.
    quick_rows : tuple of (str, dict), optional
        Rows for the quick scale, taken as they stand, with the first seed alone; without them, the
        quick scale has all rows, as ``QUICK_CONFIG`` shortens them, with ``QUICK_SEEDS``.
    fewer_seeds : dict of str to tuple of int, optional
        The seeds of a method, or of a data set, where they are not all.
    """

    rows: tuple[tuple[str, dict], ...]
    datasets: tuple[str, ...] = ("mnist",)
    seeds: tuple[int, ...] = (0, 1)
    quick_rows: tuple[tuple[str, dict], ...] = ()
    fewer_seeds: dict[str, tuple[int, ...]] = field(default_factory=dict)

    @property
    def methods(self):
        """Names of the methods, in the order of the rows."""
        return tuple(dict.fromkeys(method for method, _ in self.rows))

    def quick(self):
        """Give the grid that stands in for this one at the quick scale."""
        names = tuple(QUICK_DATASETS[name] for name in self.datasets if name in QUICK_DATASETS)
        if self.quick_rows:
            return Grid(self.quick_rows, names, self.seeds[:1])
        return Grid(_shortened(self.rows), names, QUICK_SEEDS)


def _shortened(rows):
    return tuple((method, values | QUICK_CONFIG.get(method, {})) for method, values in rows)


def _by_default(*methods):
    return tuple((method, {}) for method in methods)


_DATASETS = ("mnist", "fashion_mnist", "reuters21578", "rcv1_10k")
_ALL_DATASETS = (*_DATASETS, "reuters10k")

_TEN_SEEDS = tuple(range(10))
# On which no setting of ours was chosen.
_FRESH_SEEDS = tuple(range(10, 20))


def _of(prefix, value, other):
    """Give what a hyperparameter is on data sets of this prefix, and on others."""
    return lambda dataset: value if dataset.startswith(prefix) else other


# Set by argument: docs/decisions.md. On Fashion-MNIST, gradient descent fails for some seeds.
_HONE_KIND = {"pretraining": _of("mnist", "sgd", "adam")}
_HONE = _HONE_KIND | {"augmentation": 1.0}
_HONE_START = _HONE_KIND | {"pretrain_iterations": 16_400, "t_min": 0.7}
_MORE = (
    {},
    {"alpha": 10.0},
    {"balance": 2.0},
    {"toroidal": True},
    {"t_joint": 1.0, "t_min": 0.5},
    {"iterations": 20_000},
    {
        "network": "convolutional",
        "hidden_units": (32, 64, 64),
        "pretraining": "adam",
        "pretrain_iterations": 6_000,
    },
)
_HONE_START = {"pretraining": "sgd", "pretrain_iterations": 16_400, "t_min": 0.7}


def _epochs(n):
    """Give the steps of n epochs of 70,000 images, in batches of 256."""
    return -(-n * 70_000 // 256)


SGD_100_EPOCHS = {"pretraining": "sgd", "pretrain_iterations": _epochs(100)}
# Where a whitened WaMiC starts.
_POOLED = SGD_100_EPOCHS | {"covariance_type": "pooled", "restarts": 10}

# The choices of the grid `rates`. DESOM keeps the paper's rate; `desom_rate` has the chosen one.
CHOSEN_RATES = {
    "kerasom": {"mnist": 0.003, "reuters21578": 0.1, "rcv1_10k": 0.03, "reuters10k": 0.03},
    "ae_kerasom": {"fashion_mnist": 0.003, "reuters21578": 0.1, "rcv1_10k": 0.1, "reuters10k": 0.1},
    "som_vae": {"reuters21578": 0.0015, "rcv1_10k": 0.0015, "reuters10k": 0.0015},
    "desom": {"reuters21578": 0.003, "rcv1_10k": 0.003},
}


def _chosen(method, name="learning_rate", otherwise=0.001):
    """Give the row of a method whose rate depends on the data set."""
    return (method, {name: lambda dataset: CHOSEN_RATES[method].get(dataset, otherwise)})


_AE_KERASOM = _chosen("ae_kerasom", "som_learning_rate", 0.01)
_TABLE1 = (
    ("kmeans", {"n_clusters": 10, "n_init": 10}),
    ("ae_kmeans", SGD_100_EPOCHS),
    ("ae_gmm", SGD_100_EPOCHS | {"restarts": 10}),
    ("ae_gmm", _POOLED),
    *((method, SGD_100_EPOCHS) for method in ("aec", "dec", "dcn", "dkm", "idec")),
    ("vade", SGD_100_EPOCHS | {"start": "whitened", "iterations": _epochs(150)}),
    ("wamic", SGD_100_EPOCHS | {"start": "whitened"}),
    ("dnm", SGD_100_EPOCHS),
    ("desom", {}),
)
_TABLE1_ADAM = (
    ("kmeans", {"n_clusters": 10, "n_init": 10}),
    ("ae_kmeans", {}),
    ("ae_gmm", {}),
    ("ae_gmm", {"covariance_type": "diag"}),
    *_by_default("aec", "dec", "dcn", "dkm", "idec", "vade", "wamic"),
    ("dnm", {"snapshots": 12}),
    ("desom", {}),
)
_GAMES = (
    ("ae_gmm", _POOLED),
    ("wamic", SGD_100_EPOCHS | {"start": "whitened"}),
    ("wamic", SGD_100_EPOCHS | {"start": "whitened", "game": "data", "lam": 1.0}),
)

_TO_THE_END = {"iterations": 5_000, "tol": 0.0}

GRIDS = {
    # One first phase for all, that of DEC-Keras; seeds that no choice of a setting has seen.
    "table1": Grid(
        _TABLE1,
        ("mnist", "fashion_mnist"),
        tuple(range(10, 20)),
        _shortened(_TABLE1),
        fewer_seeds={"fashion_mnist": tuple(range(10, 15))},
    ),
    # The same methods from Adam's 5,000 steps: how table 1 was first.
    "table1_adam": Grid(
        _TABLE1_ADAM,
        seeds=_TEN_SEEDS,
        quick_rows=_shortened(_TABLE1_ADAM),
        fewer_seeds={"vade": _TEN_SEEDS[:6], "wamic": _TEN_SEEDS[:6]},
    ),
    # Ten seeds are ten initialisations of the 64 clusters already.
    "table2": Grid(
        (
            ("kmeans", {"n_clusters": 64, "n_init": 1}),
            ("minisom", {}),
            _chosen("kerasom"),
            ("ae_minisom", {}),
            _AE_KERASOM,
            _chosen("som_vae", otherwise=0.0005),
            ("desom", {}),
        ),
        _ALL_DATASETS,
        _TEN_SEEDS,
    ),
    "table3": Grid(
        (("kmeans", {"n_clusters": n_classes, "n_init": 10}), _AE_KERASOM, ("desom", {})),
        _ALL_DATASETS,
        _TEN_SEEDS,
    ),
    # The pictures: maps with their history, beside the maps that they are compared with.
    "figure6": Grid(
        (
            ("kerasom", {"snapshots": 24}),
            ("ae_kerasom", {"snapshots": 24}),
            ("desom", {"snapshots": 24}),
            ("desom", {"map_size": (20, 20)}),
        ),
        ("mnist", "fashion_mnist"),
        (0,),
        (
            ("kerasom", {"snapshots": 24, "iterations": 1000, "learning_rate": 0.01}),
            *_SMALL_MAPS,
            ("desom", _SMALL | {"map_size": (20, 20)}),
        ),
    ),
    "figure7": Grid(
        tuple(
            ("desom", {"gamma": gamma, "pretrain_iterations": pretrain_iterations})
            for gamma in (0.0, 1e-5, 1e-4, 3e-4, 1e-3, 1e-2, 1e-1, 1.0)
            for pretrain_iterations in (0, 5_000)
        ),
        seeds=(0, 1, 2),
        quick_rows=tuple(
            ("desom", _SMALL | {"gamma": gamma, "pretrain_iterations": pretrain_iterations})
            for gamma, pretrain_iterations in (
                (0.0, 0),
                (1e-3, 0),
                (1e-3, 400),
                (0.1, 0),
                (0.1, 400),
            )
        ),
    ),
    # What the paper asks of the training: each setting at a quarter of its length and in full, for
    # the order of the settings by purity is not the same.
    "training": Grid(
        (
            ("desom", {"iterations": 1_000}),
            ("desom", {"iterations": 5_000}),
            *(
                ("desom", {"iterations": iterations} | changed)
                for iterations in (2_500, 10_000)
                for changed in (
                    {},
                    {"learning_rate": 3e-4},
                    {"learning_rate": 3e-3},
                    {"decay": "linear"},
                    {"decay": "constant", "t_max": 1.0},
                    {"t_max": 3.0},
                    {"t_max": 20.0},
                    {"t_min": 0.3},
                    {"t_min": 1.0},
                    {"map_size": (4, 4)},
                    {"map_size": (12, 12)},
                    {"map_size": (20, 20)},
                    {"batch_size": 64},
                    {"batch_size": 1024},
                )
            ),
        ),
        quick_rows=tuple(
            ("desom", _SMALL | {"iterations": iterations} | changed)
            for iterations in (400, 800)
            for changed in ({}, {"learning_rate": 3e-3}, {"map_size": (4, 4)}, {"t_min": 1.0})
        ),
    ),
    # What the paper asks of the latent space: the joint training beside its two halves in sequence.
    "latent": Grid(
        (("ae_kerasom", {"snapshots": 24}), ("desom", {"snapshots": 24})),
        quick_rows=_SMALL_MAPS,
    ),
    # What the paper asks of the map's shape.
    "topologies": Grid(
        tuple(
            ("desom", {"iterations": iterations} | shape)
            for iterations in (2_500, 10_000)
            for shape in (
                {},
                {"topology": "rectangular8"},
                {"topology": "hexagonal"},
                {"toroidal": True},
                {"topology": "hexagonal", "toroidal": True},
                {"map_size": (1, 64)},
            )
        ),
        quick_rows=tuple(
            ("desom", _SMALL | changed)
            for changed in (
                {},
                {"topology": "hexagonal"},
                {"map_size": (1, 64)},
                {"iterations": 800},
                {"iterations": 800, "topology": "hexagonal"},
            )
        ),
    ),
    # Products of half precision take half the time: whether they also give the same map.
    "precision": Grid(
        (("desom", {}), ("desom", {"dtype": "mixed_bfloat16"})),
        seeds=(0, 1, 2),
    ),
    # The authors' grid distance beside the right one.
    "official": Grid(
        _by_default("kerasom", "kerasom_official", "desom", "desom_official"), seeds=(0, 1, 2)
    ),
    # A baseline is as good as its settings. One rule for every map and data set: the learning rate
    # of the smallest quantization error in the space of the data, decoded where codes are mapped.
    "rates": Grid(
        tuple(
            (method, {name: rate})
            for method, name, rates in (
                ("minisom", "learning_rate", (0.1, 0.5, 1.0)),
                ("kerasom", "learning_rate", (0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)),
                ("ae_minisom", "som_learning_rate", (0.1, 0.5, 1.0)),
                ("ae_kerasom", "som_learning_rate", (0.001, 0.003, 0.01, 0.03, 0.1, 0.3)),
                ("som_vae", "learning_rate", (0.00015, 0.0005, 0.0015, 0.005)),
                ("desom", "learning_rate", (0.0003, 0.001, 0.003, 0.01)),
            )
            for rate in rates
        ),
        _DATASETS,
        (0, 1, 2),
        tuple(
            (method, QUICK_CONFIG[method] | {name: rate})
            for method, name, rates in (
                ("kerasom", "learning_rate", (0.01, 0.1)),
                ("ae_kerasom", "som_learning_rate", (0.001, 0.01)),
            )
            for rate in rates
        ),
    ),
    # DESOM with the rate of the rule, on the texts, where it is larger than the paper's.
    "desom_rate": Grid((_chosen("desom"),), _DATASETS[2:], _TEN_SEEDS),
    # What joint training buys, beside first phases of other kinds and lengths, at equal steps.
    "two_phases": Grid(
        (
            ("ae_kerasom", {}),
            ("desom", {"iterations": 15_000}),
            ("ae_kerasom", {"pretrain_iterations": 10_000}),
            ("desom", {"iterations": 20_000}),
            ("ae_kerasom", SGD_100_EPOCHS),
            ("desom", {"iterations": 37_344}),
            ("desom", {}),
        ),
        ("mnist", "fashion_mnist"),
        _TEN_SEEDS,
        (
            ("ae_kerasom", QUICK_CONFIG["ae_kerasom"]),
            ("ae_kerasom", QUICK_CONFIG["ae_kerasom"] | {"pretraining": "sgd"}),
            ("desom", QUICK_CONFIG["desom"]),
        ),
    ),
    # DEC beside IDEC with one optimizer and one length, which their papers do not have.
    "self_training": Grid(
        tuple(
            (method, {"optimizer": optimizer, "clustering_learning_rate": rate} | _TO_THE_END)
            for optimizer, rate in (("sgd", 0.01), ("adam", 0.001))
            for method in ("dec", "idec")
        ),
        seeds=_TEN_SEEDS,
    ),
    # The paper pre-trains for 200 epochs, which is 55,000 iterations on MNIST.
    "pretraining": Grid(
        tuple(
            ("ae_kerasom", {"pretrain_iterations": iterations})
            for iterations in (1_000, 2_500, 5_000, 10_000)
        ),
    ),
    # Whether rows of table 1 fall short of their papers for the start that they are given.
    "first_phase": Grid(
        tuple(
            (method, {"pretrain_iterations": iterations})
            for method, lengths in (
                ("ae_kmeans", (1_000, 5_000, 20_000)),
                ("dec", (1_000, 5_000, 20_000)),
                ("idec", (1_000, 5_000, 20_000)),
                ("vade", (5_000, 20_000)),
                ("wamic", (5_000, 20_000)),
            )
            for iterations in lengths
        ),
        quick_rows=tuple(
            (method, QUICK_CONFIG[method] | {"pretrain_iterations": iterations})
            for method in ("ae_kmeans", "idec", "vade", "wamic")
            for iterations in (200, 800)
        ),
    ),
    # What a game adds to its start, and whether that on data is better: docs/decisions.md has the
    # criterion. A unit of distance weighs as much as one of squared error, or ten.
    "wamic_game": Grid(
        _GAMES,
        seeds=(0, 1, 2),
        quick_rows=_shortened(_GAMES),
    ),
    # Which optimizer the first phase has, beside how long it is: Adam at its usual length and at
    # that of 100 epochs, and DEC-Keras' gradient descent for 60, 100 and 300.
    "first_phase_kind": Grid(
        tuple(
            (method, changed | first_phase)
            for first_phase in (
                {},
                {"pretrain_iterations": _epochs(100)},
                *(SGD_100_EPOCHS | {"pretrain_iterations": _epochs(n)} for n in (60, 100, 300)),
            )
            for method, changed in (
                ("ae_kmeans", {}),
                ("ae_gmm", {"restarts": 10}),
                ("dec", {}),
                ("idec", {}),
            )
        ),
        seeds=(0, 1, 2),
        quick_rows=tuple(
            (method, QUICK_CONFIG[method] | {"pretraining": kind})
            for kind in ("adam", "sgd")
            for method in ("ae_kmeans", "ae_gmm", "idec")
        ),
    ),
    # Its authors train for 28,120 iterations, and convolutional networks.
    "som_vae": Grid(
        tuple(
            ("som_vae", changed)
            for changed in (
                {"iterations": 5_000},
                {"iterations": 10_000},
                {"iterations": 28_120},
                {"latent_dim": 10},
            )
        ),
    ),
    # Maps of 64 units under one protocol, on seeds that nobody looked at before.
    "deep_soms": Grid(
        (
            ("desom", {}),
            ("desom", {"t_min": 0.7}),
            ("ae_kerasom", _HONE_START),
            ("ae_kerasom", _HONE_START | {"t_min": 0.1}),
            ("som_vae", {"network": "convolutional"}),
            *_by_default("conv_desom", "vit_som"),
            ("dpsom", {"beta": _of("mnist", 0.25, 0.4)}),
            *_by_default("umap_som", "spectral_som"),
            ("hone", _HONE_KIND),
            ("hone", _HONE),
        ),
        ("mnist", "fashion_mnist", "mnist_60k", "fashion_mnist_60k"),
        _FRESH_SEEDS,
        (
            ("desom", QUICK_CONFIG["desom"]),
            ("conv_desom", QUICK_CONFIG["conv_desom"]),
            ("dpsom", QUICK_CONFIG["dpsom"]),
            ("spectral_som", {}),
            ("hone", QUICK_CONFIG["hone"]),
        ),
        dict.fromkeys(
            ("conv_desom", "dpsom", "umap_som", "mnist_60k", "fashion_mnist_60k"), _FRESH_SEEDS[:4]
        ),
    ),
    # Settings of HONE to choose from: docs/decisions.md has the rule.
    "hone_settings": Grid(
        tuple(
            ("hone", _HONE_KIND | changed)
            for changed in (
                {},
                *({"augmentation": 1.0} | more for more in _MORE),
                *({"neighbors": 10} | more for more in _MORE),
                {"augmentation": 1.0, "neighbors": 10},
                {"alpha": 1.0, "gamma_hard": 0.03},
                {"gamma_hard": 0.01},
            )
        ),
        ("mnist", "fashion_mnist"),
        quick_rows=tuple(
            ("hone", QUICK_CONFIG["hone"] | changed) for changed in ({}, {"neighbors": 10})
        ),
    ),
    # HONE without each of its parts.
    "our_ablations": Grid(
        (
            ("hone", _HONE),
            ("ae_kerasom", _HONE_START),
            *(
                ("hone", _HONE | changed)
                for changed in (
                    {"tau": 0.0},
                    {"gamma": 0.0},
                    {"gamma_hard": 0.0},
                    {"pretraining": _of("mnist", "adam", "sgd")},
                    {"whitening": False},
                    {"augmentation": 0.0, "neighbors": 0},
                )
            ),
        ),
        ("mnist", "fashion_mnist"),
        _FRESH_SEEDS,
        (
            ("hone", QUICK_CONFIG["hone"]),
            ("hone", QUICK_CONFIG["hone"] | {"tau": 0.0}),
            ("hone", QUICK_CONFIG["hone"] | {"gamma_hard": 0.0}),
        ),
    ),
    "som_vae_network": Grid(
        (("som_vae", {}), ("som_vae", {"network": "convolutional"})),
        ("mnist", "fashion_mnist"),
        _TEN_SEEDS,
        (
            ("som_vae", QUICK_CONFIG["som_vae"]),
            ("som_vae", QUICK_CONFIG["som_vae"] | {"network": "convolutional"}),
        ),
    ),
    # The paper does not say how it trained MiniSom.
    "minisom": Grid(
        tuple(
            ("minisom", {"iterations": iterations, "sigma": sigma, "decay": decay})
            for iterations in (1_000, 10_000, 70_000)
            for sigma in (1.0, 4.0)
            for decay in ("asymptotic", "linear")
        ),
        seeds=(0, 1, 2),
        quick_rows=tuple(
            ("minisom", QUICK_CONFIG["minisom"] | {"sigma": sigma, "decay": decay})
            for sigma, decay in ((1.0, "asymptotic"), (1.0, "linear"), (4.0, "linear"))
        ),
    ),
}
