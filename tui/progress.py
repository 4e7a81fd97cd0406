"""Progress of a run on the command line: a Rich bar in a terminal, plain lines elsewhere, a table at the end."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.table import Table
from rich.text import Text

from tui.protocol.run import DETAILS, LOSS, told_epoch
from tui.runs.reader import RunReader
from tui.runs.summary import latest, progress, step_series
from tui.widgets import words
from tui.widgets.foreign import clean, plain

PLAIN_EVERY_S = 10.0


class Shown(Protocol):
    """Something that shows how a run is."""

    def update(self) -> None:
        """Show what has been read since."""


@contextmanager
def show_progress(reader: RunReader, *, as_json: bool) -> Iterator[Shown]:
    """Show a run's progress: on stderr where stdout carries JSON."""
    console = Console(stderr=as_json, highlight=False)
    if not console.is_terminal:
        yield _Lines(reader, console)
        return
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as bar:
        shown = _Bar(reader, bar)
        yield shown
        shown.update()


class _Lines:
    """Plain lines: what the run logs, and where it is every few seconds."""

    def __init__(self, reader: RunReader, console: Console) -> None:
        self.reader, self.console = reader, console
        self._logged = 0
        self._said_at = time.monotonic()

    def update(self) -> None:
        """Print the log lines that are new; where there are none for long, the step."""
        log = self.reader.log
        for line in log.newest(log.completed - self._logged):
            self.console.print(plain(line), soft_wrap=True)
            self._said_at = time.monotonic()
        self._logged = log.completed
        if time.monotonic() - self._said_at > PLAIN_EVERY_S:
            self._said_at = time.monotonic()
            self.console.print(_now(self.reader), soft_wrap=True)


class _Bar:
    """A bar with the newest loss beside it."""

    def __init__(self, reader: RunReader, bar: object) -> None:
        from rich.progress import Progress

        assert isinstance(bar, Progress)
        self.reader, self.bar = reader, bar
        self.task = bar.add_task(clean(reader.record.name), total=1.0)

    def update(self) -> None:
        """Move the bar."""
        now = progress(self.reader.record, self.reader.series)
        self.bar.update(self.task, completed=now.fraction or 0.0, description=_now(self.reader))


def _now(reader: RunReader) -> str:
    now = progress(reader.record, reader.series)
    losses = reader.series.get(LOSS)
    loss = f"  loss {losses.last.value:.4g}" if losses is not None and losses.last is not None else ""
    epoch = f"epoch {told_epoch(reader.record.status, now.epoch, now.epochs)}/{now.epochs or '?'}"
    return f"{clean(reader.record.name)}  {epoch}  step {now.step}{loss}"


def summary(reader: RunReader) -> dict[str, object]:
    """Return what ``--json`` prints of a run."""
    info = reader.record.info
    steps = step_series(reader.series)
    count = max(info.step if info else 0, len(steps) if steps is not None else 0)
    seconds = float(info.train_s or 0.0) if info else 0.0
    values = {tag: value for tag, value in latest(reader.series).items() if not tag.startswith(DETAILS)}
    result: dict[str, object] = {
        "run": reader.record.id,
        "status": reader.record.status,
        "epochs": info.epoch if info else 0,
        "steps": count,
        "seconds": round(seconds, 3),
        "steps_per_s": round(count / seconds, 3) if seconds else None,
        # JSON knows no NaN; a null says that the value is not a number
        "metrics": {tag: value if value - value == 0 else None for tag, value in values.items()},
    }
    if info is not None and info.error is not None:
        result["error"] = {"kind": info.error.kind, "message": info.error.message, "where": info.error.where}
    return result


def summary_table(reader: RunReader, result: dict[str, object]) -> None:
    """Print the table at the end of a run; what went wrong goes to stderr."""
    console = Console(highlight=False)
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    seconds = result["seconds"]
    assert isinstance(seconds, float)
    facts: Sequence[tuple[str, str]] = (
        ("run", str(result["run"])),
        ("status", str(result["status"])),
        ("epochs", str(result["epochs"])),
        (
            "steps",
            f"{result['steps']} in {words.duration(seconds)}"
            + (f", {result['steps_per_s']} a second" if result["steps_per_s"] else ""),
        ),
    )
    for name, text in facts:
        table.add_row(Text(name, style="dim"), plain(text))
    metrics = result["metrics"]
    assert isinstance(metrics, dict)
    for tag, value in sorted(metrics.items()):
        table.add_row(plain(tag, style="dim"), "NaN or Inf" if value is None else f"{value:.6g}")
    table.add_row(Text("folder", style="dim"), plain(str(reader.folder)))
    console.print(table)
    error = result.get("error")
    if isinstance(error, dict):
        where = f" ({error['where']})" if error["where"] else ""
        print(f"torchtui: the run failed: {clean(str(error['message']))}{where}", file=sys.stderr)
    elif result["status"] == "lost":
        print(
            "torchtui: the kernel died; `torchtui train --resume latest` goes on from the last checkpoint",
            file=sys.stderr,
        )
