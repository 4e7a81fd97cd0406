"""The app: modes, themes, keys that work everywhere, the life of the session. What is shown is in `screens`."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import ClassVar, cast

from rich.console import RenderableType
from textual import on, work
from textual.app import ComposeResult, SystemCommand
from textual.binding import BindingType
from textual.markup import escape
from textual.notifications import SeverityLevel
from textual.screen import Screen

from tui.client.news import KernelEnded, News
from tui.client.registry import SessionInfo
from tui.client.session import KernelSession
from tui.narrow_update import narrowed
from tui.terminal_keys import teach_terminal_keys
from tui.themes import THEMES, ThemedApp
from tui.widgets.dialogs import Question
from tui.widgets.foreign import clean
from tui.widgets.help import HelpScreen
from tui.widgets.keys import key
from tui.widgets.mode_tabs import MODES, ModeTabs

STATUS_EVERY_S = 2.0

ScreenMaker = Callable[[], Screen[None]]


class TorchTUI(ThemedApp[int]):
    """Four screens over one session. Wired together in `tui.cli`."""

    TITLE = "torchtui"
    CSS = """
    Screen { background: $background; }
    ToastRack { align-vertical: top; margin-top: 1; }
    * {
        scrollbar-size: 1 1; scrollbar-color: $panel-lighten-2;
        scrollbar-background: $background; scrollbar-corner-color: $background;
    }
    """
    ENABLE_COMMAND_PALETTE = True
    BINDINGS: ClassVar[list[BindingType]] = [
        key("ctrl+q", "leave", "Quit", "app.quit", "Quit; a run may go on without the terminal", first=True),
        key("f1,alt+1", "help", "Help", "app.help", "The keys that work here"),
        key(
            "f2,alt+2", "mode('tensors')", "Tensors", "app.tensors", "Tensors: REPL and variables", show=False
        ),
        key(
            "f3,alt+3",
            "mode('autograd')",
            "Autograd",
            "app.autograd",
            "Autograd: leaves, gradients",
            show=False,
        ),
        key(
            "f4,alt+4",
            "mode('builder')",
            "Builder",
            "app.builder",
            "Builder: modules, their shapes",
            show=False,
        ),
        key("f5,alt+5", "mode('training')", "Training", "app.training", "Training: runs, live", show=False),
    ]

    def __init__(
        self,
        session: KernelSession | None,
        screens: dict[str, ScreenMaker],
        *,
        first: str,
        connect: Callable[[], Awaitable[None]] | None = None,
        notices: Callable[[], tuple[str, ...]] = tuple,
        theme: str = "torchtui-dark",
        keep_session: bool = False,
        others: Callable[[], list[SessionInfo]] = list,
    ) -> None:
        """`screens`: makes the screen of each mode; `connect`: brings the session up once the first frame is
        painted; `keep_session`: whether quitting asks before it ends the kernel (it was there before us).
        """
        super().__init__()
        self.session = session
        self._makers = screens
        self._first = first
        self._connect = connect
        self._notices = notices
        self._keep_session = keep_session
        self._others = others
        self.next_session: SessionInfo | None = None
        """The session to open when this app has ended; None: none."""
        self._up = False
        teach_terminal_keys()
        if session is not None:
            session.listen(self._hear)
        self.theme = theme

    def compose(self) -> ComposeResult:
        """Lay out the first frame: the bar of tabs alone, which needs nothing slow."""
        yield ModeTabs(self._first, tuple(self._makers))

    def on_mount(self) -> None:
        """Paint the first frame; everything slow comes after it."""
        for mode, maker in self._makers.items():
            self.add_mode(mode, maker)
        self.call_after_refresh(self._after_first_frame)

    async def _after_first_frame(self) -> None:
        await self.switch_mode(self._first)
        for notice in self._notices():
            self.notify(notice, timeout=8)
        if self._connect is not None:
            self.bring_up()

    @work(exclusive=True, group="session")
    async def bring_up(self) -> None:
        """Connect the session, then keep its status fresh."""
        assert self._connect is not None
        try:
            await self._connect()
        except Exception as error:  # noqa: BLE001 - whatever keeps a kernel from coming up is the user's to read
            self._cannot_connect(error)
            return
        self._up = True
        await self._follow_status()

    def _cannot_connect(self, error: Exception) -> None:
        self.push_screen(
            Question("No kernel", str(error) or type(error).__name__, (("quit", "Quit"), ("stay", "Stay"))),
            lambda answer: self.exit(1, return_code=1) if answer == "quit" else None,
        )

    async def _follow_status(self) -> None:
        assert self.session is not None
        while self.session.state != "dead":
            with contextlib.suppress(RuntimeError, TimeoutError):
                await self.session.read_status()
            await asyncio.sleep(STATUS_EVERY_S)

    def _hear(self, news: News) -> None:
        """Offer a restart as soon as a kernel that was up is gone; one that never came up says so by itself."""
        if isinstance(news, KernelEnded) and self._up and not news.expected:
            self._up = False
            last_words = ("", "Its last words:", *news.log_tail) if news.log_tail else ()
            text = "\n".join([news.reason + ".", *last_words])
            answers = (("restart", "Restart"), ("stay", "Look around"))
            self.push_screen(Question("The kernel is gone", text, answers), self._restart_answered)

    def _restart_answered(self, answer: str | None) -> None:
        if answer == "restart":
            self.restart_session()

    @work(exclusive=True, group="session")
    async def restart_session(self) -> None:
        """Start a fresh kernel in the place of the one there is."""
        assert self.session is not None
        try:
            await self.session.restart()
        except Exception as error:  # noqa: BLE001 - as above
            self._cannot_connect(error)
            return
        self._up = True
        await self._follow_status()

    def notify(
        self,
        message: str,
        *,
        title: str = "",
        severity: SeverityLevel = "information",
        timeout: float | None = None,
        markup: bool = False,
    ) -> None:
        """Show a notice; its text may be anybody's."""
        super().notify(clean(message), title=clean(title), severity=severity, timeout=timeout, markup=markup)

    def _display(self, screen: Screen[object], renderable: RenderableType | None) -> None:
        """Send what changed, and no more."""
        super()._display(screen, cast("RenderableType | None", narrowed(renderable)))

    # -- keys -------------------------------------------------------------------------------------

    @on(ModeTabs.Chosen)
    async def tab_chosen(self, event: ModeTabs.Chosen) -> None:
        """Go to the screen of a clicked tab."""
        await self.action_mode(event.mode)

    async def action_mode(self, mode: str) -> None:
        """Go to a screen."""
        if mode in self._makers and not self.screen.is_modal:
            await self.switch_mode(mode)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer only the screens there are."""
        if action == "mode":
            return parameters[0] in self._makers
        return True

    def action_help(self) -> None:
        """Show the keys that work here."""
        if not self.screen.is_modal:
            about = getattr(self.screen, "ABOUT", "")
            self.push_screen(HelpScreen(about, list(self.screen.active_bindings.values())))

    async def action_restart_kernel(self) -> None:
        """Ask, then restart the kernel."""
        if self.session is None or self.session.state == "starting" or self.screen.is_modal:
            return
        if self.session.state == "dead":
            self.restart_session()
            return
        run = self.session.status.run if self.session.status else None
        training = run is not None and run.status in ("running", "paused")
        text = "All variables are lost." + (
            " The run in progress is cut off at its last checkpoint." if training else ""
        )
        answers = (("restart", "Restart"), ("cancel", "Cancel"))
        self.push_screen(Question("Restart the kernel?", text, answers), self._restart_answered)

    @work(exclusive=True, group="leave")
    async def action_leave(self) -> None:
        """Quit; ask first where a run is in progress or the session was there before us."""
        if self.session is None:
            self.exit(0)
            return
        if isinstance(self.screen, Question):
            return
        answer = await self._how_to_leave()
        if answer == "cancel":
            self.next_session = None
            return
        if answer == "detach":
            await self.session.close()
        else:
            self.notify("Ending the kernel…", timeout=30)
            self.workers.cancel_group(self, "session")
            await self.session.shutdown()
        self.exit(0)

    def go_to_session(self, info: SessionInfo) -> None:
        """Leave this session for another one."""
        self.next_session = info
        self.action_leave()

    async def _how_to_leave(self) -> str:
        assert self.session is not None
        if self.session.state in ("dead", "starting"):
            return "stop"
        with contextlib.suppress(RuntimeError, TimeoutError):
            await asyncio.wait_for(self.session.read_status(), 1.0)
        run = self.session.status.run if self.session.status else None
        training = run is not None and run.status in ("running", "paused")
        if self.session.foreign:
            return "detach"
        if not training and not self._keep_session:
            return "stop"
        session = self.session.info.id if self.session.info else ""
        text = (
            f"Detach leaves it running without the terminal; `torchtui attach {session}` comes back to it.\n"
            + (
                "Stop saves a checkpoint and ends the kernel."
                if training
                else "Stop ends the kernel and its variables."
            )
        )
        title = "A run is in progress" if training else "Leave this session"
        answers = (("detach", "Detach"), ("stop", "Stop and quit"), ("cancel", "Cancel"))
        return await self.push_screen_wait(Question(title, text, answers))

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """Offer in the palette what can be done now."""
        for mode, f_key, title in MODES:
            if mode in self._makers:
                go_there = partial(self.run_action, f"mode('{mode}')")
                yield SystemCommand(title, f"Go to the {title} screen ({f_key})", go_there)
        for theme in THEMES:
            use_theme = partial(setattr, self, "theme", theme.name)
            yield SystemCommand(f"Theme: {theme.name}", "Change the colours", use_theme)
        if self.session is not None:
            yield SystemCommand("Restart the kernel", "All variables are lost", self.action_restart_kernel)
            yield SystemCommand("Interrupt the running cell", "As ctrl+c in the REPL", self.session.interrupt)
        for info in self._others():
            attach = partial(self.go_to_session, info)
            yield SystemCommand(
                f"Attach to session {info.id}", escape(clean(f"{info.title}, in {info.cwd}")), attach
            )
        yield SystemCommand("Keys", "The keys that work here (F1)", self.action_help)
        yield SystemCommand("Quit", "Leave; a run may go on without the terminal (ctrl+q)", self.action_leave)
