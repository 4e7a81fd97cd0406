"""The names a paused or ended run gives to the REPL.

While a run trains, nothing here holds the tensors of a batch: when a paused run goes on, `loss`, `output` and `batch`
leave the namespace, unless the user has put something of their own there. Who wants to keep one gives it another name.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, MutableMapping
from pathlib import Path
from typing import Any, Final

import torch
from torch import nn

from tui.kernel.training.batches import tensors_in
from tui.kernel.training.parts.experiment import Loader
from tui.kernel.training.progress import Progress
from tui.protocol.messages import RunPhase
from tui.protocol.run import KnobValue, RunStatus, told_epoch

OF_A_BATCH: Final = ("loss", "output", "batch")
"""Names that are given at a pause and go with it."""


class RunHandle:
    """What the REPL sees of a run under the name ``run``."""

    model: nn.Module | None = None
    optimizer: torch.optim.Optimizer | None = None
    scheduler: Any | None = None
    loss: torch.Tensor | None = None
    """Of the batch in which, or after which, the run was paused or ended, with its graph; None while it trains, and
    at a pause after the forward pass, where it is not computed yet."""
    output: Any = None
    """Of the same batch; None as well where the preset's own `step` calls the model in parts."""
    batch: Any = None
    """The same batch, on the run's device."""

    def __init__(self, folder: Path, knobs: dict[str, KnobValue]) -> None:
        self.folder = folder
        self.knobs = knobs
        self.loaders: dict[str, Loader] = {}
        self.status: RunStatus = "running"
        self.phase: RunPhase = ""
        """Of a paused run: after which phase of the batch it waits; empty between two batches."""
        self.progress = Progress()

    @property
    def epoch(self) -> int:
        """Epochs completed."""
        return self.progress.epoch

    @property
    def epoch_now(self) -> int:
        """The epoch in progress, from 1; once the run has ended those completed."""
        last = self.knobs.get("epochs")
        is_past_last = last == self.epoch and self.progress.batch == 0  # it evaluates, and trains no more
        return told_epoch(self.status, self.epoch, self.epoch if is_past_last else None)

    @property
    def step(self) -> int:
        """Optimizer steps completed."""
        return self.progress.step

    def drop_batch(self) -> None:
        """Forget loss, output and batch, which may hold much of the device's memory."""
        self.loss = self.output = self.batch = None

    def __repr__(self) -> str:
        model = type(self.model).__name__ if self.model is not None else "no model yet"
        after = f" after {self.phase}" if self.phase else ""
        return (
            f"<run {self.folder.name}: {self.status}{after}, epoch {self.epoch_now}, step {self.step}, {model};"
            " .model .optimizer .scheduler .loss .output .batch .loaders .knobs .folder>"
        )


class Handover:
    """Puts the runs' objects into a namespace, and never over a name that is the user's own.

    It outlives the runs, so that a later run may replace what an earlier one has given. What was given is
    recognized again without being kept alive from here, wherever that can be done.
    """

    def __init__(self, namespace: MutableMapping[str, object] | None) -> None:
        self.namespace = namespace
        self._given: dict[str, Callable[[object], bool]] = {}

    def give(self, names: dict[str, object]) -> list[str]:
        """Set names; return those left alone because they hold something of the user's.

        A name may be set when it is absent or still holds what was put there before.
        """
        skipped: list[str] = []
        if self.namespace is None:
            return skipped
        absent = object()
        for name, value in names.items():
            held = self.namespace.get(name, absent)
            if held is absent or self._holds_given(name, held):
                self.namespace[name] = value
                self._given[name] = _recognizer(value)
            elif held is not value:
                skipped.append(name)
                self._given.pop(name, None)
        return skipped

    def take_back(self, *names: str) -> None:
        """Delete the names, or all, that still hold what was given: what they belong to is over."""
        absent = object()
        for name in names or list(self._given):
            if self.namespace is not None and self._holds_given(name, self.namespace.get(name, absent)):
                self.namespace.pop(name, None)
            self._given.pop(name, None)

    def let_go(self) -> None:
        """Forget what the user has deleted or replaced, so that it is not kept alive from here."""
        namespace = self.namespace if self.namespace is not None else {}
        for name in list(self._given):
            if name not in namespace or not self._holds_given(name, namespace[name]):
                del self._given[name]

    def _holds_given(self, name: str, held: object) -> bool:
        recognizes = self._given.get(name)
        return recognizes is not None and recognizes(held)


def _recognizer(value: object) -> Callable[[object], bool]:
    """Return a function that tells whether an object is `value`; it holds no tensor."""
    try:
        reference = weakref.ref(value)
    except TypeError:
        pass
    else:
        return lambda held: held is reference()
    tensors = [weakref.ref(tensor) for tensor in tensors_in(value)]
    if not tensors:
        return lambda held: held is value
    # A list, tuple or dict takes no weak reference. Its id may be used again, but not with the same tensors.
    identity = id(value)

    def recognizes(held: object) -> bool:
        if id(held) != identity:
            return False
        found = list(tensors_in(held))
        return len(found) == len(tensors) and all(
            tensor is known() for tensor, known in zip(found, tensors, strict=True)
        )

    return recognizes
