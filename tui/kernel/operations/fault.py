"""What the rules of failures share: the fault, what is told of it, and code for cures."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from tui.kernel.operations.culprit import Culprit
from tui.kernel.operations.operation import Argument, Operation
from tui.kernel.operations.seen import ModuleSeen, TensorSeen
from tui.kernel.operations.words import shape_of, shape_text
from tui.kernel.safe_objects import cut
from tui.protocol.operations import Operand

CODE_WIDTH: Final = 100
"""A cure whose code would be longer is left out."""


@dataclass(frozen=True)
class Told:
    """What the user is told."""

    words: str
    cures: Sequence[str] = ()
    """Code that runs in the user's place, perhaps with a comment behind it, or a sentence."""
    operands: Sequence[Operand] | None = None
    """None: those of the expression."""
    sure: bool = False
    """Whether the message alone tells that it is about torch."""


@dataclass(frozen=True)
class Fault:
    """An error, and where it came from."""

    message: str
    kind: str
    """Name of the exception's class."""
    culprit: Culprit | None

    @property
    def op(self) -> Operation | None:
        """The operation that failed, where it is known."""
        return self.culprit.op if self.culprit is not None else None

    @property
    def first(self) -> Argument | None:
        """The first tensor that went in."""
        return self.op.tensors[0] if self.op is not None and self.op.tensors else None

    @property
    def layer(self) -> ModuleSeen | None:
        """The layer inside which it failed."""
        return (
            self.culprit.layer.seen if self.culprit is not None and self.culprit.layer is not None else None
        )


Rule = tuple[str, Callable[[Fault, re.Match[str]], Told | None]]


def first_sentence(message: str, limit: int = 300) -> str:
    """Return the beginning of a message on one line."""
    lines = message.strip().split("\n\n")[0]
    return cut(" ".join(lines.split()), limit)


def code(argument: Argument) -> str:
    """Return an operand as code that a method can be called on; empty where it is too long."""
    text = " ".join(ast.unparse(argument.node).split())
    if not isinstance(argument.node, ast.Name | ast.Attribute | ast.Call | ast.Subscript):
        text = f"({text})"
    return text if len(text) <= CODE_WIDTH // 2 else ""


def called(op: Operation, *arguments: str) -> str:
    """Return the operation with other operands in place of its first ones; empty where that is too long."""
    if not all(arguments):
        return ""
    node = op.node
    if isinstance(node, ast.BinOp | ast.Compare) and len(arguments) == 2:
        text = f"{arguments[0]} {op.symbol} {arguments[1]}"
    elif isinstance(node, ast.AugAssign) and len(arguments) == 2:
        text = f"{ast.unparse(node.target)} = {arguments[0]} {op.symbol.removesuffix('=')} {arguments[1]}"
    elif isinstance(node, ast.Call):
        text = _call(node, op, arguments)
    else:
        return ""
    text = tidy(text)
    return text if len(text) <= CODE_WIDTH else ""


def tidy(text: str) -> str:
    """Return code without brackets that it does not need."""
    return ast.unparse(ast.parse(text))


def out_of_place(op: Operation) -> str:
    """Return `x = x.add(y)` for `x.add_(y)`."""
    base = code(op.arguments[0])
    rest = ", ".join(ast.unparse(argument.node) for argument in op.arguments[1:])
    text = tidy(f"{base}.{op.name.removesuffix('_')}({rest})") if base else ""
    return f"{base} = {text}" if isinstance(op.arguments[0].node, ast.Name) and text else text


def _call(node: ast.Call, op: Operation, arguments: Sequence[str]) -> str:
    method = len(op.arguments) == len(node.args) + 1
    given, func = list(arguments), ast.unparse(node.func)
    if method and isinstance(node.func, ast.Attribute):
        func = f"{given.pop(0)}.{node.func.attr}"
    rest = [ast.unparse(item) for item in node.args[len(given) :]]
    names = [ast.unparse(keyword) for keyword in node.keywords]
    return f"{func}({', '.join([*given, *rest, *names])})"


def named(argument: Argument) -> str:
    """Return e.g. `x (2, 3)`."""
    shape = shape_of(argument.seen)
    return argument.text if shape is None else f"{argument.text} {shape_text(shape)}"


def typed_name(argument: Argument) -> str:
    """Return e.g. `x float32 (2, 3)`."""
    seen = argument.seen
    if isinstance(seen, TensorSeen):
        return f"{argument.text} {seen.dtype_name} {shape_text(seen.shape or ())}"
    return named(argument)
