from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tui.kernel.training import Trainer

PARTS = {
    "head": '''
        """A tiny classifier."""
        import random
        import torch
        from torch import nn
        from torch.utils.data import DataLoader, TensorDataset

        epochs: int = 3
        lr: float = 0.01  # learning rate
        batch: int = 16
        kind: str = "plain"
        shuffle: bool = True
    ''',
    "data": """
        def data():
            generator = torch.Generator().manual_seed(5)
            x = torch.randn(96, 6, generator=generator)
            y = (x.sum(1) > 0).long()
            held_out = TensorDataset(x[80:], y[80:])
            return {
                "train": DataLoader(TensorDataset(x[:80], y[:80]), batch, shuffle=shuffle),
                "val": DataLoader(held_out, 5),
                "test": DataLoader(held_out, 5),
            }
    """,
    "model": """
        def model():
            return nn.Sequential(
                nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.3), nn.Linear(8, 2)
            )
    """,
    "loss": """
        def loss():
            return nn.CrossEntropyLoss()
    """,
    "optimizer": """
        def optimizer(parameters):
            return torch.optim.Adam(parameters, lr)
    """,
    "metrics": """
        def metrics(output, target):
            return {"accuracy": (output.argmax(1) == target).float().mean()}
    """,
}


@pytest.fixture
def write_preset(tmp_path: Path) -> Callable[..., str]:
    """Writes a small preset, some of its parts replaced, and returns its path; an empty part is left out."""

    def write(name: str = "tiny", **replaced: str) -> str:
        path = tmp_path / f"{name}.py"
        parts = {**PARTS, **replaced}
        path.write_text("\n".join(textwrap.dedent(part) for part in parts.values()), encoding="utf-8")
        return str(path)

    return write


@pytest.fixture
def trainer() -> Iterator[Trainer]:
    made = Trainer()
    yield made
    assert made.stop_and_wait(30)
