"""What was typed before: a file that several terminals append to, and the walk through it."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Sequence
from pathlib import Path

ENTRIES = 10_000
"""Entries that are read."""
_COMPACT_BYTES = 16_000_000
"""Size above which only the end of the file is read."""
_ENTRY_CHARACTERS = 200_000
"""Longer entries are kept in memory only."""


class History:
    """Entries typed in this session and earlier ones, oldest first.

    The file has a JSON string per line. Each entry is one write with O_APPEND, so that terminals at work at
    once do not mix theirs; a damaged line costs only itself. Where the file cannot be read or written, the
    entries of this session are kept in memory.
    """

    def __init__(self, path: Path | None = None, *, limit: int = ENTRIES) -> None:
        self.path = path
        self.limit = limit
        self._entries: list[str] | None = None

    @property
    def entries(self) -> Sequence[str]:
        """All entries; the file is read when first asked."""
        if self._entries is None:
            self._entries = self._read()
        return self._entries

    def append(self, entry: str) -> None:
        """Add an entry, unless it is empty or repeats the last one."""
        entries = self._entries if self._entries is not None else self._read()
        self._entries = entries
        if not entry.strip() or (entries and entries[-1] == entry):
            return
        entries.append(entry)
        del entries[: -self.limit]
        if self.path is not None and len(entry) <= _ENTRY_CHARACTERS:
            with contextlib.suppress(OSError):
                self._write(self.path, entry)

    def _write(self, path: Path, entry: str) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        line = (json.dumps(entry) + "\n").encode("ascii")
        file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            if _lacks_newline(path):
                line = b"\n" + line  # another writer was killed within its line
            os.write(file, line)
        finally:
            os.close(file)

    def _read(self) -> list[str]:
        if self.path is None:
            return []
        try:
            with self.path.open("rb") as file:
                size_bytes = os.fstat(file.fileno()).st_size
                if size_bytes > _COMPACT_BYTES:
                    file.seek(size_bytes - _COMPACT_BYTES)
                    file.readline()
                lines = file.read().split(b"\n")[-2 * self.limit :]
        except OSError:
            return []
        entries: list[str] = []
        for line in lines:
            entry = _decoded(line)
            if entry is not None and (not entries or entries[-1] != entry):
                entries.append(entry)
        return entries[-self.limit :]


def _lacks_newline(path: Path) -> bool:
    with path.open("rb") as file:
        if file.seek(0, os.SEEK_END) == 0:
            return False
        file.seek(-1, os.SEEK_END)
        return file.read(1) != b"\n"


def _decoded(line: bytes) -> str | None:
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return entry if isinstance(entry, str) and entry.strip() else None


class HistoryWalk:
    """A walk up and down the entries that begin with what was typed."""

    def __init__(self, entries: Sequence[str], draft: str, prefix: str) -> None:
        self._entries = entries
        self.draft = draft
        """What was in the input before; the end of the walk."""
        self._prefix = prefix
        self._position = len(entries)
        self._shown = draft

    @property
    def shown(self) -> str:
        """The text the walk stands at."""
        return self._shown

    def older(self) -> str | None:
        """Go to the next older entry that differs; None where there is none."""
        for position in range(self._position - 1, -1, -1):
            if self._fits(position):
                return self._go(position)
        return None

    def newer(self) -> str | None:
        """Go to the next newer entry, at last back to the draft; None where there is none."""
        if self._position >= len(self._entries):
            return None
        for position in range(self._position + 1, len(self._entries)):
            if self._fits(position):
                return self._go(position)
        self._position = len(self._entries)
        self._shown = self.draft
        return self._shown

    def _fits(self, position: int) -> bool:
        entry = self._entries[position]
        return entry.startswith(self._prefix) and entry != self._shown

    def _go(self, position: int) -> str:
        self._position = position
        self._shown = self._entries[position]
        return self._shown


def search(entries: Sequence[str], query: str, limit: int = 200) -> list[str]:
    """Return the newest entries that contain all words of the query, newest first, each once."""
    words = query.lower().split()
    found: dict[str, None] = {}
    for entry in reversed(entries):
        if entry not in found and all(word in entry.lower() for word in words):
            found[entry] = None
            if len(found) == limit:
                break
    return list(found)
