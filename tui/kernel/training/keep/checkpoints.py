"""When a run's checkpoints are written, and which is the best."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from time import perf_counter

from tui.kernel.training.keep.checkpoint import Content, copied, write_checkpoint
from tui.protocol.run import BEST_CHECKPOINT, CHECKPOINTS, LAST_CHECKPOINT


class Checkpoints:
    """``last.pt`` and ``best.pt`` of a run.

    Writing costs a few milliseconds or many seconds: at the ends of short epochs it is left out while it
    would take more than two thousandths of the time, and a best state that is small is kept in memory meanwhile.
    """

    MIN_INTERVAL_S = 10.0
    """Inside an epoch, the least time between two."""
    MAX_INTERVAL_S = 60.0
    """A run that is killed loses no more than this."""
    SHARE = 0.002
    SMALL_S = 0.05
    """A checkpoint that took no longer to write is small."""

    def __init__(self, folder: Path, take: Callable[[], Content]) -> None:
        """Begin with what `folder`, a run directory, holds.

        Args:
            folder: the run directory.
            take: returns the run's state as it is now; raises where that must not be kept.
        """
        self._last = folder / CHECKPOINTS / LAST_CHECKPOINT
        self._best = folder / CHECKPOINTS / BEST_CHECKPOINT
        self._take = take
        self._unwritten_best: Content | None = None
        self.cost_s = 0.0
        self.due_at_s = perf_counter() + self.MIN_INTERVAL_S
        """When `last.pt` must be written even inside an epoch, on the clock of `perf_counter`."""
        self._frequent_at_s = float("-inf")

    def save(self) -> None:
        """Write a best state that waits, then `last.pt`: that tells of the best only once it is on disk.

        Raises:
            CheckpointError: it cannot be written; the earlier one stays.
        """
        start_s = perf_counter()
        content = self._take()
        self.write_best()
        write_checkpoint(self._last, content)
        end_s = perf_counter()
        self.cost_s = end_s - start_s
        affordable_s = self.cost_s / self.SHARE
        self._frequent_at_s = end_s + affordable_s
        self.due_at_s = end_s + min(max(affordable_s, self.MIN_INTERVAL_S), self.MAX_INTERVAL_S)

    def save_if_cheap(self) -> None:
        """Write `last.pt` unless that was done so recently that it would cost too much of the time."""
        if perf_counter() >= min(self._frequent_at_s, self.due_at_s):
            self.save()

    def keep_best(self) -> None:
        """Keep the state as it is now for `best.pt`."""
        content = self._take()
        if self.cost_s <= self.SMALL_S:
            self._unwritten_best = copied(content)
        else:
            write_checkpoint(self._best, content)

    def write_best(self) -> None:
        """Write a best state that waits."""
        if self._unwritten_best is not None:
            write_checkpoint(self._best, self._unwritten_best)
            self._unwritten_best = None


class NoCheckpoints(Checkpoints):
    """Of a run whose state is worth nothing: keeps none."""

    def __init__(self, folder: Path, take: Callable[[], Content]) -> None:
        super().__init__(folder, take)
        self.due_at_s = float("inf")

    def save(self) -> None:
        """Do nothing."""

    def save_if_cheap(self) -> None:
        """Do nothing."""

    def keep_best(self) -> None:
        """Do nothing."""
