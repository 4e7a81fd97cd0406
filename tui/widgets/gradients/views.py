"""Widgets over blocks: a scrollable list of them, and the names of the panels."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from textual import events
from textual.geometry import Size
from textual.message import Message

from tui.widgets.drawn.lines import StyledLine
from tui.widgets.gradients.item_lines import Block, ItemLines
from tui.widgets.live_lines import LiveLines, Span

MakeBlocks = Callable[[int], Sequence[Block]]
"""Makes the blocks for a width."""


class BlockList(ItemLines):
    """Shows blocks that are made anew for every width."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._make: MakeBlocks = lambda width: ()
        self._blocks: Sequence[Block] = ()

    def show(self, make: MakeBlocks, *, to_top: bool = False) -> None:
        """Show the blocks that `make` makes; `to_top`: they are about something else than those before."""
        self._make = make
        self.lay_out_again(to_top=to_top)
        if self.styles.is_auto_height:
            self.refresh(layout=True)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """Return how many lines there are, where the height follows them."""
        return sum(len(block.lines) for block in self._make(max(width - 1, 1)))

    def lay_out(self, width: int) -> tuple[Sequence[str], Sequence[int]]:
        """Make the blocks."""
        self._blocks = self._make(width)
        return [block.key for block in self._blocks], [len(block.lines) for block in self._blocks]

    def item_line(self, item: int, line: int, width: int) -> StyledLine:
        """Return a line of a block."""
        return self._blocks[item].lines[line]


class PanelTabs(LiveLines):
    """The names of the panels on one line; the one that is shown stands out, a click goes to another."""

    DEFAULT_CSS = """
    PanelTabs { height: 1; background: $panel; color: $text-muted; }
    PanelTabs > .paneltabs--on { color: $background; background: $accent; text-style: bold; }
    """
    STYLES = ("on",)
    GROUNDS = True
    COMPONENT_CLASSES = {"paneltabs--on"}

    @dataclass
    class Chosen(Message):
        """A panel was clicked on."""

        panel: str

    def __init__(self, panels: Sequence[tuple[str, str]], *, id: str | None = None) -> None:
        """`panels`: id and name of each."""
        super().__init__(id=id)
        self._panels = tuple(panels)
        self._on = panels[0][0]
        self._counts: dict[str, int] = {}
        self._hidden: Collection[str] = ()

    def show(self, on: str, counts: dict[str, int], hidden: Collection[str] = ()) -> None:
        """Show which panel is there; `counts`: a number behind some names; `hidden`: panels left out."""
        if (on, counts, hidden) == (self._on, self._counts, self._hidden):
            return
        self._on, self._counts, self._hidden = on, counts, hidden
        self.show_lines()

    def _titles(self) -> list[tuple[str, str]]:
        return [
            (panel, f" {name} {self._counts[panel]} " if self._counts.get(panel) else f" {name} ")
            for panel, name in self._panels
            if panel not in self._hidden
        ]

    def lay_out(self, width: int, height: int) -> Sequence[Sequence[Span]]:
        """Return the line."""
        return [[(text, "on" if panel == self._on else "") for panel, text in self._titles()]]

    def on_click(self, event: events.Click) -> None:
        """Tell which name was clicked on."""
        column = 0
        for panel, text in self._titles():
            if column <= event.x < column + len(text):
                self.post_message(self.Chosen(panel))
                return
            column += len(text)
