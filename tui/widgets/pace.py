"""Whether the terminal keeps up with what is painted."""

from __future__ import annotations

from textual.app import App

MOST_WAITING = 2
"""Paints that may wait for the terminal before the next is worth making."""


def terminal_is_behind(app: App[object]) -> bool:
    """Return whether earlier paints still wait to be read at the other end of the line.

    Textual writes in a thread with a queue in front of it, and blocks the app once 30 paints wait: whoever paints
    often asks here first. Where a driver has no such queue (tests, other systems) the answer is no.
    """
    writer = getattr(app._driver, "_writer_thread", None)
    queue = getattr(writer, "_queue", None)
    return queue is not None and queue.qsize() > MOST_WAITING
