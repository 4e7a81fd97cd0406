"""A session's cells as a Python script that plain Python runs."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterable
from typing import Final

from tui.client.journal import JournalCell
from tui.protocol.python_text import outline

PRELOADED: Final = {
    "torch": "import torch",
    "nn": "from torch import nn",
    "F": "from torch.nn import functional as F",
}
"""Names that a session has without importing them, and what imports each."""
_MAGIC: Final = re.compile(r"\s*(?:[%!?]|[\w., ()\[\]]+=\s*(?:!|%(?!\s)))|.*\w\?{1,2}\s*$")


def to_script(cells: Iterable[JournalCell]) -> str:
    """Return the cells as a script, each under its number.

    What plain Python cannot run is a comment: magics and shell commands, cells that raised, and code that only
    IPython understands. Cells that never ran to their end because the kernel was lost are marked.
    """
    cells = list(cells)
    parts = ["\n".join(imports_for(cell.code for cell in cells))]
    kernel = cells[0].kernel if cells else 0
    for cell in cells:
        if cell.kernel != kernel:
            parts.append("# ---- a fresh kernel: the variables above were lost here ----")
            kernel = cell.kernel
        head, code = f"# In [{cell.count}]", plain_python(cell.code)
        if cell.status == "error":
            failure = cell.failure
            head += f"  raised {failure.kind}" if failure is not None else "  failed"
            code = commented(cell.code)
        elif cell.status == "aborted":
            head += "  did not end"
        parts.append(f"{head}\n{code.rstrip()}")
    return "\n\n\n".join(filter(None, parts)) + "\n"


def imports_for(codes: Iterable[str]) -> list[str]:
    """Return the imports of the names that the cells use and that a session brings along."""
    used: set[str] = set()
    bound: set[str] = set()
    for code in codes:
        tree = _parsed(plain_python(code))
        if tree is None:
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Name):
                (used if isinstance(node.ctx, ast.Load) else bound).add(node.id)
            elif isinstance(node, ast.Import | ast.ImportFrom):
                bound |= {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
    return [line for name, line in PRELOADED.items() if name in used and name not in bound]


def _parsed(code: str) -> ast.Module | None:
    try:
        return ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _is_plain(code: str) -> bool:
    """Whether Python takes it as a file's code: it may parse and still await, or return, where it must not."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            compile(code, "<cell>", "exec", dont_inherit=True)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return False
    return True


def plain_python(code: str) -> str:
    """Return the code with what only IPython understands as comments; the same where there is nothing of it."""
    if _is_plain(code):
        return code
    if code.lstrip().startswith("%%"):
        return commented(code)
    seen = outline(code)
    inside = [*seen.pairs.items(), *((start, end - 1) for start, end in seen.strings)]
    lines, index, continued = [], 0, False
    for line in code.split("\n"):
        begins = not continued and not any(start < index <= end for start, end in inside)
        lines.append(_without_magic(line) if begins else line)
        continued = line.endswith("\\")
        index += len(line) + 1
    text = "\n".join(lines)
    return text if _is_plain(text) else commented(code)


def _without_magic(line: str) -> str:
    if not _MAGIC.match(line) or line.lstrip().startswith("#"):
        return line
    indent = line[: len(line) - len(line.lstrip())]
    # a block must not lose its only statement
    return f"{indent}pass  # {line.lstrip()}" if indent else f"# {line}"


def commented(code: str) -> str:
    """Return the code as a comment."""
    return "\n".join(f"# {line}".rstrip() for line in code.split("\n"))
