"""The generated code, coloured, with the lines of the block under the cursor marked."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import ClassVar

from textual.binding import BindingType

from tui.protocol.building import Block, BlockFacts
from tui.widgets.drawn.highlight import python_spans
from tui.widgets.drawn.lines import StyledLine
from tui.widgets.drawn.text import one, sentence
from tui.widgets.foreign import clean
from tui.widgets.gradients.item_lines import ItemLines
from tui.widgets.variables.painting import Painted

_CODE_STYLES = {
    "code.comment": "dim", "code.string": "good", "code.number": "number", "code.keyword": "keyword",
    "code.function": "function", "code.builtin": "builtin",
}  # fmt: skip


def code_lines(code: str) -> list[StyledLine]:
    """Return code as coloured lines."""
    text = clean(code.rstrip("\n"))
    spans = python_spans(text)
    return [
        StyledLine(line, tuple((start, end, _CODE_STYLES.get(style, "")) for start, end, style in spans[row]))
        for row, line in enumerate(text.split("\n"))
    ]


def lines_of_block(code: str, block: Block | None, facts: BlockFacts | None, nth: int = 0) -> set[int]:
    """Return the lines of the code that a block stands in: by its attribute, else by how it is written there.

    `nth`: how many blocks before it are written the same.
    """
    lines = code.split("\n")
    if block is None or facts is None:
        return set()
    if facts.name.isidentifier():
        attribute = re.compile(rf"\bself\.{re.escape(facts.name)}\b")
        found = {row for row, line in enumerate(lines) if attribute.search(line)}
        if found:
            return {row for start in found for row in _statement(lines, start)}
    written = block.layer if block.kind == "expression" else facts.label
    if not written:
        return set()
    rows = [row for row, line in enumerate(lines) if written in line.partition("  #")[0]]
    return {rows[nth]} if nth < len(rows) else set(rows[:1])


def _statement(lines: Sequence[str], start: int) -> range:
    """Return the lines of the statement that begins in a line: until its brackets are closed."""
    depth = 0
    for row in range(start, len(lines)):
        plain = lines[row].partition("  #")[0]
        depth += sum(plain.count(mark) for mark in "([{") - sum(plain.count(mark) for mark in ")]}")
        if depth <= 0:
            return range(start, row + 1)
    return range(start, start + 1)


class CodePane(ItemLines, inherit_bindings=False):
    """Shows code; scrolled by the screen's keys and by the mouse."""

    DEFAULT_CSS = """
    CodePane { background: $background; }
    CodePane > .itemlines--number { color: $accent; }
    CodePane > .itemlines--keyword { color: $primary; text-style: bold; }
    CodePane > .itemlines--function { color: $secondary; }
    CodePane > .itemlines--builtin { color: $secondary; }
    CodePane > .itemlines--marked { background: $primary 18%; }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        f"itemlines--{name}" for name in ("number", "keyword", "function", "builtin", "marked")
    }
    BINDINGS: ClassVar[list[BindingType]] = []
    can_focus = False

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._code = ""
        self._note = ""
        self._lines: list[StyledLine] = []
        self._marked: Collection[int] = ()
        self._notes = 0

    def show(self, code: str, marked: Collection[int], *, note: str = "") -> None:
        """Show code, with some of its lines marked and on the screen; `note` stands above it."""
        if (code, set(marked), note) == (self._code, set(self._marked), self._note):
            return
        moved = set(marked) != set(self._marked)
        self._code, self._marked, self._note = code, frozenset(marked), note
        self.lay_out_again()
        if moved and marked:
            self._bring(min(marked) + self._notes, max(marked) + self._notes)

    def _bring(self, first: int, last: int) -> None:
        if first < self._top or last >= self._top + self.page_rows:
            self.scroll_rows(first - self._top - max(0, (self.page_rows - (last - first + 1)) // 2))

    def lay_out(self, width: int) -> tuple[Sequence[str], Sequence[int]]:
        """Make the lines."""
        above = (
            sentence(self._note, max(width - 2, 10), "dim", lead=(" ", ""), indent=1) if self._note else []
        )
        self._notes = len(above)
        self._lines = [*above, *(code_lines(self._code) if self._code else [one("")])]
        return [""] * len(self._lines), [1] * len(self._lines)

    def item_line(self, item: int, line: int, width: int) -> StyledLine:
        """Return a line."""
        return self._lines[item]

    def make_line(self, y: int) -> Painted:
        """Return a line of the screen, on another ground where it is marked."""
        painted = super().make_line(y)
        marked = self._top + y - self._notes in self._marked
        return Painted(painted.line, "marked") if marked else painted
