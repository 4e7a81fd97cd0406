"""Reading the views that a run keeps beside its log; see ``tui.protocol.views``."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Final

from tui.protocol.codec import decode
from tui.protocol.run import VIEWS
from tui.protocol.views import SUFFIX, VIEW_TYPES, Boundary, Confusion, Filters, Preview, WorstSamples

View = Confusion | WorstSamples | Boundary | Preview | Filters
MAX_BYTES: Final = 8 << 20


class ViewsReader:
    """Reads each view again when its file was replaced; one that cannot be read is left as it was."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        """The run's."""
        self._stamps: dict[str, tuple[int, int, int]] = {}
        self.views: dict[str, View] = {}
        """By name. Replaced, not changed, when a view is another."""
        self.version = 0
        """Rises whenever a view is another."""

    def poll(self) -> bool:
        """Read what is new; return whether anything was."""
        fresh: dict[str, View] = {}
        for name, kind in VIEW_TYPES.items():
            path = self.folder / VIEWS / f"{name}{SUFFIX}"
            try:
                found = os.stat(path)
                stamp = (found.st_mtime_ns, found.st_size, found.st_ino)
                if stamp == self._stamps.get(name) or found.st_size > MAX_BYTES:
                    continue
                self._stamps[name] = stamp
                fresh[name] = decode(kind, json.loads(path.read_bytes()))
            except (OSError, ValueError, RecursionError):
                continue
        if fresh:
            self.views = {**self.views, **fresh}
            self.version += 1
        return bool(fresh)
