"""Half precision: what it rounds, what it leaves, and who compiles it."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from desom import DESOM
from desom.baselines.som_vae import SOMVAE
from desom.engine import backends
from desom.storage import load
from helpers import ON_TENSORFLOW


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


@ON_TENSORFLOW
@pytest.mark.parametrize(
    ("estimator", "pays"),
    [
        (DESOM((2, 2), hidden_units=(4,), latent_dim=2), True),
        (DESOM((2, 2), hidden_units=(4,), latent_dim=2, dtype="mixed_bfloat16"), False),
        (SOMVAE((2, 2), hidden_units=(4,), latent_dim=2), True),
        (SOMVAE((2, 2), network="convolutional", latent_dim=2), False),
    ],
)
def test_xla_compiles_what_it_is_fast_at(estimator, pays, monkeypatch):
    compiled_by_xla, function = [], tf.function

    def spy(*args, **options):
        compiled_by_xla.append(options.get("jit_compile"))
        return function(*args, **options)

    monkeypatch.setattr(tf, "function", spy)
    monkeypatch.setattr(backends, "STEPS_FOR_XLA", 2)
    x = np.random.default_rng(0).random((8, 16))
    for iterations in (1, 2):
        compiled_by_xla.clear()
        estimator.set_params(iterations=iterations, batch_size=4, random_state=0).fit(x)
        first = next(value for value in compiled_by_xla if value is not None)
        assert first is (pays and iterations == 2)
