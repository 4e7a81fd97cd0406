"""The line that is always there: root, live or spent, recording, what gradients hold; more lines for a long notice."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from rich.cells import cell_len
from textual.geometry import Size

from tui.protocol.gradients import GradientTable
from tui.protocol.values import TensorFacts
from tui.widgets import words
from tui.widgets.drawn.text import Piece
from tui.widgets.foreign import cut_cells, one_line
from tui.widgets.gradients.norms import norm_text
from tui.widgets.gradients.table import sum_words
from tui.widgets.live_lines import LiveLines, Span

_SEPARATOR: Piece = (" │ ", "dim")


@dataclass(frozen=True)
class HeadData:
    """What the line is made from."""

    expression: str = ""
    """Empty: no graph is open."""
    root: TensorFacts | None = None
    nodes: int = 0
    truncated: bool = False
    spent: bool = False
    recording: bool = False
    create_graph: bool = False
    table: GradientTable | None = None
    working: str = ""
    """What is being computed; empty: nothing."""
    can_end: bool = False
    """Whether that can be ended on its way."""
    notice: str = ""
    """What has to be said now, in the place of the root."""
    warning: bool = True
    """Whether `notice` is bad news."""


MOST_ROWS: Final = 3


def head_rows(data: HeadData, width: int) -> list[list[Piece]]:
    """Return the lines: one, or as many as it takes to say what has to be said whole."""
    if not data.notice:
        return [head_pieces(data, width)]
    held, warn = sum_words(data.table)
    style = "warn" if data.warning else "good"
    text = one_line(data.notice, MOST_ROWS * max(width, 1))
    room = max(width - cell_len(held) - 3, 8)
    first = text if cell_len(text) <= room else (textwrap.wrap(text, room) or [""])[0]
    pad = " " * max(width - cell_len(first) - cell_len(held) - 1, 1)
    rows: list[list[Piece]] = [[(first, style), (pad, ""), (held, "warn" if warn else "dim")]]
    rest = textwrap.wrap(text[len(first) :].strip(), max(width, 8))
    return [*rows, *([(line, style)] for line in rest[: MOST_ROWS - 1])]


def head_pieces(data: HeadData, width: int) -> list[Piece]:
    """Return the pieces of the line; of how many backwards the gradients are the sum is never cut off."""
    text, warn = sum_words(data.table)
    held: Piece = (text, "warn" if warn else "dim")
    room = width - cell_len(text) - 3
    pieces: list[Piece] = []
    for part in _parts(data, room):
        size = sum(cell_len(text) for text, _ in part)
        used = sum(cell_len(text) for text, _ in pieces)
        gap = cell_len(_SEPARATOR[0]) if pieces else 0
        if used + gap + size <= room:
            pieces += [*([_SEPARATOR] if pieces else []), *part]
        elif not pieces:
            pieces.append((cut_cells("".join(text for text, _ in part), max(room, 0)), part[0][1]))
    used = sum(cell_len(text) for text, _ in pieces)
    return [*pieces, (" " * max(width - used - cell_len(text) - 1, 1), ""), held]


def _parts(data: HeadData, room: int) -> Sequence[Sequence[Piece]]:
    """Return what is to be said, the most pressing first."""
    parts: list[list[Piece]] = []
    if data.working:
        parts.append([(f"… {data.working}{': esc ends it' if data.can_end else ''}", "accent")])
    if not data.expression:
        parts.append([("no graph open: o opens one", "dim")])
    else:
        parts.append(_root(data, room))
        state = ("■ spent: run its cell again", "warn") if data.spent else ("● live", "good")
        parts.append([state])
        parts.append([(f"{data.nodes:,} nodes{', cut' if data.truncated else ''}", "")])
    parts.append([("◉ recording", "bad") if data.recording else ("○ not recording", "dim")])
    if data.create_graph:
        parts.append([("create_graph", "accent")])
    return parts


def _root(data: HeadData, room: int) -> list[Piece]:
    name = one_line(data.expression, max(min(room - 24, 40), 8))
    root = data.root
    if root is None:
        return [(name, "name")]
    pieces: list[Piece] = [(name, "name")]
    if root.elements == 1 and (root.minimum is not None or root.statistics):
        value = norm_text(root.minimum) if root.minimum is not None else one_line(root.statistics, 16)
        pieces.append((f" = {value}", "name"))
    elif root.shape:
        pieces.append((f" {words.shape(root.shape)}", ""))
    if root.grad_fn:
        pieces.append((f" {one_line(root.grad_fn.removesuffix('0').removesuffix('Backward'), 24)}", "dim"))
    return pieces


class GraphHead(LiveLines):
    """The line above the graph."""

    DEFAULT_CSS = """
    GraphHead { height: auto; padding: 0 1; background: $surface; color: $foreground; }
    GraphHead > .graphhead--name { color: $primary; text-style: bold; }
    GraphHead > .graphhead--dim { color: $foreground 62%; }
    GraphHead > .graphhead--warn { color: $warning; text-style: bold; }
    GraphHead > .graphhead--good { color: $success; }
    GraphHead > .graphhead--bad { color: $error; text-style: bold; }
    GraphHead > .graphhead--accent { color: $accent; }
    """
    STYLES = ("name", "dim", "warn", "good", "bad", "accent")
    COMPONENT_CLASSES = {f"graphhead--{name}" for name in STYLES}

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._data = HeadData()

    def show(self, data: HeadData) -> None:
        """Show this."""
        if data != self._data:
            before, self._data = self._rows, data
            self.show_lines()
            if self._rows != before:
                self.refresh(layout=True)

    @property
    def _rows(self) -> int:
        return len(head_rows(self._data, self.size.width)) if self.size.width else 1

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """Return how many lines there are."""
        return len(head_rows(self._data, width))

    def lay_out(self, width: int, height: int) -> Sequence[Sequence[Span]]:
        """Return the lines."""
        return head_rows(self._data, width) if width else []
