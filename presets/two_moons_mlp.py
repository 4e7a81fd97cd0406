"""Two interlocking half-moons told apart by a network with one output.

1,000 points on two noisy arcs; the network gets x and y and gives one score: above 0 it says moon 1. A
straight line gets about 85 % of them right; one hidden layer follows the bend and reaches 97 to 98 % on 200
test points. Where the noise mixes the moons nobody could do better.

Watch: the decision boundary. At first it is a straight cut, at 87 % for a while; then it bends into the gap
between the moons.

Try: hidden=2 (two bends are too few for an S: no better than the straight cut).
     noise=0.4 (the moons overlap: 85 %, and a wide band where the network is not sure, rightly so).
     weight_decay=1 (small weights: a smoother boundary, never certain).
"""

import math

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

epochs: int = 60  # how often every training point is seen
batch_size: int = 32  # points per optimizer step
lr: float = 1e-2  # AdamW's step size
weight_decay: float = 0.0  # how strongly weights are pulled towards zero
hidden: int = 32  # width of the hidden layer
noise: float = 0.2  # standard deviation of what is added to x and y; a moon's radius is 1

POINTS = 1000


def moons():
    """Points on the plane, (1000, 2), and the moon of each, 0 or 1, (1000, 1)."""
    draw = torch.Generator().manual_seed(0)  # its own, so that another training seed sees the same points
    angle = math.pi * torch.rand(POINTS, generator=draw)  # (1000), half a turn
    moon = torch.randint(0, 2, (POINTS,), generator=draw)  # (1000)
    upper = torch.stack([angle.cos(), angle.sin()], dim=1)  # (1000, 2), an arch over (0, 0)
    lower = torch.stack([1 - angle.cos(), 0.5 - angle.sin()], dim=1)  # (1000, 2), a bowl that reaches into it
    points = torch.where(moon[:, None] == 1, lower, upper)
    points = points + noise * torch.randn(POINTS, 2, generator=draw)
    return points, moon[:, None].float()  # float, (N, 1): what binary cross-entropy wants beside the score


def data():
    points, moon = moons()
    train, val, test = slice(0, 600), slice(600, 800), slice(800, 1000)
    return {
        "train": DataLoader(TensorDataset(points[train], moon[train]), batch_size, shuffle=True),
        "val": DataLoader(TensorDataset(points[val], moon[val]), 200),
        "test": DataLoader(TensorDataset(points[test], moon[test]), 200),
    }


def model():
    return nn.Sequential(  # (B, 2)
        nn.Linear(2, hidden),  # (B, hidden)
        nn.ReLU(),
        nn.Linear(hidden, 1),  # (B, 1): a score; its sigmoid is the probability of moon 1
    )


def loss():
    return nn.BCEWithLogitsLoss()  # takes scores, not probabilities: the sigmoid is part of it


def optimizer(parameters):
    return torch.optim.AdamW(parameters, lr=lr, weight_decay=weight_decay)


def metrics(output, target):
    return {"accuracy": ((output > 0) == (target == 1)).float().mean()}


@torch.no_grad()
def preview(model):
    """The probability of moon 1 at each point of the plane."""
    device = next(model.parameters()).device
    x = torch.linspace(-1.5, 2.5, 40, device=device)
    y = torch.linspace(1.5, -1.0, 40, device=device)  # top row first
    y, x = torch.meshgrid(y, x, indexing="ij")  # (40, 40) each
    return model(torch.stack([x, y], dim=-1)).squeeze(-1).sigmoid()  # (40, 40, 2) -> (40, 40)
