"""The fast parts: training many compiled steps at a time, and prediction over whole data sets."""

from desom.engine.backends import adam, usual_precision
from desom.engine.loop import train
from desom.engine.prediction import apply, nearest_prototypes

__all__ = ["adam", "apply", "nearest_prototypes", "train", "usual_precision"]
