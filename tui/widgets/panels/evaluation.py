"""The latest evaluation: its figures, the confusion matrix, the worst samples, and pictures of what was learned."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from rich.cells import cell_len

from tui.protocol.views import Boundary, Confusion, Filters, Preview, WorstSamples
from tui.widgets.foreign import one_line
from tui.widgets.panels.base import Panel, PanelLine
from tui.widgets.panels.blocks import (
    Block,
    boundary_block,
    confusion_block,
    filters_block,
    folded,
    in_columns,
    preview_block,
    worst_block,
)

View = Confusion | WorstSamples | Boundary | Preview | Filters
NAMES: Final = ("boundary", "confusion", "worst", "preview", "filters")
"""Of the views, in the order they are shown; without the first two the preview comes first."""
WORST: Final = 12


@dataclass(frozen=True)
class Figure:
    """A metric of an evaluation."""

    tag: str
    """``val/accuracy``."""
    value: float
    step: int
    best: float | None = None
    """None where the newest is the only one."""
    best_step: int = 0


@dataclass(frozen=True)
class EvaluationData:
    """What the panel shows."""

    figures: tuple[Figure, ...] = ()
    views: Mapping[str, View] = field(default_factory=dict)
    empty: str = ""
    """Why there are no figures, and on the lines after the first what will be here; empty where there are figures."""
    notes: tuple[str, ...] = ()
    """What explains the figures, a sentence each."""


class EvaluationPanel(Panel):
    """Shows what is known of how well the model does."""

    DEFAULT_CSS = "EvaluationPanel { height: 1fr; }"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._data = EvaluationData()

    def show(self, data: EvaluationData) -> None:
        """Show an evaluation."""
        self._data = data
        self.show_lines()

    def page(self, width: int) -> tuple[Sequence[PanelLine], Sequence[PanelLine]]:
        """Return the figures and the views, side by side where there is room."""
        data = self._data
        blocks = list(self._blocks(width, self.size.height))
        head = _figure_lines(data.figures)
        head += [[(part, "muted")] for note in data.notes for part in folded(note, width)]
        if not head and data.empty:
            said = data.empty.split("\n")[: 1 if blocks else None]
            head = [[(part, "muted")] for line in said for part in folded(line, width)]
        gap: list[PanelLine] = [[]] if head and blocks else []
        return [], [*head, *gap, *in_columns(blocks, width)]

    def _blocks(self, width: int, height: int) -> Iterator[Block]:
        drawn = {name for name, view in self._data.views.items() if name in NAMES and view is not None}
        half = max(30, (width - 3) // 2) if len(drawn) > 1 and width >= 90 else width
        names = NAMES if "confusion" in drawn or "boundary" in drawn else ("preview", *NAMES)
        for name in dict.fromkeys(names):
            match self._data.views.get(name):
                case Boundary() as view:
                    yield boundary_block(view, half, height - 4)
                case Confusion() as view:
                    yield confusion_block(view, width)
                case Preview() as view:
                    yield preview_block(view, half, height - 4)
                case WorstSamples() as view:
                    yield worst_block(view, half, WORST)
                case Filters() as view:
                    yield filters_block(view, half)
                case None:
                    pass


def _figure_lines(figures: Sequence[Figure]) -> list[PanelLine]:
    names = [one_line(figure.tag, 32) for figure in figures]
    room = max((cell_len(name) for name in names), default=0)
    return [_figure_line(figure, name, room) for figure, name in zip(figures, names, strict=True)]


def _figure_line(figure: Figure, name: str, room: int) -> PanelLine:
    test = figure.tag.startswith("test/")
    line: PanelLine = [
        (name + " " * (room - cell_len(name) + 1), "title" if test else ""),
        (f"{figure.value:<10.5g}", "strong"),
        (f" at step {figure.step:,}", "muted"),
    ]
    if figure.best is not None and figure.best_step != figure.step:
        line.append((f"   best {figure.best:.5g} at step {figure.best_step:,}", "good"))
    elif figure.best is not None:
        line.append(("   the best so far", "good"))
    return line
