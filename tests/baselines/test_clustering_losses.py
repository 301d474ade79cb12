"""AEC, DCN, DKM, Deep Neural Maps: losses and updates against loops, and what gradients move."""

import keras
import numpy as np
import pytest

from desom.baselines.ae_kmeans import AEKMeans
from desom.baselines.aec import AEC, compactness_loss, means_of_members
from desom.baselines.dcn import DCN, k_means_loss, running_means
from desom.baselines.dec import DEC
from desom.baselines.dkm import DKM, soft_k_means_loss
from desom.baselines.dnm import DNM, kohonen_step
from desom.baselines.idec import IDEC
from desom.som import squared_distances
from helpers import LATENT, K, N, brief, deep, slopes, value_and_gradients


def squares(code, centers):
    return [sum((code[j] - center[j]) ** 2 for j in range(LATENT)) for center in centers]


def nearest(codes, centers):
    return [int(np.argmin(squares(code, centers))) for code in codes]


# The losses


def test_compactness_is_the_mean_square_to_the_given_center(codes, centers):
    labels = np.array([2, 0, 1, 1, 2, 0, 0], dtype="int32")
    assert labels.tolist() != nearest(codes, centers)
    loss, gradient = value_and_gradients(
        lambda z: compactness_loss(squared_distances(z, centers), labels), codes
    )
    expected = sum(squares(codes[i], centers)[labels[i]] for i in range(N)) / N
    assert loss == pytest.approx(expected)
    assert np.allclose(gradient, [2 / N * (codes[i] - centers[labels[i]]) for i in range(N)])


def test_k_means_loss_is_half_the_mean_square_to_the_nearest_center(codes, centers):
    loss, gradient = value_and_gradients(
        lambda z: k_means_loss(squared_distances(z, centers)), codes
    )
    assert loss == pytest.approx(sum(min(squares(code, centers)) for code in codes) / (2 * N))
    labels = nearest(codes, centers)
    assert np.allclose(gradient, [(codes[i] - centers[labels[i]]) / N for i in range(N)])


def slow_soft_k_means_loss(codes, centers, alpha):
    total = 0.0
    for code in codes:
        d = squares(code, centers)
        parts = [np.exp(-alpha * (d[k] - min(d))) for k in range(len(d))]
        total += sum(part * d[k] for k, part in enumerate(parts)) / sum(parts)
    return total / len(codes)


@pytest.mark.parametrize("alpha", [0.1, 1.0, 5.0])
def test_soft_k_means_loss_and_its_gradients_are_the_paper_s(alpha, codes, centers):
    loss, to_codes, to_centers = value_and_gradients(
        lambda z, m: soft_k_means_loss(squared_distances(z, m), alpha), codes, centers
    )
    assert loss == pytest.approx(slow_soft_k_means_loss(codes, centers, alpha))
    expected = slopes(lambda z: slow_soft_k_means_loss(z, centers, alpha), codes)
    # JAX has single precision.
    assert np.allclose(to_codes, expected, rtol=1e-4, atol=1e-6)
    expected = slopes(lambda m: slow_soft_k_means_loss(codes, m, alpha), centers)
    assert np.allclose(to_centers, expected, rtol=1e-4, atol=1e-6)


def test_soft_minimum_goes_from_the_mean_to_the_minimum(codes, centers):
    distances = squared_distances(codes.astype("float32"), centers.astype("float32"))
    flat, sharp = (float(soft_k_means_loss(distances, alpha)) for alpha in (0.0, 1000.0))
    assert flat == pytest.approx(np.asarray(distances).sum() / (N * K), rel=1e-5)
    assert sharp == pytest.approx(2 * float(k_means_loss(distances)), rel=1e-5)
    assert np.isfinite(float(soft_k_means_loss(1e6 * distances, 1000.0)))


# The updates


def test_running_means_are_those_of_the_points_in_turn(codes, centers):
    counts, labels = np.array([100.0, 3.0, 7.0]), np.array([0, 2, 2, 0, 2, 0, 2])
    expected, n = centers.copy(), counts.copy()
    for code, k in zip(codes, labels, strict=True):
        n[k] += 1
        expected[k] += (code - expected[k]) / n[k]
    given = [keras.ops.convert_to_tensor(a.astype("float32")) for a in (centers, counts, codes)]
    moved, grown = map(np.asarray, running_means(*given, labels))
    assert np.allclose(moved, expected, atol=1e-6)
    assert np.array_equal(grown, [103, 3, 11])
    assert np.array_equal(moved[1], centers[1].astype("float32"))


def test_center_without_members_stays(codes, centers):
    labels = np.array([0, 2, 2, 0, 2, 0, 2])
    moved = means_of_members(codes, labels, centers)
    for k in (0, 2):
        members = [codes[i] for i in range(N) if labels[i] == k]
        assert np.allclose(moved[k], sum(members) / len(members))
    assert np.array_equal(moved[1], centers[1])


def in_turn(prototypes, codes, weights, alpha):
    for i, code in enumerate(codes):
        for k in range(K):
            prototypes[k] += alpha * weights[i, k] * (code - prototypes[k])
    return prototypes


@pytest.fixture
def weights():
    return np.random.default_rng(2).random((N, K))


def test_kohonen_step_of_one_point_is_the_rule(codes, centers, weights):
    moved = kohonen_step(centers, codes[:1], weights[:1], 0.3)
    assert np.allclose(moved, in_turn(centers.copy(), codes[:1], weights, 0.3))


def test_kohonen_step_keeps_the_share_of_the_points_in_turn(codes, centers, weights):
    # Points that are all equal leave nothing else to approximate.
    equal = np.repeat(codes[:1], N, axis=0)
    moved = kohonen_step(centers, equal, weights, 0.3)
    assert np.allclose(moved, in_turn(centers.copy(), equal, weights, 0.3))
    kept = [np.prod([1 - 0.3 * weights[i, k] for i in range(N)]) for k in range(K)]
    moved, from_zero = (kohonen_step(m, codes, weights, 0.3) for m in (centers, 0 * centers))
    assert np.allclose(moved - from_zero, np.array(kept)[:, None] * centers)


def test_kohonen_step_puts_the_weighted_mean_in_the_place_of_the_rest(codes, centers, weights):
    kept = np.array([np.prod([1 - 0.3 * weights[i, k] for i in range(N)]) for k in range(K)])
    for k, moved in enumerate(np.asarray(kohonen_step(0 * centers, codes, weights, 0.3))):
        total = sum(weights[i, k] for i in range(N))
        mean = sum(weights[i, k] * codes[i] for i in range(N)) / total
        assert np.allclose(moved, (1 - kept[k]) * mean)


def test_kohonen_step_is_the_rule_where_the_rate_is_small(codes, centers, weights):
    for alpha in (1e-2, 1e-3):
        moved = kohonen_step(centers, codes, weights, alpha)
        turns = in_turn(centers.copy(), codes, weights, alpha)
        # The order of the points matters to the second order alone.
        assert np.abs(moved - turns).max() < 20 * alpha**2 < np.abs(moved - centers).max()


def test_unit_that_no_point_reaches_stays(codes, centers, weights):
    weights[:, 1] = 0
    moved = kohonen_step(*(a.astype("float32") for a in (centers, codes, weights)), 0.3)
    assert np.array_equal(np.asarray(moved)[1], centers[1].astype("float32"))
    assert np.isfinite(moved).all()


# The models


MOVED_BY_GRADIENTS = {
    AEC: {"encoder", "decoder"},
    DCN: {"encoder", "decoder"},
    DNM: {"encoder", "decoder"},
    DKM: {"encoder", "decoder", "centers"},
    IDEC: {"encoder", "decoder", "centers"},
    DEC: {"encoder", "centers"},
}


@pytest.mark.parametrize("cls", MOVED_BY_GRADIENTS)
def test_gradients_move_these_parts(cls, deep_estimators):
    model = deep_estimators[cls].model_
    parts = {name: getattr(model, name) for name in ("encoder", "decoder", "centers")}
    trained = {id(variable) for variable in model.trainable_variables}
    reached = {name: {id(v) in trained for v in part.weights} for name, part in parts.items()}
    assert reached == {name: {name in MOVED_BY_GRADIENTS[cls]} for name in parts}


@pytest.mark.usefixtures("few_restarts")
@pytest.mark.parametrize("cls", [AEC, DCN, DKM, DEC, IDEC])
def test_centers_begin_as_those_of_ae_k_means(cls, patterns, deep_autoencoder, monkeypatch):
    x, seen = patterns[0], []

    def train(model, *args, **kwargs):
        seen.append(model.centers.centers.numpy())
        return {"iteration": [1], "loss": [0.0]}

    monkeypatch.setattr("desom.estimator.train", train)
    deep(cls).fit(x, autoencoder=deep_autoencoder)
    expected = deep(AEKMeans).fit(x, autoencoder=deep_autoencoder).cluster_centers_
    assert np.array_equal(*seen, expected)


def test_refreshed_labels_of_aec_follow_the_means_of_the_last(aec_refresh, patterns):
    estimator, refresh = aec_refresh
    before, model = estimator.labels_.copy(), estimator.model_
    # Codes that turn by a quarter, about the origin, change their nearest centers.
    kernel, bias = model.encoder.layers[-1].get_weights()
    turn = np.array([[0.0, 1.0], [-1.0, 0.0]])
    model.encoder.layers[-1].set_weights([kernel @ turn, bias @ turn])
    codes, targets = estimator.transform(patterns[0]), refresh()
    means = [codes[before == k].mean(axis=0) for k in range(3)]
    assert np.allclose(model.centers.centers, means, atol=1e-4)
    assert np.array_equal(targets, nearest(codes, np.array(means)))
    model.encoder.layers[-1].set_weights([kernel @ turn @ turn, bias @ turn @ turn])
    refresh()
    codes = estimator.transform(patterns[0])
    means = [codes[targets == k].mean(axis=0) for k in range(3)]
    assert np.allclose(model.centers.centers, means, atol=1e-4)


@pytest.fixture
def aec_refresh(few_restarts, patterns, deep_autoencoder, monkeypatch):
    """An AEC about to be trained, and what its training calls at every interval."""
    given = {}

    def train(*args, refresh, refresh_interval):
        given.update(refresh=refresh, interval=refresh_interval)
        return {"iteration": [1], "loss": [0.0]}

    monkeypatch.setattr("desom.estimator.train", train)
    estimator = deep(AEC, update_interval=17).fit(patterns[0], autoencoder=deep_autoencoder)
    assert given["interval"] == 17
    return estimator, given["refresh"]


@pytest.mark.usefixtures("eager", "few_restarts")
def test_centers_of_dcn_are_running_means_of_the_codes(patterns, deep_autoencoder):
    x = patterns[0][:90]
    # One step on all samples, and too small to move a code.
    one = {"iterations": 1, "batch_size": 90, "learning_rate": 1e-12}
    estimator = deep(DCN, **one).fit(x, autoencoder=deep_autoencoder)
    start = deep(AEKMeans).fit(x, autoencoder=deep_autoencoder)
    codes = deep_autoencoder.transform(x)
    for k in range(3):
        members = codes[start.labels_ == k]
        expected = 100 * start.cluster_centers_[k] + members.sum(axis=0)
        assert np.allclose(
            estimator.cluster_centers_[k], expected / (100 + len(members)), atol=1e-4
        )
        assert float(estimator.model_.centers.counts[k]) == 100 + len(members)


@pytest.mark.usefixtures("eager", "few_restarts")
def test_every_sample_of_every_batch_counts(patterns, deep_autoencoder):
    estimator = brief(DCN, batch_size=50).fit(patterns[0], autoencoder=deep_autoencoder)
    assert float(np.sum(estimator.model_.centers.counts)) == 3 * 100 + 3 * 50


@pytest.mark.usefixtures("eager")
def test_step_of_a_deep_neural_map_moves_the_clock_then_the_prototypes(patterns, centers):
    settings = {"map_size": (1, 3), "iterations": 4, "t_max": 2.0, "t_min": 0.5, "alpha": 0.4}
    model = brief(DNM, **settings).fit(patterns[0][:90]).model_
    model.som.iteration.assign(0)
    model.som.prototypes.assign(centers)
    x = patterns[0][:N]
    y = model(x)
    codes, temperature = keras.ops.convert_to_numpy(y["latent"]), 2.0 * (0.5 / 2.0) ** (1 / 4)
    before = keras.ops.convert_to_numpy(model.som.prototypes)
    weights = [
        [np.exp(-((abs(k - bmu) / temperature) ** 2)) for k in range(3)]
        for bmu in nearest(codes, before)
    ]
    model.compute_loss(x, y_pred=y)
    given = map(keras.ops.convert_to_tensor, (before, codes, np.array(weights, "float32")))
    expected = keras.ops.convert_to_numpy(kohonen_step(*given, 0.4 * temperature / 2.0))
    after = keras.ops.convert_to_numpy(model.som.prototypes)
    assert np.allclose(after, expected, atol=1e-5)
    assert not np.allclose(before, expected, atol=1e-2)
    assert int(model.som.iteration) == 1


@pytest.mark.parametrize("cls", [DCN, DNM])
def test_evaluation_moves_no_center(cls, patterns, deep_estimators):
    model = deep_estimators[cls].model_
    before = model.get_weights()
    model.evaluate(patterns[0][:64], verbose=0)
    assert all(np.array_equal(*pair) for pair in zip(before, model.get_weights(), strict=True))
