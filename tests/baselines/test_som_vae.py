"""SOM-VAE: its losses against loops in NumPy, where their gradients flow, and what it predicts."""

import keras
import numpy as np
import pytest
from keras.random import SeedGenerator

from desom.autoencoder import build_networks
from desom.baselines.som_vae import (
    SOMVAE,
    EmbeddingLayer,
    SOMVAEModel,
    commitment_loss,
    som_vae_loss,
    som_vae_som_loss,
)
from desom.errors import InputError
from desom.grid import grid_distances
from helpers import arrays, gradients, tensors, value_and_gradients

ROWS, COLUMNS, LATENT = 3, 4, 2
NEIGHBORS = (grid_distances((ROWS, COLUMNS)) <= 1).astype("float32")
PLACES = [(0, 0), (-1, 0), (1, 0), (0, -1), (0, 1)]


@pytest.fixture
def embeddings():
    return np.random.default_rng(0).normal(size=(ROWS * COLUMNS, LATENT)).astype("float32")


def codes_near(embeddings, units):
    noise = np.random.default_rng(1).normal(scale=1e-2, size=(len(units), LATENT))
    return (embeddings[units] + noise).astype("float32")


def nearest(code, embeddings):
    return min(range(len(embeddings)), key=lambda k: sum((code - embeddings[k]) ** 2))


def slow_som_loss(codes, embeddings):
    """The loss, and its gradient with regard to the embeddings."""
    loss, gradient = 0.0, np.zeros(embeddings.shape)
    for code in codes.astype(float):
        row, column = divmod(nearest(code, embeddings), COLUMNS)
        for down, right in PLACES:
            if 0 <= row + down < ROWS and 0 <= column + right < COLUMNS:
                k = (row + down) * COLUMNS + column + right
                for j in range(LATENT):
                    error = embeddings[k, j] - code[j]
                    loss += error**2 / (len(codes) * 5 * LATENT)
                    gradient[k, j] += 2 * error / (len(codes) * 5 * LATENT)
    return loss, gradient


def som_loss_and_gradients(codes, embeddings):
    return value_and_gradients(lambda z, e: som_vae_som_loss(z, e, NEIGHBORS), codes, embeddings)


# The losses


@pytest.mark.parametrize(
    "units",
    [[0], [3], [8], [11], [1], [4], [7], [9], [5], [6], [5, 5, 0, 11, 2]],
    ids=lambda units: "-".join(map(str, units)),
)
def test_som_loss_moves_the_unit_and_its_neighbors_on_the_map(units, embeddings):
    codes = codes_near(embeddings, units)
    assert [nearest(code, embeddings) for code in codes] == units
    loss, to_codes, to_embeddings = som_loss_and_gradients(codes, embeddings)
    expected, gradient = slow_som_loss(codes, embeddings)
    assert float(loss) == pytest.approx(expected, rel=1e-4)
    assert np.allclose(to_embeddings, gradient, rtol=1e-3, atol=1e-6)
    assert to_codes is None


def test_places_beyond_the_border_count_in_the_mean_alone():
    # Every embedding is one step from the code but its own, which is there.
    embeddings = np.ones((12, LATENT), dtype="float32")
    for unit, n_neighbors in ((0, 2), (1, 3), (5, 4)):
        moved = embeddings.copy()
        moved[unit] = 0
        loss, _, gradient = som_loss_and_gradients(moved[[unit]], moved)
        assert float(loss) == pytest.approx(n_neighbors / 5)
        assert np.count_nonzero(np.any(gradient, axis=1)) == n_neighbors


def test_commitment_loss_is_a_mean_over_features_and_points():
    z_e, z_q = np.random.default_rng(0).normal(size=(2, 4, 3))
    slow = sum((z_e[i, j] - z_q[i, j]) ** 2 for i in range(4) for j in range(3)) / 12
    assert float(commitment_loss(z_e, z_q)) == pytest.approx(slow, rel=1e-6)


def test_loss_is_the_weighted_sum_of_its_four_parts():
    assert som_vae_loss(1.0, 20.0, 300.0, 4000.0, alpha=2.0, beta=3.0) == 1 + 20 + 600 + 12000


# The model


def one_step(blobs, **changes):
    settings = {"hidden_units": (8,), "latent_dim": LATENT, "iterations": 1, "random_state": 0}
    return SOMVAE((ROWS, COLUMNS), **settings | changes).fit(blobs[0])


@pytest.fixture(scope="module")
def model(blobs):
    return one_step(blobs).model_


def test_embedding_of_a_code_is_the_nearest_one(embeddings):
    layer = EmbeddingLayer(12)
    layer.build((None, LATENT))
    layer.centers.assign(embeddings)
    codes = np.random.default_rng(2).normal(size=(30, LATENT)).astype("float32")
    expected = [embeddings[nearest(code, embeddings)] for code in codes]
    assert np.array_equal(arrays(layer(codes)), expected)
    assert len(np.unique(expected, axis=0)) > 5


def test_embeddings_start_as_the_authors_draw_them():
    networks, seeds = build_networks(4, (3,), 64, SeedGenerator(1)), SeedGenerator(0)
    drawn = arrays(SOMVAEModel(*networks, (8, 8), 1.0, 1.0, seeds).embedding.centers)
    # A normal of 0.05, cut at two standard deviations, deviates by 0.88 of them.
    assert 0.099 < np.abs(drawn).max() <= 0.1
    assert drawn.std() == pytest.approx(0.05 * 0.8796, rel=0.03)
    assert abs(drawn.mean()) < 0.003


def test_both_decodings_come_from_one_decoder(model, blobs):
    outputs = arrays(model(blobs[0]))
    assert np.allclose(outputs["x_e"], arrays(model.decoder(outputs["z_e"])), atol=1e-6)
    assert np.allclose(outputs["x_q"], arrays(model.decoder(outputs["z_q"])), atol=1e-6)
    assert np.allclose(outputs["z_e"], arrays(model.encoder(blobs[0])), atol=1e-6)
    assert np.array_equal(outputs["z_q"], arrays(model.embedding(outputs["z_e"])))


PARTS = {
    "reconstruction of the code": {"encoder", "decoder"},
    "reconstruction of the embedding": {"embedding", "decoder"},
    "commitment": {"encoder", "embedding"},
    "som": {"embedding"},
}


@pytest.mark.parametrize("part", PARTS)
def test_each_loss_trains_its_own_parts_of_the_model(part, model, blobs):
    (x,) = tensors(blobs[0])

    def loss():
        y = model(x)
        return {
            "reconstruction of the code": keras.ops.mean(keras.ops.square(y["x_e"] - x)),
            "reconstruction of the embedding": keras.ops.mean(keras.ops.square(y["x_q"] - x)),
            "commitment": commitment_loss(y["z_e"], y["z_q"]),
            "som": som_vae_som_loss(y["z_e"], model.embedding.centers, model.neighbors),
        }[part]

    reached = {
        name
        for name in ("encoder", "decoder", "embedding")
        if any(g is not None for g in gradients(loss, getattr(model, name).trainable_variables))
    }
    assert reached == PARTS[part]


def test_loss_of_a_batch_is_that_of_its_outputs(blobs):
    model = one_step(blobs, alpha=0.3, beta=0.7).model_
    x, outputs = blobs[0], model(blobs[0])
    y = arrays(outputs)
    expected = np.mean((y["x_e"] - x) ** 2) + np.mean((y["x_q"] - x) ** 2)
    expected += 0.3 * np.mean((y["z_e"] - y["z_q"]) ** 2)
    expected += 0.7 * slow_som_loss(y["z_e"], np.asarray(model.embedding.centers))[0]
    assert float(model.compute_loss(x, y_pred=outputs)) == pytest.approx(expected, rel=1e-4)


# The estimator


@pytest.fixture(scope="module")
def fitted_som_vae(blobs):
    settings = {"hidden_units": (8,), "latent_dim": LATENT, "alpha": 0.37, "beta": 0.21}
    training = {"iterations": 40, "batch_size": 16, "learning_rate": 0.01, "random_state": 0}
    return SOMVAE((ROWS, COLUMNS), **settings, **training).fit(blobs[0])


def test_curves_add_up_to_the_loss(fitted_som_vae):
    curves = {name: np.array(curve) for name, curve in fitted_som_vae.history_.items()}
    weights = {
        "reconstruction_loss": 1,
        "quantized_reconstruction_loss": 1,
        "commitment_loss": 0.37,
        "som_loss": 0.21,
    }
    assert curves.keys() == {"iteration", "loss", *weights}
    total = sum(weight * curves[name] for name, weight in weights.items())
    assert curves["loss"] == pytest.approx(total, rel=1e-5)
    assert curves["loss"][-1] < curves["loss"][0]


def test_cluster_of_a_sample_is_the_embedding_nearest_to_its_code(fitted_som_vae, blobs):
    embeddings = fitted_som_vae.cluster_centers_
    assert np.array_equal(embeddings, fitted_som_vae.model_.embedding.centers)
    codes = fitted_som_vae.transform(blobs[0])
    expected = [nearest(code, embeddings) for code in codes]
    assert np.array_equal(fitted_som_vae.predict(blobs[0]), expected)
    assert np.array_equal(fitted_som_vae.labels_, expected)


def test_decoded_embedding_is_the_reconstruction_of_its_samples(fitted_som_vae, blobs):
    outputs = fitted_som_vae.model_.predict(blobs[0], verbose=0)
    decoded = fitted_som_vae.decode(fitted_som_vae.cluster_centers_)
    assert np.allclose(decoded[fitted_som_vae.labels_], outputs["x_q"], atol=1e-6)


# The authors' networks, in small


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).random((40, 64), dtype="float32")


def convolutional(**changes):
    settings = {"iterations": 3, "batch_size": 8, "random_state": 0, "network": "convolutional"}
    return SOMVAE((ROWS, COLUMNS), latent_dim=LATENT, **settings | changes)


def test_convolutional_networks_take_and_give_flat_images(images):
    estimator = convolutional().fit(images)
    encoder, decoder = estimator.model_.encoder, estimator.model_.decoder
    assert [layer.output.shape[1:] for layer in encoder.layers if "conv" in layer.name] == [
        (8, 8, 32),
        (4, 4, 64),
    ]
    assert estimator.transform(images).shape == (40, LATENT)
    decoded = estimator.decode(estimator.cluster_centers_)
    assert decoded.shape == (ROWS * COLUMNS, 64)
    assert decoded.min() >= 0 and decoded.max() <= 1
    assert decoder.output_shape == (None, 64)


@pytest.mark.parametrize("n_features", [60, 36, 2])
def test_convolutional_networks_refuse_what_is_no_square_image(n_features, images):
    with pytest.raises(InputError, match=f"X has {n_features} features; network='convolutional'"):
        convolutional().fit(images[:, :n_features])
