"""What stands beside the form in words: how the dry run went, then what the preset says of itself."""

from __future__ import annotations

from dataclasses import dataclass

from tui.protocol.preset import PresetInfo
from tui.protocol.run import RunSpec
from tui.protocol.training import DryReport
from tui.widgets.drawn.text import Pen, one, sentence
from tui.widgets.gradients.item_lines import Block
from tui.widgets.start.help_words import about_lines
from tui.widgets.start.report import report_blocks


@dataclass(frozen=True)
class DryState:
    """How it is with the dry run."""

    trying: bool = False
    """Whether it is under way."""
    ended: str = ""
    """Where it was when the user ended it; empty: it was not ended."""
    report: DryReport | None = None
    """What it has shown; None before it has."""
    tried: RunSpec | None = None
    """What the report is about."""

    @property
    def is_told(self) -> bool:
        """Whether there is anything to say of it."""
        return self.trying or bool(self.ended) or self.report is not None


def beside_blocks(preset: PresetInfo | None, dry: DryState, spec: RunSpec, width: int) -> list[Block]:
    """Return the blocks; `spec` is what would be trained now."""
    blocks: list[Block] = []
    if dry.trying:
        title = Pen().write(" Dry run: one batch through everything…", "title").line()
        blocks.append(Block((title, one("   esc ends it", "dim"), one(""))))
    elif dry.ended:
        title = Pen().write(" Dry run", "title").write(": ended by you", "dim").line()
        words = sentence(dry.ended, width - 1, lead=(" ", ""), indent=1)
        blocks.append(Block((title, *words, one(""))))
    elif dry.report is not None:
        blocks += [*report_blocks(dry.report, width, stale=dry.tried != spec), Block((one(""),))]
    if preset is not None:
        blocks.append(Block((*about_lines(preset, width),)))
    return blocks
