"""A line of text under edit: its characters and where the cursor is."""

from __future__ import annotations

from dataclasses import dataclass

from tui.widgets.foreign import typed


@dataclass(frozen=True)
class LineText:
    """A text, and the index of the character that the cursor is before."""

    text: str = ""
    at: int = 0

    @classmethod
    def end_of(cls, text: str) -> LineText:
        """Return a text with the cursor behind it."""
        return cls(text, len(text))

    def insert(self, text: str) -> LineText:
        """Put text in at the cursor; line breaks become spaces."""
        new = typed(text).replace("\n", " ").replace("\t", " ")
        return LineText(self.text[: self.at] + new + self.text[self.at :], self.at + len(new))

    def move(self, step: int) -> LineText:
        """Move the cursor."""
        return LineText(self.text, max(0, min(len(self.text), self.at + step)))

    def key(self, name: str) -> LineText | None:
        """Return what a key makes of it; None for a key that means nothing here."""
        match name:
            case "left":
                return self.move(-1)
            case "right":
                return self.move(1)
            case "home" | "ctrl+a":
                return LineText(self.text, 0)
            case "end" | "ctrl+e":
                return LineText(self.text, len(self.text))
            case "backspace":
                return LineText(self.text[: max(0, self.at - 1)] + self.text[self.at :], max(0, self.at - 1))
            case "delete":
                return LineText(self.text[: self.at] + self.text[self.at + 1 :], self.at)
            case "ctrl+u":
                return LineText(self.text[self.at :], 0)
            case "ctrl+k":
                return LineText(self.text[: self.at], self.at)
        return None
