"""What torch warns of while a design is looked at: taken down for the block's row, and kept off the kernel's stderr.

NOTE [Warnings of one thread]
Python's filters, and `catch_warnings` with them, are those of the whole process: a user's cell would lose its warnings
while a design is looked at on another thread. So the one function that shows them is replaced by one that asks whose
thread it is; all other threads have theirs shown as before.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

_USELESS: Final = (
    "Lazy modules are a new feature",
    "enable_nested_tensor is True",
    "Initializing zero-element tensors",
    "The PyTorch API of nested tensors",
)
"""How warnings begin that are of no use to whoever puts a model together."""
_WIDTH: Final = 240
_thread = threading.local()
_lock = threading.Lock()


@contextmanager
def collected() -> Iterator[list[str]]:
    """Take down the warnings of this thread in place of showing them; each once, those of no use left out."""
    _install()
    before = getattr(_thread, "found", None)
    found: list[str] = []
    _thread.found = found
    try:
        yield found
    finally:
        _thread.found = before


def _install() -> None:
    with _lock:
        shows = warnings.showwarning
        if not getattr(shows, "of_torchtui", False):
            warnings.showwarning = _asking(shows)


def _asking(shows: Callable[..., Any]) -> Callable[..., None]:
    def show(message: Warning | str, *place: Any, **more: Any) -> None:
        found = getattr(_thread, "found", None)
        if found is None:
            shows(message, *place, **more)
            return
        text = " ".join(str(message).split())
        text = text.partition(" (Triggered internally")[0]
        text = text if len(text) <= _WIDTH else text[: _WIDTH - 1] + "…"
        if text and text not in found and not text.startswith(_USELESS):
            found.append(text)

    show.of_torchtui = True  # type: ignore[attr-defined]
    return show
