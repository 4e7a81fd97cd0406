"""What IPython keeps of every output for its ``%notebook``, not kept.

All that a cell prints and shows would stay in the kernel's memory for good: a million lines, every drawing. The UI
has its own journal, with a limit.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any


class ForgetfulOutputs(defaultdict[int, list[Any]]):
    """A `HistoryManager.outputs` that takes everything and has nothing."""

    def __init__(self) -> None:
        super().__init__(list)

    def __missing__(self, key: int) -> list[Any]:
        return []

    def setdefault(self, key: int, default: list[Any] | None = None) -> list[Any]:
        """Return a list of nobody's."""
        return []
