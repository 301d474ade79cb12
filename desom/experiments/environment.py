"""Where a run is made."""

import os
import platform
import subprocess
from contextlib import suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import joblib
import keras

# Those whose versions a record names, beside the backend's.
PACKAGES = ("keras", "tensorflow", "numpy", "scikit-learn")


@cache
def environment():
    """Describe where a run is made: backend, device, versions, threads, revision of the code.

    The first call decides, so that a source that changes during a grid does not pass for the code
    that runs.
    """
    versions = {}
    for name in (*PACKAGES, keras.backend.backend()):
        with suppress(PackageNotFoundError):  # JAX and PyTorch do without TensorFlow
            versions[name] = version(name)
    return {
        "backend": keras.backend.backend(),
        "device": _gpu() or _processor(),
        **versions,
        "threads": int(os.environ.get("OMP_NUM_THREADS") or joblib.cpu_count()),
        "revision": _revision(),
    }


def _gpu():
    """Name the GPU that the backend trains on, if it has one."""
    backend = keras.backend.backend()
    if backend == "torch":
        import torch

        return torch.cuda.get_device_name() if torch.cuda.is_available() else None
    if backend == "jax":
        import jax

        device = jax.devices()[0]
        return device.device_kind if device.platform == "gpu" else None
    return next((d for d in keras.distribution.list_devices() if d.startswith("gpu")), None)


def _processor():
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _revision():
    """Commit of the package's source, ``+`` if it has changes, or its version without git."""
    source = Path(__file__).parents[1]
    git = {"cwd": source, "stderr": subprocess.DEVNULL, "text": True}
    status = ["git", "status", "--porcelain", "--untracked-files=no", "."]
    try:
        commit = subprocess.check_output(["git", "rev-parse", "--short=12", "HEAD"], **git).strip()
        return commit + "+" * bool(subprocess.check_output(status, **git))
    except (OSError, subprocess.CalledProcessError):
        return version("desom")
