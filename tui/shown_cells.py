"""What the terminal shows, cell by cell, so that an update sends the cells that are different and no others.

Textual sends the whole screen anew whenever something is laid out: another view, one chart enlarged, a footer with
other keys; 10 kB each time, and a key may lay out three times. Most of it is on the screen already.

Textual's classes of updates are private: one that is not as we know it is sent as it is, and all is forgotten.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from rich.cells import get_character_cell_size
from rich.color import Color, ColorSystem
from rich.console import Console
from rich.control import Control
from rich.style import Style
from textual import _compositor
from textual.geometry import Size
from textual.strip import Strip


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """How characters are drawn. There is one object for each way."""

    style: Style | None
    ground: object
    """What a blank looks like."""


Cell = tuple[str, Look]
"""A character with its combining marks, empty after one two cells wide; and its look."""
Codes = tuple[str, str, str]
"""Of attributes, colour and ground, as they stand in a sequence; empty where there is none."""
Piece = tuple[int, Strip]
"""Column and what stands from there on."""
GAP: Final = 8
"""Cells between two changes that are cheaper to send again than to jump over."""
MOST_LOOKS: Final = 16_384
"""Kept at a time: pictures in colour bring new ones."""
UNKNOWN: Final[Cell] = ("\0", Look(None, None))


class ShownCells:
    """The cells of a terminal, whatever its size. Whoever lets something else write to it must `forget`."""

    def __init__(self) -> None:
        self._size: Size | None = None
        self._rows: dict[int, list[Cell]] = {}
        self._pieces: dict[int, tuple[Piece, ...]] = {}  # what a row was made of, where that was whole

    def forget(self) -> None:
        """Take it that the terminal may show anything."""
        self._rows.clear()
        self._pieces.clear()

    def resize(self, size: Size) -> None:
        """Take it that a terminal of another size may show anything."""
        if size != self._size:
            self.forget()
            self._size = size

    def lessened(self, update: object) -> object:
        """Return an update that sends no more than what is different; what is no update of cells as it is."""
        if type(update) is _compositor.LayoutUpdate and hasattr(update, "strips"):
            return LessUpdate(self, update)
        if isinstance(update, _compositor.ChopsUpdate) and hasattr(update, "chop_ends"):
            return LessUpdate(self, update)
        if isinstance(update, _compositor.CompositorUpdate):
            self.forget()
        return update

    def write_row(self, y: int, pieces: Iterable[Piece], console: Console) -> str:
        """Return what is to be sent for these pieces of a row, and take it as shown."""
        given = tuple(pieces)
        if not given or self._pieces.get(y) == given:
            return ""
        left = given[0][0]
        end = max(x + strip.cell_length for x, strip in given)
        row = self._rows.setdefault(y, [])
        if len(row) < end:
            row += [UNKNOWN] * (end - len(row))
        is_whole = left == 0 and end == len(row)
        self._pieces.pop(y, None)
        sent = []
        for x, strip in given:
            cells = _cells(strip)
            if cells is None:  # commands to the terminal in it
                del self._rows[y]
                return "".join(Control.move_to(x, y).segment.text + each.render(console) for x, each in given)
            sent.append(_written(row, x, y, cells, console))
        if is_whole:
            self._pieces[y] = given
        return "".join(sent)


class LessUpdate(_compositor.CompositorUpdate):
    """An update of Textual's, less the cells that are shown already. What is shown is known when it is sent."""

    def __init__(self, shown: ShownCells, update: _compositor.LayoutUpdate | _compositor.ChopsUpdate) -> None:
        self._shown = shown
        self._update = update

    def render_segments(self, console: Console) -> str:
        """Return the escape sequences and the text of the cells that are different."""
        update, write = self._update, self._shown.write_row
        if isinstance(update, _compositor.LayoutUpdate):
            self._shown.resize(update.region.size)
            return "".join(
                write(y, _laid_out(strips, update.region.x), console)
                for y, strips in enumerate(update.strips, update.region.y)
            )
        return "".join(write(y, _cut(update, y, start, end), console) for y, start, end in update.spans)


def _laid_out(strips: Iterable[Strip], x: int) -> Iterator[Piece]:
    for strip in strips:
        yield x, strip
        x += strip.cell_length


def _cut(update: _compositor.ChopsUpdate, y: int, start: int, end: int) -> Iterator[Piece]:
    """Yield what stands between two columns of a row."""
    for strip_end, (x, strip) in zip(update.chop_ends[y], update.chops[y].items(), strict=False):
        left, right = max(x, start), min(strip_end, end)
        if strip is not None and left < right:
            yield left, strip.crop(left - x, right - x)


def _cells(strip: Strip) -> list[Cell] | None:
    """Return the cells of a strip; None where it holds more than text."""
    cells: list[Cell] = []
    for text, style, control in strip:
        if control:
            return None
        look = _look(style)
        if text.isascii():
            cells += [(character, look) for character in text]
            continue
        for character in text:
            width = get_character_cell_size(character)
            if width:
                cells += [(character, look), ("", look)][:width]
            elif cells:
                at = len(cells) - 1 - (cells[-1][0] == "" and len(cells) > 1)
                cells[at] = (cells[at][0] + character, cells[at][1])
    return cells if len(cells) == strip.cell_length else None


def _written(row: list[Cell], x: int, y: int, cells: list[Cell], console: Console) -> str:
    """Return what brings a part of a row up to date, and put the cells into it."""
    sent = []
    for start, end in _spans(row[x : x + len(cells)], cells):
        sent.append(Control.move_to(x + start, y).segment.text)
        sent.append(_text(cells[start:end], console))
    row[x : x + len(cells)] = cells
    end = x + len(cells)
    if (
        end < len(row) and row[end][0] == ""
    ):  # half of a wide character is left: each terminal has its own way
        row[end] = UNKNOWN
    if x > 0 and row[x - 1][0] and get_character_cell_size(row[x - 1][0][0]) == 2:
        row[x - 1] = UNKNOWN
    return "".join(sent)


def _spans(before: list[Cell], after: list[Cell]) -> Iterator[tuple[int, int]]:
    """Yield the [start, end) in which they differ, near ones joined, none of them through a wide character."""
    start = end = -1
    for at, (old, new) in enumerate(zip(before, after, strict=True)):
        if old == new or (old[0] == new[0] == " " and old[1].ground == new[1].ground):
            continue
        if start >= 0 and at - end > GAP:
            yield _unbroken(before, after, start, end)
            start = at
        elif start < 0:
            start = at
        end = at + 1
    if start >= 0:
        yield _unbroken(before, after, start, end)


def _unbroken(before: list[Cell], after: list[Cell], start: int, end: int) -> tuple[int, int]:
    while start > 0 and "" in (before[start][0], after[start][0]):
        start -= 1
    while end < len(after) and "" in (before[end][0], after[end][0]):
        end += 1
    return start, end


def _text(cells: list[Cell], console: Console) -> str:
    """Return cells as text in their looks; a blank goes on in the one before it where that is the same to the eye."""
    system = console._color_system or ColorSystem.TRUECOLOR
    parts: list[str] = []
    now: Codes = ("", "", "")
    look = cells[0][1]
    text = ""
    for character, own in cells:
        if own is not look and not (character == " " and own.ground == look.ground):
            now = _put(parts, text, look.style, now, system)
            text, look = "", own
        text += character
    now = _put(parts, text, look.style, now, system)
    return "".join(parts) + ("\x1b[0m" if any(now) else "")


def _put(parts: list[str], text: str, style: Style | None, now: Codes, system: ColorSystem) -> Codes:
    """Add text in a style to what is sent, with the codes that are not in force yet; return those that are then."""
    if not text:
        return now
    if style is not None and style.link:
        parts += ["\x1b[0m" if any(now) else "", Strip.render_style(style, text, system)]
        return "", "", ""
    codes = ("", "", "") if style is None else _codes(style, system)
    if codes != now:
        ends = any(
            old and (place == 0 or not new)
            for place, (old, new) in enumerate(zip(now, codes, strict=True))
            if old != new
        )
        fresh = [new for old, new in zip(now, codes, strict=True) if new and (ends or new != old)]
        parts.append(f"\x1b[{';'.join((['0'] if ends else []) + fresh)}m")
    parts.append(text)
    return codes


@lru_cache(maxsize=16384)
def _codes(style: Style, system: ColorSystem) -> Codes:
    """Return the codes of a style's attributes, colour and ground; empty where it has none."""
    colours = [
        "" if colour is None else ";".join(_shortest(colour.downgrade(system)).get_ansi_codes(foreground))
        for colour, foreground in ((style.color, True), (style.bgcolor, False))
    ]
    return Strip.render_ansi(style.without_color, system), colours[0], colours[1]


def _attributes(style: Style) -> tuple[bool | None, ...]:
    return (
        style.bold, style.dim, style.italic, style.underline, style.blink, style.blink2, style.reverse,
        style.conceal, style.strike, style.underline2, style.frame, style.encircle, style.overline,
    )  # fmt: skip


def _shortest(colour: Color) -> Color:
    """Return the colour of the fixed palette that is the same, in half as many bytes, where there is one."""
    number = _PALETTE.get(colour.triplet) if colour.triplet is not None else None
    return colour if number is None else Color.from_ansi(number)


@lru_cache(maxsize=16384)
def _look(style: Style | None) -> Look:
    """Return the look of a style; styles that differ in what is not seen have the same."""
    if style is None:
        return _PLAIN
    seen = style.color, style.bgcolor, _attributes(style), style.link
    lines = style.underline or style.underline2 or style.strike or style.overline
    ground = seen if style.reverse or lines or style.link else style.bgcolor
    if len(_LOOKS) >= MOST_LOOKS:
        _LOOKS.clear()  # at worst some cells are sent once more
    return _LOOKS.setdefault(seen, Look(style, ground))


_PALETTE: Final = {Color.from_ansi(number).get_truecolor(): number for number in range(255, 21, -1)}
"""Colours that every terminal of 256 has: a cube of six levels each, and 24 greys. The 16 before them are anybody's,
and themes of the shell take the first six of the cube as well."""
_PLAIN: Final = Look(None, None)
_LOOKS: Final[dict[tuple[object, ...], Look]] = {}
