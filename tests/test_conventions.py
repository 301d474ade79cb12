"""Every method against scikit-learn's checks of its conventions."""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from desom import DESOM, Kerasom
from desom.autoencoder import Autoencoder
from desom.baselines.ae_som import AEKerasom, AEMinisom
from desom.baselines.kmeans import KMeans
from desom.baselines.minisom import Minisom
from desom.baselines.som_vae import SOMVAE
from desom.official import OfficialKerasom

# A row of three units for the three blobs of `check_clustering`, which wants no empty cluster.
MAP = {"map_size": (1, 3)}
ONLINE = {"iterations": 200, "sigma": 0.5}
GRADIENT = {"iterations": 5, "t_max": 1.0}
TRAINING = {"batch_size": 50, "learning_rate": 0.1}
NETWORK = {"hidden_units": (8,), "latent_dim": 2, **TRAINING}
CHECKED = [
    KMeans(3),
    Minisom(**MAP, **ONLINE),
    Kerasom(**MAP, **GRADIENT, **TRAINING),
    OfficialKerasom(**MAP, **GRADIENT, **TRAINING),
    Autoencoder(**NETWORK, iterations=5),
    AEMinisom(**MAP, **ONLINE, **NETWORK, pretrain_iterations=5),
    AEKerasom(**MAP, **GRADIENT, **NETWORK, pretrain_iterations=5, som_learning_rate=0.1),
    SOMVAE(**MAP, **NETWORK, iterations=10),
    DESOM(**MAP, **GRADIENT, **NETWORK),
]


def expected_to_fail(estimator):
    # As scikit-learn expects of its own k-means: weights change the draws of k-means++.
    names = [f"check_sample_weight_equivalence_on_{kind}_data" for kind in ("dense", "sparse")]
    return dict.fromkeys(names, "random draws") if isinstance(estimator, KMeans) else {}


@pytest.mark.usefixtures("eager")
@parametrize_with_checks(CHECKED, expected_failed_checks=expected_to_fail)
def test_scikit_learn_s_checks(estimator, check, monkeypatch):
    # Without this, a check of NumPy arrays would be skipped.
    monkeypatch.setenv("SCIPY_ARRAY_API", "1")
    check(estimator)
