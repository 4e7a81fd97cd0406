"""The input itself: a text area that runs on Enter, completes on Tab and remembers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from textual import events
from textual.content import Content
from textual.document._document import EditResult
from textual.document._edit import Edit
from textual.geometry import Offset
from textual.message import Message
from textual.reactive import reactive

from tui.widgets.code_input import indent
from tui.widgets.code_input.area import CodeArea
from tui.widgets.code_input.completion import CompletionsLike, common_prefix
from tui.widgets.code_input.history import History, HistoryWalk, search
from tui.widgets.code_input.offers import CodeOffer, HistoryOffer, Offer
from tui.widgets.code_input.popup import Popup
from tui.widgets.foreign import one_line, typed

Completer = Callable[[str, int], Awaitable[CompletionsLike]]
"""From code and an index into it to what could stand there."""
CompletenessCheck = Callable[[str], Awaitable[tuple[str, str]]]
"""From code to ``complete``, ``incomplete``, ``invalid`` or ``unknown``, and the indent of the next line."""
Inspector = Callable[[str, int], Awaitable[str]]
"""From code and an index into it to help on what stands there; empty where there is none."""

CHECK_TIMEOUT_S = 1.0
"""How long Enter waits for the completeness check; then it guesses."""
NEWLINE_KEYS = frozenset({"alt+enter", "shift+enter", "ctrl+j", "ctrl+enter"})
_FAULTS = (RuntimeError, OSError, ValueError, LookupError)  # what the callables may raise, time-outs included


class CodeInput(CodeArea):
    """Where code is typed. The callables it is given may be slow or fail: typing goes on."""

    prompt: reactive[str] = reactive("In [1]", init=False)
    """The title of the input: ``In [3]``."""

    class Submitted(Message):
        """Code is to be run."""

        def __init__(self, code_input: CodeInput, code: str) -> None:
            super().__init__()
            self.code_input = code_input
            self.code = code

        @property
        def control(self) -> CodeInput:
            """The input."""
            return self.code_input

    class Answered(Message):
        """A line was typed in answer to `ask`."""

        def __init__(self, code_input: CodeInput, text: str) -> None:
            super().__init__()
            self.code_input = code_input
            self.text = text

        @property
        def control(self) -> CodeInput:
            """The input."""
            return self.code_input

    class HelpFound(Message):
        """There is help on what stands at the cursor."""

        def __init__(self, code_input: CodeInput, text: str) -> None:
            super().__init__()
            self.code_input = code_input
            self.text = text

        @property
        def control(self) -> CodeInput:
            """The input."""
            return self.code_input

    def __init__(
        self,
        *,
        history: History | None = None,
        check_complete: CompletenessCheck | None = None,
        complete: Completer | None = None,
        inspect: Inspector | None = None,
        placeholder: str = "",
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        super().__init__(placeholder=placeholder, id=id, classes=classes)
        self.past = history if history is not None else History()
        """What was typed before. (`history` is the text area's own: of edits.)"""
        self._check_complete = check_complete
        self._complete = complete
        self._inspect = inspect
        self._walk: HistoryWalk | None = None
        self._offer: Offer | None = None
        self._popup: Popup | None = None
        self._asking = False
        self._draft = ""

    # -- what the screen does ---------------------------------------------------------------------

    def ask(self, prompt: str, *, password: bool = False) -> None:
        """Take one line for a cell that waits in `input()`; the code typed so far comes back afterwards."""
        if not self._asking:
            self._draft = self.text
        self._asking, self.masked = True, password
        self.plain = True
        self._set_text("")
        self.border_title = Content(one_line(prompt.strip(), 60) or "input")
        self.border_subtitle = "enter answers the cell"
        self.add_class("-asking")

    def stop_asking(self) -> None:
        """Go back to code."""
        if not self._asking:
            return
        self._asking = self.masked = self.plain = False
        self.remove_class("-asking")
        self._set_text(self._draft)
        self.border_title, self.border_subtitle = self.prompt, ""

    def restore(self, code: str) -> None:
        """Put back code that could not be run, unless something else is typed by now."""
        if not self.text.strip():
            self._set_text(code)

    def cancel_line(self) -> None:
        """Leave what is being typed."""
        self._close_popup()
        self._walk = None
        if self.text:
            self.replace("", (0, 0), self.document.end, maintain_selection_offset=False)

    # -- life -------------------------------------------------------------------------------------

    def on_mount(self) -> None:
        """Set the title."""
        self.border_title = self.prompt

    def on_unmount(self) -> None:
        """Take the popup along."""
        if self._popup is not None and self._popup.is_attached:
            self._popup.remove()

    def on_blur(self) -> None:
        """Close the list."""
        self._close_popup()

    def watch_prompt(self, prompt: str) -> None:
        """Show the prompt as title."""
        if not self._asking:
            self.border_title = Content(one_line(prompt, 60))

    # -- text -------------------------------------------------------------------------------------

    def _set_text(self, text: str) -> None:
        self._walk = None
        self._close_popup()
        self.load_text(typed(text))
        self.move_cursor(self.document.end)

    def edit(self, edit: Edit) -> EditResult:
        """Perform an edit; an open list follows it."""
        result = super().edit(edit)
        self._follow_edit()
        return result

    def paste_text(self, text: str) -> None:
        """Put pasted text in place of the selection."""
        super().paste_text(text.replace("\n", " ") if self._asking else text)
        self._close_popup()

    # -- keys -------------------------------------------------------------------------------------

    async def _on_key(self, event: events.Key) -> None:
        if self._popup_takes(event.key):
            handled = True
        elif event.key == "enter":
            await self._enter()
            handled = True
        elif event.key in NEWLINE_KEYS:
            self._newline(indent.next_indent(self.before_cursor))
            handled = True
        elif event.key == "tab":
            self._tab()
            handled = True
        elif event.key == "shift+tab":
            handled = self._shift_tab()
        else:
            handled = await self._own_binding(event)
        if handled:
            event.stop()
            event.prevent_default()

    async def _own_binding(self, event: events.Key) -> bool:
        """Do at once what a key of ours is bound to.

        Textual lets bindings bubble through the queues of all parents while it inserts characters at once: of keys
        that come in a burst, as over SSH, the arrow would come after what was typed behind it.
        """
        bindings = self._bindings.key_to_bindings.get(event.key, ())
        for binding in bindings:
            if self.check_action(binding.action, ()) is not False:
                await self.run_action(binding.action)
                return True
        return False

    def _newline(self, indentation: str) -> None:
        self._close_popup()
        if not self._asking:
            self._type("\n" + indentation)

    async def _enter(self) -> None:
        """Run the code where it is complete and the cursor in its last line; else begin a new line."""
        if self._asking:
            self._answer()
            return
        text, before = self.text, self.before_cursor
        if not text.strip():
            return
        lines_left = text[len(before) :].rstrip().count("\n")
        if lines_left:
            self._newline(indent.next_indent(before))
            return
        checked = before if "\n" in text else text
        status, indentation = await self._completeness(checked)
        if status == "incomplete":
            self._newline(indentation)
        else:
            self._submit(text.rstrip())

    async def _completeness(self, code: str) -> tuple[str, str]:
        # Awaited in the handler of the key, so that keys typed meanwhile come after it.
        status, indentation = "unknown", ""
        if self._check_complete is not None:
            try:
                status, indentation = await asyncio.wait_for(self._check_complete(code), CHECK_TIMEOUT_S)
            except _FAULTS:
                status = "unknown"
        if status == "unknown":
            status = "complete" if indent.looks_complete(code) else "incomplete"
            indentation = indent.next_indent(code)
        return status, indentation if indentation.isspace() else ""

    def _submit(self, code: str) -> None:
        self.past.append(code)
        self._set_text("")
        self.post_message(self.Submitted(self, code))

    def _answer(self) -> None:
        text = self.text
        self._set_text("")
        self.stop_asking()
        self.post_message(self.Answered(self, text))

    def _tab(self) -> None:
        """Indent in the white space before a line; complete after a name."""
        row, column = self.cursor_location
        if self._asking:
            return
        if not self.document[row][:column].strip() or self._complete is None:
            self._type(" " * indent.to_tab_stop(column))
        elif self.selection.is_empty:
            self.run_worker(self._complete_here(self._complete), exclusive=True, group="completion")

    def _shift_tab(self) -> bool:
        """Take one indent from a line; in a line of code, ask for help on what stands at the cursor."""
        row, column = self.cursor_location
        before = self.document[row][:column]
        if before.strip() and self._inspect is not None and not self._asking:
            self.run_worker(self._help_here(self._inspect), exclusive=True, group="inspection")
            return True
        if not before or before.strip():
            return False
        line = self.document[row]
        taken = min(indent.WIDTH, len(line) - len(line.lstrip(" ")))
        self.delete((row, 0), (row, taken))
        return True

    async def _help_here(self, inspect: Inspector) -> None:
        code = self.text
        try:
            text = await inspect(code, len(self.before_cursor))
        except _FAULTS:
            return
        if text:
            self.post_message(self.HelpFound(self, text))

    # -- history ----------------------------------------------------------------------------------

    def action_cursor_up(self, select: bool = False) -> None:
        """Move up; in the first line, go to the entry before that begins like the text before the cursor."""
        if select or self._asking or not self.navigator.is_first_wrapped_line(self.cursor_location):
            super().action_cursor_up(select)
            return
        if self._walk is None or self._walk.shown != self.text:
            self._walk = HistoryWalk(self.past.entries, self.text, self.before_cursor)
        self._recall(self._walk, self._walk.older())

    def action_cursor_down(self, select: bool = False) -> None:
        """Move down; in the last line, go to the entry after, at last back to what was typed."""
        last = self.navigator.is_last_wrapped_line(self.cursor_location)
        if select or not last or self._walk is None or self._walk.shown != self.text:
            super().action_cursor_down(select)
            return
        self._recall(self._walk, self._walk.newer())

    def _recall(self, walk: HistoryWalk, entry: str | None) -> None:
        if entry is not None:
            self._set_text(entry)
            self._walk = walk

    def action_search_history(self) -> None:
        """List the entries that contain what is typed; typing on narrows it."""
        if not self._asking:
            self._show(HistoryOffer(tuple(search(self.past.entries, self.text))))

    # -- the list ---------------------------------------------------------------------------------

    async def _complete_here(self, complete: Completer) -> None:
        code, cursor = self.text, self.cursor_location
        try:
            found = await complete(code, len(self.before_cursor))
        except _FAULTS:
            return
        if self.text != code or self.cursor_location != cursor or not self.has_focus:
            return  # typed on meanwhile
        offer = CodeOffer.of(found, code, cursor)
        if offer is None:
            return
        if len(offer.texts) == 1:
            self._take(offer, 0)
            return
        shared = common_prefix(offer.texts)
        if len(shared) > len(offer.typed(self)) and shared.startswith(offer.typed(self)):
            self.replace(shared, offer.start, self.cursor_location, maintain_selection_offset=False)
        self._show(offer)

    def _show(self, offer: Offer) -> None:
        rows = offer.rows()
        if not rows:
            self._close_popup()
            return
        if self._popup is None:
            self._popup = Popup(self._choose)
            self.screen.mount(self._popup)
        self._offer = offer
        self._recompute_cursor_offset()  # type: ignore[no-untyped-call]
        cursor = self.cursor_screen_offset
        self._popup.show(rows, Offset(max(cursor.x - offer.shown_before_cursor(self) - 1, 0), cursor.y))

    def _close_popup(self) -> None:
        self._offer = None
        if self._popup is not None:
            self._popup.hide()

    def _popup_takes(self, key: str) -> bool:
        """Do what a key means to the open list; return whether it meant anything."""
        if self._offer is None or self._popup is None:
            return False
        moves = {"down": 1, "tab": 1, "up": -1, "shift+tab": -1, "ctrl+r": 1}
        if key in moves:
            self._popup.move(moves[key])
        elif key == "enter":
            self._choose(self._popup.chosen)
        elif key == "escape":
            self._close_popup()
        else:
            if key not in ("backspace", "underscore", "full_stop") and len(key) > 1:
                self._close_popup()
            return False
        return True

    def _choose(self, index: int) -> None:
        if self._offer is not None:
            self._take(self._offer, index)
        self.focus()

    def _take(self, offer: Offer, index: int) -> None:
        self._close_popup()
        offer.take(self, index)

    def _follow_edit(self) -> None:
        """Narrow the open list to what is typed by now."""
        if self._offer is None:
            return
        narrowed = self._offer.follow(self)
        if narrowed is None:
            self._close_popup()
        else:
            self._show(narrowed)
