"""What the dashboard sends over the line: each of its four views live, then paused, then nothing to do in the REPL.

Everything the program writes counts: header, log, status bar, footer, and the marks around each frame that
today's terminals ask for.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from bench.common import (
    COLUMNS,
    F2,
    F5,
    ROWS,
    TORCHTUI,
    TRAINING_SHOWN,
    Chunk,
    Terminal,
    Verdict,
    conclude,
    temporary_home,
    train,
)

BUDGET_KB_PER_S, BUDGET_STILL_BYTES = 5.0, 0
EPOCHS = 20000
"""Of `spiral_mlp`: minutes, most of which are left when the measurement ends."""
WINDOWS, WINDOW_S, STILL_S = 6, 4.0, 12.0
STILL_BESIDE_S = 8.0
VIEWS = {"layers": "2", "evaluation": "3", "health": "4", "charts": "1"}
"""Each view with its key: the charts, which are measured first, come last, to be shown again."""
SETTLE_S = 3.0
"""After something was done: the status is read once more, toasts have gone."""

_MOVE = re.compile(rb"\x1b\[(\d+);(\d+)H")
_FRAME = re.compile(rb"\x1b\[\?2026[hl]")


def by_place(chunks: Iterable[Chunk], panes: dict[str, tuple[range, range]]) -> Counter[str]:
    """Return how many bytes went to each pane; a pane is rows and columns, counted from 1.

    A piece of output belongs to where the cursor was moved before it; frame marks are counted apart.
    """
    data = b"".join(chunk.data for chunk in chunks)
    sizes: Counter[str] = Counter()
    for mark in _FRAME.findall(data):
        sizes["frame marks"] += len(mark)
    pieces = _MOVE.split(_FRAME.sub(b"", data))
    sizes["before any move"] += len(pieces[0])
    for row, column, text in zip(pieces[1::3], pieces[2::3], pieces[3::3], strict=True):
        place = next(
            (name for name, (rows, columns) in panes.items() if int(row) in rows and int(column) in columns),
            "elsewhere",
        )
        sizes[place] += len(row) + len(column) + 4 + len(text)
    return sizes


def panes_of(lines: list[str]) -> dict[str, tuple[range, range]]:
    """Find header, charts, log and foot on the Training screen."""
    rules = (number for number, line in enumerate(lines, 1) if line.strip().startswith("──────"))
    log_top = max(rules, default=ROWS - 1)  # beside the charts there is no log
    half, middle = (5 + log_top) // 2, COLUMNS // 2 + 1
    left, right, everywhere = range(1, middle), range(middle, COLUMNS + 1), range(1, COLUMNS + 1)
    return {
        "tabs": (range(1, 2), everywhere),
        "header": (range(2, 5), everywhere),
        "chart 1": (range(5, half), left),
        "chart 2": (range(5, half), right),
        "chart 3": (range(half, log_top), left),
        "chart 4": (range(half, log_top), right),
        "log": (range(log_top, ROWS - 1), everywhere),
        "status bar": (range(ROWS - 1, ROWS), everywhere),
        "footer": (range(ROWS, ROWS + 1), everywhere),
    }


def still(terminal: Terminal, what: str, seconds: float = STILL_S) -> int:
    """Return the bytes written while nothing happens, and say where they went."""
    terminal.read_for(SETTLE_S)
    chunks = terminal.read_for(seconds)
    size_bytes = sum(len(chunk.data) for chunk in chunks)
    print(f"{what:<22} {size_bytes:>6} bytes in {seconds:.0f} s")
    for chunk in chunks[:5]:
        print(f"    {chunk.data[:200]!r}")
    return size_bytes


def live(terminal: Terminal, view: str, windows: int = WINDOWS) -> float:
    """Return kilobytes per second of a live run in a view, and say which part of the screen they are for."""
    sizes: list[float] = []
    places: Counter[str] = Counter()
    frames = 0
    panes = panes_of(terminal.lines())
    for _ in range(windows):
        chunks = terminal.read_for(WINDOW_S)
        sizes.append(sum(len(chunk.data) for chunk in chunks) / WINDOW_S / 1000)
        places += by_place(chunks, panes)
        frames += sum(chunk.data.count(b"\x1b[?2026h") for chunk in chunks)
    seconds = windows * WINDOW_S
    print(
        f"{view:<10} live, windows of {WINDOW_S:.0f} s  "
        + " · ".join(f"{size:.2f}" for size in sizes)
        + " kB/s"
    )
    print(
        f"    {frames / seconds:.1f} frames/s; "
        + ", ".join(f"{place} {size / seconds / 1000:.2f}" for place, size in places.most_common())
    )
    return sum(sizes) / len(sizes)


def dashboard(home: Path) -> tuple[dict[str, float], int]:
    """Return kB/s of a live run in each view, and the most bytes of a paused one on any screen."""
    with train(home, "spiral_mlp", "--epochs", str(EPOCHS)) as terminal:
        terminal.wait_text(TRAINING_SHOWN)
        terminal.read_for(SETTLE_S)
        rates = {"charts": live(terminal, "charts")}
        for view, key in VIEWS.items():
            terminal.send(key)
            terminal.read_for(SETTLE_S)
            if view not in rates:
                rates[view] = live(terminal, view, WINDOWS // 2)
        terminal.send("p")
        terminal.wait_text(r"Ⅱ paused")
        paused = [still(terminal, "paused, charts")]
        for view, key in VIEWS.items():
            terminal.send(key)
            if view != "charts":
                paused.append(still(terminal, f"paused, {view}", STILL_BESIDE_S))
        terminal.send(F2)
        terminal.wait_text(r"F1 lists the keys")
        paused.append(still(terminal, "paused, Tensors"))
        terminal.send(F5)
        terminal.wait_text(r"Ⅱ paused")
    return rates, max(paused)


def idle(home: Path) -> int:
    """Return the bytes of a fresh session in which nothing is done."""
    with Terminal([str(TORCHTUI)], home) as terminal:
        terminal.wait_text(r"● idle │ torch \d")
        return still(terminal, "idle, Tensors")


def main() -> int:
    """Print rates and sizes; return 1 when one is over its budget."""
    with temporary_home() as home:
        rates, paused = dashboard(home)
    with temporary_home() as home:
        at_rest = idle(home)
    return conclude(
        *(Verdict(f"bytes live, {view}", rate, BUDGET_KB_PER_S, "kB/s") for view, rate in rates.items()),
        Verdict("bytes paused or idle", max(paused, at_rest), BUDGET_STILL_BYTES, "bytes", 0),
    )


if __name__ == "__main__":
    sys.exit(main())
