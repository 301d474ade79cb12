"""Pictures of maps, of trainings and of the methods themselves."""

from desom.figures.maps import (
    mosaic,
    plot_classes,
    plot_components,
    plot_lattice,
    plot_map,
    plot_overview,
    plot_projection,
    plot_prototypes,
    plot_side_by_side,
    plot_u_matrix,
    plot_units,
    plot_walk,
)
from desom.figures.scores import plot_dots, plot_seeds, plot_trends
from desom.figures.trainings import animate, plot_curves, use_style
