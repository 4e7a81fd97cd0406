r"""What a cell prints, as the lines a terminal would show.

Understands partial lines, ``\r``, ``\b``, colours, erasing in a line and moving the cursor up: enough for
progress bars, nested ones too. All other control sequences vanish. Only the tail is kept.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from itertools import islice

from rich.style import Style

from tui.widgets.drawn.lines import Line, StyledLine
from tui.widgets.foreign import LINE_LIMIT, TAB_SIZE, cap_line, clean, sgr

TAIL_LINES = 2_000
"""Lines of a stream that are kept."""
_RETURNS_LIMIT = 200
"""Carriage returns in one line of one write that are obeyed; older ones were overwritten."""
_LONG = 200_000
"""Characters between two line ends that are looked at for control sequences; the rest is only counted."""
_REACH = 100
"""Rows that the cursor can be moved up by."""

_TOKEN = re.compile(
    r"(?P<plain>[^\x00-\x08\x0a-\x1f\x7f-\x9f]+)"
    r"|(?P<newline>\r?\n)"
    r"|(?:\x1b\[|\x9b)(?P<parameters>[0-?]{0,128})[ -/]{0,8}(?P<final>[@-~])"
    r"|(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c\n]{0,65536}(?:\x07|\x1b\\|\x9c)"
    r"|\x1b[ -/]{0,8}[0-OQ-WYZ\\`-~]"
    r"|(?P<control>.)",
    re.DOTALL,
)
_CONTROL = re.compile(r"[^\n\x20-\x7e\xa0-\xac\xae-\u0530]")


class Row:
    """A line that can still change."""

    __slots__ = ("hidden", "plain", "spans")

    def __init__(self, plain: str = "", spans: tuple[tuple[int, int, Style], ...] = ()) -> None:
        self.plain = plain
        self.spans = list(spans)
        self.hidden = 0  # characters beyond the limit

    def write(self, column: int, text: str, style: Style) -> None:
        """Write over what is at `column`."""
        end = column + len(text)
        if end > LINE_LIMIT:
            self.hidden = max(self.hidden, end - LINE_LIMIT)
            text, end = text[: max(LINE_LIMIT - column, 0)], LINE_LIMIT
            if not text:
                return
        if column < len(self.plain):
            self.erase_spans(column, end)
        self.plain = self.plain[:column].ljust(column) + text + self.plain[end:]
        if style:
            if self.spans and self.spans[-1][1:] == (column, style):
                self.spans[-1] = (self.spans[-1][0], end, style)
            else:
                self.spans.append((column, end, style))

    def erase_spans(self, start: int, end: int) -> None:
        """Take the colour from a range of columns."""
        kept: list[tuple[int, int, Style]] = []
        for first, last, style in self.spans:
            if first < start:
                kept.append((first, min(last, start), style))
            if last > end:
                kept.append((max(first, end), last, style))
        self.spans = kept

    def erase(self, start: int, end: int) -> None:
        """Blank a range of columns."""
        self.erase_spans(start, end)
        self.hidden = 0
        if end >= len(self.plain):
            self.plain = self.plain[:start]
        else:
            self.plain = self.plain[:start] + " " * (end - start) + self.plain[end:]

    def frozen(self) -> Line:
        """Return the line as it is now."""
        plain = f"{self.plain}… {self.hidden:,} more characters" if self.hidden else self.plain
        return StyledLine(plain, tuple(self.spans)) if self.spans else plain


def thawed(line: Line) -> Row:
    """Return a row that starts as a line that was done."""
    if isinstance(line, str):
        return Row(line)
    spans = ((first, last, style) for first, last, style in line.spans if isinstance(style, Style))
    return Row(line.plain, tuple(spans))


class StreamLines:
    """The tail of a stream as lines."""

    def __init__(self, limit: int = TAIL_LINES) -> None:
        self.limit = limit
        self.dropped = 0
        """Lines that are no longer kept."""
        self.cut = False
        """Whether a line was too long to be kept whole."""
        self._done: deque[Line] = deque()
        self._live: list[Row] = [Row()]  # the row of the cursor and those below it
        self._column = 0
        self._at = 0  # index in `_live`
        self._style = Style.null()

    def __len__(self) -> int:
        return len(self._done) + len(self._live) - self._open_end()

    def _open_end(self) -> int:
        """1 where the last row is empty, because a newline ended the one before; else 0."""
        return int(not self._live[-1].plain and bool(self._done or len(self._live) > 1))

    def lines(self) -> list[Line]:
        """Return the kept lines, oldest first."""
        lines = [*self._done, *(row.frozen() for row in self._live)]
        return lines[:-1] if self._open_end() else lines

    def feed(self, text: str) -> None:
        """Take what was written."""
        text = self._tail_of(text)
        if len(text) <= _LONG:
            self._feed(text)
            return
        for part, rest in _parts(text):
            self._feed(part)
            if rest:
                self._live[self._at].hidden += rest
                self._column += rest
                self.cut = True

    def _feed(self, text: str) -> None:
        if _CONTROL.search(text) is None and not self._style and self._at == len(self._live) - 1:
            self._feed_plain(text)
        else:
            self._feed_tokens(text)
        self._settle()

    def _tail_of(self, text: str) -> str:
        """Cut what would be dropped at once."""
        newlines = text.count("\n")
        if newlines <= self.limit:
            return text
        cut = len(text)
        for _ in range(self.limit + 1):
            cut = text.rfind("\n", 0, cut)
        dropped = text[: cut + 1]
        self.dropped += newlines - self.limit + len(self._done) + len(self._live) - 1
        self._done.clear()
        self._live = [Row()]
        self._at = self._column = 0
        self._style = _last_style(dropped, self._style)
        return text[cut + 1 :]

    def _feed_plain(self, text: str) -> None:
        first, *others = text.split("\n")
        row = self._live[-1]
        row.write(self._column, first, self._style)
        self._column += len(first)
        if not others:
            return
        self.cut = self.cut or any(len(line) > LINE_LIMIT for line in others)
        self._done.extend([*(row.frozen() for row in self._live), *(cap_line(line) for line in others[:-1])])
        self._live = [Row()]
        self._at = 0
        self._live[0].write(0, others[-1], self._style)
        self._column = len(others[-1])

    def _feed_tokens(self, text: str) -> None:
        if text.count("\r") > _RETURNS_LIMIT:
            text = "\n".join([_recent_returns(line) for line in text.split("\n")])
        for match in _TOKEN.finditer(text):
            kind = match.lastgroup
            if kind == "plain":
                self._write(match.group())
            elif kind == "newline":
                self._move_down()
            elif kind == "final":
                self._obey(match["final"], match["parameters"])
            elif kind == "control":
                self._control(match.group())

    def _write(self, text: str) -> None:
        if "\t" in text:
            text = (" " * (self._column % TAB_SIZE) + text).expandtabs(TAB_SIZE)[self._column % TAB_SIZE :]
        # A run far beyond the limit is cut here; the row counts what is missing.
        visible = clean(text[: LINE_LIMIT + 1], limit=LINE_LIMIT + 1)
        row = self._live[self._at]
        row.write(self._column, visible, self._style)
        self._column += len(visible)
        if len(text) > LINE_LIMIT + 1:
            self._column += len(text) - LINE_LIMIT - 1
            row.hidden = max(row.hidden, self._column - LINE_LIMIT)

    def _control(self, character: str) -> None:
        if character == "\r":
            self._column = 0
        elif character == "\b":
            self._column = max(self._column - 1, 0)
        elif (
            character <= "\x7f" and character not in "\x07\x0e\x0f"
        ):  # a bell and character sets are not shown
            self._write(character)

    def _move_down(self) -> None:
        self._column = 0
        self._at += 1
        if self._at == len(self._live):
            self._live.append(Row())
            self._settle()

    def _obey(self, final: str, parameters: str) -> None:
        if final == "m":
            self._style = sgr(parameters, self._style)
            return
        count = int(parameters[:4]) if parameters[:4].isdigit() else 0
        row = self._live[self._at]
        if final == "K":
            start = 0 if count in (1, 2) else self._column
            row.erase(start, self._column + 1 if count == 1 else max(len(row.plain), start))
        elif final == "A":
            self._move_up(max(count, 1))
        elif final == "B":
            self._at = min(self._at + max(count, 1), len(self._live) - 1)
        elif final in "CG":
            column = self._column + max(count, 1) if final == "C" else max(count - 1, 0)
            self._column = min(column, LINE_LIMIT)
        elif final == "D":
            self._column = max(self._column - max(count, 1), 0)

    def _move_up(self, count: int) -> None:
        while self._at < count and self._done and len(self._live) < _REACH:
            self._live.insert(0, thawed(self._done.pop()))
            self._at += 1
        self._at = max(self._at - count, 0)

    def _settle(self) -> None:
        """Freeze what is above the cursor; drop what is over the limit."""
        self.cut = self.cut or any(row.hidden for row in self._live)
        for row in islice(self._live, self._at):
            self._done.append(row.frozen())
        del self._live[: self._at]
        self._at = 0
        over = len(self._done) + len(self._live) - 1 - self.limit
        for _ in range(min(over, len(self._done))):
            self._done.popleft()
            self.dropped += 1


def _parts(text: str) -> Iterator[tuple[str, int]]:
    """Yield a long text in parts, each with the number of characters after it that are left out.

    Of what stands between two line ends, the beginning is enough.
    """
    held: list[str] = []
    for number, line in enumerate(text.split("\n")):
        if number:
            held.append("\n")
        if len(line) <= _LONG:
            held.append(line)
            continue
        for index, run in enumerate(_recent_returns(line).split("\r")):
            held.append(f"\r{run[:_LONG]}" if index else run[:_LONG])
            if len(run) > _LONG:
                yield "".join(held), len(run) - _LONG
                held.clear()
    yield "".join(held), 0


def _recent_returns(line: str) -> str:
    parts = line.rsplit("\r", _RETURNS_LIMIT)
    return "\r" + "\r".join(parts[1:]) if len(parts) > _RETURNS_LIMIT else line


def _last_style(text: str, style: Style) -> Style:
    """Return the style that the last colour sequence of a long text sets."""
    position = text.rfind("\x1b[")
    match = _TOKEN.match(text, position) if position >= 0 else None
    return sgr(match["parameters"], Style.null()) if match is not None and match["final"] == "m" else style
