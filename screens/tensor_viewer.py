"""The tensor viewer: one tensor over the whole screen, pushed over the screen that asked for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.screen import Screen

from tui.client import news
from tui.client.session import KernelSession
from tui.protocol.viewing import View
from tui.widgets.key_bar import KeyBar
from tui.widgets.pace import terminal_is_behind
from tui.widgets.tensor_view.actions import ModelActions, Wish
from tui.widgets.tensor_view.asking import Comparing
from tui.widgets.tensor_view.bindings import VIEWER_KEYS
from tui.widgets.tensor_view.foot import FootLine
from tui.widgets.tensor_view.grid import ValueGrid
from tui.widgets.tensor_view.head import ViewHead
from tui.widgets.tensor_view.model import ViewerModel
from tui.widgets.tensor_view.numbers import Cell, full
from tui.widgets.tensor_view.panel import SidePanel
from tui.widgets.tensor_view.picturing import PictureActions
from tui.widgets.tensor_view.pixels import PixelView
from tui.widgets.tensor_view.presenting import foot_of, grid_of, head_of, panel_of
from tui.widgets.tensor_view.prompt import Prompt
from tui.widgets.tensor_view.prompting import PromptActions
from tui.widgets.tensor_view.viewport import Box


class TensorViewer(PictureActions, PromptActions, ModelActions, Screen[None]):
    """Looks at a tensor of the kernel, by expression; only what is on the screen is read."""

    ABOUT = (
        "One tensor, value by value: any two of its dimensions on the screen, sliders for the others. "
        "Only what is on the screen is read, also while a cell runs or a run trains."
    )
    CSS_PATH = "tensor_viewer.tcss"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide")]
    BINDINGS: ClassVar[list[BindingType]] = [*VIEWER_KEYS]

    def __init__(self, session: KernelSession, expression: str, *, other: str | None = None) -> None:
        """`expression`: what to look at; `other`: what to compare it with at once."""
        super().__init__()
        self.session = session
        self.model = ViewerModel(session, self._changed, self._painted)
        self.comparing = Comparing(self.model)
        self._expression, self._other = expression, other
        self._details: Cell | None = None
        self._notice = ""
        self._said_at = (0, 0)
        self._due = False
        self._unlisten: Callable[[], None] | None = None
        self.model.jump, self.model.notice = self.jump, self.say

    def compose(self) -> ComposeResult:
        """Lay out head, grid, panel, prompt, foot and keys."""
        yield ViewHead(id="head")
        with Horizontal(id="body"):
            yield ValueGrid(id="grid")
            yield PixelView(id="picture")
            yield SidePanel(id="panel")
        yield Prompt(id="prompt")
        yield FootLine(id="foot")
        yield KeyBar()

    def on_mount(self) -> None:
        """Open the first view."""
        self._unlisten = self.session.listen(self._hear)
        self.grid.focus()
        self.wish(self._open_first)

    def on_unmount(self) -> None:
        """Ask nothing more; what is being computed for nobody is ended."""
        if self._unlisten is not None:
            self._unlisten()
        self.model.close()

    @property
    def asker(self) -> KernelSession:
        """The kernel session."""
        return self.session

    @property
    def grid(self) -> ValueGrid:
        """The grid of values."""
        return self.query_one(ValueGrid)

    async def _open_first(self) -> str:
        refused = await self.model.open(View(self._expression))
        if refused:
            self.ask_for_view(self._expression, refused)
        elif self._other is not None:
            self.show_panel()
            return self.comparing.start(self._other)
        return ""

    def _hear(self, news_item: news.News) -> None:
        match news_item:
            case news.KernelEnded(reason):
                self.model.source.note_dead(reason)
            case news.StateChanged("idle") if self.model.source.problem is not None:
                self.wish(self.model.source.check, group="check")
            case news.EventHeard(event) if (
                event.kind in ("namespace", "cell") and self.model.facts is not None
            ):
                self.wish(self.model.source.check, group="check")

    # -- showing ----------------------------------------------------------------------------------

    def _changed(self) -> None:
        """Bring everything up to date, once for however many changes there are until then."""
        if not self._due and self.is_attached:
            self._due = True
            self.call_next(self._show)

    def _show(self) -> None:
        self._due = False
        if not self.query(KeyBar):
            return  # the screen is on its way out
        self.query_one(ViewHead).show(head_of(self.model))
        self.grid.show(grid_of(self.model))
        self.query_one(SidePanel).show(panel_of(self.model, self.comparing.last))
        self._show_foot()
        self.keep_picture()
        self._want(None)

    def _show_foot(self) -> None:
        view = self.grid.viewport
        foot = foot_of(self.model, view.row, view.column, details=self._details, notice=self._notice)
        self.query_one(FootLine).show(foot)

    def _want(self, ahead: Box | None) -> None:
        model, box = self.model, self.grid.viewport.box
        if model.facts is not None and box.area and self.grid.size.area:
            model.source.want(model.layout, box, with_bits=model.how.wants_bits, ahead=ahead)

    async def _painted(self) -> None:
        """Wait until what was changed is on the screen and the terminal is not behind."""
        done = asyncio.Event()
        if not self.call_after_refresh(done.set):
            return
        await done.wait()
        while terminal_is_behind(self.app):
            await asyncio.sleep(0.05)

    def say(self, text: str) -> None:
        """Tell something in the foot until the cursor moves on from where it is."""
        self._notice, self._said_at = text, (self.grid.viewport.row, self.grid.viewport.column)
        self._changed()

    def wish(self, wish: Wish, group: str = "wish") -> None:
        """Do what needs the kernel; a newer wish takes the place of an older one. Its answer is what was wrong."""

        async def carry_out() -> None:
            refused = await wish()
            if refused:
                self.say(refused)

        self.run_worker(carry_out(), exclusive=True, group=group)

    @on(ValueGrid.Moved)
    def follow(self, event: ValueGrid.Moved) -> None:
        """Have read what came into sight."""
        if (event.before.row, event.before.column) != (event.after.row, event.after.column):
            self._details = None
        if (event.after.row, event.after.column) != self._said_at:
            self._notice = ""
        self._show_foot()
        self._want(event.after.next_page(event.before))

    def jump(self, index: tuple[int, ...]) -> None:
        self.model.show_layout(self.model.layout.at(index))
        self.grid.show(grid_of(self.model))
        self.grid.go_to(*self.model.layout.place_of(index))
        self._show_foot()

    def show_panel(self) -> None:
        """Show the side panel, also where there is little room."""
        self.add_class("-panel-on")
        self.remove_class("-panel-off")

    # -- the other keys ---------------------------------------------------------------------------

    @on(ViewHead.SliderClicked)
    def slide_clicked(self, event: ViewHead.SliderClicked) -> None:
        """Move the slider that was clicked."""
        self.model.slide(event.step, event.dim)

    def action_panel(self) -> None:
        """Show the side panel or hide it."""
        panel = self.query_one(SidePanel)
        on = not panel.display or not panel.size.area
        self.set_class(on, "-panel-on")
        self.set_class(not on, "-panel-off")

    def action_scroll_panel(self, lines: int) -> None:
        """Scroll the side panel."""
        self.query_one(SidePanel).scroll_lines(lines)

    def action_details(self) -> None:
        """Show the value under the cursor as it is stored."""
        self.wish(self._read_details)

    async def _read_details(self) -> str:
        view = self.grid.viewport
        self._details = await self.model.source.read_bits(self.model.layout, view.row, view.column)
        self._show_foot()
        return "" if self._details is not None else "its stored pattern cannot be read"

    def action_copy(self, page: bool) -> None:
        """Copy the value under the cursor, or all in sight."""
        view = self.grid.viewport
        cell = self.model.source.cell(view.row, view.column)
        if page:
            self.app.copy_to_clipboard(self.grid.table)
            self.say(f"copied {view.box.rows} x {view.box.columns} values")
        elif cell is not None:
            self.app.copy_to_clipboard(full(cell, self.model.dtype))
            self.say("copied")

    def action_leave(self) -> None:
        """End what is being computed, or the picture; else close."""
        if self.model.compute.cancel():
            self.say("cancelled")
        elif self.shows_picture:
            self.action_picture()
        else:
            self.action_quit()

    def action_quit(self) -> None:
        """Close the viewer."""
        self.dismiss()
