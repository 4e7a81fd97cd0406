"""From a path such as ``model.fc.weight`` to the object, without running the user's code.

Follows what `variable_members` names, see NOTE [Paths] there, and nothing else: no call, no property, no
`__getattr__`, no `__getitem__` of a class of the user's.
"""

from __future__ import annotations

import ast
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, cast

from torch import Tensor, nn
from torch.optim import Optimizer

from tui.kernel.module_walk import buffers_of, children_of, parameters_of
from tui.kernel.safe_objects import instance_attributes, is_a
from tui.kernel.training.waiting.handover import RunHandle
from tui.kernel.variable_members import (
    RUN_PARTS,
    can_be_typed,
    fields_of,
    gradient_of,
    held_by_module,
    items_of,
    plain_attributes,
    run_part,
    values_of,
)

PATH_WIDTH: Final = 4_000
"""Characters past which a path is not followed."""
_TABLES: Final = ("_modules", "_parameters", "_buffers")


class GoneError(LookupError):
    """A path leads nowhere; the message says where it ends, for the user."""


@dataclass(frozen=True)
class _Step:
    kind: Literal["attribute", "key", "tensor", "place"]
    text: str
    """The attribute, or the path of the tensor that is the key."""
    key: object = None


def resolve(namespace: Mapping[str, object], path: str) -> list[object]:
    """Return the objects along a path: first the variable, last what the path names.

    Raises:
        GoneError: where there is no such object, or the path is none of ours.
    """
    root, steps = _steps(path)
    try:
        chain = [namespace[root]]
    except KeyError:
        raise GoneError(f"{root} is no longer there") from None
    for step in steps:
        try:
            chain.append(_enter(namespace, chain[-1], step))
        except (LookupError, TypeError, ValueError):
            raise GoneError(f"{path} is no longer there") from None
    return chain


def _steps(path: str) -> tuple[str, list[_Step]]:
    """Return the variable that a path begins with, and the steps from there."""
    try:
        if len(path) > PATH_WIDTH:
            raise ValueError
        node: ast.expr = ast.parse(path, mode="eval").body
        steps: list[_Step] = []
        while not isinstance(node, ast.Name):
            node, step = _step(node)
            steps.append(step)
    except (ValueError, SyntaxError, RecursionError, MemoryError, AttributeError, IndexError):
        raise GoneError(f"{path[:60]} is no path to an object") from None
    return node.id, steps[::-1]


def _step(node: ast.expr) -> tuple[ast.expr, _Step]:
    """Return what an expression starts from, and its last step."""
    if isinstance(node, ast.Attribute):
        return node.value, _Step("attribute", node.attr)
    if not isinstance(node, ast.Subscript):
        raise ValueError
    if isinstance(node.value, ast.Call):  # list(x)[2], list(x.values())[2]
        place = ast.literal_eval(node.slice)
        call = cast("ast.Name", node.value.func)
        inner = node.value.args[0]
        if call.id != "list" or type(place) is not int:
            raise ValueError
        if isinstance(inner, ast.Call):
            inner = cast("ast.Attribute", inner.func).value
        return inner, _Step("place", "", place)
    try:
        return node.value, _Step("key", "", ast.literal_eval(node.slice))
    except ValueError:
        return node.value, _Step("tensor", ast.unparse(node.slice))


def _enter(namespace: Mapping[str, object], value: object, step: _Step) -> object:
    if step.kind == "attribute":
        return _attribute(value, step.text)
    if step.kind == "place":
        return values_of(value, cast("int", step.key) + 1)[cast("int", step.key)]
    if step.kind == "tensor":
        key = resolve(namespace, step.text)[-1]
        if not is_a(value, dict):
            raise LookupError
        for other, held in items_of(value):
            if other is key:
                return held
        raise LookupError
    return _item(value, step.key)


def _attribute(value: object, name: str) -> object:
    if type(value) is RunHandle:
        if name not in RUN_PARTS:
            raise LookupError
        return run_part(value, name)
    if is_a(value, Tensor):
        grad = gradient_of(value) if name == "grad" else None
        if grad is None:
            raise LookupError
        return grad
    if is_a(value, nn.Module):
        return _module_attribute(value, name)
    if is_a(value, Optimizer):
        return instance_attributes(value)[name]
    if fields_of(value):
        return tuple.__getitem__(cast("tuple[object, ...]", value), fields_of(value).index(name))
    return plain_attributes(value)[name]


def _module_attribute(module: nn.Module, name: str) -> object:
    tables: dict[str, Callable[[nn.Module], Sequence[tuple[str, object]]]] = {
        "_modules": children_of,
        "_parameters": parameters_of,
        "_buffers": buffers_of,
    }
    if name in _TABLES:
        return dict(tables[name](module))
    for table in tables.values():
        for own, held in table(module):
            if own == name:
                return held
    return dict(held_by_module(module))[name]


def _item(value: object, key: object) -> object:
    if is_a(value, nn.Module):
        return _module_attribute(value, key if type(key) is str else str(int(cast("int", key))))
    if is_a(value, dict):
        for other, held in items_of(value):  # a lookup would ask the user's keys whether they are equal
            if type(other) is type(key) and can_be_typed(other) and other == key:
                return held
        raise LookupError
    if type(key) is int and key >= 0 and is_a(value, (list, tuple, deque)):
        return values_of(value, key + 1)[key]
    raise LookupError
