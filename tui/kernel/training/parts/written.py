"""Choices and values as they are typed, read with `ast` and never run."""

from __future__ import annotations

import ast
import math
from dataclasses import dataclass, field
from typing import Final

from tui.kernel.safe_objects import cut

_PREFIXES: Final = (
    "torch.optim.lr_scheduler.", "optim.lr_scheduler.", "lr_scheduler.", "torch.optim.", "optim.", "torch.nn.", "nn.",
)  # fmt: skip
_NUMBERS: Final = {"inf": math.inf, "nan": math.nan}


class ChoiceError(ValueError):
    """A choice that names nothing, or nothing that can be used; the message is for the user."""


@dataclass(frozen=True)
class Call:
    """A choice as it was written."""

    name: str
    positional: tuple[object, ...] = ()
    named: dict[str, object] = field(default_factory=dict)


def read_call(text: str) -> Call:
    """Read ``Name`` or ``Name(…)`` with literals, without running anything.

    Raises:
        ChoiceError: it is something else.
    """
    node = parsed(text)
    call = node if isinstance(node, ast.Call) else None
    name = _dotted(call.func if call is not None else node)
    if name is None:
        raise ChoiceError(f"{cut(text)} is no name with arguments, such as SGD(lr=0.1)")
    for prefix in _PREFIXES:
        if name.startswith(prefix):
            name = name.removeprefix(prefix)
            break
    if call is None:
        return Call(name)
    if any(keyword.arg is None for keyword in call.keywords):
        raise ChoiceError(f"arguments are given one by one, without **: {cut(text)}")
    return Call(
        name,
        tuple(literal_of(value) for value in call.args),
        {str(keyword.arg): literal_of(keyword.value) for keyword in call.keywords},
    )


def read_literal(text: str) -> object:
    """Read a Python literal, ``inf`` and ``nan`` too, without running anything.

    Raises:
        ChoiceError: it is none.
    """
    return literal_of(parsed(text))


def parsed(text: str) -> ast.expr:
    """Return the expression that a text is.

    Raises:
        ChoiceError: it is none.
    """
    try:
        return ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError) as error:
        reason = error.msg if isinstance(error, SyntaxError) else str(error)
        raise ChoiceError(f"{cut(text) or 'an empty text'} cannot be read: {reason}") from None
    except (RecursionError, MemoryError):
        raise ChoiceError("the text is nested too deeply") from None


def _dotted(node: ast.expr) -> str | None:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        owner = _dotted(node.value)
        return None if owner is None else f"{owner}.{node.attr}"
    return None


def literal_of(node: ast.expr) -> object:
    """Return the value that an expression writes out.

    Raises:
        ChoiceError: it would have to be computed.
    """
    try:
        return ast.literal_eval(_Infinities().visit(node))
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        raise ChoiceError(
            f"{cut(ast.unparse(node))} is no plain value: a number, text, True, False, None or a list of such"
        ) from None


class _Infinities(ast.NodeTransformer):
    """Lets ``inf`` and ``nan`` be written as Python shows them."""

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return ast.copy_location(ast.Constant(_NUMBERS[node.id]), node) if node.id in _NUMBERS else node
