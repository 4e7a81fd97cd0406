"""The input itself: a text area that runs on Enter, completes on Tab and remembers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from textual import events
from textual.content import Content
from textual.document._document import EditResult
from textual.document._edit import Edit
from textual.message import Message
from textual.reactive import reactive

from tui.widgets.code_input import indent
from tui.widgets.code_input.history import History
from tui.widgets.code_input.offer_list import Completer, OfferList
from tui.widgets.code_input.recall import RecallingArea
from tui.widgets.code_input.tip import FAULTS, CallTip, SignatureReader
from tui.widgets.foreign import one_line

CompletenessCheck = Callable[[str], Awaitable[tuple[str, str]]]
"""From code to ``complete``, ``incomplete``, ``invalid`` or ``unknown``, and the indent of the next line."""
Inspector = Callable[[str, int], Awaitable[str]]
"""From code and an index into it to help on what stands there; empty where there is none."""

CHECK_TIMEOUT_S = 1.0
"""How long Enter waits for the completeness check; then it guesses."""
NEWLINE_KEYS = frozenset({"alt+enter", "shift+enter", "ctrl+j", "ctrl+enter"})


class CodeInput(RecallingArea):
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
        signature: SignatureReader | None = None,
        placeholder: str = "",
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        super().__init__(history=history, placeholder=placeholder, id=id, classes=classes)
        self._check_complete = check_complete
        self._inspect = inspect
        self._list = OfferList(self, complete)
        self._tip = CallTip(self, signature) if signature is not None else None

    # -- what the screen does ---------------------------------------------------------------------

    def ask(self, prompt: str, *, password: bool = False) -> None:
        """Take one line for a cell that waits in `input()`; the code typed so far comes back afterwards."""
        if not self.asking:
            self.draft = self.text
        if self._tip is not None:
            self._tip.hide()
        self.asking, self.masked = True, password
        self.plain = True
        self.set_text("")
        self.border_title = Content(one_line(prompt.strip(), 60) or "input")
        self.border_subtitle = "enter answers the cell"
        self.add_class("-asking")

    def stop_asking(self) -> None:
        """Go back to code."""
        if not self.asking:
            return
        self.asking = self.masked = self.plain = False
        self.remove_class("-asking")
        self.set_text(self.draft)
        self.border_title, self.border_subtitle = self.prompt, ""

    # -- life -------------------------------------------------------------------------------------

    def on_mount(self) -> None:
        """Set the title."""
        self.border_title = self.prompt

    def on_unmount(self) -> None:
        """Take the popup along."""
        self._list.remove()

    def on_blur(self) -> None:
        """Close the list."""
        self._list.close()
        if self._tip is not None:
            self._tip.hide()

    def on_resize(self) -> None:
        """Fit the call tip to the new width."""
        if self._tip is not None and self._tip.tip is not None:
            self._tip.draw()

    def watch_prompt(self, prompt: str) -> None:
        """Show the prompt as title."""
        if not self.asking:
            self.border_title = Content(one_line(prompt, 60))

    # -- text -------------------------------------------------------------------------------------

    def leave_list(self) -> None:
        """Close the list: the text that it belongs to goes."""
        self._list.close()

    def edit(self, edit: Edit) -> EditResult:
        """Perform an edit; an open list follows it."""
        result = super().edit(edit)
        self._list.follow_edit()
        return result

    def watch_selection(self) -> None:
        """Have the call tip follow the cursor."""
        if self.is_mounted and self._tip is not None and not self.asking and not self._list.is_open:
            self._tip.follow()

    def paste_text(self, text: str) -> None:
        """Put pasted text in place of the selection."""
        super().paste_text(text.replace("\n", " ") if self.asking else text)
        self._list.close()

    # -- keys -------------------------------------------------------------------------------------

    async def _on_key(self, event: events.Key) -> None:
        if self._list.takes(event.key):
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
        elif event.key == "escape":
            handled = self._tip is not None and self._tip.dismiss()
        else:
            handled = await self._bound_here(event) or self.close_bracket(event.character)
        if handled:
            event.stop()
            event.prevent_default()

    async def _bound_here(self, event: events.Key) -> bool:
        """Do at once what a key is bound to by the input or by its screen.

        Textual lets bindings bubble through the queues of all parents while it inserts characters at once: of keys
        that come in a burst, as over SSH, the arrow would come after what was typed behind it. And it takes the
        letter of ``alt+v`` for one that is typed.
        """
        bindings = self._bindings.key_to_bindings.get(event.key, ())
        for binding in bindings:
            if self.check_action(binding.action, ()) is not False:
                await self.run_action(binding.action)
                return True
        if not event.key.startswith("alt+"):
            return False
        event.prevent_default()
        active = self.screen.active_bindings.get(event.key)
        if active is None or not active.enabled or active.node is not self.screen:
            return False
        await self.app.run_action(active.binding.action, self.screen)
        return True

    def _newline(self, indentation: str) -> None:
        self._list.close()
        if not self.asking:
            self.type_text("\n" + indentation)

    async def _enter(self) -> None:
        """Run the code where it is complete and the cursor in its last line; else begin a new line."""
        if self.asking:
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
        if await self._is_complete(checked):
            self._submit(text.rstrip())
        else:
            self._newline(indent.next_indent(before))

    async def _is_complete(self, code: str) -> bool:
        # Awaited in the handler of the key, so that keys typed meanwhile come after it.
        if self._check_complete is not None:
            try:
                status, _ = await asyncio.wait_for(self._check_complete(code), CHECK_TIMEOUT_S)
            except FAULTS:
                status = "unknown"
            if status != "unknown":
                return status != "incomplete"
        return indent.looks_complete(code)

    def _submit(self, code: str) -> None:
        self.past.append(code)
        self.set_text("")
        self.post_message(self.Submitted(self, code))

    def _answer(self) -> None:
        text = self.text
        self.set_text("")
        self.stop_asking()
        self.post_message(self.Answered(self, text))

    def _tab(self) -> None:
        """Shift selected lines in; indent in the white space before a line; complete after a name."""
        row, column = self.cursor_location
        if self.asking:
            return
        if self.selects_lines:
            self.action_indent_lines(1)
        elif not self.document[row][:column].strip() or not self._list.can_complete:
            self.type_text(" " * indent.to_tab_stop(column))
        elif self.selection.is_empty:
            self._list.complete()

    def _shift_tab(self) -> bool:
        """Take one indent from the lines; in a line of code, ask for help on what stands at the cursor."""
        row, column = self.cursor_location
        if self.asking:
            return False
        if self.selects_lines:
            self.action_indent_lines(-1)
            return True
        before = self.document[row][:column]
        if before.strip() and self._inspect is not None:
            self.run_worker(self._help_here(self._inspect), exclusive=True, group="inspection")
            return True
        if not before or before.strip():
            return False
        self.action_indent_lines(-1)
        return True

    async def _help_here(self, inspect: Inspector) -> None:
        code = self.text
        try:
            text = await inspect(code, len(self.before_cursor))
        except FAULTS:
            return
        if text:
            self.post_message(self.HelpFound(self, text))

    def action_search_history(self) -> None:
        """List the entries that contain what is typed; typing on narrows it."""
        if not self.asking:
            self._list.search(tuple(self.past.entries))
