"""Mixtures in latent space, VaDE and WaMiC: equations against SciPy and loops, and their start."""

import copy

import keras
import numpy as np
import pytest
from keras import ops
from keras.random import SeedGenerator
from scipy.special import expit
from scipy.stats import multivariate_normal

from desom import metrics, storage
from desom.baselines._critics import (
    PriorLayer,
    build_critic,
    build_critic_of_data,
    gradient_penalty,
    recovery_loss,
    reverse_gradient,
    slopes,
    wasserstein_estimate,
)
from desom.baselines._mixtures import fit_mixture, log_joint, scaled_squares
from desom.baselines._variational import SamplingLayer
from desom.baselines.ae_gmm import AEGMM
from desom.baselines.vade import (
    RisingRate,
    VaDE,
    bernoulli_loss,
    mixture_divergence,
)
from desom.baselines.wamic import WaMiC
from helpers import arrays, brief, deep, gradients, tensors, value_and_gradients

N, K, LATENT = 5, 3, 2
RNG = np.random.default_rng(0)
MEAN, LOG_VARIANCE = RNG.normal(size=(N, LATENT)), RNG.normal(size=(N, LATENT))
MEANS, LOG_VARIANCES = RNG.normal(size=(K, LATENT)), RNG.normal(size=(K, LATENT))
WEIGHTS = np.array([0.2, 0.5, 0.3])

# A first step, and a step size that leaves the weights where they are.
AT_THE_START = {"iterations": 1, "learning_rate": 1e-12, "clustering_learning_rate": 1e-12}


def log_density(code, k, weights=WEIGHTS, means=MEANS, log_variances=LOG_VARIANCES):
    normal = multivariate_normal(means[k], np.diag(np.exp(log_variances[k].astype(float))))
    return np.log(weights[k]) + normal.logpdf(code)


# Mixtures


def test_scaled_squares_are_expected_ones():
    expected = np.zeros((N, K))
    for i in range(N):
        for k in range(K):
            for j in range(LATENT):
                square = np.exp(LOG_VARIANCE[i, j]) + (MEAN[i, j] - MEANS[k, j]) ** 2
                expected[i, k] += square / np.exp(LOG_VARIANCES[k, j])
    squares = scaled_squares(*tensors(MEAN, np.exp(LOG_VARIANCE), MEANS, LOG_VARIANCES))
    assert np.allclose(arrays(squares), expected)


def test_log_joint_is_that_of_normals_up_to_the_constant():
    values = arrays(log_joint(*tensors(MEAN, np.log(WEIGHTS), MEANS, LOG_VARIANCES)))
    expected = [[log_density(code, k) for k in range(K)] for code in MEAN]
    assert np.allclose(values, np.array(expected) + LATENT / 2 * np.log(2 * np.pi))


def test_sampled_codes_have_their_mean_and_variance():
    mean, log_variance = (np.repeat([row], 20_000, axis=0) for row in ([3.0, -1.0], [0.0, -2.0]))
    layer = SamplingLayer(SeedGenerator(0))
    codes = arrays(layer(mean, log_variance))
    assert codes.mean(axis=0) == pytest.approx([3, -1], abs=0.03)
    assert codes.std(axis=0) == pytest.approx([1, np.exp(-1)], rel=0.03)
    assert not np.array_equal(codes, arrays(layer(mean, log_variance)))


@pytest.mark.parametrize("offset", [0, 300])
def test_mixture_is_fitted_wherever_the_codes_are(offset):
    codes = np.repeat(MEAN[:3], 20, axis=0) + RNG.normal(scale=0.01, size=(60, LATENT)) + offset
    mixture = fit_mixture(codes.astype("float32"), 3, seed=0)
    assert np.allclose(mixture.weights_, 1 / 3)
    assert np.sqrt(mixture.covariances_).max() < 0.02
    labels = mixture.predict(codes.astype("float32").astype(float))
    assert [len(set(labels[20 * k : 20 * k + 20])) for k in range(3)] == [1, 1, 1]


def test_likeliest_of_the_restarts_is_kept():
    # Six clouds for three components: which clouds share one depends on the start.
    codes = np.repeat(RNG.normal(size=(6, LATENT)), 15, axis=0) + RNG.normal(size=(90, LATENT)) / 9
    bounds = [fit_mixture(codes, 3, seed, "full").score(codes) for seed in range(8)]
    assert max(bounds) - min(bounds) > 0.01
    best = fit_mixture(codes, 3, 0, "full", restarts=8).score(codes)
    assert best >= np.median(bounds)
    assert best == pytest.approx(max(bounds), abs=0.01)


def covariance_within(codes, labels):
    """Average the covariances of the clusters, by their sizes."""
    clusters = [codes[labels == k] for k in np.unique(labels)]
    return sum(len(c) * np.cov(c.T, bias=True) for c in clusters) / len(codes)


@pytest.mark.usefixtures("eager", "few_restarts")
@pytest.mark.parametrize("cls", [VaDE, WaMiC])
def test_whitened_start_spreads_the_clusters_by_one_in_all_directions(
    cls, patterns, deep_autoencoder
):
    x = patterns[0]
    estimator = deep(cls, start="whitened", **AT_THE_START).fit(x, autoencoder=deep_autoencoder)
    before, after = deep_autoencoder.transform(x), estimator.transform(x)
    # Three clouds far from one another: the labels give the covariances of the mixture.
    assert np.abs(covariance_within(before, estimator.labels_) - np.eye(2)).max() > 0.1
    assert np.allclose(covariance_within(after, estimator.labels_), np.eye(2), atol=0.02)
    decoded = deep_autoencoder.decode(before)
    if cls is WaMiC:
        assert np.allclose(estimator.decode(after), decoded, atol=1e-3)
    for k in range(3):
        mean = after[estimator.labels_ == k].mean(axis=0)
        assert np.allclose(estimator.cluster_centers_[k], mean, atol=0.05)


@pytest.mark.usefixtures("eager", "few_restarts")
def test_wamic_starts_where_pooled_covariances_lead(patterns, deep_autoencoder):
    # Fewer components than clouds: some are wide, and what is pooled decides.
    x, settings = patterns[0], {"n_clusters": 2}
    start = {"covariance_type": "pooled", "restarts": 10}
    alone = deep(AEGMM, **settings, **start).fit(x, autoencoder=deep_autoencoder)
    game = deep(WaMiC, start="whitened", **settings, **AT_THE_START)
    assert np.array_equal(game.fit(x, autoencoder=deep_autoencoder).labels_, alone.labels_)
    full = deep(AEGMM, restarts=10, **settings).fit(x, autoencoder=deep_autoencoder).mixture_
    pooled = sum(w * c for w, c in zip(full.weights_, full.covariances_, strict=True))
    assert np.allclose(alone.mixture_.covariances_, [pooled, pooled])
    assert np.allclose(alone.mixture_.precisions_[1] @ pooled, np.eye(2))
    for code, label in zip(alone.transform(x)[:50], alone.labels_, strict=False):
        logs = [
            np.log(w) + multivariate_normal(mean, pooled).logpdf(code)
            for w, mean in zip(full.weights_, full.means_, strict=True)
        ]
        assert label == np.argmax(logs)


def test_component_without_points_and_equal_points_have_finite_mixtures():
    for codes in (np.zeros((20, LATENT)), np.repeat(MEAN[:2], 10, axis=0)):
        for kind in ("full", "diag"):
            mixture = fit_mixture(codes, 3, seed=0, covariance_type=kind, restarts=2)
            assert np.isfinite(mixture.covariances_).all()
            assert np.isfinite(mixture.means_).all()


# VaDE


@pytest.mark.parametrize(
    ("epochs", "share"),
    [(1, 1 / 6), (3, 1 / 2), (6, 1), (15.9, 1), (16, 0.9), (26, 0.81), (146, 0.9**14), (900, 0.2)],
)
def test_step_size_rises_for_six_epochs_and_falls_in_steps_of_ten(epochs, share):
    # Steps count from 0 on.
    rate = RisingRate(0.005, epoch=100)(np.int64(100 * epochs - 1))
    assert float(rate) == pytest.approx(0.005 * share, rel=1e-5)


@pytest.mark.usefixtures("eager", "few_restarts")
def test_from_a_whitened_start_the_decoder_learns_first(patterns, deep_autoencoder, monkeypatch):
    x, seen = patterns[0], []

    def train(model, *args, **kwargs):
        seen.append({id(variable) for variable in model.trainable_variables})
        return {"iteration": [1], "loss": [0.0]}

    monkeypatch.setattr("desom.baselines.vade.train", train)
    estimator = deep(VaDE, start="whitened").fit(x, autoencoder=deep_autoencoder)
    model, (first, second) = estimator.model_, seen

    def ids(*parts):
        return {id(variable) for part in parts for variable in part.weights}

    assert first == ids(model.decoder, model.variance_head)
    # The weights of the components stay equal.
    learning = ids(model.encoder, model.decoder, model.variance_head, model.mixture)
    assert second == learning - {id(model.mixture.logits)}
    assert np.allclose(estimator.weights_, 1 / 3)


@pytest.mark.usefixtures("few_restarts")
def test_whitened_vade_learns_and_is_kept(patterns, deep_autoencoder, tmp_path):
    x, y = patterns
    estimator = deep(VaDE, start="whitened", learning_rate=0.001)
    estimator.fit(x, autoencoder=deep_autoencoder)
    assert metrics.accuracy(y, estimator.labels_) >= 0.95
    assert np.allclose(estimator.weights_, 1 / 3)
    assert estimator.history_["loss"][-1] < estimator.history_["loss"][0]
    assert estimator.history_["iteration"][-1] == 200
    assert np.array_equal(copy.deepcopy(estimator).predict(x), estimator.labels_)
    estimator.save(tmp_path / "vade.skops")
    assert np.array_equal(storage.load(tmp_path / "vade.skops").predict(x), estimator.labels_)


def normal_divergence(i, k):
    total = 0.0
    for j in range(LATENT):
        ratio = np.exp(LOG_VARIANCE[i, j] - LOG_VARIANCES[k, j])
        square = (MEAN[i, j] - MEANS[k, j]) ** 2 / np.exp(LOG_VARIANCES[k, j])
        total += (ratio + square - 1 - np.log(ratio)) / 2
    return total


def test_divergence_is_that_of_a_code_and_its_cluster():
    gamma = RNG.dirichlet(np.ones(K), size=N)
    value = mixture_divergence(
        *tensors(MEAN, LOG_VARIANCE, gamma, np.log(WEIGHTS), MEANS, LOG_VARIANCES)
    )
    expected = sum(
        gamma[i, k] * (normal_divergence(i, k) + np.log(gamma[i, k] / WEIGHTS[k]))
        for i in range(N)
        for k in range(K)
    )
    assert float(value) == pytest.approx(expected / N, rel=1e-5)


def test_divergence_of_the_prior_from_itself_is_zero():
    prior = (np.zeros(1), MEANS[:1], LOG_VARIANCES[:1])
    value = mixture_divergence(*tensors(MEANS[:1], LOG_VARIANCES[:1], np.ones((1, 1)), *prior))
    assert float(value) == pytest.approx(0, abs=1e-6)


def test_bernoulli_loss_is_a_cross_entropy_summed_over_pixels():
    x, logits = RNG.random((4, 3)), RNG.normal(size=(4, 3))
    expected = 0.0
    for i in range(4):
        for j in range(3):
            p = 1 / (1 + np.exp(-logits[i, j]))
            expected -= x[i, j] * np.log(p) + (1 - x[i, j]) * np.log(1 - p)
    assert float(bernoulli_loss(x, logits)) == pytest.approx(expected / 4)
    sure = np.array([[1e4, -1e4]], dtype="float32")
    assert float(bernoulli_loss(np.float32([[1, 0]]), sure)) == 0
    assert float(bernoulli_loss(np.float32([[0, 1]]), sure)) == 2e4


def test_gradient_of_vade_reaches_every_part(patterns, deep_estimators):
    model = deep_estimators[VaDE].model_
    (x,) = tensors(patterns[0][:16])
    y = model(x)
    expected = bernoulli_loss(x, y["logits"]) + mixture_divergence(
        y["mean"], y["log_variance"], ops.softmax(y["log_joint"]), *model.mixture.parameters()
    )
    assert float(model.compute_loss(x, y_pred=y)) == pytest.approx(float(expected))
    # The metrics, which a loss updates, are no part of its gradient.
    found = gradients(lambda: model.compute_loss(x, y_pred=model(x)), model.trainable_variables)
    assert len(found) == 6 + 6 + 2 + 3 and all(gradient is not None for gradient in found)


@pytest.mark.usefixtures("eager", "few_restarts")
def test_vade_starts_as_the_autoencoder_and_its_mixture(patterns, deep_autoencoder):
    x = patterns[0]
    estimator = deep(VaDE, **AT_THE_START).fit(x, autoencoder=deep_autoencoder)
    codes = deep_autoencoder.transform(x)
    assert np.allclose(estimator.transform(x), codes, atol=1e-4)
    before, after = deep_autoencoder.decode(codes), estimator.decode(codes)
    assert np.allclose(after, expit(8 * (before - 0.5)), atol=1e-4)
    assert np.abs(after - before).mean() < 0.1
    twin = deep(AEGMM, covariance_type="diag").fit(x, autoencoder=deep_autoencoder)
    mixture = twin.mixture_
    assert np.allclose(estimator.cluster_centers_, mixture.means_, atol=1e-4)
    assert np.allclose(np.exp(estimator.log_variances_), mixture.covariances_, rtol=1e-3)
    assert np.allclose(estimator.weights_, mixture.weights_, atol=1e-5)
    assert np.array_equal(estimator.labels_, twin.labels_)
    # The codes begin with a tenth of the variance within the clusters.
    log_variance = arrays(estimator.model_(x))["log_variance"]
    expected = 0.1 * mixture.weights_ @ mixture.covariances_
    assert np.allclose(np.exp(log_variance), expected, rtol=1e-3)


def test_vade_decodes_to_probabilities(deep_estimators):
    anywhere = RNG.normal(scale=100, size=(50, 2))
    decoded = deep_estimators[VaDE].decode(anywhere)
    assert 0 <= decoded.min() < 0.01
    assert 0.99 < decoded.max() <= 1


def test_label_of_vade_is_the_most_probable_component_at_the_mean(deep_estimators, patterns):
    estimator = deep_estimators[VaDE]
    parameters = (estimator.weights_, estimator.cluster_centers_, estimator.log_variances_)
    codes = estimator.transform(patterns[0])
    expected = [np.argmax([log_density(code, k, *parameters) for k in range(3)]) for code in codes]
    assert np.array_equal(estimator.labels_, expected)
    assert np.allclose(codes, arrays(estimator.model_(patterns[0]))["mean"], atol=1e-4)
    assert estimator.weights_.sum() == pytest.approx(1, abs=1e-5)


@pytest.mark.usefixtures("eager", "few_restarts")
@pytest.mark.parametrize("covariance_type", ["full", "diag"])
def test_label_of_ae_gmm_is_the_most_probable_component(
    covariance_type, patterns, deep_autoencoder
):
    x = patterns[0][:90]
    settings = {"n_clusters": 4, "covariance_type": covariance_type}
    estimator = deep(AEGMM, **settings).fit(x, autoencoder=deep_autoencoder)
    full, mixture = covariance_type == "full", estimator.mixture_
    normals = [
        multivariate_normal(mean, covariance if full else np.diag(covariance))
        for mean, covariance in zip(mixture.means_, mixture.covariances_, strict=True)
    ]
    for code, label in zip(estimator.transform(x), estimator.labels_, strict=True):
        logs = [np.log(w) + n.logpdf(code) for w, n in zip(mixture.weights_, normals, strict=True)]
        assert label == np.argmax(logs)


# WaMiC


def test_reversed_gradient_has_the_other_sign():
    x = RNG.normal(size=4)
    assert np.allclose(arrays(reverse_gradient(*tensors(x), 2.5)), x)
    _, gradient = value_and_gradients(lambda x: ops.sum(reverse_gradient(x, 2.5) ** 2), x)
    assert np.allclose(gradient, -2.5 * 2 * x)


def test_wasserstein_estimate_is_a_difference_of_means():
    of_codes, of_prior = RNG.normal(size=(2, 4))
    weights = np.array([0.1, 0.2, 0.3, 0.4])
    expected = sum(of_codes) / 4 - sum(weights[j] * of_prior[j] for j in range(4))
    assert float(wasserstein_estimate(of_codes, of_prior, weights)) == pytest.approx(expected)


def test_prior_is_sampled_evenly_and_weighted():
    prior = PriorLayer(3, SeedGenerator(0))
    prior.build((None, LATENT))
    prior.means.assign(100 * MEANS)
    prior.logits.assign(np.log(WEIGHTS))
    samples, weights = arrays(prior(np.zeros((6000, LATENT), "float32")))
    for k in range(3):
        ours = samples[k::3]
        assert ours.mean(axis=0) == pytest.approx(100 * MEANS[k], abs=0.1)
        assert ours.std(axis=0) == pytest.approx([1, 1], rel=0.05)
        assert weights[k::3] == pytest.approx(WEIGHTS[k] / 2000, rel=1e-3)
    samples, weights = arrays(prior(np.zeros((7, LATENT), "float32")))
    assert (len(samples), len(weights)) == (7, 7)
    assert weights.sum() == pytest.approx(1)


def test_critic_is_lipschitz():
    critic = build_critic(LATENT, SeedGenerator(0))
    x = RNG.normal(scale=3, size=(200, LATENT)).astype("float32")
    # Every call in training is a step of the power iteration.
    for _ in range(30):
        critic(x, training=True)
    values = arrays(critic(x))[:, 0]
    lengths = np.linalg.norm(x[:, None] - x, axis=2)
    assert np.all(np.abs(values[:, None] - values) <= 1.05 * lengths + 1e-4)
    kernels = [arrays(layer.kernel) for layer in critic.layers if hasattr(layer, "kernel")]
    norms = [np.linalg.norm(kernel, 2) for kernel in kernels]
    assert norms == pytest.approx([1, 1, 1], rel=0.05)


@pytest.mark.usefixtures("eager", "few_restarts")
def test_critic_raises_what_codes_and_prior_lower(patterns, monkeypatch):
    model = brief(WaMiC, lam=0.5 * 40).fit(patterns[0][:90]).model_
    # Without noise, the samples of the prior are its means.
    monkeypatch.setattr(keras.random, "normal", lambda shape, **kwargs: ops.zeros(shape))
    model.prior.logits.assign([0.1, 0.4, -0.3])
    (x,) = tensors(patterns[0][:6])
    parts = {
        name: getattr(model, name).trainable_variables for name in ("encoder", "prior", "critic")
    }

    def distance():
        of_prior = model.critic(model.prior.means.value)[:, 0]
        weights = ops.softmax(model.prior.logits.value)
        of_codes = model.critic(model.encoder(x))[:, 0]
        return ops.mean(of_codes) - ops.sum(weights * of_prior)

    def lowered():
        loss_r = ops.mean((model.decoder(model.encoder(x)) - x) ** 2)
        return loss_r + 0.5 * distance()

    def raised():
        return -distance()

    def loss():
        return model.compute_loss(x, y_pred=model(x), training=False)

    for name, objective in (("encoder", lowered), ("prior", lowered), ("critic", raised)):
        both = (gradients(f, parts[name]) for f in (loss, objective))
        for pair in zip(*both, strict=True):
            # That of the critic's last bias vanishes, to the last bit or nearly.
            got, expected = (0.0 if gradient is None else gradient for gradient in pair)
            assert np.allclose(got, expected, atol=1e-5), name


@pytest.mark.usefixtures("eager", "few_restarts")
def test_wamic_rescales_the_codes_and_no_reconstruction(patterns, deep_autoencoder):
    x = patterns[0]
    estimator = deep(WaMiC, **AT_THE_START).fit(x, autoencoder=deep_autoencoder)
    before, after = deep_autoencoder.transform(x), estimator.transform(x)
    mixture = deep(AEGMM, covariance_type="diag").fit(x, autoencoder=deep_autoencoder).mixture_
    scale = np.sqrt(mixture.weights_ @ mixture.covariances_)
    assert np.abs(np.log(scale)).max() > 0.05
    assert np.allclose(after, before / scale, rtol=1e-3, atol=1e-3)
    assert np.allclose(estimator.cluster_centers_, mixture.means_ / scale, rtol=1e-3)
    assert np.allclose(estimator.weights_, mixture.weights_, atol=1e-5)
    assert np.allclose(estimator.decode(after), deep_autoencoder.decode(before), atol=1e-3)


def test_label_of_wamic_is_the_most_probable_component(deep_estimators, patterns):
    estimator = deep_estimators[WaMiC]
    parameters = (estimator.weights_, estimator.cluster_centers_, np.zeros((3, 2)))
    codes = estimator.transform(patterns[0])
    expected = [np.argmax([log_density(code, k, *parameters) for k in range(3)]) for code in codes]
    assert np.array_equal(estimator.labels_, expected)


@pytest.mark.usefixtures("eager", "few_restarts")
def test_step_of_wamic_moves_every_part(patterns, deep_autoencoder):
    settings = {"iterations": 1, "clustering_learning_rate": 0.01}
    one, start = (
        brief(WaMiC, **changes).fit(patterns[0], autoencoder=deep_autoencoder)
        for changes in (settings, AT_THE_START)
    )
    for name in ("encoder", "decoder", "prior", "critic"):
        pairs = zip(
            getattr(one.model_, name).get_weights(),
            getattr(start.model_, name).get_weights(),
            strict=True,
        )
        assert any(not np.allclose(*pair, atol=1e-3) for pair in pairs), name


def test_slopes_of_a_critic_of_data_are_its_gradients():
    critic = build_critic_of_data(3, SeedGenerator(0))
    for layer in critic.layers:
        layer.bias.assign(RNG.normal(scale=0.1, size=layer.bias.shape))
    x = RNG.normal(size=(20, 3)).astype("float32")
    _, expected = value_and_gradients(lambda x: ops.sum(critic(x)), x)
    assert np.abs(expected).min(axis=0).max() > 1e-4
    assert np.allclose(arrays(slopes(critic, *tensors(x))), expected, atol=1e-5)


def test_penalty_is_of_lengths_other_than_one():
    (steep,) = tensors(np.float32([[3, 4], [0, 1], [0, 0]]))
    assert float(gradient_penalty(steep)) == pytest.approx((4**2 + 0 + 1) / 3, rel=1e-4)


def test_recovery_loss_is_the_surprise_at_the_true_component():
    log_joints, weights = RNG.normal(size=(4, K)), np.array([0.1, 0.2, 0.3, 0.4])
    components = np.array([2, 0, 1, 1])
    expected = 0.0
    for j in range(4):
        posterior = np.exp(log_joints[j]) / sum(np.exp(log_joints[j]))
        expected -= weights[j] * np.log(posterior[components[j]])
    assert float(recovery_loss(*tensors(log_joints, components, weights))) == pytest.approx(
        expected, rel=1e-5
    )
    sure = 100 * np.eye(3, dtype="float32")
    assert float(recovery_loss(*tensors(sure, np.arange(3), np.full(3, 1 / 3, "float32")))) < 1e-6


@pytest.mark.usefixtures("eager", "few_restarts")
def test_gradients_of_the_game_on_data_are_those_of_its_players(patterns, monkeypatch):
    model = brief(WaMiC, game="data", lam=0.5 * 40).fit(patterns[0][:90]).model_
    monkeypatch.setattr(keras.random, "normal", lambda shape, **kwargs: ops.zeros(shape))
    monkeypatch.setattr(keras.random, "uniform", lambda shape, **kwargs: ops.full(shape, 0.3))
    model.prior.logits.assign([0.1, 0.4, -0.3])
    (x,) = tensors(patterns[0][:6])
    assert not model.prior.trainable_variables
    weights = np.exp([0.1, 0.4, -0.3]) / sum(np.exp([0.1, 0.4, -0.3]))
    means = np.array([arrays(model.prior.means)[k % 3] for k in range(6)])
    (weights, means) = tensors(np.float32(np.tile(weights, 2) / 2), means)

    def error():
        return ops.mean((model.decoder(model.encoder(x)) - x) ** 2)

    def distance():
        values = model.critic(model.decoder(means))[:, 0]
        return ops.mean(model.critic(x)[:, 0]) - ops.sum(weights * values)

    # What was decoded stands still for the encoder, and so it does for the critic.
    (decoded,) = tensors(arrays(model.decoder(means)))

    def recovered():
        codes = model.encoder(decoded)
        squares = [ops.sum((codes - means[k]) ** 2, axis=1) for k in range(3)]
        logs = ops.stack([model.prior.logits.value[k] - squares[k] / 2 for k in range(3)], axis=1)
        log_posterior = ops.log_softmax(logs, axis=1)
        return error() - sum(weights[j] * log_posterior[j, j % 3] for j in range(6)) / 40

    def raised():
        between = 0.3 * x + 0.7 * decoded
        norms = ops.sqrt(ops.sum(slopes(model.critic, between) ** 2, axis=1))
        return 10 * ops.mean((norms - 1) ** 2) - distance()

    def loss():
        return model.compute_loss(x, y_pred=model(x), training=False)

    objectives = {
        "encoder": recovered,
        "decoder": lambda: error() + 0.5 * distance(),
        "critic": raised,
    }
    for name, objective in objectives.items():
        variables = getattr(model, name).trainable_variables
        both = (gradients(f, variables) for f in (loss, objective))
        for pair in zip(*both, strict=True):
            got, expected = (0.0 if gradient is None else gradient for gradient in pair)
            assert np.allclose(got, expected, atol=1e-5), name


@pytest.mark.usefixtures("few_restarts")
def test_game_on_data_keeps_the_patterns_apart(patterns, deep_autoencoder):
    x, y = patterns
    estimator = deep(WaMiC, game="data", start="whitened", lam=1.0)
    estimator.fit(x, autoencoder=deep_autoencoder)
    assert metrics.accuracy(y, estimator.predict(x)) >= 0.95
    assert estimator.history_.keys() == {
        "iteration",
        "loss",
        "reconstruction_loss",
        "wasserstein_estimate",
        "gradient_penalty",
        "recovery_loss",
    }
