"""Reading the views that a run keeps beside its log; see ``tui.protocol.views``."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Final

from tui.protocol.codec import decode
from tui.protocol.run import VIEWS
from tui.protocol.views import SUFFIX, VIEW_TYPES, Boundary, Confusion, Filters, Image, Preview, WorstSamples

View = Confusion | WorstSamples | Boundary | Preview | Filters
MAX_BYTES: Final = 8 << 20
MAX_SIDE: Final = 256
"""Of a picture: the trainer writes far smaller ones."""


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
                view = decode(kind, json.loads(path.read_bytes()))
                if is_sound(view):
                    fresh[name] = view
            except (OSError, ValueError, RecursionError):
                continue
        if fresh:
            self.views = {**self.views, **fresh}
            self.version += 1
        return bool(fresh)


def is_sound(view: View) -> bool:
    """Tell whether the parts of a view fit together, so that whoever draws it need not ask."""
    match view:
        case Confusion():
            count = len(view.classes)
            return len(view.counts) == count and all(len(row) == count for row in view.counts)
        case Boundary():
            places = _places(view.shape)
            return len(view.values) == places and len(view.confidence) in (0, places)
        case WorstSamples():
            return all(each.image is None or _is_picture(each.image) for each in view.samples)
        case Preview() | Filters():
            return all(map(_is_picture, view.images))


def _is_picture(image: Image) -> bool:
    if not (len(image.shape) == 2 or (len(image.shape) == 3 and image.shape[2] == 3)):
        return False
    return len(image.values) == _places(image.shape[:2]) * math.prod(image.shape[2:])


def _places(shape: tuple[int, ...]) -> int:
    """Return how many places there are; -1 where it is no shape of something to be shown."""
    return math.prod(shape) if all(1 <= side <= MAX_SIDE for side in shape) else -1
