"""What the constructors of layers take: names, defaults, kinds, which of them follow from what comes in."""

from __future__ import annotations

import inspect
import re
import types
import typing
from dataclasses import dataclass
from typing import Final, Literal

from torch import nn

from tui.kernel.known_classes import class_attributes, mro_of
from tui.kernel.safe_objects import is_a, module_of, plain_text

Kind = Literal["int", "float", "bool", "str", "choice", "size", "other"]

_LEFT_OUT: Final = frozenset(
    {"self", "device", "dtype", "_weight", "_freeze", "_random_samples", "args", "kwargs"}
)
LAST: Final = frozenset(
    {"in_features", "input_size", "embed_dim", "d_model", "normalized_shape", "input_dim", "in_dim"}
)
"""Sizes that are the last dimension of what comes in."""
CHANNELS: Final = frozenset({"in_channels", "num_features", "num_channels"})
"""Sizes that are dimension 1 of what comes in."""
OF_INPUTS: Final = {"in1_features": 0, "in2_features": 1}
"""Sizes that are the last dimension of one of several inputs."""
INFERRED: Final = LAST | CHANNELS | OF_INPUTS.keys()

_CHOICES: Final = {
    "padding_mode": ("zeros", "reflect", "replicate", "circular"),
    "reduction": ("none", "mean", "sum"),
    "nonlinearity": ("tanh", "relu"),
    "approximate": ("none", "tanh"),
    "activation": ("relu", "gelu"),
}
_UPSAMPLING: Final = ("nearest", "linear", "bilinear", "bicubic", "trilinear", "area", "nearest-exact")
_MINIMUM: Final[dict[str, float | None]] = {
    "kernel_size": 1.0,
    "stride": 1.0,
    "dilation": 1.0,
    "groups": 1.0,
    "padding": 0.0,
    "output_padding": 0.0,
    "p": 0.0,
    "dropout": 0.0,
    "eps": 0.0,
    "proj_size": 0.0,
    "padding_idx": None,
    "unflattened_size": None,  # -1: what is left
}
_SIZES: Final = (
    "kernel_size",
    "stride",
    "padding",
    "dilation",
    "output_padding",
    "output_size",
    "output_ratio",
)
_WIDTHS: Final = ("kdim", "vdim")
_SIZES_TOO: Final = ("normalized_shape", "scale_factor", "size", "unflattened_size")


@dataclass(frozen=True)
class Formal:
    """A parameter of a constructor."""

    name: str
    kind: Kind
    required: bool
    default: object = None
    choices: tuple[str, ...] = ()
    minimum: float | None = None
    keyword_only: bool = False

    @property
    def inferred(self) -> bool:
        """Whether it follows from what comes in where it is left open."""
        return self.required and self.name in INFERRED

    @property
    def default_text(self) -> str:
        """As Python text; empty where it must be given."""
        if self.required:
            return ""
        if is_a(self.default, type) or is_a(self.default, types.FunctionType):
            name = self.default.__name__
            return repr(name) if name in self.choices else name
        if type(self.default) in (tuple, list):
            return repr(self.default)
        return plain_text(self.default) or "…"


@dataclass(frozen=True)
class Constructor:
    """How a class is built."""

    formals: tuple[Formal, ...]
    any_name: bool = False
    """Whether it takes arguments of other names too."""

    def formal(self, name: str) -> Formal | None:
        """Return the parameter of that name."""
        return next((formal for formal in self.formals if formal.name == name), None)


_TORCH: Final[dict[type[nn.Module], Constructor]] = {}
"""Of torch's own classes, once they were asked for."""


def constructor_of(cls: type[nn.Module]) -> Constructor:
    """Return what the constructor takes. Runs nothing of the user's."""
    if module_of(cls).startswith("torch.nn."):
        if cls not in _TORCH:
            _TORCH[cls] = _constructor(cls)
        return _TORCH[cls]
    return _constructor(cls)


def _constructor(cls: type[nn.Module]) -> Constructor:
    signature = _signature(cls)
    if signature is None:
        return Constructor((), any_name=True)
    given = list(signature.parameters.values())
    formals = tuple(
        _formal(cls, parameter)
        for parameter in given
        if parameter.name not in _LEFT_OUT
        and not (parameter.name == "mode" and nn.RNNBase in mro_of(cls))
        and parameter.kind not in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    )
    return Constructor(formals, any(p.kind is inspect.Parameter.VAR_KEYWORD for p in given))


def _signature(cls: type) -> inspect.Signature | None:
    """Return the first signature among the class and its bases that names parameters."""
    for base in mro_of(cls):
        found = class_attributes(base).get("__init__")
        if type(found) is not types.FunctionType:
            continue
        overloads = typing.get_overloads(found) if module_of(base).startswith("torch.nn.") else []
        forms = [*(form for form in overloads if type(form) is types.FunctionType), found]
        for form in forms:
            try:
                signature = inspect.signature(form, follow_wrapped=False)
            except (TypeError, ValueError):
                continue
            if list(signature.parameters) != ["self", "args", "kwargs"]:
                return _without_first(signature)
    return None


def _without_first(signature: inspect.Signature) -> inspect.Signature:
    return signature.replace(parameters=list(signature.parameters.values())[1:])


def _formal(cls: type, parameter: inspect.Parameter) -> Formal:
    name = parameter.name
    required = parameter.default is inspect.Parameter.empty
    default = None if required else parameter.default
    annotation = (
        parameter.annotation if isinstance(parameter.annotation, str) else _named(parameter.annotation)
    )
    choices = _choices(cls, name, default)
    kind = "choice" if choices else _kind(name, annotation, default, required)
    numeric = kind in ("int", "float", "size")
    counts = kind != "float" and (required or name.startswith(("num_", "in_", "out_", "dim_")))
    minimum = _MINIMUM.get(name, 1.0 if counts else None)
    signed = name.endswith("dim") and name not in INFERRED
    return Formal(
        name=name,
        kind=kind,
        required=required,
        default=default,
        choices=choices,
        minimum=minimum if numeric and not signed and "Pad" not in cls.__name__ else None,
        keyword_only=parameter.kind is inspect.Parameter.KEYWORD_ONLY,
    )


def _named(annotation: object) -> str:
    if annotation is inspect.Parameter.empty:
        return ""
    return annotation.__name__ if is_a(annotation, type) and not _generic(annotation) else str(annotation)


def _generic(annotation: object) -> bool:
    return bool(typing.get_args(annotation))


def _choices(cls: type, name: str, default: object) -> tuple[str, ...]:
    if not module_of(cls).startswith("torch.nn."):
        return ()
    if name == "mode" and cls.__name__ == "Upsample":
        return _UPSAMPLING
    if name == "mode" and cls.__name__ == "EmbeddingBag":
        return ("mean", "sum", "max")
    if name == "padding_mode" and "Transpose" in cls.__name__:
        return ("zeros",)
    found = _CHOICES.get(name, ())
    given = default.__name__ if is_a(default, types.FunctionType) else default
    return found if given is None or given in found else ()


def _kind(name: str, annotation: str, default: object, required: bool) -> Kind:
    """Return the kind that annotation, default and name tell, in this order."""
    plain = re.sub(
        r"typing\.|Optional\[(.*)\]|\| None|None \||torch\.nn\.common_types\.", r"\1", annotation
    ).strip()
    if plain in ("int", "float", "bool", "str"):
        return typing.cast("Kind", plain)
    if name in _SIZES or name in _SIZES_TOO or re.search(r"_size_|_ratio|tuple\[int|Tuple\[int", plain):
        return "size"
    if type(default) in (int, float, bool, str):
        return typing.cast("Kind", type(default).__name__)
    if (
        name in INFERRED
        or (required and re.match(r"(num|n|out|in|hidden|d|embedding)_", name))
        or name in _WIDTHS
    ):
        return "int"
    return "other"
