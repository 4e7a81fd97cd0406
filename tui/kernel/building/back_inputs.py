"""What a model is run with, from the text that the user typed: shapes, or an expression for its arguments.

Shapes, such as ``(32, 128) int64, mask=(32, 128) bool``, make a run on the meta device. Anything else is Python, read
as what would stand between the brackets of a call: ``x`` · ``batch[0], mask=mask`` · ``*batch`` · ``torch.ones(8)``.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import torch
from torch import nn
from torch.nn import functional

from tui.kernel.building.back_values import copied, tensors_of
from tui.kernel.building.errors import BuildingError
from tui.kernel.explain import explain
from tui.kernel.safe_objects import class_name, copy_of, cut

_LONGEST: Final = 4000
_ITEM: Final = re.compile(
    r"\s*(?:(?P<name>[^\W\d]\w*)\s*=\s*)?"
    r"(?P<shape>\(\s*(?:\d+\s*,\s*)*(?:\d+\s*)?,?\s*\))\s*(?:torch\.)?(?P<dtype>[a-z]\w*)?\s*(?:,|$)"
)
_DTYPE_NAMES: Final = {
    name: value for name, value in vars(torch).items() if type(value) is torch.dtype and name.islower()
}


@dataclass(frozen=True)
class Arguments:
    """What a model is called with."""

    args: tuple[object, ...] = ()
    kwargs: dict[str, object] = field(default_factory=dict)
    meta: bool = False
    """Whether they are shapes alone."""


def read_arguments(namespace: Mapping[str, object], text: str) -> Arguments:
    """Return what the text stands for; tensors of the user's as copies.

    An expression is evaluated, once, as the user asked for; the names of the namespace stay as they are.

    Raises:
        BuildingError: it is no expression, or it fails; the message says why.
    """
    text = text.strip()
    if len(text) > _LONGEST:
        raise BuildingError("bad expression", "The input is too long; assign it to a name first.")
    shapes = _shapes(text)
    if shapes is not None:
        return shapes
    args, kwargs = _evaluated(namespace, text)
    both = copied((args, kwargs))
    assert isinstance(both, tuple)
    args, kwargs = both
    for value in (*args, *kwargs.values()):
        if not any(True for _ in tensors_of(value)) and isinstance(
            value, nn.Module | torch.utils.data.DataLoader
        ):
            words = f"{cut(text)} is a {class_name(value)}; a model takes tensors, e.g. next(iter({cut(text)}))[0]."
            raise BuildingError("bad expression", words)
    return Arguments(args, kwargs)


def _shapes(text: str) -> Arguments | None:
    """Return tensors of the meta device for a text of shapes; None where it is something else."""
    args: list[object] = []
    kwargs: dict[str, object] = {}
    at = 0
    while at < len(text):
        item = _ITEM.match(text, at)
        if item is None:
            return None
        at = item.end()
        tensor = _meta_tensor(item["shape"], item["dtype"] or "")
        if item["name"]:
            kwargs[item["name"]] = tensor
        elif kwargs:
            raise BuildingError("bad expression", "A shape without a name cannot follow one that has a name.")
        else:
            args.append(tensor)
    return Arguments(tuple(args), kwargs, meta=True)


def _meta_tensor(shape: str, dtype_name: str) -> torch.Tensor:
    sizes = tuple(int(size) for size in re.findall(r"\d+", shape))
    dtype = _DTYPE_NAMES.get(dtype_name) if dtype_name else torch.get_default_dtype()
    if dtype is None:
        raise BuildingError(
            "bad expression", f"There is no dtype {cut(dtype_name)}; write float32, int64, bool…"
        )
    try:
        return torch.empty(sizes, dtype=dtype, device="meta")
    except (RuntimeError, TypeError, OverflowError):
        raise BuildingError(
            "bad expression", f"A tensor of shape {cut(shape)} is too large for torch."
        ) from None


def _evaluated(namespace: Mapping[str, object], text: str) -> tuple[tuple[object, ...], dict[str, object]]:
    """Return the arguments that the text gives to a call."""
    try:
        call = ast.parse(f"_({text}\n)", mode="eval").body
    except (SyntaxError, ValueError) as error:
        reason = error.msg if isinstance(error, SyntaxError) else str(error)
        raise BuildingError("bad expression", f"{cut(text)} is no list of arguments: {reason}.") from None
    except (RecursionError, MemoryError):
        raise BuildingError("bad expression", "The input is nested too deeply.") from None
    if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "_"):
        raise BuildingError("bad expression", f"{cut(text)} is no list of arguments.")
    collect = "_take_arguments"
    call.func.id = collect
    scope: dict[str, object] = {"torch": torch, "nn": nn, "F": functional, **copy_of(namespace)}
    scope[collect] = lambda *args, **kwargs: (args, kwargs)
    try:
        code = compile(ast.Expression(call), "<input>", "eval")
        with torch.no_grad():
            found: tuple[tuple[object, ...], dict[str, object]] = eval(code, scope)
    except NameError as error:
        raise BuildingError("gone", f"The input cannot be made: {error}.") from None
    except BaseException as error:  # noqa: BLE001 - whatever the user's expression raises
        raise BuildingError("bad expression", f"The input {cut(text)} fails: {explain(error)}") from None
    return found
