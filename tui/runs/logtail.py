"""The last lines of a growing text file."""

from __future__ import annotations

import codecs
from collections import deque
from pathlib import Path
from typing import Final

READ_BYTES: Final = 256 << 10
"""The most that one poll reads; older text that was never read is skipped."""
MAX_LINE: Final = 4096
"""Characters kept of a line: its end, where a progress bar that rewrites its line says what it says now."""


class LogTail:
    """Follows a file and keeps its last lines, as they are: control characters stay in."""

    def __init__(self, path: Path, max_lines: int = 1000) -> None:
        self.path = path
        self.skipped = False
        """Whether earlier text is not among the lines."""
        self.completed = 0
        """Lines completed so far, those that are no longer kept too."""
        self._lines: deque[str] = deque(maxlen=max_lines)
        self._open_line = ""
        self._offset = 0
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")

    @property
    def lines(self) -> list[str]:
        """The last lines, oldest first, without their ends; the last one may still be growing."""
        kept = list(self._lines)
        return [*kept, self._open_line] if self._open_line else kept

    def newest(self, count: int) -> list[str]:
        """Return the last `count` completed lines, as many as are kept."""
        return list(self._lines)[-count:] if count > 0 else []

    def poll(self) -> bool:
        """Read what was appended; return whether anything was. Never raises."""
        try:
            size = self.path.stat().st_size
            if size == self._offset:
                return False
            with self.path.open("rb") as file:
                if size < self._offset:
                    self._restart(0)
                if size - self._offset > READ_BYTES:
                    self._restart(size - READ_BYTES)
                file.seek(self._offset)
                data = file.read(READ_BYTES)
        except OSError:
            return False
        self._offset += len(data)
        self._take(self._decoder.decode(data))
        return True

    def _restart(self, offset: int) -> None:
        self._offset = offset
        self._open_line = ""
        self._decoder.reset()
        self.skipped = self.skipped or offset > 0
        if offset == 0:
            self._lines.clear()

    def _take(self, text: str) -> None:
        *whole, self._open_line = (self._open_line + text).split("\n")
        self._open_line = self._open_line[-MAX_LINE:]
        overflow = len(self._lines) + len(whole) - (self._lines.maxlen or 0)
        self.skipped = self.skipped or overflow > 0
        self.completed += len(whole)
        self._lines.extend(line.removesuffix("\r")[-MAX_LINE:] for line in whole)
