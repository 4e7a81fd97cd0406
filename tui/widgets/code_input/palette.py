"""The colours of Python code, from the variables of the app's theme."""

from __future__ import annotations

from collections.abc import Mapping

from rich.style import Style
from textual.color import Color, ColorParseError

CODE_VARIABLES = {
    "keyword": "text-primary",
    "string": "text-success",
    "number": "text-accent",
    "builtin": "text-secondary",
    "function": "text-warning",
}
"""Kinds of code and the theme variable of each. Comments are dim and in italics."""

_CAPTURES = {
    "keyword": (
        "keyword", "keyword.function", "keyword.return", "keyword.operator", "conditional", "repeat",
        "include", "exception", "boolean", "constant.builtin",
    ),
    "string": ("string", "string.documentation", "string.escape"),
    "number": ("number", "float"),
    "builtin": ("type.builtin", "function.builtin"),
    "function": ("function", "method", "type.class", "attribute"),
    "comment": ("comment",),
}  # fmt: skip


def code_styles(variables: Mapping[str, str]) -> dict[str, Style]:
    """Return a style for each kind of code; kinds whose colour the theme does not tell stay plain."""
    styles = {"comment": Style(dim=True, italic=True)}
    for kind, variable in CODE_VARIABLES.items():
        try:
            styles[kind] = Style(color=Color.parse(variables[variable]).rich_color)
        except (KeyError, ColorParseError):
            styles[kind] = Style.null()
    return styles


def capture_styles(variables: Mapping[str, str]) -> dict[str, Style]:
    """Return a style for each capture of tree-sitter's highlight query for Python."""
    styles = code_styles(variables)
    return {capture: styles[kind] for kind, captures in _CAPTURES.items() for capture in captures}
