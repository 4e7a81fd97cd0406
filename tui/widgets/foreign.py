"""Text that is not ours: tensor reprs, tags, what cells print. Nothing here lets it command the terminal.

Control characters are made visible, colour sequences (SGR) are the only escape sequences that are obeyed,
markup is never read, and a line that nobody could read is cut with a note.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from rich.cells import cell_len, get_character_cell_size
from rich.color import Color
from rich.style import Style
from rich.text import Text

LINE_LIMIT = 4_000
"""Characters of one line that are kept."""
TAB_SIZE = 8

_BIDI = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
_UNSEEN = "\u00ad\u200b\u2060\ufeff\U000e0000-\U000e007f"  # no width, no ink, and terminals disagree on them
_CONTROL = "\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff"  # all but \t and \n
_SUSPECT = re.compile(f"[{_CONTROL}{_BIDI}{_UNSEEN}]")

# A terminated string sequence (OSC, DCS, SOS, PM, APC), a CSI sequence, or a short escape. What is not
# terminated stays, and is made visible: a terminal would swallow all that follows.
_ESCAPE = re.compile(
    r"(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c\n]{0,65536}(?:\x07|\x1b\\|\x9c)"
    r"|(?:\x1b\[|\x9b)(?P<parameters>[0-?]{0,128})[ -/]{0,8}(?P<final>[@-~])"
    r"|\x1b[ -/]{0,8}[0-OQ-WYZ\\`-~]"
)
_SGR_PARAMETERS = re.compile(r"[0-9;:]*")

_ATTRIBUTES = {
    1: Style(bold=True), 2: Style(dim=True), 3: Style(italic=True), 4: Style(underline=True),
    7: Style(reverse=True), 9: Style(strike=True), 21: Style(underline2=True),
    22: Style(bold=False, dim=False), 23: Style(italic=False), 24: Style(underline=False, underline2=False),
    27: Style(reverse=False), 29: Style(strike=False),
}  # fmt: skip


def _made_visible(match: re.Match[str]) -> str:
    character = match.group()
    code = ord(character)
    if code < 0x20:
        return chr(0x2400 + code)  # ␀ … ␟
    if code == 0x7F:
        return "␡"
    if _is_unseen(code) or character in "\u061c\u200e\u200f":
        return ""
    return "\ufffd"


def _is_unseen(code: int) -> bool:
    return code in (0xAD, 0x200B, 0x2060, 0xFEFF) or 0xE0000 <= code <= 0xE007F


def typed(text: str) -> str:
    r"""Return pasted or recalled text for editing: with ``\n`` and tabs, no other control character."""
    return _SUSPECT.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def cap_line(line: str, limit: int = LINE_LIMIT) -> str:
    """Cut a line of more than `limit` characters, with a note of how many more there were."""
    if len(line) <= limit:
        return line
    return f"{line[:limit]}… {len(line) - limit:,} more characters"


def clean(text: str, *, limit: int = LINE_LIMIT) -> str:
    r"""Make text harmless: no control character, no bidi override, no lone surrogate; lines cut at `limit`.

    Keeps ``\n`` (``\r\n`` becomes one) and makes spaces of tabs.
    """
    if "\r" in text:
        text = text.replace("\r\n", "\n")
    if len(text) > limit:
        text = "\n".join([cap_line(line, limit) for line in text.split("\n")])
    if "\t" in text:
        text = text.expandtabs(TAB_SIZE)
    # `isprintable` is a fast "nothing to do" for the usual single line.
    return text if text.isprintable() and text.isascii() else _SUSPECT.sub(_made_visible, text)


def plain(text: str, style: str | Style = "") -> Text:
    """Return foreign text as a rich Text, markup off."""
    return Text(clean(text), style=style)


def ansi(text: str, style: str | Style = "") -> Text:
    """Return foreign text as a rich Text with its SGR colours; every other escape sequence is removed."""
    result = Text(style=style)
    lines = "\n".join([cap_ansi_line(line) for line in text.replace("\r\n", "\n").split("\n")])
    for run, run_style in ansi_runs(lines, Style.null()):
        result.append(clean(run, limit=3 * LINE_LIMIT), run_style)
    return result


def cap_ansi_line(line: str) -> str:
    """Cut a line whose visible part is too long; its escape sequences beyond the cut are lost."""
    if len(line) <= LINE_LIMIT:
        return line
    if "\x1b" not in line:
        return cap_line(line)
    return cap_line(_drop_all_but_colours(line), 2 * LINE_LIMIT)  # colours take room too


def _drop_all_but_colours(line: str) -> str:
    return _ESCAPE.sub(lambda match: match.group() if match["final"] == "m" else "", line)


def ansi_runs(text: str, style: Style) -> Iterator[tuple[str, Style]]:
    """Yield runs of text and the style each has; `style` is that of the first.

    The text is raw: it has lost its escape sequences, and goes through `clean` before it is shown. The
    last run, maybe empty, always tells the style that holds at the end.
    """
    position = 0
    for match in _ESCAPE.finditer(text):
        if match.start() > position:
            yield text[position : match.start()], style
        position = match.end()
        if match["final"] == "m":
            style = sgr(match["parameters"], style)
    yield text[position:], style


@lru_cache(maxsize=4096)
def sgr(parameters: str, style: Style) -> Style:
    """Return the style after an SGR sequence with these parameters (``1;31``)."""
    if not _SGR_PARAMETERS.fullmatch(parameters):
        return style  # a private sequence
    codes = [int(code[:4] or 0) for code in parameters.replace(":", ";").split(";")]
    position = 0
    while position < len(codes):
        code = codes[position]
        position += 1
        if code == 0:
            style = Style.null()
        elif code in _ATTRIBUTES:
            style += _ATTRIBUTES[code]
        elif code == 39:
            style = style.without_color + Style(bgcolor=style.bgcolor)
        elif code == 49:
            style = style.without_color + Style(color=style.color)
        elif code in (38, 48):
            colour, taken = _extended_colour(codes[position:])
            position += taken
            if colour is not None:
                style += Style(color=colour) if code == 38 else Style(bgcolor=colour)
        elif (number := _basic_colour(code)) is not None:
            colour = Color.from_ansi(number)
            style += Style(color=colour) if code // 10 in (3, 9) else Style(bgcolor=colour)
    return style


def _basic_colour(code: int) -> int | None:
    for first, number in ((30, 0), (40, 0), (90, 8), (100, 8)):
        if first <= code < first + 8:
            return code - first + number
    return None


def _extended_colour(codes: list[int]) -> tuple[Color | None, int]:
    """Read what follows 38 or 48; returns the colour and how many codes it took."""
    if codes[:1] == [5] and len(codes) >= 2:
        return (Color.from_ansi(codes[1]) if codes[1] < 256 else None), 2
    if codes[:1] == [2] and len(codes) >= 4:
        red, green, blue = codes[1:4]
        valid = max(red, green, blue) < 256
        return (Color.from_rgb(red, green, blue) if valid else None), 4
    return None, len(codes)


def one_line(text: str, width: int) -> str:
    """Return foreign text as one line of at most `width` cells, cut with ``…``."""
    line = clean(text[: LINE_LIMIT * 2].replace("\n", "⏎"), limit=LINE_LIMIT * 2)
    if len(line) == len(text) and cell_len(line) <= width:
        return line
    return cut_cells(line, width) if cell_len(line) > width or len(text) > LINE_LIMIT * 2 else line


def cut_cells(line: str, width: int) -> str:
    """Cut a clean line to `width` cells, the last of them ``…``, never through a wide character."""
    if cell_len(line) <= width:
        return line
    if width <= 0:
        return ""
    used = 0
    for position, character in enumerate(line):
        used += get_character_cell_size(character)
        if used > width - 1:
            return line[:position] + "…"
    return line
