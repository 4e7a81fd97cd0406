"""The learning rate over the epochs as a small picture of block characters."""

from __future__ import annotations

import math
from collections.abc import Sequence

from tui.protocol.training import SchedulePlan
from tui.widgets.foreign import clean
from tui.widgets.live_lines import LiveLines, Span

_BLOCKS = " ▁▂▃▄▅▆▇█"
LABEL = 8


def rate(value: float) -> str:
    """Return a learning rate in three digits: ``0.001``, ``3.2e-6``."""
    text = f"{value:.3g}"
    mantissa, found, exponent = text.partition("e")
    return f"{mantissa}e{int(exponent)}" if found else text


def columns(lrs: Sequence[float], width: int) -> list[float]:
    """Return the greatest rate that falls in each of `width` columns; rates that are no numbers are 0."""
    sound = [lr if math.isfinite(lr) and lr > 0 else 0.0 for lr in lrs]
    found = []
    for column in range(width):
        first = column * len(sound) // width
        last = max(first + 1, (column + 1) * len(sound) // width)
        found.append(max(sound[first:last]))
    return found


def bars(values: Sequence[float], rows: int) -> list[str]:
    """Return the rows of a bar chart from zero, the upper first; a value above zero is never nothing."""
    top = max(values, default=0.0)
    heights = [0 if not top or value <= 0 else max(1, round(value / top * rows * 8)) for value in values]
    return [
        "".join(_BLOCKS[max(0, min(8, height - 8 * row))] for height in heights)
        for row in reversed(range(rows))
    ]


def summary(lrs: Sequence[float]) -> str:
    """Return how the rate goes, in a few words."""
    first, last, top, low = lrs[0], lrs[-1], max(lrs), min(lrs)
    epochs = f"{len(lrs)} epoch{'s' * (len(lrs) != 1)}"
    if top == low:
        return f"{rate(first)} throughout {epochs}" if len(lrs) > 1 else f"{rate(first)} for one epoch"
    words = [rate(first)]
    if top > max(first, last):
        words.append(f"{rate(top)} in epoch {lrs.index(top) + 1}")
    elif low < min(first, last):
        words.append(f"{rate(low)} in epoch {lrs.index(low) + 1}")
    return " → ".join([*words, rate(last)]) + f" over {epochs}"


def schedule_lines(plan: SchedulePlan | None, width: int, height: int) -> list[list[Span]]:
    """Return the picture with its labels; where the rate cannot be told, why."""
    title: list[Span] = [(" Learning rate ", "title")]
    if plan is None:
        return [[*title, (" …", "dim")]]
    if plan.problem:
        return [title, *([(" " + line, "dim")] for line in _wrapped(clean(plan.problem), width - 2))][:height]
    if not plan.lrs:
        return [[*title, (" no epochs", "dim")]]
    lines: list[list[Span]] = [[*title, (" " + summary(plan.lrs), "")]]
    rows, room = height - 2, width - LABEL - 2
    if rows < 1 or room < 4:
        return lines
    used = min(room, max(len(plan.lrs), room - room % len(plan.lrs)))  # every epoch as wide as the others
    picture = bars(columns(plan.lrs, used), rows)
    labels = {0: rate(max(plan.lrs)), rows - 1: "0"} if rows > 1 else {}
    for row, text in enumerate(picture):
        above = picture[row - 1] if row else ""
        lines.append(
            [(f" {labels.get(row, ''):>{LABEL - 1}} ", "dim"), *_edge_and_ground(text.rstrip(), above)]
        )
    last = f"{len(plan.lrs)}"
    axis = "epoch 1".ljust(max(used - len(last), 7)) + last
    lines.append([(" " * (LABEL + 1) + axis if len(plan.lrs) > 1 else "", "dim")])
    return lines


def _edge_and_ground(row: str, above: str) -> list[Span]:
    """Return a row of the picture, the upper end of each bar apart from what is below it."""
    spans: list[Span] = []
    for column, character in enumerate(row):
        style = "ground" if above[column : column + 1].strip() else "curve"
        if spans and spans[-1][1] == style:
            spans[-1] = (spans[-1][0] + character, style)
        else:
            spans.append((character, style))
    return spans


def _wrapped(text: str, width: int) -> list[str]:
    import textwrap

    return textwrap.wrap(text.replace("\n", " "), max(width, 8))


class SchedulePicture(LiveLines):
    """Shows a plan of the learning rate."""

    DEFAULT_CSS = """
    SchedulePicture { height: 8; background: $surface; color: $foreground; }
    SchedulePicture > .schedulepicture--title { color: $primary; text-style: bold; background: $surface; }
    SchedulePicture > .schedulepicture--dim { color: $foreground 62%; background: $surface; }
    SchedulePicture > .schedulepicture--curve { color: $train; background: $surface; }
    SchedulePicture > .schedulepicture--ground { color: $train 45%; background: $surface; }
    """
    STYLES = ("title", "dim", "curve", "ground")
    COMPONENT_CLASSES = {f"schedulepicture--{name}" for name in STYLES}

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._plan: SchedulePlan | None = None
        self._instead = ""

    def show(self, plan: SchedulePlan | None, instead: str = "") -> None:
        """Show a plan; None: it is not known yet; `instead`: words in its place."""
        if (plan, instead) != (self._plan, self._instead):
            self._plan, self._instead = plan, instead
            self.show_lines()

    def lay_out(self, width: int, height: int) -> list[list[Span]]:
        """Return the picture."""
        plan = SchedulePlan(problem=self._instead) if self._instead else self._plan
        return schedule_lines(plan, width, height) if width and height else []
