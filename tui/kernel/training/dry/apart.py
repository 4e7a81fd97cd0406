"""Runs the user's code in a thread of its own that can be ended from outside, or be given up where it cannot.

NOTE [Ending a thread]
A thread is ended by an exception that Python raises in it at its next instruction. One that sleeps, or waits for a
lock, a socket or a disk, gets to its next instruction when that call returns: it is left behind then, the exception
waiting for it, so that not a line more of the user's code runs. Whatever has to be put in order afterwards is
therefore done by the thread that waits, never by the one that may be left behind.
"""

from __future__ import annotations

import ctypes
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from time import monotonic
from types import FrameType
from typing import Final, Generic, TypeVar

from tui.kernel.training.quiet import silent

T = TypeVar("T")

LOOK_S: Final = 0.05
"""How often the waiting thread looks whether it is to end."""
PATIENCE_S: Final = 1.0
"""How long a thread has to end in order, before it is left behind."""


class Ended(BaseException):
    """Raised in the thread that is ended; no `except Exception` of the user's takes it for an error."""


class Apart(Generic[T]):
    """One call in a thread of its own. What it prints is dropped."""

    def __init__(self, call: Callable[[], T], name: str) -> None:
        self._call = call
        self._lock = threading.Lock()
        self._inside = False  # whether the thread is in the call: only there may it be interrupted
        self._result: list[T] = []
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._main, name=name, daemon=True)

    def start(self) -> None:
        """Begin the call."""
        self._thread.start()

    def wait(self, cancel: threading.Event) -> bool:
        """Wait for the end of the call; return whether it has come. False once `cancel` is set."""
        while not cancel.is_set():
            self._thread.join(LOOK_S)
            if not self._thread.is_alive():
                return True
        return False

    def result(self) -> T:
        """Return what the call has returned, or raise what it has raised."""
        if self._error is not None:
            raise self._error
        return self._result[0]

    def frame(self) -> FrameType | None:
        """Return the frame that the thread is in; None where it has ended."""
        ident = self._thread.ident
        return sys._current_frames().get(ident) if ident is not None and self._thread.is_alive() else None

    def end(self, patience_s: float = PATIENCE_S) -> bool:
        """End the call; return whether it has ended, False where it is left behind. See NOTE [Ending a thread]."""
        until_s = monotonic() + patience_s
        while self._thread.is_alive() and monotonic() < until_s:
            self._interrupt()
            self._thread.join(LOOK_S)
        return not self._thread.is_alive()

    def _interrupt(self) -> None:
        with self._lock:
            if self._inside:
                _raise_in(self._thread.ident, Ended)

    def _main(self) -> None:
        with silent():
            try:
                self._inside = True
                self._result.append(self._call())
            except Ended:
                pass  # nobody waits any more, and its traceback would keep what the user's code had at hand
            except BaseException as error:  # noqa: BLE001 - handed to who waits
                self._error = error
            for _ in range(2):  # the first may be interrupted itself; by the second nothing can come any more
                with suppress(Ended):
                    self._leave()

    def _leave(self) -> None:
        """See to it that no exception of `_interrupt` comes after the call."""
        with self._lock:
            self._inside = False
        _raise_in(threading.get_ident(), None)


def _raise_in(ident: int | None, kind: type[BaseException] | None) -> None:
    """Have Python raise an exception in a thread; None takes back one that has not been raised yet."""
    if ident is not None:
        ctypes.pythonapi.PyThreadState_SetAsyncExc(
            ctypes.c_ulong(ident), ctypes.py_object(kind) if kind is not None else None
        )
