"""What the first look at a model would wait for, done beforehand.

The first convolution on the meta device brings in sympy and torch's symbolic shapes (some 800 modules), the first
normalization torch's decompositions: together a second and more. That begins when the Builder is opened, on a thread
of its own; whoever asks meanwhile waits for as much of it as is still to come.
"""

from __future__ import annotations

import threading
from contextlib import suppress

import torch
from torch import nn

from tui.kernel.building.warned import collected

_lock = threading.Lock()
_begun: list[threading.Thread] = []


def warm_up() -> threading.Thread:
    """Begin, once in this process; return the thread that does it."""
    with _lock:
        if not _begun:
            _begun.append(threading.Thread(target=_run, name="torchtui-warm", daemon=True))
            _begun[0].start()
        return _begun[0]


def _run() -> None:
    """Run the usual layers on the meta device: nothing is allocated, no random number is drawn."""
    with suppress(Exception), collected(), torch.no_grad(), torch.device("meta"):  # it is only to save time
        x = torch.empty(2, 3, 8, 8)
        layers = nn.Sequential(
            nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(36, 8)
        )
        y = layers(x)
        nn.LayerNorm(8)(y + y)
        nn.Embedding(4, 8)(torch.empty(2, 5, dtype=torch.int64))
