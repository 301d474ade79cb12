"""The geometry of a map against what the eye sees of it."""

from itertools import product

import numpy as np
import pytest

from desom.grid import TOPOLOGIES, cell_corners, grid_coordinates, grid_distances

SIZE = (4, 3)
K = 12


@pytest.mark.parametrize("topology", TOPOLOGIES)
def test_a_cell_shares_an_edge_with_its_four_or_six_neighbors(topology):
    cells = cell_corners(SIZE, topology)
    corners = [{tuple(corner) for corner in np.round(cell, 9)} for cell in cells]
    beside = topology if topology == "hexagonal" else "rectangular"
    distances = grid_distances(SIZE, beside)
    for k, m in product(range(K), repeat=2):
        assert (len(corners[k] & corners[m]) == 2) == (distances[k, m] == 1)


@pytest.mark.parametrize("topology", TOPOLOGIES)
def test_cells_are_regular_and_lie_around_their_units(topology):
    cells = cell_corners(SIZE, topology)
    centers = grid_coordinates(SIZE, topology)[:, ::-1]
    sides = np.linalg.norm(cells - np.roll(cells, 1, axis=1), axis=2)
    assert np.allclose(cells.mean(axis=1), centers)
    assert np.allclose(sides, sides[0, 0])
    assert np.allclose(np.ptp(cells[:, :, 0], axis=1), 1)
