"""What can be told of Python code that is being typed, by its text alone: strings, brackets, the call at its end.

Both sides ask: the kernel for the call it is to explain, the UI for brackets that match. Code that is not
finished, or wrong, is the usual case here, so nothing raises.
"""

from __future__ import annotations

import keyword
import re
from dataclasses import dataclass

OPENING = {"(": ")", "[": "]", "{": "}"}
_CLOSING = {closing: opening for opening, closing in OPENING.items()}
_TOKEN = re.compile(r"#|\"\"\"|'''|[\"'()\[\]{}]")
_STRING_END = {
    quote: re.compile(rf"(?:\\.|(?!{quote}).)*+{quote}", re.DOTALL) for quote in ('"""', "'''")
} | {quote: re.compile(rf"(?:\\.|[^\\\n{quote}])*+({quote}|(?=\n))", re.DOTALL) for quote in "\"'"}
_KEYWORD_ARGUMENT = re.compile(r"\s*([^\W\d]\w*)\s*=(?!=)")


@dataclass(frozen=True)
class Outline:
    """The brackets of code that stand in no string and no comment, and what is open at its end."""

    pairs: dict[int, int]
    """From the index of an opening bracket to that of its closing one."""
    unmatched: tuple[int, ...]
    """Indices of closing brackets that close nothing."""
    unclosed: tuple[int, ...]
    """Indices of opening brackets that are open at the end, the innermost last."""
    strings: tuple[tuple[int, int], ...]
    """Start and end of each string that ends; prefixes such as ``f`` do not belong to it."""
    string: int | None = None
    """Index of the quote of the string that is open at the end; None where there is none."""
    comment: bool = False
    """Whether the end is within a comment."""


def outline(code: str) -> Outline:
    """Read the code once, from its start."""
    pairs: dict[int, int] = {}
    unmatched: list[int] = []
    stack: list[int] = []
    strings: list[tuple[int, int]] = []
    position = 0
    while (match := _TOKEN.search(code, position)) is not None:
        token, start = match.group(), match.start()
        position = match.end()
        if token == "#":
            position = code.find("\n", start)
            if position < 0:
                return Outline(pairs, tuple(unmatched), tuple(stack), tuple(strings), comment=True)
        elif token[0] in "\"'":
            ended = _STRING_END[token].match(code, position)
            if ended is None:
                return Outline(pairs, tuple(unmatched), tuple(stack), tuple(strings), string=start)
            position = ended.end()
            strings.append((start, position))
        elif token in OPENING:
            stack.append(start)
        elif stack and code[stack[-1]] == _CLOSING[token]:
            pairs[stack.pop()] = start
        else:
            unmatched.append(start)
    return Outline(pairs, tuple(unmatched), tuple(stack), tuple(strings))


def word_before(code: str, end: int) -> str:
    """Return the name that ends at `end`; empty where none does."""
    start = end
    while start and (code[start - 1].isalnum() or code[start - 1] == "_"):
        start -= 1
    while start < end and not code[start].isidentifier():
        start += 1
    return code[start:end]


def expression_start(code: str, end: int, seen: Outline) -> int:
    """Return where the name, attribute, call or subscript that ends at `end` begins; `end` where there is none.

    `seen`: the outline of the code.
    """
    opened_by = {closing: opening for opening, closing in seen.pairs.items()}
    string_from = {stop: start for start, stop in seen.strings}
    position = end
    while True:
        # one link of the chain, read backwards: brackets first, then the name or string that they follow
        link = position
        while link and link - 1 in opened_by:
            link = opened_by[link - 1]
        word = word_before(code, link)
        if keyword.iskeyword(word) and word not in ("None", "True", "False"):
            return link if link < position else end if position == end else position
        if word:
            link -= len(word)
        elif link in string_from:
            link = string_from[link]
        if link == position:
            return position if position == end else _after_dot(code, position)
        position = link
        if not code[:position].endswith("."):
            return position
        position -= 1


def _after_dot(code: str, position: int) -> int:
    """Return the index behind a dot that follows nothing."""
    return position + 1 if code[position : position + 1] == "." else position


@dataclass(frozen=True)
class Call:
    """A call that is being typed."""

    callee: str
    """What is called, e.g. ``torch.zeros``."""
    bracket: int
    """Index of its opening bracket."""
    position: int
    """How many positional arguments stand before the one at the end of the code."""
    keyword: str = ""
    """Name of the keyword argument at the end of the code; empty for a positional one."""
    keywords: tuple[str, ...] = ()
    """Names of the keyword arguments before it."""


def call_at_end(code: str, seen: Outline | None = None) -> Call | None:
    """Return the innermost call that is open at the end of the code; None where there is none."""
    seen = seen if seen is not None else outline(code)
    for bracket in reversed(seen.unclosed):
        if code[bracket] != "(":
            continue
        start = expression_start(code, bracket, seen)
        callee = code[start:bracket].strip()
        before = code[:start].rstrip().rpartition("\n")[2].split()
        if not callee or keyword.iskeyword(callee) or (before and before[-1] in ("def", "class")):
            continue
        arguments = _arguments(code, bracket, seen)
        named = [match.group(1) for text in arguments if (match := _KEYWORD_ARGUMENT.match(text))]
        last = _KEYWORD_ARGUMENT.match(arguments[-1])
        done = named[:-1] if last is not None else named
        position = len(arguments) - 1 - len(done)
        return Call(callee, bracket, position, last.group(1) if last else "", tuple(done))
    return None


def _arguments(code: str, bracket: int, seen: Outline) -> list[str]:
    """Return the texts between the commas that belong to the open bracket itself, the last one unfinished."""
    inner = [opened for opened in seen.unclosed if opened > bracket]
    end = inner[0] if inner else len(code)
    hidden = sorted([*seen.pairs.items(), *((start, stop - 1) for start, stop in seen.strings)])
    if seen.string is not None:
        end = min(end, seen.string)
    texts, start, position = [], bracket + 1, bracket + 1
    spans = iter([span for span in hidden if span[0] > bracket])
    span = next(spans, None)
    while position < end:
        while span is not None and span[0] < position:
            span = next(spans, None)
        if span is not None and span[0] == position:
            position = span[1] + 1
            continue
        if code[position] == ",":
            texts.append(code[start:position])
            start = position + 1
        position += 1
    return [*texts, code[start:]]
