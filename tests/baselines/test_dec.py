"""DEC, IDEC and Deep Neural Maps: assignments and targets against loops, and when training ends."""

import keras
import numpy as np
import pytest

from desom.autoencoder import Autoencoder
from desom.baselines.ae_kmeans import AEKMeans
from desom.baselines.dec import DEC, self_training_loss, soft_assignments, target_distribution
from desom.baselines.dnm import sharpened
from desom.baselines.idec import IDEC
from desom.som import squared_distances
from helpers import K, N, brief, deep, value_and_gradients

BOTH = pytest.mark.parametrize("cls", [DEC, IDEC])


def slow_assignments(codes, centers):
    q = np.empty((len(codes), len(centers)))
    for i, code in enumerate(codes):
        for k, center in enumerate(centers):
            q[i, k] = 1 / (1 + sum((code.astype(float) - center) ** 2))
        q[i] /= sum(q[i])
    return q


def slow_targets(q):
    frequencies = [sum(q[i, k] for i in range(len(q))) for k in range(K)]
    p = np.empty(q.shape)
    for i in range(len(q)):
        for k in range(K):
            p[i, k] = q[i, k] ** 2 / frequencies[k]
        p[i] /= sum(p[i])
    return p


def slow_loss(p, q):
    return sum(p[i, k] * np.log(p[i, k] / q[i, k]) for i in range(len(p)) for k in range(K)) / len(
        p
    )


# The equations


def test_soft_assignments_are_student_s_t(codes, centers):
    q = soft_assignments(squared_distances(codes, centers))
    assert np.allclose(q, slow_assignments(codes, centers))
    far = soft_assignments(np.array([[1e30, 1e30, 2e30]], dtype="float32"))
    assert np.allclose(far, [[0.4, 0.4, 0.2]])


def test_targets_are_squares_over_the_size_of_the_cluster(codes, centers):
    q = slow_assignments(codes, centers)
    p = target_distribution(q)
    assert np.allclose(p, slow_targets(q))
    assert np.allclose(p.sum(axis=1), 1)


def test_sharpened_assignments_know_of_no_other_point(codes, centers):
    q = slow_assignments(codes, centers)
    p = np.asarray(sharpened(q))
    for i in range(N):
        assert np.allclose(p[i], [q[i, k] ** 2 / sum(q[i] ** 2) for k in range(K)])
    assert np.allclose(sharpened(q[2:3]), p[2:3])


def test_self_training_loss_is_a_divergence(codes, centers):
    q = slow_assignments(codes, centers)
    p = slow_targets(q)

    def loss(p, q):
        return float(self_training_loss(*map(keras.ops.convert_to_tensor, (p, q))))

    assert loss(p, q) == pytest.approx(slow_loss(p, q), rel=1e-5)
    assert loss(q, q) == 0
    sure = np.eye(K)[[0, 1]]
    assert loss(sure, np.full((2, K), 1 / 3)) == pytest.approx(np.log(3))
    assert np.isfinite(loss(sure, sure[::-1].copy()))


def paper_s_gradients(codes, centers, p):
    """Equations 4 and 5 of DEC's paper, for its sum over points."""
    q = slow_assignments(codes, centers)
    to_codes, to_centers = np.zeros(codes.shape), np.zeros(centers.shape)
    for i in range(N):
        for k in range(K):
            difference = codes[i] - centers[k]
            pull = 2 / (1 + sum(difference**2)) * (p[i, k] - q[i, k]) * difference
            to_codes[i] += pull
            to_centers[k] -= pull
    return to_codes, to_centers


def assert_gradients(loss, codes, centers, p):
    _, to_codes, to_centers = value_and_gradients(loss, codes, centers)
    expected = paper_s_gradients(codes, centers, p)
    assert np.allclose(N * to_codes, expected[0], atol=1e-5)
    assert np.allclose(N * to_centers, expected[1], atol=1e-5)
    assert np.abs(expected[0]).max() > 0.01


def test_gradients_are_those_of_the_paper(codes, centers):
    p = slow_targets(slow_assignments(codes, centers))
    targets = keras.ops.convert_to_tensor(p)

    def loss(z, m):
        return self_training_loss(targets, soft_assignments(squared_distances(z, m)))

    assert_gradients(loss, codes, centers, p)


def test_no_gradient_flows_through_sharpened_targets(codes, centers):
    def loss(z, m):
        q = soft_assignments(squared_distances(z, m))
        return self_training_loss(sharpened(q), q)

    q = slow_assignments(codes, centers)
    p = q**2 / (q**2).sum(axis=1, keepdims=True)
    assert_gradients(loss, codes, centers, p)


# The training


@pytest.fixture
def begin(few_restarts, patterns, deep_autoencoder, monkeypatch):
    """Bring an estimator to its joint training; give what that calls at every interval."""

    def call(cls, **settings):
        given = {}

        def train(*args, refresh, refresh_interval):
            given.update(refresh=refresh, interval=refresh_interval)
            return {"iteration": [1], "loss": [0.0]}

        monkeypatch.setattr("desom.estimator.train", train)
        estimator = deep(cls, update_interval=17, **settings)
        estimator.fit(patterns[0], autoencoder=deep_autoencoder)
        assert given["interval"] == 17
        return estimator, given["refresh"]

    return call


@BOTH
def test_targets_are_those_of_the_whole_data_set_as_it_is_now(cls, begin, patterns):
    estimator, refresh = begin(cls, tol=0.0)
    for centers in (estimator.cluster_centers_, np.float32([[0, 0], [1, 5], [-3, 2]])):
        estimator.model_.centers.centers.assign(centers)
        codes = estimator.transform(patterns[0])
        expected = slow_targets(slow_assignments(codes, centers))
        assert np.allclose(refresh(), expected, atol=1e-4)
        assert estimator.labels_.tolist() == expected_labels(codes, centers)


def expected_labels(codes, centers):
    return slow_assignments(codes, centers).argmax(axis=1).tolist()


@BOTH
def test_training_ends_where_few_samples_change_their_cluster(cls, begin):
    estimator, refresh = begin(cls, tol=0.5)
    centers = estimator.cluster_centers_
    # The first targets are computed in any case: no label has had the time to change.
    refresh()
    # Every third sample keeps its cluster, then all do.
    estimator.model_.centers.centers.assign(centers[[0, 2, 1]])
    assert refresh() is not None
    assert refresh() is None
    assert estimator.n_refreshes_ == 2


@BOTH
def test_without_tolerance_settled_labels_go_on(cls, begin):
    estimator, refresh = begin(cls, tol=0.0)
    for _ in range(3):
        refresh()
    assert estimator.n_refreshes_ == 3


@pytest.mark.usefixtures("eager", "few_restarts", "point_per_step")
@BOTH
def test_settled_labels_end_the_fit(cls, deep_autoencoder, patterns):
    settled = {"iterations": 50, "update_interval": 3, "tol": 0.9}
    estimator = brief(cls, **settled).fit(patterns[0], autoencoder=deep_autoencoder)
    assert estimator.n_refreshes_ == 1
    assert estimator.history_["iteration"] == [1, 2, 3]
    endless = {"iterations": 7, "update_interval": 3, "tol": 0.0}
    estimator = brief(cls, **endless).fit(patterns[0], autoencoder=deep_autoencoder)
    assert estimator.n_refreshes_ == 3
    assert estimator.history_["iteration"][-1] == 7


@pytest.mark.usefixtures("eager", "few_restarts")
@BOTH
def test_first_loss_is_that_of_the_codes_of_the_autoencoder(cls, deep_autoencoder, patterns):
    x = patterns[0][:90]
    one = {"iterations": 1, "batch_size": 90}
    estimator = brief(cls, **one).fit(x, autoencoder=deep_autoencoder)
    start = deep(AEKMeans).fit(x, autoencoder=deep_autoencoder)
    q = slow_assignments(start.transform(x), start.cluster_centers_)
    expected = slow_loss(slow_targets(q), q)
    assert estimator.history_["clustering_loss"] == pytest.approx([expected], rel=1e-3)


@BOTH
def test_label_is_the_most_probable_cluster(cls, deep_estimators, patterns):
    estimator = deep_estimators[cls]
    codes = estimator.transform(patterns[0])
    assert estimator.labels_.tolist() == expected_labels(codes, estimator.cluster_centers_)


def test_dec_leaves_its_decoder_alone(deep_estimators, deep_autoencoder):
    before, after = (
        e.model_.decoder.get_weights() for e in (deep_autoencoder, deep_estimators[DEC])
    )
    assert all(np.array_equal(*pair) for pair in zip(before, after, strict=True))
    after = deep_estimators[IDEC].model_.decoder.get_weights()
    assert not any(np.array_equal(*pair) for pair in zip(before, after, strict=True))


@BOTH
def test_adam_moves_by_its_rate_and_gradient_descent_by_the_gradient(cls):
    X = np.random.default_rng(0).random((60, 6), dtype="float32")
    changed = {"iterations": 1, "clustering_learning_rate": 1e-4, "random_state": 0}
    first = Autoencoder(hidden_units=(8,), latent_dim=2, iterations=5, random_state=0).fit(X)
    moved = {}
    for optimizer in ("adam", "sgd"):
        method = cls(3, hidden_units=(8,), latent_dim=2, optimizer=optimizer, **changed)
        after = method.fit(X, autoencoder=first).model_.encoder.get_weights()
        before = first.model_.encoder.get_weights()
        moved[optimizer] = max(np.abs(a - b).max() for a, b in zip(after, before, strict=True))
    assert np.isclose(moved["adam"], 1e-4, rtol=0.05)
    assert not np.isclose(moved["sgd"], 1e-4, rtol=0.05)
