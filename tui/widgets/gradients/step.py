"""One step of a backward as a drawing: the gradient that came in, the rule and what it needs, what went out."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from rich.cells import cell_len

from tui.protocol.autograd import (
    BackwardMode,
    BackwardStep,
    Flow,
    Node,
)
from tui.widgets import words
from tui.widgets.drawn.lines import StyledLine
from tui.widgets.drawn.text import Pen, Piece, one, pieces_line, sentence
from tui.widgets.foreign import one_line
from tui.widgets.gradients.flows import FlowTable, clipped, flow_lines, label_of, table_of
from tui.widgets.gradients.item_lines import Block

NameOf = Callable[[int], str]
"""What a node is called: ``w``, or its operation."""
LEAVES = ("parameter", "input")
_NAME = re.compile(r"(?<![\w.])[A-Za-z_]\w*")


def step_blocks(
    step: BackwardStep,
    total: int,
    mode: BackwardMode,
    name_of: NameOf,
    width: int,
    *,
    senders: Sequence[str] = (),
    compact: bool = False,
) -> list[Block]:
    """Return the drawing; its blocks have the key of the node that a gradient went to, or of what can be viewed.

    `senders`: what sent the gradient that came in; `compact`: without empty lines, the rule before what it needs, and
    of that a row each.
    """
    ins = [(label_of(flow), flow) for flow in step.incoming]
    saved = [(label_of(flow), flow) for flow in step.saved]
    outs = [(label_of(flow, outgoing=True), flow) for flow in step.outgoing]
    table = table_of([*ins, *saved, *outs])
    air = () if compact else (one(""),)
    blocks = [Block((scrubber_line(step.step, total, width), *title_lines(step.node, width), *air))]
    blocks.append(Block((_came_from(senders, step.step, width),)))
    for label, flow in ins:
        drawn = _railed(flow_lines(label, flow, table, width - 3), "▼ ", "│ ", "accent")
        blocks.append(Block(tuple(drawn), view_key(flow)))
    blocks += _box(step, saved, table, mode, name_of, air, width, compact=compact)
    if outs:
        blocks.append(Block((one("  gradients out", "dim"),)))
    for label, flow in outs:
        blocks.append(_out(label, flow, table, name_of, width))
    if step.note and step.node.kind not in LEAVES:
        blocks.append(Block((one(""), *sentence(step.note, width - 1, "dim", lead=("  ", ""), indent=2))))
    return blocks


def _came_from(senders: Sequence[str], step: int, width: int) -> StyledLine:
    text = " + ".join(one_line(sender, 30) for sender in senders)
    if not text:
        return one("  gradient in" + (": where backward begins" if step == 0 else ""), "dim")
    return pieces_line([("  gradient in, from ", "dim"), (text, "strong")], width)


def scrubber_line(step: int, total: int, width: int) -> StyledLine:
    """Return where in the backward this is, the beginning at the left."""
    pen = Pen().write(f" step {step + 1:,} of {total:,} ", "strong")
    room = width - pen.cells - 3
    if room >= 8:
        at = round(step / max(total - 1, 1) * (room - 1))
        pen.write("◂", "accent" if step else "dim").write("━" * at, "accent").write("●", "accent")
        pen.write("─" * (room - 1 - at), "dim").write("▸", "accent" if step < total - 1 else "dim")
    return pen.line()


def title_lines(node: Node, width: int) -> list[StyledLine]:
    """Return what the node is: operation, whose it is, what it made, where in the code."""
    leaf = node.kind in LEAVES
    name = one_line(node.name, 60)
    first: list[Piece] = [(" ", ""), (name if leaf and name else one_line(node.operation, 40), "title")]
    if leaf:
        first.append((f"  a leaf: {'parameter' if node.kind == 'parameter' else 'your tensor'}", ""))
    elif name:
        first.append((f" → {name}", "strong"))
    first += [("  " + " ".join(words.shape(shape) for shape in node.shapes[:3]), "shape")]
    first.append((f"  {one_line(node.module, 60)}" if node.module and not leaf else "", "dim"))
    lines = [pieces_line(first, width)]
    if node.line:
        lines.append(pieces_line([(f" {one_line(node.line, 200)}", "code")], width))
    return lines


def _box(
    step: BackwardStep,
    saved: list[tuple[str, Flow]],
    table: FlowTable,
    mode: BackwardMode,
    name_of: NameOf,
    air: Sequence[StyledLine],
    width: int,
    *,
    compact: bool,
) -> list[Block]:
    """Return the box of the rule: what was saved, each a block of its own, and the rule."""
    node = step.node
    title = one_line(node.name if node.kind in LEAVES and node.name else node.operation, max(width - 8, 8))
    top = Pen().write("╭─ ", "rail").write(title, "title").write(" ")
    top.write("─" * max(width - 2 - top.cells, 0), "rail").write("╮", "rail")
    kept: list[Block] = []
    rules: list[StyledLine] = []
    if node.kind in LEAVES:
        rules += _leaf(node, mode, width - 4)
    else:
        for label, flow in saved:
            drawn = flow_lines(
                label, flow, table, width - 4, missing="freed, or nothing", most_rows=1 if compact else None
            )
            kept.append(Block(_walled(drawn, width), view_key(flow)))
        rules += _rules(step, saved, name_of, width - 4)
    between = list(air) if saved and step.rule and not compact else []
    bottom = Pen().write("╰", "rail").write("─" * max(width - 3, 0), "rail").write("╯", "rail")
    told = Block(_walled([*between, *rules], width))
    inside = [told, *kept] if compact else [*kept, told]
    return [Block((top.line(),)), *inside, Block((bottom.line(),))]


def _rules(
    step: BackwardStep, saved: list[tuple[str, Flow]], name_of: NameOf, width: int
) -> list[StyledLine]:
    lines: list[StyledLine] = []
    for rule in step.rule:
        if not rule.startswith("where ") or not all(flow.facts for _, flow in saved):
            lines += _rule(rule, width)
    for rule in renamed(step, name_of):
        lines += sentence(rule, width, "good", lead=("that is ", "dim"), indent=8)
    return lines if step.rule else [one("no rule in symbols is known for it", "dim")]


def _walled(lines: Sequence[StyledLine], width: int) -> tuple[StyledLine, ...]:
    """Return the lines between the walls of the box."""
    return tuple(
        Pen().write("│ ", "rail").draw(clipped(line, width - 4)).pad(width - 2).write("│", "rail").line()
        for line in lines
    )


def view_key(flow: Flow) -> str:
    """Return the key of a block whose tensor can be opened in the viewer; empty where it cannot."""
    return f"view {flow.view}" if flow.view else ""


def _leaf(node: Node, mode: BackwardMode, width: int) -> list[StyledLine]:
    name = one_line(node.name, 40) or "leaf"
    if mode == "peek":
        return sentence(f"a peek: {name}.grad stays as it is", width, "dim")
    return [
        Pen().write(f"{name}.grad += g", "code").line(),
        *sentence("or = g where it was None", width, "dim"),
    ]


def renamed(step: BackwardStep, name_of: NameOf) -> list[str]:
    """Return the rules in the user's own names, ``w.grad = g * x``, as far as these are known."""
    made = {label_of(flow, outgoing=True): name_of(flow.to) for flow in step.outgoing if flow.to >= 0}
    made = {label: name for label, name in made.items() if name.endswith(".grad")}
    held = {flow.label: flow.holder for flow in step.saved if flow.holder}
    found = []
    for rule in step.rule:
        left, equals, formula = rule.partition(" = ")
        name = made.get(left.partition(" (")[0])
        told = _NAME.sub(lambda match: held.get(match[0], match[0]), formula)
        if equals and (name or told != formula):
            found.append(f"{name or left} = {told}")
    return found


def _rule(rule: str, width: int) -> list[StyledLine]:
    """Return a rule: what is made in bold, what it needs dim."""
    text = one_line(rule, 400)
    if text.startswith("where "):
        return sentence(text, width, "dim", indent=2)
    made, equals, formula = text.partition(" = ")
    if not equals or cell_len(text) > width:
        return sentence(text, width, "code", indent=2)
    return [Pen().write(made, "strong").write(equals, "dim").write(formula, "code").line()]


def _out(label: str, flow: Flow, table: FlowTable, name_of: NameOf, width: int) -> Block:
    lines = _railed(flow_lines(label, flow, table, width - 3), "▼ ", "│ ", "accent")
    target: list[Piece] = []
    if flow.to >= 0:
        target = [("→ ", "accent"), (one_line(name_of(flow.to), 40), "strong")]
    last = lines[-1]
    needed = 2 + sum(cell_len(text) for text, _ in target)
    if target and cell_len(last.plain) + needed <= width:
        pen = Pen().draw(last).write("  ")
        for text, style in target:
            pen.write(text, style)
        lines[-1] = pen.line()
    elif target:
        lines.append(pieces_line([("   ", ""), *target], width))
    return Block(tuple(lines), f"node {flow.to}" if flow.to >= 0 else "")


def _railed(lines: list[StyledLine], first: str, rest: str, style: str) -> list[StyledLine]:
    return [
        Pen().write(rest if index else first, style).draw(line).line() for index, line in enumerate(lines)
    ]
