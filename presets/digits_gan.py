"""Handwritten digits made up by one network to fool another.

The painter turns noise into images; the judge scores how real an image looks. The judge learns to tell
painted from real, the painter learns what the judge takes for real. No image is ever shown to the painter:
all it knows came through the judge's gradient.

Watch: the losses do not fall. This is a tug of war, and neither side winning is what you want to see; a judge
that only guesses makes `train/loss` 3 log 2, which is 2.08. `distance` tells how far painted images are from
real ones as a whole: for plain noise it is 1.9, between two sets of real digits 0.02 to 0.04, and training
takes it down to about 0.08 to 0.09 on the test set. It jumps about on the way: there is no minimum to roll
into.

Try: latent=1 (all that the painter knows now lies along one line: 0.7, and few different digits).
     momentum=0.9 (the players keep going after the other has turned: 0.3).
     hidden=16 (two weak players: 0.2).
"""

import functools
import gzip
from pathlib import Path

import torch
from torch import nn
from torch.func import functional_call
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

epochs: int = 150  # how often every training image is seen
batch_size: int = 64  # images per optimizer step, and as many painted ones
lr: float = 5e-4  # Adam's step size, of painter and judge
momentum: float = 0.5  # how much of the last gradients Adam keeps going with
latent: int = 16  # numbers of noise that an image is painted from
hidden: int = 256  # width of the hidden layers
dropout: float = 0.3  # share of what the judge sees that is left out at each training step

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
    return {  # the targets are the real images that painted ones are compared with
        "train": DataLoader(TensorDataset(train, train), batch_size, shuffle=True, drop_last=True),
        "val": DataLoader(TensorDataset(val, val), len(val)),
        "test": DataLoader(TensorDataset(test, test), len(test)),
    }


class GAN(nn.Module):
    def __init__(self):
        super().__init__()
        self.painter = nn.Sequential(  # (B, latent)
            nn.Linear(latent, hidden),  # (B, hidden)
            nn.BatchNorm1d(hidden),
            nn.ReLU(),
            nn.Linear(hidden, hidden),  # (B, hidden)
            nn.BatchNorm1d(hidden),
            nn.ReLU(),
            nn.Linear(hidden, 64),  # (B, 64)
            nn.Sigmoid(),
            nn.Unflatten(1, (1, 8, 8)),  # (B, 1, 8, 8)
        )
        self.judge = nn.Sequential(  # (B, 1, 8, 8)
            nn.Flatten(),  # (B, 64)
            nn.Linear(64, hidden),  # (B, hidden)
            nn.LeakyReLU(0.2),
            nn.Dropout(dropout),
            nn.Linear(hidden, hidden),  # (B, hidden)
            nn.LeakyReLU(0.2),
            nn.Dropout(dropout),
            nn.Linear(hidden, 1),  # (B, 1): a score, above 0 for real
        )

    def forward(self, images):
        """As many painted images as there are real ones, (B, 1, 8, 8)."""
        return self.painter(torch.randn(len(images), latent, device=images.device))


def model():
    return GAN()


def loss():
    return nn.BCEWithLogitsLoss()


def step(model, batch, loss):
    """The two players' losses, added up: each reaches the parameters of its own player alone.

    Elsewhere you will see two optimizers that take turns. One Adam over both players does the same at once,
    since it keeps its averages for each parameter by itself.
    """
    real, _ = batch  # (B, 1, 8, 8)
    painted = model(real)  # (B, 1, 8, 8)
    yes = torch.ones(len(real), 1, device=real.device)  # (B, 1)

    # The judge's: say yes to real images, no to painted ones. `detach` keeps it from the painter.
    judging = loss(model.judge(real), yes) + loss(model.judge(painted.detach()), 1 - yes)

    # The painter's: have the judge say yes. The judge is held still: its weights count as constants here.
    still = {name: weight.detach() for name, weight in model.judge.named_parameters()}
    painting = loss(functional_call(model.judge, still, painted), yes)

    return judging + painting


def optimizer(parameters):
    return torch.optim.Adam(parameters, lr=lr, betas=(momentum, 0.999))


def metrics(output, target):
    """The energy distance between painted and real images: 0 where they are distributed alike.

    Painted ones are as far from real ones as both are among themselves, then.
    """
    painted, real = output.flatten(1), target.flatten(1)  # (B, 64) each

    def apart(a, b):
        return torch.cdist(a, b).mean()

    return {"distance": 2 * apart(painted, real) - apart(painted, painted) - apart(real, real)}


@torch.no_grad()
def preview(model):
    """49 painted digits, always from the same noise."""
    noise = torch.randn(49, latent, generator=torch.Generator().manual_seed(0))
    painted = model.painter(noise.to(next(model.parameters()).device))  # (49, 1, 8, 8)
    painted = F.pad(painted, (0, 1, 0, 1))  # (49, 1, 9, 9): a dark line between them
    return painted.view(7, 7, 9, 9).transpose(1, 2).reshape(63, 63)  # rows of digits, side by side
