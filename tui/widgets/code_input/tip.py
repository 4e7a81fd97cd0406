"""The call tip: what the call around the cursor takes, with the argument at the cursor marked."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from rich.cells import cell_len
from textual.content import Content
from textual.timer import Timer

from tui.protocol.completing import SignatureTip
from tui.protocol.python_text import call_at_end
from tui.widgets.code_input.area import CodeArea
from tui.widgets.foreign import one_line

SignatureReader = Callable[[str, int], Awaitable[SignatureTip]]
"""From code and an index into it to what the call around that takes."""

QUIET_S = 0.06
"""How long no key must come before the kernel is asked."""
LEAST_CELLS = 16
FAULTS = (RuntimeError, OSError, ValueError, LookupError)
"""What the callables of a code input may raise, time-outs included."""


def tip_text(tip: SignatureTip, width: int) -> Content | None:
    """Return the tip in one line of at most `width` cells, the active parameter marked; None where none fits.

    Where not all parameters fit, those around the active one are shown.
    """
    if not tip.name or width < LEAST_CELLS:
        return None
    head = one_line(tip.name.rpartition(".")[2], width // 3) + "("
    tail = ")" + (f" → {one_line(tip.returns, 24)}" if tip.returns else "")
    form = f"  {tip.overload}/{tip.overloads}" if tip.overloads > 1 else ""
    parts = [one_line(parameter, max(width // 2, 8)) for parameter in tip.parameters]
    for end in (tail + form, ")" + form, ")"):
        shown = _around(parts, tip.active, width - cell_len(head) - cell_len(end))
        if shown is not None and (len(shown) == len(parts) or end == ")"):
            break
    if shown is None:
        return None
    texts: list[Content | str] = [head]
    for number, index in enumerate(shown):
        texts.append(", " if number else "")
        if index != shown[0] and index - 1 != shown[number - 1]:
            texts.append("…, ")
        texts.append(
            Content.styled(parts[index], "bold underline") if index == tip.active else Content(parts[index])
        )
    before = "…, " if shown and shown[0] > 0 else ""
    after = ", …" if shown and shown[-1] < len(parts) - 1 else ""
    texts[0] = head + before
    return Content.assemble(*texts, after, end)


def _around(parts: list[str], active: int | None, room: int) -> list[int] | None:
    """Return the indices of neighbours that fit, the active one among them; None where not even that fits."""
    if not parts:
        return []
    widths = [cell_len(part) + 2 for part in parts]
    if sum(widths) - 2 <= room:
        return list(range(len(parts)))
    room -= 6  # what is left out is told by an ellipsis on each side
    first = last = active if active is not None else 0
    used = widths[first] - 2
    if used > room:
        return None
    while True:
        if last + 1 < len(parts) and used + widths[last + 1] <= room:
            last += 1
            used += widths[last]
        elif first > 0 and used + widths[first - 1] <= room:
            first -= 1
            used += widths[first]
        else:
            return list(range(first, last + 1))


class CallTip:
    """Asks for the signature of the call around the cursor once typing pauses, and shows it on the border."""

    def __init__(self, area: CodeArea, read: SignatureReader) -> None:
        self._area = area
        self._read = read
        self._timer: Timer | None = None
        self._dismissed = -1  # bracket of the call whose tip was sent away
        self._wanted: object = None  # the call and the argument that were asked for last
        self.tip: SignatureTip | None = None
        """What is shown; None where nothing is."""

    def follow(self) -> None:
        """The cursor moved or the text changed."""
        area = self._area
        if area.plain or area.is_long or not area.has_focus:
            self.hide()
            return
        call = call_at_end(area.before_cursor)
        if call is None:
            self._dismissed = -1
            self.hide()
            return
        wanted = (call.bracket, call.callee, call.position, call.keyword)
        if call.bracket == self._dismissed or wanted == self._wanted:
            return
        if self.tip is not None and self.tip.start != call.bracket:
            self._show(None)
        self._wanted = wanted
        if self._timer is not None:
            self._timer.stop()
        self._timer = area.set_timer(QUIET_S, self._ask)

    def _ask(self) -> None:
        self._area.run_worker(self._ask_and_show(), exclusive=True, group="call-tip")

    async def _ask_and_show(self) -> None:
        wanted, code, cursor = self._wanted, self._area.text, len(self._area.before_cursor)
        try:
            tip = await self._read(code, cursor)
        except FAULTS:
            return
        if wanted == self._wanted and wanted is not None:
            self._show(tip if tip.name else None)

    def dismiss(self) -> bool:
        """Send the tip away until the cursor is in another call; return whether there was one."""
        if self.tip is None:
            return False
        self._dismissed = self.tip.start
        self.hide()
        return True

    def hide(self) -> None:
        """Show none, and forget what was asked."""
        self._wanted = None
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
        self._show(None)

    def _show(self, tip: SignatureTip | None) -> None:
        if tip is None and self.tip is None:
            return
        self.tip = tip
        self.draw()

    def draw(self) -> None:
        """Put the tip on the border, as far as there is room."""
        text = tip_text(self.tip, self._area.size.width - 4) if self.tip is not None else None
        self._area.border_subtitle = text if text is not None else ""
