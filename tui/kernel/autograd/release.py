"""Lets go of the nodes of large graphs so that freeing them cannot overflow the stack.

NOTE [Letting go of deep graphs]
Once a node has a Python object, torch frees what lies behind the node from within freeing that object: a chain of
some 50,000 nodes then overflows the stack, and the process is gone. It is safe to free nodes from the root on, one by
one, each while the next ones are still held. So what was walked is held for as long as the user holds the root, by
which it is alive anyway, and then let go of in that order. A node that something else of the user's still holds, such
as the hidden state of a loop, stays with all behind it until that is gone.
"""

from __future__ import annotations

import sys
import threading
import time
import weakref
from array import array
from typing import Final

from torch import Tensor

_POLL_S: Final = 0.05
_IDLE_POLL_S: Final = 1.0
_OURS: Final = 2
"""References to a node that are our own when we ask: the list's and the call's."""


class _Keeping:
    """The nodes of one graph on their way out."""

    def __init__(self, nodes: list[object], starts: array[int], targets: array[int]) -> None:
        self._nodes, self._starts, self._targets = nodes, starts, targets
        self._outside = [0]
        """Nodes that something else held at the last look."""

    def release(self) -> bool:
        """Let go of all that nothing else needs; return whether that was all."""
        nodes = self._nodes
        if self._outside and all(sys.getrefcount(nodes[place]) > _OURS for place in self._outside):
            return False
        needed = bytearray(len(nodes))
        self._outside = []
        for place in range(len(nodes)):
            if nodes[place] is None:
                continue
            if not needed[place] and sys.getrefcount(nodes[place]) > _OURS:
                needed[place] = 1
                self._outside.append(place)
            if needed[place]:
                for target in self._targets[self._starts[place] : self._starts[place + 1]]:
                    if target >= 0:
                        needed[target] = 1
            else:
                nodes[place] = None
        return not self._outside


class _Keeper:
    """Holds what is on its way out, with a thread that lives for as long as there is any."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[_Keeping] = []
        self._thread: threading.Thread | None = None

    def add(self, keeping: _Keeping) -> None:
        """Let go of nodes from a moment later on: the tensor that dies now still holds the first from within."""
        with self._lock:
            self._waiting.append(keeping)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="torchtui-release", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while True:
            time.sleep(_POLL_S)
            with self._lock:
                waiting = list(self._waiting)
            done = [keeping for keeping in waiting if keeping.release()]
            with self._lock:
                self._waiting = [keeping for keeping in self._waiting if keeping not in done]
                if not self._waiting:
                    self._thread = None
                    return
            if not done:
                time.sleep(_IDLE_POLL_S)

    def busy(self) -> bool:
        """Whether anything is still held."""
        with self._lock:
            return self._thread is not None


_KEEPER: Final = _Keeper()
busy = _KEEPER.busy


def let_go(root: Tensor, nodes: list[object], starts: array[int], targets: array[int]) -> None:
    """Hold the nodes of a graph until its root is gone, then let go of them one by one.

    Args:
        root: the tensor that the first node made.
        nodes: in an order in which each comes after all that lead to it. The list is used up.
        starts: where in `targets` the edges of each node begin.
        targets: where the edges lead; -1 nowhere.
    """
    if not sys.is_finalizing():
        weakref.finalize(root, _KEEPER.add, _Keeping(nodes, starts, targets)).atexit = False
