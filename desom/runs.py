"""One run: train a method on a data set with a seed, measure it, record it."""

import json
import os
import platform
import subprocess
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, lru_cache
from importlib.metadata import version
from pathlib import Path

import joblib
import keras
import numpy as np
from sklearn.metrics import mean_squared_error

from desom import datasets, metrics, records
from desom.base import CodingEstimator, KerasEstimator, MapEstimator
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
from desom.baselines.som_vae import SOMVAE
from desom.baselines.vade import VaDE
from desom.baselines.wamic import WaMiC
from desom.desom import DESOM
from desom.files import atomic_write
from desom.gallery import as_bytes, gallery, sample_codes
from desom.kerasom import Kerasom
from desom.official import OfficialDESOM, OfficialKerasom
from desom.pretraining import pretrained
from desom.som import grid_distances

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
# The temperature of the distortion where a map has none of its own: the paper's last one.
LAST_TEMPERATURE = 0.1
# Those whose versions a record names, beside the backend's.
PACKAGES = ("keras", "tensorflow", "numpy", "scikit-learn")


@dataclass(frozen=True)
class Run:
    """One training to record: a method with all its hyperparameters, a data set, a seed.

    Parameters
    ----------
    method, dataset : str
        Names.
    seed : int
        Given to the estimator as ``random_state``.
    config : dict
        Every hyperparameter that affects the result, as ``configuration`` gives it.
    """

    method: str
    dataset: str
    seed: int
    config: dict

    @property
    def key(self):
        """The name of this request, the same on every machine."""
        return records.run_key(self.method, self.dataset, self.seed, self.config)

    def __str__(self):
        return f"{self.method} on {self.dataset}, seed {self.seed}"

    def estimator(self, verbose=False):
        """Give the unfitted estimator that this run trains."""
        estimator = METHODS[self.method](**self.config, random_state=self.seed)
        # scikit-learn's k-means would print a line per iteration.
        if verbose and isinstance(estimator, KerasEstimator):
            estimator.verbose = True
        return estimator


def configuration(method, **overrides):
    """Every hyperparameter that affects the result of a method, at its default or overridden.

    Parameters
    ----------
    method : str
        Name of the method.
    **overrides
        Hyperparameters that differ from the defaults.

    Returns
    -------
    dict
        Values as JSON holds them.
    """
    parameters = METHODS[method](**overrides).get_params()
    kept = {k: v for k, v in parameters.items() if k not in ("random_state", "verbose")}
    return json.loads(json.dumps(kept, default=np.generic.item))


@lru_cache(maxsize=1)
def load_dataset(name):
    """Load a data set, or give the one that was loaded last if it is the same."""
    return datasets.load(name)


def run_and_record(run, folder, announcement=None):
    """Train, measure and record a run, unless it is recorded or another process computes it.

    A training that fails is recorded as a failure, and printed: other runs may go on.

    Parameters
    ----------
    run : Run
        The run.
    folder : str or Path
        The folder of the records.
    announcement : str, optional
        Printed before the training, which then shows its progress.

    Raises
    ------
    OSError
        If it cannot be recorded, because the disk is full, say. The folder is as it was.
    """
    folder = Path(folder)
    with records.claim(folder, run.key) as ours:
        if not ours or run.key in records.read(folder, run.method, run.dataset):
            return
        environment()
        if announcement:
            print(announcement, flush=True)
        try:
            record, arrays = _execute(run, verbose=bool(announcement))
            append = records.append
        except FloatingPointError as error:
            print(f"{run} failed: {error}", flush=True)
            record, arrays = _request(run) | {"error": str(error)} | _stamp(run), {}
            append = records.append_failure
        try:
            if arrays:
                with atomic_write(folder / record["artifact"]) as file:
                    np.savez_compressed(file, **arrays)
            append(folder, record)
        except OSError as error:
            raise OSError(
                f"{run} cannot be recorded in {folder}: {error.strerror or error}; make room, and "
                "run again."
            ) from error


def _request(run):
    return {"method": run.method, "dataset": run.dataset, "seed": run.seed, "config": run.config}


def _stamp(run):
    now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    return {"environment": environment(), "created": now, "key": run.key}


def _execute(run, verbose):
    data = load_dataset(run.dataset)
    estimator = run.estimator(verbose)
    seconds, first = {}, {}
    if getattr(estimator, "pretrain_iterations", 0):
        first["autoencoder"] = pretrained(estimator.autoencoder(), data)
        seconds["pretrain"] = _short(first["autoencoder"].seconds_)
    start = time.perf_counter()
    estimator.fit(data.x, **first)
    fitted = time.perf_counter()
    labels = estimator.predict(data.x)
    curves = getattr(estimator, "history_", {})
    seconds |= {"fit": _short(fitted - start), "predict": _short(time.perf_counter() - fitted)}
    seconds |= seconds_per_iteration(run.config, seconds, curves)

    scores, arrays = measure(estimator, data, labels, run.seed)
    found = {
        "metrics": scores,
        "curves": {name: [_short(v) for v in curve] for name, curve in curves.items()},
        "artifact": f"{run.method}/{run.dataset}-{run.key}.npz" if arrays else None,
        "seconds": seconds,
        "data_sha256": data.sha256,
    }
    return _request(run) | found | _stamp(run), arrays


def seconds_per_iteration(config, seconds, curves):
    """Divide the time of each phase by the iterations that it made.

    So ``iteration`` is what an iteration costs in all: it has its share of the compilation, of the
    start by k-means where there is one, and of the labels at the end. The benchmarks measure a step
    alone. A phase without a number of iterations, such as k-means, has no such time.

    Parameters
    ----------
    config, seconds, curves : dict
        Those of a record; ``seconds`` has the time of ``fit`` and, if there was a first phase, of
        ``pretrain``.

    Returns
    -------
    dict of str to float
        ``iteration``, and ``pretrain_iteration`` for the first phase.
    """
    made = {"fit": config.get("iterations"), "pretrain": config.get("pretrain_iterations")}
    if made["fit"] and "iteration" in curves:
        made["fit"] = max(curves["iteration"], default=0)  # some methods may end early
    names = {"fit": "iteration", "pretrain": "pretrain_iteration"}
    return {
        names[phase]: _short(seconds[phase] / count)
        for phase, count in made.items()
        if count and phase in seconds
    }


def _short(value):
    """Six significant digits: what a curve needs, in a third of the characters."""
    return value if isinstance(value, int) else float(f"{value:.6g}")


def measure(estimator, data, labels, seed):
    """Measure a fitted method: its clusters against the classes; a map's order and its pictures.

    Parameters
    ----------
    estimator : estimator of METHODS
        Fitted on ``data.x``.
    data : datasets.Dataset
        The data set.
    labels : ndarray of int, shape (N,)
        Cluster, or best-matching unit, of every sample.
    seed : int
        Seeds the k-means on the prototypes.

    Returns
    -------
    metrics : dict of str to float
        The record's metrics. Those of the map are in the space of the prototypes, at the last
        temperature; those named ``input_...`` are in the space of x, for decoded prototypes.
    arrays : dict of str to ndarray
        The record's artifact, empty for a method with neither map nor network: ``prototypes`` (K,
        latent dimension), and for a method with a decoder and images ``decoded`` (K, D). Where
        there are classes, of a map ``class_counts`` (K, number of classes), of other clusters those
        of `sample_codes`. Of a map with snapshots ``snapshot_iteration`` and so on, and those of
        `gallery`.
    """
    n_clusters = len(estimator.cluster_centers_)
    scores, arrays = {}, {}
    if data.y is not None:
        scores = metrics.clustering_scores(data.y, labels, n_clusters)
    if isinstance(estimator, MapEstimator):
        map_scores, arrays = _measure_map(estimator, data, labels)
        scores |= map_scores
        if data.y is not None:
            n_classes = len(np.unique(data.y))
            groups = cluster_prototypes(estimator.cluster_centers_, n_classes, seed)
            two_level = metrics.clustering_scores(data.y, groups[labels], n_classes)
            scores |= {f"km_{name}": two_level[name] for name in ("accuracy", "nmi", "purity")}
            counts = metrics.class_counts(data.y, labels, n_clusters)
            arrays["class_counts"] = counts.astype(np.int32)
    elif isinstance(estimator, CodingEstimator):
        codes = estimator.transform(data.x)
        scores["reconstruction_error"] = float(mean_squared_error(data.x, estimator.decode(codes)))
        arrays = {"prototypes": estimator.cluster_centers_}
        if data.image_shape:
            arrays["decoded"] = estimator.decode(estimator.cluster_centers_).astype(np.float16)
        if data.y is not None:
            arrays |= sample_codes(data, codes, labels)
    return scores, arrays


def _measure_map(estimator, data, labels):
    prototypes = estimator.cluster_centers_
    distances = grid_distances(estimator.map_size, estimator.topology, estimator.toroidal)
    last_temperature = getattr(estimator, "t_min", LAST_TEMPERATURE)
    if not isinstance(estimator, CodingEstimator):
        # Prototypes that are images are the picture; half precision is finer than a screen.
        scores = metrics.map_scores(data.x, prototypes, distances, last_temperature)
        arrays = {"prototypes": prototypes} | _snapshots(estimator, data)
        return scores, {
            name: values.astype(np.float16) if name.endswith("prototypes") else values
            for name, values in arrays.items()
        }
    codes = estimator.transform(data.x)
    decoded = estimator.decode(prototypes)
    scores = metrics.map_scores(codes, prototypes, distances, last_temperature)
    scores["input_quantization_error"] = metrics.quantization_error(data.x, decoded)
    scores["reconstruction_error"] = estimator.history_["reconstruction_loss"][-1]
    pictures = {"decoded": decoded.astype(np.float16)} if data.image_shape else {}
    if pictures and data.y is not None and getattr(estimator, "snapshots", 0):
        pictures |= gallery(estimator, data, codes, labels)
    return scores, {"prototypes": prototypes} | pictures | _snapshots(estimator, data)


def _snapshots(estimator, data):
    """Name the snapshots of a map for its artifact; decoded prototypes are kept if images."""
    snapshots = dict(getattr(estimator, "snapshots_", {}))
    if "decoded" in snapshots:
        decoded = snapshots.pop("decoded")
        snapshots |= {"decoded": as_bytes(decoded)} if data.image_shape else {}
    return {f"snapshot_{name}": values for name, values in snapshots.items()}


def cluster_prototypes(prototypes, n_clusters, seed):
    """Group the prototypes by k-means; a sample's cluster is that of its best-matching unit.

    This is the second level of the clustering in Table 3 of the paper.

    Parameters
    ----------
    prototypes : ndarray of shape (K, D)
        The prototypes.
    n_clusters : int
        Number of groups.
    seed : int
        Seeds the 100 initialisations, of which the best by inertia is kept.

    Returns
    -------
    ndarray of int, shape (K,)
        The group of every prototype.
    """
    return KMeans(n_clusters, n_init=100, random_state=seed).fit_predict(prototypes)


@cache
def environment():
    """Describe where a run is made: backend, device, versions, threads, revision of the code.

    The first call decides, so that a source that changes during a grid does not pass for the code
    that runs.

    Returns
    -------
    dict of str to str or int
        The record's ``environment``.
    """
    return {
        "backend": keras.backend.backend(),
        "device": _gpu() or _processor(),
        **{name: version(name) for name in dict.fromkeys((*PACKAGES, keras.backend.backend()))},
        "threads": int(os.environ.get("OMP_NUM_THREADS") or joblib.cpu_count()),
        "revision": _revision(),
    }


def _gpu():
    """Name the GPU that the backend trains on, if it has one."""
    if keras.backend.backend() == "torch":
        import torch

        return torch.cuda.get_device_name() if torch.cuda.is_available() else None
    return next((d for d in keras.distribution.list_devices() if d.startswith("gpu")), None)


def _processor():
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _revision():
    """Commit of the package's source, ``+`` if it has changes, or its version without git."""
    source = Path(__file__).parent
    describe = ["git", "-C", source, "rev-parse", "--short=12", "HEAD"]
    changes = ["git", "-C", source, "status", "--porcelain", "--untracked-files=no", "."]
    try:
        commit = subprocess.run(describe, capture_output=True, text=True, check=True).stdout.strip()
        changed = subprocess.run(changes, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return version("desom")
    return commit + "+" * bool(changed)
