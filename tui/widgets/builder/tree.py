"""The tree of blocks: a cursor, folds, a selection of neighbours."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import ClassVar

from textual import events
from textual.binding import BindingType

from tui.protocol.building import Block
from tui.widgets.builder.chooser import TakeKey
from tui.widgets.builder.row_lines import Seen, columns_of, has_words, head_line, row_lines
from tui.widgets.builder.rows import TreeRow, tree_rows
from tui.widgets.drawn.lines import StyledLine
from tui.widgets.drawn.text import Pen, sentence
from tui.widgets.gradients.item_lines import ItemLines
from tui.widgets.keys import key

EMPTY = (
    "An empty model. a adds a layer: type conv 32 3, enter; several at once: conv 32 3 | relu | pool 2. "
    "T begins with a template, o opens a model of the namespace. F1 tells all keys."
)


class BlockTree(ItemLines, inherit_bindings=False):
    """Draws the rows of a design."""

    DEFAULT_CSS = """
    BlockTree > .itemlines--filled { color: $foreground 62%; text-style: italic; }
    BlockTree > .itemlines--layer { color: $foreground; text-style: bold; }
    BlockTree > .itemlines--structure { color: $accent; text-style: bold; }
    BlockTree > .itemlines--name { color: $secondary; }
    BlockTree > .itemlines--frozen { color: $secondary; text-style: italic; }
    BlockTree > .itemlines--fold { color: $accent; }
    BlockTree > .itemlines--selected { color: $accent; text-style: bold; }
    """
    OWN_NAMES: ClassVar[tuple[str, ...]] = (
        "filled", "layer", "structure", "name", "frozen", "fold", "selected",
    )  # fmt: skip
    COMPONENT_CLASSES: ClassVar[set[str]] = {f"itemlines--{name}" for name in OWN_NAMES}
    BINDINGS: ClassVar[list[BindingType]] = [
        key("up", "move(-1)", "Up", "builder.up", "The block above", show=False),
        key("down", "move(1)", "Down", "builder.down", "The block below", show=False),
        key("left", "outward", "Out", "builder.out", "Fold, or to the block that it is in", show=False),
        key("right", "inward", "In", "builder.in", "Unfold, or to the first block in it", show=False),
        key("pageup", "page(-1)", "Page up", "builder.page-up", "One page up", show=False),
        key("pagedown", "page(1)", "Page down", "builder.page-down", "One page down", show=False),
        key("home", "ends(0)", "First", "builder.first", "The first block", show=False),
        key("end", "ends(-1)", "Last", "builder.last", "The last block", show=False),
        key("space", "fold", "Fold", "builder.fold", "Fold what is in the block, or unfold it", show=False),
        key(
            "shift+up", "select(-1)", "Select", "builder.select-up", "Select the block above too", show=False
        ),
        key(
            "shift+down",
            "select(1)",
            "Select",
            "builder.select-down",
            "Select the block below too",
            show=False,
        ),
        key("enter", "choose", "Properties", "builder.properties", "Name, arguments, freezing of the block"),
    ]

    def __init__(
        self,
        *,
        take_key: TakeKey | None = None,
        looked: Callable[[int], None] | None = None,
        id: str | None = None,
    ) -> None:
        """`take_key` is asked first what to do with a key: those on their way when the focus went stay in order.

        `looked` is told the block that the cursor goes to.
        """
        super().__init__(id=id)
        self._take_key = take_key
        self._looked = looked
        self._selecting = False
        self.folded: set[int] = set()
        """Ids of the blocks whose content is hidden."""
        self._body: Sequence[Block] = ()
        self._rows: list[TreeRow] = []
        self._seen = Seen({}, {})
        self._anchor = 0
        self._failing: set[int] = set()
        self._lines: dict[int, list[StyledLine]] = {}

    # -- what is shown ----------------------------------------------------------------------------

    def show(self, body: Sequence[Block], seen: Seen, cursor: int) -> None:
        """Show a design; the cursor goes to a block, which is unfolded to where it is needed."""
        self._body, self._seen = body, seen
        self._failing = {one.id for one in seen.facts.values() if has_words(one)}
        self._unfold_to(cursor)
        self._again()
        if cursor and cursor != self.block:
            self.go_to(str(cursor))
        if self._anchor not in self._beside():
            self._anchor = 0

    def _unfold_to(self, block: int) -> None:
        """Unfold whatever hides a block."""

        def holding(blocks: Sequence[Block], above: tuple[int, ...]) -> tuple[int, ...]:
            for one in blocks:
                if one.id == block:
                    return above
                found = holding(one.children, (*above, one.id))
                if found:
                    return found
            return ()

        if self.folded:
            self.folded -= set(holding(self._body, ()))

    def _again(self) -> None:
        self._rows = tree_rows(self._body, self.folded)
        self.lay_out_again()

    @property
    def block(self) -> int:
        """Id of the block under the cursor; 0: none."""
        return int(self.current_key or 0) if self.current_key.isdigit() else 0

    @property
    def row(self) -> TreeRow | None:
        """The row under the cursor."""
        return next((row for row in self._rows if row.block.id == self.block), None)

    def _beside(self) -> list[int]:
        """Return the ids of the blocks beside the one under the cursor, in order."""
        here = self.row
        return [row.block.id for row in self._rows if here is not None and row.parent == here.parent]

    @property
    def selected(self) -> list[int]:
        """Ids of the neighbours that the next edit is about: the block under the cursor, or several."""
        beside = self._beside()
        if self._anchor not in beside:
            return [self.block] if self.block else []
        first, last = sorted((beside.index(self._anchor), beside.index(self.block)))
        return beside[first : last + 1]

    def deselect(self) -> bool:
        """Select the block under the cursor alone; return whether there were others."""
        several = self._anchor != 0
        self._anchor = 0
        self._again()
        return several

    # -- what the lines are made of ---------------------------------------------------------------

    def lay_out(self, width: int) -> tuple[Sequence[str], Sequence[int]]:
        """Lay out the columns and the rows."""
        several = self.selected if self._anchor else ()
        self._seen = replace(self._seen, selected=frozenset(several))
        self._seen = replace(self._seen, columns=columns_of(self._rows, self._seen, width))
        if not self._rows:
            self._lines = {0: sentence(EMPTY, max(width - 4, 20), "dim", lead=("  ", ""), indent=2)}
            return [""], [len(self._lines[0])]
        self._lines = {}
        heights = [
            len(self._lines_of(index, width)) if row.block.id in self._failing else 1
            for index, row in enumerate(self._rows)
        ]
        return [str(row.block.id) for row in self._rows], heights

    def item_line(self, item: int, line: int, width: int) -> StyledLine:
        """Return a line of a row."""
        return self._lines_of(item, width)[line]

    def _lines_of(self, item: int, width: int) -> list[StyledLine]:
        """Return the lines of a row, which are made when they are first on the screen."""
        lines = self._lines.get(item)
        if lines is None:
            lines = self._lines[item] = row_lines(self._rows[item], self._seen, width)
        return lines

    def head_lines(self, width: int) -> Sequence[StyledLine]:
        """Return the titles of the columns."""
        return [head_line(self._seen.columns)] if self._rows else [Pen().line()]

    # -- keys and the mouse -----------------------------------------------------------------------

    async def on_key(self, event: events.Key) -> None:
        """Hand over every key, so that those that come in one go are done in their order."""
        if self._take_key is not None and await self._take_key(event):
            event.stop()
            event.prevent_default()

    def action_outward(self) -> None:
        """Fold the block; one that is folded, or holds none: to the one that it is in."""
        here = self.row
        if here is None:
            return
        if here.holds and not here.folded and here.block.children:
            self.action_fold()
        elif here.parent:
            self.go_to(str(here.parent))

    def action_inward(self) -> None:
        """Unfold the block, or go to the first one in it."""
        here = self.row
        if here is None or not here.holds:
            return
        if here.folded:
            self.action_fold()
        elif here.block.children:
            self.go_to(str(here.block.children[0].id))

    def action_fold(self) -> None:
        """Hide what is in the block, or show it."""
        here = self.row
        if here is not None and here.holds:
            self.folded ^= {here.block.id}
            self._again()

    def action_ends(self, index: int) -> None:
        """Go to the first block, or the last."""
        if self._rows:
            self.go_to(str(self._rows[index].block.id))

    def action_select(self, step: int) -> None:
        """Select the neighbour too."""
        beside = self._beside()
        if not beside:
            return
        self._anchor = self._anchor or self.block
        index = max(0, min(len(beside) - 1, beside.index(self.block) + step))
        self._selecting = True
        self.go_to(str(beside[index]))
        self._selecting = False
        self._again()

    def _go(self, item: int) -> None:
        """Go to a row, and tell so at once; what was selected is no more, unless it goes on beside it."""
        before = self.block
        super()._go(item)
        if self.block == before:
            return
        if self._anchor and not self._selecting:
            self._anchor = 0
            self._again()
        if self._looked is not None:
            self._looked(self.block)

    def on_item_lines_highlighted(self, event: ItemLines.Highlighted) -> None:
        """Keep it here: where the cursor is has been told."""
        event.stop()

    def on_click(self, event: events.Click) -> None:
        """Fold where the mark of a fold is clicked on."""
        event.prevent_default()  # the handler of the base is called from here
        here = self.row
        super().on_click(event)
        now = self.row
        if now is not None and now.holds and now is here:
            start = 1 + len(now.rails)
            if start <= event.x < start + 2:
                self.action_fold()
