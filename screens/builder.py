"""Builder: the modules of the namespace as trees, with shapes and parameter counts."""

from __future__ import annotations

from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.widgets import Static

from screens.base import BaseScreen
from tui.client import news
from tui.client.errors import KernelRefused
from tui.protocol.messages import ListModules, ModuleTree
from tui.widgets.foreign import plain
from tui.widgets.keys import key
from tui.widgets.record_table import RecordTable
from tui.widgets.variable_rows import MODULE_COLUMNS, module_rows

EMPTY = """\
No modules yet. On F2, type for example

    model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))

and its layers appear here with their shapes and parameter counts."""


class BuilderScreen(BaseScreen):
    """The modules of the namespace."""

    MODE = "builder"
    ABOUT = "Every nn.Module of the namespace as a tree: layers, shapes of their parameters, counts (shared ones once)."
    CSS_PATH = "tables.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        key("r", "refresh", "Refresh", "builder.refresh", "Ask the kernel again"),
    ]

    def compose_body(self) -> ComposeResult:
        """Lay out the table."""
        with Vertical(id="body"):
            yield RecordTable(MODULE_COLUMNS, id="modules")
            yield Static(EMPTY, id="empty", markup=False)
            yield Static("", id="note", markup=False)

    def on_screen_resume(self) -> None:
        """Show what is true now."""
        self.refresh_modules()

    def on_news(self, news_item: news.News) -> None:
        """Follow the namespace while the screen is shown."""
        match news_item:
            case news.EventHeard(event) if event.kind in ("namespace", "torch") and self.is_current:
                self.refresh_modules()

    def action_refresh(self) -> None:
        """Ask the kernel again."""
        self.refresh_modules()

    @work(exclusive=True, group="modules")
    async def refresh_modules(self) -> None:
        """Ask for the modules and show them."""
        if self.session is None:
            return
        try:
            tree = await self.session.ask(ListModules())
        except (KernelRefused, RuntimeError, TimeoutError):
            return  # the kernel is gone or has no torch: the status bar says so
        self.show(tree)

    def show(self, tree: ModuleTree) -> None:
        """Show these modules."""
        self.query_one(RecordTable).show(module_rows(tree))
        self.set_class(not tree.rows, "-empty")
        roots = [row for row in tree.rows if row.depth == 0]
        omitted = f" · {tree.omitted} more rows not shown" if tree.omitted else ""
        note = (
            " · ".join(f"{row.path}: {row.trainable + row.frozen:,} parameters" for row in roots[:4])
            + omitted
        )
        self.query_one("#note", Static).update(plain(note))
