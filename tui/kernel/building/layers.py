"""Builds a layer on the meta device, runs it there, and says what came of it; remembers what it has seen.

NOTE [Running a layer]
The layer is built under ``torch.device("meta")`` and run on meta tensors in training mode: no memory is taken, no
random numbers are drawn, and default dtype, device and grad mode of other threads stay as they are. What a class of
the user's does in its constructor and `forward` happens here for real, though; how long it took is said. The same
layer with the same input is not run again, so that an edit costs what it changes.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import torch
from torch import nn

from tui.kernel import torch_private
from tui.kernel.building import costs, fixes, init
from tui.kernel.building.costs import Weights, Window
from tui.kernel.building.resolve import Resolved, resolve
from tui.kernel.building.values import Batch, Spec, Value, first_spec, key_of, materialize, spec_of, specs_in
from tui.kernel.building.warned import collected
from tui.kernel.building.words import Remedy, Unfit
from tui.kernel.safe_objects import module_of
from tui.protocol.building import Argument

_REMEMBERED: Final = 8192
_SLOW_S: Final = 1.0
PATIENCE_S: Final = 10.0
"""That a class of the user's may take before the Builder goes on without it."""
_RECURRENT: Final = (nn.RNN, nn.GRU, nn.LSTM)
_STEPS: Final = 2
"""That a recurrent layer is run for in place of all: each takes milliseconds on the meta device."""


@dataclass(frozen=True)
class Outcome:
    """What came of one layer with one input."""

    layer: str
    arguments: tuple[Argument, ...] = ()
    """All that it is built with."""
    filled: tuple[Argument, ...] = ()
    output: Value = None
    weights: Weights = costs.NO_WEIGHTS
    macs: int = 0
    """For the whole batch that it was run with."""
    initialized: tuple[str, ...] = ()
    """Paths of the parameters that its initialization is for."""
    aliases: bool = False
    """Whether its output is its input's own memory."""
    window: Window | None = None
    error: str = ""
    note: str = ""
    remedies: tuple[Remedy, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether it ran."""
        return not self.error


@dataclass(frozen=True)
class Asked:
    """A layer as a design has it, with what comes in."""

    layer: str
    arguments: tuple[Argument, ...]
    inputs: tuple[Value, ...]
    named: tuple[tuple[str, Value], ...] = ()
    """Inputs by keyword."""
    init: str = ""
    init_is_own: bool = True
    """False: it is that of a block around this one, and concerns it only where it has weights for it."""
    single: bool = False
    """Whether the batch that the user has chosen is of one sample."""


class Memory:
    """Outcomes of layers, the least recently used forgotten first."""

    def __init__(self) -> None:
        self._known: OrderedDict[object, Outcome] = OrderedDict()
        self._lock = threading.Lock()

    def find(self, key: object) -> Outcome | None:
        """Return what is known."""
        with self._lock:
            found = self._known.get(key)
            if found is not None:
                self._known.move_to_end(key)
            return found

    def keep(self, key: object, outcome: Outcome) -> None:
        """Remember."""
        with self._lock:
            self._known[key] = outcome
            while len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)

    def add(self, key: object, outcome: Outcome) -> None:
        """Remember, unless something is known by now."""
        if self.find(key) is None:
            self.keep(key, outcome)

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._known.clear()


MEMORY: Final = Memory()


def run_layer(asked: Asked, namespace: Mapping[str, object], batch: Batch) -> Outcome:
    """Return what comes of a layer; never raises for what the layer does."""
    try:
        resolved = resolve(asked.layer, asked.arguments, asked.inputs, namespace, batch)
    except Unfit as unfit:
        return Outcome(asked.layer, asked.arguments, error=unfit.words, remedies=unfit.remedies)
    key = _key(asked, resolved, batch)
    known = MEMORY.find(key) if key is not None else None
    if known is None:
        own = is_torchs(resolved.cls)
        known = _run(asked, resolved, batch) if own else _run_apart(key, asked, resolved, batch)
        if key is not None:
            MEMORY.add(key, known)
    return replace(known, filled=resolved.filled)


def _key(asked: Asked, resolved: Resolved, batch: Batch) -> object:
    try:
        inputs = (
            tuple(map(key_of, asked.inputs)),
            tuple((name, key_of(value)) for name, value in asked.named),
        )
        layer = (resolved.cls, resolved.layer, resolved.arguments, asked.init, asked.init_is_own)
        key = (layer, inputs, asked.single, batch.size, torch.get_default_dtype())
        hash(key)
        return key
    except TypeError:  # of what comes in something that has no key
        return None


def _run(asked: Asked, resolved: Resolved, batch: Batch) -> Outcome:
    with collected() as warned:
        outcome = _tried(asked, resolved, batch)
    if not warned or outcome.note:  # what we say ourselves says it better
        return outcome
    owner = "torch" if is_torchs(resolved.cls) else fixes.name_of(resolved)
    return replace(outcome, note=f"{owner} warns: {' · '.join(warned)}")


def _tried(asked: Asked, resolved: Resolved, batch: Batch) -> Outcome:
    built = Outcome(resolved.layer, resolved.arguments)
    began_s = time.perf_counter()
    module: nn.Module | None = None
    try:
        module = _build(resolved)
        fixes.refuse(fixes.Failed(resolved, asked.inputs, module, RuntimeError(), batch))
        outcome = _ran(asked, module, built)
        outcome = replace(outcome, initialized=init.check(module, asked.init, is_own=asked.init_is_own))
    except Unfit as unfit:
        return replace(built, weights=_known_weights(module), error=unfit.words, remedies=unfit.remedies)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a class of the user's raises
        told = fixes.diagnose(fixes.Failed(resolved, asked.inputs, module, error, batch))
        return replace(built, weights=_known_weights(module), error=told.words, remedies=told.remedies)
    taken_s = time.perf_counter() - began_s
    if asked.single and fixes.needs_more_than_one(module, asked.inputs, batch):
        return replace(outcome, error=fixes.ONE_VALUE.format(fixes.name_of(resolved)))
    note, remedies = fixes.remarks(resolved, asked.inputs, outcome.output, batch)
    if taken_s > _SLOW_S and not is_torchs(resolved.cls):
        note = f"{note} It took {taken_s:.1f} s to build and run.".strip()
    return replace(outcome, note=note, remedies=remedies)


def _run_apart(key: object, asked: Asked, resolved: Resolved, batch: Batch) -> Outcome:
    """Run a class of the user's on a thread of its own, so that one that hangs does not take the Builder along."""
    made: list[Outcome] = []

    def run() -> None:
        made.append(_run(asked, resolved, batch))
        if key is not None:
            MEMORY.keep(key, made[0])

    thread = threading.Thread(target=run, name="torchtui-layer", daemon=True)
    thread.start()
    thread.join(PATIENCE_S)
    if made:
        return made[0]
    name = fixes.name_of(resolved)
    words = f"{name} has not returned from its constructor or forward after {PATIENCE_S:g} s; it goes on in the kernel."
    return Outcome(resolved.layer, resolved.arguments, error=words)


def is_torchs(cls: type[nn.Module]) -> bool:
    """Whether a class is one of torch's own."""
    return module_of(cls).startswith("torch.nn.")


def _known_weights(module: nn.Module | None) -> Weights:
    return costs.NO_WEIGHTS if module is None or _is_lazy(module) else costs.weights_of(module)


def _build(resolved: Resolved) -> nn.Module:
    with torch.no_grad(), torch.device("meta"):
        module = resolved.cls(**resolved.values)
    if not isinstance(module, nn.Module):
        raise Unfit(f"{resolved.layer} makes a {type(module).__name__}, which is no module.")
    elsewhere = next((t for t in _tensors(module) if t.device.type != "meta" and not _is_small(t)), None)
    if elsewhere is not None:
        raise Unfit(
            f"{resolved.layer} puts a tensor of shape {tuple(elsewhere.shape)} on {elsewhere.device} in its"
            " constructor: leave .to(…), .cuda() and torch.load to where the model is used."
        )
    return module


def _tensors(module: nn.Module) -> Iterable[torch.Tensor]:
    yield from module.parameters()
    yield from module.buffers()


def _is_small(tensor: torch.Tensor) -> bool:
    return torch_private.is_lazy(tensor) or tensor.dim() == 0


def _is_lazy(module: nn.Module) -> bool:
    return any(torch_private.is_lazy(tensor) for tensor in _tensors(module))


def _ran(asked: Asked, module: nn.Module, built: Outcome) -> Outcome:
    own = is_torchs(type(module))
    length = _time_steps(module, asked.inputs)
    inputs = asked.inputs if length is None else _shortened(module, asked.inputs)
    args = [materialize(value) for value in inputs]
    options = {name: materialize(value) for name, value in asked.named}
    macs = 0
    # a class of the user's may differentiate inside its forward; grad mode is that of this thread alone
    with torch.set_grad_enabled(not own), torch.device("meta"):
        if own and costs.has_rule(module):
            result = module(*args, **options)
        else:
            with costs.counted(module) as counter:
                result = module(*args, **options)
            macs = counter.macs
    output = spec_of(result) if length is None else _lengthened(module, spec_of(result), length)
    ruled = own and costs.has_rule(module)
    return replace(
        built,
        output=output,
        weights=costs.weights_of(module),
        macs=costs.macs_of(module, asked.inputs, output) if ruled else macs,
        aliases=_aliases(args, result),
        window=costs.window_of(module, first_spec(asked.inputs), first_spec(output)),
    )


def _aliases(args: Sequence[object], result: object) -> bool:
    if not (args and isinstance(args[0], torch.Tensor) and isinstance(result, torch.Tensor)):
        return False
    return result.untyped_storage() is args[0].untyped_storage()


# -- recurrent layers -------------------------------------------------------------------------------


def _time_steps(module: nn.Module, inputs: Sequence[Value]) -> int | None:
    """Return the length of the sequence where the layer is run for fewer steps than that."""
    first = inputs[0] if inputs else None
    if type(module) not in _RECURRENT or not isinstance(first, Spec) or len(first.shape) not in (2, 3):
        return None
    length = first.shape[_time_dim(module, first)]
    return length if length > _STEPS else None


def _time_dim(module: Any, first: Spec) -> int:
    return 1 if module.batch_first and len(first.shape) == 3 else 0


def _shortened(module: nn.Module, inputs: tuple[Value, ...]) -> tuple[Value, ...]:
    first = inputs[0]
    assert isinstance(first, Spec)
    return (_with_steps(first, _time_dim(module, first), _STEPS), *inputs[1:])


def _lengthened(module: nn.Module, output: Value, length: int) -> Value:
    if not (isinstance(output, tuple) and output and isinstance(output[0], Spec)):
        return output
    return (_with_steps(output[0], _time_dim(module, output[0]), length), *output[1:])


def _with_steps(spec: Spec, dim: int, steps: int) -> Spec:
    return replace(spec, shape=(*spec.shape[:dim], steps, *spec.shape[dim + 1 :]))


def outputs_bytes(outcome: Outcome, batch: Batch, samples: int) -> int:
    """Return what its outputs take for a batch of so many samples; nothing where they are views of its input."""
    return 0 if outcome.aliases else sum(batch.size_bytes(spec, samples) for spec in specs_in(outcome.output))
