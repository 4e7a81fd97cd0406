"""How many backwards a gradient is the sum of, counted while somebody looks.

NOTE [Counting backwards]
torch does not count them. `.grad` that a backward made anew is at version 0: the sum of one. Each further backward
adds to it in place and raises the version by one; but so do `zero_()` and clipping. So from the first look on we
see each call of autograd's engine, through the one Python function that all of them take, and note the version of
each followed gradient before and after. A change in between is no backward: what is all zeros was cleared, after
anything else the count stays. A gradient that was there before the first look, at a later version, has no count.
Only calls on the main thread are seen: those of a training run in its worker thread cost nothing. Followed are
tensors by weak reference; nothing is put on them.
"""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import torch
from torch import Tensor

from tui.kernel import torch_private

_FOLLOWED: Final = 2000
_SHARE: Final = 0.02
"""Of the time that may be spent on counting; beyond it, calls are passed over and counts become unknown."""
_ENGINE: Final = "_engine_run_backward"
_State = tuple[int, int | None] | None
"""`id` and version of a gradient; None where there is none."""


@dataclass(eq=False)
class _Followed:
    leaf: weakref.ref[Tensor]
    state: _State
    count: int | None
    """None: not known."""


class BackwardWatch:
    """Counts backwards into followed leaves."""

    def __init__(self) -> None:
        self._followed: dict[int, _Followed] = {}
        self._original: Callable[..., Any] | None = None
        self._ours: Callable[..., Any] | None = None
        self._inside = False
        """Whether a call is in progress: one inside it, as of a checkpoint, belongs to it."""
        self._began_s = time.perf_counter()
        self._spent_s = 0.0
        self._lock = threading.RLock()

    def follow(self, leaves: Sequence[Tensor]) -> None:
        """Count for these from now on; those that are gone are dropped."""
        with self._lock:
            self._followed = {key: one for key, one in self._followed.items() if one.leaf() is not None}
            for leaf in leaves[:_FOLLOWED]:
                if id(leaf) not in self._followed:
                    state = _state_of(leaf)
                    count = 0 if state is None else 1 if state[1] == 0 else None
                    self._followed[id(leaf)] = _Followed(weakref.ref(leaf), state, count)
            if self._original is None and self._followed:
                self._attach()

    def stop(self) -> None:
        """See no more calls; forget all counts."""
        with self._lock:
            if self._original is not None and getattr(torch.autograd, _ENGINE, None) is self._ours:
                setattr(torch.autograd, _ENGINE, self._original)
                self._original = self._ours = None
            self._followed.clear()

    def count_of(self, leaf: Tensor) -> int | None:
        """Return how many backwards the gradient of a leaf is the sum of; None where that is not known."""
        with self._lock:
            one = self._followed.get(id(leaf))
            if one is None or one.leaf() is not leaf:
                state = _state_of(leaf)
                return 0 if state is None else 1 if state[1] == 0 else None
            self._settle(one, leaf)
            return one.count

    @contextmanager
    def ours(self, leaves: Sequence[Tensor], *, counts: bool) -> Iterator[None]:
        """Count a backward of our own, on whatever thread, into these leaves; not one that leaves `.grad` alone."""
        if not counts or self._original is None:
            yield
            return
        self.follow(leaves)
        before, self._inside = self._states(), True
        try:
            yield
        finally:
            self._inside = False
            self._note(before)

    def _attach(self) -> None:
        original = getattr(torch.autograd, _ENGINE, None)
        if original is None:  # a torch that calls its engine otherwise: we count our own alone
            return
        self._original = original

        def run(*args: Any, **options: Any) -> Any:
            __tracebackhide__ = True  # of IPython's tracebacks, where a backward fails
            if not options.get("accumulate_grad", False) or not self._wanted():
                return original(*args, **options)
            before = self._timed(self._states)
            self._inside = True
            try:
                return original(*args, **options)
            finally:
                self._inside = False
                self._timed(lambda: self._note(before))

        self._ours = run
        setattr(torch.autograd, _ENGINE, run)

    def _wanted(self) -> bool:
        on_main = threading.current_thread() is threading.main_thread()
        return on_main and not self._inside and bool(self._followed) and self._affordable()

    def _affordable(self) -> bool:
        elapsed_s = time.perf_counter() - self._began_s
        if self._spent_s <= max(0.05, _SHARE * elapsed_s):
            return True
        with self._lock:
            for one in self._followed.values():
                one.count = None
        return False

    def _timed(self, work: Callable[[], Any]) -> Any:
        start_s = time.perf_counter()
        try:
            return work()
        finally:
            self._spent_s += time.perf_counter() - start_s

    def _states(self) -> dict[int, _State]:
        with self._lock:
            found = {}
            for key, one in self._followed.items():
                leaf = one.leaf()
                if leaf is not None:
                    self._settle(one, leaf)
                    found[key] = one.state
            return found

    def _settle(self, one: _Followed, leaf: Tensor) -> None:
        """Take note of what has happened to a gradient since the last look, outside of any backward."""
        state = _state_of(leaf)
        if state == one.state:
            return
        if state is None:
            one.count = 0
        elif one.state is None or one.state[0] != state[0]:
            one.count = 1 if state[1] == 0 else None  # made anew, where we did not see it
        elif one.count is not None and _all_zeros(leaf):
            one.count = 0
        one.state = state

    def _note(self, before: dict[int, _State]) -> None:
        """Take note of what a backward has done."""
        with self._lock:
            for key, then in before.items():
                one = self._followed.get(key)
                leaf = one.leaf() if one is not None else None
                if one is None or leaf is None:
                    continue
                now = _state_of(leaf)
                if now == then:
                    continue
                if then is None or now is None:
                    one.count = 0 if now is None else 1
                elif one.count is not None:
                    one.count += 1
                one.state = now


def _state_of(leaf: Tensor) -> _State:
    with torch_private.without_overrides():
        grad = torch_private.grad_of(leaf)
        return (id(grad), torch_private.version_of(grad)) if isinstance(grad, Tensor) else None


def _all_zeros(leaf: Tensor) -> bool:
    with torch.no_grad(), torch_private.without_overrides():
        grad = torch_private.grad_of(leaf)
        try:
            return isinstance(grad, Tensor) and not bool(torch.count_nonzero(grad))
        except (RuntimeError, NotImplementedError):
            return False
