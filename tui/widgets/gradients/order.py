"""Which gradients come first, and which belong together."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, Literal

from tui.protocol.gradients import GradientRow

SortKey = Literal["listed", "name", "value", "grad", "zeros", "update"]
SORT_KEYS: Final[tuple[SortKey, ...]] = ("listed", "name", "value", "grad", "zeros", "update")
TARGET: Final = -3.0
"""log10 of update:value at which training usually goes well."""
TOLERANCE: Final = 1.0


_MAKER: Final = re.compile(r": (made by [^;]+);")


@dataclass(frozen=True)
class Order:
    """How the rows are sorted; of numbers the largest comes first, unless reversed."""

    key: SortKey = "listed"
    reverse: bool = False

    def next(self) -> Order:
        """Return the order by the next column."""
        return Order(SORT_KEYS[(SORT_KEYS.index(self.key) + 1) % len(SORT_KEYS)])

    def by(self, key: SortKey) -> Order:
        """Return the order by a column; the other way round where it is that already."""
        return replace(self, reverse=not self.reverse) if key == self.key else Order(key)

    @property
    def arrow(self) -> str:
        """Which way it goes."""
        return "↑" if self.reverse == (self.key in ("value", "grad", "zeros", "update")) else "↓"


def sorted_rows(rows: tuple[GradientRow, ...], order: Order) -> list[GradientRow]:
    """Return the rows in an order; NaN and infinite ones count as the largest, missing ones come last."""
    if order.key == "listed":
        return list(reversed(rows)) if order.reverse else list(rows)
    if order.key == "name":
        return sorted(rows, key=lambda row: row.name, reverse=order.reverse)
    number = _NUMBERS[order.key]
    known = [(size(number(row)), row) for row in rows if number(row) is not None]
    known.sort(key=lambda pair: pair[0], reverse=not order.reverse)
    return [row for _, row in known] + [row for row in rows if number(row) is None]


def size(value: float | None) -> float:
    """Return a number to sort by."""
    return math.inf if value is None or math.isnan(value) else value


_NUMBERS: Final[dict[str, Callable[[GradientRow], float | None]]] = {
    "value": lambda row: row.value_norm,
    "grad": lambda row: math.inf if row.nonfinite else row.grad_norm,
    "zeros": lambda row: row.zero_fraction,
    "update": lambda row: row.update_ratio,
}


@dataclass(frozen=True)
class Group:
    """Rows that have no gradient for one reason; or all those that have one."""

    why: str
    """Empty: they have one."""
    rows: tuple[GradientRow, ...]
    pressing: bool = False
    """Whether one might be missed: they are leaves that require grad."""


def groups_of(rows: tuple[GradientRow, ...], order: Order) -> list[Group]:
    """Return those with a gradient, then those without by reason: first those that could have one."""
    ordered = sorted_rows(rows, order)
    have = tuple(row for row in ordered if row.grad_norm is not None)
    groups = [Group("", have)] if have else []
    why: dict[tuple[bool, str], list[GradientRow]] = {}
    for row in ordered:
        if row.grad_norm is None:
            why.setdefault((not (row.requires_grad and row.is_leaf), reason(row)), []).append(row)
    for (settled, text), members in sorted(why.items(), key=lambda item: item[0][0]):
        groups.append(Group(text, tuple(members), pressing=not settled))
    return groups


def reason(row: GradientRow) -> str:
    """Return why a row has no gradient, without what is of this row alone."""
    text = row.verdict.partition("; also named")[0]
    return _MAKER.sub(":", text) if text else "no reason known"


def particular(row: GradientRow) -> str:
    """Return what a verdict says of its row alone: what made it, which other names it has."""
    said = [match[1] for match in [_MAKER.search(row.verdict)] if match is not None]
    _, also, names = row.verdict.partition("; also named ")
    return ", ".join([*said, *([f"also named {names}"] if also else [])])


def update_mark(ratio: float) -> str:
    """Return where a ratio is from its target: ``▲`` above, ``▼`` below, ``≈`` near."""
    if math.isnan(ratio) or ratio > TARGET + TOLERANCE:
        return "▲"
    return "▼" if ratio < TARGET - TOLERANCE else "≈"
