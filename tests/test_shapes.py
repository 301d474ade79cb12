"""Maps of other shapes, and other temperatures, against walks along neighbors and plain numbers."""

import numpy as np
import pytest

from desom import DESOM, grid, som
from desom.autoencoder import autoencoder_of
from desom.errors import InputError
from helpers import small


def neighbors(row, column, topology):
    """Name the units beside one, on a grid without borders."""
    beside = [(0, -1), (0, 1), (-1, 0), (1, 0)]
    if topology == "rectangular8":
        beside += [(-1, -1), (-1, 1), (1, -1), (1, 1)]
    if topology == "hexagonal":
        # An odd row is shifted to the right: its upper and lower neighbors are here and at right.
        shift = 1 if row % 2 else -1
        beside += [(-1, shift), (1, shift)]
    return [(row + i, column + j) for i, j in beside]


def steps_by_search(map_size, topology, toroidal):
    """Count the steps between all units by walking, one ring of neighbors after the other."""
    rows, columns = map_size
    units = [(row, column) for row in range(rows) for column in range(columns)]
    steps = np.full((len(units), len(units)), -1)
    for start, unit in enumerate(units):
        ring, distance = {unit}, 0
        while ring:
            for row, column in ring:
                steps[start, row * columns + column] = distance
            found = {place for unit in ring for place in neighbors(*unit, topology)}
            if toroidal:
                found = {(row % rows, column % columns) for row, column in found}
            ring = {u for u in found if u in units and steps[start, u[0] * columns + u[1]] < 0}
            distance += 1
    return steps


@pytest.mark.parametrize("toroidal", [False, True])
@pytest.mark.parametrize("topology", list(grid.TOPOLOGIES))
@pytest.mark.parametrize("map_size", [(4, 7), (6, 3), (2, 5), (8, 8)])
def test_distance_is_the_number_of_steps(map_size, topology, toroidal):
    expected = steps_by_search(map_size, topology, toroidal)
    assert np.array_equal(grid.grid_distances(map_size, topology, toroidal), expected)


@pytest.mark.parametrize("topology", list(grid.TOPOLOGIES))
def test_neighbors_are_near_in_the_plane(topology):
    places = grid.grid_coordinates((5, 6), topology)
    apart = np.linalg.norm(places[:, None] - places, axis=2)
    adjacent = grid.grid_distances((5, 6), topology) == 1
    reach = {"rectangular": 1, "rectangular8": np.sqrt(2), "hexagonal": 1}[topology]
    assert np.array_equal(adjacent, (apart > 0) & (apart < reach + 1e-9))


def test_temperatures_go_from_the_first_to_the_last():
    exponential, linear, constant = (
        [decay(i, 4, 16.0, 1.0) for i in range(5)] for decay in som.DECAYS.values()
    )
    assert exponential == pytest.approx([16, 8, 4, 2, 1])
    assert linear == pytest.approx([16, 12.25, 8.5, 4.75, 1])
    assert constant == [16.0] * 5


def test_hexagonal_torus_needs_an_even_number_of_rows(blobs):
    torus = small(DESOM, map_size=(3, 2), topology="hexagonal", toroidal=True)
    with pytest.raises(InputError, match=r"map_size is \(3, 2\); .* even number of rows"):
        torus.fit(blobs[0])


# Starting from an autoencoder


def test_desom_starts_from_the_pre_trained_weights(blobs):
    estimator = small(DESOM, pretrain_iterations=7, iterations=1, learning_rate=1e-12)
    first = autoencoder_of(estimator)
    assert (first.iterations, first.random_state) == (7, estimator.random_state)
    first.set_params(learning_rate=0.01).fit(blobs[0])
    estimator.fit(blobs[0], autoencoder=first)
    for part in ("encoder", "decoder"):
        ours = getattr(estimator.model_, part).get_weights()
        theirs = getattr(first.model_, part).get_weights()
        assert all(np.allclose(a, b, atol=1e-9) for a, b in zip(ours, theirs, strict=True))
