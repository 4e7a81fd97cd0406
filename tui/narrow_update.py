"""Repaints of the changed cells alone.

Textual knows the spans that changed, and sends each from the left edge of its widget on (`ChopsUpdate`): a changed
digit at the right end of a line costs the whole line, once for each span in it. Here a span is sent as it is.
Textual's class is private: where it is not as we know it, its own update is used.
"""

from __future__ import annotations

from rich.console import Console
from rich.control import Control
from textual import _compositor

FIELDS = ("chops", "spans", "chop_ends")


class NarrowUpdate(_compositor.ChopsUpdate):
    """The same update, cut at both ends of each span."""

    def render_segments(self, console: Console) -> str:
        """Return the escape sequences and the text of the changed spans."""
        sequences: list[str] = []
        for y, start, end in self.spans:
            for strip_end, (x, strip) in zip(self.chop_ends[y], self.chops[y].items(), strict=False):
                left, right = max(x, start), min(strip_end, end)
                if strip is None or left >= right:
                    continue
                sequences.append(Control.move_to(left, y).segment.text)
                sequences.append(strip.crop(left - x, right - x).render(console))
        return "".join(sequences)


def narrowed(update: object) -> object:
    """Return the update that sends no more than what changed; anything but a `ChopsUpdate` as it is."""
    if type(update) is not _compositor.ChopsUpdate or not all(hasattr(update, field) for field in FIELDS):
        return update
    return NarrowUpdate(update.chops, update.spans, update.chop_ends)
