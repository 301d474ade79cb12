"""DESOM, the Deep Embedded Self-Organizing Map, as scikit-learn estimators on Keras 3."""

import os
from importlib import import_module
from importlib.metadata import version

from desom.errors import check_backend

# Keeps most of TensorFlow's remarks on its build off the screen; what goes wrong is raised anyway.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

__all__ = ["DESOM", "Kerasom", "datasets", "load"]

_HOMES = {"DESOM": "desom.desom", "Kerasom": "desom.som", "load": "desom.storage"}


def __getattr__(name):
    """Import what is asked for: without TensorFlow, the command line answers at once."""
    if name == "__version__":
        return version("desom")
    if name == "datasets":
        return import_module("desom.datasets")
    if name in _HOMES:
        check_backend()
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
