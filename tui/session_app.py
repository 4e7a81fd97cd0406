"""The life of a session as the app steers it: connect, follow, restart, leave."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from textual import work
from textual.screen import Screen

from tui.crash import crash_words, keep_traceback
from tui.offers import LeftRunning, OfferingApp

if TYPE_CHECKING:
    from tui.client.news import News
    from tui.client.registry import SessionInfo
    from tui.client.session import KernelSession

STATUS_EVERY_S = 2.0

ScreenMaker = Callable[[], Screen[None]]


def _nothing() -> tuple[str, ...]:
    return ()


def _nobody() -> list[SessionInfo]:
    return []


@dataclass(frozen=True)
class Wiring:
    """What an app is wired to. Made after the first frame, since most of it takes time to import."""

    session: KernelSession | None
    """None where runs are watched without a kernel."""
    screens: dict[str, ScreenMaker]
    """Makes the screen of each mode."""
    connect: Callable[[], Awaitable[None]] | None = None
    """Brings the session up; None: it is left as it is."""
    notices: Callable[[], tuple[str, ...]] = field(default=_nothing)
    """What is to be said at the start."""
    keep_session: bool = False
    """Whether quitting asks before it ends the kernel: it was there before us."""
    others: Callable[[], list[SessionInfo]] = field(default=_nobody)
    """The live sessions but for this one."""
    left_running: Callable[[], list[LeftRunning]] = field(default=list)
    """The sessions to offer at the start; may take its time."""


class SessionApp(OfferingApp):
    """An app over a session, which may end, be restarted, and be left running."""

    def __init__(self) -> None:
        super().__init__()
        self.wired = Wiring(None, {})
        self.next_session: SessionInfo | None = None
        """The session to open when this app has ended; None: none."""
        self._up = False
        self._ending = False

    @property
    def session(self) -> KernelSession | None:
        """The session; None before the first frame, and where there is no kernel."""
        return self.wired.session

    @work(exclusive=True, group="session")
    async def bring_up(self) -> None:
        """Connect the session, then keep its status fresh."""
        assert self.wired.connect is not None
        try:
            await self.wired.connect()
        except Exception as error:  # noqa: BLE001 - whatever keeps a kernel from coming up is the user's to read
            self._cannot_connect(error)
            return
        self._up = True
        await self._follow_status()

    def _cannot_connect(self, error: Exception) -> None:
        from tui.widgets.dialogs import Question

        text = str(error) or type(error).__name__
        self.push_screen(
            Question("No kernel", text, (("quit", "Quit"), ("stay", "Stay"))), self._no_kernel_answered
        )

    def _no_kernel_answered(self, answer: str | None) -> None:
        if answer == "quit":
            self.give_up()

    @work(exclusive=True, group="leave")
    async def give_up(self) -> None:
        """Leave with an error; a kernel of ours that half came up is ended."""
        if self.session is not None and not self.wired.keep_session and not self.session.foreign:
            await self.session.shutdown()
        self.exit(1, return_code=1)

    async def _follow_status(self) -> None:
        assert self.session is not None
        while self.session.state != "dead":
            with contextlib.suppress(RuntimeError, TimeoutError):
                await self.session.read_status()
            await asyncio.sleep(STATUS_EVERY_S)

    def _hear(self, news: News) -> None:
        """Offer a restart as soon as a kernel that was up is gone; one that never came up says so by itself."""
        from tui.client.news import KernelEnded
        from tui.widgets.dialogs import Question

        if isinstance(news, KernelEnded) and self._up and not news.expected:
            self._up = False
            if self.session is not None and self.session.foreign:
                self.notify(f"{news.reason}; it is not torchtui's to restart", severity="error", timeout=30)
                return
            last_words = ("", "Its last words:", *news.log_tail) if news.log_tail else ()
            text = "\n".join([news.reason + ".", *self._lost_run(), *last_words])
            answers = (("restart", "Restart"), ("stay", "Look around"))
            self.push_screen(Question("The kernel is gone", text, answers), self._restart_answered)

    def _lost_run(self) -> tuple[str, ...]:
        from tui.lost_run import lost_run_words

        run = (
            self.session.status.run if self.session is not None and self.session.status is not None else None
        )
        in_progress = run is not None and run.status in ("running", "paused")
        return ("", lost_run_words(run)) if run is not None and in_progress else ()

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

    async def action_restart_kernel(self) -> None:
        """Ask, then restart the kernel."""
        from tui.widgets.dialogs import Question

        if self.session is None or self.session.state == "starting" or self.screen.is_modal:
            return
        if self.session.foreign:
            self.notify(
                "This kernel is somebody else's: restart it where it was started.", severity="warning"
            )
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
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._screen_is_made(), 5.0)
        if self.session is None:
            self.exit(0)
            return
        if self.screen.is_modal:
            return
        if self._ending:  # asked again: it does not end by itself
            await self.session.kill()
            self.exit(0)
            return
        answer = await self._how_to_leave()
        if answer == "cancel":
            self.next_session = None
            return
        if answer == "detach":
            await self._let_go()
            await self.session.close()
        else:
            self._ending = True
            told = "Ending the kernel… ctrl+q again kills it"
            if self.next_session is not None:
                told = f"Going to session {self.next_session.id}; the kernel of this one ends first"
            self.notify(told, timeout=60)
            self.workers.cancel_group(self, "session")
            await self.session.shutdown()
        self.exit(0)

    async def _screen_is_made(self) -> None:
        """Wait for the widgets of the screen: once the app is on its way out none is made, and a screen misses them."""
        while self.screen.id == "_default" or not self.screen.is_mounted:  # `_default`: the first frame alone
            await asyncio.sleep(0.01)

    async def _let_go(self) -> None:
        """Have every screen let go of what the kernel keeps for it."""
        for stack in self._screen_stacks.values():
            for screen in stack:
                let_go = getattr(screen, "let_go", None)
                if let_go is not None:
                    with contextlib.suppress(RuntimeError, TimeoutError):
                        await asyncio.wait_for(let_go(), 2.0)

    def go_to_session(self, info: SessionInfo) -> None:
        """Leave this session for another one."""
        self.next_session = info
        self.action_leave()

    async def _how_to_leave(self) -> str:
        from tui.widgets.dialogs import Question

        assert self.session is not None
        not_ours = self.wired.keep_session or self.session.foreign
        if self.session.state in ("dead", "starting"):
            return "detach" if not_ours else "stop"
        with contextlib.suppress(RuntimeError, TimeoutError):
            await asyncio.wait_for(self.session.read_status(), 3.0)
        run = self.session.status.run if self.session.status else None
        training = run is not None and run.status in ("running", "paused")
        if self.session.foreign:
            return "detach"
        if not training and not self.wired.keep_session and self.session.state != "busy":
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
        title = "A run is in progress" if training else "Leave this session?"
        answers = (("detach", "Detach"), ("stop", "Stop and quit"), ("cancel", "Cancel"))
        return await self.push_screen_wait(Question(title, text, answers))

    # -- when it fails ----------------------------------------------------------------------------

    def _print_error_renderables(self) -> None:
        """Say in a few plain lines that the screens have failed, what lives on, and where the traceback is.

        Textual prints the whole traceback with the values of all locals here.
        """
        error = self._exception
        if error is None or self.is_headless or not self._exit_renderables:
            super()._print_error_renderables()
            return
        self._exit_renderables.clear()
        print(crash_words(error, self.session, keep_traceback(error)), file=sys.__stderr__)
