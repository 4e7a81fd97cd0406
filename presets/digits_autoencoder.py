"""Handwritten digits squeezed through eight numbers and drawn again.

The encoder turns 64 pixels into `code` numbers, the decoder draws the image again from these alone. No label
is used: the target is the image itself. On 360 unseen images a pixel (0 to 1) is then off by 0.072 to 0.075
on average; drawing the mean image every time would be off by 0.19.

Watch: the preview, originals on the left, what is drawn of them on the right. At first all are the same
grey blot, then the loops open. `val/loss` stays near `train/loss`: through so narrow a gate little can be
learned by heart.

Try: code=2 (digits have to share places now and blur: 0.12).
     code=64 (nothing is squeezed any more, and nearly all of the error goes: 0.014).
     activation=identity (principal component analysis, learned step by step: 0.106, as its formula gives).
"""

import functools
import gzip
from pathlib import Path

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

epochs: int = 100  # how often every training image is seen
batch_size: int = 32  # images per optimizer step
lr: float = 2e-3  # Adam's step size
code: int = 8  # numbers that an image is squeezed into
hidden: int = 128  # width of the layer on either side of the code
activation: str = "relu"  # relu, tanh or identity

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


def model():
    bend = {"relu": nn.ReLU, "tanh": nn.Tanh, "identity": nn.Identity}[activation]
    encoder = nn.Sequential(  # (B, 1, 8, 8)
        nn.Flatten(),  # (B, 64)
        nn.Linear(64, hidden),  # (B, hidden)
        bend(),
        nn.Linear(hidden, code),  # (B, code): all that the decoder gets to know
    )
    decoder = nn.Sequential(
        nn.Linear(code, hidden),  # (B, hidden)
        bend(),
        nn.Linear(hidden, 64),  # (B, 64)
        nn.Unflatten(1, (1, 8, 8)),  # (B, 1, 8, 8)
    )
    return nn.Sequential(encoder, decoder)


def loss():
    return nn.MSELoss()


def optimizer(parameters):
    return torch.optim.Adam(parameters, lr=lr)


def metrics(output, target):
    return {"mean_abs_error": (output - target).abs().mean()}


@torch.no_grad()
def preview(model):
    """Ten unseen images, each beside what is drawn of it."""
    seen = images()[1257:1267].to(next(model.parameters()).device)  # (10, 1, 8, 8)
    drawn = model(seen).clamp(0, 1)
    gap = torch.ones_like(seen[..., :1])  # (10, 1, 8, 1), a line between the two
    return torch.cat([seen, gap, drawn], dim=-1).squeeze(1)  # (10, 8, 17)
