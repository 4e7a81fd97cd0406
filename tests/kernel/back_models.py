"""Models that the tests of the way back read: every kind of input, output and habit."""

from __future__ import annotations

import dataclasses

import torch
from torch import Tensor, nn


@dataclasses.dataclass
class Answer:
    logits: Tensor
    hidden: tuple[Tensor, ...]
    loss: Tensor | None = None


class Classifier(nn.Module):
    """An LSTM over embedded words; a dictionary in, a dataclass out."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(50, 8)
        self.lstm = nn.LSTM(8, 6, batch_first=True)
        self.head = nn.Linear(6, 3)
        self.unused = nn.Linear(4, 4)

    def forward(self, batch: dict[str, Tensor], *, scale: Tensor | None = None) -> Answer:
        h, (last, _) = self.lstm(self.embed(batch["ids"]))  # (N, T, 6)
        logits = self.head(last[-1])
        return Answer(logits if scale is None else logits * scale, (h, last))


class Twice(nn.Module):
    """One layer that is called two times, and no result."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(4, 4)
        self.seen = 0
        self.history: list[Tensor] = []

    def forward(self, x: Tensor) -> None:
        self.seen += 1
        self.history.append(self.fc(self.fc(x)))


class Habits(nn.Module):
    """Changes about everything a module can change when it is called."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(4)
        self.table = nn.Embedding(5, 4, max_norm=0.1)
        self.spectral = nn.utils.spectral_norm(nn.Linear(4, 4))
        self.weight = nn.Parameter(torch.full((4,), 5.0))
        self.state = torch.zeros(4)
        self.calls: dict[str, int] = {"n": 0}
        self.generator = torch.Generator()

    def forward(self, x: Tensor) -> Tensor:
        self.weight.data.clamp_(0, 1)
        self.state += 1
        self.calls["n"] += 1
        x.mul_(2)
        x = x + torch.rand(4, generator=self.generator)
        out: Tensor = self.spectral(self.norm(x)) + self.table(torch.tensor(2)) + self.weight + torch.rand(4)
        return out


class Failing(nn.Module):
    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self.fc = nn.Linear(4, 4)
        self.error = error

    def forward(self, x: Tensor) -> Tensor:
        self.fc(x)
        raise self.error


class Fallback(nn.Module):
    """Tries a layer that fails, and goes on with another."""

    def __init__(self) -> None:
        super().__init__()
        self.wrong = nn.Linear(9, 9)
        self.right = nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        try:
            out: Tensor = self.wrong(x)
        except RuntimeError:
            out = self.right(x)
        return out
