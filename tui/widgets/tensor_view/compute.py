"""What may take seconds: statistics, places, comparisons. One at a time; it can be cancelled, and says what runs."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import Final, TypeVar

from tui.protocol.messages import Request
from tui.protocol.viewing import CancelCompute
from tui.widgets.tensor_view.source import ASK_ERRORS, Asker, Problem, problem_of

R = TypeVar("R")

CANCEL_S: Final = 5.0


class Computation:
    """The compute lane of the kernel, as one viewer uses it.

    A new wish takes the place of the one under way: whoever jumps to the minimum does not wait for a histogram.
    """

    def __init__(self, asker: Asker, on_change: Callable[[], None]) -> None:
        self._asker, self._on_change = asker, on_change
        self.label = ""
        """What is being computed, e.g. ``statistics``; empty where nothing is."""
        self.problem: Problem | None = None
        """Why the last one failed; None where it did not, or was cancelled."""
        self.took_s = 0.0
        """Of the last one that came to its end."""
        self._task: asyncio.Task[None] | None = None
        self._cancels: set[asyncio.Task[None]] = set()

    @property
    def running(self) -> bool:
        """Whether something is under way."""
        return bool(self.label)

    def start(self, label: str, request: Request[R], done: Callable[[R], None]) -> None:
        """Compute, and hand the answer to `done`; what was under way is cancelled."""
        before, self._task = self._task, None
        if before is not None and not before.done():
            before.cancel()
            self._tell_kernel()
        self.label, self.problem = label, None
        self._task = asyncio.create_task(self._run(label, request, done))
        self._on_change()

    async def _run(self, label: str, request: Request[R], done: Callable[[R], None]) -> None:
        while self._cancels:  # or the kernel would cancel this one in its place
            await asyncio.wait(self._cancels)
        started = time.monotonic()
        try:
            answer = await self._asker.ask(request)
        except ASK_ERRORS as error:
            self.label = ""
            problem = problem_of(error)
            self.problem = None if _was_cancelled(error) else problem
        else:
            self.label = ""
            self.took_s = time.monotonic() - started
            done(answer)
        self._on_change()

    def cancel(self) -> bool:
        """End what is under way; returns whether there was anything."""
        if not self.running:
            return False
        if self._task is not None:
            self._task.cancel()
        self.label = ""
        self._tell_kernel()
        self._on_change()
        return True

    def _tell_kernel(self) -> None:
        task = asyncio.create_task(self._send_cancel())
        self._cancels.add(task)
        task.add_done_callback(self._cancels.discard)

    async def _send_cancel(self) -> None:
        with contextlib.suppress(*ASK_ERRORS):
            await self._asker.ask(CancelCompute(), timeout_s=CANCEL_S)

    def close(self) -> None:
        """Ask nothing more, and tell the kernel to stop where it computes for us."""
        if self._task is not None:
            self._task.cancel()
        if self.running:
            self.label = ""
            self._tell_kernel()


def _was_cancelled(error: Exception) -> bool:
    refusal = getattr(error, "refusal", None)
    return refusal is not None and refusal.kind == "cancelled"
