"""ConvDESOM: DESOM's loss on convolutional networks, as its authors later had it in their code."""

from desom.baselines._convolutional import (
    ConvAutoencoder,
    build_convolutional_networks,
    side_of,
)
from desom.desom import DESOM, DESOMModel
from desom.estimator import Widths, hyperparameter


class ConvDESOM(DESOM):
    """DESOM of square images, with `build_convolutional_networks`; as `DESOM` otherwise."""

    hidden_units: Widths = hyperparameter(
        (32, 64, 64), "Filters of the encoder; mirrored to decode."
    )
    _autoencoder = ConvAutoencoder

    def _check_training_set(self, X):
        X = super()._check_training_set(X)
        side_of(X.shape[1])
        return X

    def _build_model(self, n_features, seeds):
        shape = n_features, self.hidden_units, self.latent_dim, seeds
        networks = build_convolutional_networks(*shape, dtype=self.dtype)
        return DESOMModel(*networks, self._som_layer(), self.gamma)
