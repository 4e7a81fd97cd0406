"""Reads what a piece of code names without running any of it: names, attributes, items of builtin containers."""

from __future__ import annotations

import ast
import builtins
import types
from collections.abc import Mapping
from typing import Final

from torch import Tensor, nn

from tui.kernel import torch_private
from tui.kernel.safe_objects import is_a

MISSING: Final = object()
"""What cannot be read without running code, or is not there."""
_TENSOR_READS: Final = ("data", "shape", "dtype", "device", "requires_grad")
_CONTAINERS: Final = (nn.Sequential, nn.ModuleList)


def read(node: ast.AST, *namespaces: Mapping[str, object]) -> object:
    """Return the object that an expression names, looked up in the namespaces in turn; else `MISSING`."""
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.Name):
        for namespace in (*namespaces, builtins.__dict__):
            found = namespace.get(node.id, MISSING)
            if found is not MISSING:
                return found
        return MISSING
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        value = read(node.operand, *namespaces)
        return -value if isinstance(value, int | float) and type(value) in (int, float) else MISSING
    if isinstance(node, ast.Attribute):
        return _attribute(read(node.value, *namespaces), node.attr)
    if isinstance(node, ast.Subscript):
        return _item(read(node.value, *namespaces), read(node.slice, *namespaces))
    if isinstance(node, ast.List | ast.Tuple):
        items = [read(item, *namespaces) for item in node.elts]
        return MISSING if any(item is MISSING for item in items) else items
    return MISSING


def _attribute(owner: object, name: str) -> object:
    if owner is MISSING:
        return MISSING
    if type(owner) is types.ModuleType:
        return owner.__dict__.get(name, MISSING)
    if is_a(owner, nn.Module):
        for table in ("_parameters", "_buffers", "_modules"):
            found = torch_private.module_table(owner, table).get(name, MISSING)
            if found is not MISSING:
                return found
    if is_a(owner, Tensor):
        if name not in _TENSOR_READS:
            return MISSING
        with torch_private.without_overrides():
            return getattr(Tensor, name).__get__(owner)
    try:
        own = object.__getattribute__(owner, "__dict__")
    except AttributeError:
        return MISSING
    if type(own) is not dict or name not in own:
        return MISSING
    # a property or another data descriptor of the class would be asked first, and that runs its code
    shadowed = any(
        name in type.__dict__["__dict__"].__get__(c) for c in type(owner).__mro__ if c is not object
    )
    return MISSING if shadowed else own[name]


def _item(owner: object, key: object) -> object:
    if owner is MISSING or key is MISSING:
        return MISSING
    if type(owner) in (list, tuple) and type(key) is int:
        items: list[object] | tuple[object, ...] = owner  # type: ignore[assignment]
        return items[key] if -len(items) <= key < len(items) else MISSING
    if type(owner) is dict and type(key) in (str, int, float, bool, type(None)):
        return owner.get(key, MISSING)
    if is_a(owner, _CONTAINERS) and type(key) is int:
        children = list(torch_private.module_table(owner, "_modules").values())
        return children[key] if -len(children) <= key < len(children) else MISSING
    if is_a(owner, nn.ModuleDict) and type(key) is str:
        return torch_private.module_table(owner, "_modules").get(key, MISSING)
    return MISSING
