"""From a layer to its class and the arguments that make such a layer again, those that are the default left out."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from typing import Any, Final

import torch
from torch import Tensor, nn

from tui.kernel import torch_private
from tui.kernel.building.back_source import written_arguments
from tui.kernel.building.parameters import constructor_of
from tui.kernel.module_walk import buffers_of, distinct_modules, parameters_of
from tui.kernel.safe_objects import copy_of, instance_attributes, name_of
from tui.protocol.building import Argument

_UNKNOWN: Final = object()
_PER_SIDE: Final = (
    "kernel_size",
    "stride",
    "padding",
    "dilation",
    "output_padding",
    "output_size",
    "normalized_shape",
)
"""Arguments that may be one number for all sides."""
_LITERALS: Final = (bool, int, float, str, type(None))


class NotRecovered(Exception):
    """A layer cannot be made again from what it holds; the message says why."""


def layer_name(cls: type, namespace: Mapping[str, object]) -> str:
    """Return ``nn.Conv2d``, or the name of a class in the namespace; empty where it has none."""
    if vars(nn).get(name_of(cls)) is cls:
        return f"nn.{name_of(cls)}"
    names = [name for name, value in copy_of(namespace).items() if value is cls and not name.startswith("_")]
    return name_of(cls) if name_of(cls) in names else (names[0] if names else "")


def arguments_of(
    module: nn.Module, cls: type[nn.Module], maker: ast.expr | None = None
) -> tuple[Argument, ...]:
    """Return what `cls` must be given to make a layer like this one.

    Args:
        module: the layer.
        cls: its class.
        maker: how it was made, where its source is known: what stands there is given again, even if it is the default.

    Raises:
        NotRecovered: an argument left no trace in the module, or what it makes is another layer.
    """
    formals = constructor_of(cls).formals
    given = written_arguments(maker, name_of(cls), [formal.name for formal in formals])
    texts: dict[str, str] = {}
    for formal in formals:
        value = _value_of(module, formal.name)
        if value is _UNKNOWN or not _is_literal(_shortened(formal.name, value)):
            if formal.required:
                raise NotRecovered(f"{name_of(cls)} keeps no {formal.name}")
            continue
        value = _shortened(formal.name, value)
        default = not formal.required and _is_default(module, formal.name, value, formal.default)
        if not default or formal.name in given:
            texts[formal.name] = _as_given(formal.name, value, given.get(formal.name, ""))
    _check(module, cls, {name: ast.literal_eval(text) for name, text in texts.items()})
    return tuple(Argument(name, text) for name, text in texts.items())


def _as_given(name: str, value: object, text: str) -> str:
    """Return a value as text: that of the source where it is the same value, ``(1, 1)`` for 1."""
    try:
        same = bool(text) and _shortened(name, ast.literal_eval(text)) == value
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        same = False
    return text if same else repr(value)


def is_frozen(module: nn.Module) -> bool:
    """Whether a layer has parameters and none of them is trained."""
    tensors = [tensor for each in distinct_modules(module) for _, tensor in parameters_of(each)]
    return bool(tensors) and not any(tensor.requires_grad for tensor in tensors)


def is_matrix(tensor: Tensor) -> bool:
    """Whether a parameter is one that an initialization of a block around its layer would reach."""
    return not torch_private.is_lazy(tensor) and Tensor.dim(tensor) > 1


# -- where a layer keeps what it was given ------------------------------------------------------------


def _given(name: str) -> Callable[[Any], object]:
    """Return a function that tells whether a module has such a parameter."""
    return lambda module: torch_private.module_table(module, "_parameters").get(name) is not None


def _activation(module: Any) -> object:
    function = module.activation
    known = {torch.nn.functional.relu: "relu", torch.nn.functional.gelu: "gelu"}
    return known.get(function, _UNKNOWN) if callable(function) else _UNKNOWN


_SPECIAL: Final[dict[tuple[type, str], Callable[[Any], object]]] = {
    (nn.MultiheadAttention, "bias"): _given("in_proj_bias"),
    (nn.MultiheadAttention, "add_bias_kv"): _given("bias_k"),
    (nn.TransformerEncoderLayer, "d_model"): lambda module: module.self_attn.embed_dim,
    (nn.TransformerEncoderLayer, "nhead"): lambda module: module.self_attn.num_heads,
    (nn.TransformerEncoderLayer, "batch_first"): lambda module: module.self_attn.batch_first,
    (nn.TransformerEncoderLayer, "dim_feedforward"): lambda module: module.linear1.out_features,
    (nn.TransformerEncoderLayer, "dropout"): lambda module: module.dropout.p,
    (nn.TransformerEncoderLayer, "layer_norm_eps"): lambda module: module.norm1.eps,
    (nn.TransformerEncoderLayer, "bias"): lambda module: module.linear1.bias is not None,
    (nn.TransformerEncoderLayer, "activation"): _activation,
}
_DECODER: Final = (
    "d_model",
    "nhead",
    "batch_first",
    "dim_feedforward",
    "dropout",
    "layer_norm_eps",
    "bias",
    "activation",
)
for _name in _DECODER:
    _SPECIAL[nn.TransformerDecoderLayer, _name] = _SPECIAL[nn.TransformerEncoderLayer, _name]


def _value_of(module: nn.Module, name: str) -> object:
    """Return what an argument of the constructor was, as far as the module tells."""
    for (cls, argument), read in _SPECIAL.items():
        if argument == name and issubclass(type(module), cls):
            return read(module)
    if name in torch_private.module_table(module, "_parameters"):
        return torch_private.module_table(module, "_parameters")[name] is not None  # bias=False leaves None
    own = instance_attributes(module)
    if name in own:
        value = own[name]
        return None if name == "stride" and value == own.get("kernel_size") and _pools(module) else value
    return _UNKNOWN


def _pools(module: nn.Module) -> bool:
    """Whether its stride is the size of its kernel where none is given."""
    return "pool" in name_of(type(module)).lower()


def _shortened(name: str, value: object) -> object:
    """Return a tuple of equal sides as one number, as one writes it."""
    if type(value) is float and name == "scale_factor" and value.is_integer():
        return int(value)  # torch keeps a float whatever was given
    if type(value) is not tuple and type(value) is not torch.Size:
        return value
    sides: tuple[object, ...] = tuple(value)
    alike = bool(sides) and all(side == sides[0] for side in sides)
    if name in _PER_SIDE and alike and (name != "normalized_shape" or len(sides) == 1):
        return sides[0]
    return sides


def _is_default(module: nn.Module, name: str, value: object, default: object) -> bool:
    own = instance_attributes(module)
    if name in ("kdim", "vdim"):
        return value == own.get("embed_dim")
    if name == "bias" and (own.get("affine") is False or own.get("elementwise_affine") is False):
        return True  # without the one there is none of the other
    default = getattr(default, "__name__", None) if callable(default) else _shortened(name, default)
    return value is default or (_is_literal(value) and _is_literal(default) and value == default)


def _is_literal(value: object) -> bool:
    if type(value) in (tuple, list):
        return all(map(_is_literal, value))  # type: ignore[call-overload]
    if type(value) is float and (value != value or value in (float("inf"), float("-inf"))):
        return False
    return type(value) in _LITERALS


def _check(module: nn.Module, cls: type[nn.Module], values: Mapping[str, object]) -> None:
    """Raise `NotRecovered` unless the arguments make a layer with the same tensors, on the meta device."""
    try:
        with torch.device("meta"):
            made = cls(**values)
    except Exception as error:  # noqa: BLE001 - a constructor of the user's may raise anything
        raise NotRecovered(f"{name_of(cls)} cannot be made again: {error}") from None
    if _tensors(made) != _tensors(module):
        raise NotRecovered(
            f"{name_of(cls)} was changed after it was made, or was given what it does not keep"
        )


def _tensors(module: nn.Module) -> list[tuple[str, object]]:
    found: list[tuple[str, object]] = []
    for each in distinct_modules(module):
        own: list[tuple[str, Tensor]] = [*parameters_of(each), *buffers_of(each)]
        found += [
            (name, None if torch_private.is_lazy(tensor) else tuple(Tensor.size(tensor)))
            for name, tensor in own
        ]
    return found
