"""Asks the kernel for the values that are on the screen, one window at a time, and keeps them.

NOTE [Back-pressure]
One request for a window is under way at a time; what was scrolled past while it was is never asked for. The next one
waits until the last is painted (`painted`), in live mode too, so that a slow terminal or kernel is asked less often
and never gets a queue.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Literal, Protocol, TypeVar

from tui.client.errors import KernelDied, KernelRefused
from tui.protocol.messages import Request
from tui.protocol.viewing import OpenView, View, ViewFacts, Window
from tui.widgets.tensor_view.cells import Kept, Pane, Shelf
from tui.widgets.tensor_view.layout import Layout
from tui.widgets.tensor_view.numbers import Cell
from tui.widgets.tensor_view.viewport import Box

R = TypeVar("R")

CHEAP_S: Final = 0.04
"""A window that came faster than this makes it worth to read the next page ahead."""
ANSWER_S: Final = 30.0
"""How long a window may take before the viewer says that the kernel does not answer."""


class Asker(Protocol):
    """The one thing that is needed of a kernel session."""

    async def ask(self, request: Request[R], *, timeout_s: float | None = None) -> R:
        """Ask the kernel and wait for its answer."""
        ...


Staleness = Literal["", "changed", "rebound"]
"""Of the cells that are shown: as the tensor is · it was changed in place since · the expression is another tensor."""
UNKNOWN_AHEAD: Final = 32
"""Rows or columns that are tried beyond what is known of a dimension whose size is not."""


@dataclass(frozen=True)
class Problem:
    """Why there are no (new) values."""

    kind: Literal["gone", "no values", "dead", "slow", "refused"]
    message: str
    """For the user."""


def problem_of(error: Exception) -> Problem:
    """Say in words why the kernel gave no answer."""
    if isinstance(error, KernelRefused):
        kind = error.refusal.kind
        known: Literal["gone", "no values", "refused"] = (
            "gone" if kind == "gone" else "no values" if kind == "no values" else "refused"
        )
        return Problem(known, error.refusal.message)
    if isinstance(error, TimeoutError):
        return Problem("slow", "the kernel has not answered yet")
    return Problem("dead", str(error) or "the kernel is gone")


ASK_ERRORS: Final = (KernelRefused, KernelDied, RuntimeError, TimeoutError)
"""What `ask` raises when there is no answer; a KernelDied is a RuntimeError, named for the reader."""


class WindowSource:
    """The values of one view.

    `on_change` is called when cells, facts or the problem have changed; `painted` returns when the screen shows it.
    """

    def __init__(
        self, asker: Asker, on_change: Callable[[], None], painted: Callable[[], Awaitable[None]]
    ) -> None:
        self._asker, self._on_change, self._painted = asker, on_change, painted
        self.view = View("")
        self.facts: ViewFacts | None = None
        """Of the last answer; None before the first."""
        self.problem: Problem | None = None
        self.stale: Staleness = ""
        self.resized_from: tuple[int, ...] | None = None
        """The shape it had before its last change of shape; None where it kept it."""
        self.interval_s: float | None = None
        """How often the values are read again; None: they are frozen."""
        self._shelf = Shelf()
        self._sizes: dict[int, int] = {}
        self._pane: Pane | None = None
        self._now = Kept()
        self._box = Box(0, 0, 0, 0)
        self._ahead: Box | None = None
        self._reading: asyncio.Task[None] | None = None
        self._live: asyncio.Task[None] | None = None
        self._last_took_s = CHEAP_S

    # -- what is looked at ------------------------------------------------------------------------

    async def look_up(self, view: View) -> ViewFacts:
        """Ask what a view would show, without changing what is shown; raises what `ask` raises."""
        return await self._asker.ask(OpenView(view), timeout_s=ANSWER_S)

    def show(self, view: View, facts: ViewFacts) -> None:
        """Look at another view from now on."""
        self.view, self.facts = view, facts
        self.problem, self.stale, self.resized_from = None, "", None
        self._sizes = {}
        self._pane, self._ahead = None, None

    def want(self, layout: Layout, box: Box, *, with_bits: bool = False, ahead: Box | None = None) -> None:
        """Have the cells of a box read that have not been; `ahead`: what may come next, if that is cheap."""
        self._pane, self._box, self._ahead = Pane(self.view, layout, with_bits), box, ahead
        self._now = self._shelf.of(self._pane)
        self._read_soon()

    def cell(self, row: int, column: int) -> Cell | None:
        """Return a cell of the pane on the screen; None where it has not come."""
        return None if self._pane is None else self._now.get(row, column)

    def cells(self) -> list[Cell]:
        """Return the cells that are on the screen."""
        return [] if self._pane is None else list(self._now.within(self._box))

    def extent(self, layout: Layout) -> tuple[int, int]:
        """Return how many rows and columns there are, or may be where the size of a dimension is not known."""
        return (
            layout.rows if layout.rows >= 0 else self._sizes.get(layout.row_dim or 0, UNKNOWN_AHEAD),
            layout.columns if layout.columns >= 0 else self._sizes.get(layout.column_dim or 0, UNKNOWN_AHEAD),
        )

    def _learn_sizes(self, layout: Layout, box: Box, window: Window) -> None:
        """Note how far a dimension goes whose size is not known: a window that is cut short tells its end."""
        rows, columns = len(window.values), max(map(len, window.values), default=0)
        for dim, size, asked, wanted, got, first in (
            (layout.row_dim, layout.rows, box.row, box.rows, rows, window.row),
            (layout.column_dim, layout.columns, box.column, box.columns, columns, window.column),
        ):
            if dim is not None and size < 0:
                whole = got == wanted and first == asked
                known = self._sizes.get(dim, 0)
                self._sizes[dim] = max(known, first + got + UNKNOWN_AHEAD) if whole else first + got

    # -- reading ----------------------------------------------------------------------------------

    def _read_soon(self) -> None:
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        """Read until nothing is missing on the screen."""
        while (wanted := self._next()) is not None:
            pane, box = wanted
            kept = self._shelf.of(pane)
            age, started = kept.age, time.monotonic()
            try:
                window = await self._asker.ask(pane.request(box), timeout_s=ANSWER_S)
            except ASK_ERRORS as error:
                self._fail(problem_of(error))
                return
            self._last_took_s = time.monotonic() - started
            if pane.view != self.view:
                continue  # another view was opened meanwhile
            self._take(pane, kept, box, window, age)
            self._on_change()
            await self._painted()

    def _next(self) -> tuple[Pane, Box] | None:
        if self._pane is None:
            return None
        kept = self._shelf.of(self._pane)
        if (box := kept.missing(self._box)) is not None:
            return self._pane, box
        ahead, self._ahead = self._ahead, None
        if ahead is None or self._last_took_s > CHEAP_S or self.interval_s is not None:
            return None
        box = kept.missing(ahead)
        return None if box is None else (self._pane, box)

    def _take(self, pane: Pane, kept: Kept, box: Box, window: Window, age: int) -> None:
        before, self.facts, self.problem = self.facts, window.facts, None
        shape = window.facts.tensor.shape
        if before is not None and shape != before.tensor.shape:
            self.resized_from = before.tensor.shape
            self._shelf.clear()  # what was read is of another tensor
        elif before is not None and self.interval_s is None:
            self.stale = _staleness(before, window.facts) or self.stale
        if shape == pane.layout.shape:
            self._learn_sizes(pane.layout, box, window)
            kept.add(window, age)
            kept.add_nothing(box, age)
        else:
            self._pane = None  # the screen asks anew with a layout that fits

    def _fail(self, problem: Problem) -> None:
        known_dead = problem.kind == "dead" and self.problem is not None and self.problem.kind == "dead"
        if problem != self.problem and not known_dead:  # the first to tell of its death knows why
            self.problem = problem
            self._on_change()

    async def read_bits(self, layout: Layout, row: int, column: int) -> Cell | None:
        """Return one cell with its stored pattern; None where it cannot be read."""
        kept = Kept()
        request = Pane(self.view, layout, with_bits=True).request(Box(row, column, 1, 1))
        try:
            kept.add(await self._asker.ask(request, timeout_s=ANSWER_S), 0)
        except ASK_ERRORS:
            return None
        return kept.get(row, column)

    # -- again ------------------------------------------------------------------------------------

    def read_again(self) -> None:
        """Read what is on the screen once more; until it comes the old values stay."""
        self._shelf.grow_old()
        self.stale = ""
        self._read_soon()

    def note_dead(self, reason: str) -> None:
        """Say that the kernel is gone; the values that were read stay."""
        self.problem = None
        self._fail(Problem("dead", reason))

    async def check(self) -> None:
        """Ask what the view shows now: whether it is gone, was resized or changed in place."""
        view, before = self.view, self.facts
        try:
            facts = await self.look_up(view)
        except ASK_ERRORS as error:
            self._fail(problem_of(error))
            return
        if view != self.view:
            return
        if before is not None and facts.tensor.shape != before.tensor.shape:
            self.resized_from = before.tensor.shape
            self._shelf.clear()
            self._pane = None
        elif before is not None:
            self.stale = _staleness(before, facts) or self.stale
        recovered, self.problem, self.facts = self.problem is not None, None, facts
        if recovered:
            self.read_again()
        self._on_change()

    def set_live(self, interval_s: float | None) -> None:
        """Read the values again and again, with so many seconds between; None: freeze what was read."""
        self.interval_s = interval_s
        if interval_s is None:
            if self._live is not None:
                self._live.cancel()
                self._live = None
        else:
            self.read_again()
            if self._live is None or self._live.done():
                self._live = asyncio.create_task(self._stay_live())

    async def _stay_live(self) -> None:
        while self.interval_s is not None:
            await asyncio.sleep(self.interval_s)
            if self.problem is not None and self.problem.kind == "dead":
                continue  # `check` is called when there is a kernel again
            if self._pane is None:
                await self.check()
            else:
                self.read_again()
            if self._reading is not None:
                await asyncio.wait({self._reading})
            await self._painted()

    def close(self) -> None:
        """Ask nothing more."""
        for task in (self._reading, self._live):
            if task is not None:
                task.cancel()


def _staleness(before: ViewFacts, now: ViewFacts) -> Staleness:
    """Tell what became of a tensor between two answers."""
    if before.identity != now.identity:
        return "rebound"
    return "changed" if before.version != now.version else ""
