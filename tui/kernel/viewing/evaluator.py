"""Walks the syntax tree of an expression: see NOTE [What an expression may do] in `expression`."""

from __future__ import annotations

import ast
from collections.abc import Callable, Hashable, Mapping
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from tui.kernel.safe_objects import class_name, cut, is_a
from tui.kernel.viewing import allowed, callables
from tui.kernel.viewing.arrays import is_array, tensor_of
from tui.kernel.viewing.errors import ViewError
from tui.kernel.viewing.identity import serial_of, version_of
from tui.kernel.viewing.indexing import index_tensor, is_basic
from tui.kernel.viewing.lookups import attribute_of, item_of, listed, nearest, what_is
from tui.kernel.viewing.memo import MEMO
from tui.kernel.viewing.operations import BINARY, COMPARE, NUMBERS, UNARY, guarded, plain

_MOST_ITEMS: Final = 4096
_MODULES: Final = {"torch": torch, "nn": nn, "F": functional}
_WORTH_KEEPING: Final = 50_000
"""Elements of an operand from which on a result is looked for in what is remembered."""
_NO_SYNTAX: Final = {
    ast.BoolOp: "`and` and `or` ask a tensor for one truth value; write & and | with brackets",
    ast.Not: "`not` asks a tensor for one truth value; write ~",
    ast.Lambda: "a view has no functions of its own",
    ast.IfExp: "a view has no conditions; write torch.where",
    ast.NamedExpr: "a view assigns nothing",
    ast.Await: "a view waits for nothing",
    ast.JoinedStr: "a view makes no texts",
}


class Evaluator:
    """One evaluation, and what it has met."""

    def __init__(self, namespace: Mapping[str, object]) -> None:
        self._namespace = namespace
        self.operands: list[object] = []
        self._computed: dict[int, tuple[Tensor, Hashable]] = {}  # holds the tensors, so that ids stay theirs
        self._kinds: dict[type[ast.expr], Callable[..., object]] = {
            ast.Name: self._name,
            ast.Constant: self._constant,
            ast.Attribute: self._attribute,
            ast.Subscript: self._subscript,
            ast.BinOp: self._binary,
            ast.UnaryOp: self._unary,
            ast.Compare: self._compare,
            ast.Call: self._call,
            ast.List: self._list,
            ast.Tuple: self._tuple,
        }

    def value(self, node: ast.expr) -> object:
        """Return what a part of the expression is."""
        kind = self._kinds.get(type(node))
        if kind is None:
            words = _NO_SYNTAX.get(type(node), "write names, indices, arithmetic and functions of torch")
            raise ViewError("bad expression", f"A view cannot compute {_text(node)}: {words}.")
        try:
            return kind(node)
        except RecursionError:
            raise ViewError("bad expression", "The expression is nested too deeply.") from None
        except ViewError:
            found = listed(self._namespace, node)
            if found is None:
                raise
            self.reach(found)
            return found

    # -- keys -------------------------------------------------------------------------------------

    def reach(self, obj: object) -> None:
        """Note an object of the user's that the expression has come to."""
        if (is_a(obj, Tensor) or is_array(obj)) and not any(obj is known for known in self.operands):
            self.operands.append(obj)

    def key_of(self, value: object) -> Hashable:
        """Return what tells an operand, its version included, from every other."""
        if isinstance(value, Tensor) and id(value) in self._computed:
            return self._computed[id(value)][1]
        if isinstance(value, Tensor):
            return ("tensor", serial_of(value), version_of(value))
        if isinstance(value, list | tuple):
            return (class_name(value), *map(self.key_of, value))
        if isinstance(value, slice):
            return ("slice", value.start, value.stop, value.step)
        return (class_name(value), repr(value))

    def _keep(self, value: object, key: Hashable) -> object:
        """Note a result, so that it is known again as an operand."""
        if isinstance(value, Tensor):
            if not any(value is operand for operand in self.operands):
                self._computed.setdefault(id(value), (value, key))
        elif isinstance(value, tuple | list):
            for place, item in enumerate(value):
                self._keep(item, (key, place))
        return value

    def _operand(self, value: object, node: ast.expr) -> object:
        """Return a value in the form in which operations take it: plain tensors, numbers, lists of them."""
        if is_array(value):
            self.reach(value)
            return self._keep(tensor_of(value), ("array", serial_of(value)))
        if is_a(value, Tensor):
            if id(value) not in self._computed:
                self.reach(value)
            stripped = plain(value, _text(node))
            return value if stripped is value else self._keep(stripped, self.key_of(value))
        if type(value) in (list, tuple, torch.Size) and isinstance(value, list | tuple):
            if len(value) > _MOST_ITEMS:
                raise ViewError("too large", f"{_text(node)} has more than {_MOST_ITEMS:,} items.")
            items = [self._operand(item, node) for item in value]
            return items if type(value) is list else tuple(items)
        if value is None or value is ... or type(value) in (*NUMBERS, str, torch.dtype, slice):
            return value
        raise ViewError("bad expression", f"{_text(node)} is {what_is(value, _text(node))}")

    def _run(
        self, node: ast.expr, name: str, function: Callable[..., object], *args: object, **options: object
    ) -> object:
        """Carry out an operation on operands, or remember what it came to."""
        key = (
            name,
            *map(self.key_of, args),
            *((option, self.key_of(value)) for option, value in options.items()),
        )

        def compute() -> object:
            return guarded(_text(node), function, args, options)

        large = any(isinstance(arg, Tensor) and Tensor.numel(arg) >= _WORTH_KEEPING for arg in _flat(args))
        return self._keep(MEMO.result(key, self.operands, compute) if large else compute(), key)

    # -- parts of an expression -------------------------------------------------------------------

    def _name(self, node: ast.Name) -> object:
        missing = object()
        found = self._namespace.get(node.id, missing)
        if found is missing:
            found = _MODULES.get(node.id, callables.BUILTINS.get(node.id, missing))
        if found is missing:
            names = [name for name in list(self._namespace) if not name.startswith("_")]
            raise ViewError("gone", f"There is no {node.id} now.{nearest(node.id, names)}")
        self.reach(found)
        return found

    def _constant(self, node: ast.Constant) -> object:
        if type(node.value) is bytes:
            raise ViewError("bad expression", f"A view has no use for bytes: {_text(node)}.")
        return node.value

    def _attribute(self, node: ast.Attribute) -> object:
        owner, path = self.value(node.value), _text(node.value)
        if is_array(owner):
            owner = self._operand(owner, node.value)
        if is_a(owner, Tensor):
            return self._of_tensor(owner, node, path)
        if callables.is_module_of_torch(owner):
            return callables.of_module(owner, node.attr, path)
        found = attribute_of(owner, node.attr, path)
        if not self._is_computed(found):
            self.reach(found)
        return found

    def _is_computed(self, obj: object) -> bool:
        return id(obj) in self._computed

    def _of_tensor(self, tensor: Tensor, node: ast.Attribute, path: str) -> object:
        """Return an attribute of a tensor, or one of its methods, to be called."""
        name = node.attr
        if name == "grad":
            found = callables.grad_of(tensor, path)
            if not self._is_computed(found):
                self.reach(found)
            return found
        if name in allowed.ATTRIBUTES:
            operand = self._operand(tensor, node.value)
            if name == "T" and tensor.dim() > 2:
                raise ViewError(
                    "bad expression", f"{path} has {tensor.dim()} dimensions: write .mT for its matrices."
                )
            assert isinstance(operand, Tensor)
            return self._run(node, f".{name}", lambda value: getattr(value, name), operand)
        operand = self._operand(tensor, node.value)
        assert isinstance(operand, Tensor)
        return callables.method_of(operand, name, path)

    def _subscript(self, node: ast.Subscript) -> object:
        owner, path = self.value(node.value), _text(node.value)
        if is_a(owner, Tensor) or is_array(owner):
            operand, index = self._operand(owner, node.value), self._index(node.slice)
            assert isinstance(operand, Tensor)
            text = _text(node)
            if is_basic(index):  # a view, made in no time
                return self._keep(
                    index_tensor(operand, index, path, text), ("[]", self.key_of(operand), self.key_of(index))
                )
            return self._run(
                node, "[]", lambda value, at: index_tensor(value, at, path, text), operand, index
            )
        key = None if isinstance(node.slice, ast.Slice) else self.value(node.slice)
        if not (type(key) in (str, int, float, bool) or is_a(key, Tensor)):
            raise ViewError("bad index", f"{path} is a {class_name(owner)}: take one item, as in {path}[0].")
        found = item_of(owner, key, path)
        if not self._is_computed(found):
            self.reach(found)
        return found

    def _index(self, node: ast.expr) -> object:
        """Return the index of a tensor in the form in which torch takes it."""
        if isinstance(node, ast.Tuple):
            return tuple(self._index(part) for part in node.elts)
        if isinstance(node, ast.Slice):
            return slice(*(self._bound(part) for part in (node.lower, node.upper, node.step)))
        return self._operand(self.value(node), node)

    def _bound(self, node: ast.expr | None) -> int | None:
        value = None if node is None else self._operand(self.value(node), node)
        if isinstance(value, Tensor) and value.numel() == 1 and not value.is_floating_point():
            value = int(value)
        if value is None or type(value) is int:
            return value
        raise ViewError("bad index", f"The bounds of a slice are integers, and {_text(node)} is none.")

    def _binary(self, node: ast.BinOp) -> object:
        left = self._operand(self.value(node.left), node.left)
        right = self._operand(self.value(node.right), node.right)
        return self._arithmetic(node, BINARY[type(node.op)], left, right)

    def _unary(self, node: ast.UnaryOp) -> object:
        if isinstance(node.op, ast.Not):
            raise ViewError("bad expression", f"A view cannot compute {_text(node)}: {_NO_SYNTAX[ast.Not]}.")
        operand = self._operand(self.value(node.operand), node.operand)
        return self._arithmetic(node, UNARY[type(node.op)], operand)

    def _compare(self, node: ast.Compare) -> object:
        function = COMPARE.get(type(node.ops[0]))
        if len(node.ops) > 1 or function is None:
            words = "write one comparison of ==, !=, <, <=, >, >= at a time and join them with &"
            raise ViewError("bad expression", f"A view cannot compute {_text(node)}: {words}.")
        left = self._operand(self.value(node.left), node.left)
        right = self._operand(self.value(node.comparators[0]), node.comparators[0])
        return self._arithmetic(node, function, left, right)

    def _arithmetic(self, node: ast.expr, function: Callable[..., object], *operands: object) -> object:
        for operand in operands:
            if not (isinstance(operand, Tensor) or type(operand) in NUMBERS):
                words = (
                    f"A view computes with tensors and numbers; {_text(node)} has {what_is(operand, 'it')}"
                )
                raise ViewError("bad expression", words)
        return self._run(node, function.__name__, function, *operands)

    def _list(self, node: ast.List) -> object:
        return [self.value(item) for item in node.elts]

    def _tuple(self, node: ast.Tuple) -> object:
        return tuple(self.value(item) for item in node.elts)

    def _call(self, node: ast.Call) -> object:
        function = self.value(node.func)
        if not is_a(function, callables.Function):
            raise ViewError("bad expression", callables.refusal(function, _text(node.func), _text(node)))
        if any(isinstance(arg, ast.Starred) for arg in node.args) or any(
            option.arg is None for option in node.keywords
        ):
            raise ViewError("bad expression", f"A view takes arguments one by one, without *: {_text(node)}.")
        args = [self._operand(self.value(arg), arg) for arg in node.args]
        options = {
            str(option.arg): self._operand(self.value(option.value), option.value) for option in node.keywords
        }
        function.check(args, options, _text(node))
        return self._run(node, function.name, function.call, *function.bound, *args, **options)


def _flat(values: tuple[object, ...]) -> list[object]:
    return [item for value in values for item in (value if isinstance(value, list | tuple) else (value,))]


def _text(node: ast.expr | None) -> str:
    """Return a part of the expression as the user would type it."""
    return "" if node is None else cut(ast.unparse(node))
