"""One more pass of a batch that failed, watched layer by layer: which made the first NaN or infinity.

Only for a run that has failed: every look at a tensor waits for the device. Hooks come off in any case.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from tui.kernel.training.batches import tensors_in


def what_is_bad(value: object) -> str:
    """Return ``NaN``, ``Inf`` or ``Inf and NaN`` for what the tensors of a value hold; empty where all is finite."""
    has_nan = has_inf = False
    for tensor in tensors_in(value):
        if (tensor.is_floating_point() or tensor.is_complex()) and tensor.layout is torch.strided:
            has_nan |= bool(tensor.isnan().any())
            has_inf |= bool(tensor.isinf().any())
    return " and ".join(word for word, is_there in (("Inf", has_inf), ("NaN", has_nan)) if is_there)


def largest(value: object) -> float:
    """Return the largest absolute value of the real tensors of a value; 0 where there are none."""
    found = [
        float(tensor.detach().abs().max())
        for tensor in tensors_in(value)
        if tensor.is_floating_point() and tensor.numel()
    ]
    return max(found, default=0.0)


def layer_name(model: nn.Module, path: str) -> str:
    """Return how a layer is told: ``layer 3.fc (Linear)``; ``the model`` for the root."""
    return f"layer {path} ({type(model.get_submodule(path)).__name__})" if path else "the model"


@dataclass(frozen=True)
class _Place:
    name: str
    """As it is told, see `layer_name`."""
    module: nn.Module


class ForwardTrace:
    """Watches a forward pass; `words` says where the first bad value came up."""

    def __init__(self, model: nn.Module) -> None:
        self.words = ""
        """Empty as long as all was finite."""
        self.outputs: list[tuple[str, torch.Tensor]] = []
        """Of the layers, in the order they ran: the tensors that have a graph."""
        self.model = model
        self._thread = threading.get_ident()
        self._entered: list[tuple[_Place, float]] = []  # with the largest value of what came in
        self._last_done = ""

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Put hooks on every module meanwhile."""
        handles: list[torch.utils.hooks.RemovableHandle] = []
        try:
            for path, module in self.model.named_modules():
                place = _Place(layer_name(self.model, path), module)
                handles.append(module.register_forward_pre_hook(self._before(place), with_kwargs=True))
                handles.append(module.register_forward_hook(self._after(place)))
            yield
        finally:
            for handle in handles:
                handle.remove()

    def _before(self, place: _Place) -> Callable[..., None]:
        def enter(_module: nn.Module, arguments: object, named: object) -> None:
            if threading.get_ident() != self._thread:
                return
            bad = "" if self.words else what_is_bad((arguments, named))
            if bad:
                since = f" after {self._last_done}" if self._last_done else ""
                within = f", in the forward of {self._entered[-1][0].name}" if self._entered else ""
                self.words = f"it is {bad} where it comes to {place.name}, made{since} by no layer{within}"
            self._entered.append((place, 0.0 if self.words else largest((arguments, named))))

        return enter

    def _after(self, place: _Place) -> Callable[..., None]:
        def leave(module: nn.Module, _arguments: object, output: object) -> None:
            if threading.get_ident() != self._thread or not self._entered:
                return
            _, reach = self._entered.pop()
            bad = "" if self.words else what_is_bad(output)
            is_layer = next(module.children(), None) is None
            if bad and is_layer:
                self.words = f"the output of {place.name} is the first that is {bad}; its input was finite"
                self.words += _reach(reach, module, output)
            elif bad:
                after = f" after {self._last_done}" if self._last_done else ""
                self.words = f"the forward of {place.name} itself makes the first {bad}{after}"
            if is_layer:
                self._last_done = place.name
                self.outputs += [(place.name, t) for t in tensors_in(output) if t.grad_fn is not None]

        return leave


def _reach(of_input: float, layer: nn.Module, output: object) -> str:
    """Return what is extreme about a layer that made infinities of finite values; mostly empty."""
    words = []
    half = next((t.dtype for t in tensors_in(output) if t.dtype in (torch.float16, torch.bfloat16)), None)
    if of_input > 1e4 or (half is torch.float16 and of_input > 1e2):
        words.append(f"up to {of_input:.3g}")
    of_parameters = largest(list(layer.parameters(recurse=False)))
    if of_parameters > 1e4:
        words.append(f"its parameters reach {of_parameters:.3g}")
    if half is torch.float16:
        words.append("float16 ends at 65504")
    return f" ({', '.join(words)})" if words else ""


def backward_words(
    loss: torch.Tensor, trace: ForwardTrace, parameters: list[tuple[str, nn.Parameter]]
) -> str:
    """Run the backward of a finite loss; return where the first bad gradient comes up, empty where there is none.

    Touches no `.grad`. `trace` must have watched the forward pass that made the loss.
    """
    found: list[str] = []
    finite: list[str] = []
    handles: list[Any] = []

    def look(name: str) -> Callable[[Any], None]:
        def at(gradients: Any) -> None:
            bad = "" if found else what_is_bad(list(gradients))
            if bad:
                after = (
                    f", where that of {finite[-1]} was finite" if finite else ", as it comes from the loss"
                )
                found.append(f"the gradient of the output of {name} is the first that is {bad}{after}")
            elif not found:
                finite.append(name)

        return at

    wanted = [(name, parameter) for name, parameter in parameters if parameter.requires_grad]
    try:
        for name, output in trace.outputs:
            assert output.grad_fn is not None
            handles.append(output.grad_fn.register_prehook(look(name)))
        gradients = torch.autograd.grad(loss, [parameter for _, parameter in wanted], allow_unused=True)
    finally:
        for handle in handles:
            handle.remove()
    if not found:
        for (name, _), gradient in reversed(list(zip(wanted, gradients, strict=True))):
            bad = what_is_bad(gradient)
            if bad:
                owner, _, own = name.rpartition(".")
                return f"the gradient of {layer_name(trace.model, owner)}.{own} is the first that is {bad}"
    return found[0] if found else ""
