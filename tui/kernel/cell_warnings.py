"""Warnings of a cell's own code name the cell, `In [3], line 2`, and not the file that Jupyter compiled it under."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any


def install(shell: Any, wanted: Callable[[], bool]) -> None:
    """Name the cells of an IPython shell in the warnings that are printed.

    Args:
        shell: an `InteractiveShell`.
        wanted: whether the cell that is running is one of ours; those of others print as ever.
    """
    python = warnings.formatwarning

    def formatwarning(
        message: Warning | str, category: type[Warning], filename: str, lineno: int, line: str | None = None
    ) -> str:
        number = getattr(shell.compile, "_filename_map", {}).get(filename)
        if number is None or not wanted():
            return python(message, category, filename, lineno, line)
        return f"In [{number}], line {lineno}: {category.__name__}: {message}\n"

    warnings.formatwarning = formatwarning
