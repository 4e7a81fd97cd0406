"""What was typed in a session and what came out, to be saved as a script or a notebook."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from tui.client.news import (
    CellEnded,
    CellFailed,
    CellPrinted,
    CellShowed,
    CellStarted,
    KernelEnded,
    News,
    OutputCleared,
)

LIMIT_BYTES: Final = 20_000_000
"""What all cells together may take; then the outputs of the oldest are let go."""
STREAM_CHARACTERS: Final = 200_000
"""Of one cell's stream, the tail that is kept."""
_KEPT_TYPES: Final = (
    "text/plain", "text/html", "text/markdown", "text/latex",
    "image/png", "image/jpeg", "image/gif", "image/svg+xml",
)  # fmt: skip
"""MIME types that a notebook shows and that travel as text. Ours among them would only fill it."""


@dataclass
class Printed:
    """What a cell wrote to one stream, up to another output."""

    stream: Literal["stdout", "stderr"]
    text: str
    omitted: int = 0
    """Characters before `text` that are not kept."""


@dataclass
class Showed:
    """An object that a cell displayed, or the value of its last expression."""

    data: dict[str, str]
    """MIME type to text, base64 for pictures."""
    count: int | None
    """The number in ``Out[n]``; None for `display()`."""


@dataclass
class Failed:
    """How a cell raised."""

    kind: str
    message: str
    traceback: tuple[str, ...]
    """With ANSI colours."""


Output = Printed | Showed | Failed
Status = Literal["running", "ok", "error", "aborted"]


@dataclass
class JournalCell:
    """One cell that ran."""

    id: str
    code: str
    count: int
    """The number in ``In [n]``."""
    kernel: int
    """How many kernels of the session had ended before this one ran."""
    status: Status = "running"
    outputs: list[Output] = field(default_factory=list)
    outputs_omitted: bool = False
    """Whether outputs were let go for want of room."""
    size_bytes: int = 0
    """About what code and outputs take."""

    @property
    def failure(self) -> Failed | None:
        """How it raised; None where it did not."""
        return next((output for output in self.outputs if isinstance(output, Failed)), None)


class Journal:
    """The cells of a session in the order in which they began, in bounded memory.

    It is fed with the session's news: ``session.listen(journal.hear)``.
    """

    def __init__(
        self, *, limit_bytes: int = LIMIT_BYTES, on_change: Callable[[], None] | None = None
    ) -> None:
        self.limit_bytes = limit_bytes
        self.size_bytes = 0
        """About what all cells take."""
        self._cells: dict[str, JournalCell] = {}
        self._kernel = 0
        self._to_clear: set[str] = set()  # at their next output
        self._on_change = on_change
        self._first_full = 0  # cells before it have lost their outputs

    @property
    def cells(self) -> tuple[JournalCell, ...]:
        """The cells, oldest first."""
        return tuple(self._cells.values())

    def hear(self, news: News) -> None:
        """Take a piece of news."""
        match news:
            case CellStarted(cell, code, count, _):
                self._cells[cell] = JournalCell(cell, code, count, self._kernel)
                self._grow(self._cells[cell], len(code))
            case CellPrinted(cell, stream, text) if cell in self._cells:
                self._print(self._cleared(cell), stream, text)
            case CellShowed(cell, data, count) if cell in self._cells:
                self._add(self._cleared(cell), Showed(_kept(data), count))
            case CellFailed(cell, kind, message, traceback) if cell in self._cells:
                self._add(self._cells[cell], Failed(kind, message, traceback))
            case OutputCleared(cell, wait) if cell in self._cells:
                self._to_clear.add(cell)
                if not wait:
                    self._cleared(cell)
            case CellEnded() if news.cell in self._cells:
                self._cells[news.cell].status = news.status
                self._to_clear.discard(news.cell)
            case KernelEnded():
                self._kernel += 1
            case _:
                return
        if self._on_change is not None:
            self._on_change()

    def _cleared(self, cell_id: str) -> JournalCell:
        """Return the cell, without its outputs where it has asked for that."""
        cell = self._cells[cell_id]
        if cell_id in self._to_clear:
            self._to_clear.discard(cell_id)
            self._drop_outputs(cell)
        return cell

    def _drop_outputs(self, cell: JournalCell) -> None:
        self._grow(cell, len(cell.code) - cell.size_bytes)
        cell.outputs.clear()

    def _print(self, cell: JournalCell, stream: Literal["stdout", "stderr"], text: str) -> None:
        last = cell.outputs[-1] if cell.outputs else None
        if not isinstance(last, Printed) or last.stream != stream:
            last = Printed(stream, "")
            cell.outputs.append(last)
        before = len(last.text)
        last.text += text
        if len(last.text) > 2 * STREAM_CHARACTERS:  # rarely, so that a flood costs little
            last.omitted += len(last.text) - STREAM_CHARACTERS
            last.text = last.text[-STREAM_CHARACTERS:]
        self._grow(cell, len(last.text) - before)

    def _add(self, cell: JournalCell, output: Showed | Failed) -> None:
        cell.outputs.append(output)
        texts = output.data.values() if isinstance(output, Showed) else (output.message, *output.traceback)
        self._grow(cell, sum(map(len, texts)))

    def _grow(self, cell: JournalCell, by_bytes: int) -> None:
        """Note that a cell takes more or less; let go of the oldest outputs where all take too much."""
        cell.size_bytes += by_bytes
        self.size_bytes += by_bytes
        if self.size_bytes <= self.limit_bytes:
            return
        for old in list(self._cells.values())[self._first_full :]:
            if self.size_bytes <= self.limit_bytes:
                return
            if old.outputs:
                old.outputs_omitted = True
                self._drop_outputs(old)
            if old is not cell:
                self._first_full += 1
        if self.size_bytes > self.limit_bytes:  # code alone takes too much
            self._forget_oldest()

    def _forget_oldest(self) -> None:
        for old in list(self._cells.values())[:-1]:
            if self.size_bytes <= self.limit_bytes:
                break
            self.size_bytes -= old.size_bytes
            del self._cells[old.id]
            self._first_full = max(0, self._first_full - 1)


def _kept(data: Mapping[str, str]) -> dict[str, str]:
    return {mime: text for mime, text in data.items() if mime in _KEPT_TYPES}
