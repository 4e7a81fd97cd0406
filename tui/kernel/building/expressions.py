"""Evaluates the expressions of a design on meta tensors: arithmetic, methods of tensors, functions of torch.

NOTE [Expressions of a design]
They run on a thread of the kernel at every edit, so they follow the rules of the tensor viewer (`viewing.allowed`):
nothing that changes a tensor, draws random numbers or calls the user's code. Names are those of the design's values,
``torch``, ``nn`` and ``F``. What makes new tensors of a given size is allowed here, as no memory is taken.
"""

from __future__ import annotations

import ast
import functools
import types
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from tui.kernel.building.resolve import nearest
from tui.kernel.building.words import Unfit
from tui.kernel.safe_objects import class_name, is_a
from tui.kernel.viewing import allowed
from tui.kernel.viewing.operations import BINARY, COMPARE, UNARY

_LONGEST: Final = 2000
_MAKING: Final = frozenset(
    {"arange", "zeros", "ones", "full", "zeros_like", "ones_like", "full_like", "linspace"}
)
_MORE_FUNCTIONAL: Final = frozenset(
    {"scaled_dot_product_attention", "one_hot", "upsample", "logsigmoid", "threshold"}
)
_MORE_METHODS: Final = frozenset({"new_zeros", "new_ones", "new_full", "logsumexp", "masked_fill"})
_FUNCTIONS: Final[Mapping[object, frozenset[str]]] = {
    **allowed.FUNCTIONS,
    torch: allowed.FUNCTIONS[torch] | _MAKING,
    functional: allowed.FUNCTIONS[functional] | _MORE_FUNCTIONAL,
}
_MODULES: Final = {"torch": torch, "nn": nn, "F": functional}
_BUILTINS: Final = {
    "len": len,
    "int": int,
    "float": float,
    "abs": abs,
    "slice": slice,
    "tuple": tuple,
    "list": list,
}
_NUMBERS: Final = (bool, int, float, complex)
_LARGEST_POWER: Final = 64
FORBIDDEN: Final = frozenset({"out", "inplace", "generator", "pin_memory", "training", "requires_grad"})


def parsed(text: str) -> ast.expr:
    """Return the syntax tree; raises `Unfit` for what is no expression."""
    if not text.strip():
        raise Unfit("Type an expression, such as x.mean(dim=1) or torch.cat((x, skip), dim=1).")
    if len(text) > _LONGEST:
        raise Unfit("The expression is too long for one line of a model.")
    try:
        return ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError) as error:
        reason = error.msg if isinstance(error, SyntaxError) else str(error)
        raise Unfit(f"{text.strip()[:60]} is not a Python expression: {reason}.") from None
    except (RecursionError, MemoryError):
        raise Unfit("The expression is nested too deeply.") from None


def names_in(node: ast.AST) -> set[str]:
    """Return the names that an expression uses, those of modules and builtins apart."""
    found = {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}
    return found - _MODULES.keys() - _BUILTINS.keys()


class Evaluator:
    """Evaluates with the values of a place in a design, tensors being on the meta device."""

    def __init__(self, values: Callable[[str], object], names: Iterable[str]) -> None:
        """`values` gives the value of one of the `names`."""
        self._values = values
        self._names = tuple(names)
        self._kinds: dict[type[ast.expr], Callable[[Any], object]] = {
            ast.Name: self._name,
            ast.Constant: lambda node: node.value,
            ast.Attribute: self._attribute,
            ast.Subscript: self._subscript,
            ast.BinOp: self._binary,
            ast.UnaryOp: lambda node: UNARY[type(node.op)](self._number(node.operand)),
            ast.Compare: self._compare,
            ast.Call: self._call,
            ast.List: lambda node: [self.value(item) for item in node.elts],
            ast.Tuple: lambda node: tuple(self.value(item) for item in node.elts),
            ast.Dict: self._dictionary,
            ast.Slice: lambda node: slice(*map(self._bound, (node.lower, node.upper, node.step))),
        }

    def value(self, node: ast.expr) -> object:
        """Return what a part of the expression is; raises `Unfit`, or whatever torch raises."""
        kind = self._kinds.get(type(node))
        if kind is None or (isinstance(node, ast.UnaryOp) and type(node.op) not in UNARY):
            raise Unfit(
                f"{_text(node)} has no place here: write names, indices, arithmetic and functions of torch."
            )
        return kind(node)

    def _bound(self, node: ast.expr | None) -> object:
        return None if node is None else self.value(node)

    def _dictionary(self, node: ast.Dict) -> object:
        keys = [key.value if isinstance(key, ast.Constant) else None for key in node.keys]
        if not all(type(key) is str for key in keys):
            raise Unfit(f"{_text(node)}: the keys of a dictionary are texts.")
        return {key: self.value(value) for key, value in zip(keys, node.values, strict=True)}

    def _name(self, node: ast.Name) -> object:
        if node.id in self._names:
            return self._values(node.id)
        if node.id in _MODULES:
            return _MODULES[node.id]
        if node.id in _BUILTINS:
            return _BUILTINS[node.id]
        known = ", ".join(self._names)
        raise Unfit(f"There is no value {node.id} here.{nearest(node.id, self._names)} There are {known}.")

    def _attribute(self, node: ast.Attribute) -> object:
        owner = self.value(node.value)
        if is_a(owner, Tensor):
            return self._of_tensor(owner, node)
        if any(owner is module for module in (*_FUNCTIONS, *_MODULES.values())):
            return self._of_module(owner, node)
        if is_a(owner, tuple) and node.attr in getattr(type(owner), "_fields", _fields(owner)):
            return getattr(owner, node.attr)
        raise Unfit(f"{_text(node.value)}, a {class_name(owner)}, has no {node.attr} that can be used here.")

    def _of_tensor(self, tensor: Tensor, node: ast.Attribute) -> object:
        name = node.attr
        if name in allowed.ATTRIBUTES:
            return getattr(tensor, name)
        if name in allowed.METHODS or name in _MORE_METHODS:
            return functools.partial(getattr(Tensor, name), tensor)
        if name.endswith("_") and name.rstrip("_") in allowed.METHODS:
            raise Unfit(f".{name} changes the tensor in place; write .{name.rstrip('_')} in an expression.")
        hint = nearest(name, allowed.METHODS)
        raise Unfit(f"A tensor has no .{name} that can be used in an expression.{hint}")

    def _of_module(self, module: object, node: ast.Attribute) -> object:
        found = allowed.SUBMODULES.get((module, node.attr))
        if found is not None:
            return found
        functions = _FUNCTIONS.get(module, frozenset())
        held = vars(module).get(node.attr)
        if node.attr in functions or is_a(held, torch.dtype) or node.attr in allowed.CONSTANTS:
            return held
        path = _text(node)
        if module is nn or (is_a(held, type) and issubclass(held, nn.Module)):
            raise Unfit(f"{path} is a layer: place it as a block of its own, or use its function in F.")
        raise Unfit(f"{path} cannot be used in an expression.{nearest(node.attr, functions)}")

    def _subscript(self, node: ast.Subscript) -> object:
        owner, key = self.value(node.value), self.value(node.slice)
        if is_a(owner, (Tensor, tuple, list, dict)):
            return owner[key]  # type: ignore[index]
        raise Unfit(f"{_text(node.value)} is a {class_name(owner)}, which has no items.")

    def _number(self, node: ast.expr) -> object:
        value = self.value(node)
        if is_a(value, Tensor) or type(value) in _NUMBERS:
            return value
        raise Unfit(f"{_text(node)} is a {class_name(value)}: arithmetic takes tensors and numbers.")

    def _binary(self, node: ast.BinOp) -> object:
        left, right = self._number(node.left), self._number(node.right)
        growing = isinstance(node.op, ast.Pow | ast.LShift)
        if growing and type(left) is int and type(right) is int and abs(right) > _LARGEST_POWER:
            raise Unfit(f"{_text(node)} is too large a number.")
        return BINARY[type(node.op)](left, right)

    def _compare(self, node: ast.Compare) -> object:
        function = COMPARE.get(type(node.ops[0]))
        if len(node.ops) > 1 or function is None:
            raise Unfit(f"{_text(node)}: write one comparison of ==, !=, <, <=, >, >= at a time.")
        return function(self._number(node.left), self._number(node.comparators[0]))

    def _call(self, node: ast.Call) -> object:
        function = self.value(node.func)
        builtin = any(function is known for known in _BUILTINS.values())
        if not (builtin or type(function) in _CALLED):
            raise Unfit(
                f"{_text(node.func)} cannot be called here: write functions of torch or methods of tensors."
            )
        if any(isinstance(item, ast.Starred) for item in node.args) or any(
            k.arg is None for k in node.keywords
        ):
            raise Unfit(f"{_text(node)}: write the arguments one by one, without *.")
        options = {str(keyword.arg): self.value(keyword.value) for keyword in node.keywords}
        for option in FORBIDDEN & options.keys():
            raise Unfit(f"{_text(node)}: leave {option}= out of an expression.")
        called = cast("Callable[..., object]", function)
        return called(*(self.value(item) for item in node.args), **options)


_CALLED: Final = (functools.partial, types.BuiltinFunctionType, types.FunctionType)


def _fields(value: object) -> tuple[str, ...]:
    """Return the names of the items of one of torch's own results, such as that of `max`."""
    if not type(value).__module__.startswith("torch.return_types"):
        return ()
    return tuple(name for name in dir(type(value)) if not name.startswith(("_", "n_")))


def _text(node: ast.expr) -> str:
    text = ast.unparse(node)
    return text if len(text) <= 60 else text[:59] + "…"
