"""IPython's tracebacks folded to the user's own frames.

A traceback comes as texts with ANSI colours: a rule, a header, one text for each frame, the exception. Frames of the
cells and of files outside the standard library and installed packages stay; runs of others become one line.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import groupby
from typing import Literal

from tui.widgets.drawn.lines import Line, StyledLine, styled_lines
from tui.widgets.foreign import ansi, clean, one_line

Kind = Literal["rule", "header", "library", "other"]

_FRAME = re.compile(r"\s*File (?P<path><[^>]*>|.+?)(?::\d+)?(?:, in .*)?\Z")
_HEADER = re.compile(r"\S+ {2,}Traceback \(most recent call last\)\Z")
_LIBRARY = re.compile(
    r"(?:.*?[/\\](?:site|dist)-packages[/\\]|.*?[/\\]lib(?:64)?[/\\]python\d+(?:\.\d+)?t?[/\\]|"
    r".*?[/\\]Python\d+[/\\]lib[/\\]|<(?=frozen ))",
    re.IGNORECASE,
)


def traceback_lines(traceback: Iterable[str], *, folded: bool) -> list[Line]:
    """Return the lines of a traceback, folded or in full; empty where there is none."""
    lines: list[Line] = []
    for kind, run in groupby(((_kind(text), text) for text in traceback), key=lambda item: item[0]):
        texts = [text for _, text in run]
        if kind == "rule" or (folded and kind == "header"):
            continue
        if folded and kind == "library":
            lines.append(_fold(texts))
            continue
        for text in texts:
            # IPython pads its header to the width of its rule, which a narrow pane only wraps
            text = re.sub(r" {8,}(?=\S*Traceback \(most)", "  ", text) if kind == "header" else text
            lines.extend(styled_lines(ansi(text.rstrip("\n"))))
    return lines if any(isinstance(line, StyledLine) or line.strip() for line in lines) else []


def can_fold(traceback: Iterable[str]) -> bool:
    """Return whether there is anything that folding hides."""
    return any(_kind(text) == "library" for text in traceback)


def _kind(text: str) -> Kind:
    first = ansi(text[:2_000].lstrip("\n").split("\n", 1)[0]).plain
    if not first.strip("- ") and first.strip():
        return "rule"
    if _HEADER.match(first):
        return "header"
    frame = _FRAME.match(first)
    return "library" if frame is not None and _LIBRARY.match(frame["path"]) else "other"


def _fold(texts: list[str]) -> StyledLine:
    """Return the line that stands for a run of frames: ``… 4 frames in torch/nn/modules/…``."""
    paths = []
    for text in texts:
        frame = _FRAME.match(ansi(text[:2_000].lstrip("\n").split("\n", 1)[0]).plain)
        path = frame["path"] if frame is not None else ""
        paths.append(_in_packages(path).strip("<>").replace("\\", "/").split("/"))
    where = one_line(_common(paths), 60)
    text = f"… {len(texts)} frame{'s' if len(texts) != 1 else ''}{f' in {where}' if where else ''}"
    return StyledLine(text, ((0, len(text), "dim"),), indent=2)


def _in_packages(path: str) -> str:
    """Return a path from the folder of its packages on."""
    while (match := _LIBRARY.match(path)) is not None:
        path = path[match.end() :]
    return path


def _common(paths: list[list[str]]) -> str:
    """Return the file or folder that all paths have in common; else the packages, by name."""
    shared = []
    for parts in zip(*paths, strict=False):
        if len(set(parts)) > 1:
            break
        shared.append(parts[0])
    if shared:
        return "/".join(shared) + ("" if all(len(path) == len(shared) for path in paths) else "/…")
    return ", ".join(dict.fromkeys(path[0].removesuffix(".py") for path in paths if path[0]))


def exception_text(kind: str, message: str) -> str:
    """Return what is shown of an exception that has no traceback."""
    kind, message = clean(kind) or "Error", clean(message)
    return f"{kind}: {message}" if message else kind
