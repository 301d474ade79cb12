"""ConvDESOM: DESOM's loss on convolutional networks, as its authors later had it in their code."""

from desom.baselines._convolutional import FILTERS, ConvAutoencoder, build_convolutional_networks
from desom.desom import DESOM, DESOMModel
from desom.estimator import Widths


class ConvDESOM(DESOM):
    """DESOM of square images, with `build_convolutional_networks`; as `DESOM` otherwise."""

    hidden_units: Widths = FILTERS
    _autoencoder = ConvAutoencoder

    def _build_model(self, n_features, seeds):
        shape = n_features, self.hidden_units, self.latent_dim, seeds
        networks = build_convolutional_networks(*shape, dtype=self.dtype)
        return DESOMModel(*networks, self._som_layer(), self.gamma)
