"""Views as blocks of lines, and blocks put beside and under one another."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from rich.cells import cell_len

from tui.protocol.views import Boundary, Confusion, Filters, Image, Preview, WorstSample, WorstSamples
from tui.widgets.foreign import clean, one_line
from tui.widgets.panels.base import PanelLine
from tui.widgets.panels.pictures import class_colour, picture, plane, span_of, value_range

GAP: Final = 3
"""Cells between two blocks side by side."""
_CORNER: Final = "true"
_SIDES: Final = " · rows true, columns predicted"
SPARKS: Final = "▁▂▃▄▅▆▇█"
MOST_CLASSES: Final = 30
"""Classes that a confusion matrix shows one by one."""


@dataclass(frozen=True)
class Block:
    """Some lines that stay together."""

    lines: tuple[PanelLine, ...]

    @property
    def width(self) -> int:
        """Cells of its longest line."""
        return max((cells(line) for line in self.lines), default=0)


def cells(line: PanelLine) -> int:
    """Return how many cells a line takes."""
    return sum(cell_len(text) for text, _ in line)


def packed(blocks: Iterable[Block], width: int) -> list[PanelLine]:
    """Put blocks side by side as long as there is room, then under one another, an empty line between."""
    shelves: list[list[Block]] = []
    used = 0
    for block in blocks:
        if shelves and used + GAP + block.width <= width:
            shelves[-1].append(block)
            used += GAP + block.width
        else:
            shelves.append([block])
            used = block.width
    lines: list[PanelLine] = []
    for shelf in shelves:
        if lines:
            lines.append([])
        for row in range(max(len(block.lines) for block in shelf)):
            line: PanelLine = []
            for block in shelf:
                part = block.lines[row] if row < len(block.lines) else []
                room = block.width + GAP - cells(part) if block is not shelf[-1] else 0
                line += [*part, (" " * room, "")]
            lines.append(line)
    return lines


def in_columns(blocks: Iterable[Block], width: int) -> list[PanelLine]:
    """Put blocks into two columns, each under the shorter one; a block too wide for that has a place of its own."""
    half = (width - GAP) // 2
    lines: list[PanelLine] = []
    columns: tuple[list[PanelLine], list[PanelLine]] = ([], [])
    for block in blocks:
        if block.width > half:
            lines += [*_beside(columns, half), *block.lines, []]
            columns = ([], [])
            continue
        shorter = columns[0] if len(columns[0]) <= len(columns[1]) else columns[1]
        shorter += [*block.lines, []]
    lines += _beside(columns, half)
    while lines and not lines[-1]:
        lines.pop()
    return lines


def _beside(columns: tuple[list[PanelLine], list[PanelLine]], half: int) -> list[PanelLine]:
    left, right = columns
    lines: list[PanelLine] = []
    for row in range(max(len(left), len(right))):
        line = left[row] if row < len(left) else []
        beside = right[row] if row < len(right) else []
        lines.append([*line, (" " * (half + GAP - cells(line)), ""), *beside] if beside else line)
    return lines


def confusion_block(view: Confusion, width: int) -> Block:
    """Return the confusion matrix: rows the true class, columns the predicted one."""
    right = sum(row[at] for at, row in enumerate(view.counts) if at < len(row))
    told = f"{right:,} of {view.seen:,} right"
    if view.class_count is not None and view.class_count > len(view.classes):
        told = f"the {len(view.classes)} worst of {view.class_count:,} classes"
    title = f"confusion · {one_line(view.split, 12)} at step {view.step:,} · {told}"
    lines: list[PanelLine] = [[(title, "title")]]
    if cell_len(title) + cell_len(_SIDES) <= width:
        lines[0].append((_SIDES, "muted"))
    names = [one_line(name, 12) for name in view.classes]
    label = max([len(_CORNER), *(cell_len(name) for name in names)])
    digits = max([len(str(count)) for row in view.counts for count in row] + [min(label, 4)]) + 1
    count = len(names)
    if count <= MOST_CLASSES and label + 1 + count * digits <= width:
        head: PanelLine = [(f"{_CORNER:<{label}} ", "muted")]
        head += [(f"{one_line(name, digits - 1):>{digits}}", "muted") for name in names]
        lines.append(head)
        lines += [_confusion_row(names[at], row, at, label, digits) for at, row in enumerate(view.counts)]
    return Block((*lines, *_most_confused(view, names)))


def _confusion_row(name: str, row: Sequence[int], own: int, label: int, digits: int) -> PanelLine:
    total = sum(row) or 1
    line: PanelLine = [(name + " " * (label - cell_len(name) + 1), "")]
    for at, count in enumerate(row):
        if at == own:
            style = f"heats{round(7 * count / total)}"
        elif count:
            style = f"heat+{max(2, min(9, round(18 * count / total)))}"
        else:
            style = "muted"
        line.append((f"{count if count else '·':>{digits}}", style))
    return line


def _most_confused(view: Confusion, names: Sequence[str]) -> list[PanelLine]:
    wrong = sorted(
        ((count, row, column) for row, counts in enumerate(view.counts) for column, count in enumerate(counts)
         if row != column and count),
        reverse=True,
    )[:4]  # fmt: skip
    if not wrong:
        return [[("none was taken for another", "good")]] if view.seen else []
    lines: list[PanelLine] = [[("most confused", "muted")]]
    for at in range(0, len(wrong), 2):
        pairs = (f"{names[row]} → {names[column]}  {count}×" for count, row, column in wrong[at : at + 2])
        lines.append([("     ".join(pairs), "")])
    return lines


def worst_block(view: WorstSamples, width: int, most: int) -> Block:
    """Return the examples with the highest loss, with their pictures where they are pictures."""
    title = f"highest loss · {one_line(view.split, 12)} at step {view.step:,}"
    lines: list[PanelLine] = [[(title, "title")]]
    if any(sample.output_image is not None for sample in view.samples):
        lines.append([("left as it was to be, right as the model has it", "muted")])
    made = [_sample(sample) for sample in view.samples[:most]]
    return Block((*lines, *packed(made, width)))


def _sample(sample: WorstSample) -> Block:
    lines: list[PanelLine] = []
    if sample.target_image is not None and sample.output_image is not None:
        low, high = span_of(sample.target_image.values)
        span = (low, high) if low >= 0 else None  # what is a little below zero beside it is black as well
        pair = [Block(tuple(picture(each, 1, span))) for each in (sample.target_image, sample.output_image)]
        lines += packed(pair, sum(block.width for block in pair) + GAP)
    elif sample.output_curve:
        lines += _curves(sample)
    else:
        lines += _told(sample)
    lines.append([(f"#{sample.index} loss {sample.loss:.3g}", "muted")])
    return Block(tuple(lines))


def _told(sample: WorstSample) -> list[PanelLine]:
    """Return a class and what it was taken for, or a number and what was made of it."""
    lines: list[PanelLine] = []
    if sample.image is not None:
        lines += picture(sample.image, _zoom(sample.image))
    elif sample.text:
        lines.append([(one_line(sample.text, 40), "muted" if sample.confidence is None else "")])
    if sample.confidence is None:
        target, predicted = one_line(sample.target, 30), one_line(sample.predicted, 30)
        return [
            *lines,
            [("target ", "muted"), (target, "strong"), ("  output ", "muted"), (predicted, "strong")],
        ]
    target, predicted = one_line(sample.target, 12), one_line(sample.predicted, 12)
    right = "" if target == predicted else "bad"
    lines.append([(target, "strong"), (" → ", "muted"), (f"{predicted} {sample.confidence:.0%}", right)])
    return lines


def _curves(sample: WorstSample) -> list[PanelLine]:
    """Return what was to come and what came as two curves of one scale."""
    span = span_of((*sample.target_curve, *sample.output_curve))
    return [
        [("target ", "muted"), (sparks(sample.target_curve, span), "bars")],
        [("output ", "muted"), (sparks(sample.output_curve, span), "bars")],
    ]


def sparks(values: Sequence[float], span: tuple[float, float]) -> str:
    """Return values as blocks, the lowest for the low end of `span`; what is not finite as a space."""
    low, high = span
    top = len(SPARKS) - 1
    return "".join(
        SPARKS[round(min(1.0, max(0.0, (value / 2 - low / 2) / (high / 2 - low / 2))) * top)]
        if high > low and math.isfinite(value) else SPARKS[3] if math.isfinite(value) else " "
        for value in values
    )  # fmt: skip


def _zoom(image: Image) -> int:
    return 2 if len(image.shape) > 1 and max(image.shape[:2]) <= 10 else 1


def boundary_block(view: Boundary, width: int, height: int) -> Block:
    """Return the plane with what the model says of each place, and the training examples on it."""
    lines = plane(view, min(width, 72), max(6, height - 3))
    title = f"what it says of the plane · step {view.step:,}"
    legend: PanelLine = [
        (f"x {view.x_min:.3g} to {view.x_max:.3g}, y {view.y_min:.3g} to {view.y_max:.3g}  ", "muted")
    ]
    if view.kind == "class":
        classes = {int(target) for _, _, target in view.points if math.isfinite(target)}
        for number in sorted(classes)[:8]:
            legend += [("• ", f"rgb:{class_colour(number)}:"), (f"{number}  ", "muted")]
    else:
        for number, value in enumerate(value_range(view)):
            legend += [("■ ", f"rgb:{class_colour(number)}:"), (f"{value:.3g}  ", "muted")]
    return Block(([(title, "title")], *lines, legend))


def preview_block(view: Preview, width: int, height: int) -> Block:
    """Return what the preset's `preview` gave: its text, or its pictures side by side."""
    lines: list[PanelLine] = [[(f"preview · epoch {view.epoch}, step {view.step:,}", "title")]]
    if view.text:
        for line in clean(view.text).split("\n")[: max(4, height)]:
            lines += [[(part, "")] for part in folded(line, width)]
    if view.images:
        lines += packed([Block(tuple(picture(image, _zoom(image)))) for image in view.images], width)
    if view.summary:
        lines.append([(one_line(view.summary, width), "muted")])
    return Block(tuple(lines))


def filters_block(view: Filters, width: int) -> Block:
    """Return the weights of the first convolution, around zero, a picture for each output channel."""
    more = f", {len(view.images)} of {view.total}" if view.total > len(view.images) else ""
    title = f"weights of layer {one_line(view.layer, 30)} · step {view.step:,}{more}"
    images = [Block(tuple(picture(image, _zoom(image)))) for image in view.images]
    return Block(([(title, "title")], *packed(images, width)))


def folded(line: str, width: int) -> list[str]:
    """Break a line of clean text between words, where that is possible, into parts of at most so many cells.

    A part holds a character at least, however few the cells are.
    """
    parts, rest, width = [], line, max(1, width)
    while cell_len(rest) > width:
        end = width
        while end > 1 and cell_len(rest[:end]) > width:
            end -= 1
        space = rest.rfind(" ", 1, end + 1)
        end = space if space > width // 2 else end
        parts.append(rest[:end])
        rest = rest[end:].lstrip(" ")
    return [*parts, rest]
