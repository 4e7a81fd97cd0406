"""The lines above the grid: what is shown, how, what is wrong with it, and a slider for each other dimension."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from textual import events
from textual.message import Message

from tui.widgets.foreign import clean, cut_cells
from tui.widgets.live_lines import Span
from tui.widgets.tensor_view.layout import Layout
from tui.widgets.tensor_view.numbers import short
from tui.widgets.tensor_view.painting import ValueLines
from tui.widgets.tensor_view.panel_lines import wrapped
from tui.widgets.tensor_view.scale import STEPS, Limits, step_name

MOST_SLIDERS: Final = 5
"""Lines of sliders; more dimensions scroll with the one that is picked."""
TRACK: Final = 24
"""Cells of a slider's track, at most."""


@dataclass(frozen=True)
class HeadData:
    """What the head says."""

    title: str = ""
    """The index notation of what is on the screen."""
    about: str = ""
    """Shape, dtype and device."""
    right: str = ""
    """At the end of the first line: whether it is live."""
    live: bool = False
    settings: str = ""
    """How values are shown."""
    limits: Limits | None = None
    banner: str = ""
    """What is wrong, or has changed; empty where there is nothing to say."""
    alarming: bool = False
    """Whether the banner tells of a problem."""
    layout: Layout = field(default_factory=lambda: Layout.of(()))
    names: tuple[str, ...] = ()
    picked: int | None = None
    """The dimension whose slider the keys move."""


def head_lines(data: HeadData, width: int) -> list[list[Span]]:
    """Return the head's lines."""
    about = f"  {data.about}" if data.about else ""
    room = width - len(about) - len(data.right) - 3
    title = cut_cells(clean(data.title), max(12, room))
    lines = [
        _ends(
            [(f" {title}", "title"), (about, "dim")], [(data.right, "accent" if data.live else "dim")], width
        )
    ]
    legend = legend_spans(data.limits)
    lines.append(_ends([(f" {data.settings}", "dim")], legend, width))
    for line in wrapped(clean(data.banner), width - 4)[:3]:
        lines.append(
            [(" ▌ ", "bad" if data.alarming else "warning"), (line, "bad" if data.alarming else "warning")]
        )
    return lines + slider_lines(data, width)


def _ends(left: list[Span], right: list[Span], width: int) -> list[Span]:
    """Return a line with a part at either end; the right one is left out where there is no room."""
    used, needed = (sum(len(text) for text, _ in spans) for spans in (left, right))
    if not needed or used + needed + 3 > width:
        return left
    return [*left, (" " * (width - used - needed - 1), ""), *right]


def legend_spans(limits: Limits | None) -> list[Span]:
    """Return the colour scale with the values at its ends; nothing where all values have one colour."""
    if limits is None or not (limits.diverging or limits.low < limits.high):
        return []
    steps = range(-STEPS, STEPS + 1, 2) if limits.diverging else range(STEPS + 1)
    low = -limits.reach if limits.diverging else limits.low
    high = limits.reach if limits.diverging else limits.high
    return [
        (f"{short(low, 3)} ", "dim"),
        *[(" ", step_name(step, diverging=limits.diverging)) for step in steps],
        (f" {short(high, 3)}", "dim"),
    ]


def sliders_in_sight(sliders: tuple[int, ...], picked: int | None) -> tuple[int, ...]:
    """Return the sliders that are drawn: so many around the picked one as there is room for."""
    if len(sliders) <= MOST_SLIDERS:
        return sliders
    at = sliders.index(picked) if picked in sliders else 0
    first = min(max(0, at - MOST_SLIDERS // 2), len(sliders) - MOST_SLIDERS)
    return sliders[first : first + MOST_SLIDERS]


def slider_lines(data: HeadData, width: int) -> list[list[Span]]:
    """Return a line for each dimension that is not on the screen: ``dim 0  ◂ 3 / 16 ▸``."""
    layout = data.layout
    dims = sliders_in_sight(layout.sliders, data.picked)
    labels = [slider_label(dim, data.names) for dim in dims]
    sizes = [str(layout.shape[dim]) if layout.shape[dim] >= 0 else "?" for dim in dims]
    label_width, size_width = max(map(len, labels), default=0), max(map(len, sizes), default=0)
    lines: list[list[Span]] = []
    for dim, label, size_text in zip(dims, labels, sizes, strict=True):
        size, index, picked = layout.shape[dim], layout.index[dim], dim == data.picked
        line: list[Span] = [
            (" ▌" if picked else "  ", "active"),
            (f"{label:<{label_width}}  ", "active" if picked else "label"),
            ("◂ ", "rail" if index == 0 else "accent"),
            (f"{index:>{size_width}} / {size_text:<{size_width}}", "title" if picked else ""),
            (" ▸  ", "rail" if 0 <= size <= index + 1 else "accent"),
        ]
        track = min(TRACK, width - sum(len(text) for text, _ in line) - 1)
        if size > 1 and track > 4:
            knob = round(index / (size - 1) * (track - 1))
            line += [("━" * knob, "accent" if picked else "rail"), ("●", "accent" if picked else "label")]
            line.append(("─" * (track - 1 - knob), "rail"))
        lines.append(line)
    return lines


def slider_label(dim: int, names: tuple[str, ...]) -> str:
    """Return how a dimension is called, its own name beside the number where it has one."""
    name = clean(names[dim]) if dim < len(names) else ""
    return cut_cells(f"dim {dim} {name}".rstrip(), 20)


class ViewHead(ValueLines):
    """Shows a `HeadData`; as high as it has lines. A click on a slider's arrows moves it."""

    DEFAULT_CSS = """
    ViewHead { height: 2; background: $surface; }
    """

    class SliderClicked(Message):
        """An arrow of a slider was clicked; `step` is 0 where the slider itself was."""

        def __init__(self, dim: int, step: int) -> None:
            super().__init__()
            self.dim, self.step = dim, step

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.data = HeadData()
        """What it shows."""

    def show(self, data: HeadData) -> None:
        """Show this."""
        self.data = data
        height = len(head_lines(data, self.size.width or 80))
        if self.styles.height is None or self.styles.height.value != height:
            self.styles.height = height
        self.show_lines()

    def lay_out(self, width: int, height: int) -> list[list[Span]]:
        """Return the lines."""
        return head_lines(self.data, width)

    def on_click(self, event: events.Click) -> None:
        """Move the slider whose arrow was clicked."""
        sliders = sliders_in_sight(self.data.layout.sliders, self.data.picked)
        lines = slider_lines(self.data, self.size.width)
        at = event.y - (self.size.height - len(lines))
        if not 0 <= at < len(lines):
            return
        column, step = 0, 0
        for text, _ in lines[at]:
            if column <= event.x < column + len(text):
                step = -1 if "◂" in text else 1 if "▸" in text else 0
            column += len(text)
        self.post_message(self.SliderClicked(sliders[at], step))
