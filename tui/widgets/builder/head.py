"""The line at the top: the model's name, its inputs, and what has to be said now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len

from tui.widgets.drawn.text import Piece
from tui.widgets.foreign import one_line
from tui.widgets.live_lines import LiveLines, Span


@dataclass(frozen=True)
class HeadData:
    """What the line is made from."""

    name: str = "Model"
    inputs: str = ""
    batch: int = 32
    optimizer: str = "Adam"
    working: str = ""
    """What is waited for; empty: nothing."""
    problem: str = ""
    """What is wrong with the design as a whole, or keeps it from being looked at."""
    notice: str = ""
    """What was done, or could not be."""
    warning: bool = False
    """Whether `notice` is bad news."""


def head_pieces(data: HeadData, width: int) -> list[Piece]:
    """Return the pieces of the line; what has to be said is not cut off for what is always there."""
    said: list[Piece] = []
    if data.notice:
        said = [(one_line(data.notice, width - 4), "warn" if data.warning else "good")]
    elif data.problem:
        said = [(one_line(data.problem, width - 4), "error")]
    elif data.working:
        said = [(one_line(data.working, width - 4), "dim")]
    pieces: list[Piece] = [(" ", ""), (one_line(data.name, 30), "name")]
    room = width - _cells(said) - 3
    for text, style in (
        (one_line(data.inputs, 80), "shape"),
        (f"batch {data.batch} · {data.optimizer}", "dim"),
    ):
        if _cells(pieces) + 3 + cell_len(text) <= room:
            pieces += [(" │ ", "dim"), (text, style)]
    if not said:
        return pieces
    return [*pieces, (" │ ", "dim"), *said] if _cells(pieces) <= room else [(" ", ""), *said]


def _cells(pieces: Sequence[Piece]) -> int:
    return sum(cell_len(text) for text, _ in pieces)


class BuilderHead(LiveLines):
    """The line at the top."""

    DEFAULT_CSS = """
    BuilderHead { height: 1; background: $panel; color: $foreground; }
    BuilderHead > .builderhead--dim { color: $foreground 62%; }
    BuilderHead > .builderhead--name { color: $primary; text-style: bold; }
    BuilderHead > .builderhead--shape { color: $secondary; }
    BuilderHead > .builderhead--good { color: $success; }
    BuilderHead > .builderhead--warn { color: $warning; text-style: bold; }
    BuilderHead > .builderhead--error { color: $error; text-style: bold; }
    """
    STYLES = ("dim", "name", "shape", "good", "warn", "error")
    COMPONENT_CLASSES = {f"builderhead--{name}" for name in STYLES}

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._data = HeadData()

    def show(self, data: HeadData) -> None:
        """Show this."""
        if data != self._data:
            self._data = data
            self.show_lines()

    def lay_out(self, width: int, height: int) -> Sequence[Sequence[Span]]:
        """Return the line."""
        return [head_pieces(self._data, width)] if width else []
