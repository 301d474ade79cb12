"""The released code's grid distance: how it differs from the right one, and that it is used."""

import numpy as np
import pytest

from desom import DESOM, Kerasom
from desom.baselines.official import OfficialDESOM, OfficialKerasom, official_grid_distances
from desom.grid import grid_distances
from helpers import small

MAP_SIZES = pytest.mark.parametrize("map_size", [(8, 8), (3, 5), (5, 3), (1, 6), (6, 1), (1, 1)])


@MAP_SIZES
def test_distance_is_that_of_the_released_code(map_size):
    rows, columns = map_size
    distances = official_grid_distances(map_size)
    assert distances.shape == (rows * columns, rows * columns)
    for k in range(rows * columns):
        for other in range(rows * columns):
            row_distance = abs(k - other) // columns
            column_distance = abs(k % columns - other % columns)
            assert distances[k, other] == row_distance + column_distance


@MAP_SIZES
def test_distance_is_one_too_small_where_rows_and_columns_run_against_each_other(map_size):
    shortfall = grid_distances(map_size) - official_grid_distances(map_size)
    for k in range(len(shortfall)):
        for other in range(len(shortfall)):
            down, right = np.subtract(divmod(k, map_size[1]), divmod(other, map_size[1]))
            assert shortfall[k, other] == (down * right < 0)


def test_two_in_five_pairs_of_the_paper_s_map_are_wrong():
    wrong = grid_distances((8, 8)) != official_grid_distances((8, 8))
    assert wrong.sum() == 1568
    assert wrong.mean() == pytest.approx(0.38, abs=0.005)


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize(
    ("official", "right"), [(OfficialKerasom, Kerasom), (OfficialDESOM, DESOM)]
)
def test_wrong_distance_trains_another_map(official, right, blobs):
    settings = small(right, iterations=5).get_params()
    faulty, sound = (cls(**settings).fit(blobs[0]) for cls in (official, right))
    used = np.asarray(faulty.model_.som.distances_from(np.array([5, 0])))
    assert np.array_equal(used, official_grid_distances((2, 3))[[5, 0]])
    assert used.dtype == np.float32
    assert not np.allclose(faulty.cluster_centers_, sound.cluster_centers_, atol=1e-4)


@pytest.mark.usefixtures("eager")
def test_both_distances_train_the_same_map_of_one_row(blobs):
    settings = small(Kerasom, map_size=(1, 6), iterations=5).get_params()
    faulty, sound = (cls(**settings).fit(blobs[0]) for cls in (OfficialKerasom, Kerasom))
    assert np.array_equal(faulty.cluster_centers_, sound.cluster_centers_)
