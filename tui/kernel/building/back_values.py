"""What goes into models and comes out of them: tensors in tuples, lists, dictionaries, dataclasses, or none at all."""

from __future__ import annotations

import dataclasses
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, cast

import torch
from torch import Tensor

from tui.kernel.safe_objects import class_name, cut, is_a, plain_text

_DEEPEST: Final = 12
_ITEMS: Final = 12
"""Items of one container that are written out."""
_WIDTH: Final = 300


def parts_of(value: object) -> list[tuple[str, object]] | None:
    """Return the items of a container with their names, empty ones of tuples and lists; None for anything else."""
    if is_a(value, dict):
        items = cast("list[tuple[object, object]]", list(dict.items(value)))
        return [(key if type(key) is str else repr(plain_text(key)), held) for key, held in items]
    if is_a(value, tuple):
        names = getattr(type(value), "_fields", ())
        values = list(tuple.__iter__(value))
        if type(names) is tuple and len(names) == len(values):
            return [(str(name), held) for name, held in zip(names, values, strict=True)]
        return [("", held) for held in values]
    if is_a(value, list):
        return [("", held) for held in list.__iter__(value)]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return [(field.name, getattr(value, field.name, None)) for field in dataclasses.fields(value)]
    return None


def tensors_of(value: object, depth: int = 0) -> Iterator[Tensor]:
    """Yield each tensor in a value, in order; one that stands in it twice comes twice."""
    if is_a(value, Tensor):
        yield value
    elif depth < _DEEPEST:
        for _, held in parts_of(value) or ():
            yield from tensors_of(held, depth + 1)


def shapes_text(value: object, depth: int = 0) -> str:
    """Return the shapes of a value's tensors in its own form, e.g. ``((32, 5, 8), None)`` or ``{logits: (32, 10)}``."""
    return cut(_shapes(value, depth), _WIDTH)


def _shapes(value: object, depth: int) -> str:
    if is_a(value, Tensor):
        return _shape(value)
    parts = parts_of(value)
    if parts is None:
        text = plain_text(value)
        return class_name(value) if text is None else text
    if depth >= _DEEPEST:
        return "…"
    texts = [
        f"{name}: {_shapes(held, depth + 1)}" if name else _shapes(held, depth + 1)
        for name, held in parts[:_ITEMS]
    ]
    inside = ", ".join(texts) + (", …" if len(parts) > _ITEMS else "")
    if is_a(value, list):
        return f"[{inside}]"
    if is_a(value, tuple) and not (parts and parts[0][0]):
        return f"({inside},)" if len(parts) == 1 else f"({inside})"
    return f"{{{inside}}}"


def _shape(tensor: Tensor) -> str:
    try:
        return str(tuple(int(size) for size in tensor.size()))
    except (RuntimeError, TypeError, ValueError):  # nested: its sizes vary
        return "(?)"


def typed_text(value: object, limit: int = 4) -> str:
    """Return dtype and shape of the tensors in a value, e.g. ``float32 (32, 64), int64 (32,)``."""
    found = list(tensors_of(value))
    texts = [f"{str(tensor.dtype).removeprefix('torch.')} {_shape(tensor)}" for tensor in found[:limit]]
    return ", ".join(texts) + (", …" if len(found) > limit else "")


def arguments_text(args: tuple[object, ...], kwargs: dict[str, object]) -> str:
    """Return the shapes of what a module was called with; named arguments without a tensor are left out."""
    texts = [_shapes(arg, 0) for arg in args]
    texts += [
        f"{name}={_shapes(arg, 0)}" for name, arg in kwargs.items() if any(True for _ in tensors_of(arg))
    ]
    return cut(", ".join(texts), _WIDTH)


def mapped(value: object, change: Callable[[Tensor], Tensor], depth: int = 0) -> object:
    """Return the value with each tensor replaced: same containers, new ones; what is no container is itself."""
    if is_a(value, Tensor):
        return change(value)
    if depth >= _DEEPEST:
        return value

    def each(items: Iterable[object]) -> list[object]:
        return [mapped(item, change, depth + 1) for item in items]

    if type(value) in (dict, OrderedDict, defaultdict):
        table = cast("dict[Any, object]", value)
        copy = table.copy()
        for key, held in table.items():
            copy[key] = mapped(held, change, depth + 1)
        return copy
    if is_a(value, list):
        return each(value) if type(value) is list else value
    if is_a(value, tuple):
        items = each(tuple.__iter__(value))
        if type(value) is tuple:
            return tuple(items)
        make = getattr(type(value), "_make", None)
        return value if make is None else make(items)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _mapped_dataclass(value, change, depth)
    return value


def _mapped_dataclass(value: Any, change: Callable[[Tensor], Tensor], depth: int) -> object:
    """Return a dataclass with its tensors replaced, past its `__init__`."""
    copy = object.__new__(type(value))
    held = getattr(value, "__dict__", None)
    if type(held) is not dict:
        return value  # slots
    for name, item in held.items():
        object.__setattr__(copy, name, mapped(item, change, depth + 1))
    return copy


def copied(value: object) -> object:
    """Return a value whose tensors are copies, so that a layer that works in place changes none of the user's."""
    seen: dict[int, Tensor] = {}

    def copy(tensor: Tensor) -> Tensor:
        if id(tensor) not in seen:
            seen[id(tensor)] = tensor.detach().clone().requires_grad_(tensor.requires_grad)
        return seen[id(tensor)]

    with torch.no_grad():
        return mapped(value, copy)
