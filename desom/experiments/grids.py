"""The grids of runs behind tables and figures, at the paper's scale and at the quick one."""

from dataclasses import dataclass, field
from itertools import product

from desom.datasets import n_classes

# At the quick scale, small embedded data sets stand in, and the trainings are short. No news come
# with a package, so the sets of text are left out.
QUICK_DATASETS = {"mnist": "mnist5k", "fashion_mnist": "digits"}

_NARROW = {"hidden_units": (100, 100, 200)}
_PRETRAINED = _NARROW | {"pretrain_iterations": 800}

# Adam moves a coordinate by at most about the learning rate in a step: the prototypes of kerasom,
# in the space of the pixels, would not get far in 1,000 steps of the usual size.
QUICK_CONFIG = {
    "kerasom": {"iterations": 1000, "learning_rate": 0.01},
    "kerasom_official": {"iterations": 1000, "learning_rate": 0.01},
    **dict.fromkeys(("desom", "desom_official", "vit_som"), _NARROW | {"iterations": 600}),
    "minisom": {"iterations": 2000},
    "ae_minisom": _PRETRAINED | {"iterations": 2000},
    "ae_kerasom": _PRETRAINED | {"iterations": 3000},
    "som_vae": _NARROW | {"iterations": 400},
    "conv_desom": {"hidden_units": (8, 16, 16), "iterations": 200},
    "dpsom": _NARROW | {"vae_iterations": 400, "map_iterations": 600, "iterations": 400},
    "hone": _PRETRAINED | {"map_iterations": 1000, "iterations": 400},
    **dict.fromkeys(("ae_kmeans", "ae_gmm"), _PRETRAINED),
    **dict.fromkeys(("dcn", "dkm"), _PRETRAINED | {"iterations": 200}),
    **dict.fromkeys(("vade", "wamic", "dnm"), _PRETRAINED | {"iterations": 300}),
    **dict.fromkeys(("dec", "idec"), _PRETRAINED | {"iterations": 300, "update_interval": 20}),
    "aec": _PRETRAINED | {"iterations": 200, "update_interval": 20},
}

QUICK_SEEDS = (0, 1)


@dataclass(frozen=True)
class Grid:
    """The runs behind a table or a figure: every row, on every data set, with every seed.

    A row is a method with the hyperparameters that differ from its defaults; a value may be a
    function of the data set's name. ``quick_rows`` have what differs from ``QUICK_CONFIG``, and the
    first seed alone; without them, the quick scale has all rows, shortened by ``QUICK_CONFIG``,
    with ``QUICK_SEEDS``. ``fewer_seeds`` are those of a method, or of a data set, if not all.
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
        rows = tuple((m, QUICK_CONFIG.get(m, {}) | values) for m, values in self.quick_rows)
        seeds = self.seeds[:1] if rows else QUICK_SEEDS
        return Grid(rows or _shortened(self.rows), names, seeds)


def _shortened(rows):
    return tuple((method, values | QUICK_CONFIG.get(method, {})) for method, values in rows)


def _rows(*methods, **values):
    """Give a row of each method for each combination of values; the last name's change fastest."""
    combinations = [dict(zip(values, chosen, strict=True)) for chosen in product(*values.values())]
    return tuple((method, chosen) for method in methods for chosen in combinations)


def _with(rows, **more):
    return tuple((method, values | more) for method, values in rows)


def _of(prefix, value, other):
    """Give what a hyperparameter is on data sets of this prefix, and on others."""
    return lambda dataset: value if dataset.startswith(prefix) else other


def _epochs(n):
    """Give the steps of n epochs of 70,000 images, in batches of 256."""
    return -(-n * 70_000 // 256)


_IMAGES = ("mnist", "fashion_mnist")
_DATASETS = (*_IMAGES, "reuters21578", "rcv1_10k")
_ALL_DATASETS = (*_DATASETS, "reuters10k")

_TEN_SEEDS = tuple(range(10))
# On which no setting of ours was chosen.
_FRESH_SEEDS = tuple(range(10, 20))

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

SGD_100_EPOCHS = {"pretraining": "sgd", "pretrain_iterations": _epochs(100)}
_FILMED, _SHORT = {"snapshots": 24}, {"iterations": 400}
_QUICK_FILMS = (("ae_kerasom", _FILMED | {"iterations": 600}), ("desom", _FILMED))
_SELF_TRAINED = _with(_rows("dec", "idec"), iterations=5_000, tol=0.0)
_NETWORKS = (("som_vae", {}), ("som_vae", {"network": "convolutional"}))
_KMEANS = ("kmeans", {"n_clusters": 10, "n_init": 10})

_TRAININGS = (
    ("desom", {}),
    *_rows("desom", learning_rate=(3e-4, 3e-3)),
    ("desom", {"decay": "linear"}),
    ("desom", {"decay": "constant", "t_max": 1.0}),
    *_rows("desom", t_max=(3.0, 20.0)),
    *_rows("desom", t_min=(0.3, 1.0)),
    *_rows("desom", map_size=((4, 4), (12, 12), (20, 20))),
    *_rows("desom", batch_size=(64, 1024)),
)
_QUICK_TRAININGS = (
    ("desom", {}),
    ("desom", {"learning_rate": 3e-3}),
    ("desom", {"map_size": (4, 4)}),
    ("desom", {"t_min": 1.0}),
)
_SHAPES = (
    ("desom", {}),
    *_rows("desom", topology=("rectangular8", "hexagonal")),
    ("desom", {"toroidal": True}),
    ("desom", {"topology": "hexagonal", "toroidal": True}),
    ("desom", {"map_size": (1, 64)}),
)

# The start of a whitened WaMiC is a method of its own.
_GAMES = (
    ("ae_gmm", SGD_100_EPOCHS | {"covariance_type": "pooled", "restarts": 10}),
    ("wamic", SGD_100_EPOCHS | {"start": "whitened"}),
    ("wamic", SGD_100_EPOCHS | {"start": "whitened", "game": "data", "lam": 1.0}),
)
_TABLE1 = (
    _KMEANS,
    ("ae_kmeans", SGD_100_EPOCHS),
    ("ae_gmm", SGD_100_EPOCHS | {"restarts": 10}),
    _GAMES[0],
    *_with(_rows("aec", "dec", "dcn", "dkm", "idec"), **SGD_100_EPOCHS),
    ("vade", SGD_100_EPOCHS | {"start": "whitened", "iterations": _epochs(150)}),
    _GAMES[1],
    ("dnm", SGD_100_EPOCHS),
    ("desom", {}),
)
_TABLE1_ADAM = (
    _KMEANS,
    *_rows("ae_kmeans", "ae_gmm"),
    ("ae_gmm", {"covariance_type": "diag"}),
    *_rows("aec", "dec", "dcn", "dkm", "idec", "vade", "wamic"),
    ("dnm", {"snapshots": 12}),
    ("desom", {}),
)

# Set by argument: docs/decisions.md. On Fashion-MNIST, gradient descent fails for some seeds.
_HONE_KIND = {"pretraining": _of("mnist", "sgd", "adam")}
_HONE = _HONE_KIND | {"augmentation": 1.0}
_HONE_START = {"pretraining": "sgd", "pretrain_iterations": 16_400, "t_min": 0.7}
_MORE = (
    {},
    {"alpha": 10.0},
    {"balance": 2.0},
    {"toroidal": True},
    {"t_joint": 1.0, "t_min": 0.5},
    {"iterations": 20_000},
    {"network": "convolutional", "hidden_units": (32, 64, 64)}
    | {"pretraining": "adam", "pretrain_iterations": 6_000},
)

GRIDS = {
    # One first phase for all, that of DEC-Keras; seeds that no choice of a setting has seen.
    "table1": Grid(
        _TABLE1,
        _IMAGES,
        _FRESH_SEEDS,
        _shortened(_TABLE1),
        fewer_seeds={"fashion_mnist": _FRESH_SEEDS[:5]},
    ),
    # The same methods from Adam's 5,000 steps: how table 1 was first.
    "table1_adam": Grid(
        _TABLE1_ADAM,
        seeds=_TEN_SEEDS,
        quick_rows=_shortened(_TABLE1_ADAM),
        fewer_seeds=dict.fromkeys(("vade", "wamic"), _TEN_SEEDS[:6]),
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
            *_with(_rows("kerasom", "ae_kerasom", "desom"), **_FILMED),
            ("desom", {"map_size": (20, 20)}),
        ),
        _IMAGES,
        (0,),
        (("kerasom", _FILMED), *_QUICK_FILMS, ("desom", _SHORT | {"map_size": (20, 20)})),
    ),
    "figure7": Grid(
        _rows(
            "desom",
            gamma=(0.0, 1e-5, 1e-4, 3e-4, 1e-3, 1e-2, 1e-1, 1.0),
            pretrain_iterations=(0, 5_000),
        ),
        seeds=(0, 1, 2),
        quick_rows=(
            ("desom", _SHORT | {"gamma": 0.0, "pretrain_iterations": 0}),
            *_with(_rows("desom", gamma=(1e-3, 0.1), pretrain_iterations=(0, 400)), **_SHORT),
        ),
    ),
    # What the paper asks of the training: each setting at a quarter of its length and in full, for
    # the order of the settings by purity is not the same.
    "training": Grid(
        (
            *_rows("desom", iterations=(1_000, 5_000)),
            *_with(_TRAININGS, iterations=2_500),
            *_with(_TRAININGS, iterations=10_000),
        ),
        quick_rows=(
            *_with(_QUICK_TRAININGS, iterations=400),
            *_with(_QUICK_TRAININGS, iterations=800),
        ),
    ),
    # What the paper asks of the latent space: the joint training beside its two halves in sequence.
    "latent": Grid(_with(_rows("ae_kerasom", "desom"), **_FILMED), quick_rows=_QUICK_FILMS),
    # What the paper asks of the map's shape.
    "topologies": Grid(
        (*_with(_SHAPES, iterations=2_500), *_with(_SHAPES, iterations=10_000)),
        quick_rows=(
            ("desom", _SHORT),
            ("desom", _SHORT | {"topology": "hexagonal"}),
            ("desom", _SHORT | {"map_size": (1, 64)}),
            ("desom", {"iterations": 800}),
            ("desom", {"iterations": 800, "topology": "hexagonal"}),
        ),
    ),
    # Products of half precision take half the time: whether they also give the same map.
    "precision": Grid(
        (("desom", {}), ("desom", {"dtype": "mixed_bfloat16"})),
        seeds=(0, 1, 2),
    ),
    # The authors' grid distance beside the right one.
    "official": Grid(
        _rows("kerasom", "kerasom_official", "desom", "desom_official"), seeds=(0, 1, 2)
    ),
    # A baseline is as good as its settings. One rule for every map and data set: the learning rate
    # of the smallest quantization error in the space of the data, decoded where codes are mapped.
    "rates": Grid(
        (
            *_rows("minisom", learning_rate=(0.1, 0.5, 1.0)),
            *_rows("kerasom", learning_rate=(0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)),
            *_rows("ae_minisom", som_learning_rate=(0.1, 0.5, 1.0)),
            *_rows("ae_kerasom", som_learning_rate=(0.001, 0.003, 0.01, 0.03, 0.1, 0.3)),
            *_rows("som_vae", learning_rate=(0.00015, 0.0005, 0.0015, 0.005)),
            *_rows("desom", learning_rate=(0.0003, 0.001, 0.003, 0.01)),
        ),
        _DATASETS,
        (0, 1, 2),
        (
            *_rows("kerasom", learning_rate=(0.01, 0.1)),
            *_rows("ae_kerasom", som_learning_rate=(0.001, 0.01)),
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
        _IMAGES,
        _TEN_SEEDS,
        (("ae_kerasom", {}), ("ae_kerasom", {"pretraining": "sgd"}), ("desom", {})),
    ),
    # DEC beside IDEC with one optimizer and one length, which their papers do not have.
    "self_training": Grid(
        (
            *_with(_SELF_TRAINED, optimizer="sgd", clustering_learning_rate=0.01),
            *_with(_SELF_TRAINED, optimizer="adam", clustering_learning_rate=0.001),
        ),
        seeds=_TEN_SEEDS,
    ),
    # The paper pre-trains for 200 epochs, which is 55,000 iterations on MNIST.
    "pretraining": Grid(_rows("ae_kerasom", pretrain_iterations=(1_000, 2_500, 5_000, 10_000))),
    # Whether rows of table 1 fall short of their papers for the start that they are given.
    "first_phase": Grid(
        (
            *_rows("ae_kmeans", "dec", "idec", pretrain_iterations=(1_000, 5_000, 20_000)),
            *_rows("vade", "wamic", pretrain_iterations=(5_000, 20_000)),
        ),
        quick_rows=_rows("ae_kmeans", "idec", "vade", "wamic", pretrain_iterations=(200, 800)),
    ),
    # What a game adds to its start, and whether that on data is better: docs/decisions.md has the
    # criterion. A unit of distance weighs as much as one of squared error, or ten.
    "wamic_game": Grid(_GAMES, seeds=(0, 1, 2), quick_rows=_shortened(_GAMES)),
    # Which optimizer the first phase has, beside how long it is: Adam at its usual length and at
    # that of 100 epochs, and DEC-Keras' gradient descent for 60, 100 and 300.
    "first_phase_kind": Grid(
        tuple(
            (method, changed | first_phase)
            for first_phase in (
                {},
                {"pretrain_iterations": _epochs(100)},
                SGD_100_EPOCHS | {"pretrain_iterations": _epochs(60)},
                SGD_100_EPOCHS,
                SGD_100_EPOCHS | {"pretrain_iterations": _epochs(300)},
            )
            for method, changed in (
                ("ae_kmeans", {}),
                ("ae_gmm", {"restarts": 10}),
                *_rows("dec", "idec"),
            )
        ),
        seeds=(0, 1, 2),
        quick_rows=tuple(
            (method, {"pretraining": kind})
            for kind in ("adam", "sgd")
            for method in ("ae_kmeans", "ae_gmm", "idec")
        ),
    ),
    # Its authors train for 28,120 iterations, and convolutional networks.
    "som_vae": Grid(
        (*_rows("som_vae", iterations=(5_000, 10_000, 28_120)), ("som_vae", {"latent_dim": 10}))
    ),
    # Maps of 64 units under one protocol, on seeds that nobody looked at before.
    "deep_soms": Grid(
        (
            ("desom", {}),
            ("desom", {"t_min": 0.7}),
            ("ae_kerasom", _HONE_START),
            ("ae_kerasom", _HONE_START | {"t_min": 0.1}),
            ("som_vae", {"network": "convolutional"}),
            *_rows("conv_desom", "vit_som"),
            ("dpsom", {"beta": _of("mnist", 0.25, 0.4)}),
            *_rows("umap_som", "spectral_som"),
            ("hone", _HONE_KIND),
            ("hone", _HONE),
        ),
        (*_IMAGES, "mnist_60k", "fashion_mnist_60k"),
        _FRESH_SEEDS,
        _rows("desom", "conv_desom", "dpsom", "spectral_som", "hone"),
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
        _IMAGES,
        quick_rows=(("hone", {}), ("hone", {"neighbors": 10})),
    ),
    # HONE without each of its parts.
    "our_ablations": Grid(
        (
            ("hone", _HONE),
            ("ae_kerasom", _HONE_START),
            ("hone", _HONE | {"tau": 0.0}),
            ("hone", _HONE | {"gamma": 0.0}),
            ("hone", _HONE | {"gamma_hard": 0.0}),
            ("hone", _HONE | {"pretraining": _of("mnist", "adam", "sgd")}),
            ("hone", _HONE | {"whitening": False}),
            ("hone", _HONE | {"augmentation": 0.0, "neighbors": 0}),
        ),
        _IMAGES,
        _FRESH_SEEDS,
        (("hone", {}), ("hone", {"tau": 0.0}), ("hone", {"gamma_hard": 0.0})),
    ),
    "som_vae_network": Grid(_NETWORKS, _IMAGES, _TEN_SEEDS, _NETWORKS),
    # The paper does not say how it trained MiniSom.
    "minisom": Grid(
        _rows(
            "minisom",
            iterations=(1_000, 10_000, 70_000),
            sigma=(1.0, 4.0),
            decay=("asymptotic", "linear"),
        ),
        seeds=(0, 1, 2),
        quick_rows=(
            ("minisom", {"sigma": 1.0, "decay": "asymptotic"}),
            *_rows("minisom", sigma=(1.0, 4.0), decay=("linear",)),
        ),
    ),
}
