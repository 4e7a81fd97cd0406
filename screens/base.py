"""What every screen has: the bar of tabs, the status line, the footer, and a notice where there is no room."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Static

from tui.client.news import News
from tui.client.session import KernelSession
from tui.widgets.key_bar import KeyBar
from tui.widgets.mode_tabs import ModeTabs
from tui.widgets.status_bar import StatusBar

SMALLEST = (60, 16)
"""Columns and rows below which a screen shows a notice in its place."""


class BaseScreen(Screen[None]):
    """A mode of the app. Subclasses give `MODE`, `ABOUT`, `compose_body` and `on_news`.

    Textual calls the `on_mount` and the `on_resize` of every class up to this one: subclasses do not.
    """

    DEFAULT_CSS = """
    BaseScreen { layout: vertical; background: $background; }
    BaseScreen #too-small {
        display: none; width: 1fr; height: 1fr; content-align: center middle; text-align: center; color: $warning;
    }
    BaseScreen.-too-small #too-small { display: block; }
    BaseScreen.-too-small #body { display: none; }
    BaseScreen.-too-small #foot, BaseScreen.-too-small ToastRack { display: none; }
    BaseScreen #foot { height: 2; dock: bottom; }
    BaseScreen #body { height: 1fr; }
    """
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide")]
    MODE: ClassVar[str] = ""
    ABOUT: ClassVar[str] = ""
    """What the screen is for, for the help."""

    def __init__(self, session: KernelSession | None, modes: tuple[str, ...]) -> None:
        """`session`: the kernel whose objects are shown; None where there is none. `modes`: the screens there are."""
        super().__init__()
        self.session = session
        self.modes = modes
        self._unlisten: Callable[[], None] | None = None
        self._focus_before: Widget | None = None

    def compose(self) -> ComposeResult:
        """Lay out the frame around the body."""
        yield ModeTabs(self.MODE, self.modes)
        yield Static("", id="too-small", markup=False)
        yield from self.compose_body()
        with Vertical(id="foot"):
            yield StatusBar()
            yield KeyBar()

    def compose_body(self) -> ComposeResult:
        """Lay out what is the screen's own, in a container with the id ``body``."""
        raise NotImplementedError

    def on_mount(self) -> None:
        """Hear the session's news from now on."""
        if self.session is not None:
            self._unlisten = self.session.listen(self._hear)
        self.show_status()

    def on_unmount(self) -> None:
        """Hear no more."""
        if self._unlisten is not None:
            self._unlisten()

    def on_resize(self, event: events.Resize) -> None:
        """Show the notice where there is no room for the body.

        Where two sizes come in quick succession, the layout's event for the first can take the place of the
        terminal's for the second, since Textual passes over an event of this kind that another one follows.
        """
        columns, rows = size = self.app.size
        if event.size != size:  # an event of before, and with it a layout of before
            self.post_message(events.Resize(size, size))
        too_small = columns < SMALLEST[0] or rows < SMALLEST[1]
        if too_small and self.focused is not None:
            self._focus_before = self.focused  # what is hidden loses the focus
        self.set_class(too_small, "-too-small")
        if not too_small and self._focus_before is not None:
            self.app.stylesheet.update(self)  # at once: what is typed next must not be lost
            self.set_focus(self._focus_before)
            self._focus_before = None
        if too_small:
            text = f"This terminal has {columns}x{rows} cells.\ntorchtui needs {SMALLEST[0]}x{SMALLEST[1]} or more."
            self.query_one("#too-small", Static).update(text)

    def _hear(self, news: News) -> None:
        if not self.query(StatusBar):
            return  # the screen is on its way out
        self.show_status()
        self.on_news(news)

    def on_news(self, news: News) -> None:
        """Take a piece of news of the session."""

    def show_status(self) -> None:
        """Bring the status line up to date."""
        if self.session is None:
            self.query_one(StatusBar).display = False
            self.query_one("#foot").styles.height = 1
            return
        info = self.session.info
        self.query_one(StatusBar).show(info.id if info else "", self.session.state, self.session.status)
