"""DESOM, the Deep Embedded Self-Organizing Map, as scikit-learn estimators on Keras 3."""

from desom.base import load
from desom.desom import DESOM, Kerasom

__all__ = ["DESOM", "Kerasom", "load"]
