"""How a block is written on its row: its class and arguments, those that filled themselves marked."""

from __future__ import annotations

from collections.abc import Mapping

from tui.protocol.building import (
    Argument,
    Block,
    BlockFacts,
    LayerKind,
)
from tui.widgets.drawn.text import Piece
from tui.widgets.foreign import one_line

WIDEST = 200
Layers = Mapping[str, LayerKind]
"""The layers there are, by their names."""


def filled_sign(text: str) -> str:
    """Return a value that was filled in as it is shown: marked by more than its colour."""
    return f"‹{text}›"


def label_pieces(block: Block, facts: BlockFacts | None, layers: Layers) -> list[Piece]:
    """Return the words of a block's row."""
    match block.kind:
        case "layer":
            pieces = _layer(block, facts, layers.get(block.layer))
        case "expression":
            pieces = [("= ", "dim"), (one_line(block.layer, WIDEST), "code")]
        case "sequence":
            pieces = [("Sequence", "structure")]
        case "residual":
            pieces = [("Residual", "structure"), ("" if block.project else " no projection", "dim")]
        case "parallel":
            joined = f"concatenate, dim={block.dim}" if block.join == "concatenate" else "add"
            pieces = [("Parallel", "structure"), (f" {joined}", "")]
        case "repeat":
            pieces = [("Repeat", "structure"), (f" × {block.times}", "")]
    if block.kind != "layer" and block.name:
        pieces.append((f" {one_line(block.name, 40)}", "name"))
    if block.output:
        pieces.append((f" → {one_line(block.output, 40)}", "name"))
    if block.frozen:
        pieces.append((" frozen", "frozen"))
    if block.init:
        pieces.append((f" {one_line(block.init, 40)}", "dim"))
    return [piece for piece in pieces if piece[0]]


def _layer(block: Block, facts: BlockFacts | None, entry: LayerKind | None) -> list[Piece]:
    pieces: list[Piece] = [(one_line(block.layer.removeprefix("nn."), 60), "layer"), ("(", "dim")]
    filled = {one.name: one for one in (facts.filled if facts is not None else ())}
    first = True
    for text, style in _arguments(block, filled, entry):
        pieces += [("" if first else ", ", "dim"), (one_line(text, 60), style)]
        first = False
    pieces.append((")", "dim"))
    if block.take:
        pieces.append((one_line(block.take, 20), "code"))
    if block.inputs and block.inputs != ("x",):
        pieces.append((one_line(f" of {', '.join(block.inputs)}", 60), "dim"))
    return pieces


def _arguments(block: Block, filled: Mapping[str, Argument], entry: LayerKind | None) -> list[Piece]:
    """Return each argument: by its place for as long as none is left out, then by its name."""
    given = {one.name: one.text for one in block.arguments}
    if entry is None:
        return [(f"{name}={text}", "") for name, text in given.items()]
    pieces: list[Piece] = []
    by_place = True
    for parameter in entry.parameters:
        name = parameter.name
        if name in given:
            text, style = given[name], ""
        elif name in filled:
            text, style = filled_sign(filled[name].text), "filled"
        elif parameter.inferred and not parameter.default:
            text, style = filled_sign("?"), "filled"
        else:
            by_place = by_place and not parameter.default
            if not parameter.default:
                pieces.append((f"{name}=?", "error"))
            by_place = False
            continue
        pieces.append((text if by_place and len(pieces) < 3 else f"{name}={text}", style))
    known = {parameter.name for parameter in entry.parameters}
    return [*pieces, *((f"{name}={text}", "") for name, text in given.items() if name not in known)]


def label_text(block: Block, facts: BlockFacts | None = None, layers: Layers | None = None) -> str:
    """Return the words of a block's row as text."""
    return "".join(text for text, _ in label_pieces(block, facts, layers or {}))
