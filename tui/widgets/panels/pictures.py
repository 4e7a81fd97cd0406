"""Small pictures of numbers as lines of half blocks, and a plane coloured by what a model says of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from tui.protocol.views import Boundary, Image
from tui.widgets.drawn.scale import scale_of
from tui.widgets.panels.base import PanelLine

GREYS: Final = (0, *range(8, 239, 10), 255)
"""Of 255: more could not be told apart, and these are in the palette of 256, so that they take half as many bytes."""
LEVELS: Final = 31
"""Steps of each of red, green and blue: each mixture is a style to keep."""
CLASS_COLOURS: Final = (
    (86, 156, 242), (238, 123, 77), (123, 194, 117), (242, 196, 94), (190, 132, 245),
    (72, 201, 201), (255, 120, 180), (160, 160, 90), (150, 150, 170), (200, 90, 90),
)  # fmt: skip
"""Blue and orange first, which everybody can tell apart; more classes begin again."""

Pixel = str
"""``rrggbb`` or a level of a diverging scale."""


def picture(image: Image, zoom: int = 1, span: tuple[float, float] | None = None) -> list[PanelLine]:
    """Return a picture as lines: two rows of pixels each, a pixel `zoom` cells wide.

    Grey levels run from the least to the greatest value, or over `span`; numbers around zero have the colours of heat
    maps.
    """
    if image.shape[-1:] == (3,) and len(image.shape) == 3:
        return _half_blocks(_zoomed(_colours(image), zoom))
    if span is None and any(value < 0 for value in image.values if math.isfinite(value)):
        scale = scale_of(image.values)
        levels = [scale.level(value) for value in image.values]
        return _half_blocks(_zoomed(_rows(levels, image.shape), zoom), style="half:{}:{}", nothing="_")
    return _half_blocks(_zoomed(_rows(_greys(image.values, span), image.shape), zoom))


def _rows(pixels: Sequence[Pixel], shape: tuple[int, ...]) -> list[list[Pixel]]:
    height, width = (shape[0], shape[1]) if len(shape) > 1 else (1, shape[0] if shape else 1)
    return [list(pixels[row * width : (row + 1) * width]) for row in range(height)]


def _greys(values: Sequence[float], span: tuple[float, float] | None) -> list[Pixel]:
    low, high = span or span_of(values)
    made = []
    for value in values:
        if not math.isfinite(value):
            made.append("ff5fd2")
            continue
        made.append(f"{_grey(_part(value, low, high)):02x}" * 3)
    return made


def _grey(part: float) -> int:
    """Return the grey nearest to a part of white, 0 to 1."""
    grey = 255 * part
    if grey < GREYS[1] / 2:
        return 0
    return (
        255
        if grey > (GREYS[-2] + 255) / 2
        else min(GREYS[-2], max(GREYS[1], 8 + 10 * round((grey - 8) / 10)))
    )


def span_of(values: Sequence[float]) -> tuple[float, float]:
    """Return the least and the greatest finite value; zeros where there is none."""
    finite = [value for value in values if math.isfinite(value)]
    return (min(finite), max(finite)) if finite else (0.0, 0.0)


def _colours(image: Image) -> list[list[Pixel]]:
    finite = [value for value in image.values if math.isfinite(value)]
    low, high = (min(finite), max(finite)) if finite else (0.0, 1.0)
    if low >= 0 and high <= 1:
        low, high = 0.0, 1.0

    def level(value: float) -> int:
        part = _part(value, low, high) if math.isfinite(value) else 0.0
        return round(round(part * LEVELS) / LEVELS * 255)

    triples = [image.values[at : at + 3] for at in range(0, len(image.values), 3)]
    return _rows(["".join(f"{level(value):02x}" for value in triple) for triple in triples], image.shape)


def _part(value: float, low: float, high: float) -> float:
    """Return where a finite value lies between two others, 0 to 1."""
    if not high > low:
        return 0.5
    return min(
        1.0, max(0.0, (value / 2 - low / 2) / (high / 2 - low / 2))
    )  # halves: a difference may overflow


def _zoomed(rows: list[list[Pixel]], zoom: int) -> list[list[Pixel]]:
    if zoom == 1:
        return rows
    wide = [[pixel for pixel in row for _ in range(zoom)] for row in rows]
    return [row for row in wide for _ in range(zoom)]


def _half_blocks(rows: list[list[Pixel]], *, style: str = "rgb:{}:{}", nothing: str = "") -> list[PanelLine]:
    """Return lines of half blocks: equal neighbours become one span."""
    if len(rows) % 2:
        rows = [*rows, [nothing] * len(rows[0])]
    lines: list[PanelLine] = []
    for above, below in zip(rows[::2], rows[1::2], strict=True):
        line: PanelLine = []
        for pair in zip(above, below, strict=True):
            name = style.format(*pair)
            if line and line[-1][1] == name:
                line[-1] = (line[-1][0] + "▀", name)
            else:
                line.append(("▀", name))
        lines.append(line)
    return lines


def class_colour(number: float, strength: float = 1.0, ground: tuple[int, int, int] = (16, 18, 22)) -> Pixel:
    """Return the colour of a class, the nearer to the ground the smaller `strength` (0 to 1) is."""
    colour = CLASS_COLOURS[int(number) % len(CLASS_COLOURS)] if math.isfinite(number) else (255, 95, 210)
    step = round(min(max(strength, 0.0), 1.0) * 12) / 12
    return "".join(
        f"{round(low + (high - low) * step):02x}" for low, high in zip(ground, colour, strict=True)
    )


def plane(boundary: Boundary, width: int, height: int) -> list[PanelLine]:
    """Return the plane as at most `width` x `height` cells, with the training examples on it as dots."""
    rows, columns = boundary.shape
    if rows < 1 or columns < 1 or len(boundary.values) != rows * columns:
        return []
    across, down = min(width, columns), min(2 * height, rows) // 2 * 2 or 1
    span = value_range(boundary)
    pixels = [
        [
            _place(boundary, row * rows // down * columns + column * columns // across, span)
            for column in range(across)
        ]
        for row in range(down)
    ]
    lines: list[PanelLine] = []
    dots = _dots(boundary, across, -(-down // 2))
    for line in range(-(-down // 2)):
        above, below = pixels[2 * line], pixels[min(2 * line + 1, down - 1)]
        made: PanelLine = []
        for column in range(across):
            dot = dots.get((column, line))
            if dot is not None:
                made.append(("•", f"rgb:{dot}:{above[column]}"))
            else:
                made.append(("▀", f"rgb:{above[column]}:{below[column]}"))
        lines.append(made)
    return lines


def _place(boundary: Boundary, at: int, span: tuple[float, float]) -> Pixel:
    value = boundary.values[at]
    if boundary.kind == "class":
        sure = boundary.confidence[at] if at < len(boundary.confidence) else 1.0
        return class_colour(value, 0.15 + 0.5 * (sure if math.isfinite(sure) else 0.0))
    part = _part(value, *span) if math.isfinite(value) else 0.5
    return class_colour(1.0, 0.7 * (2 * part - 1)) if part >= 0.5 else class_colour(0.0, 0.7 * (1 - 2 * part))


def value_range(boundary: Boundary) -> tuple[float, float]:
    """Return the values that the two colours of a plane of values stand for."""
    finite = [value for value in boundary.values if math.isfinite(value)]
    low, high = (min(finite), max(finite)) if finite else (0.0, 1.0)
    return (0.0, 1.0) if low >= 0 and high <= 1 else (low, high)


def _dots(boundary: Boundary, across: int, down: int) -> dict[tuple[int, int], Pixel]:
    """Return the cells that an example lies in, with its colour."""
    wide, high = boundary.x_max - boundary.x_min, boundary.y_max - boundary.y_min
    targets = [target for _, _, target in boundary.points]
    low, top = (min(targets), max(targets)) if targets else (0.0, 1.0)
    dots = {}
    for x, y, target in boundary.points if 0 < wide < math.inf and 0 < high < math.inf else ():
        if not (boundary.x_min <= x <= boundary.x_max and boundary.y_min <= y <= boundary.y_max):
            continue  # NaN, or elsewhere
        column = min(across - 1, int((x - boundary.x_min) / wide * across))
        line = min(down - 1, int((boundary.y_max - y) / high * down))
        number = target if boundary.kind == "class" else float(top > low and target > (low + top) / 2)
        dots[column, line] = class_colour(number, 1.0, (255, 255, 255))
    return dots
