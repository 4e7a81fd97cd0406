"""What a run tells: the lines of its log, the warnings and changes in its record."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Final

from tui.kernel.output import RunLog
from tui.kernel.training.keep.rundir import RunDirError, RunRecord, utc_now
from tui.kernel.training.progress import Progress
from tui.protocol.run import RunChange

MOST_CHANGES = 1000


class Report:
    """Writes to a run's log and record."""

    def __init__(self, log: RunLog, record: RunRecord, progress: Progress) -> None:
        self._log = log
        self._record = record
        self._progress = progress

    def say(self, words: str) -> None:
        """Write a line to the log."""
        self._log.say(words)

    def warn(self, words: str) -> None:
        """Write a warning to the log and the record, once."""
        if words not in self._record.info.warnings:
            self._log.say(f"warning: {words}")
            self.note_warning(words)

    def note_warning(self, words: str) -> None:
        """Write a warning to the record alone, once."""
        warnings = self._record.info.warnings
        if words not in warnings:
            self._record.update(warnings=(*warnings, words))

    def changed(self, name: str, before: str, after: str) -> None:
        """Note that something is another from the next step on, and put it on disk.

        Args:
            name: as `RunChange` has it.
            before, after: as Python writes them.
        """
        step = self._progress.step + 1
        self._log.say(f"{name} is {_short(after)} from step {step} on, it was {_short(before)}")
        self.note_change(name, before, after)
        with suppress(RunDirError):  # the next replacement of the record tells of a disk that is full
            self._record.write(durable=False)

    def note_change(self, name: str, before: str, after: str) -> None:
        """Note a change in the record alone."""
        change = RunChange(self._progress.step + 1, utc_now(), name, before, after)
        self._record.update(changes=(*self._record.info.changes, change)[-MOST_CHANGES:])

    def note_progress(self) -> None:
        """Note in the record how far the run is."""
        progress = self._progress
        self._record.update(epoch=progress.epoch, step=progress.step, train_s=round(progress.train_s, 3))


_LONG_NUMBER: Final = re.compile(r"(?<![\w.])\d+\.\d+(?:e[+-]?\d+)?(?!\w)")


def _short(text: str) -> str:
    """Return a value as Python writes it, long fractions in it with four digits that count."""
    return _LONG_NUMBER.sub(_shorter, text)


def _shorter(found: re.Match[str]) -> str:
    value = float(found[0])
    if len(found[0]) <= 6 or 0.9 < value < 1:  # of what is almost 1 the digits after the nines count
        return found[0]
    return f"{value:.4g}"


def epoch_line(
    epoch: int, epochs: int | None, train: dict[str, float], val: dict[str, float] | None, elapsed_s: float
) -> str:
    """Return the log's line of an epoch; `epochs`: how many there will be, None where that is not known."""
    parts = [f"epoch {epoch}/{epochs}" if epochs is not None else f"epoch {epoch}"]
    parts += [f"train {name} {value:.4g}" for name, value in train.items()]
    parts += [f"val {name} {value:.4g}" for name, value in (val or {}).items()]
    return "  ".join(parts) + f"  ({elapsed_s:.1f} s)"


def evaluation_line(name: str, step: int, means: dict[str, float]) -> str:
    """Return the log's line of an evaluation inside an epoch."""
    return "  ".join([f"step {step}", *(f"{name} {key} {value:.4g}" for key, value in means.items())])
