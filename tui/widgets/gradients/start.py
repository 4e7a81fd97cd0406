"""What is shown before a graph is chosen: how to make one, and the results that have one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tui.protocol.messages import Variable
from tui.widgets import words
from tui.widgets.drawn.lines import StyledLine
from tui.widgets.drawn.text import Pen, one, pieces_line, sentence
from tui.widgets.foreign import one_line
from tui.widgets.gradients.item_lines import Block

EXAMPLE = (
    "w = torch.randn(3, requires_grad=True)",
    "b = torch.zeros(1, requires_grad=True)",
    "x = torch.tensor([1., 2., 3.])",
    "y = (x * w + b).relu().sum()",
)
_OF_A_RUN = ("loss", "output")
"""Names that a paused run gives to the REPL, of its very last batch."""


@dataclass(frozen=True)
class Candidate:
    """A result whose graph can be opened."""

    expression: str
    shape: tuple[int, ...]
    grad_fn: str = ""
    value: str = ""
    """One line of statistics."""
    of_run: bool = False
    """Whether it is what a paused run has just computed."""


def candidates_of(rows: Sequence[Variable], *, run_paused: bool) -> list[Candidate]:
    """Return the results with a graph among variables: a paused run's first, then scalars, then the newest."""
    found = [
        Candidate(row.name, row.shape or (), row.grad_fn, row.summary, run_paused and row.name in _OF_A_RUN)
        for row in rows
        if row.grad == "graph"
    ]
    newest_first = list(reversed(found))
    return sorted(newest_first, key=lambda one: (not one.of_run, one.expression != "loss", bool(one.shape)))


def start_blocks(candidates: Sequence[Candidate], *, torch_ready: bool, width: int) -> list[Block]:
    """Return how a graph comes about, and a line for each that is there; its key is its expression."""
    if not candidates:
        return [Block(tuple(_how_to(torch_ready, width)))]
    intro = "Results that have a graph: enter opens one, o takes any expression."
    blocks = [Block(tuple(sentence(intro, width - 1, "dim", lead=(" ", ""), indent=1)))]
    names = min(max(len(one_line(one.expression, 60)) for one in candidates), 30)
    return [*blocks, *(Block((_line(one, names, width),), one.expression) for one in candidates)]


def _line(candidate: Candidate, names: int, width: int) -> StyledLine:
    pen = Pen().write(" ▸ ", "accent").write(one_line(candidate.expression, names), "strong").pad(names + 5)
    shape = words.shape(candidate.shape) if candidate.shape else "scalar"
    pen.write(shape, "shape").pad(names + 19)
    pen.write(one_line(candidate.grad_fn.removesuffix("0").removesuffix("Backward"), 24)).write("  ")
    if candidate.of_run:
        pen.write("of the paused run's last batch  ", "good")
    rest = one_line(candidate.value, max(width - pen.cells, 1)) if width - pen.cells > 3 else ""
    return (
        pieces_line([(pen.line().plain, "")], width) if pen.cells > width else pen.write(rest, "dim").line()
    )


def _how_to(torch_ready: bool, width: int) -> list[StyledLine]:
    text = (
        "Autograd remembers how every result was computed, so that it can tell how each number changes it. "
    )
    text += (
        "On F2, type for example"
        if torch_ready
        else "Torch is still being imported; then, on F2, type for example"
    )
    lines = sentence(text, width - 1, "", lead=(" ", ""), indent=1)
    lines += [one(""), *(one(f"     {line}", "code") for line in EXAMPLE), one("")]
    then = "Back here (F3), press o and choose y: its graph opens. b runs backward; ← and → go through it by steps; "
    then += "then every number of w.grad can be traced to where it came from. s makes one step of gradient descent."
    return lines + sentence(then, width - 1, "", lead=(" ", ""), indent=1)
