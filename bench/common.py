"""What the benches share: the real program in a real pseudo-terminal, a home of its own, and the last line."""

from __future__ import annotations

import os
import re
import select
import shutil
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pexpect
import psutil
import pyte

from tui.client.registry import RECORD, read_session

COLUMNS, ROWS = 120, 40
PATIENCE_S = 60.0
"""How long a bench waits for what must come; only one that fails waits so long."""
TORCHTUI = Path(sys.executable).with_name("torchtui")
SYNC_QUERY, SYNC_ANSWER = b"\x1b[?2026$p", b"\x1b[?2026;2$y"
"""Whether the terminal paints whole frames at once: today's do, and the program then marks each frame."""


class BenchError(RuntimeError):
    """What a bench waited for did not come, or there is nothing to measure."""


def environment(home: Path) -> dict[str, str]:
    """Return the environment of a user with a good terminal, whose state lives in `home`.

    Compiled modules are kept, as they are for anybody who starts the program for the second time.
    """
    dropped = ("PYTHON", "TEXTUAL", "NO_COLOR", "TERM", "COLUMNS", "LINES", "LC_", "LANG")
    kept = {key: value for key, value in os.environ.items() if not key.startswith(dropped)}
    return {
        **kept,
        "TERM": "xterm-256color",
        "COLORTERM": "truecolor",
        "LANG": "C.UTF-8",
        "TORCHTUI_HOME": str(home),
    }


@contextmanager
def temporary_home() -> Iterator[Path]:
    """Give a folder for ``TORCHTUI_HOME``; ends the sessions left in it and removes it."""
    home = Path(tempfile.mkdtemp(prefix="tt-"))  # short: sockets live below it
    # kernels outlive whoever started them: a bench that is told to end must not leave one
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        yield home
    finally:
        for record in home.glob(f"sessions/*/{RECORD}"):
            info = read_session(record.parent)
            if info is not None and info.alive():
                end_family(info.pid)
        shutil.rmtree(home, ignore_errors=True)


def end_family(pid: int) -> None:
    """Kill a process of ours with all it has started."""
    with suppress(psutil.NoSuchProcess):
        parent = psutil.Process(pid)
        parent.suspend()  # so that it starts nothing while its children are counted
        family = [*parent.children(recursive=True), parent]
        for process in family:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs([process for process in family if process is not parent], timeout=5)


@dataclass(frozen=True)
class Chunk:
    """What one read of the terminal gave."""

    at_s: float
    """When it was read, on the clock of `time.perf_counter`."""
    data: bytes


class Terminal:
    """A program in a pseudo-terminal that is read as fast as it writes.

    Use as a context manager: leaving it kills the program and its children.
    """

    def __init__(self, argv: Sequence[str], home: Path, *, cwd: Path | None = None) -> None:
        self.started_s = time.perf_counter()
        self._spawned = pexpect.spawn(
            argv[0],
            list(argv[1:]),
            dimensions=(ROWS, COLUMNS),
            env=environment(home),
            cwd=str(cwd or home),
            timeout=None,
        )
        self.pid: int = self._spawned.pid
        self.chunks: list[Chunk] = []
        self.total_bytes = 0
        self._screen = pyte.Screen(COLUMNS, ROWS)
        self._stream = pyte.ByteStream(self._screen)
        self._fed = 0

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *exception: object) -> None:
        end_family(self.pid)
        self._spawned.close(force=True)

    # -- reading ----------------------------------------------------------------------------------

    def read(self, timeout_s: float) -> Chunk | None:
        """Return what the program writes next; None where it writes nothing in time.

        Raises:
            BenchError: the program has ended.
        """
        descriptor = self._spawned.child_fd
        if not select.select([descriptor], [], [], max(0.0, timeout_s))[0]:
            return None
        try:
            data = os.read(descriptor, 1 << 16)
        except OSError:  # Linux's way to say that the other end is closed
            data = b""
        if not data:
            raise BenchError("the program has ended; its last screen:\n" + self.picture())
        chunk = Chunk(time.perf_counter(), data)
        self.chunks.append(chunk)
        self.total_bytes += len(data)
        if SYNC_QUERY in data:
            os.write(descriptor, SYNC_ANSWER)
        return chunk

    def read_for(self, seconds: float) -> list[Chunk]:
        """Read for so long; return what came."""
        first, end_s = len(self.chunks), time.perf_counter() + seconds
        while (left_s := end_s - time.perf_counter()) > 0:
            self.read(left_s)
        return self.chunks[first:]

    def lines(self) -> list[str]:
        """Return what the screen shows, a line for each row."""
        fresh, self._fed = self.chunks[self._fed :], len(self.chunks)
        for chunk in fresh:
            self._stream.feed(chunk.data)
        return list(self._screen.display)

    def picture(self) -> str:
        """Return the screen as text."""
        return "\n".join(line.rstrip() for line in self.lines())

    def wait(self, shown: Callable[[list[str]], bool], what: str, timeout_s: float = PATIENCE_S) -> float:
        """Read until the screen fits; return when the bytes that made it fit were read (`time.perf_counter`).

        Raises:
            BenchError: it did not come in time.
        """
        end_s = time.perf_counter() + timeout_s
        while not shown(self.lines()):
            left_s = end_s - time.perf_counter()
            if left_s <= 0 or (self.read(left_s) is None and time.perf_counter() >= end_s):
                raise BenchError(f"waited {timeout_s:.0f} s for {what}; the screen:\n{self.picture()}")
        return self.chunks[-1].at_s if self.chunks else self.started_s

    def wait_text(self, pattern: str, timeout_s: float = PATIENCE_S) -> float:
        """Read until a line of the screen matches the pattern; return when, as `wait` does."""
        found = re.compile(pattern)
        return self.wait(lambda lines: any(found.search(line) for line in lines), repr(pattern), timeout_s)

    def send(self, keys: str) -> float:
        """Type; return when (`time.perf_counter`)."""
        now_s = time.perf_counter()
        os.write(self._spawned.child_fd, keys.encode())
        return now_s


F2, F3, F5 = "\x1bOQ", "\x1bOR", "\x1b[15~"
CTRL_C = "\x03"
TRAINING_SHOWN = r"▶ running .*steps/s"
"""A line of the Training screen once a run is shown and its speed is known."""


def train(home: Path, *arguments: str) -> Terminal:
    """Start ``torchtui train`` with these arguments, in a terminal."""
    return Terminal([str(TORCHTUI), "train", *arguments], home)


def run_folder(home: Path) -> Path:
    """Return the only run directory of a home."""
    (folder,) = (home / "runs").iterdir()
    return folder


def kernel_pid(home: Path) -> int:
    """Return the process of the only session of a home."""
    (record,) = home.glob(f"sessions/*/{RECORD}")
    info = read_session(record.parent)
    if info is None:
        raise BenchError(f"{record} cannot be read")
    return info.pid


# -- figures --------------------------------------------------------------------------------------


def spread(values: Sequence[float], form: str = ".3f") -> str:
    """Return lower quartile, median and upper quartile in words."""
    low, middle, high = statistics.quantiles(values, n=4)
    return f"{low:{form}} · {middle:{form}} · {high:{form}} (quartiles of {len(values)})"


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the smallest value that at least so many percent of the values do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * percent // 100).__trunc__() - 1)]


@dataclass(frozen=True)
class Verdict:
    """A figure and the most it may be."""

    name: str
    figure: float
    budget: float
    unit: str = ""
    digits: int = 2

    @property
    def kept(self) -> bool:
        """Whether the figure is within its budget."""
        return self.figure <= self.budget

    def __str__(self) -> str:
        unit = f" {self.unit}" if self.unit else ""
        word = "ok" if self.kept else "OVER"
        return f"{self.name}  {self.figure:.{self.digits}f}{unit}  budget <= {self.budget:g}{unit}  {word}"


def conclude(*verdicts: Verdict) -> int:
    """Print the last lines; return the exit status: 1 where a figure is over its budget."""
    for verdict in verdicts:
        print(verdict)
    return 0 if all(verdict.kept for verdict in verdicts) else 1
