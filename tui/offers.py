"""What an app offers at its start: the sessions that run without a terminal."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.binding import BindingType

from tui.themes import ThemedApp
from tui.widgets.keys import key
from tui.widgets.mode_tabs import ModeTabs
from tui.widgets.offer_line import OfferLine

if TYPE_CHECKING:
    from collections.abc import Callable

    from tui.client.registry import SessionInfo

AT_ONCE = 3
"""So many sessions have a button; the palette has them all."""


@dataclass(frozen=True)
class LeftRunning:
    """A session that runs without a terminal."""

    info: SessionInfo
    doing: str
    """What it does, in a few words: ``trains slow``. Foreign text."""


class OfferingApp(ThemedApp[int]):
    """The part of the app that offers sessions to attach to."""

    BINDINGS: ClassVar[list[BindingType]] = [
        key(
            "f6,alt+6", "offer", "Attach", "app.offer", "Go to a session that was left running, or dismiss the offer",
            show=False,
        ),
    ]  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        self._offered: list[LeftRunning] = []

    def go_to_session(self, info: SessionInfo) -> None:
        """Leave this session for another one; the app's."""
        raise NotImplementedError

    @property
    def has_offer(self) -> bool:
        """Whether there are sessions to go to, and nobody has dismissed them."""
        return bool(self._offered)

    @work(exclusive=True, group="offer")
    async def offer_sessions(self, read: Callable[[], list[LeftRunning]]) -> None:
        """Say on the first screen which sessions run without a terminal, until one is gone to or they are dismissed.

        `read` looks for them, in a thread.
        """
        screen = self.screen_stack[0]
        self._offered = await asyncio.to_thread(read)
        if self._offered and screen.query(ModeTabs):
            count = f"{len(self._offered)} sessions " if len(self._offered) > 1 else ""
            named = ", ".join(f"{each.info.id} {each.doing}" for each in self._offered)
            told = f"{count}running without a terminal: {named}"
            await screen.mount(OfferLine("F6", told), after=screen.query_one(ModeTabs))

    @on(OfferLine.Taken)
    def action_offer(self) -> None:
        """Ask what to do about the sessions that were left running."""
        if not self._offered or self.screen.is_modal:
            return
        from tui.widgets.dialogs import Question

        shown = self._offered[:AT_ONCE]
        lines = [f"{each.info.id}  {each.doing}, in {each.info.cwd}" for each in shown]
        if len(self._offered) > len(shown):
            lines.append(f"… and {len(self._offered) - len(shown)} more: ctrl+p, Attach")
        answers = (
            *((f"to-{each.info.id}", f"Attach {each.info.id}") for each in shown),
            ("dismiss", "Dismiss"),
            ("later", "Later"),
        )
        self.push_screen(
            Question("Running without a terminal", "\n".join(lines), answers), self._offer_answered
        )

    def _offer_answered(self, answer: str | None) -> None:
        for each in self._offered:
            if answer == f"to-{each.info.id}":
                self.go_to_session(each.info)
                return
        if answer == "dismiss":
            self._offered = []
            for stack in self._screen_stacks.values():
                for screen in stack:
                    screen.query(OfferLine).remove()
