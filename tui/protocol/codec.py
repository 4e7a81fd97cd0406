"""Turn the protocol's frozen dataclasses into plain JSON values and back.

JSON knows no NaN and no infinity, and tensors are full of both: a float that is not finite travels as
``{"float": "nan"}`` (``"inf"``, ``"-inf"``), which cannot be taken for a text.
"""

from __future__ import annotations

import math
import types
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")


class DecodeError(ValueError):
    """The JSON value does not fit the dataclass it was to become; says which field and why."""


def encode(value: object) -> Any:
    """Return `value` (a dataclass, container or scalar) as a JSON value.

    Raises:
        TypeError: for a kind of object the protocol does not carry.
    """
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else {"float": str(value)}
    if isinstance(value, tuple | list):
        return [encode(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): encode(item) for key, item in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: encode(getattr(value, field.name)) for field in fields(value)}
    raise TypeError(f"the protocol carries no {type(value).__name__}")


def decode(kind: type[T], data: object) -> T:
    """Read a JSON value back as `kind`, a dataclass of the protocol.

    Fields that `kind` does not know are passed over and absent ones take their default, so that two
    versions that differ by a field still talk.

    Raises:
        DecodeError: a required field is absent or a value has the wrong type.
    """
    result: T = _decode(kind, data, kind.__name__)
    return result


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def _decode(kind: Any, data: Any, where: str) -> Any:
    if kind is Any or kind is object:
        return data
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        return _decode_union(kind, data, where)
    if origin is Literal:
        if data not in get_args(kind):
            raise DecodeError(f"{where}: {data!r} is none of {', '.join(map(repr, get_args(kind)))}")
        return data
    if origin is tuple:
        return _decode_tuple(get_args(kind), data, where)
    if origin is dict or origin is Mapping:
        if not isinstance(data, dict):
            raise DecodeError(f"{where}: expected an object, got {type(data).__name__}")
        value_kind = get_args(kind)[1]
        return {key: _decode(value_kind, item, f"{where}[{key!r}]") for key, item in data.items()}
    if is_dataclass(kind):
        return _decode_dataclass(kind, data, where)
    return _decode_scalar(kind, data, where)


def _decode_union(kind: Any, data: Any, where: str) -> Any:
    """Read the first alternative that takes the value exactly: a bool is no int, an int no float."""
    options = get_args(kind)
    if data is None and type(None) in options:
        return None
    if type(data) in options:
        return data
    for option in options:
        if option is type(None):
            continue
        try:
            return _decode(option, data, where)
        except DecodeError:
            continue
    raise DecodeError(f"{where}: {data!r} fits none of {kind}")


def _decode_tuple(item_kinds: tuple[Any, ...], data: Any, where: str) -> tuple[Any, ...]:
    if not isinstance(data, list | tuple):
        raise DecodeError(f"{where}: expected a list, got {type(data).__name__}")
    if len(item_kinds) == 2 and item_kinds[1] is Ellipsis:
        return tuple(_decode(item_kinds[0], item, f"{where}[{i}]") for i, item in enumerate(data))
    if len(item_kinds) != len(data):
        raise DecodeError(f"{where}: expected {len(item_kinds)} items, got {len(data)}")
    return tuple(
        _decode(k, v, f"{where}[{i}]") for i, (k, v) in enumerate(zip(item_kinds, data, strict=True))
    )


def _decode_dataclass(kind: Any, data: Any, where: str) -> Any:
    if not isinstance(data, dict):
        raise DecodeError(f"{where}: expected an object, got {type(data).__name__}")
    hints = _hints(kind)
    known = {
        field.name: _decode(hints[field.name], data[field.name], f"{where}.{field.name}")
        for field in fields(kind)
        if field.name in data
    }
    try:
        return kind(**known)
    except TypeError as error:
        raise DecodeError(f"{where}: {error}") from None


def _decode_scalar(kind: Any, data: Any, where: str) -> Any:
    if kind is float and isinstance(data, int | float) and not isinstance(data, bool):
        return float(data)
    if kind is float and isinstance(data, dict) and data.get("float") in ("nan", "inf", "-inf"):
        return float(data["float"])
    if kind is int and isinstance(data, bool):
        raise DecodeError(f"{where}: expected int, got bool")
    if isinstance(data, kind):
        return data
    raise DecodeError(f"{where}: expected {kind.__name__}, got {type(data).__name__}")
