"""Activation statistics of a model's layers, sampled so seldom that they cost next to nothing.

In a sampled step forward hooks are on the leaf modules while the model runs; in all others nothing of ours is in the
model. Never changes a value, a gradient or a random stream, and does not synchronize CUDA. Must be told when a
forward pass begins and when it has ended; whose loop that is does not matter.

Left out: what `torch.compile` or `torch.jit` has taken over, and what runs as replicas in other threads (DataParallel),
since a hook there is not seen or makes it compile anew; layers whose output is no plain, dense, real tensor. Of a
layer that is called several times in a step the first call counts.
"""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from time import perf_counter, time
from typing import Final

import torch
from torch import nn

from tui.kernel.torch_private import dispatches_in_python, is_compiled, is_transformed, without_overrides
from tui.kernel.training.batches import tensors_in
from tui.kernel.training.log.events import valid_tag
from tui.kernel.training.log.sampling import Allowance, Readback

MAX_VALUES: Final = 1 << 20
"""Of a larger output evenly spaced rows of its first dimension are looked at, so many values of it or one row."""
DEAD_OVER: Final = 8
"""A unit counts as dead when it was zero for the whole batch in each of so many samples."""

_PER_LAYER: Final = 3
"""Numbers that come over for a layer: mean, norm of the deviations, number of values that are not zero."""
_FIRST_UNITS: Final = (
    *(nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d),
    *(nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.GroupNorm),
)
"""After these the units are dimension 1, also of a three-dimensional output."""
_LAST_UNITS: Final = (nn.Linear, nn.LayerNorm, nn.Embedding)


@dataclass(frozen=True)
class _Layer:
    """A layer of a sample."""

    name: str
    values: int
    """How many were looked at."""
    units: int | None
    """None unless it is ReLU-like."""


Sample = tuple[int, float, tuple[_Layer, ...]]
"""Step, wall time in seconds since 1970, layers."""


class LayerWatch:
    """Samples the outputs of a model's layers: often at first, when most happens, then every few seconds."""

    SHARE = 0.002
    INTERVALS_S = (0.1, 2.0)
    """Between two samples, at first and later on."""
    INTERVAL_SHARE = 0.05
    """What the interval grows to of the time since the beginning."""

    def __init__(self, model: nn.Module, device: torch.device, *, enabled: bool = True) -> None:
        self._model = model
        self._device = device
        self._readback: Readback[Sample] = Readback(device)
        self._allowance = Allowance(self.SHARE)
        self._began_s = perf_counter()
        self._alive: dict[str, deque[torch.Tensor]] = {}
        self._sampler: _Sampler | None = None
        self._spent_s = 0.0
        self.next_at_s = float("-inf") if enabled else float("inf")
        """When the next forward pass is to be sampled, on the clock of `perf_counter`."""

    @contextmanager
    def sampling(self, step: int) -> Iterator[None]:
        """Sample the forward pass that runs inside, in this thread; afterwards no hook remains, whatever it raises."""
        self.begin()
        try:
            yield
        except BaseException:
            self.abandon()
            raise
        self.end(step)

    def begin(self) -> None:
        """Put hooks on the layers. Must be followed by `end` or `abandon`."""
        start_s = perf_counter()
        self._sampler = _Sampler(self._alive, self._device)
        try:
            self._sampler.install(self._model)
        except Exception:  # noqa: BLE001 - a module of the user's may refuse anything
            self._give_up()
        self._spent_s = perf_counter() - start_s

    def end(self, step: int) -> None:
        """Take the hooks off and send what they have seen."""
        sampler, self._sampler = self._sampler, None
        if sampler is None:
            return
        start_s = perf_counter()
        sampler.remove()
        try:
            with torch.no_grad(), without_overrides():
                sent = sampler.vector()
            if sent is not None:
                self._readback.send((step, time(), sent[0]), sent[1])
        except Exception:  # noqa: BLE001 - e.g. out of memory: the training itself may still fit
            self._give_up()
            return
        end_s = perf_counter()
        self._allowance.spent(end_s - (end_s - start_s) - self._spent_s - sampler.spent_s, end_s)
        least_s, most_s = self.INTERVALS_S
        interval_s = min(max(self.INTERVAL_SHARE * (end_s - self._began_s), least_s), most_s)
        self.next_at_s = max(self._allowance.next_at_s, end_s + interval_s)

    def abandon(self) -> None:
        """Take the hooks off and forget the sample."""
        if self._sampler is not None:
            self._sampler.remove()
            self._sampler = None

    def take(self, *, wait: bool = False) -> Iterator[tuple[int, float, list[tuple[str, float]]]]:
        """Yield step, wall time and (tag, value) pairs of the samples that have arrived."""
        for (step, wall_time_s, layers), numbers in self._readback.take(wait=wait):
            yield step, wall_time_s, _pairs(layers, numbers)

    def _give_up(self) -> None:
        self.abandon()
        self.next_at_s = float("inf")


def _pairs(layers: tuple[_Layer, ...], numbers: list[float]) -> list[tuple[str, float]]:
    pairs: list[tuple[str, float]] = []
    alive = iter(numbers[_PER_LAYER * len(layers) :])
    for index, layer in enumerate(layers):
        mean, norm, nonzero = numbers[_PER_LAYER * index : _PER_LAYER * (index + 1)]
        pairs.append((valid_tag(f"activation_mean/{layer.name}"), mean))
        pairs.append((valid_tag(f"activation_std/{layer.name}"), norm / math.sqrt(layer.values)))
        pairs.append((valid_tag(f"zero_fraction/{layer.name}"), 1.0 - nonzero / layer.values))
        if layer.units is not None:
            pairs.append((valid_tag(f"dead_fraction/{layer.name}"), 1.0 - next(alive) / layer.units))
    return pairs


def layers_of(model: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Yield the leaf modules that can be watched, each once, with its path (the class where that is empty)."""
    seen: set[int] = set()
    stack: list[tuple[str, nn.Module]] = [("", model)]
    while stack:
        path, module = stack.pop()
        if id(module) in seen or _is_out_of_reach(module):
            continue
        seen.add(id(module))
        children = list(module.named_children())
        if not children:
            yield path or type(module).__name__, module
        prefix = f"{path}." if path else ""
        stack.extend((prefix + name, child) for name, child in reversed(children))


def _is_out_of_reach(module: nn.Module) -> bool:
    if isinstance(module, torch.jit.ScriptModule | nn.DataParallel) or is_compiled(module):
        return True
    # In eval mode this one runs as a single fused operation, unless it finds a hook inside.
    return isinstance(module, nn.TransformerEncoderLayer | nn.TransformerEncoder) and not module.training


class _Sampler:
    """The hooks of one sampled forward pass, and what they have seen."""

    def __init__(self, alive: dict[str, deque[torch.Tensor]], device: torch.device) -> None:
        self.spent_s = 0.0
        self._alive = alive
        self._device = device
        self._thread = threading.get_ident()
        self._handles: list[torch.utils.hooks.RemovableHandle] = []
        self._seen: set[str] = set()
        self._layers: list[_Layer] = []
        self._numbers: list[torch.Tensor] = []
        self._alive_counts: list[torch.Tensor] = []
        self._units_last = False

    def install(self, model: nn.Module) -> None:
        for name, module in layers_of(model):
            self._handles.append(module.register_forward_hook(self._hook(name)))

    def remove(self) -> None:
        for handle in self._handles:
            handle.remove()
        self._handles.clear()

    def vector(self) -> tuple[tuple[_Layer, ...], torch.Tensor] | None:
        """Return the layers and their numbers as one float32 vector; None where nothing was seen."""
        scalars = [*self._numbers, *self._alive_counts]
        if not scalars:
            return None
        vector = torch.stack([scalar.to(device=self._device, dtype=torch.float32) for scalar in scalars])
        return tuple(self._layers), vector

    def _hook(self, name: str) -> Callable[[nn.Module, object, object], None]:
        def look(module: nn.Module, _inputs: object, output: object) -> None:
            # A trace would take what is done here into the compiled code; another thread's call is not the training's.
            if torch.compiler.is_compiling() or threading.get_ident() != self._thread or name in self._seen:
                return
            start_s = perf_counter()
            self._seen.add(name)
            with suppress(Exception), torch.no_grad(), without_overrides():
                self._measure(name, module, output)
            self.spent_s += perf_counter() - start_s

        return look

    def _measure(self, name: str, module: nn.Module, output: object) -> None:
        values = next(tensors_in(output), None)  # of an LSTM's output the first: what it says at each step
        if values is None or not _is_plain(values) or not values.numel():
            return
        values = _some_rows(values.detach())
        nonzero = torch.count_nonzero(values)
        if values.dtype in (torch.float16, torch.bfloat16):
            values = values.float()
        mean = values.mean()
        norm = torch.linalg.vector_norm(values - mean)
        units = None
        self._note_layout(module)
        if is_relu_like(module):
            alive = self._alive_units(values)
            recent = self._alive.setdefault(name, deque(maxlen=DEAD_OVER))
            if recent and recent[-1].shape != alive.shape:
                recent.clear()
            recent.append(alive)
            units = alive.numel()
            self._alive_counts.append(torch.count_nonzero(torch.stack(tuple(recent)).any(dim=0)))
        self._layers.append(_Layer(name, values.numel(), units))
        self._numbers += [mean, norm, nonzero]

    def _note_layout(self, module: nn.Module) -> None:
        if isinstance(module, _FIRST_UNITS):
            self._units_last = False
        elif isinstance(module, _LAST_UNITS):
            self._units_last = True

    def _alive_units(self, values: torch.Tensor) -> torch.Tensor:
        """Return for each unit whether any value of it is not zero; bool, (units,)."""
        if values.dim() < 2:
            return (values != 0).any().reshape(1)
        unit_dim = values.dim() - 1 if values.dim() == 2 or self._units_last else 1
        return (values != 0).any(dim=tuple(dim for dim in range(values.dim()) if dim != unit_dim))


def is_relu_like(module: nn.Module) -> bool:
    """Whether a module gives exactly zero, with no gradient, for a whole range of inputs."""
    if isinstance(module, nn.Threshold):
        return module.value == 0
    return isinstance(module, nn.ReLU | nn.ReLU6)


def _is_plain(tensor: torch.Tensor) -> bool:
    return (
        not dispatches_in_python(tensor)
        and not is_transformed(tensor)
        and tensor.layout is torch.strided
        and tensor.is_floating_point()
        and not tensor.is_meta
    )


def _some_rows(values: torch.Tensor) -> torch.Tensor:
    """Return a view of the rows that are looked at."""
    if values.numel() <= MAX_VALUES or values.dim() == 0:
        return values
    rows = max(1, MAX_VALUES * values.size(0) // values.numel())
    return values[:: -(-values.size(0) // rows)]
