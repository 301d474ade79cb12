"""DESOM, the Deep Embedded Self-Organizing Map, as scikit-learn estimators on Keras 3."""

import os

# TensorFlow fills the screen with remarks on its build; what goes wrong is raised all the same.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from desom import datasets
from desom.base import load
from desom.desom import DESOM, Kerasom

__all__ = ["DESOM", "Kerasom", "datasets", "load"]
