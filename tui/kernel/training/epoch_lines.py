"""The log's lines of epochs, not more of them than can be read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

INTERVAL_S: Final = 1.0


class EpochLines:
    """Says about one epoch a second, however short epochs are, so that what else is said is not swept away.

    Nothing that lasts is left out: the best so far is said with the next line unless a better one has come by then,
    and `catch_up` says what is left. The record and the event log have every epoch in any case.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._due_at_s = float("-inf")
        self._held = ""  # the newest that was not said
        self._best = ""  # the newest of those not said that told of a best

    def add(self, line: str, now_s: float, *, is_best: bool) -> None:
        """Say an epoch's line, or hold it back.

        Args:
            line: of the epoch that has just ended.
            now_s: on the clock of `perf_counter`.
            is_best: whether that epoch is the best so far.
        """
        self._held = line
        if is_best:
            self._best = line
        if now_s >= self._due_at_s:
            self._due_at_s = now_s + INTERVAL_S
            self.catch_up()

    def catch_up(self) -> None:
        """Say what was held back: the best and the newest."""
        for line in dict.fromkeys((self._best, self._held)):
            if line:
                self._say(line)
        self._held = self._best = ""
