"""The memory behind variables: storages, who shares them, totals with each storage counted once."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from math import prod
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from tui.kernel import torch_private
from tui.kernel.module_walk import buffers_of, distinct_modules, parameters_of
from tui.kernel.safe_objects import instance_attributes, is_a
from tui.kernel.variable_members import attribute, plain_attributes, values_of

_ITEMS: Final = 10_000
"""Items of one container that are looked at for tensors."""
_PLAIN: Final = frozenset({int, float, bool, str, bytes, complex, type(None)})
_CONTAINERS: Final = (dict, list, tuple, set, frozenset)


class Room:
    """How many objects may still be looked into for one table: the walk goes through objects of any size."""

    def __init__(self, objects: int = 20_000) -> None:
        self.objects = objects

    def take(self) -> bool:
        """Return whether there is room for one more, and use it."""
        self.objects -= 1
        return self.objects >= 0


class Memory:
    """Storages met so far, each with the first variable that holds it."""

    def __init__(self) -> None:
        self.total_bytes: dict[str, int] = {}
        """By device."""
        self._first: dict[str, str] = {}
        self._shared: dict[str, int] = {}
        self._objects: dict[int, str] = {}

    @property
    def shared_bytes(self) -> int:
        """Bytes of the storages that several variables hold."""
        return sum(self._shared.values())

    def count(self, name: str, storages: Mapping[str, int]) -> str:
        """Count a variable's storages; return who held them before: the first of those, where none is new."""
        shares_with = ""
        new = False
        for key, size in storages.items():
            first = self._first.setdefault(key, name)
            if first == name:
                new = True
                device = key.rpartition(":")[0]
                self.total_bytes[device] = self.total_bytes.get(device, 0) + size
            else:
                self._shared[key] = size
                shares_with = shares_with or first
        return "" if new else shares_with

    def same_as(self, name: str, value: object) -> str:
        """Return the first variable that is this very object, where it is another one."""
        first = self._objects.setdefault(id(value), name)
        return first if first != name else ""


def storages_of(tensor: Tensor) -> dict[str, int]:
    """Return the bytes of the storages of a tensor by their identity, which begins with the device.

    Empty where it has no memory of its own: on the meta device, behind a subclass, lazy.
    """
    if torch_private.is_lazy(tensor) or str(attribute(tensor, "device")).startswith("meta"):
        return {}
    parts = torch_private.sparse_parts(tensor) or (tensor,)
    if attribute(tensor, "layout") is torch.jagged:
        parts = (torch_private.stored_values(tensor),)
    elif parts[0] is tensor and torch_private.dispatches_in_python(tensor):
        return {}
    found: dict[str, int] = {}
    for part in parts:
        try:
            storage = Tensor.untyped_storage(part)
            if storage.nbytes():
                found[f"{part.device}:{torch_private.storage_address(part):#x}"] = storage.nbytes()
        except (RuntimeError, NotImplementedError):  # opaque layouts have no storage
            continue
    return found


def storages_of_array(array: object) -> dict[str, int]:
    """Return the memory of exactly a NumPy array as the storage that a tensor on it would have."""
    numpy: Any = sys.modules.get("numpy")
    ndarray = getattr(numpy, "ndarray", None)
    base = array
    while type(base) is ndarray:
        array, base = base, numpy.ndarray.base.__get__(base)
    if type(array) is not ndarray:
        return {}
    if is_a(base, Tensor):
        return storages_of(base)
    place: int = numpy.ndarray.__array_interface__.__get__(array)["data"][0]
    size = int(numpy.ndarray.nbytes.__get__(array))
    return {f"cpu:{place:#x}": size} if size else {}


def storages_of_all(tensors: list[Tensor]) -> dict[str, int]:
    """Return the storages of tensors together, each once."""
    return {key: size for tensor in tensors for key, size in storages_of(tensor).items()}


def own_bytes_of(tensor: Tensor) -> int | None:
    """Return what a strided tensor's distinct elements take: of an expanded one, those that are stored."""
    if torch_private.is_lazy(tensor) or attribute(tensor, "layout") is not torch.strided:
        return None
    try:
        strides = Tensor.stride(tensor)
        elements = Tensor.numel(tensor)
        if 0 in strides and elements:
            elements = prod(size for size, stride in zip(Tensor.size(tensor), strides, strict=True) if stride)
        return int(elements) * Tensor.element_size(tensor)
    except (RuntimeError, TypeError):  # nested, opaque, symbolic
        return None


def tensors_of_module(module: nn.Module) -> list[Tensor]:
    """Return the parameters and buffers of a module and of all below it."""
    return [t for m in distinct_modules(module) for _, t in (*parameters_of(m), *buffers_of(m))]


def tensors_in(value: object, kind: str, room: Room) -> list[Tensor]:
    """Return the tensors that a module, container, optimizer (its state) or data set holds, at any depth.

    Bounded: of a container the first 10,000 items, of everything together what `room` has.
    """
    if is_a(value, nn.Module):
        return tensors_of_module(value)
    if is_a(value, Optimizer):  # its parameters are the model's
        return list(_walk(instance_attributes(value).get("state"), room))
    if kind in ("dataset", "loader"):
        return [t for held in plain_attributes(value).values() for t in tensors_in(held, "", room)]
    return list(_walk(value, room))


def _walk(root: object, room: Room) -> Iterator[Tensor]:
    waiting = [root]
    entered: set[int] = set()
    while waiting:
        value = waiting.pop()
        if is_a(value, Tensor):
            yield value
        elif is_a(value, nn.Module):
            yield from tensors_of_module(value)
        elif is_a(value, _CONTAINERS) and id(value) not in entered and room.take():
            entered.add(id(value))
            held = values_of(value, _ITEMS)
            room.objects -= len(held) // 10  # a plain item costs a tenth of what a container does
            waiting += [item for item in reversed(held) if type(item) not in _PLAIN]
