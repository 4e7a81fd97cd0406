"""Looks at objects of the user's without running any code of theirs.

NOTE [Foreign objects]
Tables are made while cells run and models train. A `__repr__`, `__len__`, `__getattr__`, `__class__` or
`shape` of the user's may raise, hang or print, so none is called: we ask `type(obj)`, the methods of
Python's and torch's own classes, and the values of exactly the builtin types.
"""

from __future__ import annotations

import types
from collections.abc import Container, Iterable, Mapping
from itertools import islice
from typing import Final, TypeGuard, TypeVar, cast

K = TypeVar("K")
V = TypeVar("V")

REPR_WIDTH: Final = 60
"""Columns after which the text of a plain value is cut."""
_RETRIES: Final = 100
_ITEMS: Final = 12
_BUILTIN_CONTAINERS: Final = (list, tuple, dict, set, frozenset)
_CLASS_NAME: Final = type.__dict__["__name__"]
_CLASS_DICT: Final = type.__dict__["__dict__"]


def name_of(cls: type) -> str:
    """Return the name of a class, past a metaclass that says otherwise."""
    return str(_CLASS_NAME.__get__(cls))


def module_of(cls: type) -> str:
    """Return the module of a class; empty where it does not say, or is a builtin or the user's own cell's."""
    module: object = _CLASS_DICT.__get__(cls).get("__module__", "")
    return module if isinstance(module, str) and module not in ("builtins", "__main__") else ""


def class_name(obj: object) -> str:
    """Return the name of the object's class."""
    return name_of(type(obj))


def is_a(obj: object, cls: type[V] | tuple[type[V], ...]) -> TypeGuard[V]:
    """Return `isinstance(obj, cls)` without asking the object for its `__class__`."""
    return issubclass(type(obj), cls)


def copy_of(mapping: Mapping[K, V]) -> dict[K, V]:
    """Return a copy of a dictionary that another thread may be writing to."""
    for _ in range(_RETRIES):
        try:
            return dict(mapping)
        except RuntimeError:  # changed size during iteration
            continue
    return {}


def user_variables(namespace: Mapping[str, object], hidden: Container[str]) -> list[tuple[str, object]]:
    """Return the user's own names with their values, in the order they were defined.

    Left out: what begins with an underscore, what is in `hidden`, and imported modules.
    """
    return [
        (name, value)
        for name, value in copy_of(namespace).items()
        if type(name) is str
        and not name.startswith("_")
        and name not in hidden
        and not is_a(value, types.ModuleType)
    ]


def instance_attributes(obj: object) -> dict[str, object]:
    """Return a copy of the object's own `__dict__`, past its `__getattr__`; empty where it has none."""
    try:
        attributes = object.__getattribute__(obj, "__dict__")
    except AttributeError:
        return {}
    return copy_of(attributes) if type(attributes) is dict else {}


def length_of(obj: object) -> int | None:
    """Return the length of a builtin container or a subclass of one, past the subclass's `__len__`."""
    for cls in _BUILTIN_CONTAINERS:
        if is_a(obj, cls):
            return int(cls.__len__(obj))  # type: ignore[arg-type]
    return None


def cut(text: str, width: int = REPR_WIDTH) -> str:
    """Return the text on one line, cut to the width with an ellipsis."""
    return text if len(text) <= width else text[: width - 1] + "…"


def plain_text(obj: object) -> str | None:
    """Return the repr of exactly a builtin scalar, short; None for every other type."""
    if obj is None or obj is ... or obj is NotImplemented:
        return repr(obj)
    if type(obj) is int:
        bits = obj.bit_length()
        return f"an int of {bits:,} bits" if bits > 512 else cut(repr(obj))
    if type(obj) in (bool, float, complex):
        return repr(obj)
    if type(obj) is str or type(obj) is bytes:
        return cut(repr(obj[:REPR_WIDTH]) if len(obj) <= REPR_WIDTH else repr(obj[:REPR_WIDTH]) + "…")
    if type(obj) is range or type(obj) is slice:
        parts = (obj.start, obj.stop, obj.step)
        known = all(type(part) is int or part is None for part in parts)
        return cut(repr(obj)) if known else None
    return None


def describe(obj: object) -> str:
    """Return one line for any object: a value, what a container holds, or the class with its module."""
    text = plain_text(obj)
    if text is not None:
        return text
    length = length_of(obj)
    if length is not None:
        items = f"{length:,} item{'' if length == 1 else 's'}"
        return cut(f"{items}  {_contents(obj)}") if type(obj) in _BUILTIN_CONTAINERS and length else items
    return ".".join(filter(None, (module_of(type(obj)), class_name(obj))))


def _brief(obj: object) -> str:
    """Return a few characters for an item of a container."""
    text = plain_text(obj)
    return class_name(obj) if text is None else cut(text, 24)


def _contents(obj: object) -> str:
    """Return the first items of exactly a builtin container, each a plain value or the name of its class."""
    for _ in range(_RETRIES):
        try:
            if type(obj) is dict:
                pairs = list(islice(obj.items(), _ITEMS))
                return "{" + _joined(f"{_brief(k)}: {_brief(v)}" for k, v in pairs) + "}"
            items = list(islice(cast("Iterable[object]", obj), _ITEMS))
        except RuntimeError:  # changed size during iteration
            continue
        opening, closing = "[]" if type(obj) is list else "()" if type(obj) is tuple else "{}"
        return opening + _joined(_brief(item) for item in items) + closing
    return ""


def _joined(parts: Iterable[str]) -> str:
    texts = list(parts)
    return ", ".join(texts) + (", …" if len(texts) == _ITEMS else "")
