"""The palette as a question: what fits the line, what each would become, and the blocks it makes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tui.protocol.building import Block, Catalogue, LayerKind
from tui.widgets.builder.commands import Placement, offers_for, parts_of, place, read_part
from tui.widgets.builder.label import label_pieces
from tui.widgets.builder.questions import Choice, Question
from tui.widgets.builder.search import Offer
from tui.widgets.drawn.lines import StyledLine
from tui.widgets.drawn.text import Pen, Piece, pieces_line, sentence
from tui.widgets.foreign import one_line

PLACEHOLDER = "conv 32 3 padding=1 | relu | pool 2    = x.mean(1)"
_MOST_OFFERS = 300


@dataclass(frozen=True)
class Palette:
    """What can be placed at one place of a design."""

    catalogue: Catalogue
    dimensions: int | None = None
    """Of space that what comes in has there; None where it is not known."""
    recent: tuple[str, ...] = ()

    def offers(self, part: str) -> list[Offer]:
        """Return what a part of a line may mean."""
        return offers_for(self.catalogue, part, dimensions=self.dimensions, recent=self.recent)

    def question(self, label: str, value: str = "") -> Question:
        """Return the question for what is to be placed."""
        return Question(
            "place",
            label,
            self._choices,
            value,
            PLACEHOLDER,
            self._details,
            self._problem,
            self._completed,
        )

    def blocks(self, line: str, chosen: str) -> tuple[Block, ...]:
        """Return the blocks that a line makes; the last part means what was chosen.

        Raises:
            ValueError: a part means nothing, or lacks an argument; says which.
        """
        parts = parts_of(line)
        if len(parts) > 1 and not parts[-1].strip():
            parts, chosen = parts[:-1], ""
        blocks: list[Block] = []
        for index, part in enumerate(parts):
            last = index == len(parts) - 1
            offer, placement = self._placed(part, chosen if last else "")
            if placement.problem:
                raise ValueError(placement.problem)
            if placement.missing:
                raise ValueError(f"{offer.title} needs {', '.join(placement.missing)}")
            blocks.append(placement.block)
        return tuple(blocks)

    def layers(self, line: str, chosen: str) -> tuple[str, ...]:
        """Return the keys of what a line places, for the list of those placed last."""
        parts = [part for part in parts_of(line) if part.strip()] or [""]
        return tuple(
            self._placed(part, chosen if index == len(parts) - 1 else "")[0].key
            for index, part in enumerate(parts)
        )

    def _placed(self, part: str, chosen: str) -> tuple[Offer, Placement]:
        if not self.catalogue.layers:
            raise ValueError("the kernel has not told its layers yet")
        typed = read_part(part)
        if typed.arguments and not typed.words:
            raise ValueError(f"{part.strip()[:40]}: the name of a layer comes first, as in conv 32 3")
        found = self.offers(part)
        offer = next((one for one in found if one.key == chosen), found[0] if found else None)
        if offer is None:
            raise ValueError(f"{part.strip()[:40]}: nothing is called so")
        return offer, place(offer, part)

    # -- what the chooser shows -------------------------------------------------------------------

    def _choices(self, line: str) -> Sequence[Choice]:
        found = self.offers(parts_of(line)[-1])[:_MOST_OFFERS]
        searched = bool(line.strip())
        return [
            Choice(one.key, one.title, one.summary, "" if searched else self._group(one)) for one in found
        ]

    def _group(self, offer: Offer) -> str:
        return "Placed last" if offer.key in self.recent else offer.group

    def _problem(self, chosen: str, line: str) -> str:
        parts = parts_of(line)
        for index, part in enumerate(parts):
            if not part.strip():
                continue
            try:
                _, placement = self._placed(part, chosen if index == len(parts) - 1 else "")
            except ValueError as error:
                return str(error)
            if placement.problem:
                return placement.problem
        return ""

    def _completed(self, line: str, choice: Choice) -> str:
        *before, last = parts_of(line)
        arguments = read_part(last).arguments
        return "|".join(
            [*before, " ".join(filter(None, [" " if before else "", choice.title, *arguments]))]
        ) + ("" if arguments else " ")

    def _details(self, chosen: str, line: str, width: int) -> Sequence[StyledLine]:
        part = parts_of(line)[-1]
        offer = next((one for one in self.offers(part) if one.key == chosen), None)
        if offer is None:
            return ()
        lines = self._becomes(offer, part, width)  # first: where there is little room the rest is cut off
        entry = offer.entry
        if entry is not None:
            signature = entry.signature if entry.signature.startswith("(") else f"({entry.signature})"
            if entry.signature.startswith(offer.title):
                signature = entry.signature.removeprefix(offer.title)
            lines += sentence(f"{offer.title}{signature}", width - 2, "code", lead=(" ", ""), indent=3)[:3]
            if entry.formula:
                lines += sentence(entry.formula, width - 2, "shape", lead=(" ", ""), indent=3)[:2]
        lines += sentence(offer.summary, width - 2, "", lead=(" ", ""), indent=1)[:3]
        return lines

    def _becomes(self, offer: Offer, part: str, width: int) -> list[StyledLine]:
        placement = place(offer, part)
        if placement.problem:
            return []
        layers = {} if offer.entry is None else {offer.layer: offer.entry}
        pieces: list[Piece] = [(" ↵ ", "key"), *label_pieces(placement.block, None, layers)]
        lines = [pieces_line([(text, _style(style)) for text, style in pieces], width)]
        if placement.missing:
            needs = f" needs {', '.join(placement.missing)}"
            help_text = _help(offer.entry, placement.missing[0])
            lines.append(
                Pen().write(one_line(needs, width), "warn").write(one_line(help_text, 60), "dim").line()
            )
        return lines


def _help(entry: LayerKind | None, name: str) -> str:
    found = next((one.help for one in entry.parameters if one.name == name), "") if entry else ""
    return f"  {found}" if found else ""


def _style(name: str) -> str:
    """Return a style of lists in the place of one of the tree's own."""
    return {"layer": "strong", "structure": "strong", "filled": "dim", "name": "code", "frozen": "dim"}.get(
        name, name
    )
