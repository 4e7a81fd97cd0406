"""Places on a chart: which x a column stands for, and what the mouse says of it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual import events
from textual.message import Message
from textual.widget import Widget

if TYPE_CHECKING:
    from tui.widgets.chart.picture import Memory


class Pointing(Widget):
    """What was drawn where. It tells what the mouse does, and does nothing about it itself."""

    @dataclass
    class Pointed(Message):
        """The mouse is over a place, or no more over the canvas."""

        x: float | None

    @dataclass
    class Picked(Message):
        """A place was clicked."""

        x: float
        twice: bool
        """Whether it was the second click of two."""

    @dataclass
    class Wheeled(Message):
        """The wheel was turned over a place."""

        x: float
        up: bool

    @dataclass
    class Dragged(Message):
        """What is shown was pulled to the right, by this part of its width."""

        fraction: float

    _memory: Memory | None = None
    _drag: int | None = None
    """The column that the button went down in, or was last seen in; None: it is up."""
    _dragged = False

    def x_at(self, column: int) -> float | None:
        """Return the x in the middle of a column of the widget; None where nothing is drawn there."""
        memory = self._memory
        if memory is None or memory.x is None or not 0 <= column - memory.left < memory.columns:
            return None
        return memory.x.value((column - memory.left + 0.5) / memory.columns)

    def column_of(self, x: float) -> int | None:
        """Return the column of the widget that ``x`` is in; None where it is not shown."""
        memory = self._memory
        if memory is None or memory.x is None or not memory.columns:
            return None
        from tui.widgets.chart.picture import column_of

        found = column_of(memory.x, x, memory.columns)
        return None if found is None else found + memory.left

    def cell_of(self, x: float) -> tuple[float, float] | None:
        """Return the ends of the cell that ``x`` is in; None where it is not shown."""
        column, memory = self.column_of(x), self._memory
        if column is None or memory is None or memory.x is None:
            return None
        place = column - memory.left
        return memory.x.value(place / memory.columns), memory.x.value((place + 1) / memory.columns)

    def beside(self, x: float, cells: int) -> float | None:
        """Return the x in the middle of a cell so many from that of ``x``; None before there is a point."""
        memory = self._memory
        if memory is None or memory.x is None or not memory.columns:
            return None
        place = math.floor(memory.x.fraction(x) * memory.columns + 1e-9) if memory.x.fraction(x) > -1 else 0
        return memory.x.value((place + cells + 0.5) / memory.columns)

    # -- the mouse --------------------------------------------------------------------------------

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """Take hold of the canvas."""
        if event.button == 1 and self.x_at(event.x) is not None:
            self._drag, self._dragged = event.x, False
            self.capture_mouse()

    def on_mouse_up(self, event: events.MouseUp) -> None:
        """Let go."""
        if self._drag is not None:
            self._drag = None
            self.release_mouse()

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Pull what is shown along, or tell the place."""
        if self._drag is None:
            self.post_message(self.Pointed(self.x_at(event.x)))
        elif event.x != self._drag and self._memory is not None and self._memory.columns:
            self.post_message(self.Dragged((event.x - self._drag) / self._memory.columns))
            self._drag, self._dragged = event.x, True

    def on_leave(self, event: events.Leave) -> None:
        """Tell that the mouse has gone."""
        self.post_message(self.Pointed(None))

    def on_click(self, event: events.Click) -> None:
        """Tell the place that was clicked, unless the click was the end of a pull."""
        x = self.x_at(event.x)
        if x is not None and not self._dragged:
            self.post_message(self.Picked(x, event.chain == 2))

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Tell that the wheel was turned up."""
        self._wheel(event, up=True)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Tell that the wheel was turned down."""
        self._wheel(event, up=False)

    def _wheel(self, event: events.MouseEvent, *, up: bool) -> None:
        x = self.x_at(event.x)
        if x is not None:
            event.stop()
            self.post_message(self.Wheeled(x, up))
