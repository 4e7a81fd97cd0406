"""Everything a cell printed, in a file, once the transcript cannot hold it all.

What a cell prints waits in memory, up to `HELD_BYTES`; from there on, or as soon as lines are dropped, it goes to
``cell-3.txt``, from its first character. The file is raw: escape sequences are in it as they came.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import BinaryIO

from tui.widgets import words
from tui.widgets.foreign import one_line

HELD_BYTES = 256_000
"""What a cell may print without a file."""
LIMIT_BYTES = 1_000_000_000
"""What the files of one transcript take together."""


class Spill:
    """A folder for what does not fit; made when it is first needed, for its owner alone."""

    def __init__(self, folder: Path, limit_bytes: int = LIMIT_BYTES) -> None:
        self.folder = folder
        self.left_bytes = limit_bytes
        """Room that is left for all cells together."""

    def cell(self) -> CellSpill:
        """Return the place for what one cell prints."""
        return CellSpill(self)

    def create(self, name: str) -> tuple[Path, BinaryIO]:
        """Make a new file and the folder; a name that is taken gets a number.

        Raises:
            OSError: it cannot be made.
        """
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for number in range(1, 10_000):
            path = self.folder / (f"{name}.txt" if number == 1 else f"{name}-{number}.txt")
            try:
                handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            except FileExistsError:
                continue
            return path, os.fdopen(handle, "wb", buffering=HELD_BYTES)
        raise FileExistsError(f"too many files named {name}")


class CellSpill:
    """What one cell printed: held in memory, then written on."""

    def __init__(self, spill: Spill) -> None:
        self.name = "cell"
        """Of the file, without its ending."""
        self.note = ""
        """Where everything is, or why it is not; empty while there is no file."""
        self._spill = spill
        self._held: list[bytes] = []
        self._held_bytes = 0
        self._written_bytes = 0
        self._path: Path | None = None
        self._file: BinaryIO | None = None
        self._full = False

    def write(self, text: str) -> None:
        """Take what was printed."""
        if self._full:
            return
        data = text.encode("utf-8", "backslashreplace")
        if self._file is not None:
            self._append(data)
            return
        self._held.append(data)
        self._held_bytes += len(data)
        if self._held_bytes > HELD_BYTES or self._path is not None:
            self._open()

    def wanted(self) -> None:
        """Write a file now, because the transcript no longer has everything."""
        if self._path is None and not self._full:
            self._open()

    def close(self) -> None:
        """Bring everything to the disk; what is printed later is still appended."""
        if self._file is None:
            return
        try:
            self._file.close()
        except OSError as error:
            self._stop(error)
        self._file = None

    def _open(self) -> None:
        try:
            if self._path is None:
                self._path, self._file = self._spill.create(self.name)
                self.note = f"all in {_shown(self._path)}"
            else:
                self._file = self._path.open("ab", buffering=HELD_BYTES)
        except OSError as error:
            self._stop(error)
            return
        held, self._held, self._held_bytes = self._held, [], 0
        for data in held:
            self._append(data)

    def _append(self, data: bytes) -> None:
        if self._file is None:
            return
        room = self._spill.left_bytes
        try:
            self._file.write(data[:room] if len(data) > room else data)
        except OSError as error:
            self._stop(error)
            return
        self._spill.left_bytes -= min(len(data), room)
        self._written_bytes += min(len(data), room)
        if len(data) > room:
            self._stop(None)

    def _stop(self, error: OSError | None) -> None:
        """Write no more, and say why."""
        self._full = True
        self._held.clear()
        why = "there is no room for more" if error is None else one_line(error.strerror or str(error), 60)
        if self._path is None:
            self.note = f"not kept in a file: {why}"
        else:
            self.note = f"the first {words.size(self._written_bytes)} in {_shown(self._path)}: {why}"
        if self._file is not None:
            with contextlib.suppress(OSError):  # said already; the file itself is closed
                self._file.close()
            self._file = None


def _shown(path: Path) -> str:
    """Return a path as it can be typed, the home folder as ``~``."""
    try:
        return one_line(f"~/{path.relative_to(Path.home())}", 400)
    except (ValueError, RuntimeError):
        return one_line(str(path), 400)
