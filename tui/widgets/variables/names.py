"""Names as Python takes them: what shadows something, and whether a variable can be renamed to it."""

from __future__ import annotations

import builtins
import keyword
import unicodedata
from collections.abc import Container
from typing import Final

_OURS: Final = {"torch": "torch", "nn": "torch.nn", "F": "torch.nn.functional"}
"""What a fresh kernel has under these names."""
_IPYTHON: Final = frozenset({"In", "Out", "get_ipython", "exit", "quit", "open"})
_BUILTINS: Final = frozenset(name for name in dir(builtins) if not name.startswith("_"))


def shadows(name: str) -> str:
    """Return what a top-level name hides, e.g. ``torch.nn`` or ``the builtin sum``; empty where it hides nothing."""
    if name in _OURS:
        return _OURS[name]
    return f"the builtin {name}" if name in _BUILTINS else ""


def rename_problem(new: str, names: Container[str]) -> str:
    """Return why a variable cannot be called `new`, for the user; empty where it can.

    `names`: the names that are taken.
    """
    normal = unicodedata.normalize("NFKC", new)  # as Python reads it
    if not new:
        return "type a new name"
    if not (new.isidentifier() and normal.isidentifier()):
        return _not_a_name(new)
    if keyword.iskeyword(normal):
        return f"{new} is a word of Python's own"
    if normal in names:
        return f"{normal} is taken"
    if normal in _IPYTHON:
        return f"{normal} belongs to IPython"
    if hidden := shadows(normal):
        return f"{normal} would shadow {hidden}"
    if normal.startswith("_"):
        return "names with _ in front are not listed"
    return ""


def _not_a_name(text: str) -> str:
    if text[0].isdigit():
        return "a name cannot begin with a digit"
    odd = next(
        (c for c in text if not (c == "_" or ("a" + unicodedata.normalize("NFKC", c)).isidentifier())), ""
    )
    return (
        f"a name cannot hold {'a space' if odd == ' ' else odd}"
        if odd.isprintable() and odd
        else "not a name"
    )
