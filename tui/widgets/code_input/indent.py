"""Indentation and comments as typed code needs them: pure functions of text."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tui.protocol.python_text import outline

WIDTH = 4
_LEAVES_BLOCK = re.compile(r"\s*(?:return|pass|raise|break|continue)\b")
_COMMENTED = re.compile(r"(\s*)# ?")


def next_indent(before: str) -> str:
    """Return the indent of the line after the text before the cursor.

    Within a bracket: below what follows it, or one step in where nothing does. After a block's head one step in,
    after what leaves a block one step back.
    """
    seen = outline(before)
    if seen.string is not None:
        return ""
    if seen.unclosed:
        bracket = seen.unclosed[-1]
        start = before.rfind("\n", 0, bracket) + 1
        rest = before[bracket + 1 :].partition("\n")[0]
        if rest.strip() and not rest.lstrip().startswith("#"):
            return " " * (bracket - start + 1 + len(rest) - len(rest.lstrip()))
        return _indent_of(before[start:]) + " " * WIDTH
    start = before.rfind("\n") + 1
    for opening, closing in sorted(seen.pairs.items(), reverse=True):
        if opening < start <= closing:
            start = before.rfind("\n", 0, opening) + 1
    statement = before[start:]
    indent = _indent_of(statement)
    if without_comment(statement).endswith(":"):
        return indent + " " * WIDTH
    return indent[:-WIDTH] if _LEAVES_BLOCK.match(statement) else indent


def _indent_of(line: str) -> str:
    return line[: len(line) - len(line.lstrip(" \t"))]


def without_comment(code: str) -> str:
    """Return the code without the comment and the blanks at its end."""
    start = code.rfind("\n") + 1
    while (start := code.find("#", start)) >= 0:
        if outline(code[: start + 1]).comment:
            return code[:start].rstrip()
        start += 1
    return code.rstrip()


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
    """Guess whether code can run: it has no open block, no open bracket or string, no continued line."""
    last = code.rstrip(" ").rpartition("\n")[2]
    seen = outline(code)
    if seen.unclosed or (seen.string is not None and code.startswith(('"""', "'''"), seen.string)):
        return False
    if "\n" in code.strip() and not last.strip():
        return True
    return not (without_comment(last).endswith((":", "\\")) or last.startswith((" ", "\t")))


# -- several lines --------------------------------------------------------------------------------


def shifted(lines: Sequence[str], steps: int) -> list[str]:
    """Return the lines one step in (1) or out (-1); blank lines stay as they are."""
    if steps > 0:
        return [" " * WIDTH + line if line.strip() else line for line in lines]
    return [line[1:] if line.startswith("\t") else line[_blanks(line) :] for line in lines]


def _blanks(line: str) -> int:
    return min(WIDTH, len(line) - len(line.lstrip(" ")))


def comment_toggled(lines: Sequence[str]) -> list[str]:
    """Return the lines as comments, at the indent that all share; as code again where all are comments."""
    filled = [line for line in lines if line.strip()]
    if not filled:
        return ["# " if len(lines) == 1 else line for line in lines]
    if all(_COMMENTED.match(line) for line in filled):
        return [_COMMENTED.sub(r"\1", line, count=1) for line in lines]
    column = min(len(_indent_of(line)) for line in filled)
    return [f"{line[:column]}# {line[column:]}" if line.strip() else line for line in lines]
