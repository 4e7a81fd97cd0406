"""The attributes of any object with what is stored under each, listed without running any code of the user's."""

from __future__ import annotations

import contextlib
import sys
import types
from dataclasses import dataclass
from typing import Final

from tui.kernel.known_classes import Bound, Instance, Unknown, class_attributes, mro_of, static_attribute
from tui.kernel.name_lookup import stored_attributes
from tui.kernel.safe_objects import copy_of, is_a, module_of


@dataclass(frozen=True)
class Mark:
    """Stands for what a name is, where there is no object."""

    what: str


@dataclass(frozen=True)
class Argument:
    """A parameter of a call."""

    default: str
    """As it is written; empty where it has none."""


@dataclass(frozen=True)
class Member:
    """What an attribute of an object or class is stored as."""

    stored: object
    on_class: bool
    """Whether it was asked of the class itself, whose functions are called with the object."""


KEYWORD: Final = Mark("keyword")
UNSEEN: Final = Mark("name")
"""It is computed, or defined in code that has not run."""


def attributes(obj: object) -> dict[str, object]:
    """Return the names of the object's attributes, sorted, with the object itself or a `Member` for each.

    Raises:
        Unknown: a library computes its names, which only asking it can tell.
    """
    if is_a(obj, Bound):
        obj = obj.function
    if is_a(obj, types.ModuleType):
        found: dict[str, object] = _of_module(obj)
    elif is_a(obj, Instance):
        found = _of_class(obj.cls, on_class=False)
    elif is_a(obj, type):
        found = {**_of_class(type(obj), on_class=False), **_of_class(obj, on_class=True)}
    else:
        found = {**_of_class(type(obj), on_class=False), **stored_attributes(obj)}
        found |= dict.fromkeys(_computed_by_library(obj) - found.keys(), UNSEEN)
    return {name: found[name] for name in sorted(filter(_is_name, found), key=str.lower)}


def _is_name(name: object) -> bool:
    return type(name) is str and name.isidentifier()


def _of_module(module: types.ModuleType) -> dict[str, object]:
    names: dict[str, object] = copy_of(types.ModuleType.__getattribute__(module, "__dict__"))
    listing = names.get("__dir__")
    if type(listing) is types.FunctionType and _installed(listing.__module__):
        with contextlib.suppress(Exception):  # a library's own: it may import what it lists
            names |= dict.fromkeys(set(map(str, listing())) - names.keys(), UNSEEN)
    return names


def _of_class(cls: type, *, on_class: bool) -> dict[str, object]:
    found: dict[str, object] = {}
    for base in reversed(mro_of(cls)):
        found |= {name: Member(value, on_class) for name, value in copy_of(class_attributes(base)).items()}
    return found


def _computed_by_library(obj: object) -> set[str]:
    """Return what the object's `__dir__` adds, where that is an installed library's and not the user's."""
    try:
        listing = static_attribute(type(obj), "__dir__")
    except Unknown:
        return set()
    if type(listing) is not types.FunctionType or not _installed(listing.__module__):
        return set()
    if any(not _installed(module_of(base) or "builtins") for base in mro_of(type(obj))):
        return set()  # a class of the user's: the library's `__dir__` may come back to it
    if listing.__module__.partition(".")[0] == "torch":
        return set()  # tells nothing that is not stored
    try:
        return set(map(str, listing(obj)))
    except Exception:  # noqa: BLE001 - whatever the library runs into: the stored names are there
        return set()


def _installed(module: str | None) -> bool:
    """Whether a module comes from an installed package or from Python itself."""
    root = (module or "").partition(".")[0]
    if root == "__main__" or not root:
        return False
    if root in sys.stdlib_module_names:
        return True
    file = getattr(sys.modules.get(root), "__file__", None)
    return isinstance(file, str) and ("site-packages" in file or "dist-packages" in file)
