"""Records cells: each operation then knows its line of code and the module whose forward it ran in.

NOTE [Recording]
The line: anomaly mode makes autograd leave the Python stack in the metadata of each node (`traceback_`). We switch it
on without its check for NaN, which would make backwards raise, and put back what was set before. Anomaly mode of the
user's own is left as it is.
The module: global forward hooks note the sequence number of this thread at entry to and exit from each module. A node
whose number lies between was made in it; the innermost such range of its thread counts. Numbers are counted per
thread and only go up, so ranges stay right for as long as the graph lives.
Both cost time (a stack for each operation), so they are on only when asked for, around cells.
"""

from __future__ import annotations

import bisect
import linecache
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import torch
from torch import nn
from torch.nn.modules import module as module_hooks

from tui.kernel.autograd.naming import HIDDEN, Naming
from tui.kernel.autograd.node_private import GraphNode, current_sequence, is_leaf_node, sequence_of
from tui.kernel.autograd.walk import Walk
from tui.kernel.module_walk import walk
from tui.kernel.safe_objects import cut, is_a, user_variables

_RANGES: Final = 200_000
_CELL_FILE: Final = re.compile(r"[\\/]ipykernel_\d+[\\/]\d+\.py$|^<ipython-input-(\d+)|^<cell (\d+)>")
_FRAME: Final = re.compile(r'^\s*File "(?P<file>.*)", line (?P<line>\d+), in (?P<where>.*)$')
_LINE_WIDTH: Final = 80


@dataclass(eq=False)
class _Ranges:
    """The module ranges of one thread, as begin and end in sequence numbers."""

    open: list[tuple[int, int]] = field(default_factory=list)
    """Modules that run now: their `id` and the number at entry."""
    closed: list[tuple[int, int, int]] = field(default_factory=list)
    """Begin, end, `id` of the module; in the order of their ends, so that inner ones come first."""


class Recorder:
    """Records the cells that run while it is on. `cell` goes around each."""

    def __init__(self, namespace_of: Callable[[], Mapping[str, object]]) -> None:
        self.on = False
        self._namespace_of = namespace_of
        self._threads: dict[int, _Ranges] = {}
        self._began: dict[int, int] = {}
        """For each thread the sequence number at which recording began."""
        self._hooks: list[Any] = []
        self._anomaly: tuple[bool, bool] | None = None
        self.cell_of: Callable[[str], int | None] = lambda file: None
        """Tells the number of the cell that a file name of a frame stands for; set by whoever runs the cells."""

    def switch(self, on: bool) -> None:
        """Record from the next cell on, or no more; what was recorded stays for the graphs of those cells."""
        self.on = on
        if not on:
            self.end()

    def forget(self) -> None:
        """Drop what was recorded."""
        self._threads.clear()
        self._began.clear()

    @contextmanager
    def cell(self) -> Iterator[None]:
        """Record what runs inside, where recording is on."""
        if not self.on:
            yield
            return
        self.begin()
        try:
            yield
        finally:
            self.end()

    def begin(self) -> None:
        """Begin to record: hooks and tracebacks are on until `end`."""
        if self._hooks:
            return
        self._began.setdefault(threading.get_ident(), current_sequence())
        self._hooks = [
            module_hooks.register_module_forward_pre_hook(self._enter),
            module_hooks.register_module_forward_hook(self._leave, always_call=True),
        ]
        if not torch.is_anomaly_enabled():
            self._anomaly = (False, torch.is_anomaly_check_nan_enabled())
            torch.set_anomaly_enabled(True, check_nan=False)

    def end(self) -> None:
        """Take off the hooks and put back anomaly mode as it was."""
        hooks, self._hooks = self._hooks, []
        for hook in hooks:
            hook.remove()
        anomaly, self._anomaly = self._anomaly, None
        if anomaly is not None:
            torch.set_anomaly_enabled(*anomaly)
        for ranges in self._threads.values():
            ranges.open.clear()

    def _enter(self, module: nn.Module, args: object) -> None:
        thread = threading.get_ident()
        self._threads.setdefault(thread, _Ranges()).open.append((id(module), current_sequence()))

    def _leave(self, module: nn.Module, args: object, output: object) -> None:
        ranges = self._threads.get(threading.get_ident())
        if ranges is None:
            return
        while ranges.open:  # a forward that raised may have left inner ones
            identity, begin = ranges.open.pop()
            if len(ranges.closed) < _RANGES:
                ranges.closed.append((begin, current_sequence(), identity))
            if identity == id(module):
                return

    # -- what is known of nodes -------------------------------------------------------------------

    def place(self, graph: Walk, naming: Naming) -> bool:
        """Give the nodes the modules that were recorded; return whether anything of the graph was."""
        recorded = any("traceback_" in node.metadata for node in graph.nodes[:50] if not is_leaf_node(node))
        paths = {
            id(visit.module): visit.path
            for name, value in user_variables(self._namespace_of(), HIDDEN)
            if is_a(value, nn.Module)
            for visit in walk(name, value)
            if not visit.first
        }
        known = [one for ranges in self._threads.values() for one in ranges.closed if one[2] in paths]
        if not known or len([ranges for ranges in self._threads.values() if ranges.closed]) != 1:
            return recorded  # numbers of several threads overlap: then parameters tell
        inner = _innermost(known)
        places = {path: place for place, path in enumerate(naming.modules)}
        begun = min(self._began.values(), default=0)
        for i, node in enumerate(graph.nodes):
            number = sequence_of(node)
            if is_leaf_node(node) or number < begun or "traceback_" not in node.metadata:
                continue
            identity = inner(number)
            path = paths[identity] if identity is not None else ""
            if path not in places:
                places[path] = len(naming.modules)
                naming.modules.append(path)
            naming.module[i] = places[path]
        return True

    def line_of(self, node: GraphNode) -> str:
        """Return ``In [3], line 2: y = x @ w`` where the node was recorded; the innermost line of the user's.

        Not of a leaf: its node was made where the tensor was first used, which says nothing of it.
        """
        if is_leaf_node(node):
            return ""
        try:
            stack = node.metadata.get("traceback_")
        except (AttributeError, RuntimeError):
            return ""
        if not isinstance(stack, list):
            return ""
        return self._line(stack)

    def _line(self, stack: list[object]) -> str:
        """Return the innermost frame in a cell; else the innermost outside of torch, if any is the user's."""
        frames = []
        for text in stack:
            if not isinstance(text, str):
                continue
            head, _, source = text.partition("\n")
            found = _FRAME.match(head)
            if found is not None:
                frames.append((found["file"], int(found["line"]), source.strip().partition("\n")[0]))
        for file, line, source in reversed(frames):
            cell = self.cell_of(file)
            if cell is not None or _CELL_FILE.search(file):
                code = source or linecache.getline(file, line).strip()
                where = f"In [{cell}], line {line}" if cell is not None else f"line {line} of a cell"
                return cut(f"{where}: {code}", _LINE_WIDTH)
        for file, line, source in reversed(frames):
            if "site-packages" not in file and "/torch/" not in file and "torchtui" not in file:
                return cut(f"{file.rpartition('/')[2]}, line {line}: {source}", _LINE_WIDTH)
        return ""


def _innermost(ranges: list[tuple[int, int, int]]) -> Callable[[int], int | None]:
    """Return a function that tells the innermost of the ranges that a number is in, in logarithmic time."""
    # ranges nest, so a sweep over their ends cuts the numbers into pieces, each with one innermost range
    events: list[tuple[int, int, int, int]] = []
    for begin, end, identity in ranges:
        if begin < end:
            events.append((begin, 1, -(end - begin), identity))
            events.append((end, 0, end - begin, identity))
    events.sort()
    starts: list[int] = []
    owners: list[int | None] = []
    stack: list[int] = []
    for number, opens, _, identity in events:
        if opens:
            stack.append(identity)
        elif stack:
            stack.pop()
        owner = stack[-1] if stack else None
        if starts and starts[-1] == number:
            owners[-1] = owner
        else:
            starts.append(number)
            owners.append(owner)

    def find(number: int) -> int | None:
        place = bisect.bisect_right(starts, number) - 1
        return owners[place] if place >= 0 else None

    return find
