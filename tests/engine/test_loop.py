"""The compiled training loop against a plain one, and its curves."""

import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from keras.random import SeedGenerator
from sklearn.base import clone

from desom import Kerasom
from desom.autoencoder import AutoencoderModel, build_networks
from desom.baselines.dec import DEC
from desom.desom import DESOMModel
from desom.engine.backends import STEPS_FOR_XLA, adam, compile_steps
from desom.engine.loop import curve_points, shuffled_batches, train
from desom.som import SOMLayer, SOMModel

N_FEATURES = 5


def som_model(iterations=20):
    model = SOMModel(N_FEATURES, SOMLayer((2, 3), 2.0, 0.5, iterations))
    model.som.prototypes.assign(np.random.default_rng(1).random((6, N_FEATURES)))
    return model


def networks():
    """Give an encoder and a decoder whose weights NumPy draws: the same on every backend."""
    encoder, decoder = build_networks(N_FEATURES, (8, 6), 2, SeedGenerator(0))
    rng = np.random.default_rng(0)
    for weight in (*encoder.weights, *decoder.weights):
        if weight.ndim == 2:
            weight.assign(rng.normal(scale=np.sqrt(2 / sum(weight.shape)), size=weight.shape))
    return encoder, decoder


def autoencoder_model(iterations=20):
    return AutoencoderModel(*networks())


def desom_model(iterations=20):
    # A gamma at which both losses shape the encoder.
    model = DESOMModel(*networks(), SOMLayer((2, 3), 2.0, 0.5, iterations), gamma=0.1)
    model.som.prototypes.assign(np.random.default_rng(1).random((6, 2)))
    return model


COMPILED = pytest.mark.skipif(
    keras.backend.backend() == "torch", reason="PyTorch runs every step from Python and traces none"
)
MODELS = pytest.mark.parametrize("build", [som_model, desom_model])


def trainable(model):
    return [keras.ops.convert_to_numpy(variable) for variable in model.trainable_variables]


def compiled(model, learning_rate=0.01):
    model.compile(optimizer=keras.optimizers.Adam(learning_rate))
    return model


# A data set on disk


def on_disk(folder, x):
    np.save(folder / "x.npy", x)
    return np.load(folder / "x.npy", mmap_mode="r")


@pytest.mark.parametrize("estimator", [Kerasom((2, 3)), DEC(2, hidden_units=(8,), latent_dim=2)])
def test_a_mapped_file_gives_the_bits_of_an_array(estimator, tmp_path):
    x = np.random.default_rng(0).random((90, N_FEATURES), dtype=np.float32)
    estimator.set_params(iterations=25, batch_size=16, random_state=0)
    in_memory, mapped = (clone(estimator).fit(X) for X in (x, on_disk(tmp_path, x)))
    np.testing.assert_array_equal(mapped.cluster_centers_, in_memory.cluster_centers_)
    np.testing.assert_array_equal(mapped.labels_, in_memory.labels_)


GROWTH = """
import re, sys, warnings
from pathlib import Path
import numpy as np
from desom import Kerasom

def anonymous():
    return 1024 * int(re.search(r"RssAnon:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])

warnings.simplefilter("ignore")
Kerasom((2, 2), iterations=20).fit(np.eye(500, dtype="f4"))
X, before = np.load(sys.argv[1], mmap_mode="r"), anonymous()
Kerasom((2, 2), iterations=20, batch_size=8).fit(X, callback=lambda *_: print(anonymous() - before))
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="Linux says what memory holds")
def test_a_mapped_file_stays_on_disk(tmp_path):
    # A file with a hole: it takes no room, and reads as zeros.
    np.lib.format.open_memmap(tmp_path / "x.npy", "w+", "f4", (200_000, 500)).flush()
    command = [sys.executable, "-c", GROWTH, tmp_path / "x.npy"]
    growth = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert max(map(int, growth)) < (tmp_path / "x.npy").stat().st_size / 4


# The batches


def first_batches(n_samples, batch_size, count, seed=0):
    batches = shuffled_batches(n_samples, batch_size, np.random.default_rng(seed))
    return [next(batches) for _ in range(count)]


@pytest.mark.parametrize(("n_samples", "batch_size"), [(12, 4), (13, 4), (5, 5), (7, 3), (9, 1)])
def test_every_stretch_of_n_samples_is_a_permutation(n_samples, batch_size):
    stream = np.concatenate(first_batches(n_samples, batch_size, 3 * n_samples))
    for start in range(0, 3 * n_samples * batch_size - n_samples + 1, n_samples):
        assert np.array_equal(np.sort(stream[start : start + n_samples]), np.arange(n_samples))


def test_every_batch_is_full():
    assert {batch.shape for batch in first_batches(13, 4, 20)} == {(4,)}


def test_epochs_are_shuffled_anew():
    first, second = first_batches(50, 50, 2)
    assert not np.array_equal(first, second)


def test_batches_follow_the_generator():
    one, same, other = (np.array(first_batches(13, 4, 20, seed)) for seed in (0, 0, 1))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


# The loop


class PlainAdam:
    """Adam on NumPy arrays, in the order that Kingma and Ba give below their Algorithm 1."""

    def __init__(self, values):
        self.values, self.t = values, 0
        self.m = [np.zeros_like(value) for value in values]
        self.v = [np.zeros_like(value) for value in values]

    def step(self, gradients):
        self.t += 1
        rate = 0.003 * np.sqrt(1 - 0.999**self.t) / (1 - 0.9**self.t)
        for i, g in enumerate(gradients):
            self.m[i] = 0.9 * self.m[i] + 0.1 * g
            self.v[i] = 0.999 * self.v[i] + 0.001 * g**2
            self.values[i] -= rate * self.m[i] / (np.sqrt(self.v[i]) + 1e-3)


def plain_map(z, prototypes, t):
    """Give the SOM loss of two by three units, with its gradients by z and by the prototypes."""
    differences = z[:, None, :] - prototypes[None]
    squared = (differences**2).sum(axis=2)
    units = np.array([(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)])
    steps = np.abs(units[squared.argmin(axis=1)][:, None] - units).sum(axis=2)
    weights = np.exp(-(steps**2) / t**2)
    slopes = 2 / len(z) * weights[:, :, None] * differences
    return (weights * squared).sum(axis=1).mean(), slopes.sum(axis=1), -slopes.sum(axis=0)


def plain_layers(x, weights):
    """Give x and the output of every layer; the last is linear."""
    values = [x]
    for i in range(0, len(weights), 2):
        output = values[-1] @ weights[i] + weights[i + 1]
        values.append(output if i + 2 == len(weights) else np.maximum(output, 0))
    return values


def plain_slopes(values, weights, slope):
    """Go back through the layers: gradients by the weights, and by the input."""
    slopes = []
    for i in range(len(weights) - 2, -1, -2):
        x = values[i // 2]
        slopes = [x.T @ slope, slope.sum(axis=0), *slopes]
        slope = slope @ weights[i].T
        if i:
            slope = slope * (x > 0)
    return slopes, slope


def plain_som(x, weights, t):
    loss, _, slope = plain_map(x, weights[0], t)
    return {"loss": loss}, [slope]


def plain_desom(x, weights, t, gamma=0.1):
    """Give the losses of DESOM, and the gradients; with no prototypes, those of the autoencoder."""
    encoder, decoder, prototypes = weights[:6], weights[6:12], weights[12:]
    coded = plain_layers(x, encoder)
    decoded = plain_layers(coded[-1], decoder)
    error = decoded[-1] - x
    losses = {"loss": np.mean(error**2)}
    slopes_d, slope_z = plain_slopes(decoded, decoder, 2 * error / error.size)
    slopes_m = []
    if prototypes:
        loss_som, slope, slope_m = plain_map(coded[-1], prototypes[0], t)
        slope_z, slopes_m = slope_z + gamma * slope, [gamma * slope_m]
        losses |= {"reconstruction_loss": losses["loss"], "som_loss": loss_som}
        losses["loss"] = losses["loss"] + gamma * loss_som
    slopes_e, _ = plain_slopes(coded, encoder, slope_z)
    return losses, slopes_e + slopes_d + slopes_m


def plain_training(losses_and_slopes, x, weights, iterations, batch_size, rng):
    """Algorithm 1 of the paper, in double precision, one operation after the other."""
    adam = PlainAdam([np.asarray(w, dtype=float) for w in weights])
    batches, curves = shuffled_batches(len(x), batch_size, rng), []
    for iteration in range(1, iterations + 1):
        t = 2.0 * (0.5 / 2.0) ** (iteration / iterations)
        losses, slopes = losses_and_slopes(x[next(batches)].astype(float), adam.values, t)
        adam.step(slopes)
        curves.append(losses)
    return {name: [point[name] for point in curves] for name in curves[0]}, adam.values


def means(curve, iterations):
    """Give the means of a curve between the points of the loop's."""
    return [part.mean() for part in np.split(np.array(curve), curve_points(iterations)[:-1])]


@pytest.mark.parametrize(
    ("build", "plain"),
    [(som_model, plain_som), (autoencoder_model, plain_desom), (desom_model, plain_desom)],
)
def test_training_is_algorithm_1_on_every_backend(build, plain, blobs):
    model = build(100)
    # With its usual epsilon, 1e-7, Adam turns the rounding of a vanishing gradient into a step.
    model.compile(optimizer=keras.optimizers.Adam(0.003, epsilon=1e-3))
    start = trainable(model)
    curves = train(model, blobs[0], 100, 16, np.random.default_rng(3))
    expected, values = plain_training(plain, blobs[0], start, 100, 16, np.random.default_rng(3))

    assert curves.pop("iteration") == list(range(10, 101, 10))
    assert curves.keys() == expected.keys()
    for name, curve in curves.items():
        assert curve == pytest.approx(means(expected[name], 100), rel=1e-4), name
    for got, before, value in zip(trainable(model), start, values, strict=True):
        assert np.allclose(got, value, atol=1e-5)
        assert not np.allclose(got, before, atol=3e-3)


@COMPILED
@MODELS
def test_compilation_for_a_long_training_changes_no_step(build, blobs):
    indices = np.array(first_batches(60, 16, 30, seed=3))
    learned = []
    for iterations in (30, STEPS_FOR_XLA):
        model = compiled(build(30), 0.003)
        assert compile_steps(model, blobs[0], iterations)(indices, 30) == 30
        learned.append(trainable(model))
    for short, long in zip(*learned, strict=True):
        assert np.allclose(short, long, atol=1e-4)


@MODELS
def test_training_is_keras_own_on_the_same_batches(build, blobs):
    ours, theirs = compiled(build(201), 0.001), compiled(build(201), 0.001)
    curves = train(ours, blobs[0], 201, 16, np.random.default_rng(3))

    losses = []
    for batch in first_batches(60, 16, 201, seed=3):
        theirs.reset_metrics()
        losses.append(theirs.train_on_batch(blobs[0][batch], return_dict=True))

    for name in losses[0]:
        curve = means([point[name] for point in losses], 201)
        assert curves[name] == pytest.approx(curve, rel=1e-3), name
    for a, b in zip(ours.trainable_variables, theirs.trainable_variables, strict=True):
        assert np.allclose(a, b, atol=1e-3)


@pytest.mark.parametrize(
    ("iterations", "points", "last_steps"),
    [(1, 1, 1), (199, 20, 9), (200, 20, 10), (333, 34, 3), (401, 41, 1), (2001, 182, 10)],
)
def test_curves_are_short_and_end_at_the_last_iteration(iterations, points, last_steps, blobs):
    model = compiled(som_model(iterations))
    curves = train(model, blobs[0], iterations, 4, np.random.default_rng(0))
    assert {len(curve) for curve in curves.values()} == {points}
    assert points <= 200
    assert curves["iteration"][-1] == iterations
    assert np.diff([0, *curves["iteration"]])[-1] == last_steps
    assert int(model.som.iteration) == iterations
    assert int(model.optimizer.iterations) == iterations


def test_callback_sees_every_point_as_it_is_reached(blobs):
    model, seen = compiled(som_model(450)), []

    def callback(iteration):
        seen.append((iteration, int(model.som.iteration)))

    curves = train(model, blobs[0], 450, 4, np.random.default_rng(0), callback=callback)
    assert seen == [(i, i) for i in curves["iteration"]]


def test_batch_is_never_larger_than_the_data(blobs):
    model = compiled(som_model())
    curves = train(model, blobs[0][:7], 20, 256, np.random.default_rng(0))
    one_batch = compiled(som_model())
    expected = train(one_batch, blobs[0][:7], 20, 7, np.random.default_rng(0))
    assert curves == expected


@pytest.mark.parametrize(("learning_rate", "seen_at"), [(0.01, 1), (1e30, 2)])
@pytest.mark.parametrize("iterations", [20, 4500])
def test_loss_that_is_not_finite_ends_the_training_at_once(
    iterations, learning_rate, seen_at, blobs
):
    model = som_model(iterations)
    model.compile(optimizer=adam(learning_rate))
    x = blobs[0].copy()
    if seen_at == 1:
        x[:, 0] = np.inf
    with pytest.raises(FloatingPointError, match=f"not finite at iteration {seen_at}:"):
        train(model, x, iterations, 4, np.random.default_rng(0))
    # PyTorch's loop looks at the losses of all steps up to a point together.
    steps = curve_points(iterations)[0] if keras.backend.backend() == "torch" else 1
    assert int(model.som.iteration) == max(seen_at, steps)


@COMPILED
@MODELS
def test_step_is_traced_once(build, blobs, monkeypatch):
    model, calls = compiled(build(401)), []
    compute_loss = type(model).compute_loss

    def counted(self, *args, **kwargs):
        calls.append(None)
        return compute_loss(self, *args, **kwargs)

    monkeypatch.setattr(type(model), "compute_loss", counted)
    train(model, blobs[0], 401, 16, np.random.default_rng(0))
    assert len(calls) == 1


def test_progress_is_shown_on_request_alone(blobs, capsys):
    train(compiled(som_model()), blobs[0], 20, 4, np.random.default_rng(0))
    assert capsys.readouterr().err == ""
    train(compiled(som_model()), blobs[0], 20, 4, np.random.default_rng(0), verbose=True)
    assert "20/20" in capsys.readouterr().err


# Targets


class TellingModel(keras.Model):
    """Its loss is how far the targets are from the first feature: it tells which ones it got."""

    def __init__(self):
        x = keras.Input((N_FEATURES,))
        super().__init__(inputs=x, outputs=keras.layers.Dense(1)(x))

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return keras.ops.mean(y - x[:, 0]) + 0 * keras.ops.sum(y_pred)


class Refresh:
    """Targets that are off by the number of the call; the last call ends the training."""

    def __init__(self, model, x, last=None):
        self.model, self.x, self.last, self.calls = model, x, last, []

    def __call__(self):
        self.calls.append(int(self.model.optimizer.iterations))
        if len(self.calls) == self.last:
            return None
        return self.x[:, 0] + np.float32(len(self.calls))


def refreshed(x, iterations, interval, last=None, **options):
    model = compiled(TellingModel())
    refresh = Refresh(model, x, last)
    rng = np.random.default_rng(3)
    curves = train(
        model, x, iterations, 7, rng, refresh=refresh, refresh_interval=interval, **options
    )
    return curves, refresh.calls, int(model.optimizer.iterations)


@pytest.mark.parametrize(
    ("iterations", "interval", "expected"),
    [
        (450, 100, [0, 100, 200, 300, 400]),
        (450, 450, [0]),
        (31, 12, [0, 12, 24]),
        (9, 3, [0, 3, 6]),
        (3, 50, [0]),
    ],
)
def test_targets_reach_their_samples_until_the_next(iterations, interval, expected, blobs):
    curves, calls, steps = refreshed(blobs[0], iterations, interval)
    assert calls == expected
    assert steps == iterations
    assert curves["iteration"] == curve_points(iterations).tolist()
    # The points are those of ten steps, whatever the calls between them.
    ends = [*calls, iterations]
    numbers = np.repeat(np.arange(1, len(ends)), np.diff(ends))
    assert curves["loss"] == pytest.approx(means(numbers, iterations), abs=1e-4)


def test_refreshing_changes_no_batch(blobs):
    one, other = compiled(som_model()), compiled(som_model())
    train(one, blobs[0], 20, 16, np.random.default_rng(3))
    rng = np.random.default_rng(3)
    train(other, blobs[0], 20, 16, rng, refresh=lambda: blobs[0], refresh_interval=3)
    assert np.allclose(one.som.prototypes, other.som.prototypes, atol=1e-6)


@pytest.mark.parametrize(
    ("iterations", "interval", "last", "points"),
    [
        (450, 100, 3, [*range(10, 201, 10)]),
        (450, 99, 2, [*range(10, 99, 10), 99]),
        (450, 1, 2, [1]),
        (10, 4, 2, [4]),
        (10, 4, 1, []),
    ],
)
def test_refresh_can_end_the_training(iterations, interval, last, points, blobs):
    seen = []
    curves, _, steps = refreshed(blobs[0], iterations, interval, last, callback=seen.append)
    assert curves["iteration"] == points
    assert steps == (points[-1] if points else 0)
    assert len(curves.get("loss", [])) == len(points)
    assert seen == [point for point in points if point in curve_points(iterations)]


@COMPILED
def test_step_with_targets_is_traced_once(blobs, monkeypatch):
    calls, compute_loss = [], TellingModel.compute_loss

    def counted(self, *args, **kwargs):
        calls.append(None)
        return compute_loss(self, *args, **kwargs)

    monkeypatch.setattr(TellingModel, "compute_loss", counted)
    refreshed(blobs[0], 401, 30)
    assert len(calls) == 1


# Plain Keras


@MODELS
def test_plain_keras_trains_the_model(build, blobs):
    keras.utils.set_random_seed(0)
    model = compiled(build(iterations=120))
    losses = model.fit(blobs[0], batch_size=20, epochs=40, verbose=0).history["loss"]
    assert losses[-1] < 0.5 * losses[0]
    assert int(model.som.iteration) == 120


@MODELS
def test_evaluation_moves_no_clock(build, blobs):
    model = compiled(build())
    model.evaluate(blobs[0], verbose=0)
    assert int(model.som.iteration) == 0


@MODELS
def test_summary_prints_every_part(build, capsys):
    build().summary()
    text = capsys.readouterr().out
    parts = {"som_model", "som"} if build is som_model else {"som", "encoder", "decoder"}
    assert all(part in text for part in parts)
