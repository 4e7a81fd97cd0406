"""What a diagnosis found, one block for each finding: what it is, what it means, what helps."""

from __future__ import annotations

from typing import Final

from tui.protocol.gradients import Finding, Findings
from tui.widgets.drawn.lines import StyledLine
from tui.widgets.drawn.text import Pen, one, sentence
from tui.widgets.gradients.item_lines import Block

_TITLES: Final = {
    "vanishing": ("▼", "Gradients vanish"),
    "exploding": ("▲", "Gradients explode"),
    "dead": ("○", "Dead units"),
    "first nan forward": ("✘", "First NaN or Inf in forward"),
    "first nan backward": ("✘", "First NaN or Inf in backward"),
    "no gradient": ("∅", "No gradient"),
    "in place": ("✎", "Changed in place"),
    "spent": ("■", "The graph is spent"),
    "sum of backwards": ("Σ", "Sum of backwards"),
}
_LOUD: Final = frozenset(("first nan forward", "first nan backward", "in place"))


def finding_blocks(findings: Findings | None, width: int, *, ran: bool = False) -> list[Block]:
    """Return a block for each finding; its key is its place in the list where there is something to go to.

    `ran`: whether a backward has run through the graph.
    """
    if findings is None:
        text = "d looks for what is wrong: vanishing, exploding and missing gradients, dead units, the first NaN."
        return [Block((one(""), *sentence(text, width - 1, "dim", lead=(" ", ""), indent=1)))]
    if not findings.rows:
        text = "Nothing wrong was found." + (
            "" if ran else " More can be told after a backward: b, or p to look only."
        )
        return [Block((one(""), *sentence(text, width - 1, "good", lead=(" ✔ ", "good"), indent=3)))]
    return [_block(row, index, width) for index, row in enumerate(findings.rows)]


def _block(row: Finding, index: int, width: int) -> Block:
    mark, title = _TITLES[row.kind]
    style = "error" if row.kind in _LOUD else "warn"
    lines: list[StyledLine] = [Pen().write(f" {mark} {title}", style).line()]
    lines += sentence(row.words, width - 1, "", lead=("   ", ""), indent=3)
    if row.cure:
        lines += sentence(row.cure, width - 1, "good", lead=("   → ", "good"), indent=5)
    lines.append(one(""))
    return Block(tuple(lines), f"finding {index}" if row.node >= 0 or row.name else f"note {index}")
