"""The tree of a container, a dataclass or a module that holds tensors: a line for each part, outline first.

Runs none of the user's code: see NOTE [Foreign objects] in `safe_objects`. What holds no tensor stays one line.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import torch
from torch import Tensor, nn

from tui.kernel import torch_private
from tui.kernel.drawing.arrays import array_facts, as_tensor, is_array
from tui.kernel.drawing.facts import tensor_facts
from tui.kernel.drawing.members import PLAIN, Members, members_of
from tui.kernel.drawing.plain_values import plain_class, plain_values
from tui.kernel.module_walk import children_of, elements_of
from tui.kernel.modules import module_summary, settings_of
from tui.kernel.safe_objects import class_name, instance_attributes, is_a
from tui.kernel.summary import number
from tui.kernel.tensor_blocks import NoValuesError
from tui.kernel.tensor_stats import TensorStats, Unavailable, batch_stats, words_of
from tui.kernel.variable_kinds import kind_of, summary_of
from tui.kernel.variable_members import attribute
from tui.kernel.variables import BUDGET_S
from tui.protocol.messages import Variable
from tui.protocol.values import TensorFacts, TreeRow

MOST_ROWS: Final = 200
DEEPEST: Final = 8
"""Depth of the deepest row; that of the container itself is 0."""
RECURSION: Final = "↑ recursion"
_LOOKED_AT: Final = 10_000
"""Parts after which the search for tensors goes no further down."""
_COUNTED: Final = 5_000
"""Rows up to which those that have no room are opened to be counted."""
_COPIED: Final = 100_000
"""Elements of an array up to which it is copied for its statistics, where its memory cannot be shared."""
FEW: Final = 8
"""Values up to which a vector's are shown in place of their statistics."""
_LISTS: Final = (nn.ParameterList, nn.ParameterDict)
"""Modules whose own settings are a list of what is in them, which the tree shows."""


def tree_of(value: object, *, budget_s: float = BUDGET_S) -> tuple[tuple[TreeRow, ...], int]:
    """Return the rows of a value's tree and how many more there would be; none where it holds no tensor or array.

    Upper levels come before lower ones where not all have room. Rows left out are counted up to a limit, so the
    count is the least there are.

    Args:
        value: anything; never raises for what it is.
        budget_s: time for the statistics of its tensors, which are read together: one transfer per device.
    """
    with torch.inference_mode(), torch_private.without_overrides():
        explored = _Explored(value)
        if id(value) not in explored.holding or is_a(value, Tensor) or is_array(value):
            return (), 0
        entries, omitted = _entries(value, explored)
        read = _statistics(entries, time.monotonic() + budget_s)
        return tuple(_row(entry, read) for entry in _in_order(entries[0])), omitted


class _Explored:
    """What is reached from a value: the parts of each object, and which objects hold a tensor."""

    def __init__(self, root: object) -> None:
        self._members: dict[int, Members | None] = {}
        holders: dict[int, set[int]] = {}
        self.holding: set[int] = set()
        """Ids of tensors, arrays, and of what they are in."""
        self._kept = [root]
        """Keeps the ids from being given to other objects meanwhile."""
        seen = {id(root)}
        waiting = deque([root])
        looked_at = 0
        while waiting and looked_at < _LOOKED_AT:
            here = waiting.popleft()
            if is_a(here, Tensor) or is_array(here):
                self.holding.add(id(here))
            members = self.members(here)
            for _, part in members.items if members is not None else ():
                looked_at += 1
                if type(part) in PLAIN:
                    continue
                holders.setdefault(id(part), set()).add(id(here))
                if id(part) not in seen:
                    seen.add(id(part))
                    self._kept.append(part)
                    waiting.append(part)
        upwards = list(self.holding)
        while upwards:
            for holder in holders.get(upwards.pop(), ()):
                if holder not in self.holding:
                    self.holding.add(holder)
                    upwards.append(holder)

    def members(self, obj: object) -> Members | None:
        """Return the parts of an object, read once."""
        if id(obj) not in self._members:
            self._members[id(obj)] = members_of(obj)
        return self._members[id(obj)]


@dataclass
class _Entry:
    """A row to be."""

    label: str
    value: object
    parent: _Entry | None = None
    depth: int = 0
    parts: list[_Entry] = field(default_factory=list)
    """Those that have room."""
    total: int = 0
    """Parts that there are, of what is opened."""
    recursion: bool = False
    first: _Entry | None = None
    """Where the same tensor, array or opened object was met before; what is in it is listed there."""

    def path(self) -> str:
        """Return how it is reached from the root."""
        labels = []
        here: _Entry | None = self
        while here is not None:
            labels.append(here.label)
            here = here.parent
        return "".join(reversed(labels))


def _entries(root: object, explored: _Explored) -> tuple[list[_Entry], int]:
    """Return the entries that have room, level by level, and the count of the others."""
    entries = [_Entry("", root)]
    met: dict[int, _Entry] = {}
    for entry in entries:  # grows
        if entry.recursion or id(entry.value) not in explored.holding:
            continue
        first = met.setdefault(id(entry.value), entry)
        if first is not entry:
            entry.first = first
            continue
        members = explored.members(entry.value)
        if members is None:  # a tensor or an array
            continue
        entry.total = members.total
        if entry.depth == DEEPEST:
            continue
        for label, part in members.items[: _COUNTED - len(entries)]:
            inside = _Entry(label, part, entry, entry.depth + 1, recursion=_holds_itself(part, entry))
            entries.append(inside)
            if len(entries) <= MOST_ROWS:
                entry.parts.append(inside)
    shown = entries[:MOST_ROWS]
    return shown, 1 + sum(entry.total for entry in entries) - len(shown)


def _holds_itself(part: object, holder: _Entry | None) -> bool:
    """Return whether a part is the object that holds it, or one further up."""
    while holder is not None:
        if holder.value is part:
            return True
        holder = holder.parent
    return False


def _in_order(root: _Entry) -> Iterator[_Entry]:
    """Yield an entry and all below it, parents before their parts."""
    waiting = [root]
    while waiting:
        entry = waiting.pop()
        yield entry
        waiting += reversed(entry.parts)


def _statistics(entries: Sequence[_Entry], deadline_s: float) -> dict[int, _Read]:
    """Return tensors with their statistics by the id of the tensor or array, those of small ones read first."""
    tensors: dict[int, Tensor] = {}
    for entry in entries:
        value = entry.value
        tensor = as_tensor(value, copy_limit=_COPIED) if is_array(value) else value
        if is_a(tensor, Tensor):
            tensors[id(value)] = tensor
    keys = sorted(tensors, key=lambda key: elements_of(tensors[key]))
    stats = batch_stats([plain_class(tensors[key]) for key in keys], deadline_s=deadline_s)
    return {key: _Read(tensors[key], found) for key, found in zip(keys, stats, strict=True)}


class _Read(NamedTuple):
    tensor: Tensor
    stats: TensorStats | Unavailable


def _row(entry: _Entry, read: Mapping[int, _Read]) -> TreeRow:
    """Return the line for any object; one that cannot be described says why."""
    value, facts = entry.value, None
    try:
        if entry.recursion:
            summary = RECURSION
        else:
            facts = _facts(value, read)
            summary = _summary(entry) if facts is None else tensor_line(facts, few_values(*read[id(value)]))
            if entry.first is not None:
                summary = f"same as {entry.first.path()}  {summary}"
    except Exception as error:  # noqa: BLE001 - one odd object must not cost the user the tree
        summary = words_of(error)
    return TreeRow(entry.depth, entry.label, class_name(value), summary, facts)


def _facts(value: object, read: Mapping[int, _Read]) -> TensorFacts | None:
    if id(value) not in read:
        return None
    tensor, stats = read[id(value)]
    return array_facts(value, tensor, stats) if is_array(value) else tensor_facts(tensor, stats)


def tensor_line(facts: TensorFacts, values: str = "") -> str:
    """Return shape, dtype, device unless it is the CPU, and on one line the values or their statistics."""
    sizes = ["?" if size < 0 else str(size) for size in facts.shape]
    shape = f"({sizes[0]},)" if len(sizes) == 1 else f"({', '.join(sizes)})"
    device = "" if facts.device == "cpu" else facts.device
    return " ".join(filter(None, (shape, facts.dtype, device, values or facts.statistics)))


def few_values(tensor: Tensor, stats: TensorStats | Unavailable) -> str:
    """Return the values of a small vector or matrix, ``[[0.5 2.0]]``, which say more than statistics.

    Empty for any other tensor, for one that is not on the CPU (it would have to be waited for), where there was no
    time for statistics, and where a value is not finite: of that the statistics shout.
    """
    small = 1 <= Tensor.dim(tensor) <= 2 and 1 < elements_of(tensor) <= FEW
    if isinstance(stats, Unavailable) or not small or str(attribute(tensor, "device")) != "cpu":
        return ""
    try:
        values: list[object] = plain_values(plain_class(tensor)).tolist()
    except (NoValuesError, RuntimeError, NotImplementedError, TypeError):
        return ""
    return _written(values)


def _written(values: Sequence[object]) -> str:
    """Return numbers in brackets, and rows of them; empty where one is not finite."""
    texts = []
    for value in values:
        if isinstance(value, list):
            texts.append(_written(value))
        elif isinstance(value, int | float) and math.isfinite(value):
            texts.append(str(value) if isinstance(value, int) else number(value))
        else:
            return ""
    return f"[{' '.join(texts)}]" if all(texts) else ""


def _summary(entry: _Entry) -> str:
    """Return one line on anything but a tensor: what it holds, how it is set, or its value."""
    value = entry.value
    if is_a(value, nn.Module):
        settings = "" if not entry.depth or is_a(value, _LISTS) else settings_of(value)
        if settings or (entry.first is None and not entry.total and _is_bare(value)):
            return settings
        return module_summary(value, children=not entry.parts)
    total = entry.total if entry.first is None else entry.first.total
    if total:
        shown = f", the first {len(entry.parts):,} shown" if 0 < len(entry.parts) < total else ""
        return f"{total:,} item{'' if total == 1 else 's'}{shown}"
    return summary_of(Variable(name="", kind=kind_of(value), type_name=class_name(value)), value).summary


def _is_bare(module: nn.Module) -> bool:
    """Return whether an initialized module has no submodules: of one without parameters there is no more to say."""
    return not children_of(module) and "_parameters" in instance_attributes(module)
