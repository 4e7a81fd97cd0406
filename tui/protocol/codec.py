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
from typing import Any, Final, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")

_PLAIN: Final[frozenset[type]] = frozenset((str, int, bool, type(None)))
"""Types whose values JSON has as they are."""


class DecodeError(ValueError):
    """The JSON value does not fit the dataclass it was to become; says which field and why."""


def encode(value: object) -> Any:
    """Return `value` (a dataclass, container or scalar) as a JSON value.

    Raises:
        TypeError: for a kind of object the protocol does not carry.
    """
    kind = type(value)
    if kind in _PLAIN:
        return value
    if is_dataclass(kind):  # first, and without calls for its plain fields: tables have thousands of them
        held = ((name, getattr(value, name)) for name, _, _ in _fields_of(kind))
        return {name: item if type(item) in _PLAIN else encode(item) for name, item in held}
    if isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else {"float": str(value)}
    if isinstance(value, tuple | list):
        return [encode(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): encode(item) for key, item in value.items()}
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
def _fields_of(kind: Any) -> tuple[tuple[str, Any, frozenset[type]], ...]:
    """Return each field of a dataclass: its name, its type, and the types that are taken for it as they are."""
    hints = get_type_hints(kind)
    return tuple((field.name, hints[field.name], _as_they_are(hints[field.name])) for field in fields(kind))


def _as_they_are(kind: Any) -> frozenset[type]:
    if kind in _PLAIN:
        return frozenset((kind,))
    if get_origin(kind) in (Union, types.UnionType):
        return frozenset[type]().union(*map(_as_they_are, get_args(kind)))
    return frozenset()


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
        if item_kinds[0] in _PLAIN and all(type(item) is item_kinds[0] for item in data):
            return tuple(data)
        return tuple(_decode(item_kinds[0], item, f"{where}[{i}]") for i, item in enumerate(data))
    if len(item_kinds) != len(data):
        raise DecodeError(f"{where}: expected {len(item_kinds)} items, got {len(data)}")
    return tuple(
        _decode(k, v, f"{where}[{i}]") for i, (k, v) in enumerate(zip(item_kinds, data, strict=True))
    )


def _decode_dataclass(kind: Any, data: Any, where: str) -> Any:
    if not isinstance(data, dict):
        raise DecodeError(f"{where}: expected an object, got {type(data).__name__}")
    known: dict[str, object] = {}
    for name, hint, as_they_are in _fields_of(kind):
        if name in data:
            item = data[name]
            known[name] = item if type(item) in as_they_are else _decode(hint, item, f"{where}.{name}")
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
