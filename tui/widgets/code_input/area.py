"""A text area for Python: coloured as the theme says, indented, as high as its text, safe to paste into."""

from __future__ import annotations

from rich.text import Text
from textual import events
from textual.theme import Theme
from textual.widgets import TextArea
from textual.widgets.text_area import TextAreaTheme

from tui.widgets.code_input import indent
from tui.widgets.code_input.bindings import BINDINGS
from tui.widgets.code_input.palette import capture_styles
from tui.widgets.foreign import typed

HIGHLIGHT_LINES = 300
"""Lines above which code stays plain: the whole of it is coloured at every key."""


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
    }
    """
    BINDINGS = BINDINGS

    def __init__(self, *, placeholder: str = "", id: str | None = None, classes: str | None = None) -> None:
        self.masked = False
        """Whether to show bullets: a password is typed."""
        self.plain = False
        """Whether to leave the text uncoloured: it is no code."""
        super().__init__(id=id, classes=classes, highlight_cursor_line=False, placeholder=placeholder)
        self.cursor_blink = False  # an idle screen sends nothing

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

    def _build_highlight_map(self) -> None:
        if self.document.line_count > HIGHLIGHT_LINES or self.plain:
            self._line_cache.clear()
            self._highlights.clear()
        else:
            super()._build_highlight_map()

    def get_line(self, line_index: int) -> Text:
        """Return a line of the document; bullets while a password is typed."""
        line = super().get_line(line_index)
        return Text("•" * len(line.plain), end="", no_wrap=True) if self.masked else line

    @property
    def before_cursor(self) -> str:
        """The text before the cursor."""
        return self.get_text_range((0, 0), self.cursor_location)

    def _type(self, text: str) -> None:
        """Put text in place of the selection, or at the cursor."""
        self.replace(text, *self.selection, maintain_selection_offset=False)

    async def _on_paste(self, event: events.Paste) -> None:
        event.prevent_default()
        event.stop()
        self.paste_text(typed(event.text))

    def paste_text(self, text: str) -> None:
        """Put pasted text in place of the selection."""
        self._type(text)

    def action_delete_left(self) -> None:
        """Delete the selection, or to the left: in the indent, to the tab stop before."""
        row, column = self.cursor_location
        taken = indent.back_to_tab_stop(self.before_cursor) if self.selection.is_empty else 1
        if taken > 1:
            self.delete((row, column - taken), (row, column), maintain_selection_offset=False)
        else:
            super().action_delete_left()
