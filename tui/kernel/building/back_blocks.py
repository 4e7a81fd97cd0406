"""From the units of a `forward` to blocks of a design: what runs on stays unnamed, what is used later gets a name."""

from __future__ import annotations

import itertools
import keyword
import operator
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from torch import fx

from tui.kernel.building.back_repeats import as_frozen, blocks_in
from tui.kernel.building.back_source import Source
from tui.kernel.building.back_trace import LINE, NotTraced
from tui.kernel.building.back_units import Unit
from tui.kernel.building.back_writing import mark
from tui.protocol.building import Argument, Block

_OWN: Final = "x"
_TAKEN: Final = frozenset(
    {_OWN, "torch", "nn", "F", "self", "output", "len", "int", "float", "abs", "tuple", "list"}
)
_MARK: Final = re.compile("\0([^\0]+)\0")

MakeBlock = Callable[[str], Block]
"""Returns the block for the module at a path."""


@dataclass
class Layers:
    """Ids of the blocks of layers that a freezing or an initialization around them would change."""

    trained: set[int] = field(default_factory=set)
    """With parameters that are trained."""
    plain: set[int] = field(default_factory=set)
    """With weights that nothing but the layer itself initializes."""


class Lines:
    """Makes lines of blocks for one `forward`."""

    def __init__(
        self,
        make_block: MakeBlock,
        inputs: Sequence[fx.Node],
        source: Source,
        ids: Iterable[int],
        more_inputs: Mapping[int, Sequence[str]],
        layers: Layers,
    ) -> None:
        """Begin.

        Args:
            make_block: makes the block of a module.
            inputs: of the model; the first is what runs on at the beginning.
            source: of the `forward`, for names.
            ids: for blocks that belong to no module.
            more_inputs: for the ids of blocks that use other values than what runs on the names of those.
            layers: what is known of the blocks that `make_block` makes.
        """
        self._make_block = make_block
        self._source = source
        self._ids = iter(ids)
        self._more_inputs = more_inputs
        self._layers = layers
        self._inputs = list(inputs)
        self._names: dict[fx.Node, str] = {node: str(node.target) for node in inputs}
        self._texts: dict[str, str] = {}
        """How a value is written, by the name of its node."""

    def whole(self, units: list[Unit], output: Unit | fx.Node) -> tuple[Block, ...]:
        """Return the blocks of the whole `forward`."""
        start = self._inputs[0]
        everything = [*units, *([output] if isinstance(output, Unit) else [])]
        needed = self._needed(everything, start)
        last = units[-1].out if units else start
        if not isinstance(output, Unit) and output is not last:
            needed.add(output)
        for node in self._inputs:
            self._texts[node.name] = self._names[node]
        blocks: list[Block] = []
        if (
            start in needed and self._names[start] == _OWN
        ):  # x is what runs on: its first value needs another name
            self._texts[start.name] = self._unused(start)
            blocks.append(self._expression(_OWN, self._texts[start.name]))
        blocks += self._line(everything, start, needed)
        if not isinstance(output, Unit) and output is not last:
            blocks.append(self._expression(self._texts[output.name]))
        return tuple(blocks)

    # -- names ------------------------------------------------------------------------------------

    def _needed(self, units: list[Unit], start: fx.Node) -> set[fx.Node]:
        """Return the values that are used when something else runs on."""
        needed: set[fx.Node] = set()
        running = start
        for unit in units:
            needed |= {operand for operand in unit.operands if operand is not running}
            for branch, begin in zip(unit.branches, unit.starts, strict=True):
                needed |= self._needed(branch, begin)
            running = unit.out
        return needed

    def _unused(self, node: fx.Node) -> str:
        """Return a name for a value: that of the source where it has one."""
        wanted = [
            name for name in self._source.variables.get(int(node.meta.get(LINE, 0)), ()) if name != _OWN
        ]
        base = wanted[0] if wanted else _base(node)
        base = "kept" if not base.isidentifier() or keyword.iskeyword(base) or base in _TAKEN else base
        taken = {*self._names.values(), *_TAKEN}
        numbered = (f"{base}{number}" for number in itertools.count(2))
        name = next(name for name in itertools.chain([base], numbered) if name not in taken)
        self._names[node] = name
        return name

    def _written(self, text: str, running: fx.Node, line: int = 0) -> str:
        """Return a text with the names of its values in place, as on a line of the source."""

        def name(found: re.Match[str]) -> str:
            if found[1] == running.name:
                return self._running_name(running, line)
            known = self._texts.get(found[1])
            if known is None:
                raise NotTraced("a value is used before it is made")
            return known

        return _MARK.sub(name, text)

    def _running_name(self, running: fx.Node, line: int) -> str:
        """Return ``x``, or the name of what runs on where a line of the source has that in its place."""
        kept = self._texts.get(running.name, "")
        used = self._source.used.get(line, frozenset())
        own = running.meta.get(LINE) in self._source.kept and kept in used and _OWN not in used
        return kept if own else _OWN

    # -- blocks -----------------------------------------------------------------------------------

    def _expression(self, text: str, output: str = "") -> Block:
        return Block(next(self._ids), "expression", layer=text, output=output)

    def _line(self, units: list[Unit], start: fx.Node, needed: set[fx.Node]) -> list[Block]:
        blocks: list[Block] = []
        running = start
        for unit in units:
            block = self._block(unit, running, needed)
            whole = unit.out if unit.whole is None else unit.whole
            named = unit.line in self._source.kept
            if named or unit.out in needed or whole in needed:
                name = self._unused(whole)
                block = replace(block, output=name)
                self._texts[whole.name] = name
                self._texts[unit.out.name] = f"{name}{unit.take}"
            blocks.append(block)
            running = unit.out
        return blocks

    def _block(self, unit: Unit, running: fx.Node, needed: set[fx.Node]) -> Block:
        if unit.kind == "expression":
            return self._expression(self._written(unit.text, running, unit.line))
        if unit.kind == "layer":
            return self._layer(unit, running)
        source = unit.operands[0]
        inputs = () if source is running else (self._written(mark(source), running),)
        lines = [
            self._line(branch, begin, needed)
            for branch, begin in zip(unit.branches, unit.starts, strict=True)
        ]
        block_id = next(self._ids)
        if unit.kind == "residual":
            body = _body(lines[0])
            if unit.projection:
                return self._projected(body, unit.projection, block_id, inputs)
            return replace(body, id=block_id, kind="residual", inputs=inputs)
        branches = []
        for line, begin in zip(lines, unit.starts, strict=True):
            other = () if begin is source else (self._written(mark(begin), source),)
            branches.append(self._branch(line, other))
        join: Literal["add", "concatenate"] = "add" if unit.joins == "add" else "concatenate"
        return Block(block_id, "parallel", inputs=inputs, children=tuple(branches), join=join, dim=unit.dim)

    def _projected(self, body: Block, path: str, block_id: int, inputs: tuple[str, ...]) -> Block:
        """Return a residual whose projection is initialized and frozen as it is, which it shares with its body."""
        layer = self._make_block(path)
        init, frozen = layer.init, body.frozen if layer.layer == "nn.Identity" else layer.frozen
        below = {one.id for one in blocks_in(body)}
        if (init and below & self._layers.plain) or (frozen and below & self._layers.trained):
            return Block(block_id, "parallel", inputs=inputs, children=(body, layer), join="add")
        if body.frozen and not frozen:
            body = Block(next(self._ids), "sequence", children=(body,))
        made = replace(body, id=block_id, kind="residual", inputs=inputs, init=init)
        return as_frozen(made) if frozen else made

    def _branch(self, line: list[Block], inputs: tuple[str, ...]) -> Block:
        if len(line) == 1 and not (inputs and (line[0].inputs or line[0].kind == "expression")):
            return replace(line[0], inputs=inputs or line[0].inputs)
        return Block(next(self._ids), "sequence", inputs=inputs, children=tuple(line))

    def _layer(self, unit: Unit, running: fx.Node) -> Block:
        if unit.layer:
            name, _, value = unit.text.partition("=")
            arguments = (Argument(name, value),) if name else ()
            block = Block(next(self._ids), "layer", layer=unit.layer, arguments=arguments)
        else:
            block = self._make_block(unit.path)
        inputs = tuple(self._written(text, running, unit.line) for text in unit.inputs)
        inputs = () if inputs == (_OWN,) else inputs
        if block.id in self._more_inputs or (inputs and block.kind != "layer"):
            if inputs[1:] != tuple(self._more_inputs.get(block.id, ())) or "=" in inputs[0]:
                raise NotTraced(
                    f"{unit.path} takes several values, which have other names where they come from"
                )
            inputs = () if inputs[0] == _OWN else inputs[:1]
        return replace(block, inputs=inputs, take=unit.take)


def _base(node: fx.Node) -> str:
    """Return what a value without a name in the source is called: ``lstm_0`` for the first item of `lstm`."""
    if node.target is operator.getitem and isinstance(node.args[0], fx.Node):
        return re.sub(r"\W+", "_", f"{_base(node.args[0])}_{node.args[1]}").strip("_")
    return str(node.name)


def _body(line: list[Block]) -> Block:
    """Return the one sequence that a residual is made of, or its blocks as one."""
    only = line[0] if len(line) == 1 else None
    if only is None or only.kind != "sequence" or only.inputs or only.output or only.take:
        return Block(0, "sequence", children=tuple(line))
    return only
