"""Computations that take a while, and how those in progress are cancelled."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tui.protocol.viewing import Cancelled


class Computations:
    """Those in progress, each with an event. Any thread may cancel them."""

    def __init__(self) -> None:
        self._events: set[threading.Event] = set()

    @contextmanager
    def in_progress(self) -> Iterator[threading.Event]:
        """Return an event that is set when the user cancels what is computed inside."""
        cancel = threading.Event()
        self._events.add(cancel)
        try:
            yield cancel
        finally:
            self._events.discard(cancel)

    def cancel(self) -> Cancelled:
        """Set the event of every computation in progress; say whether there was any."""
        events = list(self._events)
        for event in events:
            event.set()
        return Cancelled(was_running=bool(events))
