"""What was changed, before and after; and what a check against finite differences found."""

from __future__ import annotations

from rich.cells import cell_len

from tui.protocol.gradients import Change, Changes, GradientCheck
from tui.widgets.drawn.lines import StyledLine
from tui.widgets.drawn.text import Pen, one, sentence
from tui.widgets.foreign import clean, cut_cells, one_line
from tui.widgets.gradients.item_lines import Block
from tui.widgets.gradients.norms import norm_text
from tui.widgets.gradients.table import end_of

_NAME_CELLS = 26
_LEAST_NAME = 12
_CHANGE_CELLS = 32
"""Of ``   norm 0.567 → moved 1.23e-10``."""


def change_blocks(changes: Changes | GradientCheck | None, width: int) -> list[Block]:
    """Return what was run, then a row for each leaf: before → after."""
    if changes is None:
        text = "What came of it stands here: s makes one step of gradient descent, z clears gradients, c checks one."
        return [Block((one(""), *sentence(text, width - 1, "dim", lead=(" ", ""), indent=1)))]
    if isinstance(changes, GradientCheck):
        return [Block(tuple(_check(changes, width)))]
    head = [one("")]
    for line in clean(changes.code).split("\n")[:8]:
        head += sentence(one_line(line, 400), width - 1, "code", lead=(" ", ""), indent=3)
    head.append(one(""))
    if not changes.rows:
        head += sentence(
            "Nothing was changed: no leaf has a gradient.", width - 1, "warn", lead=(" ", ""), indent=1
        )
        return [Block(tuple(head))]
    longest = max(cell_len(one_line(row.name, 100)) for row in changes.rows)
    names = min(longest, _NAME_CELLS, max(width - _CHANGE_CELLS, _LEAST_NAME))
    befores = max(cell_len(_texts(row)[0]) for row in changes.rows)
    foot: list[Block] = []
    if any(row.moved for row in changes.rows):
        then = "Results that were computed before keep their old values: run their cell again to see the new ones."
        foot = [Block((one(""), *sentence(then, width - 1, "dim", lead=(" ", ""), indent=1)))]
    return [Block(tuple(head)), *(_row(row, names, befores, width) for row in changes.rows), *foot]


def _row(row: Change, names: int, befores: int, width: int) -> Block:
    name = end_of(one_line(row.name, 200), names)
    before, after = _texts(row)
    same = before == after and not row.moved
    pen = Pen().write(" ").write(name, "dim" if same else "strong").pad(names + 3)
    inline = pen.cells + befores + 3 + cell_len(after) <= width
    lines: list[StyledLine] = []
    if inline:
        pen.write(before, "dim").pad(names + 3 + befores)
    else:
        lines.append(pen.write(cut_cells(before, max(width - pen.cells, 1)), "dim").line())
        pen = Pen().pad(names)
    pen.write(" = " if same else " → ", "dim" if same else "accent")
    pen.write(cut_cells(after, max(width - pen.cells, 1)), "dim" if same else "strong")
    return Block((*lines, pen.line()), f"leaf {row.name}")


def _texts(row: Change) -> tuple[str, str]:
    """Return before and after; norms with as many digits as it takes where the texts are too short to differ."""
    before, after = one_line(row.before, 200), one_line(row.after, 200)
    old, new = row.norm_before, row.norm_after
    if before.startswith("norm ") and row.moved is not None:
        return before, f"moved {norm_text(row.moved)}"
    if before != after or old is None or new is None or old == new:
        return before, after
    for digits in range(3, 10):
        before, after = f"norm {old:.{digits}g}", f"norm {new:.{digits}g}"
        if before != after:
            break
    return before, after


def _check(check: GradientCheck, width: int) -> list[StyledLine]:
    mark, style = ("✔", "good") if check.ok else ("✘", "error")
    lines = [one(""), *sentence(check.words, width - 1, style, lead=(f" {mark} ", style), indent=3)]
    lines.append(one(f"   {check.checked:,} entries compared with finite differences", "dim"))
    if check.worst is not None:
        lines.append(
            Pen().write("   largest difference ", "dim").write(norm_text(check.worst), "strong").line()
        )
    if check.worst_at:
        lines += sentence(check.worst_at, width - 1, "", lead=("   ", ""), indent=3)
    return lines
