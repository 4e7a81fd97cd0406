"""Layers by steps: one row for each parameter or layer, one column for some steps, the value as colour."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

from rich.cells import cell_len
from textual.binding import BindingType
from textual.message import Message

from tui.widgets.drawn.scale import Scale, scale_of
from tui.widgets.foreign import one_line
from tui.widgets.keys import key
from tui.widgets.panels.base import Panel, PanelLine
from tui.widgets.panels.blocks import folded

NAME_CELLS: Final = 28
VALUE_CELLS: Final = 9
MOST_CELLS: Final = 4
"""Of one value's colour, across."""


@dataclass(frozen=True)
class Measure:
    """Something that is known of each layer."""

    prefix: str
    """Of its tags, e.g. ``grad_norm/``."""
    title: str
    about: str
    """What to look for, in a few words."""
    log: bool = False
    """Whether colour goes by the logarithm to base 10."""
    from_zero: bool = False
    """Whether it is infinite where something was 0 before, which is no fault: a bias that begins at 0."""
    middle: float = 0.0
    """What counts as neither high nor low; taken from the values before they are coloured."""


MEASURES: Final = (
    Measure("grad_norm/", "gradient norm", "on a log scale; equal colours down the layers are healthy", log=True),
    Measure("update_ratio/", "update : value", "log10; -3 is usual, above -2 wild, below -5 idle; ∞ from 0",
        from_zero=True, middle=-3.0),
    Measure("activation_std/", "activation spread", "standard deviation; should neither shrink nor grow with depth"),
    Measure("activation_mean/", "activation mean", "far from 0 against its spread: saturated or biased"),
    Measure("zero_fraction/", "zeros", "share of outputs that are exactly 0; half of a ReLU's is usual"),
    Measure("dead_fraction/", "dead units", "share of units that were 0 for every example"),
)  # fmt: skip


@dataclass(frozen=True)
class LayerRow:
    """A layer's values over the run."""

    name: str
    """Foreign text."""
    values: Sequence[float]
    """One for each column, NaN or Inf where one is not finite; the newest last."""
    last: float
    """The newest value as it was logged."""


@dataclass(frozen=True)
class LayersData:
    """What the panel shows."""

    measure: Measure
    offered: tuple[Measure, ...]
    """Those that the run has something for."""
    rows: tuple[LayerRow, ...] = ()
    first_step: int = 0
    last_step: int = 0
    points: int = 0
    """Samples of each row, at most."""
    empty: str = ""
    """Why there are no rows; empty where there are."""


def coloured(measure: Measure, value: float) -> float:
    """Return the number that a value's colour stands for; NaN where it has none."""
    if measure.log:
        return math.log10(value) if value > 0 and math.isfinite(value) else math.nan
    return value - measure.middle


def row_line(row: LayerRow, measure: Measure, scale: Scale, names: int, width: int) -> PanelLine:
    """Return a row: name, newest value, colours."""
    name = one_line(row.name, names)
    line: PanelLine = [
        (name + " " * (names - cell_len(name) + 1), ""),
        (f"{_number(row.last):>{VALUE_CELLS}} ", "strong"),
    ]
    room = width - names - VALUE_CELLS - 2
    wide = cells_of(room, len(row.values))
    for value in row.values[-room:]:
        level = scale.level(coloured(measure, value))
        if value == 0 and measure.log:  # no logarithm, and no fault either
            line.append((f"{0:<{wide}}", "muted"))
        elif value == math.inf and measure.from_zero:
            line.append((f"{'∞':<{wide}}", "muted"))
        elif level in ("nan", "inf"):
            line.append((f"{'×':<{wide}}", "heatnan"))
        elif line[-1][1] == f"heat{level}":
            line[-1] = (line[-1][0] + " " * wide, line[-1][1])
        else:
            line.append((" " * wide, f"heat{level}"))
    return line


def cells_of(room: int, values: int) -> int:
    """Return how many cells a value is wide, so that few are seen as well: a power of two, which changes rarely."""
    wide = MOST_CELLS
    while wide > 1 and values * wide > room:
        wide //= 2
    return wide


def _scale(measure: Measure, values: Sequence[float]) -> Scale:
    """Return what colour means: from low to high, but for what has a middle or both signs."""
    numbers = [number for number in (coloured(measure, value) for value in values) if math.isfinite(number)]
    if not measure.log or not numbers:
        return scale_of(numbers)
    ordered = sorted(numbers)  # logarithms: their sign says nothing
    far = len(ordered) // 50
    return Scale(ordered[far], ordered[-1 - far], diverging=False)


def columns_for(width: int, names: Sequence[str]) -> int:
    """Return how many columns of colour there is room for."""
    return max(8, width - _name_cells(names, width) - VALUE_CELLS - 2)


def _name_cells(names: Sequence[str], width: int) -> int:
    longest = max((cell_len(name) for name in names), default=8)
    return min(longest, NAME_CELLS if width < 100 else 40, width // 3)


def _number(value: float) -> str:
    return f"{value:.3g}" if math.isfinite(value) else str(value)


class LayersPanel(Panel):
    """Shows one measure at a time; `m` goes to the next."""

    DEFAULT_CSS = "LayersPanel { height: 1fr; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        key("m", "measure(1)", "Measure", "layers.measure", "The next measure of the layers"),
        key("M", "measure(-1)", "Measure", "layers.measure-back", "The measure before", show=False),
    ]

    class Wanted(Message):
        """Another measure is wanted."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.measure = MEASURES[0]
        """The one that is wanted."""
        self._data: LayersData | None = None

    def show(self, data: LayersData) -> None:
        """Show how the layers are."""
        self._data = data
        self.measure = data.measure
        self.show_lines()

    def action_measure(self, by: int) -> None:
        """Ask for another measure: whoever feeds the panel sees `measure`, with the next data at the latest."""
        offered = self._data.offered if self._data is not None else ()
        if offered:
            at = offered.index(self.measure) if self.measure in offered else 0
            self.measure = offered[(at + by) % len(offered)]
            self.post_message(self.Wanted())

    def page(self, width: int) -> tuple[Sequence[PanelLine], Sequence[PanelLine]]:
        """Return the measure's name above, then a row for each layer."""
        data = self._data
        if data is None:
            return [], []
        tabs: PanelLine = []
        for each in data.offered:
            tabs += [(f" {each.title} ", "title" if each == data.measure else "muted"), (" ", "")]
        if not data.rows:
            return [tabs] if tabs else [], [[(part, "muted")] for part in folded(data.empty, width)]
        scale = _scale(data.measure, [value for row in data.rows for value in row.values])
        names = _name_cells([row.name for row in data.rows], width)
        sampled = f"{data.points:,} samples, step {data.first_step:,} to {data.last_step:,}"
        if data.points == 1:
            sampled = f"one sample, at step {data.last_step:,}; one every few seconds"
        head: list[PanelLine] = [
            tabs,
            [(data.measure.about, "muted")],
            [*self._legend(data.measure, scale), (f"   {sampled}", "muted")],
        ]
        return head, [row_line(row, data.measure, scale, names, width) for row in data.rows]

    @staticmethod
    def _legend(measure: Measure, scale: Scale) -> PanelLine:
        low, high = scale.low + measure.middle, scale.high + measure.middle
        marks = [scale.low + (scale.high - scale.low) * part / 12 for part in range(13)]
        if measure.log:
            low, high = 10**low, 10**high
        line: PanelLine = [(f"{low:.3g} ", "muted")]
        line += [(" ", f"heat{scale.level(mark)}") for mark in marks]
        return [*line, (f" {high:.3g}", "muted")]
