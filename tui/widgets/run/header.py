"""The head of a run: what it is, how far, how fast, where a step's time goes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from rich.cells import cell_len

from tui.protocol.run import PHASES, SAMPLES_PER_S, RunInfo, phase_tag, told_epoch
from tui.widgets import words
from tui.widgets.foreign import clean, one_line
from tui.widgets.live_lines import LiveLines, Span
from tui.widgets.panels.blocks import folded

Lines = list[list[Span]]
STATUS_MARKS = {
    "starting": "▶", "running": "▶", "paused": "Ⅱ",
    "finished": "✔", "stopped": "■", "failed": "✘", "lost": "✘", "broken": "?", "log": "≡",
}  # fmt: skip
RESULT_CELLS: Final = 47
"""The result of the test set has so many cells, and more where there is room."""


@dataclass(frozen=True)
class HeaderData:
    """What the header is made from."""

    name: str
    status: str
    info: RunInfo | None
    """None for a log that is no run of ours."""
    step: int
    total_steps: int | None
    epoch: int
    epochs: int | None
    fraction: float | None
    """0 to 1; None where the total is unknown."""
    steps_per_s: float | None
    remaining_s: float | None
    latest: Mapping[str, float]
    """Newest value of each tag."""
    problem: str = ""
    """What is wrong with the run, in plain words; empty where nothing is."""
    phase: str = ""
    """Of a paused run: after which phase of the batch it waits; empty where that is not known, or between two."""
    batch: int = 0
    """With `phase`: which batch of the epoch, from 1."""
    note: str = ""
    """What an ended run has found out, or what is kept of it and how it goes on; empty where there is neither."""
    recorded: bool = True
    """Whether there is a record of it; else no more is known than its name and what it waits for."""


def header_before_record(name: str, status: str, doing: str, problem: str = "") -> HeaderData:
    """Return what the header shows of a run whose record is not there yet, or not read; `doing`: what is waited for."""
    return HeaderData(
        name, status, None, 0, None, 0, None, None, None, None, {}, problem, note=doing, recorded=False
    )


def header_lines(data: HeaderData, width: int) -> Lines:
    """Return the three lines of the header."""
    if not data.recorded:
        return [[*_head(data), (" " + data.note, "")], [], [(" " + data.problem, "problem")]]
    return [_first(data, width), bar(data.fraction, width, data.status), _third(data, width)]


def _first(data: HeaderData, width: int) -> list[Span]:
    """Return the first line; where room is short, what the others tell as well goes first."""
    head = _head(data)
    facts = _facts(data)
    room = width - sum(cell_len(text) for text, _ in head) - 1
    full = cell_len(" · ".join(facts))
    result = _result(data, room - full if room - full >= RESULT_CELLS else RESULT_CELLS)
    room -= sum(cell_len(text) for text, _ in result)
    if data.status == "finished" and full > room:  # the bar is full: so are steps and epochs
        facts = facts[:1:-1] + facts[1:2]
    return [*head, *result, (" " + _fitting(facts, room), "")]


def _head(data: HeaderData) -> list[Span]:
    mark = STATUS_MARKS.get(data.status, "·")
    status = f"paused after {data.phase}" if data.status == "paused" and data.phase else data.status
    return [(f" {data.name} ", "name"), (f" {mark} {status} ", data.status)]


def _fitting(facts: list[str], room: int) -> str:
    """Return as many of the facts as there is room for, the first in any case."""
    while len(facts) > 1 and cell_len(" · ".join(facts)) > room:
        facts = facts[:-1]
    return " · ".join(facts)


def _facts(data: HeaderData) -> list[str]:
    """Return how far it is, and how fast or how long it took; what can be spared comes last."""
    under_way = data.status in ("running", "paused")
    epoch = told_epoch(data.status, data.epoch, data.epochs)
    epochs = f"{epoch}/{data.epochs}" if data.epochs else f"{epoch}"
    step = f"step {data.step:,}/{data.total_steps:,}" if data.total_steps else f"step {data.step:,}"
    if data.info is None:  # a log of somebody else's tells of no epochs
        return [step]
    if under_way or data.status in ("finished", "log"):
        facts = [f"epoch {epochs}", step]
    else:  # it ended in an epoch, or before one: these are complete
        facts = [f"at {step}", f"{epochs} epochs"]
    if data.status == "paused" and data.phase:
        facts[0] += f" batch {data.batch:,}"
    if data.status == "running":
        if data.steps_per_s:
            facts.append(f"{_rate(data.steps_per_s)} steps/s")
        if data.remaining_s is not None:
            facts.append(f"{words.duration(data.remaining_s)} left")
        if SAMPLES_PER_S in data.latest:
            facts.append(f"{_rate(data.latest[SAMPLES_PER_S])} samples/s")
    elif data.info.train_s is not None:
        facts.append(f"trained {words.duration(data.info.train_s)}")
    return facts


def _result(data: HeaderData, room: int) -> list[Span]:
    """Return what the test set has shown, the metrics before the loss, as many as there is room for."""
    test = {tag: value for tag, value in data.latest.items() if tag.startswith("test/")}
    if data.status in ("running", "paused") or not test:
        return []
    order = sorted(test, key=lambda tag: (tag == "test/loss", tag))
    parts = [f"{tag.removeprefix('test/')} {test[tag]:.4g}" for tag in order[:3]]
    while len(parts) > 1 and cell_len(" · ".join(parts)) > room - len(" test  "):
        parts.pop()
    return [(f" test {one_line(' · '.join(parts), max(RESULT_CELLS, room - 7))} ", "result")]


def _rate(per_s: float) -> str:
    """Two digits where they move too much to be read, so that a steady rate stays still on the screen."""
    return words.count(float(f"{per_s:.2g}")) if per_s >= 10 else f"{per_s:.1f}"


def bar(fraction: float | None, width: int, status: str) -> list[Span]:
    """Return a progress bar over `width` cells, in half-cell steps, with its percentage."""
    if fraction is None:
        return [("", "")]
    room = max(4, width - 8)
    halves = int(fraction * room * 2)
    full, half = divmod(halves, 2)
    style = "done" if status in ("running", "paused", "finished") else "cut"
    return [
        (" " + "━" * full + ("╸" if half else ""), style),
        ("─" * (room - full - half), "left"),
        (f" {math.floor(fraction * 100):>3}%", ""),
    ]


def _third(data: HeaderData, width: int) -> list[Span]:
    if data.problem:
        return [(" " + data.problem, "problem")]
    if data.note:
        return [(" " + data.note, "note")]
    facts: list[str] = []
    if data.info is not None:
        facts.append(" ".join(part for part in (data.info.device, data.info.device_name) if part))
    phases = [(phase, data.latest[phase_tag(phase)]) for phase in PHASES if phase_tag(phase) in data.latest]
    if phases:
        facts.append(" ".join(f"{phase} {_milliseconds(ms)}" for phase, ms in phases) + " ms/step")
    if data.info is not None:
        if data.info.parameters is not None:
            facts.append(f"{data.info.parameters:,} parameters")
        facts.append(f"seed {data.info.seed}")
    return [(" " + _fitting(facts, width - 1), "muted")]


def _milliseconds(ms: float) -> str:
    return f"{ms:.0f}" if ms >= 10 else f"{ms:.1f}" if ms >= 1 else f"{ms:.2g}"


class RunHeader(LiveLines):
    """Three lines above the charts."""

    DEFAULT_CSS = """
    RunHeader { height: 3; background: $surface; color: $foreground; }
    RunHeader > .runheader--name { text-style: bold; color: $primary; background: $surface; }
    RunHeader > .runheader--starting { color: $accent; background: $surface; text-style: bold; }
    RunHeader > .runheader--running { color: $success; background: $surface; }
    RunHeader > .runheader--paused { color: $warning; background: $surface; text-style: bold; }
    RunHeader > .runheader--finished { color: $success; background: $surface; }
    RunHeader > .runheader--stopped { color: $warning; background: $surface; text-style: bold; }
    RunHeader > .runheader--note { color: $foreground; background: $surface; }
    RunHeader > .runheader--failed,
    RunHeader > .runheader--lost,
    RunHeader > .runheader--problem { color: $error; background: $surface; text-style: bold; }
    RunHeader > .runheader--broken { color: $error; background: $surface; }
    RunHeader > .runheader--log { color: $text-muted; background: $surface; }
    RunHeader > .runheader--done { color: $train; background: $surface; }
    RunHeader > .runheader--cut { color: $text-muted; background: $surface; }
    RunHeader > .runheader--left { color: $panel-lighten-2; background: $surface; }
    RunHeader > .runheader--result { color: $text; background: $success 30%; text-style: bold; }
    RunHeader > .runheader--muted { color: $text-muted; background: $surface; }
    """
    STYLES = ("name", *STATUS_MARKS, "done", "cut", "left", "problem", "note", "result", "muted")
    COMPONENT_CLASSES = {f"runheader--{style}" for style in STYLES}

    def __init__(self) -> None:
        super().__init__()
        self._data: HeaderData | None = None

    def show_run(self, data: HeaderData) -> None:
        """Show how a run is."""
        self._data = data
        self.show_lines()

    def lay_out(self, width: int, height: int) -> Lines:
        """Return the three lines; none before there is a run."""
        return [] if self._data is None else header_lines(self._data, width)


class RunLog(LiveLines):
    """The last lines of what the run printed."""

    DEFAULT_CSS = """
    RunLog { height: 6; background: $background; color: $text-muted; border-top: solid $panel; padding: 0 1; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._tail: list[str] = []

    def show_tail(self, lines: list[str]) -> None:
        """Show as many of the last lines as there is room for."""
        self._tail = lines
        self.show_lines()

    def lay_out(self, width: int, height: int) -> Lines:
        """Return the last lines, on as many as each needs: a long one is often why it failed."""
        if not height or width < 1:
            return []
        parts = [part for line in self._tail[-height:] for part in folded(clean(line), width)]
        return [[(part, "")] for part in parts[-height:]]
