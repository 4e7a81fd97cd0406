"""Room for what is too long to be kept in memory: the pages of one unnamed temporary file, the process's own.

NOTE [Bounded memory]
A run of 10⁷ steps has 200 MB of points for every tag that has one at each step, and the terminal shows some hundred
columns of them. So a long array keeps its newest entries in memory and writes the others, page by page, to a file
from which any of them is read back when it is asked for: nothing is thinned, so every extreme, every reading of the
cursor and every exported point is exact, whatever the zoom and however often a run was resumed.

In memory are of each curve at most its newest `POINTS_IN_MEMORY` points and some thousand of their summaries: 2.2 MB
with its average, however long it is; and of all curves together `MEMORY_BYTES`, and at most a page more for each array
(a curve has six or so). Beyond that, a curve takes some 0.05 bytes per point: where its pages lie. On disk a point
takes 14 bytes (22 where steps are irregular, 6 more while it is smoothed), less than half of its event's.

The file has no name: it is gone when the process is, however it ends. It lies in ``$TMPDIR`` where that is set, else
in ``/var/tmp``, which unlike ``/tmp`` is nowhere in memory. It leaves `SPARE_BYTES` of the disk free; where there is
no room, or none that may be written to, the points stay in memory.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from contextlib import suppress
from threading import RLock
from typing import IO, Any, Final

from numpy.typing import NDArray

PAGE_BYTES: Final = 1 << 15
MEMORY_BYTES: Final = 32 << 20
"""What the arrays of a process keep in memory together; past it, each keeps only its last page."""
SPARE_BYTES: Final = 1 << 30
"""What is left free of the disk."""
_LOOK_EVERY: Final = 1024
"""Pages that the file grows by until it is looked again how much of the disk is free."""


class Spill:
    """Pages that are written once, read in parts and given back. Threads may share it."""

    def __init__(
        self,
        folders: Sequence[str] | None = None,
        *,
        page_bytes: int = PAGE_BYTES,
        spare_bytes: int = SPARE_BYTES,
    ) -> None:
        """`folders`: where the file may lie, the first that can be written to; None: as NOTE [Bounded memory] says."""
        self.page_bytes = page_bytes
        self.held_bytes = 0
        """What the arrays that write here have in memory at the moment."""
        self.used_pages = 0
        """Pages that are in use."""
        self._folders = folders
        self._spare_bytes = spare_bytes
        self._lock = RLock()  # re-entered where memory is collected while it is held
        self._file: IO[bytes] | None = None
        self._folder = ""
        self._has_tried = False
        self._free: list[int] = []
        self._end = 0  # pages that the file has
        self._allowed = 0  # pages that it may have before the disk is looked at again

    @property
    def file_bytes(self) -> int:
        """The size of the file."""
        return self._end * self.page_bytes

    def write(self, data: NDArray[Any]) -> int | None:
        """Write a page, at most `page_bytes`; return its number, or None where there is no room for it."""
        with self._lock:
            file = self._opened()
            if file is None:
                return None
            self.used_pages += 1
            page = self._free.pop() if self._free else self._grown()
            if page is not None:
                with suppress(OSError):
                    file.seek(page * self.page_bytes)
                    if file.write(data.tobytes()) == data.nbytes:
                        return page
                self._free.append(page)
            self.used_pages -= 1
            return None

    def read(self, page: int, offset: int, count: int) -> bytes:
        """Return `count` bytes of a page.

        Raises:
            OSError: the file, which only this process can reach, cannot be read.
        """
        with self._lock:
            assert self._file is not None, "no page was ever written"
            self._file.seek(page * self.page_bytes + offset)
            data = self._file.read(count)
        if len(data) != count:
            raise OSError(f"page {page} has {len(data)} bytes of {count}")
        return data

    def free(self, pages: Iterable[int]) -> None:
        """Take pages back; once none is in use, the file is empty."""
        with self._lock:
            before = len(self._free)
            self._free.extend(pages)
            self.used_pages -= len(self._free) - before
            if not self.used_pages and self._file is not None and self._end:
                with suppress(OSError):
                    self._file.truncate(0)
                    self._free.clear()
                    self._end = self._allowed = 0

    def hold(self, more_bytes: int) -> None:
        """Note that an array has so much more in memory; less, where it is negative."""
        with self._lock:
            self.held_bytes += more_bytes

    def _opened(self) -> IO[bytes] | None:
        if not self._has_tried:
            self._has_tried = True
            for folder in _usual_folders() if self._folders is None else self._folders:
                with suppress(OSError):
                    self._file = tempfile.TemporaryFile(  # noqa: SIM115 - as long as the process
                        prefix="torchtui-", buffering=0, dir=folder
                    )
                    self._folder = folder
                    break
        return self._file

    def _grown(self) -> int | None:
        """Return a page at the end of the file; None where the disk has no room to spare."""
        if self._end >= self._allowed:
            more = _LOOK_EVERY * self.page_bytes
            try:
                if shutil.disk_usage(self._folder).free < self._spare_bytes + more:
                    return None
            except OSError:
                return None
            self._allowed = self._end + _LOOK_EVERY
        self._end += 1
        return self._end - 1


def _usual_folders() -> list[str]:
    chosen = os.environ.get("TMPDIR")
    return [*([chosen] if chosen else []), "/var/tmp", tempfile.gettempdir()]


SPILL: Final = Spill()
"""The process's own."""
