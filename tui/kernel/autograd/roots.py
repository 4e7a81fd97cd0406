"""The tensor behind an expression: the user's own object, or a little arithmetic on it that autograd records."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from typing import Final

import torch
from torch import Tensor, nn

from tui.kernel import torch_private
from tui.kernel.autograd.errors import AutogradError
from tui.kernel.safe_objects import is_a
from tui.kernel.viewing.errors import ViewError, reading
from tui.kernel.viewing.expression import evaluate

_REDUCTIONS: Final = ("sum", "mean", "norm", "max", "min", "abs", "square")
_BINARY: Final[dict[type[ast.operator], Callable[[object, object], object]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
    ast.MatMult: operator.matmul,
}


def root_of(expression: str, namespace: Mapping[str, object]) -> Tensor:
    """Return the tensor that an expression names; runs none of the user's code.

    A path (``loss``, ``losses[0]``, ``w.grad``) gives the very object. Constant indices, arithmetic and ``.sum()``,
    ``.mean()`` and the like after a path are computed here, with autograd recording: ``y[0]``, ``(y * y).sum()``.

    Raises:
        AutogradError: ``bad expression`` or ``gone``.
    """
    text = expression.strip()
    try:
        tree = ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise AutogradError("bad expression", f"{text or 'Nothing'} is not an expression.") from None
    try:
        with torch.enable_grad(), torch_private.without_overrides():
            value = _value(tree, namespace)
    except ViewError as error:
        raise AutogradError(error.kind, str(error)) from None
    except AutogradError:
        raise
    except Exception as error:
        first = (str(error).strip().splitlines() or [""])[0]
        raise AutogradError("bad expression", f"{text} cannot be computed: {first}") from error
    if not is_a(value, Tensor):
        raise AutogradError("bad expression", f"{text} is no tensor.")
    return value


def value_of(expression: str, namespace: Mapping[str, object]) -> Tensor:
    """Return the values of an expression, without a graph: whatever the tensor viewer takes.

    Raises:
        AutogradError: as the viewer refuses it.
    """
    try:
        with reading(expression):
            return evaluate(expression, namespace).value
    except ViewError as error:
        raise AutogradError(error.kind, str(error)) from None


def _value(node: ast.expr, namespace: Mapping[str, object]) -> object:
    """Return what a part of the expression is: a tensor or a number."""
    match node:
        case ast.Constant(value=int() | float() as number):
            return number
        case ast.BinOp() if type(node.op) in _BINARY:
            return _BINARY[type(node.op)](_value(node.left, namespace), _value(node.right, namespace))
        case ast.UnaryOp(op=ast.USub()):
            return operator.neg(_value(node.operand, namespace))  # type: ignore[arg-type]
        case ast.Call(func=ast.Attribute() as method) if method.attr in _REDUCTIONS and not node.args:
            if not node.keywords:
                return getattr(Tensor, method.attr)(_plain(_value(method.value, namespace)))
    text = ast.unparse(node)
    with reading(text):
        found = evaluate(text, namespace)
    if found.plain_path:
        return found.value
    if isinstance(node, ast.Subscript):
        try:
            index = ast.literal_eval(node.slice)
        except (ValueError, TypeError, SyntaxError):
            index = None
        if index is not None:
            return _plain(_value(node.value, namespace))[index]
    raise AutogradError(
        "bad expression",
        f"{text} is computed without autograd here. Assign it to a name in a cell, and point at that.",
    )


def _plain(value: object) -> Tensor:
    if type(value) is Tensor or type(value) is nn.Parameter:
        return value
    raise AutogradError(
        "bad expression", "Only torch's own tensors are computed with here; assign it in a cell first."
    )
