"""Attributes and items of the user's objects, found without running any code of theirs.

See NOTE [Foreign objects] in `tui.kernel.safe_objects`: no property, `__getattr__`, `__getitem__`, `__eq__` or
`__hash__` of the user's is called.
"""

from __future__ import annotations

import ast
import collections
import difflib
from collections.abc import Iterable, Iterator, Mapping
from types import MemberDescriptorType
from typing import Any, Final, cast

from torch import Tensor, nn

from tui.kernel import torch_private
from tui.kernel.module_walk import member_path, parameters_of, walk
from tui.kernel.safe_objects import class_name, copy_of, instance_attributes, is_a, length_of, name_of
from tui.kernel.variable_members import values_of
from tui.kernel.variable_paths import GoneError, resolve
from tui.kernel.viewing.errors import ViewError

_MISSING: Final = object()
_CLASS_DICT: Final = type.__dict__["__dict__"]
_MRO: Final = type.__dict__["__mro__"]
_FIELD_KINDS: Final = (MemberDescriptorType, getattr(collections, "_tuplegetter", MemberDescriptorType))
"""Descriptors in C that read a slot of the object: of named tuples, `__slots__` and torch's own results."""
_KEY_KINDS: Final = (str, int, float, bool, bytes, type(None), Tensor, nn.Parameter)
_INDEXED: Final = (nn.Sequential, nn.ModuleList, nn.ParameterList)
_KEYED: Final = (nn.ModuleDict, nn.ParameterDict)


def nearest(name: str, names: Iterable[str]) -> str:
    """Return ``; did you mean weight?``, or nothing where no name is near."""
    close = difflib.get_close_matches(name, [other for other in names if type(other) is str], n=1)
    return f" Did you mean {close[0]}?" if close else ""


def article(name: str) -> str:
    """Return ``a Linear``, ``an Embedding``."""
    return f"{'an' if name[:1].lower() in tuple('aeiou') else 'a'} {name}"


def parameter_paths(module: nn.Module, path: str) -> Iterator[tuple[str, Tensor]]:
    """Yield the parameters of a module and of all below it, with what the user would type for each."""
    for visit in walk(path, module):
        for name, tensor in () if visit.first else parameters_of(visit.module):
            yield member_path(visit.path, visit.module, name, "_parameters"), tensor


def what_is(value: object, text: str) -> str:
    """Return what is named instead of a tensor, and how to get at one."""
    name = class_name(value)
    if value is None:
        return "None."
    if is_a(value, nn.Module):
        first = next(iter(parameter_paths(value, text)), None)
        return f"a module, {name}" + (
            f"; look at one of its parameters, such as {first[0]}." if first else "."
        )
    if is_a(value, dict):
        return f"a {name} of {length_of(value):,}; look at one of its values, as in {text}['name']."
    if is_a(value, list) or is_a(value, tuple):
        return f"a {name} of {length_of(value):,}; look at one of its items, as in {text}[0]."
    return f"{article(name)}, not a tensor."


def listed(namespace: Mapping[str, object], node: ast.expr) -> object:
    """Return what the table of variables lists under a path of more than names and numbers; None: nothing.

    Such as ``list(table.values())[0]``, where the key is nothing that can be typed.

    Raises:
        ViewError: it is such a path, and leads nowhere now.
    """
    if not isinstance(node, ast.Subscript):
        return None
    try:
        return resolve(namespace, ast.unparse(node))[-1]
    except GoneError as error:
        if isinstance(node.value, ast.Call):
            raise ViewError("gone", f"{error}.") from None
        return None


def attribute_of(obj: object, name: str, path: str) -> object:
    """Return what `obj.name` is, from the object's and its classes' own dictionaries.

    Raises:
        ViewError: there is none, or only the user's code would know; `path` is how the user wrote `obj`.
    """
    found = _of_classes(type(obj), name)
    if found is not _MISSING and _is_data_descriptor(found) and not isinstance(found, _FIELD_KINDS):
        raise ViewError("bad expression", _code_would_run(path, name, found, obj))
    own = _own_names(obj)
    if name in own:
        return own[name]
    if isinstance(found, _FIELD_KINDS):
        try:
            return found.__get__(obj)
        except AttributeError:
            raise ViewError("gone", f"{path} has no value in {name} yet.") from None
    if found is not _MISSING and not _has(type(found), "__get__"):
        return found
    if found is not _MISSING:
        raise ViewError("bad expression", _code_would_run(path, name, found, obj))
    known = [key for key in own if type(key) is str and not key.startswith("_")]
    raise ViewError("gone", f"{path}, {article(class_name(obj))}, has no {name}.{nearest(name, known)}")


def item_of(obj: object, key: object, path: str) -> object:
    """Return what `obj[key]` is, of builtin containers, their subclasses and torch's module containers.

    Raises:
        ViewError: there is none, or it is another kind of object.
    """
    if is_a(obj, _INDEXED) and type(key) is int:
        return _item_of_sequence(_module_items(obj), key, path)
    if is_a(obj, _KEYED) and type(key) is str:
        table = {name: value for name, value in _own_names(obj).items() if not name.startswith("_")}
        return _item_of_dict(table, key, path)
    if is_a(obj, dict):
        return _item_of_dict(obj, key, path)
    if is_a(obj, list) or is_a(obj, tuple):
        return _item_of_sequence(obj, key, path)
    if is_a(obj, collections.deque):
        return _item_of_sequence(values_of(obj, collections.deque.__len__(obj)), key, path)
    if is_a(obj, nn.Module):
        raise ViewError("bad expression", f"{path} is {article(class_name(obj))}, which has no such items.")
    raise ViewError(
        "bad expression",
        f"{path} is {article(class_name(obj))}: a view takes items of tensors, lists, tuples, deques, dictionaries and "
        "torch's containers of modules only.",
    )


def _own_names(obj: object) -> dict[str, object]:
    """Return the attributes that an object holds; of a module those of its tables as well."""
    own = dict(instance_attributes(obj))
    if is_a(obj, nn.Module):
        for table in ("_modules", "_buffers", "_parameters"):
            own |= copy_of(torch_private.module_table(obj, table))
    return own


def _module_items(module: nn.Module) -> list[object]:
    """Return the items of a `Sequential`, `ModuleList` or `ParameterList` in their order."""
    own = {
        name: value for name, value in _own_names(module).items() if type(name) is str and name.isdecimal()
    }
    if is_a(module, nn.ParameterList):
        return [own[name] for name in sorted(own, key=int)]
    return list(copy_of(torch_private.module_table(module, "_modules")).values())


def _item_of_sequence(items: list[object] | tuple[object, ...], key: object, path: str) -> object:
    base = tuple if is_a(items, tuple) else list
    length = base.__len__(items)  # type: ignore[arg-type]
    if type(key) is not int:
        raise ViewError("bad index", f"{path} has {length:,} items: take one by its number, as in {path}[0].")
    try:
        return base.__getitem__(items, key)  # type: ignore[index]
    except IndexError:
        words = f"{path} has {length:,} items: there is no {path}[{key}]."
        raise ViewError("bad index", words) from None


def _item_of_dict(table: Mapping[Any, object], key: object, path: str) -> object:
    items = list(dict.items(cast("dict[object, object]", table)))  # in one go: other threads may be writing
    if all(type(other) in _KEY_KINDS for other, _ in items):
        found = dict.get(cast("dict[object, object]", table), key, _MISSING)
    else:  # a key of the user's could be asked whether it is equal
        found = next((value for other, value in items if other is key or _equal(other, key)), _MISSING)
    if found is _MISSING:
        names = [other for other, _ in items if type(other) is str]
        hint = nearest(key, names) if isinstance(key, str) else ""
        raise ViewError("gone", f"{path} has no {_key_text(key)}.{hint}")
    return found


def _equal(one: object, other: object) -> bool:
    return type(one) in (str, int, float, bool) and type(other) is type(one) and one == other


def _key_text(key: object) -> str:
    return repr(key) if type(key) in (str, int, float, bool, bytes, type(None)) else f"such {class_name(key)}"


def _of_classes(cls: type, name: str) -> object:
    """Return what the classes of an object hold under a name."""
    for base in _MRO.__get__(cls):
        found: object = _CLASS_DICT.__get__(base).get(name, _MISSING)
        if found is not _MISSING:
            return found
    return _MISSING


def _has(cls: type, name: str) -> bool:
    return _of_classes(cls, name) is not _MISSING


def _is_data_descriptor(obj: object) -> bool:
    return _has(type(obj), "__get__") and (_has(type(obj), "__set__") or _has(type(obj), "__delete__"))


def _code_would_run(path: str, name: str, found: object, owner: object) -> str:
    """Return why a view does not read what only code could tell."""
    if is_a(owner, nn.Module) and "parametrizations" in _own_names(owner):
        return (
            f"{path}.{name} is computed anew each time it is read; look at its original, "
            f"{path}.parametrizations.{name}.original, or assign it in a cell first."
        )
    what = {"property": "a property", "function": "a method"}.get(name_of(type(found)), "computed")
    return f"A view runs none of your code: {path}.{name} is {what}; assign its value in a cell first."
