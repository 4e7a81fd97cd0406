"""How a run fares: its alerts, where a step's time goes, and what it takes of the machine."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from rich.cells import cell_len

from tui.widgets.foreign import clean
from tui.widgets.panels.base import Panel, PanelLine
from tui.widgets.panels.blocks import SPARKS, Block, folded, packed, sparks

PHASE_STYLES: Final = {"data": "heat+7", "forward": "heat-7", "backward": "heats6", "optimizer": "heat+3"}


@dataclass(frozen=True)
class Warned:
    """An alert as it is shown."""

    text: str
    severe: bool
    holds: bool
    """Whether it is so now; what is over lingers."""


@dataclass(frozen=True)
class Gauge:
    """A figure that is followed."""

    name: str
    text: str
    """The newest value with its unit."""
    history: tuple[float, ...] = ()
    """Over the run, oldest first."""


@dataclass(frozen=True)
class HealthData:
    """What the panel shows."""

    alerts: tuple[Warned, ...] = ()
    phases_ms: tuple[tuple[str, float], ...] = ()
    """Mean time of each part of a step, over the last seconds."""
    gauges: tuple[Gauge, ...] = ()
    absent: tuple[str, ...] = ()
    """What is not known of this run, in plain words."""


def sparkline(values: Sequence[float], width: int) -> str:
    """Return the values as blocks between their least and greatest; the newest at the right."""
    shown = [value for value in values if math.isfinite(value)][-width:]
    if not shown:
        return ""
    low, high = min(shown), max(shown)
    if high - low < 1e-3 * abs(high):  # noise is not to be blown up to full height
        return SPARKS[3] * len(shown)
    return sparks(shown, (low, high))


def phase_lines(phases_ms: Sequence[tuple[str, float]], width: int) -> list[PanelLine]:
    """Return the parts of a step as one bar, and their names, times and shares under it."""
    total = sum(ms for _, ms in phases_ms)
    if total <= 0:
        return []
    room = max(8, min(width, 100))
    bar: PanelLine = []
    drawn, seen = 0, 0.0
    for name, ms in phases_ms:
        seen += ms
        end = round(seen / total * room)
        bar.append((" " * (end - drawn), PHASE_STYLES.get(name, "heat0")))
        drawn = end
    legend = [
        Block(
            (
                [
                    ("  ", PHASE_STYLES.get(name, "heat0")),
                    (f" {name} ", ""),
                    (f"{_ms(ms)} ms {ms / total:.0%}", "strong"),
                ],
            )
        )
        for name, ms in phases_ms
    ]
    return [bar, *(line for line in packed(legend, width) if line)]


def _ms(ms: float) -> str:
    return f"{ms:.0f}" if ms >= 100 else f"{ms:.3g}"


class HealthPanel(Panel):
    """Shows how a run fares."""

    DEFAULT_CSS = "HealthPanel { height: 1fr; }"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._data = HealthData()

    def show(self, data: HealthData) -> None:
        """Show how it fares."""
        self._data = data
        self.show_lines()

    def page(self, width: int) -> tuple[Sequence[PanelLine], Sequence[PanelLine]]:
        """Return alerts, time of a step, and the machine."""
        data = self._data
        lines: list[PanelLine] = [[("alerts", "title")]]
        lines += [line for each in data.alerts for line in alert_lines(each, width)]
        if not data.alerts:
            lines.append([("nothing looks wrong", "good")])
        phases = phase_lines(data.phases_ms, width)
        if phases:
            total = sum(ms for _, ms in data.phases_ms)
            lines += [[], [("a step's time", "title"), (f"  {_ms(total)} ms", "muted")], *phases]
        if data.gauges or data.absent:
            lines += [[], [("machine", "title")]]
        names = max((cell_len(gauge.name) for gauge in data.gauges), default=0)
        for gauge in data.gauges:
            line: PanelLine = [(f"{gauge.name:<{names}}  ", ""), (f"{gauge.text:<24}", "strong")]
            line.append((sparkline(gauge.history, max(8, min(60, width - names - 28))), "bars"))
            lines.append(line)
        lines += [[(text, "muted")] for text in data.absent]
        return [], lines


def alert_lines(alert: Warned, width: int) -> list[PanelLine]:
    """Return an alert, on as many lines as it needs; one that is over is dim."""
    if alert.holds:
        mark, style = ("▲ ", "bad" if alert.severe else "warn"), "bad" if alert.severe else ""
        text = clean(alert.text)
    else:
        mark, style, text = ("△ ", "muted"), "muted", f"{clean(alert.text)}  (over)"
    parts = folded(text.replace("\n", " "), max(10, width - 2))
    return [
        [mark if first else ("  ", ""), (part, style)]
        for first, part in zip([True, *[False] * len(parts)], parts, strict=False)
    ]
