"""DESOM once more, written in plain PyTorch, to be as fast there as a user would make it."""

from itertools import pairwise

import torch
from torch import nn

from desom.grid import grid_distances
from desom.som import temperature

UNITS, LATENT_DIM, MAP_SIZE = (500, 500, 2000), 10, (8, 8)


def _stack(sizes):
    pairs = ((nn.Linear(*widths), nn.ReLU()) for widths in pairwise(sizes))
    return nn.Sequential(*[layer for pair in pairs for layer in pair][:-1])


class TorchDESOM(nn.Module):
    """Encoder, decoder and prototypes; called on a batch, it gives the loss."""

    def __init__(self, n_features, gamma=0.001):
        super().__init__()
        sizes = [n_features, *UNITS, LATENT_DIM]
        self.encoder, self.decoder = _stack(sizes), _stack(sizes[::-1])
        distances = torch.as_tensor(grid_distances(MAP_SIZE), dtype=torch.float32)
        self.register_buffer("squared_steps", distances**2)
        self.prototypes = nn.Parameter(torch.randn(len(distances), LATENT_DIM))
        self.gamma = gamma

    def forward(self, x, t):
        """Loss of a batch at the temperature t."""
        z = self.encoder(x)
        squared = torch.cdist(z, self.prototypes).square()
        with torch.no_grad():
            weights = torch.exp(-self.squared_steps[squared.argmin(1)] / t**2)
        loss_r = nn.functional.mse_loss(self.decoder(z), x)
        return loss_r + self.gamma * (weights * squared).sum(1).mean()


def trainer(x, compiled=False, half=False):
    """Give a function that trains on rows of indices, by Adam in its fused form.

    ``half`` multiplies in bfloat16, from weights in float32, where PyTorch's autocast says so.
    """
    data = torch.as_tensor(x)
    model = TorchDESOM(data.shape[1])
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
    loss_of = torch.compile(model) if compiled else model

    def run(indices, steps):
        for i, batch in enumerate(torch.as_tensor(indices[:steps])):
            t = torch.tensor(temperature(i, 10_000, 10.0, 0.1))
            with torch.autocast("cpu", torch.bfloat16, enabled=half):
                loss = loss_of(data[batch], t)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()

    return run
