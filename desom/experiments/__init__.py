"""The runs of the paper: which they are, how they are made, and their records."""

from desom.experiments.grids import GRIDS
from desom.experiments.schedule import SCALES, collect, failed, recorded, runs_of

__all__ = ["GRIDS", "SCALES", "collect", "failed", "recorded", "runs_of"]
