"""The open list: asks what could stand at the cursor, narrows it as typing goes on, takes what is chosen."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from textual.geometry import Offset

from tui.protocol.completing import CompletionList
from tui.widgets.code_input.area import CodeArea
from tui.widgets.code_input.completion import common_prefix
from tui.widgets.code_input.offers import CodeOffer, HistoryOffer, Offer
from tui.widgets.code_input.popup import Popup
from tui.widgets.code_input.tip import FAULTS

Completer = Callable[[str, int], Awaitable[CompletionList]]
"""From code and an index into it to what could stand there."""

_MOVES = {"down": 1, "tab": 1, "up": -1, "shift+tab": -1, "ctrl+n": 1, "ctrl+p": -1, "ctrl+r": 1}
_PAGES = {"pagedown": 1, "pageup": -1}
_TYPING = ("backspace", "underscore", "full_stop", "ctrl+h")


class OfferList:
    """The list of one code area."""

    def __init__(self, area: CodeArea, complete: Completer | None) -> None:
        self._area = area
        self._complete = complete
        self._offer: Offer | None = None
        self._popup: Popup | None = None
        self._hinted = False

    @property
    def can_complete(self) -> bool:
        """Whether there is somebody to ask."""
        return self._complete is not None

    @property
    def is_open(self) -> bool:
        """Whether a list is shown."""
        return self._offer is not None

    # -- asking -----------------------------------------------------------------------------------

    def complete(self) -> None:
        """List what could stand at the cursor; where it is one thing, insert it."""
        if self._complete is not None:
            self._run(self._complete, insert=True)

    def _run(self, complete: Completer, *, insert: bool) -> None:
        self._area.run_worker(self._ask(complete, insert), exclusive=True, group="completion")

    async def _ask(self, complete: Completer, insert: bool) -> None:
        area = self._area
        code, cursor = area.text, area.cursor_location
        try:
            found = await complete(code, len(area.before_cursor))
        except FAULTS:
            return
        if area.text != code or area.cursor_location != cursor or not area.has_focus:
            return  # typed on meanwhile
        offer = CodeOffer.of(found, code, cursor)
        if not insert:
            if offer is not None and self.is_open and self._popup is not None:
                self.show(offer, chosen=self._popup.chosen)
            return
        if offer is None:
            return
        if len(offer.texts) == 1:
            self._take(offer, 0)
            return
        shared, typed = common_prefix(offer.texts), offer.typed(area)
        if len(shared) > len(typed) and shared.startswith(typed):
            area.replace(shared, offer.start, area.cursor_location, maintain_selection_offset=False)
        self.show(offer)

    def search(self, past: tuple[str, ...]) -> None:
        """List the entries of the history that contain what is typed."""
        offer = HistoryOffer.of(past, self._area.text)
        if offer is not None:
            self.show(offer)

    # -- showing ----------------------------------------------------------------------------------

    def show(self, offer: Offer, chosen: int = 0) -> None:
        """Show an offer in place of the one before."""
        area = self._area
        if self._popup is None:
            self._popup = Popup(self._choose)
            area.screen.mount(self._popup)
        self._offer = offer
        if offer.hint:
            area.border_subtitle, self._hinted = offer.hint, True
        area._recompute_cursor_offset()  # type: ignore[no-untyped-call]
        cursor = area.cursor_screen_offset
        x = max(cursor.x - offer.shown_before_cursor(area) - 1, 0)
        self._popup.show(offer.rows(), Offset(x, cursor.y), chosen=chosen)

    def close(self) -> None:
        """Show none."""
        self._offer = None
        if self._hinted:
            self._area.border_subtitle, self._hinted = "", False
        if self._popup is not None:
            self._popup.hide()

    def remove(self) -> None:
        """Take the popup from the screen."""
        if self._popup is not None and self._popup.is_attached:
            self._popup.remove()

    # -- following --------------------------------------------------------------------------------

    def takes(self, key: str) -> bool:
        """Do what a key means to the open list; return whether it meant anything."""
        if self._offer is None or self._popup is None:
            return False
        if key in _MOVES:
            self._popup.move(_MOVES[key])
        elif key in _PAGES:
            self._popup.move_page(_PAGES[key])
        elif key == "enter":
            self._choose(self._popup.chosen)
        elif key == "escape":
            self.close()
        else:
            if key not in _TYPING and len(key) > 1:
                self.close()
            return False
        return True

    def _choose(self, index: int) -> None:
        if self._offer is not None:
            self._take(self._offer, index)
        self._area.focus()

    def _take(self, offer: Offer, index: int) -> None:
        self.close()
        offer.take(self._area, index)

    def follow_edit(self) -> None:
        """Narrow the open list to what is typed by now; ask for the details of rows that had none."""
        if self._offer is None:
            return
        narrowed = self._offer.follow(self._area)
        if narrowed is None:
            self.close()
            return
        self.show(narrowed)
        if narrowed.lacks_details and self._complete is not None:
            self._run(self._complete, insert=False)
