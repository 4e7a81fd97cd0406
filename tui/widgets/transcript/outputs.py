"""What a cell showed or raised, as blocks: drawn values, operations, failures, images, tracebacks, plain text."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TypeVar

from tui.protocol.codec import decode
from tui.protocol.operations import FAILURE_MIME, OPERATIONS_MIME, Explanation, Failure
from tui.protocol.values import VALUE_MIME, Shown
from tui.protocol.viewing import Pixels
from tui.widgets import words
from tui.widgets.drawn.explanation import explanation_lines
from tui.widgets.drawn.failure import failure_drawing
from tui.widgets.drawn.images import FORMATS, half_blocks
from tui.widgets.drawn.lines import Line, StyledLine, styled_lines
from tui.widgets.drawn.picture import GAP
from tui.widgets.drawn.text import Pen
from tui.widgets.drawn.value import value_lines
from tui.widgets.foreign import ansi, clean, one_line
from tui.widgets.transcript.blocks import Block, DrawnBlock, head, note_line
from tui.widgets.transcript.tracebacks import can_fold, exception_text, traceback_lines

COPY_LIMIT = 2_000_000
"""Characters of a result's text that are kept for copying."""

T = TypeVar("T")


class ResultBlock(DrawnBlock):
    """Something displayed: drawn where the kernel described it, else its own text."""

    def __init__(self, data: dict[str, str], count: int | None) -> None:
        text = data.get("text/plain", "")
        self.count = count
        """The number in ``Out[n]``; None for what was displayed and is no result."""
        self.shown = _read(Shown, data.get(VALUE_MIME))
        """What the kernel said of it; None where it said nothing that can be read."""
        if self.shown is not None and not (self.shown.tensor or self.shown.tree):
            self.shown = None
        self.drawn = self.shown is not None
        """Whether the drawing is shown in place of the text."""
        kept = {mime: content for mime, content in data.items() if mime != VALUE_MIME}
        self._text_lines = result_lines(kept, count) if self.shown is None else None
        super().__init__(self._draw_at, copy_text=clean(ansi(text[:COPY_LIMIT]).plain))

    @property
    def has_image(self) -> bool:
        """Whether it can be looked at as an image."""
        return self.shown is not None and self.shown.picture is not None and self.shown.picture.image

    def toggle(self) -> None:
        """Show the text in place of the drawing, or the drawing again."""
        self.drawn = not self.drawn
        self.version += 1

    def _draw_at(self, width: int) -> Sequence[Line]:
        if self.drawn and self.shown is not None:
            return value_lines(
                self.shown, width, (f"Out[{self.count}]: ", "out") if self.count is not None else ("", "")
            )
        if self._text_lines is None:
            self._text_lines = result_lines({"text/plain": self.copy_text}, self.count)
        return self._text_lines


class FailureBlock(Block):
    """An exception, its traceback folded to the user's own frames."""

    def __init__(self, kind: str, message: str, traceback: Iterable[str]) -> None:
        self._traceback = tuple(traceback)
        self._exception = exception_text(kind, message)
        self.folded = can_fold(self._traceback)
        self.foldable = self.folded
        """Whether folding hides anything."""
        super().__init__("error", self._lines_now())

    def toggle(self) -> None:
        """Unfold the traceback, or fold it again."""
        self.folded = not self.folded
        self.replace(self._lines_now())

    @property
    def copy_text(self) -> str:
        """The whole traceback."""
        return clean(ansi("\n".join(self._traceback)).plain) or self._exception

    def _lines_now(self) -> list[Line]:
        lines = traceback_lines(self._traceback, folded=self.folded or not self.foldable)
        whole = [line if isinstance(line, str) else replace(line, by_words=True) for line in lines]
        return head(whole or [*self._exception.split("\n")])


class ImageBlock(DrawnBlock):
    """An image, or why it is not drawn."""

    def __init__(self, note: str) -> None:
        self._note = note
        self._pixels: Pixels | None = None
        super().__init__(self._draw_at)

    def become(self, pixels: Pixels | None, note: str) -> None:
        """Show pixels, with a note below them, or the note alone."""
        self._pixels, self._note = pixels, note
        self.version += 1

    def _draw_at(self, width: int) -> list[Line]:
        if self._pixels is None:
            return [note_line(self._note)] if self._note else []
        drawn = half_blocks(self._pixels, max(width - GAP, 1))
        note = [Pen().pad(GAP).write(self._note, "dim").line()] if self._note else []
        return [*(Pen().pad(GAP).draw(line).line() for line in drawn), *note]


def pixels_block(pixels: Pixels) -> ImageBlock:
    """Return the block of a tensor's image: its size and how values became brightness stand under it."""
    block = ImageBlock("")
    height, width = pixels.source
    block.become(pixels, one_line(f"{height} x {width} · {pixels.scaled}".rstrip(" ·"), 200))
    return block


def image_name(mime: str, data: str) -> str:
    """Return the words for an image file: its kind and size."""
    size_bytes = len(data) if mime == "image/svg+xml" else len(data) * 3 // 4
    return f"{one_line(mime, 40)} {words.size(size_bytes)}"


def shown_blocks(data: dict[str, str], count: int | None) -> list[tuple[Block, str]]:
    """Return the blocks of display data, each with the MIME type of the image that it waits for, or ``""``."""
    if OPERATIONS_MIME in data:
        explanation = _read(Explanation, data[OPERATIONS_MIME])
        return [(DrawnBlock(lambda width: explanation_lines(explanation, width)), "")] if explanation else []
    if FAILURE_MIME in data:
        failure = _read(Failure, data[FAILURE_MIME])
        return [(DrawnBlock(lambda width: failure_drawing(failure, width)), "")] if failure else []
    blocks: list[tuple[Block, str]] = []
    images = [mime for mime in data if mime in FORMATS]
    kept = {mime: text for mime, text in data.items() if mime not in images}
    if images and count is None:
        kept.pop("text/plain", None)  # what is displayed without being a result is named in it, no more
    if kept or not images:
        result = ResultBlock(kept, count)
        if result.rows(80):
            blocks.append((result, ""))
    blocks += [(ImageBlock(f"[{image_name(mime, data[mime])}]"), mime) for mime in images[:1]]
    return blocks


def result_lines(data: dict[str, str], count: int | None) -> list[Line]:
    """Return the lines of something displayed: its text, and one line for each picture that is not drawn."""
    pictures = [mime for mime in data if mime.startswith("image/")]
    lines: list[Line] = []
    if "text/plain" in data:
        lines.extend(styled_lines(ansi(data["text/plain"])))
    elif not pictures and data:
        lines.append(note_line(f"[{', '.join(one_line(mime, 40) for mime in data)}]"))
    lines += [note_line(f"[{image_name(mime, data[mime])}]") for mime in pictures]
    if count is None or not lines:
        return lines
    prompt = f"Out[{count}]: "
    if len(lines) > 1:
        return [StyledLine(prompt.rstrip(), ((0, len(prompt) - 1, "out"),)), *lines]
    only = lines[0] if isinstance(lines[0], StyledLine) else StyledLine(lines[0])
    spans = tuple((first + len(prompt), last + len(prompt), style) for first, last, style in only.spans)
    return [StyledLine(prompt + only.plain, ((0, len(prompt), "out"), *spans), indent=len(prompt))]


def _read(kind: type[T], text: str | None) -> T | None:
    """Return a dataclass of the protocol from its JSON text; None where it cannot be read."""
    if text is None:
        return None
    try:
        return decode(kind, json.loads(text))
    except (ValueError, RecursionError):
        return None
