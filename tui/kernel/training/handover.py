"""The names a paused or ended run gives to the REPL.

While a run trains, nothing here holds its tensors but what an earlier pause has left in the namespace: there
`loss`, `output` and `batch` stay until the next pause or until the user deletes them.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from tui.kernel.training.experiment import Loader
from tui.kernel.training.progress import Progress
from tui.protocol.run import KnobValue, RunStatus


class RunHandle:
    """What the REPL sees of a run under the name ``run``."""

    model: nn.Module | None = None
    optimizer: torch.optim.Optimizer | None = None
    scheduler: Any | None = None
    loss: torch.Tensor | None = None
    """Of the last batch before the run was last paused or ended; None before that."""
    output: Any = None
    """Of the same batch; None as well where the preset's own `step` calls the model in parts."""
    batch: Any = None
    """The same batch, on the run's device."""

    def __init__(self, folder: Path, knobs: dict[str, KnobValue]) -> None:
        self.folder = folder
        self.knobs = knobs
        self.loaders: dict[str, Loader] = {}
        self.status: RunStatus = "running"
        self.progress = Progress()

    @property
    def epoch(self) -> int:
        """Epochs completed."""
        return self.progress.epoch

    @property
    def step(self) -> int:
        """Optimizer steps completed."""
        return self.progress.step

    def __repr__(self) -> str:
        model = type(self.model).__name__ if self.model is not None else "no model yet"
        return (
            f"<run {self.folder.name}: {self.status}, epoch {self.epoch}, step {self.step}, {model};"
            " .model .optimizer .scheduler .loss .output .batch .loaders .knobs .folder>"
        )


class Handover:
    """Puts a run's objects into a namespace, and never over a name that is the user's own."""

    def __init__(self, namespace: MutableMapping[str, object] | None) -> None:
        self._namespace = namespace
        self._given: dict[str, object] = {}

    def give(self, names: dict[str, object]) -> list[str]:
        """Set names; return those left alone because they hold something of the user's.

        A name may be set when it is absent or still holds what was put there before.
        """
        skipped: list[str] = []
        if self._namespace is None:
            return skipped
        absent = object()
        for name, value in names.items():
            held = self._namespace.get(name, absent)
            if held is absent or (name in self._given and held is self._given[name]):
                self._namespace[name] = value
                self._given[name] = value
            elif held is not value:
                skipped.append(name)
                self._given.pop(name, None)
        return skipped

    def let_go(self) -> None:
        """Forget what the user has deleted or replaced, so that it is not kept alive from here."""
        namespace = self._namespace if self._namespace is not None else {}
        self._given = {name: value for name, value in self._given.items() if namespace.get(name) is value}
