"""Autograd: every leaf tensor that the namespace reaches, with its gradient and why it has none."""

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
from tui.protocol.messages import LeafTable, ListLeaves
from tui.widgets.foreign import plain
from tui.widgets.keys import key
from tui.widgets.record_table import RecordTable
from tui.widgets.variable_rows import LEAF_COLUMNS, leaf_rows

EMPTY = """\
No leaf tensors yet. On F2, type for example

    w = torch.randn(3, requires_grad=True)
    (w ** 2).sum().backward()

and w appears here with its .grad."""


class AutogradScreen(BaseScreen):
    """The leaves and their gradients."""

    MODE = "autograd"
    ABOUT = "Leaf tensors and parameters with the norm of their value and of their .grad, and why a .grad is None."
    CSS_PATH = "tables.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        key("r", "refresh", "Refresh", "autograd.refresh", "Ask the kernel again"),
    ]

    def compose_body(self) -> ComposeResult:
        """Lay out the table."""
        with Vertical(id="body"):
            yield RecordTable(LEAF_COLUMNS, id="leaves")
            yield Static(EMPTY, id="empty", markup=False)
            yield Static("", id="note", markup=False)

    def on_screen_resume(self) -> None:
        """Show what is true now."""
        self.refresh_leaves()

    def on_news(self, news_item: news.News) -> None:
        """Follow the namespace while the screen is shown."""
        match news_item:
            case news.EventHeard(event) if event.kind in ("namespace", "torch") and self.is_current:
                self.refresh_leaves()
            case news.StatusRead(status) if (
                status.run is not None and status.run.status == "running" and self.is_current
            ):
                self.refresh_leaves()

    def action_refresh(self) -> None:
        """Ask the kernel again."""
        self.refresh_leaves()

    @work(exclusive=True, group="leaves")
    async def refresh_leaves(self) -> None:
        """Ask for the leaves and show them."""
        if self.session is None:
            return
        try:
            table = await self.session.ask(ListLeaves())
        except (KernelRefused, RuntimeError, TimeoutError):
            return  # the kernel is gone or has no torch: the status bar says so
        self.show(table)

    def show(self, table: LeafTable) -> None:
        """Show these leaves."""
        colours = self.app.theme_variables
        self.query_one(RecordTable).show(leaf_rows(table, colours["accent"], colours["error"]))
        self.set_class(not table.rows, "-empty")
        with_grad = sum(row.grad_norm is not None for row in table.rows)
        tracked = sum(row.requires_grad for row in table.rows)
        omitted = f" · {table.omitted} more not shown" if table.omitted else ""
        note = f"{len(table.rows)} tensors · {tracked} require grad · {with_grad} hold a gradient{omitted}"
        self.query_one("#note", Static).update(plain(note))
