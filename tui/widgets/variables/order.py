"""The orders of the table."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from math import prod
from typing import Final, Literal, get_args

from tui.protocol.messages import Variable

SortKey = Literal["defined", "name", "memory", "shape", "dtype", "changed", "kind"]
SORT_KEYS: Final[tuple[SortKey, ...]] = get_args(SortKey)
_LARGEST_FIRST: Final = ("memory", "shape")
_Comparable = tuple[object, ...]


@dataclass(frozen=True)
class Order:
    """What the rows are sorted by."""

    key: SortKey = "defined"
    """`defined`: as the kernel lists them, in the order in which they were made."""
    reverse: bool = False

    def next(self) -> Order:
        """Return the next order of the cycle."""
        return Order(SORT_KEYS[(SORT_KEYS.index(self.key) + 1) % len(SORT_KEYS)])

    def reversed(self) -> Order:
        """Return the same order the other way round."""
        return replace(self, reverse=not self.reverse)

    def by(self, key: SortKey) -> Order:
        """Return the order for a wish to sort by `key`: reversed where it is sorted by that already."""
        return self.reversed() if key == self.key else Order(key)

    @property
    def arrow(self) -> str:
        """``▲`` where the smallest comes first, else ``▼``."""
        return "▼" if (self.key in _LARGEST_FIRST) != self.reverse else "▲"


def ordered(rows: Sequence[Variable], order: Order) -> list[Variable]:
    """Return the rows in an order; what has nothing to compare comes last, equals stay as they were."""
    if order.key == "defined":
        return list(rows)[::-1] if order.reverse else list(rows)
    with_key = [(_key(row, order.key), row) for row in rows]
    present = [(key, row) for key, row in with_key if key is not None]
    present.sort(key=lambda pair: pair[0], reverse=order.reverse)
    return [row for _, row in present] + [row for key, row in with_key if key is None]


def counted_bytes(row: Variable) -> int | None:
    """Return the memory that a row adds to the total: none where an earlier one holds it; None: has no memory."""
    if row.size_bytes is None:
        return None
    return 0 if row.shares_with or row.same_as else row.size_bytes


def _key(row: Variable, key: SortKey) -> _Comparable | None:
    match key:
        case "name":
            return natural(row.name)
        case "memory":
            size = counted_bytes(row)
            return None if size is None else (-size, -(row.own_bytes or 0))
        case "shape":
            return None if row.shape is None else (-prod(row.shape), len(row.shape), row.shape)
        case "dtype":
            return (row.dtype, row.device) if row.dtype else None
        case "changed":
            return (not row.changed,)
        case _:
            return (row.kind, row.type_name.lower())


@lru_cache(maxsize=8192)
def natural(name: str) -> _Comparable:
    """Return a key that puts ``x2`` before ``x10``, and lower case beside upper case."""
    parts = re.split(r"(\d{1,18})", name.lower())
    return (tuple((0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts if part), name)
