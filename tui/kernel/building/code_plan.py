"""Which parts of a design become classes of their own in the code, and which of their arguments those take.

NOTE [Classes of a model]
What is built by one constructor is a unit: a layer that is called with what runs on, a sequence of units
(`nn.Sequential`), a repeat of units. Anything else is written out in `forward`, unless it stands in several places, or
is repeated: then it is a class of its own, if it uses no values from outside. Parts with the same skeleton (all but the
arguments' texts) share one class; arguments that differ among them are parameters of its constructor.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from tui.kernel.building import expressions
from tui.kernel.building.code_classes import ClassPlan, arguments_of, parametrize
from tui.kernel.building.parts import Interpreted, Part
from tui.kernel.building.words import Unfit

_LINE = "line"
"""What the key of a class begins with that is written from several blocks one after the other."""


def skeleton(part: Part, *, top: bool = False) -> object:
    """Return what parts of one class have in common; `top` leaves out what belongs to where it stands."""
    block = part.block
    outer = () if top else (block.name, block.inputs, block.take, block.output)
    names = tuple(argument.name for argument in arguments_of(part)) if block.kind == "layer" else ()
    text = block.layer if block.kind in ("layer", "expression") else ""
    common = (
        block.kind,
        text,
        names,
        outer,
        _care(part),
        block.join,
        block.dim,
        part.status == "ok",
    )
    if block.kind == "repeat":
        return (*common, tuple((line_skeleton(round_.parts), round_.count) for round_ in part.rounds))
    return (*common, line_skeleton(part.children))


def _care(part: Part) -> tuple[bool, str]:
    """Return whether what a block builds itself is frozen, and how it is initialized: of containers the projection.

    A residual that does not project here may share its class with one that does: it has what all its layers have.
    """
    if part.block.kind == "layer":
        outcome = part.outcome
        if outcome is None or not outcome.ok:
            return part.frozen, part.init
        has_any = outcome.weights.trainable + outcome.weights.frozen > 0
        return part.frozen and has_any, part.init if outcome.initialized else ""
    if part.block.kind != "residual":
        return False, ""
    if part.projection is not None:
        return part.frozen, part.init if part.projection.initialized else ""
    layers = [below for below in part.walk() if below.block.kind == "layer" and below.outcome is not None]
    held = [below for below in layers if below.outcome and below.outcome.weights.parameter_bytes]
    inits = {_care(below)[1] for below in held if below.outcome and below.outcome.weights.matrices}
    return bool(held) and all(below.frozen for below in held), inits.pop() if len(inits) == 1 else ""


def line_skeleton(parts: Sequence[Part]) -> object:
    """Return that of blocks one after the other."""
    return tuple(skeleton(part) for part in parts)


class Plan:
    """The classes of a design."""

    def __init__(self, interpreted: Interpreted) -> None:
        self._root = interpreted
        self._uses = _uses(interpreted.parts)
        self.classes: dict[object, ClassPlan] = {}
        self._find(interpreted.parts)

    # -- questions of the writer ------------------------------------------------------------------

    def class_of(self, part: Part) -> ClassPlan | None:
        """Return the class that a block is of; None where it has none of its own."""
        return self.classes.get(_class_key([part])) if part.block.kind != "layer" else None

    def class_of_round(self, parts: Sequence[Part]) -> ClassPlan | None:
        """Return the class that a round of a repeat is of; None where it needs none."""
        return self.classes.get(_class_key(parts, whole=True)) if parts else None

    def is_unit(self, part: Part) -> bool:
        """Whether one constructor makes it, whatever it is called with and wherever its output goes."""
        block = part.block
        if block.kind == "layer":
            return True
        if self.class_of(part) is not None:
            return True
        if block.kind == "sequence":
            return all(self.is_inner_unit(child) for child in part.children)
        if block.kind == "repeat":
            return bool(part.rounds) and all(self.is_round_unit(round_.parts) for round_ in part.rounds)
        return False

    def is_inner_unit(self, part: Part) -> bool:
        """Whether it can stand inside an `nn.Sequential`."""
        block = part.block
        return self.is_unit(part) and not (block.inputs or block.take or block.output)

    def is_round_unit(self, parts: Sequence[Part]) -> bool:
        """Whether one constructor makes a round of a repeat that takes nothing but what runs on."""
        plan = self.class_of_round(parts)
        if plan is not None:
            return not plan.extra
        return all(self.is_inner_unit(part) for part in parts)

    def free_names(self, parts: Sequence[Part]) -> tuple[str, ...]:
        """Return the values from outside that the parts use."""
        inside = {below.block.output for part in parts for below in part.walk() if below.block.output}
        used = {name for part in parts for below in part.walk() for name in _names_used(below)}
        return tuple(sorted(used - inside - {"x"}))

    def repeat_names(self, one: ClassPlan) -> set[str]:
        """Return the names of the repeats whose rounds are of a class."""
        firsts = {id(place[0]) for place in one.places}
        return {
            part.block.name
            for part in everywhere(self._root.parts)
            if any(round_.parts and id(round_.parts[0]) in firsts for round_ in part.rounds)
        }

    # -- finding classes --------------------------------------------------------------------------

    def _find(self, parts: Sequence[Part]) -> None:
        """Find the classes that are needed, innermost first."""
        places: dict[object, list[list[Part]]] = defaultdict(list)
        needed: set[object] = set()
        for group, is_round in _candidates(parts):
            key = _class_key(group, whole=is_round)
            places[key].append(group)
            if is_round:
                needed.add(key)
        for key, found in places.items():  # those inside were met before those around them
            sample = found[0]
            if key not in needed and (len(found) < 2 or any(self.free_names(place) for place in found)):
                continue
            if not all(self._is_closed(place) for place in found):
                continue
            if all(self.is_inner_unit(part) for part in sample):
                continue
            bare = not (isinstance(key, tuple) and key[0] == _LINE)
            plan = ClassPlan(sample, bare, places=found, extra=self.free_names(sample))
            parametrize(plan)
            self.classes[key] = plan

    def _is_closed(self, parts: Sequence[Part]) -> bool:
        """Whether what gets a name inside is used nowhere else."""
        inside = {below.block.id for part in parts for below in part.walk()}
        top = {part.block.id for part in parts} if len(parts) == 1 else set()
        named = {
            below.block.output
            for part in parts
            for below in part.walk()
            if below.block.output and below.block.id not in top
        }
        return all(self._uses.get(name, set()) <= inside for name in named)


def everywhere(parts: Sequence[Part]) -> Iterator[Part]:
    """Yield all parts, those of each round of a repeat too."""
    for part in parts:
        yield part
        for group in [round_.parts for round_ in part.rounds] if part.rounds else [part.children]:
            yield from everywhere(group)


def _class_key(parts: Sequence[Part], *, whole: bool = False) -> object:
    """Return what tells a class; `whole`: with what its only block is called with and what is taken of its output."""
    block = parts[0].block
    own = whole and (block.inputs or block.take or block.output or block.kind == "layer")
    return skeleton(parts[0], top=True) if len(parts) == 1 and not own else (_LINE, line_skeleton(parts))


def _candidates(parts: Sequence[Part]) -> Iterator[tuple[list[Part], bool]]:
    """Yield what could be a class, innermost first, and whether it has to be one, as a round of a repeat."""
    for part in parts:
        if part.block.kind == "repeat":
            for round_ in part.rounds:
                yield from _candidates(round_.parts)
                if round_.parts:
                    yield round_.parts, True
            continue
        yield from _candidates(part.children)
        if part.block.kind in ("residual", "parallel", "sequence") and part.children:
            yield [part], False


def _uses(parts: Sequence[Part]) -> dict[str, set[int]]:
    """Return for each name of a value the ids of the blocks that use it."""
    found: dict[str, set[int]] = defaultdict(set)
    for part in parts:
        for below in part.walk():
            for name in _names_used(below):
                found[name].add(below.block.id)
    return found


def _names_used(part: Part) -> set[str]:
    """Return the names of values that a block itself uses."""
    texts = list(part.block.inputs)
    if part.block.kind == "expression":
        texts.append(part.block.layer)
    found: set[str] = set()
    for text in texts:
        try:
            found |= expressions.names_in(
                expressions.parsed(text.rpartition("=")[2] if "=" in text else text)
            )
        except Unfit:
            continue
    return found
