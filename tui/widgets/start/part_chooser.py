"""Chooses a model, a loss, an optimizer or a schedule for a field of the form."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textual import on
from textual.message import Message

from tui.protocol.training import Choice
from tui.widgets.builder.chooser import Chooser
from tui.widgets.start.fields import Field
from tui.widgets.start.picking import Refused, question, taken


class PartChooser(Chooser):
    """Asks what is to be in a field; what cannot be stays in the line, with words."""

    @dataclass
    class Picked(Message):
        """A field is to have this text."""

        field: Field
        text: str

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.known: tuple[Choice, ...] | None = None
        """What there is to choose from; None before the kernel has told."""
        self._field: Field | None = None

    def ask_for(self, field: Field, text: str) -> None:
        """Ask what is to be in a field that has `text` now."""
        self._field = field
        self.ask(question(field, text, self.known))

    def take_choices(self, choices: Sequence[Choice]) -> None:
        """Take what there is to choose from, while it asks too."""
        self.known = tuple(choices)
        if self.display and self._field is not None:
            self.ask_for(self._field, self.line.value)

    @on(Chooser.Submitted)
    def _submitted(self, event: Chooser.Submitted) -> None:
        event.stop()
        assert self._field is not None
        try:
            text = taken(self._field, event.text, event.key, self.known)
        except Refused as refused:
            if refused.line:
                self.put(refused.line)
            self.refuse(str(refused))
            return
        self.post_message(self.Picked(self._field, text))
        self.close()
