"""The widget that shows a transcript, drawn row by row."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual import events
from textual.binding import Binding, BindingType
from textual.cache import LRUCache
from textual.geometry import Region, Size
from textual.scroll_view import ScrollView
from textual.selection import Selection
from textual.strip import Strip

from tui.widgets.code_input.palette import code_styles
from tui.widgets.foreign import ansi, clean
from tui.widgets.transcript.blocks import Block, head
from tui.widgets.transcript.cells import (
    CellStatus,
    Severity,
    failure_lines,
    notice_lines,
    result_lines,
)
from tui.widgets.transcript.lines import Line, StyledLine, segments, styled_lines, wrap
from tui.widgets.transcript.model import Cells, Layout

FRAME_S = 1 / 30
"""Shortest time between two layouts."""


class Transcript(ScrollView, can_focus=True):
    """Cells with their outputs; sticks to the bottom until the user scrolls up."""

    ALLOW_SELECT = True
    DEFAULT_CSS = """
    Transcript {
        background: $background;
        color: $foreground;
        overflow-x: hidden;
        overflow-y: auto;
        scrollbar-gutter: stable;
        scrollbar-size-vertical: 1;
        scrollbar-background: $background;
        scrollbar-background-hover: $background;
        scrollbar-background-active: $background;
        scrollbar-color: $panel;
        padding: 0 0 0 1;
        & .transcript--in { color: $text-success; }
        & .transcript--running { color: $text-warning; text-style: bold; }
        & .transcript--out { color: $text-accent; }
        & .transcript--stderr { color: $text-warning; }
        & .transcript--error { color: $text-error; }
        & .transcript--warning { color: $text-warning; }
        & .transcript--information { color: $text-secondary; }
        & .transcript--dim { color: $text-muted; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "transcript--in",
        "transcript--running",
        "transcript--out",
        "transcript--stderr",
        "transcript--error",
        "transcript--warning",
        "transcript--information",
        "transcript--dim",
    }
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "scroll_up", "Up", show=False, tooltip="Scroll up one line"),
        Binding("down", "scroll_down", "Down", show=False, tooltip="Scroll down one line"),
        Binding("pageup", "page_up", "Page up", show=False, tooltip="Scroll the output up one page"),
        Binding("pagedown", "page_down", "Page down", show=False, tooltip="Scroll the output down one page"),
        Binding("home", "oldest", "Top", show=False, tooltip="Scroll to the first cell"),
        Binding("end", "newest", "Bottom", show=False, tooltip="Scroll to the newest output and stay there"),
    ]

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._cells = Cells()
        self._layout = Layout([], 80)
        self._strips: LRUCache[tuple[Line, str, int, int, int], Strip] = LRUCache(2048)
        self._styles: dict[str, Style] = {}
        self._painted: dict[int, Strip] = {}
        self._follow = True
        self._asked = False
        self._laid_out_at = 0.0

    # -- what happened ----------------------------------------------------------------------------

    def start_cell(self, cell_id: str, count: int | None, code: str, ours: bool = True) -> None:
        """A cell runs. `ours` is False for one typed at another terminal."""
        cell = self._cells.get(cell_id)
        cell.count, cell.code, cell.ours, cell.status = count, code, ours, "running"
        cell.show_input()
        self._ask_layout()

    def stream(self, cell_id: str, name: str, text: str) -> None:
        """A cell wrote to ``stdout`` or ``stderr``."""
        self._cells.get(cell_id).stream("stderr" if name == "stderr" else "", text)
        self._ask_layout()

    def show(self, cell_id: str, data: dict[str, str], count: int | None = None) -> None:
        """A cell displayed something, or has a value: then `count` is the number in ``Out[n]``."""
        lines = result_lines(data, count)
        if lines:
            self._cells.get(cell_id).output(Block("", head(lines)))
            self._ask_layout()

    def fail(self, cell_id: str, kind: str, message: str, traceback: Iterable[str]) -> None:
        """A cell raised."""
        self._cells.get(cell_id).output(Block("error", head(failure_lines(kind, message, traceback))))
        self._ask_layout()

    def page(self, cell_id: str, text: str) -> None:
        """A cell has a text for the pager: the answer to ``name?``."""
        self._cells.get(cell_id).output(Block("", head(styled_lines(ansi(text.rstrip())))))
        self._ask_layout()

    def clear(self, cell_id: str, wait: bool = False) -> None:
        """A cell's output is to be cleared; with `wait`, when the next output comes."""
        cell = self._cells.find(cell_id)
        if cell is not None:
            cell.clear(wait)
            self._ask_layout()

    def end(self, cell_id: str, status: CellStatus | str, elapsed_s: float | None = None) -> None:
        """A cell is through."""
        cell = self._cells.find(cell_id)
        if cell is None:
            return
        cell.status = status if status in ("ok", "error") else "aborted"
        cell.elapsed_s = elapsed_s
        cell.show_input()
        self._ask_layout()

    def notice(self, text: str | Text, severity: Severity = "information") -> None:
        """Show lines of ours: a welcome, a restart. A Text keeps its styles."""
        self._cells.notice(Block(severity, notice_lines(text)))
        self._ask_layout()

    def kernel_ended(self, reason: str, log_tail: Iterable[str] = ()) -> None:
        """The kernel is gone: its running cells ended with it."""
        for cell in self._cells.cells:
            if cell.code is not None and cell.status == "running":
                cell.status = "aborted"
                cell.show_input()
        lines: list[Line] = [StyledLine(f"■ The kernel is gone: {clean(reason)}", by_words=True)]
        for line in log_tail:
            plain = "  " + clean(line).replace("\n", " ")
            lines.append(StyledLine(plain, ((0, len(plain), "dim"),), indent=2))
        self._cells.notice(Block("error", head(lines)))
        self._ask_layout()

    def clear_all(self) -> None:
        """Forget everything but the cells that run."""
        self._cells.clear()
        self._follow = True
        self._ask_layout()

    @property
    def text(self) -> str:
        """All rows as text, as they are wrapped now."""
        self.lay_out()
        return "\n".join(self._strip(row).text.rstrip() for row in range(self._layout.rows))

    # -- layout -----------------------------------------------------------------------------------

    def _ask_layout(self) -> None:
        """Lay out soon: many changes cost one layout."""
        if self._asked or not self.is_mounted:
            return
        self._asked = True
        wait_s = FRAME_S - (time.monotonic() - self._laid_out_at)
        if wait_s > 0:
            self.set_timer(wait_s, self.lay_out)
        else:
            self.call_later(self.lay_out)

    def lay_out(self) -> None:
        """Bring the rows up to date and paint those that differ from what is on the screen."""
        self._asked = False
        self._laid_out_at = time.monotonic()
        width = self.scrollable_content_region.width
        if width <= 0:
            return
        before, row = self._layout, round(self.scroll_y)
        anchor = None if self._follow else before.anchor(row)
        self._cells.trim()
        self._layout = Layout(self._cells.cells, width)
        self.virtual_size = Size(width, self._layout.rows)
        if self._follow:
            self.scroll_to(y=self.max_scroll_y, animate=False, force=True)
        elif anchor is not None:
            self.scroll_to(y=min(self._layout.row_of(anchor), self.max_scroll_y), animate=False, force=True)
        self._paint_changes()

    def _paint_changes(self) -> None:
        top = self.scroll_offset.y
        regions = []
        for y in range(self.size.height):
            painted, strip = self._painted.get(y), self._strip(top + y)
            if strip is not painted and (painted is None or strip != painted):
                regions.append(Region(0, y, self.size.width, 1))
        if regions:
            self.refresh(*regions)

    def on_mount(self) -> None:
        """Lay out what came before there was a size."""
        self._ask_layout()

    def on_resize(self, _event: events.Resize) -> None:
        """Wrap anew."""
        self._painted.clear()
        self.lay_out()

    def on_show(self) -> None:
        """Lay out what came while there was nothing to see."""
        self.lay_out()

    def notify_style_update(self) -> None:
        """Forget what was drawn in other colours."""
        super().notify_style_update()
        self._forget_strips()

    def _forget_strips(self) -> None:
        self._styles.clear()
        self._strips.clear()
        self._painted.clear()

    # -- scrolling --------------------------------------------------------------------------------

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Follow the output when at its end; paint the rows that differ."""
        if self.show_vertical_scrollbar:
            self.vertical_scrollbar.position = new_value
        self._follow = round(new_value) >= self.max_scroll_y
        if round(old_value) != round(new_value):
            self._paint_changes()

    def scroll_pages(self, pages: float) -> None:
        """Scroll by pages, up where negative."""
        step = max(self.size.height - 2, 1)
        self.scroll_to(y=round(self.scroll_y + pages * step), animate=False)

    def action_page_up(self) -> None:
        """Scroll up one page."""
        self.scroll_pages(-1)

    def action_page_down(self) -> None:
        """Scroll down one page."""
        self.scroll_pages(1)

    def action_oldest(self) -> None:
        """Scroll to the first cell."""
        self.scroll_to(y=0, animate=False)

    def action_newest(self) -> None:
        """Scroll to the end and follow."""
        self._follow = True
        self.scroll_to(y=self.max_scroll_y, animate=False)

    # -- drawing ----------------------------------------------------------------------------------

    def render_line(self, y: int) -> Strip:
        """Draw one row."""
        row = self.scroll_offset.y + y
        strip = self._strip(row)
        self._painted[y] = strip
        selection = self.text_selection
        if selection is not None and (span := selection.get_span(row)) is not None:
            strip = self._selected(strip, *span)
        return strip.apply_offsets(0, row)

    def _strip(self, row: int) -> Strip:
        width = self.size.width
        if row >= self._layout.rows:
            return self._blank(width)
        block, line, index = self._layout.locate(row)
        key = (line, block.style, index, self._layout.width, width)
        strip = self._strips.get(key)
        if strip is None:
            strip = self._strips[key] = self._draw(line, block.style, index, width)
        return strip

    def _blank(self, width: int) -> Strip:
        key = ("", "", 0, 0, width)
        strip = self._strips.get(key)
        if strip is None:
            strip = self._strips[key] = Strip.blank(width, self.rich_style)
        return strip

    def _draw(self, line: Line, block_style: str, index: int, width: int) -> Strip:
        base = self._style(block_style)
        rows = wrap(line, self._layout.width)
        start, end = rows[min(index, len(rows) - 1)]
        if isinstance(line, str):
            return Strip([Segment(line[start:end], base)]).extend_cell_length(width, self.rich_style)
        spans = [
            (first, last, self._style(style) if isinstance(style, str) else style)
            for first, last, style in line.spans
        ]
        drawn = [Segment(" " * line.indent, base)] if index and line.indent < self._layout.width else []
        drawn.extend(segments(line.plain, spans, base, start, end))
        strip = Strip(drawn)
        if line.right and index == len(rows) - 1:
            note = cell_len(line.right)
            space = self._layout.width - strip.cell_length - note - 1
            if space >= 2:
                strip = Strip([*drawn, Segment(" " * space, base), Segment(line.right, self._style("dim"))])
        return strip.extend_cell_length(width, self.rich_style)

    def _style(self, name: str) -> Style:
        """Return a full style: one of the transcript's, or of code."""
        style = self._styles.get(name)
        if style is None:
            base = self.rich_style
            if not name:
                style = base
            elif name.startswith("code."):
                style = base + code_styles(self.app.theme_variables)[name.removeprefix("code.")]
            else:
                style = self.get_component_rich_style(f"transcript--{name}")
            self._styles[name] = style
        return style

    # -- selection --------------------------------------------------------------------------------

    def _selected(self, strip: Strip, start: int, end: int) -> Strip:
        plain = strip.text
        end = len(plain) if end == -1 else end
        before, chosen, after = plain[:start], plain[start:end], plain[end:]
        if not chosen:
            return strip
        style = self.screen.get_component_rich_style("screen--selection")
        cuts = (cell_len(before), cell_len(before + chosen))
        parts = [strip.crop(0, cuts[0]), strip.crop(*cuts).apply_style(style)]
        return Strip.join([*parts, strip.crop(cuts[1])]) if after else Strip.join(parts)

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """Return the text under a selection made with the mouse."""
        return selection.extract(self.text), "\n"

    def selection_updated(self, selection: Selection | None) -> None:
        """Paint the selection."""
        self.refresh()
