"""The runs of the paper: which they are, how they are made, and their records."""

from importlib import import_module

__all__ = ["GRIDS", "SCALES", "collect", "failed", "recorded", "runs_of"]


def __getattr__(name):
    """Import what is asked for: records alone need no Keras."""
    if name in __all__:
        return getattr(import_module("desom.experiments.schedule"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
