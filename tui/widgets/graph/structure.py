"""The structure of a graph as arrays: unpacked from what crossed, never changed."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from functools import cached_property
from typing import Final, get_args

import numpy as np
import numpy.typing as npt

from tui.protocol.autograd import GraphStructure, NodeKind, Packed

Ints = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

KINDS: Final[tuple[NodeKind, ...]] = get_args(NodeKind)
PARAMETER: Final = KINDS.index("parameter")
INPUT: Final = KINDS.index("input")


def unpack_ints(packed: Packed) -> Ints:
    """Return the numbers of a packed int32 array."""
    return np.frombuffer(base64.b64decode(packed), dtype="<i4").astype(np.int32, copy=False)


def unpack_floats(packed: Packed) -> Floats:
    """Return the numbers of a packed float64 array."""
    return np.frombuffer(base64.b64decode(packed), dtype="<f8").astype(np.float64, copy=False)


@dataclass(frozen=True, eq=False)
class Structure:
    """The nodes of a graph, each after all that use it; node 0 is the root's."""

    nodes: int
    starts: Ints
    """(nodes + 1,): where in `targets` the edges of each node begin."""
    targets: Ints
    """(edges,): the node that each edge leads to; -1: no gradient goes there."""
    operations: tuple[str, ...]
    operation: Ints
    """(nodes,): index into `operations`."""
    kinds: npt.NDArray[np.uint8]
    """(nodes,): index into `KINDS`."""
    modules: tuple[str, ...]
    """Paths; the first is empty: of no module."""
    module: Ints
    """(nodes,): index into `modules`."""

    @cached_property
    def sources(self) -> Ints:
        """(edges,): the node that each edge comes from."""
        return np.repeat(np.arange(self.nodes, dtype=np.int32), np.diff(self.starts))

    @cached_property
    def _users(self) -> tuple[Ints, Ints]:
        """Where in the second array the users of each node begin, and the users, in order."""
        valid = self.targets >= 0
        targets = self.targets[valid]
        order = np.argsort(targets, kind="stable")
        counts = np.bincount(targets, minlength=self.nodes)
        starts = np.concatenate(([0], np.cumsum(counts))).astype(np.int32)
        return starts, self.sources[valid][order]

    def users(self, node: int) -> list[int]:
        """Return the nodes that use the output of a node, in order, each once."""
        starts, users = self._users
        return sorted(set(users[starts[node] : starts[node + 1]].tolist()))

    def targets_of(self, node: int) -> list[int]:
        """Return where the edges of a node lead, -1 where no gradient goes."""
        found: list[int] = self.targets[self.starts[node] : self.starts[node + 1]].tolist()
        return found

    def operation_of(self, node: int) -> str:
        """Return the operation of a node in the words of the user's code."""
        return str(self.operations[self.operation[node]])

    def kind_of(self, node: int) -> NodeKind:
        """Return what kind of node it is."""
        return KINDS[int(self.kinds[node])]

    def module_of(self, node: int) -> str:
        """Return the path of the module of a node; empty: of none."""
        return str(self.modules[self.module[node]])


def unpack(packed: GraphStructure) -> Structure:
    """Return the arrays of a structure.

    Raises:
        ValueError: where they do not fit together.
    """
    nodes = packed.nodes
    edges = unpack_ints(packed.edges)
    counts, targets = edges[:nodes], edges[nodes:]
    starts = np.concatenate(([0], np.cumsum(counts))).astype(np.int32)
    structure = Structure(
        nodes=nodes,
        starts=starts,
        targets=targets,
        operations=packed.operations,
        operation=unpack_ints(packed.operation),
        kinds=np.frombuffer(base64.b64decode(packed.kinds), dtype=np.uint8),
        modules=packed.modules,
        module=unpack_ints(packed.module),
    )
    _check(structure, counts)
    return structure


def _check(structure: Structure, counts: Ints) -> None:
    nodes = structure.nodes
    if not nodes or any(
        len(each) != nodes for each in (counts, structure.operation, structure.kinds, structure.module)
    ):
        raise ValueError("a graph whose arrays are not as long as it has nodes")
    if counts.min() < 0 or structure.starts[-1] != len(structure.targets):
        raise ValueError("a graph whose edges are not as many as its nodes say")
    for index, names in (
        (structure.operation, structure.operations),
        (structure.module, structure.modules),
        (structure.kinds, KINDS),
    ):
        if index.min() < 0 or index.max() >= len(names):
            raise ValueError("a graph with a name that is not in its list")
    real = structure.targets >= 0
    if structure.targets.size and (
        structure.targets.max() >= nodes or (structure.targets[real] <= structure.sources[real]).any()
    ):
        raise ValueError("a graph whose edges do not lead down")
