"""DESOM, the Deep Embedded Self-Organizing Map, as scikit-learn estimators on Keras 3."""

import os

# Keeps most of TensorFlow's remarks on its build off the screen; what goes wrong is raised anyway.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from desom import datasets
from desom.base import load
from desom.desom import DESOM
from desom.kerasom import Kerasom

__all__ = ["DESOM", "Kerasom", "datasets", "load"]
