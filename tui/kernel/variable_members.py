"""What an object holds, each part named as the user would type it. Runs none of their code: see `safe_objects`.

NOTE [Paths]
A part is named by an expression over the namespace: ``model.fc.weight``, ``batch[0]``, ``state['fc.bias']``,
``optimizer.state[model.fc.weight]``. What cannot be named by a key is named by its place, which Python reads as
well: ``list(results.values())[2]``. `variable_paths` follows them back, through the same tables as here.
"""

from __future__ import annotations

import types
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Final, NamedTuple, TypeVar, cast

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from tui.kernel import torch_private
from tui.kernel.module_walk import buffers_of, children_of, member_path, parameters_of
from tui.kernel.safe_objects import instance_attributes, is_a
from tui.kernel.training.waiting.handover import RunHandle

T = TypeVar("T")

RUN_PARTS: Final = ("model", "optimizer", "scheduler", "loss", "output", "batch", "loaders", "knobs")
_KEY_WIDTH: Final = 200
"""Characters of a key past which its value is named by its place."""
_RETRIES: Final = 100
_NO_PARTS: Final = (
    type, types.ModuleType, types.FunctionType, types.BuiltinFunctionType, types.MethodType, types.GeneratorType,
    types.CoroutineType, torch.Size,
)  # fmt: skip
_CLASS_DICT: Final = type.__dict__["__dict__"]
_MRO: Final = type.__dict__["__mro__"]
_FLAGS: Final = type.__dict__["__flags__"]
_HEAP_TYPE: Final = 1 << 9
"""Of a class that was made by a `class` statement."""
_PLAIN: Final = (int, float, bool, str, bytes, complex, type(None), range, slice)


class Member(NamedTuple):
    """One part of an object."""

    path: str
    value: object


class Members(NamedTuple):
    """The first parts of an object."""

    found: list[Member]
    omitted: int


def _no_name(tensor: Tensor) -> str:
    return ""


def members_of(
    path: str, value: object, limit: int, name_of_tensor: Callable[[Tensor], str] = _no_name
) -> Members:
    """Return the parts directly below an object; none for what does not unfold.

    Args:
        path: how the object itself is typed.
        value: any object; only read, may be written to meanwhile by other threads.
        limit: parts beyond it are counted.
        name_of_tensor: the path of a tensor that is a key, as in the state of an optimizer; empty: not known.
    """
    if is_a(value, dict):
        pairs = items_of(value, limit)
        named = (Member(_key_path(path, place, k, name_of_tensor), v) for place, (k, v) in enumerate(pairs))
        return Members(list(named), dict.__len__(value) - len(pairs))
    if is_a(value, (list, tuple, deque)) and not is_a(value, torch.Size):
        first, length = _first_items(value, limit)
        fields = fields_of(value)
        paths = (
            f"{path}.{fields[place]}" if place < len(fields) else f"{path}[{place}]"
            for place in range(len(first))
        )
        return Members([Member(p, item) for p, item in zip(paths, first, strict=True)], length - len(first))
    if is_a(value, set) or is_a(value, frozenset):
        items = _set_items(value, limit)
        places = [Member(f"list({path})[{place}]", item) for place, item in enumerate(items)]
        return Members(places, _set_length(value) - len(items))
    found = list(_attributes(path, value))
    return Members(found[:limit], max(0, len(found) - limit))


def unfolds(value: object) -> bool:
    """Return whether an object has parts to show."""
    if type(value) in _PLAIN:
        return False
    for cls in (dict, list, tuple, deque, set, frozenset):
        if is_a(value, cls):
            return not is_a(value, torch.Size) and int(cls.__len__(value)) > 0  # type: ignore[arg-type]
    return next(_attributes("", value), None) is not None


def values_of(value: object, limit: int) -> list[object]:
    """Return the first items of a builtin container or a subclass of one; none for anything else."""
    if is_a(value, dict):
        return [item for _, item in items_of(value, limit)]
    if is_a(value, (list, tuple, deque)):
        return _first_items(value, limit)[0]
    if is_a(value, set) or is_a(value, frozenset):
        return _set_items(value, limit)
    return []


def items_of(mapping: dict[object, object], limit: int | None = None) -> list[tuple[object, object]]:
    """Return the first pairs of a dictionary, past its class's own `items`."""
    return _retried(lambda: list(islice(dict.items(mapping), limit)))


def fields_of(value: object) -> tuple[str, ...]:
    """Return the names of the items of a named tuple; empty for any other object."""
    if type(value) is tuple or not is_a(value, tuple):
        return ()
    names = class_attribute(type(value), "_fields")
    return names if type(names) is tuple and all(type(name) is str for name in names) else ()


def plain_attributes(value: object) -> dict[str, object]:
    """Return the public attributes that an object keeps in itself, in its `__dict__` or in slots.

    Without those that its class answers for (properties): looking them up would run its code.
    """
    cls = type(value)
    found = {
        name: held
        for name, held in instance_attributes(value).items()
        if type(name) is str and not name.startswith("_") and name.isidentifier() and not _answers(cls, name)
    }
    for base in _MRO.__get__(cls):
        if not _FLAGS.__get__(base) & _HEAP_TYPE:
            continue  # a builtin class: its members are no attributes that a user has set
        for name, descriptor in dict(_CLASS_DICT.__get__(base)).items():
            if type(descriptor) is types.MemberDescriptorType and not name.startswith("_"):
                try:
                    found.setdefault(name, descriptor.__get__(value, cls))
                except (AttributeError, TypeError):  # not set
                    continue
    return found


def class_attribute(cls: type, name: str) -> object:
    """Return what a class or a base of it defines under a name, past every metaclass; None for nothing."""
    for base in _MRO.__get__(cls):
        table = _CLASS_DICT.__get__(base)
        if name in table:
            return cast("object", table[name])
    return None


def run_part(run: RunHandle, name: str) -> object:
    """Return a part of a run; None where it has none now."""
    return instance_attributes(run).get(name)


def gradient_of(tensor: Tensor) -> Tensor | None:
    """Return `.grad` where it may be looked at: of a leaf, and of a result that retains it; elsewhere torch warns."""
    readable = not torch_private.is_lazy(tensor) and (
        attribute(tensor, "is_leaf") or attribute(tensor, "retains_grad")
    )
    return cast("Tensor | None", attribute(tensor, "grad")) if readable else None


def attribute(tensor: Tensor, name: str) -> object:
    """Return an attribute by the getter of torch's own class."""
    if name == "grad":
        return torch_private.grad_of(tensor)
    return getattr(Tensor, name).__get__(tensor)


def held_by_module(module: nn.Module) -> Iterator[tuple[str, object]]:
    """Yield tensors and containers that a module keeps as plain attributes, where `.to()` does not find them."""
    for name, value in instance_attributes(module).items():
        if type(name) is str and not name.startswith("_") and name.isidentifier():
            holds = is_a(value, Tensor) or (is_a(value, (dict, list, tuple)) and unfolds(value))
            if holds and not _answers(type(module), name):
                yield name, value


def _attributes(path: str, value: object) -> Iterator[Member]:
    if is_a(value, _NO_PARTS):
        return
    if type(value) is RunHandle:
        held = ((name, run_part(value, name)) for name in RUN_PARTS)
        yield from (Member(f"{path}.{name}", part) for name, part in held if part is not None)
    elif is_a(value, Tensor):
        grad = gradient_of(value)
        if grad is not None:
            yield Member(f"{path}.grad", grad)
    elif is_a(value, nn.Module):
        yield from _module_members(path, value)
    elif is_a(value, Optimizer):
        attributes = instance_attributes(value)
        groups = attributes.get("param_groups")
        for place, group in enumerate(groups if type(groups) is list else []):
            yield Member(f"{path}.param_groups[{place}]", group)
        if attributes.get("state"):
            yield Member(f"{path}.state", attributes["state"])
    else:
        yield from (Member(f"{path}.{name}", held) for name, held in plain_attributes(value).items())


def _module_members(path: str, module: nn.Module) -> Iterator[Member]:
    for name, tensor in parameters_of(module):
        yield Member(member_path(path, module, name, "_parameters"), tensor)
    for name, tensor in buffers_of(module):
        yield Member(f"{path}.{name}" if name.isidentifier() else f"{path}._buffers[{name!r}]", tensor)
    for name, value in held_by_module(module):
        yield Member(f"{path}.{name}", value)
    for name, child in children_of(module):
        yield Member(member_path(path, module, name, "_modules"), child)


def _key_path(path: str, place: int, key: object, name_of_tensor: Callable[[Tensor], str]) -> str:
    if can_be_typed(key):
        return f"{path}[{key!r}]"
    name = name_of_tensor(key) if is_a(key, Tensor) else ""
    return f"{path}[{name}]" if name else f"list({path}.values())[{place}]"


def can_be_typed(key: object) -> bool:
    """Return whether the repr of a key is short Python that gives the key back."""
    if key is None or type(key) is bool:
        return True
    if type(key) is int:
        return key.bit_length() <= 128
    if type(key) is str or type(key) is bytes:
        return len(key) <= _KEY_WIDTH
    if type(key) is float:
        return abs(key) < float("inf")
    return type(key) is tuple and len(key) <= 4 and all(type(k) is not tuple and can_be_typed(k) for k in key)


def _first_items(value: Sequence[object], limit: int) -> tuple[list[object], int]:
    if is_a(value, list):
        return list.__getitem__(value, slice(0, limit)), list.__len__(value)
    if is_a(value, tuple):
        return list(tuple.__getitem__(value, slice(0, limit))), tuple.__len__(value)
    queue = cast("deque[object]", value)
    return _retried(lambda: list(islice(deque.__iter__(queue), limit))), deque.__len__(queue)


def _set_items(value: set[object] | frozenset[object], limit: int) -> list[object]:
    def read() -> list[object]:
        items = set.__iter__(value) if isinstance(value, set) else frozenset.__iter__(value)
        return list(islice(items, limit))

    return _retried(read)


def _set_length(value: set[object] | frozenset[object]) -> int:
    return set.__len__(value) if isinstance(value, set) else frozenset.__len__(value)


def _answers(cls: type, name: str) -> bool:
    """Return whether a class has a descriptor under the name that comes before the instance's own value."""
    held = class_attribute(cls, name)
    return held is not None and class_attribute(type(held), "__set__") is not None


def _retried(read: Callable[[], list[T]]) -> list[T]:
    for _ in range(_RETRIES):
        try:
            return read()
        except RuntimeError:  # another thread changed the size meanwhile
            continue
    return []
