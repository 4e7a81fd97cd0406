"""What is noted of a value that goes into an operation or comes out of it: a description, never a reference.

A reference would keep a temporary alive that the user's code frees. None of the user's code runs:
NOTE [Foreign objects] in `safe_objects`.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor, nn

from tui.kernel import torch_private
from tui.kernel.safe_objects import class_name, is_a

ITEMS: Final = 16
"""Items of a list or tuple that are described."""
_TEXT: Final = 200


@dataclass(frozen=True)
class TensorSeen:
    """A tensor at one moment."""

    identity: int
    type_name: str
    shape: tuple[int, ...] | None
    """None where it cannot be told without running code (a subclass with its own dispatch), lazy or nested."""
    dtype: torch.dtype
    device: str
    layout: str
    strides: tuple[int, ...] | None
    """In elements; None unless strided."""
    contiguous: bool
    storage: int
    """Address of its storage, 0 where there is none; two that are alive and have the same share memory."""
    address: int
    """Of its first element, 0 where it has no memory of its own."""
    version: int | None
    requires_grad: bool
    is_leaf: bool

    @property
    def dtype_name(self) -> str:
        """Short name, e.g. `float32`."""
        return short(self.dtype)


@dataclass(frozen=True)
class ArraySeen:
    """A NumPy array at one moment."""

    identity: int
    shape: tuple[int, ...]
    dtype: str
    address: int
    size_bytes: int


@dataclass(frozen=True)
class ModuleSeen:
    """An `nn.Module` that was called."""

    identity: int
    type_name: str
    is_torch: bool
    """Whether its class is one of PyTorch's own."""
    settings: tuple[tuple[str, object], ...]
    """Its plain attributes: ints, floats, strings, tuples of them."""
    parameters: tuple[tuple[str, TensorSeen], ...] = ()
    """Its own, those of its children apart."""


@dataclass(frozen=True)
class PlainSeen:
    """None, a number, a short string, a dtype, a device: the value itself."""

    value: object


@dataclass(frozen=True)
class SequenceSeen:
    """A list or tuple."""

    items: tuple[Seen, ...]
    length: int
    type_name: str


@dataclass(frozen=True)
class OtherSeen:
    """Anything else."""

    type_name: str


Seen = TensorSeen | ArraySeen | ModuleSeen | PlainSeen | SequenceSeen | OtherSeen

_PLAIN: Final = (
    bool,
    int,
    float,
    complex,
    type(None),
    type(...),
    torch.dtype,
    torch.device,
    torch.layout,
    slice,
)

_LAYOUT, _DTYPE, _DEVICE, _IS_NESTED, _REQUIRES_GRAD, _IS_LEAF = (
    getattr(Tensor, name).__get__
    for name in ("layout", "dtype", "device", "is_nested", "requires_grad", "is_leaf")
)


def short(dtype: torch.dtype) -> str:
    """Return the dtype's name without the module."""
    return str(dtype).removeprefix("torch.")


def see(value: object, depth: int = 0) -> Seen:
    """Describe any value; costs a check of its type unless it is a tensor, an array or a container."""
    cls = type(value)
    if issubclass(cls, Tensor):
        return see_tensor(value)  # type: ignore[arg-type]
    if cls in _PLAIN or cls is str:
        return _plain(value)
    if issubclass(cls, tuple) or cls is list:
        return _sequence(value, depth)
    if is_a(value, nn.Module):
        return see_module(value)
    numpy = sys.modules.get("numpy")
    if numpy is not None and cls is getattr(numpy, "ndarray", None):
        where = value.__array_interface__["data"][0]  # type: ignore[attr-defined]
        return ArraySeen(id(value), value.shape, str(value.dtype), where, value.nbytes)  # type: ignore[attr-defined]
    return OtherSeen(class_name(value))


def _plain(value: object) -> Seen:
    if type(value) is str:
        return PlainSeen(value[:_TEXT])
    if type(value) is slice:
        return (
            PlainSeen(None)
            if any(_big(p) for p in (value.start, value.stop, value.step))
            else PlainSeen(value)
        )
    return PlainSeen(value)


def _big(part: object) -> bool:
    """Whether a part of a slice is more than a number: a tensor must not be kept alive."""
    return part is not None and type(part) is not int


def _sequence(value: object, depth: int) -> Seen:
    # by the methods of tuple and list themselves: a named tuple's class may have its own
    if is_a(value, tuple):
        length, first = tuple.__len__(value), tuple.__getitem__(value, slice(ITEMS))
    else:
        assert isinstance(value, list)
        length, first = len(value), tuple(value[:ITEMS])
    items = tuple(see(item, depth + 1) for item in first) if depth < 2 else ()
    return SequenceSeen(items, length, class_name(value))


def see_module(module: nn.Module) -> ModuleSeen:
    """Describe a module without running code of its class."""
    own = object.__getattribute__(module, "__dict__")
    plain = (bool, int, float, str, type(None))
    settings = tuple(
        (name, value)
        for name, value in list(own.items())
        if type(name) is str
        and not name.startswith("_")
        and (type(value) in plain or (type(value) is tuple and all(type(item) in plain for item in value)))
    )
    parameters = tuple(
        (name, see_tensor(value))
        for name, value in list(torch_private.module_table(module, "_parameters").items())
        if is_a(value, Tensor)
    )
    cls = type(module)
    is_torch = str(type.__dict__["__dict__"].__get__(cls).get("__module__", "")).startswith("torch.nn")
    return ModuleSeen(id(module), class_name(module), is_torch, settings, parameters)


def see_tensor(tensor: Tensor) -> TensorSeen:
    """Describe a tensor of any kind, by the getters of torch's own class: a subclass may have others."""
    with torch_private.without_overrides():
        layout: torch.layout = _LAYOUT(tensor)
        hidden = torch_private.dispatches_in_python(tensor) or torch_private.is_lazy(tensor)
        known = not (hidden or _IS_NESTED(tensor))
        strided = known and layout is torch.strided
        return TensorSeen(
            identity=id(tensor),
            type_name=class_name(tensor),
            shape=tuple(Tensor.size(tensor)) if known else None,
            dtype=_DTYPE(tensor),
            device=str(_DEVICE(tensor)),
            layout=str(layout).removeprefix("torch."),
            strides=Tensor.stride(tensor) if strided else None,
            contiguous=Tensor.is_contiguous(tensor) if strided else True,
            storage=torch_private.storage_address(tensor) if strided else 0,
            address=torch_private.address_of(tensor) if strided else 0,
            version=torch_private.version_of(tensor),
            requires_grad=_REQUIRES_GRAD(tensor),
            is_leaf=_IS_LEAF(tensor),
        )
