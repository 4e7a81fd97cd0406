"""Four numbers recovered from noisy points: the smallest model there is.

The points come from y = 2 a - 3.4 b + 0.5 c + 4.2, plus noise. The model sees only the points and has to
find the four numbers; gradient descent on the squared error gets each of them to within 0.01. On the test
set it is then off by 0.07 on average.

Watch: on a log axis `train/loss` falls along a straight line, then rests at 0.01. That is the noise,
squared: no model can do better. The preview shows the four numbers on their way.

Try: lr=1 (each step overshoots by more than the one before: the loss grows until it is NaN).
     lr=1e-5 (far too careful: the epochs run out first).
     noise=2 (the loss rests at 3.7, and still the four numbers come out nearly right).
"""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

epochs: int = 100  # how often every training point is seen
batch_size: int = 10  # points per optimizer step
lr: float = 4e-4  # step size of gradient descent
noise: float = 0.1  # standard deviation of what is added to y

WEIGHT = [2.0, -3.4, 0.5]  # what the model has to find
BIAS = 4.2


def points():
    """Inputs, (1400, 3), and targets, (1400, 1)."""
    draw = torch.Generator().manual_seed(0)  # its own, so that another training seed sees the same points
    x = torch.randn(1400, 3, generator=draw)  # (N, 3)
    y = x @ torch.tensor(WEIGHT) + BIAS  # (N)
    y = y + noise * torch.randn(1400, generator=draw)
    return x, y.unsqueeze(1)  # (N, 1), the shape of the model's output: (N) would broadcast to (N, N)


def data():
    x, y = points()
    train, val, test = slice(0, 1000), slice(1000, 1200), slice(1200, 1400)
    return {
        "train": DataLoader(TensorDataset(x[train], y[train]), batch_size, shuffle=True),
        "val": DataLoader(TensorDataset(x[val], y[val]), 200),
        "test": DataLoader(TensorDataset(x[test], y[test]), 200),
    }


def model():
    return nn.Linear(3, 1)  # (B, 3) -> (B, 1)


def loss():
    return nn.MSELoss()


def optimizer(parameters):
    return torch.optim.SGD(parameters, lr=lr)


def metrics(output, target):
    return {"mean_abs_error": (output - target).abs().mean()}


def preview(model):
    """The numbers found so far, beside the true ones."""
    found = [*model.weight[0].tolist(), model.bias.item()]
    names = ["a", "b", "c", "1"]
    rows = zip(names, found, [*WEIGHT, BIAS], strict=True)
    return "\n".join(f"{name}  found {value:7.3f}  true {true:7.3f}" for name, value, true in rows)
