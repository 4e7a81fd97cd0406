"""Strokes to braille: the one module that knows plotext.

plotext draws on one master figure, so two threads must not draw at once: the widgets draw in the app's.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import plotext

_RUN = re.compile(r"\x1b\[(?:0|38;5;(\d+))m|\n")


@dataclass(frozen=True)
class Stroke:
    """A line through dots. A cell is 2 dots wide and 4 high; dot (0, 0) is at the bottom left."""

    ink: int
    """1 to 255: comes back for every cell that this stroke was the last to touch."""
    columns: list[int]
    """Dots from the left."""
    rows: list[int]
    """Dots from the bottom; as long as ``columns``."""
    breaks: list[int]
    """Indices of the dots that no line leads to from the one before."""


@dataclass(frozen=True)
class Canvas:
    """Cells that strokes were drawn on."""

    text: list[str]
    """One string for each row from the top, of as many characters as the canvas has columns."""
    inks: list[list[int]]
    """The ink of each of these characters; 0 where nothing was drawn."""


def draw(strokes: list[Stroke], width: int, height: int) -> Canvas:
    """Draw ``strokes`` one over the other on ``width`` x ``height`` cells."""
    if not strokes:
        return Canvas([" " * width] * height, [[0] * width] * height)
    figure = plotext.figure
    plotext.terminal.limit(False, False)
    figure.clear.data()
    figure.plot_size(width, height)
    figure.axes(False)
    figure.legend(False)
    figure.canvas("default")
    for axis, cells in (("x", width), ("y", height)):
        figure.ruler(axis).ticks([]).alignment(lim="edge").lim(0, cells)
    for stroke in strokes:
        x = [(column + 0.5) / 2 for column in stroke.columns]
        y = [(row + 0.5) / 4 for row in stroke.rows]
        signal = figure.signal(x, y, marker=plotext.marker("braille", plotext.pixel(foreground=stroke.ink)))
        signal.lines()
        for index in stroke.breaks:
            signal.line(index, False)
        figure.draw(signal)
    return parsed(figure.build().string(), width, height)


def parsed(ansi: str, width: int, height: int) -> Canvas:
    """Read plotext's output back: characters, and the palette number each one is coloured with."""
    text, inks = [""], [[]]  # type: tuple[list[str], list[list[int]]]
    ink = at = 0
    for found in _RUN.finditer(ansi):
        part = ansi[at : found.start()]
        text[-1] += part
        inks[-1].extend([ink] * len(part))
        at = found.end()
        if found.group() == "\n":
            text.append("")
            inks.append([])
        else:
            ink = int(found.group(1) or 0)
    rows = min(height, len(text))
    blank = " " * width
    text = [(text[row] + blank)[:width] if row < rows else blank for row in range(height)]
    inks = [(inks[row] + [0] * width)[:width] if row < rows else [0] * width for row in range(height)]
    return Canvas(text, inks)
