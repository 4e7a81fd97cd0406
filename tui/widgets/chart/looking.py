"""Where one looks in charts that share an x axis: the part that is shown, and the cursor."""

from __future__ import annotations

from typing import Protocol

from tui.widgets.chart.window import Span, Whole, following, panned, showing, zoomed


class Walk(Protocol):
    """The points that a cursor goes along."""

    def __len__(self) -> int: ...
    def up_to(self, x: float) -> int:
        """Return how many points are at ``x`` or before."""
        ...

    def x_of(self, index: int) -> float:
        """Return where a point lies."""
        ...


class Looking:
    """The window and the cursor of a board of charts."""

    def __init__(self) -> None:
        self.window: Span | None = None
        """The part of the axis that is shown; None: all."""
        self.follows = False
        """Whether the window moves on with the newest point."""
        self.cursor: float | None = None
        """None: there is none."""
        self.pinned = False
        """Whether the cursor stays where it is when the mouse moves on."""

    def zoom(self, whole: Whole, factor: float, about: float | None = None) -> None:
        """Show ``1 / factor`` as much, about a place, else about the cursor."""
        self._take(whole, zoomed(whole, self.window, factor, self.cursor if about is None else about))

    def pan(self, whole: Whole, part: float) -> None:
        """Move on by a part of what is shown."""
        self._take(whole, panned(whole, self.window, part))

    def show_all(self) -> None:
        """Show all of the axis."""
        self.window, self.follows = None, False

    def follow(self, whole: Whole) -> None:
        """Take what has come since."""
        if self.window is not None and self.follows:
            self.window = following(whole, self.window)

    def _take(self, whole: Whole, window: Span | None) -> None:
        self.window = window
        self.follows = window is not None and window[0] <= whole.end <= window[1]

    # -- the cursor -------------------------------------------------------------------------------

    def point_at(self, walk: Walk, x: float | None, *, pin: bool) -> None:
        """Put the cursor on the newest point at ``x`` or before; None takes it away."""
        if x is None or not len(walk):
            self.cursor, self.pinned = None, False
            return
        self.cursor = walk.x_of(max(0, walk.up_to(x) - 1))
        self.pinned = pin

    def put(self, whole: Whole, x: float) -> None:
        """Put the cursor exactly on ``x``, and bring it into sight."""
        self.cursor, self.pinned = x, True
        window = showing(whole, self.window, x)
        if window != self.window:
            self._take(whole, window)

    def walk(self, walk: Walk, whole: Whole, target: float, forward: bool) -> None:
        """Move the cursor to ``target``, and by one point at least; without one, put it on the newest in sight."""
        if not len(walk):
            return
        last = len(walk) - 1
        if self.cursor is None:
            end = whole.end if self.window is None else min(self.window[1], whole.end)
            self.put(whole, walk.x_of(max(0, walk.up_to(end) - 1)))
            return
        here = walk.up_to(self.cursor) - 1
        there = walk.up_to(target) - 1
        before = here if here >= 0 and walk.x_of(here) < self.cursor else here - 1
        there = max(there, here + 1) if forward else min(there, before)
        there = min(max(there, 0), last)
        x = walk.x_of(there)
        while not forward and there > 0 and x >= self.cursor:  # points of one step
            there -= 1
            x = walk.x_of(there)
        while forward and there < last and x <= self.cursor:
            there += 1
            x = walk.x_of(there)
        self.put(whole, x)
