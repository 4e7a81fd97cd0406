"""The picture of a tensor, fit for its rank and for a width: a value, bars, a heat map, or several of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len

from tui.protocol.values import Number, Picture
from tui.widgets.drawn.bars import bar_lines, value_line
from tui.widgets.drawn.heat import (
    Matrix,
    block_lines,
    extent,
    halves,
    number_lines,
    shrunk,
    shrunk_by,
    sizes,
    texts,
)
from tui.widgets.drawn.lines import StyledLine
from tui.widgets.drawn.numbers import complex_text, short, writer
from tui.widgets.drawn.scale import Scale, scale_of
from tui.widgets.drawn.text import Pen, pieces_line, sentence

NUMBER_ROWS = 16
"""Rows of numbers above which a matrix is drawn as blocks."""
PICTURE_LINES = 24
"""Lines of blocks that a picture takes at most."""
GAP = 2
"""Cells between two tiles, and what pictures are moved in by."""
ZOOM = 4
"""Cells that one value of a small matrix is wide at most."""


def picture_lines(picture: Picture, width: int, boolean: bool = False) -> list[StyledLine]:
    """Return the picture, moved in a little; nothing for a scalar, which the summary shows.

    `boolean`: whether 0 and 1 mean False and True.
    """
    room = max(width - GAP, 4)
    if picture.kind == "none":
        return (
            sentence(picture.reason, room, "dim", lead=(" " * GAP, ""), indent=GAP) if picture.reason else []
        )
    if picture.kind == "scalar" or not any(row for tile in picture.tiles for row in tile.rows):
        return []
    drawn = _vector(picture, room, boolean) if picture.kind == "vector" else _tiles(picture, room, boolean)
    return [Pen().pad(GAP).draw(line).line() for line in drawn]


def scalar_text(picture: Picture, boolean: bool = False) -> str:
    """Return the value of a scalar; empty where there is none."""
    tile = next((tile for tile in picture.tiles if tile.rows and tile.rows[0]), None)
    if tile is None:
        return ""
    value = tile.rows[0][0]
    if boolean:
        return "True" if value else "False"
    if tile.imaginary:
        return complex_text(value, tile.imaginary[0][0], lambda part: f"{part:.6g}")
    if isinstance(value, int):
        return str(value)
    text = f"{value:.6g}"
    return f"{text}." if text.lstrip("-").isdigit() else text


def _vector(picture: Picture, width: int, boolean: bool) -> list[StyledLine]:
    tile = picture.tiles[0]
    values: Sequence[Number] = sizes(tile)[0]
    scale = scale_of(values)
    written = texts(tile, writer(_numbers(picture), boolean))[0]
    legend: list[str] = []
    column = len(written[0])
    if len(values) * column <= width and picture.block == (1, 1):
        lines = bar_lines(values, scale, column - 1, gap=1)
        lines.append(value_line(written, values))
    else:
        factor = -(-len(values) // width)
        values = shrunk_by([values], 1, factor, picture.reduction)[0]
        lines = bar_lines(values, scale, min(width // len(values), 3))
        legend += _blocks_words(picture, 1, factor, "bar")
    if not scale.diverging and 0 < scale.low < scale.high:
        legend.append(f"bars from {short(scale.low)} to {short(scale.high)}")
    elif scale.above or scale.below:
        legend.append(f"bars cut at {'±' if scale.diverging else ''}{short(scale.high)}")
    return [*lines, *sentence(" · ".join(legend), width, "dim")] if legend else lines


def _tiles(picture: Picture, width: int, boolean: bool) -> list[StyledLine]:
    """Draw one matrix or several side by side, as numbers if that fits and else as blocks."""
    matrices = [sizes(tile) for tile in picture.tiles]
    scale = scale_of(value for matrix in matrices for row in matrix for value in row)
    legend: list[str] = []
    blocks = _as_numbers(picture, matrices, scale, width, boolean) if picture.block == (1, 1) else None
    colours_tell = blocks is None or scale.above or scale.below
    if blocks is None:
        fit = _fit(matrices, width, tall=picture.block[0] > 1.5 * picture.block[1])
        factor = fit.factor
        reduced = [shrunk(matrix, factor, picture.reduction) for matrix in matrices]
        blocks = [block_lines(matrix, scale, fit.zoom, fit.stretch) for matrix in reduced]
        legend = [*_blocks_words(picture, factor, factor, "block")]
    lines = _side_by_side([tile.label for tile in picture.tiles], blocks, width)
    if colours_tell:
        lines.append(_colours(scale, width))
    if picture.tiles_omitted:
        many = picture.tiles_omitted
        legend.append(f"{many:,} more {'matrix' if many == 1 else 'matrices'}")
    return [*lines, *sentence(" · ".join(legend), width, "dim")] if legend else lines


def _as_numbers(
    picture: Picture, matrices: list[Matrix], scale: Scale, width: int, boolean: bool
) -> list[list[StyledLine]] | None:
    write = writer(_numbers(picture), boolean)
    written = [texts(tile, write) for tile in picture.tiles]
    column = max(len(text) for rows_of in written for row in rows_of for text in row)
    rows, columns = extent(matrices)
    tile_width = column * columns + 1
    bands = -(-len(matrices) // max((width + GAP) // (tile_width + GAP), 1))
    if tile_width > width or rows > NUMBER_ROWS or bands * (rows + 1) > PICTURE_LINES:
        return None
    return [
        number_lines([[text.rjust(column) for text in row] for row in rows_of], matrix, scale)
        for rows_of, matrix in zip(written, matrices, strict=True)
    ]


@dataclass(frozen=True)
class _Fit:
    """How matrices are drawn as blocks so that all of them fit."""

    factor: int = 1
    """Rows and columns that are taken together."""
    zoom: int = 1
    """Cells that a value is wide."""
    stretch: int = 1
    """How many times higher a value is than wide."""


def _fit(matrices: list[Matrix], width: int, *, tall: bool) -> _Fit:
    """Return how matrices fit. `tall`: whether a value stands for about twice as many rows as columns."""
    rows, columns = extent(matrices)

    def lines(fit: _Fit) -> int:
        """Return the lines they all take; many where one does not fit."""
        across = -(-columns // fit.factor) * fit.zoom
        if across > width:
            return PICTURE_LINES + 1
        bands = -(-len(matrices) // ((width + GAP) // (across + GAP)))
        return bands * (halves(-(-rows // fit.factor) * fit.zoom * fit.stretch) + (len(matrices) > 1))

    for zoom in range(ZOOM, 1, -1):
        if lines(_Fit(1, zoom)) <= PICTURE_LINES // 2:
            return _Fit(1, zoom)
    factor = 1
    while lines(_Fit(factor)) > PICTURE_LINES and factor < max(rows, columns):
        factor += 1
    stretched = _Fit(factor, stretch=2)
    return stretched if tall and lines(stretched) <= PICTURE_LINES else _Fit(factor)


def _side_by_side(labels: list[str], blocks: list[list[StyledLine]], width: int) -> list[StyledLine]:
    """Put tiles next to one another, as many as fit, each under its label."""
    across = max(cell_len(text) for text in (*labels, *(line.plain for block in blocks for line in block)))
    per_band = max((width + GAP) // (across + GAP), 1)
    lines: list[StyledLine] = []
    for start in range(0, len(blocks), per_band):
        band = blocks[start : start + per_band]
        if any(labels):
            pen = Pen()
            for place, label in enumerate(labels[start : start + per_band]):
                pen.pad(place * (across + GAP)).write(label, "dim")
            lines.append(pen.line())
        for row in range(max(len(block) for block in band)):
            pen = Pen()
            for place, block in enumerate(band):
                if row < len(block):
                    pen.pad(place * (across + GAP)).draw(block[row])
            lines.append(pen.line())
    return lines


def _colours(scale: Scale, width: int) -> StyledLine:
    """Return what the colours mean: the lowest value, a sample of the steps, the highest."""
    steps = (
        ("-9", "-6", "-3", "0", "+3", "+6", "+9") if scale.diverging else ("s0", "s2", "s4", "s6", "s8", "s9")
    )
    low = f"{'≤' if scale.below else ''}{short(scale.low)} "
    high = f" {'≥' if scale.above else ''}{short(scale.high)}"
    if scale.high <= scale.low:
        return pieces_line([(low, "dim")], width)
    ramp = [(" ", f"heat{step}") for step in steps]
    if len(low) + len(ramp) + len(high) > width:
        ramp = [("…", "dim")]
    return pieces_line([(low, "dim"), *ramp, (high, "dim")], width)


def _blocks_words(picture: Picture, down: int, across: int, what: str) -> list[str]:
    down, across = picture.block[0] * down, picture.block[1] * across
    if (down, across) == (1, 1):
        return []
    size = f"{across:,}" if what == "bar" else f"{down:,}×{across:,}"
    kind = f"one value of {size}" if picture.reduction == "sample" else f"the mean of {size} values"
    return [f"each {what} is {kind}"]


def _numbers(picture: Picture) -> list[Number]:
    return [
        value
        for tile in picture.tiles
        for part in (tile.rows, tile.imaginary)
        for row in part
        for value in row
    ]
