"""The rows on the screen: variables in their order, with what is unfolded below each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from tui.protocol.children import ChildTable
from tui.protocol.messages import Variable
from tui.widgets.variables.filtering import matches
from tui.widgets.variables.order import Order, ordered

Fold = Literal["", "closed", "open"]
_NOTE = "\0"


@dataclass(frozen=True)
class Entry:
    """One row on the screen."""

    key: str
    """The path of the object as the user would type it; of a note, the path of the object it is below, marked."""
    label: str
    """What stands in the first column: a name, or of a part the end of its path."""
    depth: int
    fold: Fold = ""
    """Empty for what does not unfold."""
    row: Variable | None = None
    """None: a note, e.g. how many more there are."""

    @property
    def is_tensor(self) -> bool:
        """Whether it is a tensor or a parameter."""
        return self.row is not None and self.row.kind in ("tensor", "parameter")


def entries(
    rows: Sequence[Variable], unfolded: Mapping[str, ChildTable | None], order: Order, query: str = ""
) -> list[Entry]:
    """Return the rows to show.

    Args:
        rows: the variables, as the kernel lists them.
        unfolded: what is below each path that is unfolded; None: not known yet.
        order: of the variables and of the parts of each.
        query: leaves what matches, with all that it is below.
    """
    return list(_below("", rows, unfolded, order, query.strip(), 0))


def _below(
    parent: str,
    rows: Sequence[Variable],
    unfolded: Mapping[str, ChildTable | None],
    order: Order,
    query: str,
    depth: int,
) -> Iterator[Entry]:
    for row in ordered(rows, order):
        is_open = row.unfolds and row.name in unfolded
        inside: list[Entry] = []
        if is_open:
            children = unfolded[row.name]
            inside = list(
                _below(row.name, children.rows if children else (), unfolded, order, query, depth + 1)
            )
            if children is None or not query:
                inside += _notes(row.name, children, depth + 1)
        if inside or not query or matches(row, query):
            fold: Fold = "" if not row.unfolds else "open" if is_open else "closed"
            yield Entry(row.name, label_of(parent, row.name), depth, fold, row)
            yield from inside


def _notes(path: str, children: ChildTable | None, depth: int) -> Iterator[Entry]:
    if children is None:
        yield Entry(path + _NOTE, "…", depth)
    elif children.reason and not children.rows:
        yield Entry(path + _NOTE, children.reason, depth)
    elif children.omitted:
        yield Entry(path + _NOTE, f"{children.omitted:,} more", depth)


def label_of(parent: str, path: str) -> str:
    """Return the end of a path below its parent: ``.weight``, ``[0]``; the whole where it is made another way."""
    return path[len(parent) :] if parent and path.startswith(parent) else path


def parent_of(shown: Sequence[Entry], index: int) -> int:
    """Return the index of the entry that an entry is below; its own for one of the top."""
    depth = shown[index].depth
    return next((i for i in range(index - 1, -1, -1) if shown[i].depth < depth), index)


def still_there(
    unfolded: Mapping[str, ChildTable | None], rows: Sequence[Variable]
) -> dict[str, ChildTable | None]:
    """Return what stays unfolded now that the variables are these: paths that can be reached from the top."""
    kept: dict[str, ChildTable | None] = {}
    waiting = list(rows)
    while waiting:
        row = waiting.pop()
        if row.unfolds and row.name in unfolded and row.name not in kept:
            children = kept[row.name] = unfolded[row.name]
            waiting += children.rows if children else ()
    return {path: kept[path] for path in unfolded if path in kept}
