"""What a container, a dataclass or a module holds, and how each part is reached. None of the user's code runs.

A label says what to add to the expression of the whole (``['weight']``, ``.bias``), for reading: unlike the paths
of `tui.kernel.variable_members` it need not be Python where a key or a set's item has no short name.
"""

from __future__ import annotations

import types
from collections import deque
from dataclasses import dataclass
from itertools import islice
from typing import Final, cast

from torch import Tensor, nn

from tui.kernel.module_walk import buffers_of, children_of, member_path, parameters_of
from tui.kernel.safe_objects import class_name, instance_attributes, is_a, plain_text
from tui.kernel.variable_members import class_attribute, fields_of, items_of, values_of

TAKEN: Final = 1000
"""Parts that are taken of one object."""
PLAIN: Final = (int, float, str, bool, complex, bytes, type(None))
"""Classes of values that hold nothing."""
_CLASS_DICT: Final = type.__dict__["__dict__"]
_CLASS_ORDER: Final = type.__dict__["__mro__"]


@dataclass(frozen=True)
class Members:
    """The first parts of an object."""

    items: tuple[tuple[str, object], ...]
    """Labels such as ``[0]``, ``['weight']``, ``.bias``, with the parts."""
    total: int
    """Parts that there are."""


def members_of(obj: object) -> Members | None:
    """Return the parts of a container, named tuple, dataclass, namespace or module; None of anything else."""
    if type(obj) in PLAIN or is_a(obj, Tensor):
        return None
    if is_a(obj, nn.Module):
        return _of_module(obj)
    if is_a(obj, dict):
        items = tuple((f"[{_key(key)}]", value) for key, value in items_of(obj, TAKEN))
        return Members(items, dict.__len__(obj))
    for cls in (tuple, list, deque, set, frozenset):
        if is_a(obj, cls):
            return _of_sequence(cls, obj)
    if type(class_attribute(type(obj), "__dataclass_fields__")) is dict:
        return _of_attributes(_fields_of_dataclass(obj))
    if type(obj) is types.SimpleNamespace:
        return _of_attributes(instance_attributes(obj))
    return None


def _of_module(module: nn.Module) -> Members:
    """Return parameters, buffers and children."""
    tensors = (*parameters_of(module), *buffers_of(module))
    items: list[tuple[str, object]] = [
        (member_path("", module, name, "_parameters"), tensor) for name, tensor in tensors
    ]
    items += [(member_path("", module, name, "_modules"), child) for name, child in children_of(module)]
    return Members(tuple(items[:TAKEN]), len(items))


def _of_sequence(cls: type, obj: object) -> Members:
    """Return the items of an object whose class is, or derives from, the builtin class `cls`."""
    names = _item_names(obj)
    labels = [f".{name}" for name in names]
    items = []
    for place, item in enumerate(values_of(obj, TAKEN)):
        numbered = "{}" if cls in (set, frozenset) else f"[{place}]"
        items.append((labels[place] if place < len(labels) else numbered, item))
    return Members(tuple(items), int(cls.__len__(obj)))  # type: ignore[attr-defined]


def _item_names(obj: object) -> tuple[str, ...]:
    """Return the names of a named tuple's items, one of Python's or of torch's (`torch.return_types`)."""
    names = fields_of(obj)
    if not names and type(class_attribute(type(obj), "n_sequence_fields")) is int:
        found = class_attribute(type(obj), "__match_args__")
        names = cast("tuple[str, ...]", found) if type(found) is tuple else ()
    return names


def _fields_of_dataclass(obj: object) -> dict[str, object]:
    """Return the fields of a dataclass: what its `__dict__` or its slots hold under their names."""
    names = cast("dict[str, object]", class_attribute(type(obj), "__dataclass_fields__"))
    held = instance_attributes(obj)
    for cls in _CLASS_ORDER.__get__(type(obj)):
        for name, slot in _CLASS_DICT.__get__(cls).items():
            if type(slot) is types.MemberDescriptorType and name in names:
                try:
                    held.setdefault(name, slot.__get__(obj))
                except AttributeError:  # not set
                    continue
    for name in names:  # a default that `__init__` does not set stays with the class
        default = class_attribute(type(obj), name)
        if class_attribute(type(default), "__get__") is None:
            held.setdefault(name, default)
    return {name: held[name] for name in names if type(name) is str and name in held}


def _of_attributes(attributes: dict[str, object]) -> Members:
    items = tuple((f".{name}", value) for name, value in islice(attributes.items(), TAKEN))
    return Members(items, len(attributes))


def _key(key: object) -> str:
    """Return a key of a dictionary as the user would type it where it is a plain value, else its class."""
    if type(key) is tuple:
        texts = [plain_text(part) or class_name(part) for part in key[:4]]
        return f"({', '.join(texts)}{', …' if len(key) > 4 else ''})"
    return plain_text(key) or f"<{class_name(key)}>"
