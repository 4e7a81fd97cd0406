"""What leads from row to row: the graph with every stretch of nodes that share a row as one."""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from tui.widgets.graph.structure import PARAMETER, Bools, Ints, Structure

WEIGHT: Final = ("none", "parameter", "carrier", "dead end")
"""A parameter · what only passes one on (``t``, ``expand``, a cast…) · what one row alone leads to, and from which
nothing is further away than `_SHORT` · else none."""
PARAMETER_ROW: Final = 1
_CARRIED: Final = 4
_SHORT: Final = 3


@dataclass(frozen=True, eq=False)
class RowGraph:
    """Rows, each after all that lead to it."""

    rows: int
    starts: array[int]
    """One more than rows: where in `targets` the edges of each begin."""
    targets: array[int]
    """For each row those it leads to, in order, each once."""
    parent: array[int]
    """For each row the one that leads to it, -1 where none or more than one does."""
    weight: bytes
    """For each row a place in `WEIGHT`."""
    ticked: bytes
    """For each row whether it is one node an edge of which leads to None."""


def contract(structure: Structure, firsts: Ints) -> RowGraph:
    """Return the graph of rows; `firsts` holds the first node of each row, in order, beginning with 0.

    Rows of neighbours can be made one without making a cycle, because every edge leads down.
    """
    rows = len(firsts)
    lengths = np.diff(np.append(firsts, structure.nodes))
    if rows == structure.nodes:
        sources, targets = structure.sources, structure.targets
    else:
        row_of = np.repeat(np.arange(rows, dtype=np.int32), lengths)
        sources = row_of[structure.sources]
        targets = np.where(structure.targets >= 0, row_of[structure.targets], -1)
    ticked = np.zeros(rows, np.bool_)
    ticked[sources[targets < 0]] = True
    ticked &= lengths == 1
    real = (targets >= 0) & (targets != sources)
    pairs = np.sort(sources[real].astype(np.int64) * rows + targets[real], kind="stable")  # nearly in order
    pairs = pairs[np.append(True, pairs[1:] != pairs[:-1])] if pairs.size else pairs
    sources, targets = (pairs // rows).astype(np.int32), (pairs % rows).astype(np.int32)
    out_degree = np.bincount(sources, minlength=rows)
    starts = np.concatenate(([0], np.cumsum(out_degree))).astype(np.int32)
    parent = np.full(rows, -1, np.int32)
    parent[targets] = sources
    parent[np.bincount(targets, minlength=rows) > 1] = -1
    weight = _weights(structure, firsts, sources, targets, ticked)
    weight[(weight == 3) & (parent < 0)] = 0
    return RowGraph(rows, _array(starts), _array(targets), _array(parent), weight.tobytes(), ticked.tobytes())


def _weights(
    structure: Structure, firsts: Ints, sources: Ints, targets: Ints, ticked: Bools
) -> npt.NDArray[np.uint8]:
    """Return for each row its place in `WEIGHT`; dead ends are not yet only those that one row alone leads to."""
    rows = len(firsts)
    out_degree = np.bincount(sources, minlength=rows)
    one_node = np.diff(np.append(firsts, structure.nodes)) == 1
    end = one_node & (out_degree == 0)
    for _ in range(_SHORT):
        further = np.zeros(rows, np.bool_)
        further[sources[~end[targets]]] = True
        end = one_node & ~further
    weight = np.where(end, 3, 0).astype(np.uint8)
    weight[(structure.kinds[firsts] == PARAMETER) & one_node] = 1
    single = out_degree == 1
    carries = single[sources] & one_node[sources] & ~ticked[sources]
    for _ in range(_CARRIED):
        passed = carries & np.isin(weight[targets], (1, 2))
        weight[sources[passed]] = 2
    return weight


def _array(numbers: Ints) -> array[int]:
    result = array("i")
    result.frombytes(np.ascontiguousarray(numbers, dtype=np.intc).tobytes())
    return result
