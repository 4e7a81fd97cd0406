"""What the list beside the cursor offers: names, or entries of the history."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.document._document import Location

from tui.widgets.code_input.completion import CompletionsLike, labels, narrowed, usable
from tui.widgets.code_input.history import search
from tui.widgets.foreign import one_line

if TYPE_CHECKING:
    from tui.widgets.code_input.widget import CodeInput

ROW_CELLS = 100


@dataclass(frozen=True)
class CodeOffer:
    """Names that may stand at the cursor."""

    texts: tuple[str, ...]
    start: Location
    """Where they begin."""
    all_texts: tuple[str, ...]
    """Before they were narrowed to what was typed since."""

    @classmethod
    def of(cls, found: CompletionsLike, code: str, cursor: Location) -> CodeOffer | None:
        """Return the offer; None where nothing can be inserted."""
        before = code[: max(found.start, 0)]
        start = (before.count("\n"), len(before.rpartition("\n")[2]))
        texts = usable(found.matches)
        if not texts or start[0] != cursor[0] or start > cursor:
            return None
        return cls(texts, start, texts)

    def typed(self, code_input: CodeInput) -> str:
        """Return what stands between the start and the cursor."""
        return code_input.get_text_range(self.start, code_input.cursor_location)

    def rows(self) -> list[str]:
        """Return what to list."""
        return labels(self.texts)

    def shown_before_cursor(self, code_input: CodeInput) -> int:
        """Return how many characters of a row stand before the cursor already."""
        hidden = len(self.texts[0]) - len(labels(self.texts)[0])
        return max(len(self.typed(code_input)) - hidden, 0)

    def take(self, code_input: CodeInput, index: int) -> None:
        """Insert one."""
        code_input.replace(
            self.texts[index], self.start, code_input.cursor_location, maintain_selection_offset=False
        )

    def follow(self, code_input: CodeInput) -> CodeOffer | None:
        """Return the offer after an edit; None where the cursor left it or one is wholly typed."""
        cursor = code_input.cursor_location
        if cursor[0] != self.start[0] or cursor < self.start:
            return None
        typed = self.typed(code_input)
        texts = narrowed(self.all_texts, typed)
        if not typed or not texts or texts == (typed,):
            return None
        return CodeOffer(texts, self.start, self.all_texts)


@dataclass(frozen=True)
class HistoryOffer:
    """Entries typed before, newest first."""

    texts: tuple[str, ...]

    def rows(self) -> list[str]:
        """Return what to list."""
        return [
            one_line(" ⏎ ".join(line.strip() for line in text[:2_000].split("\n")), ROW_CELLS)
            for text in self.texts
        ]

    def shown_before_cursor(self, code_input: CodeInput) -> int:
        """Return how far the list stands to the left: at the start of the line."""
        return code_input.cursor_location[1]

    def take(self, code_input: CodeInput, index: int) -> None:
        """Put an entry in place of what was typed."""
        code_input.replace(
            self.texts[index], (0, 0), code_input.document.end, maintain_selection_offset=False
        )

    def follow(self, code_input: CodeInput) -> HistoryOffer | None:
        """Return the entries that contain what is typed by now."""
        texts = tuple(search(code_input.past.entries, code_input.text))
        return HistoryOffer(texts) if texts else None


Offer = CodeOffer | HistoryOffer
