"""What a layer costs: multiply-adds from its class and shapes, parameters, the receptive field that it adds to.

NOTE [Multiply-adds]
One multiplication with its addition counts once. Counted are products (of matrices, convolutions, attention's two)
and the scale and shift of normalizations; biases, activations, pooling and look-ups count nothing. For layers that are
made of others and for the user's own classes the products are counted as they run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from typing import Any, Final

from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from tui.kernel import torch_private
from tui.kernel.building.values import Spec, Value, first_spec
from tui.kernel.module_walk import buffers_of, counts_of, distinct_modules, elements_of, parameters_of

_NORMS: Final = (
    nn.modules.batchnorm._NormBase,
    nn.LayerNorm,
    nn.GroupNorm,
    *((nn.RMSNorm,) if hasattr(nn, "RMSNorm") else ()),
)
_CONVOLUTIONS: Final = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
_TRANSPOSED: Final = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
_RECURRENT: Final = (nn.RNN, nn.GRU, nn.LSTM, nn.RNNCell, nn.GRUCell, nn.LSTMCell)


@dataclass(frozen=True)
class Weights:
    """What a layer holds."""

    trainable: int = 0
    frozen: int = 0
    buffers: int = 0
    tied: bool = False
    parameter_bytes: int = 0
    trainable_bytes: int = 0
    buffer_bytes: int = 0
    matrices: bool = False
    """Whether a parameter has two dimensions or more."""


NO_WEIGHTS: Final = Weights()


@dataclass(frozen=True)
class Field:
    """How much of the input an element sees, along each spatial dimension."""

    sizes: tuple[int, ...]
    jumps: tuple[float, ...]
    """Elements of the input between neighbours."""


@dataclass(frozen=True)
class Window:
    """What a layer does to the receptive field: nothing where there are no kernels."""

    kernel: tuple[int, ...] = ()
    stride: tuple[int, ...] = ()
    dilation: tuple[int, ...] = ()


def weights_of(module: nn.Module) -> Weights:
    """Return what a module with all below it holds, each tensor once."""
    counts = counts_of(module)
    held: dict[int, tuple[bool, int]] = {}
    buffers: dict[int, int] = {}
    places, matrices = 0, False
    for part in distinct_modules(module):
        for _, parameter in parameters_of(part):
            places += 1
            matrices = matrices or (not torch_private.is_lazy(parameter) and parameter.dim() > 1)
            size_bytes = max(0, elements_of(parameter)) * parameter.element_size()
            held[id(parameter)] = (parameter.requires_grad, size_bytes)
        for _, buffer in buffers_of(part):
            buffers[id(buffer)] = max(0, elements_of(buffer)) * buffer.element_size()
    return Weights(
        trainable=counts.trainable,
        frozen=counts.frozen,
        buffers=counts.buffers,
        tied=places > len(held),
        parameter_bytes=sum(size for _, size in held.values()),
        trainable_bytes=sum(size for trains, size in held.values() if trains),
        buffer_bytes=sum(buffers.values()),
        matrices=matrices,
    )


# -- multiply-adds ----------------------------------------------------------------------------------


def has_rule(module: nn.Module) -> bool:
    """Whether the multiply-adds follow from shapes; else they have to be counted as it runs."""
    kind = type(module)
    if kind in _RULES or kind in _RECURRENT or kind is nn.MultiheadAttention or isinstance(module, _NORMS):
        return True
    return kind.__module__.startswith("torch.nn.modules.") and next(module.children(), None) is None


def macs_of(module: nn.Module, inputs: Sequence[Value], output: Value) -> int:
    """Return the multiply-adds of a layer that has a rule, for these inputs."""
    kind, comes_in, goes_out = type(module), first_spec(inputs), first_spec(output)
    if comes_in is None or goes_out is None:
        return 0
    if kind in _RECURRENT:
        return _recurrent(module, comes_in)
    if kind is nn.MultiheadAttention:
        return _attention(module, inputs)
    if kind in _RULES:
        return _RULES[kind](module, comes_in, goes_out)
    return _norm(module, goes_out) if isinstance(module, _NORMS) else 0


def _linear(module: Any, comes_in: Spec, goes_out: Spec) -> int:
    return prod(goes_out.shape) * int(module.in_features)


def _bilinear(module: Any, comes_in: Spec, goes_out: Spec) -> int:
    # x1 A_k x2 for each output: all pairs of features, then the sum over the second's
    return prod(goes_out.shape) * int(module.in1_features) * (int(module.in2_features) + 1)


def _convolution(module: Any, comes_in: Spec, goes_out: Spec) -> int:
    return int(prod(goes_out.shape) * prod(module.kernel_size) * (module.in_channels // module.groups))


def _transposed(module: Any, comes_in: Spec, goes_out: Spec) -> int:
    return int(prod(comes_in.shape) * prod(module.kernel_size) * (module.out_channels // module.groups))


def _norm(module: Any, goes_out: Spec) -> int:
    return prod(goes_out.shape) if module._parameters.get("weight") is not None else 0


def _recurrent(module: Any, comes_in: Spec) -> int:
    """Count the products of weights; those of gates with states are elementwise."""
    steps = prod(comes_in.shape[:-1])  # samples times time
    weights = [p for name, p in module._parameters.items() if name.startswith("weight") and p is not None]
    return steps * sum(int(weight.numel()) for weight in weights)


def _attention(module: Any, inputs: Sequence[Value]) -> int:
    specs = [spec for spec in inputs[:3] if isinstance(spec, Spec)]
    if len(specs) < 3 or any(len(spec.shape) != 3 for spec in specs):
        return 0
    query, key, _value = specs
    batch, time = (0, 1) if module.batch_first else (1, 0)
    samples, wanted, given, width = query.shape[batch], query.shape[time], key.shape[time], module.embed_dim
    attended = given + (module.bias_k is not None) + bool(module.add_zero_attn)
    projections = wanted * width * width * 2 + given * width * (module.kdim + module.vdim)
    return int(samples * (projections + 2 * wanted * attended * width))


_Rule = Callable[[Any, Spec, Spec], int]
_RULES: Final[dict[type, _Rule]] = {
    nn.Linear: _linear,
    nn.LazyLinear: _linear,
    nn.Bilinear: _bilinear,
    **dict.fromkeys(_CONVOLUTIONS, _convolution),
    **dict.fromkeys(_TRANSPOSED, _transposed),
}


class Counter:
    """Multiply-adds of a module that is made of others, filled in as it runs."""

    macs: int = 0


@contextmanager
def counted(module: nn.Module | None = None) -> Iterator[Counter]:
    """Count the products that are carried out inside, and the elements that the module's normalizations scale."""
    counter = Counter()
    scaled: list[int] = []

    def note(part: nn.Module, args: object, output: object) -> None:
        if isinstance(output, Tensor) and part._parameters.get("weight") is not None:
            scaled.append(output.numel())

    parts = module.modules() if module is not None else ()
    hooks = [part.register_forward_hook(note) for part in parts if isinstance(part, _NORMS)]
    try:
        with FlopCounterMode(display=False) as flops:
            yield counter
        counter.macs = flops.get_total_flops() // 2 + sum(scaled)
    finally:
        for hook in hooks:
            hook.remove()


# -- receptive field --------------------------------------------------------------------------------


def window_of(module: nn.Module, comes_in: Spec | None, goes_out: Spec | None) -> Window | None:
    """Return what a layer does to the receptive field; None where that cannot be said."""
    if comes_in is None or goes_out is None or len(comes_in.shape) < 3:
        return None
    dims = len(comes_in.shape) - 2
    name = type(module).__name__
    if isinstance(module, _CONVOLUTIONS) or name.startswith(("MaxPool", "AvgPool", "LPPool")):
        return Window(
            kernel=_sizes(getattr(module, "kernel_size", 1), dims),
            stride=_sizes(getattr(module, "stride", None) or getattr(module, "kernel_size", 1), dims),
            dilation=_sizes(getattr(module, "dilation", 1), dims),
        )
    same = type(module).__module__.startswith("torch.nn.modules.") and comes_in.shape == goes_out.shape
    elementwise = type(module).__module__.rpartition(".")[2] in (
        "activation",
        "batchnorm",
        "dropout",
        "linear",
    )
    if same and elementwise and not isinstance(module, nn.Linear | nn.Bilinear | nn.MultiheadAttention):
        return Window()
    return None


def widened(field: Field | None, window: Window | None) -> Field | None:
    """Return the receptive field after a layer."""
    if field is None or window is None:
        return None
    if not window.kernel:
        return field
    if len(window.kernel) != len(field.sizes):
        return None
    together = zip(field.sizes, field.jumps, window.kernel, window.dilation, strict=True)
    sizes = tuple(int(size + (kernel - 1) * dilation * jump) for size, jump, kernel, dilation in together)
    jumps = tuple(jump * stride for jump, stride in zip(field.jumps, window.stride, strict=True))
    return Field(sizes, jumps)


def joined(fields: Sequence[Field | None]) -> Field | None:
    """Return the field of what is made of several values."""
    known = [field for field in fields if field is not None]
    if not known or len(known) < len(fields) or len({field.jumps for field in known}) > 1:
        return None
    sizes = zip(*(field.sizes for field in known), strict=True)
    return Field(tuple(max(size) for size in sizes), known[0].jumps)


def _sizes(value: Any, dims: int) -> tuple[int, ...]:
    return tuple(value) if isinstance(value, tuple | list) else (int(value),) * dims
