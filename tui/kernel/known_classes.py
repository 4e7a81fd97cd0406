"""What is known of objects by their classes alone, for what is typed: no instance, no metaclass is asked."""

from __future__ import annotations

import sys
import types
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final, cast

from tui.kernel.safe_objects import is_a, module_of

_CLASS_DICT: Final = type.__dict__["__dict__"]
_MRO: Final = type.__dict__["__mro__"]
FUNCTIONS: Final = (
    types.FunctionType,
    types.MethodDescriptorType,
    types.WrapperDescriptorType,
    types.BuiltinFunctionType,
    types.ClassMethodDescriptorType,
)
"""What becomes a method when it is found on an object's class."""


class Unknown(Exception):
    """It cannot be told without running code of the user's, or it does not exist."""


@dataclass(frozen=True)
class Instance:
    """Some object of a class, known by its class alone."""

    cls: type


@dataclass(frozen=True)
class Bound:
    """A function found on an object or its class, called without its first parameter."""

    function: object


def mro_of(cls: type) -> tuple[type, ...]:
    """Return the method resolution order, past a metaclass that says otherwise."""
    order: tuple[type, ...] = _MRO.__get__(cls)
    return order


def class_attributes(cls: type) -> Mapping[str, object]:
    """Return the class's own dictionary, past its metaclass."""
    attributes: Mapping[str, object] = _CLASS_DICT.__get__(cls)
    return attributes


def static_attribute(cls: type, name: str) -> object:
    """Return what the class or one of its bases holds under a name; descriptors are not asked.

    Raises:
        Unknown: none does.
    """
    for base in mro_of(cls):
        attributes = class_attributes(base)
        if name in attributes:
            return attributes[name]
    raise Unknown(name)


class Torch:
    """The classes of torch that are looked into, once torch is imported; before that there are none."""

    @cached_property
    def tensor(self) -> type:
        """The class of tensors."""
        return cast("type", sys.modules["torch"].Tensor)

    @cached_property
    def module(self) -> type:
        """The class of modules."""
        return cast("type", sys.modules["torch"].nn.Module)

    @property
    def loaded(self) -> bool:
        """Whether torch is wholly imported."""
        torch = sys.modules.get("torch")
        return torch is not None and "nn" in vars(torch) and "compile" in vars(torch)

    def is_tensor(self, obj: object) -> bool:
        """Whether it is a tensor of any kind."""
        return self.loaded and is_a(obj, self.tensor)

    def is_module(self, obj: object) -> bool:
        """Whether it is an `nn.Module`."""
        return self.loaded and is_a(obj, self.module)


torch_classes: Final = Torch()


def is_library(cls: type) -> bool:
    """Whether the class is Python's or NumPy's own, whose attributes run no code of the user's."""
    made_in_c = bool(cls.__flags__ & 1 << 8)  # Py_TPFLAGS_IMMUTABLETYPE
    return made_in_c and (module_of(cls) or "builtins").partition(".")[0] in ("builtins", "numpy")
