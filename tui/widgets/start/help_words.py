"""Words beside the form: what the row under the cursor is for, and what the preset says of itself."""

from __future__ import annotations

from collections.abc import Sequence

from tui.protocol.preset import PresetInfo
from tui.widgets.drawn.lines import StyledLine
from tui.widgets.drawn.text import one, sentence
from tui.widgets.live_lines import LiveLines, Span


class StartHelp(LiveLines):
    """What the row under the cursor is for."""

    DEFAULT_CSS = """
    StartHelp { height: 2; background: $surface; color: $text-muted; padding: 0 1; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._text = ""

    def show(self, text: str) -> None:
        """Show it."""
        if text != self._text:
            self._text = text
            self.show_lines()

    def lay_out(self, width: int, height: int) -> Sequence[Sequence[Span]]:
        """Return it in as many lines as there are."""
        lines = sentence(self._text, max(width, 8))
        return [[(line.plain, "")] for line in lines[:height]]


def about_lines(preset: PresetInfo, width: int) -> list[StyledLine]:
    """Return the docstring of a preset, flowed into the width."""
    lines = sentence(preset.title or preset.name, width - 1, "strong", lead=(" ", ""), indent=1)
    if preset.description:
        lines.append(one(""))
        for paragraph in preset.description.split("\n\n"):
            lines += [*_paragraph(paragraph, width), one("")]
    return lines


def _paragraph(text: str, width: int) -> list[StyledLine]:
    """Return a paragraph flowed into the width; lines that are moved in begin a new one."""
    joined: list[str] = []
    for line in text.split("\n"):
        if joined and line and not line.startswith(" "):
            joined[-1] += " " + line.strip()
        else:
            joined.append(line.strip() if not joined else "  " + line.strip() if line.strip() else "")
    lines: list[StyledLine] = []
    for line in joined:
        indent = len(line) - len(line.lstrip()) + 1
        lines += sentence(line.strip(), width - 1, lead=(" " * indent, ""), indent=indent)
    return lines
