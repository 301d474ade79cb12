"""The methods by the names that records have."""

from desom.baselines.ae_gmm import AEGMM
from desom.baselines.ae_kmeans import AEKMeans
from desom.baselines.ae_som import AEKerasom, AEMinisom
from desom.baselines.aec import AEC
from desom.baselines.dcn import DCN
from desom.baselines.dec import DEC
from desom.baselines.dkm import DKM
from desom.baselines.dnm import DNM
from desom.baselines.idec import IDEC
from desom.baselines.kmeans import KMeans
from desom.baselines.minisom import Minisom
from desom.baselines.official import OfficialDESOM, OfficialKerasom
from desom.baselines.som_vae import SOMVAE
from desom.baselines.vade import VaDE
from desom.baselines.wamic import WaMiC
from desom.desom import DESOM
from desom.som import Kerasom

METHODS = {
    "kmeans": KMeans,
    "minisom": Minisom,
    "kerasom": Kerasom,
    "ae_kmeans": AEKMeans,
    "ae_gmm": AEGMM,
    "ae_minisom": AEMinisom,
    "ae_kerasom": AEKerasom,
    "som_vae": SOMVAE,
    "desom": DESOM,
    "aec": AEC,
    "dcn": DCN,
    "dkm": DKM,
    "dec": DEC,
    "idec": IDEC,
    "vade": VaDE,
    "wamic": WaMiC,
    "dnm": DNM,
    "kerasom_official": OfficialKerasom,
    "desom_official": OfficialDESOM,
}
