"""``log.txt``: what a run prints, and what the trainer says of it.

`ThreadOutput` stands in for ``sys.stdout`` and ``sys.stderr`` and sends the writes of the training thread to
the run's log; everybody else's go where they went before.
"""

from __future__ import annotations

import io
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

MAX_LOG_BYTES = 50_000_000


class RunLog(io.TextIOBase):
    """A text file that is appended to line by line and stops growing at a limit, with a note.

    A full disk does not stop whoever prints: the text is lost, and the trainer notices by its own writes.
    """

    def __init__(self, path: Path, limit_bytes: int = MAX_LOG_BYTES) -> None:
        self._lock = threading.RLock()
        self._line = ""
        self._limit_bytes = limit_bytes
        self._full = False
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_CLOEXEC", 0)
        self._fd = os.open(path, flags, 0o644)
        self._size_bytes = os.fstat(self._fd).st_size

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """Always UTF-8."""
        return "utf-8"

    def writable(self) -> bool:
        """Return True."""
        return True

    def write(self, text: str, /) -> int:
        """Add text; it reaches the file when its line is complete, or on `flush`."""
        with self._lock:
            complete, newline, self._line = (self._line + text).rpartition("\n")
            if newline:
                self._append(complete + newline)
            elif len(self._line) > 65536:
                self._append(self._line)
                self._line = ""
        return len(text)

    def flush(self) -> None:
        """Put the started line into the file."""
        with self._lock:
            line, self._line = self._line, ""
            if line:
                self._append(line)

    def say(self, text: str) -> None:
        """Add a line of the trainer's own, apart from a line the experiment has started."""
        with self._lock:
            self.write(("\n" if self._line else "") + text + "\n")

    def close(self) -> None:
        """Flush and close the file."""
        with self._lock:
            if not self.closed:
                self.flush()
                os.close(self._fd)
        super().close()

    def _append(self, text: str) -> None:
        if self._full:
            return
        data = text.encode("utf-8", "backslashreplace")
        if self._size_bytes + len(data) > self._limit_bytes:
            self._full = True
            data = f"\n(the log has reached {self._limit_bytes:,} bytes and ends here)\n".encode()
        with suppress(OSError):
            self._size_bytes += os.write(self._fd, data)


class ThreadOutput:
    """A text stream that sends one thread's writes to a log and everything else to the stream it wraps."""

    def __init__(self, wrapped: TextIO) -> None:
        self._wrapped = wrapped
        self._logs: dict[int, RunLog] = {}

    @classmethod
    def install(cls) -> None:
        """Put a router over ``sys.stdout`` and ``sys.stderr``, where there is none yet."""
        for name in ("stdout", "stderr"):
            stream = getattr(sys, name)
            if not isinstance(stream, ThreadOutput):
                setattr(sys, name, cls(stream))

    def register(self, log: RunLog) -> None:
        """Send what the calling thread writes to `log`."""
        self._logs[threading.get_ident()] = log

    def unregister(self) -> None:
        """Send what the calling thread writes to the wrapped stream again."""
        self._logs.pop(threading.get_ident(), None)

    def write(self, text: str) -> int:
        """Write where the calling thread's output belongs."""
        log = self._logs.get(threading.get_ident())
        return self._wrapped.write(text) if log is None else log.write(text)

    def writelines(self, lines: list[str]) -> None:
        """Write several texts."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Flush where the calling thread's output belongs."""
        log = self._logs.get(threading.get_ident())
        (self._wrapped if log is None else log).flush()

    def isatty(self) -> bool:
        """Return False in a thread that has a log, so that progress bars there keep to plain text."""
        return threading.get_ident() not in self._logs and self._wrapped.isatty()

    def __getattr__(self, name: str) -> object:
        return getattr(self._wrapped, name)


@contextmanager
def output_to(log: RunLog) -> Iterator[None]:
    """Send what the calling thread prints, on either stream, to `log`."""
    routed: list[tuple[str, ThreadOutput, bool]] = []
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        ours = isinstance(stream, ThreadOutput)
        router = stream if ours else ThreadOutput(stream)
        router.register(log)
        if not ours:
            setattr(sys, name, router)
        routed.append((name, router, not ours))
    try:
        yield
    finally:
        for name, router, installed in routed:
            router.unregister()
            # Somebody may have put another stream on top meanwhile: then ours stays, and passes all on.
            if installed and getattr(sys, name) is router:
                setattr(sys, name, router._wrapped)
