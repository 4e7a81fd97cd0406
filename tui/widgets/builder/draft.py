"""The design that is being edited: where the cursor is, and every state before and after."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count

from tui.protocol.building import Block, Design
from tui.widgets.builder.blocks import find, ids_of
from tui.widgets.builder.edit import Edit


@dataclass(frozen=True)
class State:
    """A design at one time; states share the blocks that they have in common."""

    design: Design
    cursor: int
    words: str = ""
    """What led to it."""


class Draft:
    """A design under edit; undo and redo have no limit."""

    def __init__(self, design: Design | None = None, cursor: int = 0) -> None:
        design = design if design is not None else Design()
        self._past: list[State] = []
        self._future: list[State] = []
        self._now = State(design, cursor or (design.body[0].id if design.body else 0))
        self.ids = count(max([0, *ids_of(design.body)]) + 1)
        """Gives ids that no block of this draft has or had."""

    @property
    def design(self) -> Design:
        """The design as it is."""
        return self._now.design

    @property
    def cursor(self) -> int:
        """Id of the block that is looked at; 0: there is none."""
        return self._now.cursor

    @property
    def block(self) -> Block | None:
        """The block that is looked at."""
        return find(self.design, self.cursor) if self.cursor else None

    def look_at(self, block: int) -> None:
        """Put the cursor on a block; that is no edit."""
        self._now = State(self.design, block, self._now.words)

    def take(self, edit: Edit, words: str) -> bool:
        """Take an edit; return whether it changed anything. What was undone before can no longer be redone."""
        if edit.design == self.design:
            self.look_at(edit.cursor)
            return False
        self._past.append(self._now)
        self._future.clear()
        self._now = State(edit.design, edit.cursor, words)
        return True

    def amend(self, edit: Edit) -> None:
        """Take an edit as a part of the one before: both are undone together."""
        self._now = State(edit.design, edit.cursor, self._now.words)

    def begin(self, design: Design, words: str) -> None:
        """Begin another design, which can be undone as any edit; its ids are made new where they were used."""
        highest = max([0, *ids_of(design.body)])
        self.ids = count(max(next(self.ids), highest + 1))
        self.take(Edit(design, design.body[0].id if design.body else 0), words)

    def undo(self) -> str:
        """Go back by one edit; return what it was, empty where there is none."""
        if not self._past:
            return ""
        words = self._now.words
        self._future.append(self._now)
        self._now = self._past.pop()
        return words

    def redo(self) -> str:
        """Make the edit again that was undone last; return what it is, empty where there is none."""
        if not self._future:
            return ""
        self._past.append(self._now)
        self._now = self._future.pop()
        return self._now.words
