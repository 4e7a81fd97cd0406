"""The latest evaluation: its figures, the confusion matrix, the worst samples, and pictures of what was learned."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from tui.protocol.views import Boundary, Confusion, Filters, Preview, WorstSamples
from tui.widgets.panels.base import Panel, PanelLine
from tui.widgets.panels.blocks import (
    Block,
    boundary_block,
    confusion_block,
    filters_block,
    packed,
    preview_block,
    worst_block,
)

View = Confusion | WorstSamples | Boundary | Preview | Filters
WORST: Final = 12
EMPTY: Final = (
    "no evaluation yet: val is evaluated after each epoch, test at the end; E evaluates now.",
    "Classifiers get a confusion matrix and their worst samples here, models of 2-d inputs the plane,",
    "and whatever the preset's preview(model) returns is shown.",
)


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
        if not data.figures and not data.views:
            return [], [[(line, "muted")] for line in EMPTY]
        blocks = list(self._blocks(width, self.size.height))
        figures = [_figure_line(figure) for figure in data.figures]
        gap: list[PanelLine] = [[]] if figures and blocks else []
        return [], [*figures, *gap, *packed(blocks, width)]

    def _blocks(self, width: int, height: int) -> Iterator[Block]:
        half = max(30, (width - 3) // 2)
        for name in ("boundary", "confusion", "preview", "worst", "filters"):
            match self._data.views.get(name):
                case Boundary() as view:
                    yield boundary_block(view, half if width >= 90 else width, height - 4)
                case Confusion() as view:
                    yield confusion_block(view, width)
                case Preview() as view:
                    yield preview_block(view, half if width >= 90 else width, height - 4)
                case WorstSamples() as view:
                    yield worst_block(view, half if width >= 90 else width, WORST)
                case Filters() as view:
                    yield filters_block(view, half if width >= 90 else width)
                case None:
                    pass


def _figure_line(figure: Figure) -> PanelLine:
    test = figure.tag.startswith("test/")
    line: PanelLine = [
        (f"{figure.tag:<16} ", "title" if test else ""),
        (f"{figure.value:<10.5g}", "strong"),
        (f" at step {figure.step:,}", "muted"),
    ]
    if figure.best is not None and figure.best_step != figure.step:
        line.append((f"   best {figure.best:.5g} at step {figure.best_step:,}", "good"))
    elif figure.best is not None:
        line.append(("   the best so far", "good"))
    return line
