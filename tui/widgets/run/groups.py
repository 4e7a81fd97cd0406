"""Which tags go into one chart: train and validation of a metric together, the loss first."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from tui.protocol.metrics import split_of
from tui.protocol.run import DETAILS, GRAD_NORM, LR
from tui.widgets.chart import Role


@dataclass(frozen=True)
class ChartGroup:
    """The curves of one chart."""

    title: str
    tags: tuple[tuple[str, Role], ...]
    shown: bool = True
    """Whether it is shown unless one has chosen otherwise."""


def chart_groups(tags: Iterable[str]) -> list[ChartGroup]:
    """Return the charts for these tags: loss, the other metrics, learning rate, gradient norm, the rest.

    What a tag measures is compared without case: ``Loss/train`` and ``val_loss`` have one chart.
    """
    charts: dict[str, list[tuple[str, Role]]] = {}
    titles: dict[str, str] = {}
    for tag in sorted(tags, key=lambda tag: (tag != tag.lower(), tag)):  # ours are called in small letters
        if tag.startswith(DETAILS):
            continue
        measured, role = split_of(tag)
        title = titles.setdefault(measured.casefold() if role != "other" else measured, measured)
        charts.setdefault(title, []).append((tag, role))
    # train under validation under test: the sparse curves must not vanish behind the dense one
    order = {"train": 0, "val": 1, "test": 2, "other": 3}

    def rank(title: str) -> tuple[int, str]:
        if title.lower() == "loss":
            return 0, title
        if title == LR:
            return 2, title
        if title == GRAD_NORM:
            return 3, title
        return (1 if any(role != "other" for _, role in charts[title]) else 4), title

    return [
        ChartGroup(title, tuple(sorted(charts[title], key=lambda entry: order[entry[1]])))
        for title in sorted(charts, key=rank)
    ]


TIME_TITLE: Final = "time per step (ms)"


def all_groups(tags: Collection[str]) -> list[ChartGroup]:
    """Return all charts there can be: those that are shown by themselves, then the others."""
    groups = chart_groups(tags)
    taken = {group.title for group in groups}
    others: dict[str, list[tuple[str, Role]]] = {}
    for tag in sorted(tag for tag in tags if tag.startswith(DETAILS)):
        title = TIME_TITLE if tag.startswith("time/") else tag
        others.setdefault(title if title not in taken else f"{title} (all)", []).append((tag, "other"))
    return groups + [ChartGroup(title, tuple(found), shown=False) for title, found in others.items()]


def arranged(
    groups: Sequence[ChartGroup], order: Sequence[str], hidden: Collection[str], added: Collection[str]
) -> list[tuple[ChartGroup, bool]]:
    """Return all charts in the order chosen, each with whether it is to be seen.

    Titles that the order does not know come after those it does.
    """
    places = {title: place for place, title in enumerate(order)}
    ranked = sorted(groups, key=lambda group: places.get(group.title, len(places)))
    return [(group, group.title not in hidden if group.shown else group.title in added) for group in ranked]
