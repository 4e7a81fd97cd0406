"""Handwritten digits on a plane, by a variational autoencoder.

The encoder says for each image where it lies in the space of codes, and how sure it is: a normal
distribution. A code is drawn from it, and the decoder draws the image again. The loss has two parts:
`reconstruction`, how badly it was drawn, and `kl`, how far the encoder's distributions stray from the
standard normal one. The second part holds the codes together without gaps, so that any code can be drawn.
On 360 unseen images `reconstruction` reaches 21.9 to 22.4 nats per image and `kl` 2.3 to 2.7, their sum 24.6 to 24.8.

Watch: the preview, a map of the plane: each place shows what the decoder draws from it. `kl` rises while
`reconstruction` falls: every nat of knowledge about the image is paid for.

Try: beta=0 (nothing holds the codes together: it draws better, 20.6, but they lie far beyond the map).
     beta=10 (too dear: `kl` falls to 0, and what is drawn is the mean of all digits, 27.2).
     latent=10 (room for more: 20.8, and the map shows only a slice).
"""

import functools
import gzip
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

epochs: int = 60  # how often every training image is seen
batch_size: int = 32  # images per optimizer step
lr: float = 2e-3  # Adam's step size
latent: int = 2  # numbers in a code
hidden: int = 256  # width of the layer on either side of the code
beta: float = 1.0  # how much the second part of the loss counts

DATA = Path(__file__).parent / "data" / "digits.csv.gz"


@functools.cache
def images():
    """Every image, (1797, 1, 8, 8), from 0 (blank) to 1 (full), in an order shuffled once and for all."""
    with gzip.open(DATA, "rt") as file:  # one image per line: 64 pixels from 0 to 16, then its digit
        rows = torch.tensor([[int(number) for number in line.split(",")] for line in file])  # (1797, 65)
    order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(0))
    return rows[order, :64].view(-1, 1, 8, 8) / 16


def data():
    train, val, test = images().split([1257, 180, 360])
    return {  # every image is its own target
        "train": DataLoader(TensorDataset(train, train), batch_size, shuffle=True),
        "val": DataLoader(TensorDataset(val, val), len(val)),
        "test": DataLoader(TensorDataset(test, test), len(test)),
    }


class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(  # (B, 1, 8, 8)
            nn.Flatten(),  # (B, 64)
            nn.Linear(64, hidden),  # (B, hidden)
            nn.ReLU(),
            nn.Linear(hidden, 2 * latent),  # (B, 2 latent): mean and log of the variance
        )
        self.decoder = nn.Sequential(  # (B, latent)
            nn.Linear(latent, hidden),  # (B, hidden)
            nn.ReLU(),
            nn.Linear(hidden, 64),  # (B, 64)
            nn.Unflatten(1, (1, 8, 8)),  # (B, 1, 8, 8): scores; their sigmoid is the image
        )

    def forward(self, images):
        mean, log_variance = self.encoder(images).chunk(2, dim=1)  # (B, latent) each
        noise = torch.randn_like(mean)
        codes = (
            mean + noise * (log_variance / 2).exp()
        )  # drawn so that the gradient reaches mean and variance
        return self.decoder(codes), mean, log_variance


def model():
    return VAE()


def reconstruction(output, target):
    """How badly images are drawn again: cross-entropy in nats per image."""
    scores, _, _ = output
    return F.binary_cross_entropy_with_logits(scores, target, reduction="sum") / len(target)


def kl(output):
    """What the codes tell beyond the standard normal distribution: Kullback and Leibler's divergence, in nats."""
    _, mean, log_variance = output
    return (mean.square() + log_variance.exp() - 1 - log_variance).sum(dim=1).mean() / 2


def loss():
    return lambda output, target: reconstruction(output, target) + beta * kl(output)


def optimizer(parameters):
    return torch.optim.Adam(parameters, lr=lr)


def metrics(output, target):
    return {"reconstruction": reconstruction(output, target), "kl": kl(output)}


@torch.no_grad()
def preview(model):
    """A map: 7 by 7 digits, drawn from codes whose first two numbers run from -2 to 2; the others are 0."""
    side = torch.linspace(-2, 2, 7, device=next(model.parameters()).device)
    codes = F.pad(torch.cartesian_prod(side, side), (0, latent - 2))  # (49, latent)
    drawn = F.pad(model.decoder(codes).sigmoid(), (0, 1, 0, 1))  # (49, 1, 9, 9): a dark line between them
    return drawn.view(7, 7, 9, 9).transpose(1, 2).reshape(63, 63)  # rows of digits, side by side
