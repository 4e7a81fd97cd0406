"""A text area for Python: coloured as the theme says, as high as its text, its brackets marked."""

from __future__ import annotations

from rich.style import Style
from rich.text import Text
from textual.document._document import Location
from textual.theme import Theme
from textual.widgets import TextArea
from textual.widgets.text_area import TextAreaTheme

from tui.widgets.code_input import graphemes
from tui.widgets.code_input.bindings import BINDINGS
from tui.widgets.code_input.brackets import Marks, marks
from tui.widgets.code_input.palette import capture_styles

HIGHLIGHT_LINES = 300
"""Lines above which code stays plain: the whole of it is coloured at every key."""
HIGHLIGHT_CHARACTERS = 20_000


class CodeArea(TextArea, inherit_bindings=False):
    """Where Python is typed; as high as its text, within limits."""

    DEFAULT_CSS = """
    CodeArea {
        height: auto;
        min-height: 3;
        max-height: 12;
        padding: 0 1;
        background: $background;
        border: round $panel-lighten-2;
        border-title-color: $text-muted;
        border-subtitle-color: $text-muted;
        scrollbar-size-vertical: 1;
        &:focus { border: round $primary; border-title-color: $text-primary; }
        &.-asking:focus { border: round $warning; border-title-color: $text-warning; }
        & .text-area--placeholder { color: $text-disabled; }
        & .code-area--bracket { color: $text-accent; text-style: bold underline; }
        & .code-area--wrong-bracket { color: $text-error; text-style: bold reverse; }
    }
    """
    COMPONENT_CLASSES = {"code-area--bracket", "code-area--wrong-bracket"}
    BINDINGS = BINDINGS

    def __init__(self, *, placeholder: str = "", id: str | None = None, classes: str | None = None) -> None:
        self.masked = False
        """Whether to show bullets: a password is typed."""
        self.plain = False
        """Whether to leave the text uncoloured: it is no code."""
        super().__init__(id=id, classes=classes, highlight_cursor_line=False, placeholder=placeholder)
        self.cursor_blink = False  # an idle screen sends nothing
        self.match_cursor_bracket = False  # it takes those in strings for brackets: see `get_line`

    def on_mount(self) -> None:
        """Take on the theme's colours and the grammar, if there is one."""
        self._apply_theme()
        self.app.theme_changed_signal.subscribe(self, self._theme_changed)
        try:
            self.language = "python"
        except Exception:  # noqa: BLE001 - no grammar, or one of another version: code stays plain
            self.language = None

    def _theme_changed(self, _theme: Theme) -> None:
        self._apply_theme()

    def _apply_theme(self) -> None:
        styles = capture_styles(self.app.theme_variables)
        self.register_theme(TextAreaTheme("torchtui", syntax_styles=styles))
        self.theme = "torchtui"

    # -- text -------------------------------------------------------------------------------------

    @property
    def is_long(self) -> bool:
        """Whether there is too much text to read all of it at every key."""
        document = self.document
        if document.line_count > HIGHLIGHT_LINES:
            return True
        return sum(len(document[row]) for row in range(document.line_count)) > HIGHLIGHT_CHARACTERS

    @property
    def before_cursor(self) -> str:
        """The text before the cursor."""
        return self.get_text_range((0, 0), self.cursor_location)

    def location_of(self, index: int) -> Location:
        """Return the row and column of an index into the text."""
        before = self.text[:index]
        return before.count("\n"), len(before) - before.rfind("\n") - 1

    def _build_highlight_map(self) -> None:
        if self.plain or self.is_long:
            self._line_cache.clear()
            self._highlights.clear()
        else:
            super()._build_highlight_map()

    # -- drawing ----------------------------------------------------------------------------------

    def get_line(self, line_index: int) -> Text:
        """Return a line of the document with its brackets marked; bullets while a password is typed."""
        line = super().get_line(line_index)
        if self.masked:
            return Text("•" * len(line.plain), end="", no_wrap=True)
        if self.plain or self.is_long:
            return line
        for index, name in self._marked():
            row, column = self.location_of(index)
            if row == line_index:
                line.stylize(self._mark_style(name), column, column + 1)
        return line

    def _marked(self) -> list[tuple[int, str]]:
        found: Marks = marks(self.text, len(self.before_cursor))
        pair = found.pair if self.has_focus and self.selection.is_empty else ()
        return [
            *((index, "code-area--bracket") for index in pair),
            *((index, "code-area--wrong-bracket") for index in found.wrong),
        ]

    def _mark_style(self, name: str) -> Style:
        return self.get_component_rich_style(name, partial=True)

    # -- the cursor -------------------------------------------------------------------------------

    def get_cursor_left_location(self) -> Location:
        """Return where the character before the cursor begins, with all that belongs to it."""
        row, column = self.cursor_location
        if column == 0:
            return super().get_cursor_left_location()
        return row, graphemes.before(self.document[row], column)

    def get_cursor_right_location(self) -> Location:
        """Return where the character at the cursor ends, with all that belongs to it."""
        row, column = self.cursor_location
        if column >= len(self.document[row]):
            return super().get_cursor_right_location()
        return row, graphemes.after(self.document[row], column)
