"""Which objects of a run the REPL sees, and when."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tui.kernel.training.loop import Loop
from tui.kernel.training.parts.experiment import Experiment
from tui.kernel.training.progress import Progress
from tui.kernel.training.waiting.handover import OF_A_BATCH, Handover, RunHandle
from tui.protocol.messages import RunPhase
from tui.protocol.run import KnobValue, RunStatus


class Giving:
    """Gives the objects of one run to the namespace."""

    def __init__(
        self, handover: Handover, folder: Path, knobs: dict[str, KnobValue], say: Callable[[str], None]
    ) -> None:
        self._handover = handover
        self._folder = folder
        self._say = say
        self._handle = RunHandle(folder, knobs)
        self._told_skipped: set[str] = set()

    def run(self, experiment: Experiment, progress: Progress) -> None:
        """Give the run itself, before its first step."""
        handle = self._handle
        handle.model, handle.optimizer = experiment.model, experiment.optimizer
        handle.scheduler = experiment.scheduler
        handle.loaders, handle.progress = experiment.loaders, progress
        self._note_skipped(self._handover.give({"run": handle}))

    def all(self, experiment: Experiment, loop: Loop | None) -> None:
        """Give the objects of the last batch too."""
        handle = self._handle
        names: dict[str, object] = {"run": handle, "model": experiment.model}
        names["optimizer"] = experiment.optimizer
        if loop is not None and loop.batch is not None:
            handle.loss, handle.output, handle.batch = loop.loss, loop.output, loop.batch
            names.update(output=loop.output, batch=loop.batch)
            if loop.loss is not None:
                names["loss"] = loop.loss
            else:
                self._handover.take_back("loss")  # the batch before's
        self._handover.let_go()
        self._note_skipped(self._handover.give(names))

    def take_batch_back(self) -> None:
        """Let go of the batch, which may hold much of the device's memory."""
        self._handle.drop_batch()
        self._handover.take_back(*OF_A_BATCH)

    def tell_status(self, status: RunStatus, phase: RunPhase) -> None:
        """Let the handle say how the run is."""
        self._handle.status, self._handle.phase = status, phase

    def close(self) -> None:
        """Hold nothing of the run from here on: its tensors are the namespace's alone."""
        self._handle = RunHandle(self._folder, {})

    def _note_skipped(self, skipped: list[str]) -> None:
        new = [name for name in skipped if name not in self._told_skipped]
        self._told_skipped.update(new)
        if new:
            self._say(f"left alone, since they are yours: {', '.join(new)} (run.{new[0]} is the run's)")
