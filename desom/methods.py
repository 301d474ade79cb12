"""The methods by the names that records have: the only list, for runs, tables and figures.

A class is imported when it is asked for: tables need no Keras.
"""

from pkgutil import resolve_name
from typing import NamedTuple

from desom.errors import check_name


class Method(NamedTuple):
    """Where the class of a method is, and what the book calls it."""

    path: str
    label: str


METHODS = {
    "kmeans": Method("sklearn.cluster:KMeans", "k-means"),
    "minisom": Method("desom.baselines.minisom:Minisom", "minisom"),
    "kerasom": Method("desom.som:Kerasom", "kerasom"),
    "ae_kmeans": Method("desom.baselines.ae_kmeans:AEKMeans", "AE+k-means"),
    "ae_gmm": Method("desom.baselines.ae_gmm:AEGMM", "AE+GMM"),
    "ae_minisom": Method("desom.baselines.ae_som:AEMinisom", "AE+minisom"),
    "ae_kerasom": Method("desom.baselines.ae_som:AEKerasom", "AE+kerasom"),
    "som_vae": Method("desom.baselines.som_vae:SOMVAE", "SOM-VAE"),
    "desom": Method("desom.desom:DESOM", "DESOM"),
    "conv_desom": Method("desom.baselines.conv_desom:ConvDESOM", "ConvDESOM"),
    "vit_som": Method("desom.baselines.vit_som:ViTSOM", "DESOM, loss of ViT-SOM"),
    "dpsom": Method("desom.baselines.dpsom:DPSOM", "DPSOM"),
    "umap_som": Method("desom.baselines.embedded_som:UMAPSOM", "UMAP+SOM"),
    "spectral_som": Method("desom.baselines.embedded_som:SpectralSOM", "spectral+SOM"),
    "hone": Method("desom.baselines.hone:HONE", "HONE"),
    "aec": Method("desom.baselines.aec:AEC", "AEC"),
    "dcn": Method("desom.baselines.dcn:DCN", "DCN"),
    "dkm": Method("desom.baselines.dkm:DKM", "DKM"),
    "dec": Method("desom.baselines.dec:DEC", "DEC"),
    "idec": Method("desom.baselines.idec:IDEC", "IDEC"),
    "vade": Method("desom.baselines.vade:VaDE", "VaDE"),
    "wamic": Method("desom.baselines.wamic:WaMiC", "WaMiC"),
    "dnm": Method("desom.baselines.dnm:DNM", "Deep Neural Maps"),
    "kerasom_official": Method("desom.baselines.official:OfficialKerasom", "kerasom, official"),
    "desom_official": Method("desom.baselines.official:OfficialDESOM", "DESOM, official"),
}

LABELS = {name: method.label for name, method in METHODS.items()}


def estimator_class(name):
    """Import the class of a method, one of ``METHODS``; InputError for another name."""
    check_name("method", name, METHODS)
    return resolve_name(METHODS[name].path)
