"""Indentation as typed code needs it: pure functions of the text before the cursor."""

from __future__ import annotations

WIDTH = 4


def next_indent(before: str) -> str:
    """Return the indent of the line after the text before the cursor."""
    line = before.rpartition("\n")[2]
    indent = line[: len(line) - len(line.lstrip())]
    return indent + (" " * WIDTH if line.rstrip().endswith(":") else "")


def to_tab_stop(column: int) -> int:
    """Return how many spaces lead to the next tab stop."""
    return WIDTH - column % WIDTH


def back_to_tab_stop(before: str) -> int:
    """Return how many characters backspace takes: in the indent, all to the tab stop before."""
    line = before.rpartition("\n")[2]
    if not line or line.strip(" "):
        return 1
    return (len(line) - 1) % WIDTH + 1


def looks_complete(code: str) -> bool:
    """Guess whether code can run: it has no open block, no open bracket, no continued line."""
    last = code.rstrip(" ").rpartition("\n")[2]
    if "\n" in code.strip() and not last.strip():
        return True
    opened = sum(code.count(bracket) for bracket in "([{") > sum(code.count(bracket) for bracket in ")]}")
    return not (opened or last.endswith((":", "\\")) or last.startswith((" ", "\t")))
