"""Pictures of maps, of trainings and of the methods themselves."""

from desom.figures.maps import (
    mosaic,
    plot_classes,
    plot_components,
    plot_lattice,
    plot_overview,
    plot_projection,
    plot_prototypes,
    plot_u_matrix,
    plot_units,
    plot_walk,
)
from desom.figures.scores import plot_seeds
from desom.figures.trainings import animate, plot_curves, use_style

__all__ = [
    "animate",
    "mosaic",
    "plot_classes",
    "plot_components",
    "plot_curves",
    "plot_lattice",
    "plot_overview",
    "plot_projection",
    "plot_prototypes",
    "plot_seeds",
    "plot_u_matrix",
    "plot_units",
    "plot_walk",
    "use_style",
]
