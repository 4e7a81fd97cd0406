"""Python code coloured: for each line, the names of the code styles and where they hold."""

from __future__ import annotations

from collections.abc import Container
from functools import lru_cache

CODE_LIMIT = 20_000
"""Characters above which code stays plain."""

NamedSpan = tuple[int, int, str]


@lru_cache(maxsize=1)
def _styles() -> tuple[tuple[Container[object], str], ...]:
    """Token types and the code style of each, the special before the general."""
    from pygments.token import (  # type: ignore[import-untyped]
        Comment,
        Keyword,
        Name,
        Number,
        Operator,
        String,
    )

    return (
        (Comment, "code.comment"),
        (String, "code.string"),
        (Number, "code.number"),
        (Keyword, "code.keyword"),
        (Operator.Word, "code.keyword"),
        (Name.Function, "code.function"),
        (Name.Class, "code.function"),
        (Name.Decorator, "code.function"),
        (Name.Builtin, "code.builtin"),
        (Name.Exception, "code.builtin"),
    )


def python_spans(code: str) -> list[list[NamedSpan]]:
    """Return the spans of each line of some code; code that is long or no Python gets few or none."""
    result: list[list[NamedSpan]] = [[] for _ in range(code.count("\n") + 1)]
    if len(code) > CODE_LIMIT:
        return result
    from pygments.lexers.python import PythonLexer  # type: ignore[import-untyped]

    row, column = 0, 0
    for token, text in PythonLexer(stripnl=False, ensurenl=False).get_tokens(code):
        name = _style_of(token)
        for index, part in enumerate(text.split("\n")):
            if index:
                row, column = row + 1, 0
            if name and part and row < len(result):
                result[row].append((column, column + len(part), name))
            column += len(part)
    return result


@lru_cache(maxsize=256)
def _style_of(token: object) -> str:
    return next((name for kind, name in _styles() if token in kind), "")
