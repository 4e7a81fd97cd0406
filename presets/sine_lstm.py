"""Waves continued by a recurrent network, one value at a time.

Each sequence is a sine with a frequency, height and phase of its own, and a little noise. At every step the
LSTM has read the values so far and names the next one. Once trained it can go on alone, fed with its own
values: that is the preview.

Watch: `mean_abs_error`, how far the next value is off. On 200 unseen waves it reaches 0.055 to 0.059. The
noise alone makes 0.04 of that, and the first values of a wave cannot be known; naming the last value again
would be off by 0.17. The preview needs longer than the curve: who is good at one step may still lose the wave
after twenty of their own.

Try: hidden=4 (too few numbers to remember a wave in: 0.08, and the waves it draws alone get out of step).
     length=8 (a piece too short to tell how fast a wave is: 0.09).
     noise=0.3 (nearly all of the error is noise now, 0.24 of 0.275, and the waves it draws are smooth).
"""

import math

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

epochs: int = 40  # how often every training wave is seen
batch_size: int = 32  # waves per optimizer step
lr: float = 1e-2  # Adam's step size
hidden: int = 32  # numbers that the network remembers a wave with
length: int = 50  # values of each wave
noise: float = 0.05  # standard deviation of what is added to each value

WAVES = 1400
BARS = "▁▂▃▄▅▆▇█"


def waves():
    """Sequences of `length` + 1 values, (1400, length + 1, 1)."""
    draw = torch.Generator().manual_seed(0)  # its own, so that another training seed sees the same waves
    period, height, phase = torch.rand(3, WAVES, 1, generator=draw)  # (1400, 1) each, from 0 to 1
    period, height, phase = 10 + 20 * period, 0.5 + 0.5 * height, 2 * math.pi * phase
    time = torch.arange(length + 1)  # (length + 1)
    values = height * torch.sin(2 * math.pi * time / period + phase)  # (1400, length + 1)
    values = values + noise * torch.randn(values.shape, generator=draw)
    return values.unsqueeze(2)  # a batch of sequences of vectors is (B, T, features); here one feature


def data():
    now, following = waves()[:, :-1], waves()[:, 1:]  # the target at each step is the value after it
    train, val, test = slice(0, 1000), slice(1000, 1200), slice(1200, 1400)
    return {
        "train": DataLoader(TensorDataset(now[train], following[train]), batch_size, shuffle=True),
        "val": DataLoader(TensorDataset(now[val], following[val]), 200),
        "test": DataLoader(TensorDataset(now[test], following[test]), 200),
    }


class Forecaster(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(1, hidden, batch_first=True)
        self.head = nn.Linear(hidden, 1)

    def forward(self, values):  # (B, T, 1)
        remembered, _ = self.lstm(values)  # (B, T, hidden): the memory after each value
        return self.head(remembered)  # (B, T, 1): the value that follows each

    @torch.no_grad()
    def go_on(self, values, steps):
        """Read (B, T, 1), then name `steps` values more, each read in turn: (B, steps, 1)."""
        named = []
        remembered, state = self.lstm(values)
        for _ in range(steps):
            value = self.head(remembered[:, -1:])  # (B, 1, 1)
            named.append(value)
            remembered, state = self.lstm(value, state)
        return torch.cat(named, dim=1)


def model():
    return Forecaster()


def loss():
    return nn.MSELoss()


def optimizer(parameters):
    return torch.optim.Adam(parameters, lr=lr)


def metrics(output, target):
    return {"mean_abs_error": (output - target).abs().mean()}


def bars(values):
    """Values from -1 to 1 as a line of bars."""
    heights = ((values.clamp(-1, 1) + 1) / 2 * (len(BARS) - 1)).round().int()
    return "".join(BARS[height] for height in heights.tolist())


def preview(model):
    """Three unseen waves, read to the half and gone on with alone, below what they really do."""
    whole = waves()[1000:1003]  # (3, length + 1, 1)
    half = length // 2
    named = model.go_on(whole[:, :half].to(next(model.parameters()).device), length + 1 - half).cpu()
    lines = []
    for true, alone in zip(whole.squeeze(2), named.squeeze(2), strict=True):
        lines += ["true  " + bars(true), "alone " + " " * half + bars(alone), ""]
    return "\n".join(lines)
