"""Which rows there are: nodes, modules that are folded into one row, and gaps between what a filter keeps.

NOTE [Stretches]
A *stretch* of a module is a run of two or more nodes, next to each other in the order of the graph, all of which
belong to it or to a module below it. Only a stretch folds, into one row. A module that ran twice has a stretch for
each time; so has one whose nodes lie on both sides of another's, as they may where two branches run side by side. A
stretch that holds the same nodes as one inside it is left out: the deeper path says more.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Literal, NamedTuple

import numpy as np

from tui.widgets.graph.structure import Bools, Ints, Structure

RowKind = Literal["node", "fold", "gap"]
_STEP: Final = re.compile(r"(?=[.\[])")


def module_steps(path: str) -> tuple[str, ...]:
    """Return the paths down to a module: ``model``, ``model.layer1``, ``model.layer1[0]``."""
    paths: list[str] = []
    for part in _STEP.split(path):
        if part:
            paths.append((paths[-1] if paths else "") + part)
    return tuple(paths)


class Stretch(NamedTuple):
    """A run of nodes of one module."""

    depth: int
    """1 for a module that is in no other."""
    place: int
    """Among those of this depth."""
    start: int
    end: int
    """The node after its last."""
    path: str


@dataclass(frozen=True, eq=False)
class _Level:
    """The stretches of one depth, in order."""

    starts: Ints
    ends: Ints
    paths: Ints


class Stretches:
    """All stretches of a graph. See NOTE [Stretches]."""

    def __init__(self, structure: Structure) -> None:
        self._paths: dict[str, int] = {"": 0}
        self._levels: list[_Level] = []
        steps = [module_steps(path) for path in structure.modules]
        inside: set[tuple[int, int]] = set()
        for depth in reversed(range(max((len(each) for each in steps), default=0))):
            of_module = [
                self._paths.setdefault(each[depth], len(self._paths)) if depth < len(each) else 0
                for each in steps
            ]
            level = self._runs(np.array(of_module, np.int32)[structure.module], inside)
            self._levels.insert(0, level)
        self._names = tuple(self._paths)

    @staticmethod
    def _runs(of_node: Ints, inside: set[tuple[int, int]]) -> _Level:
        """Return the runs of a depth that none of those further inside equals, and add them to those."""
        borders = np.flatnonzero(np.diff(of_node)) + 1
        starts = np.concatenate(([0], borders)).astype(np.int32)
        ends = np.append(borders, len(of_node)).astype(np.int32)
        kept = (of_node[starts] > 0) & (ends - starts > 1)
        starts, ends = starts[kept], ends[kept]
        runs = list(zip(starts.tolist(), ends.tolist(), strict=True))
        new = np.array([run not in inside for run in runs], np.bool_)
        inside.update(runs)
        return _Level(starts[new], ends[new], of_node[starts[new]])

    @property
    def depth(self) -> int:
        """How deep modules are nested in each other."""
        return len(self._levels)

    def counts(self) -> list[int]:
        """Return how many stretches there are of each depth."""
        return [len(level.starts) for level in self._levels]

    def level(self, depth: int) -> tuple[Ints, Ints]:
        """Return the first nodes of the stretches of a depth, and those after their last."""
        level = self._levels[depth - 1]
        return level.starts, level.ends

    def around(self, node: int) -> Iterator[Stretch]:
        """Yield the stretches that hold a node, the largest first."""
        for depth, level in enumerate(self._levels, 1):
            index = int(np.searchsorted(level.starts, node, side="right")) - 1
            if index >= 0 and node < level.ends[index]:
                yield Stretch(
                    depth,
                    index,
                    int(level.starts[index]),
                    int(level.ends[index]),
                    self._names[level.paths[index]],
                )


class Folds:
    """Which stretches are folded."""

    def __init__(self, structure: Structure) -> None:
        self.stretches = Stretches(structure)
        self._nodes = structure.nodes
        self._folded = [np.zeros(count, np.bool_) for count in self.stretches.counts()]
        self.level = self.deepest
        """Stretches of this depth and deeper were folded at last, all together."""

    @property
    def deepest(self) -> int:
        """The level at which nothing is folded."""
        return self.stretches.depth + 1

    def fold_to(self, level: int) -> None:
        """Fold the stretches of a depth and all deeper ones; unfold the others."""
        self.level = max(1, min(level, self.deepest))
        for depth, folded in enumerate(self._folded, 1):
            folded[:] = depth >= self.level

    def set(self, stretch: Stretch, folded: bool) -> None:
        """Fold or unfold one."""
        self._folded[stretch.depth - 1][stretch.place] = folded

    def folded_at(self, node: int) -> Stretch | None:
        """Return the folded stretch that a node is hidden in: the largest; None where it has a row of its own."""
        for stretch in self.stretches.around(node):
            if self._folded[stretch.depth - 1][stretch.place]:
                return stretch
        return None

    def open_around(self, node: int) -> Stretch | None:
        """Return the smallest stretch that is not folded nor in one that is; None where there is none."""
        found = None
        for stretch in self.stretches.around(node):
            if self._folded[stretch.depth - 1][stretch.place]:
                break
            found = stretch
        return found

    def reveal(self, node: int) -> bool:
        """Unfold all that hides a node; return whether anything did."""
        hidden = False
        while (stretch := self.folded_at(node)) is not None:
            self.set(stretch, False)
            hidden = True
        return hidden

    def heads(self) -> Bools:
        """Return for each node whether a row begins with it."""
        inside = np.zeros(self._nodes + 1, np.int32)
        for depth, folded in enumerate(self._folded, 1):
            if folded.any():
                starts, ends = self.stretches.level(depth)
                inside[starts[folded] + 1] += 1
                inside[ends[folded]] -= 1  # ends of one depth differ, as starts do
        result: Bools = np.cumsum(inside[:-1]) == 0
        return result


@dataclass(frozen=True, eq=False)
class Rows:
    """The rows, each a node or a run of them."""

    firsts: Ints
    """The first node of each."""
    nodes: int
    matches: Bools | None = None
    """(nodes,): what a filter keeps; None: there is none."""

    def __len__(self) -> int:
        return len(self.firsts)

    def row_of(self, node: int) -> int:
        """Return the row that a node is in."""
        return int(np.searchsorted(self.firsts, node, side="right")) - 1

    def span(self, row: int) -> tuple[int, int]:
        """Return the first node of a row, and the one after its last."""
        end = self.firsts[row + 1] if row + 1 < len(self.firsts) else self.nodes
        return int(self.firsts[row]), int(end)

    def kind(self, row: int) -> RowKind:
        """Return what a row stands for."""
        first, end = self.span(row)
        if self.matches is not None and not self.matches[first]:
            return "gap"
        return "fold" if end - first > 1 else "node"

    @cached_property
    def kept(self) -> int:
        """How many nodes the filter keeps."""
        return self.nodes if self.matches is None else int(self.matches.sum())


def folded_rows(folds: Folds) -> Rows:
    """Return the rows with folded stretches as one each."""
    heads = folds.heads()
    return Rows(np.flatnonzero(heads).astype(np.int32), len(heads))


def filtered_rows(matches: Bools) -> Rows:
    """Return a row for each match, and one for each run of nodes between."""
    heads = matches.copy()
    heads[0] = True
    heads[1:] |= matches[:-1]
    return Rows(np.flatnonzero(heads).astype(np.int32), len(matches), matches)


def matching(structure: Structure, query: str, names: dict[int, str]) -> Bools:
    """Return which nodes have a text in their operation, module or kind, or in a name that is known, in any case."""
    words = query.casefold().split()
    result = np.ones(structure.nodes, np.bool_)
    for word in words:
        of_operation = np.array([word in each.casefold() for each in structure.operations], np.bool_)
        of_module = np.array([word in each.casefold() for each in structure.modules], np.bool_)
        of_kind = np.array([word in each for each in _KIND_WORDS], np.bool_)
        found = of_operation[structure.operation] | of_module[structure.module] | of_kind[structure.kinds]
        named = [node for node, name in names.items() if word in name.casefold()]
        found[named] = True
        result &= found
    return result


_KIND_WORDS: Final = ("", "parameter", "input", "custom", "checkpoint")
"""In the order of `NodeKind`'s values: what an operation is called says what it is."""
