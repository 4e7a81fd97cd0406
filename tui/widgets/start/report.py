"""What a dry run has shown, as blocks of lines."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from rich.cells import cell_len

from tui.protocol.training import DryReport, DryStep, DryValue
from tui.widgets import words
from tui.widgets.drawn.lines import StyledLine
from tui.widgets.drawn.text import Pen, dotted, flow, one, sentence
from tui.widgets.foreign import one_line
from tui.widgets.gradients.item_lines import Block

_NAME = 11
_LIKE_A_GUESS = 0.25
"""Part of ln(classes) that the loss at start may be off before it is worth a word."""


def report_blocks(report: DryReport, width: int, *, stale: bool = False) -> list[Block]:
    """Return the report: the verdict, each step, the values, the loss, costs, and what is hardly meant.

    `stale`: the form has changed since.
    """
    blocks = [Block(tuple(_verdict(report, width, stale=stale)))]
    if report.warnings:
        lines: list[StyledLine] = []
        for warning in report.warnings:
            lines += sentence(warning, width - 1, "warn", lead=(" ! ", "warn"), indent=3)
        blocks.append(Block(tuple(lines)))
    blocks.append(Block(tuple(line for step in _told_once(report) for line in step_lines(step, width))))
    if report.values:
        blocks.append(Block((one(""), *value_lines(report.values, width))))
    numbers = [*_loss(report, width), *_costs(report, width), *_memory(report, width)]
    if numbers:
        blocks.append(Block((one(""), *numbers)))
    return blocks


def _told_once(report: DryReport) -> list[DryStep]:
    """Return the steps; the failed one without the words that stand above as the problem."""
    return [replace(step, detail="") if step.detail == report.problem else step for step in report.steps]


def _verdict(report: DryReport, width: int, *, stale: bool) -> list[StyledLine]:
    title = Pen().write(" Dry run", "title")
    if stale:
        title.write(" of the settings before", "dim")
    if report.ok:
        return [title.write(": ").write("it would train", "good").line()]
    lines = [title.write(": ").write("it would not train", "error").line()]
    return [*lines, *sentence(report.problem, width - 1, "error", lead=(" ✘ ", "error"), indent=3)]


def step_lines(step: DryStep, width: int) -> list[StyledLine]:
    """Return a step: whether it worked, its time, what came of it."""
    pen = Pen().write(" ✔ " if step.ok else " ✘ ", "good" if step.ok else "error")
    pen.write(step.name).pad(3 + _NAME)
    took = f"{milliseconds(step.took_ms):>8}" if step.took_ms is not None else " " * 8
    pen.write(took, "dim").write("  ")
    if not step.detail:
        return [pen.line()]
    detail = sentence(step.detail, max(width - pen.cells - 1, 12), "dim" if step.ok else "error")
    indent = " " * pen.cells
    return [pen.draw(detail[0]).line(), *(Pen().write(indent).draw(line).line() for line in detail[1:])]


def milliseconds(took_ms: float) -> str:
    """Return a time: ``0.4 ms``, ``12 ms``, ``3.2 s``."""
    if took_ms >= 999.5:
        return words.duration(took_ms / 1000)
    return f"{took_ms:.0f} ms" if took_ms >= 9.95 else f"{took_ms:.1f} ms"


def value_lines(values: Sequence[DryValue], width: int) -> list[StyledLine]:
    """Return the tensors as a table: name, shape, dtype, device, and what is worth knowing."""
    rows = [
        (one_line(v.name, 24), words.shape(v.shape), one_line(v.dtype, 14), one_line(v.device, 10))
        for v in values
    ]
    wide = [max(cell_len(row[column]) for row in rows) for column in range(4)]
    lines: list[StyledLine] = []
    for value, row in zip(values, rows, strict=True):
        pen = Pen().write(" ")
        for text, size, style in zip(row, wide, ("strong", "shape", "", "dim"), strict=True):
            pen.write(text, style).write(" " * (size - cell_len(text) + 2))
        if not value.note:
            lines.append(pen.line())
        elif cell_len(value.note) <= width - pen.cells:
            lines.append(pen.write(one_line(value.note, width), "dim").line())
        else:
            lines += [pen.line(), *sentence(value.note, width - 1, "dim", lead=("   ", ""), indent=3)]
    return lines


def _loss(report: DryReport, width: int) -> list[StyledLine]:
    if report.loss is None:
        return []
    text = f"loss at start {report.loss:.4g}"
    guess = report.expected_loss
    if guess is None or not math.isfinite(guess):
        return sentence(text, width - 1, lead=(" ", ""), indent=1)
    classes = round(math.exp(guess)) if guess < 20 else 0
    name = f"ln({classes:,})" if classes > 1 and abs(math.log(classes) - guess) < 1e-3 else "a blind guess"
    said = f"{text}; {name} = {guess:.4g} is what a blind guess would have" if classes > 1 else text
    off = not math.isfinite(report.loss) or abs(report.loss - guess) > _LIKE_A_GUESS * guess
    if off:
        said += ": far from it, so look at the last layer, its initialization and the scale of the input"
    return sentence(said, width - 1, "warn" if off else "", lead=(" ", ""), indent=1)


def _costs(report: DryReport, width: int) -> list[StyledLine]:
    facts: list[str] = []
    if report.parameters is not None:
        facts.append(f"{report.parameters:,} parameters")
    if report.step_ms is not None:
        facts.append(f"{milliseconds(report.step_ms)} a step")
    if report.steps_per_epoch is not None:
        facts.append(f"{report.steps_per_epoch:,} steps an epoch")
    if report.epoch_s is not None:
        facts.append(f"about {words.duration(report.epoch_s)} an epoch")
    return flow(dotted(facts, ""), width - 1, lead=(" ", ""), indent=1) if facts else []


def _memory(report: DryReport, width: int) -> list[StyledLine]:
    if not report.memory:
        return []
    facts = [f"{one_line(what, 40)} {words.size(size_bytes)}" for what, size_bytes in report.memory]
    return flow(dotted(facts, "dim"), width - 1, lead=(" memory: ", "dim"), indent=9)
