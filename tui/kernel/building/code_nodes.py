"""The constructors of a model's parts, with parameters of a class in place of arguments that differ."""

from __future__ import annotations

import keyword
from collections.abc import Sequence

from tui.kernel.building import init, naming
from tui.kernel.building.code_calls import is_expression
from tui.kernel.building.code_classes import ClassPlan, slots
from tui.kernel.building.code_plan import Plan
from tui.kernel.building.code_text import Call, Item, Items, Line, Many, Node, Raw
from tui.kernel.building.labels import OPEN, Labels, by_place, tidy
from tui.kernel.building.parameters import constructor_of
from tui.kernel.building.parts import Part
from tui.kernel.building.resolve import class_of

_BY_PLACE = ("in_channels", "out_channels", "in_features", "out_features")
_WRITTEN_OUT = 4
"""Rounds of a repeat that are alike stand one by one up to so many, where those before differ."""


class Nodes:
    """Makes the constructors of one class's parts."""

    def __init__(self, plan: Plan, labels: Labels, own: ClassPlan | None = None) -> None:
        self._plan = plan
        self._labels = labels
        self._texts = own.substitution if own is not None else {}
        self._projections = own.projections if own is not None else {}

    def node(self, part: Part, names: dict[int, str]) -> Node:
        """Return the constructor of a unit, or of a residual's body; takes down names of what is inside."""
        block = part.block
        if block.kind == "layer":
            arguments = [
                (name, self._texts.get((id(part), own), text if is_expression(text) else OPEN))
                for name, own, text in self._labels.arguments(part)
                if own.isidentifier() and not keyword.iskeyword(own)
            ]
            if not all(name.isidentifier() for name in block.layer.split(".")):
                return Raw(OPEN, block.id)
            return Call(
                block.layer, tuple(f"{name}={text}" if name else text for name, text in arguments), block.id
            )
        plan = self._plan.class_of(part)
        if plan is not None:
            return self._instance(plan, [part], block.id)
        if block.kind == "repeat":
            return self._repeat(part, names)
        return self._sequential(part.children, names, block.id)

    def projection(self, part: Part) -> Node:
        """Return the constructor of a residual's projection."""
        one = self._projections.get(id(part), part.projection)
        assert one is not None
        given = {argument.name: argument.text for argument in one.arguments}
        keys = {
            "in_channels": "in", "in_features": "in", "out_channels": "out", "out_features": "out", "stride": "stride",
        }  # fmt: skip
        if (id(part), "stride") in self._texts and "kernel_size" in given:
            given.setdefault("stride", "1")
        written = by_place(constructor_of(class_of(one.layer, {})), given)
        texts = [(name, self._texts.get((id(part), keys.get(own, own)), text)) for name, own, text in written]
        return Call(
            one.layer, tuple(f"{name}={text}" if name else text for name, text in texts), part.block.id
        )

    def body(self, part: Part, names: dict[int, str]) -> Node:
        """Return the layers inside a block as one `nn.Sequential`, whatever the block does with them."""
        return self._sequential(part.children, names, part.block.id)

    def sequential(self, parts: Sequence[Part]) -> Node:
        """Return blocks one after the other as one `nn.Sequential`."""
        return self._sequential(parts, {}, None)

    # -- containers -------------------------------------------------------------------------------

    def _sequential(self, parts: Sequence[Part], names: dict[int, str], block: int | None) -> Node:
        given = self._names(parts)
        for index, part in enumerate(parts):
            names.setdefault(part.block.id, given[index] if given else str(index))
        items = [self.node(part, names) for part in parts]
        if not given:
            return Items("nn.Sequential(", tuple(map(Item, items)), block=block)
        pairs = [
            Item(Items("(", (Item(Raw(f'"{name}"')), Item(item)), block=part.block.id, compact=True))
            for name, item, part in zip(given, items, parts, strict=True)
        ]
        listed = Items("[", tuple(pairs), "]", block)
        inner = Items("OrderedDict(", (Item(listed, comma=""),), block=block)
        return Items("nn.Sequential(", (Item(inner, comma=""),), block=block)

    def _names(self, parts: Sequence[Part]) -> list[str]:
        """Return the names of what is in a sequence; none where they go by number."""
        wanted: list[tuple[str, str]] = []
        for part in parts:
            taken = {name for name, _ in wanted if name}
            fits = part.block.name and not naming.problem_of(part.block.name, taken)
            base = naming.base_name(part.block.layer) if part.block.kind == "layer" else part.block.kind
            wanted.append((part.block.name if fits else "", base))
        return naming.assigned(wanted) if any(name for name, _ in wanted) else []

    def _repeat(self, part: Part, names: dict[int, str]) -> Node:
        rounds = [(self._round(round_.parts, names, part.block.id), round_.count) for round_ in part.rounds]
        plan = self._plan.class_of_round(part.children)
        listed = plan is not None and bool(plan.extra)
        opening, closing = ("nn.ModuleList(", ")") if listed else ("nn.Sequential(", ")")
        if len(rounds) == 1:
            node, count = rounds[0]
            many = Many(node, count, "[" if listed else "*[", part.block.id)
            return Items(opening, (Item(many),), closing, part.block.id)
        items: list[Item] = []
        for node, count in rounds:
            if count <= _WRITTEN_OUT:
                items += [Item(node)] * count
            else:
                items.append(Item(Many(node, count, block=part.block.id)))
        if listed:
            opening, closing = "nn.ModuleList([", "])"
        return Items(opening, tuple(items), closing, part.block.id)

    def _round(self, parts: Sequence[Part], names: dict[int, str], block: int) -> Node:
        plan = self._plan.class_of_round(parts)
        if plan is not None:
            return self._instance(plan, parts, block)
        if len(parts) == 1:
            names.setdefault(parts[0].block.id, "0")
            return self.node(parts[0], names)
        return self._sequential(parts, names, block)

    def _instance(self, plan: ClassPlan, parts: Sequence[Part], block: int) -> Node:
        here = slots(parts)
        texts = [(name, here[index]) for name, index in plan.parameters.items()]
        arguments = []
        placed = True
        for name, slot in texts:
            placed = placed and name in _BY_PLACE
            text = self._texts.get(slot.key) or (tidy(slot.text) if is_expression(slot.text) else OPEN)
            arguments.append(text if placed else f"{name}={text}")
        return Call(plan.name, tuple(arguments), block)

    # -- initialization and freezing --------------------------------------------------------------

    def after(self, part: Part, path: str, *, own: bool = False) -> list[Line]:
        """Return the lines that initialize and freeze what an attribute holds.

        `own`: whether the part is what the class is of that is being written.
        """
        lines = self._initialized(part, path, own=own)
        return lines + self._frozen(part, path, own=own)

    def _frozen(self, part: Part, path: str, *, own: bool = False) -> list[Line]:
        if part.frozen:
            return [Line(f"{path}.requires_grad_(False)", part.block.id)]
        return self._inside(part, path, "frozen", own=own)

    def _initialized(self, part: Part, path: str, *, own: bool = False) -> list[Line]:
        if part.block.kind != "layer":
            return self._inside(part, path, "init", own=own)
        if not part.init or part.outcome is None or not part.outcome.ok:
            return []
        return _inits(part, path, part.outcome.initialized)

    def projected(self, part: Part, path: str) -> list[Line]:
        """Return the lines that initialize a residual's projection, which no block of its own does."""
        one = self._projections.get(id(part), part.projection)
        return _inits(part, path, one.initialized) if one is not None else []

    def _inside(self, part: Part, path: str, what: str, *, own: bool) -> list[Line]:
        """Return the lines for what stands inside; a class of its own does it itself."""
        if part.block.kind == "layer" or (self._plan.class_of(part) is not None and not own):
            return []
        act = self._frozen if what == "frozen" else self._initialized
        if part.block.kind != "repeat":
            return [line for place, child in self._places(part.children, path) for line in act(child, place)]
        if not part.rounds or self._plan.class_of_round(part.children) is not None:
            return []
        one = part.rounds[0].parts
        variable = "layer"
        places = [(variable, one[0])] if len(one) == 1 else self._places(one, variable)
        inner = [line for place, child in places for line in act(child, place)]
        if not inner:
            return []
        return [Line(f"for {variable} in {path}:", part.block.id), *(line.deeper() for line in inner)]

    def _places(self, parts: Sequence[Part], path: str) -> list[tuple[str, Part]]:
        given = self._names(parts)
        return [
            (f"{path}.{given[index]}" if given else f"{path}[{index}]", part)
            for index, part in enumerate(parts)
        ]


def _inits(part: Part, path: str, weights: Sequence[str]) -> list[Line]:
    if not weights:
        return []
    name, options = init.parse(part.init)
    behind = f", {options}" if options else ""
    return [Line(f"nn.init.{name}({path}.{weight}{behind})", part.block.id) for weight in weights]
