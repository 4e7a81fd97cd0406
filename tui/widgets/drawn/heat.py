"""Matrices as rows of coloured cells: with their numbers where there is room, else as blocks of colour."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, hypot, isnan

from rich.cells import cell_len

from tui.protocol.values import Number, Reduction, Tile
from tui.widgets.drawn.lines import StyledLine
from tui.widgets.drawn.numbers import Write, complex_text
from tui.widgets.drawn.scale import Scale
from tui.widgets.drawn.text import Pen

Matrix = Sequence[Sequence[Number]]


def sizes(tile: Tile) -> Matrix:
    """Return what colour stands for: the values, of complex ones their absolute values."""
    if not tile.imaginary:
        return tile.rows
    return [
        [hypot(real, imaginary) for real, imaginary in zip(*pair, strict=True)]
        for pair in zip(tile.rows, tile.imaginary, strict=True)
    ]


def texts(tile: Tile, write: Write) -> list[list[str]]:
    """Return the values as text, right-aligned in equal cells with a space before each."""
    if tile.imaginary:
        plain = [
            [complex_text(real, imaginary, write) for real, imaginary in zip(*pair, strict=True)]
            for pair in zip(tile.rows, tile.imaginary, strict=True)
        ]
    else:
        plain = [[write(value) for value in row] for row in tile.rows]
    width = max((cell_len(text) for row in plain for text in row), default=0) + 1
    return [[" " * (width - cell_len(text)) + text for text in row] for row in plain]


def number_lines(written: list[list[str]], matrix: Matrix, scale: Scale) -> list[StyledLine]:
    """Return one line for each row: its numbers on the colours of their steps."""
    lines = []
    for row, values in zip(written, matrix, strict=True):
        pen = Pen()
        for text, value in zip(row, values, strict=True):
            pen.write(text, f"heat{scale.level(value)}")
        lines.append(pen.write(" ", pen.last_style()).line() if row else pen.line())
    return lines


def block_lines(matrix: Matrix, scale: Scale, zoom: int = 1, stretch: int = 1) -> list[StyledLine]:
    """Return two rows of values a line: each is a block `zoom` cells wide and half as many lines high.

    `stretch` makes blocks so many times higher, for values that stand for more rows than columns.
    A cell with a NaN in it shows ``×``, one with an infinity ``∞``.
    """
    steps: list[list[str]] = []
    for row in matrix:
        steps += [[step for value in row for step in [scale.level(value)] * zoom]] * (zoom * stretch)
    if len(steps) % 2:
        steps.append(["_"] * len(steps[0]))
    lines = []
    for above, below in zip(steps[::2], steps[1::2], strict=True):
        pen = Pen()
        for pair in zip(above, below, strict=True):
            if "nan" in pair or "inf" in pair:
                pen.write(*(("×", "heatnan") if "nan" in pair else ("∞", "heatinf")))
            elif pair[0] == pair[1]:
                pen.write(" ", f"heat{pair[0]}")
            else:
                pen.write("▀", f"half:{pair[0]}:{pair[1]}")
        lines.append(pen.line())
    return lines


def shrunk(matrix: Matrix, factor: int, reduction: Reduction) -> Matrix:
    """Return the matrix with `factor` x `factor` values taken together: their mean, or the first of a sample.

    A block that holds a NaN is NaN.
    """
    return shrunk_by(matrix, factor, factor, reduction)


def shrunk_by(matrix: Matrix, down: int, across: int, reduction: Reduction) -> Matrix:
    """Return the matrix with blocks of `down` rows and `across` columns as one value each."""
    if down == across == 1 or not matrix:
        return matrix
    return [
        [
            _block([row[left : left + across] for row in matrix[top : top + down]], reduction)
            for left in range(0, len(matrix[0]), across)
        ]
        for top in range(0, len(matrix), down)
    ]


def _block(block: Matrix, reduction: Reduction) -> Number:
    values = [value for row in block for value in row]
    if any(isnan(value) for value in values):
        return float("nan")
    return values[0] if reduction == "sample" else sum(values) / len(values)


def extent(matrices: Sequence[Matrix]) -> tuple[int, int]:
    """Return the most rows and the most columns that any of some matrices has; those of a nested tensor differ."""
    rows = max((len(matrix) for matrix in matrices), default=0)
    return rows, max((len(row) for matrix in matrices for row in matrix), default=0)


def halves(rows: int) -> int:
    """Return the lines that so many rows of values take as blocks."""
    return ceil(rows / 2)
