"""Expressions of a design as the code has them: with the variable that runs on in place of ``x``."""

from __future__ import annotations

import ast

from tui.kernel.building.labels import OPEN, quoted

RUNNING = "x"
"""What the value that runs on is called in a design."""


def is_expression(text: str) -> bool:
    """Whether a text is a Python expression; code that is not finished has ``...`` in the place of others."""
    try:
        ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def argument(text: str, source: str) -> str:
    """Return an argument of a call, e.g. ``x`` or ``mask=mask``."""
    try:
        call = ast.parse(f"f({text})", mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return OPEN
    if not isinstance(call, ast.Call) or len(call.args) + len(call.keywords) != 1:
        return OPEN
    if call.keywords:
        return f"{call.keywords[0].arg}={renamed(ast.unparse(call.keywords[0].value), source)}"
    return renamed(ast.unparse(call.args[0]), source)


def renamed(text: str, source: str) -> str:
    """Return an expression with what runs on, a variable or an expression, in place of ``x``."""
    try:
        tree, running = ast.parse(text.strip(), mode="eval"), ast.parse(source, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return OPEN
    return quoted(ast.unparse(_Running(running).visit(tree)))


class _Running(ast.NodeTransformer):
    """Puts an expression in the place of ``x``."""

    def __init__(self, running: ast.expr) -> None:
        self._running = running

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self._running if node.id == RUNNING else node


def takes_index(expression: str) -> bool:
    """Whether an index can stand behind an expression without brackets around it."""
    node = ast.parse(expression, mode="eval").body
    return isinstance(node, ast.Call | ast.Name | ast.Attribute | ast.Subscript | ast.Tuple | ast.List)
