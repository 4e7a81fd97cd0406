"""What a legend says of values that have no place on the axes: how many, and whose they are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tui.widgets.cells import to_cells
from tui.widgets.chart.looks import Heading
from tui.widgets.chart.ticks import count_text, value_text

Part = tuple[list[str], str]
"""Cells and their style."""


def odd_parts(heading: Heading, details: int) -> Iterator[Part]:
    """Yield what has no place on the axes: counted, with whose it is (3), close together (1), by name (0, -1).

    Of several runs it is told whose it is, but for -1.
    """
    odds = heading.odds
    kinds = {
        "NaN": [each.nan for each in odds], "Inf": [each.pos_inf for each in odds],
        "-Inf": [each.neg_inf for each in odds], "≤0": [each.non_positive for each in odds],
    }  # fmt: skip
    counts = {name: [sum(cells.values()) for cells in each] for name, each in kinds.items()}
    counts["x≤0"] = [each.before for each in odds]
    for name, each in counts.items():
        if total := sum(each):
            texts = f" {name}", f" {name}×{count_text(total)}", f"  {name} ×{count_text(total)}"
            yield list(texts[max(0, min(details, 2))]), "bad"
            if whose := _whose(heading, [count > 0 for count in each], details):
                yield whose, "bad"
    for arrow, ends in (("↑", [each.above for each in odds]), ("↓", [each.below for each in odds])):
        found = [end for end in ends if end is not None]
        if found:
            furthest = value_text(max(found) if arrow == "↑" else min(found))
            texts = f" {arrow}", f" {arrow}{furthest}", f"  {arrow} to {furthest}"
            yield list(texts[max(0, min(details, 2))]), "note"
            if whose := _whose(heading, [end is not None for end in ends], details):
                yield whose, "note"


def _whose(heading: Heading, have: Sequence[bool], details: int) -> list[str]:
    """Return which runs, or which curves of one run, have something; empty where all of them have."""
    looks = [look for look, has in zip(heading.looks, have, strict=True) if has]
    if heading.overlaid and details >= 0:
        marks = list(dict.fromkeys(look.curve.run.glyph for look in looks if look.curve.run is not None))
        if len(marks) > 4:
            return list(f" in {len(marks)} runs")
        kind = ("runs " if len(marks) > 1 else "run ") if details else ""
        return list(f" in {kind}{', '.join(marks)}")
    if details < 2 or len(looks) == len(heading.looks):
        return []
    return [*" in ", *to_cells(" and ".join(look.curve.label for look in looks))]
