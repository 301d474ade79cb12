"""Precision, who compiles what, and Adam."""

from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
import pytest
from keras.random import SeedGenerator

from desom import DESOM, Kerasom
from desom.autoencoder import build_networks
from desom.baselines.dkm import DKM
from desom.engine.backends import STEPS_FOR_XLA, adam, usual_precision, xla_pays
from desom.errors import InputError
from desom.storage import load

# Half precision


@pytest.fixture(scope="module")
def precisions():
    x = np.random.default_rng(0).random((64, 16))
    return x, {
        dtype: DESOM(
            (2, 3),
            hidden_units=(32, 16),
            latent_dim=2,
            dtype=dtype,
            pretrain_iterations=20,
            iterations=40,
            random_state=0,
        ).fit(x)
        for dtype in ("float32", "mixed_bfloat16")
    }


def test_half_precision_rounds_and_no_more(precisions):
    single, half = (e.history_["loss"] for e in precisions[1].values())
    assert half != single
    # Eight bits of mantissa.
    assert half == pytest.approx(single, rel=0.03)


def test_half_precision_is_of_products_alone(precisions):
    x, estimators = precisions
    model = estimators["mixed_bfloat16"].model_
    *products, last = model.decoder.layers
    assert {layer.compute_dtype for layer in products} == {"bfloat16"}
    assert last.compute_dtype == "float32" and not last.weights
    assert {keras.backend.standardize_dtype(w.dtype) for w in model.weights} == {"float32", "int32"}
    outputs = model(x.astype(np.float32))
    assert {keras.backend.standardize_dtype(o.dtype) for o in outputs.values()} == {"float32"}
    # Mantissas of eight bits, those of bfloat16, are multiples of 2^-8.
    codes = estimators["mixed_bfloat16"].transform(x)
    mantissas, _ = np.frexp(codes)
    assert codes.dtype == np.float32 and (mantissas * 2**8 % 1 != 0).any()


def test_half_precision_is_kept_in_a_file(precisions, tmp_path):
    x, estimators = precisions
    estimators["mixed_bfloat16"].save(tmp_path / "map.npz")
    loaded = load(tmp_path / "map.npz")
    assert loaded.dtype == "mixed_bfloat16"
    assert np.array_equal(loaded.transform(x), estimators["mixed_bfloat16"].transform(x))


# XLA


def encoder(dtype="float32"):
    return build_networks(16, (4,), 2, SeedGenerator(0), dtype)[0]


def convolution():
    return keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Conv2D(2, 3)])


@pytest.mark.skipif(
    keras.backend.backend() != "tensorflow" or bool(keras.distribution.list_devices("gpu")),
    reason="about TensorFlow on a processor; on a GPU, XLA is always faster",
)
def test_xla_compiles_what_it_is_fast_at():
    assert xla_pays(encoder(), STEPS_FOR_XLA)
    assert not xla_pays(encoder(), STEPS_FOR_XLA - 1)
    assert not xla_pays(encoder("mixed_bfloat16"), STEPS_FOR_XLA)
    assert not xla_pays(convolution(), STEPS_FOR_XLA)


# Adam


def test_adam_is_keras_own():
    rng = np.random.default_rng(0)
    start, ours, theirs = rng.random((4, 3)), adam(0.01), keras.optimizers.Adam(0.01)
    a, b = (keras.Variable(start, dtype="float32") for _ in range(2))
    for scale in (1.0, 1e-6, 100.0, 0.0, -3.0):
        gradient = keras.ops.convert_to_tensor(scale * rng.random((4, 3)), dtype="float32")
        ours.apply([gradient], [a])
        theirs.apply([gradient], [b])
        assert np.allclose(a, b, rtol=1e-5, atol=1e-6)
    assert not np.allclose(a, start, atol=5e-3)


# Keras' global settings

METHODS = {
    "kerasom": lambda: Kerasom((2, 3), iterations=20, random_state=0),
    "desom": lambda: DESOM((2, 3), hidden_units=(4,), latent_dim=2, iterations=20, random_state=0),
    "dkm": lambda: DKM(
        3, hidden_units=(4,), latent_dim=2, pretrain_iterations=5, iterations=20, random_state=0
    ),
}


@pytest.fixture
def settings():
    """Put Keras' global settings back as they were."""
    policy, floatx = keras.config.dtype_policy(), keras.config.floatx()
    yield keras.config
    keras.config.set_floatx(floatx)
    keras.config.set_dtype_policy(policy)


@pytest.mark.parametrize("method", METHODS)
def test_policy_that_is_set_before_changes_no_result(method, blobs, settings):
    x = blobs[0]
    expected = METHODS[method]().fit(x)
    for policy in ("mixed_bfloat16", "float64"):
        settings.set_dtype_policy(policy)
        estimator = METHODS[method]().fit(x)
        assert settings.dtype_policy().name == policy
        assert np.array_equal(estimator.cluster_centers_, expected.cluster_centers_)
        assert np.array_equal(estimator.predict(x), expected.labels_)
        assert estimator.history_ == expected.history_


def test_policy_is_put_back_after_an_error(settings):
    settings.set_dtype_policy("mixed_bfloat16")
    with pytest.raises(ZeroDivisionError), usual_precision():
        assert settings.dtype_policy().name == "float32"
        1 / 0  # noqa: B018
    assert settings.dtype_policy().name == "mixed_bfloat16"


def test_policy_of_other_threads_is_left_alone(settings):
    settings.set_dtype_policy("mixed_bfloat16")
    with usual_precision(), ThreadPoolExecutor(1) as thread:
        thread.submit(settings.set_dtype_policy, "mixed_float16").result()
        assert settings.dtype_policy().name == "float32"
    assert settings.dtype_policy().name == "mixed_bfloat16"


@pytest.mark.parametrize("floatx", ["float16", "float64"])
def test_other_numbers_than_float32_are_refused(floatx, settings):
    settings.set_floatx(floatx)
    with pytest.raises(InputError, match=f"is '{floatx}'; networks are"), usual_precision():
        pass
    assert settings.floatx() == floatx
