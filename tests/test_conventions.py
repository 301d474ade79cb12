"""Every method of ours against scikit-learn's checks of its conventions."""

import pytest
from scipy.special import expit
from sklearn.utils.estimator_checks import parametrize_with_checks

from desom import DESOM, Kerasom
from desom.autoencoder import Autoencoder
from desom.baselines.ae_gmm import AEGMM
from desom.baselines.ae_kmeans import AEKMeans
from desom.baselines.ae_som import AEKerasom, AEMinisom
from desom.baselines.aec import AEC
from desom.baselines.dcn import DCN
from desom.baselines.dec import DEC
from desom.baselines.dkm import DKM
from desom.baselines.dnm import DNM
from desom.baselines.hone import HONE
from desom.baselines.idec import IDEC
from desom.baselines.minisom import Minisom
from desom.baselines.som_vae import SOMVAE
from desom.baselines.vade import VaDE
from desom.baselines.wamic import WaMiC

# A row of three units for the three blobs of `check_clustering`, which wants no empty cluster.
MAP = {"map_size": (1, 3)}
ONLINE = {"iterations": 200, "sigma": 0.5}
GRADIENT = {"iterations": 5, "t_max": 1.0}
TRAINING = {"batch_size": 50, "learning_rate": 0.1}
NETWORK = {"hidden_units": (8,), "latent_dim": 2, **TRAINING}
BRIEF = {**NETWORK, "learning_rate": 0.01, "pretrain_iterations": 1, "iterations": 1}


class SquashingVaDE(VaDE):
    """VaDE, which takes values in [0, 1] alone, made to take what the checks give."""

    def _check_input(self, X, *, reset=False):
        return expit(super()._check_input(X, reset=reset))


CHECKED = [
    Minisom(**MAP, **ONLINE),
    Kerasom(**MAP, **GRADIENT, **TRAINING),
    Autoencoder(**NETWORK, iterations=5),
    AEMinisom(**MAP, **ONLINE, **NETWORK, pretrain_iterations=5),
    AEKerasom(**MAP, **GRADIENT, **NETWORK, pretrain_iterations=5, som_learning_rate=0.1),
    SOMVAE(**MAP, **NETWORK, iterations=10),
    DESOM(**MAP, **GRADIENT, **NETWORK),
    AEKMeans(3, **NETWORK, pretrain_iterations=1),
    AEGMM(3, **NETWORK, pretrain_iterations=1),
    *(cls(3, **BRIEF) for cls in (AEC, DCN, DKM, DEC, IDEC, SquashingVaDE, WaMiC)),
    DNM(**MAP, **BRIEF, t_max=1.0),
    HONE(**MAP, **BRIEF, t_max=1.0, map_iterations=10),
]


@pytest.mark.usefixtures("eager", "few_restarts")
@parametrize_with_checks(CHECKED)
def test_scikit_learn_s_checks(estimator, check, monkeypatch):
    # Without this, a check of NumPy arrays would be skipped.
    monkeypatch.setenv("SCIPY_ARRAY_API", "1")
    check(estimator)
