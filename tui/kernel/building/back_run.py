"""Runs a model once and notes what goes into each module and what comes out, what it costs, and where it fails.

NOTE [Time of our own]
Looking at an output takes time inside the modules around it. Each look is measured with the same clock, and what lies
between the start and the end of a module is taken off its time.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from itertools import accumulate

import torch
from torch import Tensor, nn

from tui.kernel import torch_private
from tui.kernel.building.back_clock import Clock
from tui.kernel.building.back_failure import failure_words
from tui.kernel.building.back_inputs import Arguments
from tui.kernel.building.back_values import arguments_text, shapes_text, tensors_of
from tui.kernel.summary import summarize
from tui.kernel.tensor_stats import batch_stats

STATISTICS_LIMIT = 1_000_000
"""Values of an output past which its statistics are of a sample."""


@dataclass
class Seen:
    """What was seen of one module."""

    calls: int = 0
    input_shapes: str = ""
    """Of the first call, as all that follows but the times."""
    output_shapes: str = ""
    statistics: str = ""
    error: str = ""
    spans: list[_Span] = field(default_factory=list)
    total_s: float | None = None
    """Of all calls, what is below included."""
    own_s: float | None = None


@dataclass
class _Span:
    """One call on its way."""

    module: nn.Module
    args: tuple[object, ...]
    kwargs: dict[str, object]
    handling: BaseException | None
    """What was being handled when it was called."""
    first: bool
    start: int = -1
    end: int = -1
    looks_before: int = 0
    looks_after: int = 0
    inner: list[_Span] = field(default_factory=list)


@dataclass(frozen=True)
class Outcome:
    """A run that came to its end, or did not."""

    seen: Mapping[int, Seen]
    """By the id of the module that was run."""
    output_shapes: str
    failed: bool


def run_once(
    model: nn.Module, modules: Mapping[int, nn.Module], given: Arguments, clock: Clock | None
) -> Outcome:
    """Call the model once under `no_grad` and return what came of each module.

    Args:
        model: a stand-in, see `back_shadow`: hooks are put on it and taken off.
        modules: it and all below it, by id.
        given: what it is called with.
        clock: None: nothing is measured.
    """
    watch = _Watch(given, clock)
    device = torch.device("meta") if given.meta else nullcontext()
    output: object = None
    error: BaseException | None = None
    with watch.on(modules), torch.no_grad(), device:
        try:
            output = model(*given.args, **given.kwargs)
        except BaseException as raised:  # noqa: BLE001 - the user's forward may raise anything, SystemExit too
            error = raised
    if error is not None:
        watch.note_failure(error, model)
    elif not watch.seen.get(id(model)):  # its class has a `__call__` of its own, or it is scripted
        watch.seen[id(model)] = Seen(1, arguments_text(given.args, given.kwargs), shapes_text(output))
    watch.settle_times()
    return Outcome(watch.seen, "" if error is not None else shapes_text(output), error is not None)


class _Watch:
    """The hooks of one run, and what they saw."""

    def __init__(self, given: Arguments, clock: Clock | None) -> None:
        self.seen: dict[int, Seen] = {}
        self._given = given
        self._clock = clock
        self._open: list[_Span] = []
        self._looks: list[tuple[int, int]] = []
        """Places between which we looked. See NOTE [Time of our own]."""
        self._failed: tuple[BaseException, nn.Module, tuple[object, ...], dict[str, object]] | None = None
        self._last: tuple[Tensor, int | None, str] | None = None

    @contextmanager
    def on(self, modules: Mapping[int, nn.Module]) -> Iterator[None]:
        """Watch these modules inside."""
        handles = []
        try:
            for module in modules.values():
                handles.append(nn.Module.register_forward_pre_hook(module, self._enter, with_kwargs=True))
                handles.append(
                    nn.Module.register_forward_hook(module, self._leave, with_kwargs=True, always_call=True)
                )
            yield
        finally:
            for handle in handles:
                handle.remove()

    def _mark(self) -> int:
        return -1 if self._clock is None else self._clock.mark()

    def _enter(self, module: nn.Module, args: tuple[object, ...], kwargs: dict[str, object]) -> None:
        look = self._mark()
        seen = self.seen.setdefault(id(module), Seen())
        first = not seen.calls
        seen.calls += 1
        if first:
            seen.input_shapes = arguments_text(args, kwargs)
        span = _Span(module, args, kwargs, sys.exc_info()[1], first)
        if self._open:
            self._open[-1].inner.append(span)
        seen.spans.append(span)
        self._open.append(span)
        self._looks.append((look, self._mark()))
        span.looks_before = len(self._looks)
        span.start = self._looks[-1][1]

    def _leave(
        self, module: nn.Module, args: tuple[object, ...], kwargs: dict[str, object], output: object
    ) -> None:
        look = self._mark()
        raised = sys.exc_info()[1]
        known = bool(self._open) and self._open[-1].module is module
        if not known:  # another hook of its raised before ours was called
            if raised is not None and not self._is_told(raised):
                self._failed = (raised, module, args, kwargs)
            return
        span = self._open.pop()
        span.end, span.looks_after = look, len(self._looks)
        span.args, span.kwargs = (), {}
        if output is None and raised is not None and raised is not span.handling:
            if not self._is_told(raised):
                self._failed = (raised, module, args, kwargs)
            return
        if span.first:
            seen = self.seen[id(module)]
            seen.output_shapes = shapes_text(output)
            seen.statistics = "" if self._given.meta else self._statistics(output)
        self._looks.append((look, self._mark()))

    def _is_told(self, error: BaseException) -> bool:
        """Whether an error is one that was noted further inside, or came of it."""
        return self._failed is not None and self._failed[0] in _chain(error)

    def _statistics(self, output: object) -> str:
        """Return the statistics of the first tensor of an output, now: a later layer may write over it."""
        tensor = next(tensors_of(output), None)
        if tensor is None or tensor.device.type == "meta":
            return ""
        version = torch_private.version_of(tensor)
        if self._last is not None and self._last[0] is tensor and self._last[1] == version:
            return self._last[2]
        text = summarize(tensor, batch_stats([tensor], limit=STATISTICS_LIMIT)[0])
        self._last = (tensor, version, text)
        return text

    def note_failure(self, error: BaseException, model: nn.Module) -> None:
        """Say at the module that failed first why it did."""
        if self._failed is not None and self._failed[0] in _chain(error):
            _, module, args, kwargs = self._failed
        elif self._open:  # SystemExit and the like pass no hook
            span = self._open[-1]
            module, args, kwargs = span.module, span.args, span.kwargs
        else:
            module, args, kwargs = model, self._given.args, self._given.kwargs
        seen = self.seen.setdefault(id(module), Seen())
        seen.input_shapes = seen.input_shapes or arguments_text(args, kwargs)
        seen.error = failure_words(error, module, args, kwargs, meta=self._given.meta)
        self._open.clear()
        self._failed = None  # it holds frames, and those the tensors of the run

    def settle_times(self) -> None:
        """Work out the times of what came to its end."""
        self._last = None
        if self._clock is None:
            return
        spans = [span for seen in self.seen.values() for span in seen.spans if span.end >= 0]
        looked = [0.0, *accumulate(self._clock.seconds(self._looks))]
        took = self._clock.seconds([(span.start, span.end) for span in spans])
        total = {
            id(span): max(0.0, seconds - (looked[span.looks_after] - looked[span.looks_before]))
            for span, seconds in zip(spans, took, strict=True)
        }
        for seen in self.seen.values():
            done = [span for span in seen.spans if id(span) in total]
            if done:
                seen.total_s = sum(total[id(span)] for span in done)
                below = sum(total.get(id(inner), 0.0) for span in done for inner in span.inner)
                seen.own_s = max(0.0, seen.total_s - below)


def _chain(error: BaseException) -> list[BaseException]:
    """Return an error with those it came of."""
    found: list[BaseException] = []
    waiting: list[BaseException | None] = [error]
    while waiting and len(found) < 50:
        one = waiting.pop()
        if one is not None and not any(one is known for known in found):
            found.append(one)
            waiting += [one.__cause__, one.__context__]
    return found
