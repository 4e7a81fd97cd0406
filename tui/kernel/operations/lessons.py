"""Lessons that need not be told for ever: that whole numbers make int64 is news once or twice."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Final

from tui.protocol.operations import Explanation

TIMES: Final = 3
"""How often one is told in a session."""


class Lessons:
    """Leaves out of an explanation what has been told often enough.

    A lesson is a note on how a tensor was made from nothing: of the operation it says the same every time.
    """

    def __init__(self) -> None:
        self._told: Counter[str] = Counter()

    def trimmed(self, explanation: Explanation) -> Explanation | None:
        """Return the explanation without worn-out lessons; None where nothing is left of it."""
        steps = []
        for step in explanation.steps:
            if step.inputs or step.operation == "backward":
                steps.append(step)
                continue
            fresh = tuple(note for note in step.notes if self._told[note] < TIMES)
            self._told.update(fresh)
            if fresh or not step.notes:
                steps.append(replace(step, notes=fresh))
        return replace(explanation, steps=tuple(steps)) if steps else None
