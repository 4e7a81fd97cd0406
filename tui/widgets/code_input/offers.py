"""What the list beside the cursor offers: names, or entries of the history."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.document._document import Location

from tui.protocol.completing import CompletionItem, CompletionList
from tui.widgets.code_input.completion import is_bare, kind_word, labels, narrowed, usable
from tui.widgets.code_input.history import search
from tui.widgets.code_input.rows import MAX_ROWS, Row
from tui.widgets.foreign import one_line

if TYPE_CHECKING:
    from tui.widgets.code_input.area import CodeArea

ROW_CELLS = 100


@dataclass(frozen=True)
class CodeOffer:
    """Names that may stand at the cursor."""

    items: tuple[CompletionItem, ...]
    start: Location
    """Where they begin."""
    all_items: tuple[CompletionItem, ...]
    """Before they were narrowed to what was typed since."""
    hint = ""

    @classmethod
    def of(cls, found: CompletionList, code: str, cursor: Location) -> CodeOffer | None:
        """Return the offer; None where nothing can be inserted."""
        before = code[: max(found.start, 0)]
        start = (before.count("\n"), len(before.rpartition("\n")[2]))
        items = usable(found)
        if not items or start[0] != cursor[0] or start > cursor:
            return None
        return cls(items, start, items)

    @property
    def texts(self) -> tuple[str, ...]:
        """What may be inserted."""
        return tuple(item.text for item in self.items)

    @property
    def lacks_details(self) -> bool:
        """Whether rows that are seen first are known by name alone, though the kernel could tell more."""
        cut = any(map(is_bare, self.all_items)) and not all(map(is_bare, self.all_items))
        return cut and any(map(is_bare, self.items[:MAX_ROWS]))

    def typed(self, area: CodeArea) -> str:
        """Return what stands between the start and the cursor."""
        return area.get_text_range(self.start, area.cursor_location)

    def rows(self) -> list[Row]:
        """Return what to list."""
        return [
            Row(label, kind_word(item), item.detail, item.doc)
            for label, item in zip(labels(self.texts), self.items, strict=True)
        ]

    def shown_before_cursor(self, area: CodeArea) -> int:
        """Return how many characters of a row stand before the cursor already."""
        hidden = len(self.items[0].text) - len(labels(self.texts)[0])
        return max(len(self.typed(area)) - hidden, 0)

    def take(self, area: CodeArea, index: int) -> None:
        """Insert one."""
        area.replace(
            self.items[index].text, self.start, area.cursor_location, maintain_selection_offset=False
        )

    def follow(self, area: CodeArea) -> CodeOffer | None:
        """Return the offer after an edit; None where the cursor left it or one is wholly typed."""
        cursor = area.cursor_location
        if cursor[0] != self.start[0] or cursor < self.start:
            return None
        typed = self.typed(area)
        items = narrowed(self.all_items, typed)
        if not typed or not items or [item.text for item in items] == [typed]:
            return None
        return CodeOffer(items, self.start, self.all_items)


@dataclass(frozen=True)
class HistoryOffer:
    """Entries typed before, newest first."""

    texts: tuple[str, ...]
    past: tuple[str, ...]
    """All entries, oldest first, in which is searched."""
    hint = "history: type to search · enter takes one · esc closes"
    lacks_details = False

    @classmethod
    def of(cls, past: tuple[str, ...], query: str) -> HistoryOffer | None:
        """Return the entries that contain all words of the query; None where there are none."""
        texts = tuple(search(past, query))
        return cls(texts, past) if texts else None

    def follow(self, area: CodeArea) -> HistoryOffer:
        """Return the entries that contain what is typed by now, maybe none: the search goes on."""
        return HistoryOffer(tuple(search(self.past, area.text)), self.past)

    def rows(self) -> list[Row]:
        """Return what to list."""
        return [Row(_in_one_line(text)) for text in self.texts] or [Row("nothing typed before contains this")]

    def shown_before_cursor(self, area: CodeArea) -> int:
        """Return how far the list stands to the left: at the start of the line."""
        return area.cursor_location[1]

    def take(self, area: CodeArea, index: int) -> None:
        """Put an entry in place of what was typed."""
        if index < len(self.texts):
            area.replace(self.texts[index], (0, 0), area.document.end, maintain_selection_offset=False)


def _in_one_line(entry: str) -> str:
    """Return an entry with its line breaks as ``⏎``, cut, with the number of lines that are not shown."""
    lines = entry[:2_000].split("\n")
    text = one_line(" ⏎ ".join(line.strip() for line in lines), ROW_CELLS)
    total = entry.count("\n") + 1
    return f"{text}  ({total:,} lines)" if text.endswith("…") and total > 1 else text


Offer = CodeOffer | HistoryOffer
