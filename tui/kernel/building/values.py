"""What flows through a design: shapes and dtypes of tensors, in tuples, lists and dictionaries, without memory.

NOTE [The batch]
A design is run with a prime number of samples that is found in none of its own numbers. So a dimension that it
divides is the batch, or so many times the batch, and is written ``N`` or ``4N``; what it takes for the batch the user
has chosen is computed from that, and another batch needs no other run.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import prod
from typing import Final, cast

import torch
from torch import Tensor

from tui.kernel.safe_objects import class_name, is_a, length_of, plain_text

PRIMES: Final = (7919, 7907, 7901, 7883, 7879, 7877, 7873, 7867)
"""That a batch is taken from."""
_DEEPEST: Final = 12
_MOST_ITEMS: Final = 4096


@dataclass(frozen=True)
class Spec:
    """A tensor without its values."""

    shape: tuple[int, ...]
    dtype: torch.dtype


@dataclass(frozen=True)
class Opaque:
    """An object that cannot be told apart into tensors; it is passed on as it is."""

    held: object

    @property
    def name(self) -> str:
        """Of its class."""
        return class_name(self.held)


Value = object
"""A `Spec`, an `Opaque`, a plain value, or a tuple, list or dictionary of such."""


def spec_of(obj: object, depth: int = 0) -> Value:
    """Return what came out of a layer without its memory."""
    if is_a(obj, Tensor):
        if obj.layout is not torch.strided or obj.is_nested:
            return Opaque(obj)
        return Spec(tuple(Tensor.size(obj)), obj.dtype)
    if obj is None or type(obj) in (bool, int, float, complex, str, torch.dtype, torch.device, torch.Size):
        return obj
    if depth < _DEEPEST and (length_of(obj) or 0) <= _MOST_ITEMS:
        if type(obj) is list:
            return [spec_of(item, depth + 1) for item in obj]
        if is_a(obj, tuple):  # of torch's own named tuples as well
            return tuple(spec_of(item, depth + 1) for item in tuple.__iter__(obj))
        if is_a(obj, dict) and all(type(key) is str for key in dict.keys(obj)):
            return {key: spec_of(item, depth + 1) for key, item in dict.items(obj)}
    return Opaque(obj)


def materialize(value: Value) -> object:
    """Return the value with tensors on the meta device."""
    if isinstance(value, Spec):
        return torch.empty(value.shape, dtype=value.dtype, device="meta")
    if isinstance(value, Opaque):
        return value.held
    if type(value) in (tuple, list):
        items = [materialize(item) for item in cast("Iterable[Value]", value)]
        return tuple(items) if type(value) is tuple else items
    if isinstance(value, dict):
        return {key: materialize(item) for key, item in value.items()}
    return value


def key_of(value: Value) -> object:
    """Return something that can be hashed and tells the value apart; raises TypeError for what is opaque."""
    if isinstance(value, Opaque):
        raise TypeError(value.name)
    if isinstance(value, list | tuple):
        return (type(value), *map(key_of, value))
    if isinstance(value, dict):
        return ("dict", *((key, key_of(item)) for key, item in value.items()))
    return value if isinstance(value, Spec) else (type(value), value)


def specs_in(value: Value) -> Iterator[Spec]:
    """Yield every tensor in the value."""
    if isinstance(value, Spec):
        yield value
    elif isinstance(value, list | tuple):
        for item in value:
            yield from specs_in(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from specs_in(item)


def first_spec(value: Value) -> Spec | None:
    """Return the first tensor in the value."""
    return next(specs_in(value), None)


@dataclass(frozen=True)
class Batch:
    """The batch that a design is run with: see NOTE [The batch]."""

    size: int

    @classmethod
    def apart_from(cls, numbers: Iterable[int]) -> Batch:
        """Return one that divides none of the numbers."""
        known = [number for number in numbers if number]
        return cls(next((p for p in PRIMES if all(number % p for number in known)), PRIMES[0]))

    def text(self, value: Value) -> str:
        """Return e.g. ``(N, 32, 14, 14)``, or ``((N, 8, 64), (1, N, 64))`` for a tuple."""
        if isinstance(value, Spec):
            dims = [self.dim(size) for size in value.shape]
            return f"({dims[0]},)" if len(dims) == 1 else f"({', '.join(dims)})"
        if isinstance(value, Opaque):
            return value.name
        if isinstance(value, list | tuple) and type(value) is not torch.Size:
            inner = ", ".join(map(self.text, value)) + ("," if len(value) == 1 else "")
            return f"[{inner}]" if type(value) is list else f"({inner})"
        if isinstance(value, dict):
            return "{" + ", ".join(f"{key!r}: {self.text(item)}" for key, item in value.items()) + "}"
        return plain_text(value) or str(value)

    def dim(self, size: int) -> str:
        """Return ``N``, ``4N``, ``N + 1`` or the number."""
        count, rest = divmod(size, self.size)
        if count and not rest:
            return "N" if count == 1 else f"{count}N"
        return f"N + {rest}" if count == 1 and rest <= 2 else str(size)

    def words(self, text: str) -> str:
        """Return torch's own words with the batch written as in shapes."""
        return re.sub(r"\d{4,18}", lambda found: self.dim(int(found[0])), text)

    def elements(self, spec: Spec, batch: int) -> int:
        """Return how many elements a tensor has for another batch."""
        return prod(self.resized(size, batch) for size in spec.shape)

    def resized(self, size: int, batch: int) -> int:
        """Return a dimension for another batch."""
        count, rest = divmod(size, self.size)
        return count * batch + rest if count and rest <= 2 else size

    def size_bytes(self, value: Value, batch: int) -> int:
        """Return the memory of the value's tensors for another batch."""
        return sum(self.elements(spec, batch) * spec.dtype.itemsize for spec in specs_in(value))
