"""Classes that the code of a model defines beside the model's own: what they are written from, what they take.

A class is written from one of the places where it stands, its sample. An argument that is another text in another
place is a parameter of its constructor; arguments that differ alike are one parameter.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, field

from tui.kernel.building.layers import Outcome
from tui.kernel.building.parts import Part
from tui.kernel.building.values import Spec
from tui.protocol.building import Argument

Key = tuple[int, str]
"""Of an argument of a part: the part's id in memory, and the argument's name."""


@dataclass(frozen=True)
class Slot:
    """An argument somewhere in a part."""

    key: Key
    name: str
    text: str
    projection: Outcome | None = None
    """Of the slot that tells whether a residual projects."""


@dataclass
class ClassPlan:
    """A class that the code defines beside the model's own."""

    sample: list[Part]
    """What it is written from."""
    bare: bool = False
    """Whether that is one block, whose inputs, name and output belong to where it stands."""
    name: str = ""
    parameters: dict[str, int] = field(default_factory=dict)
    """By name the first of the slots that it stands for."""
    vectors: dict[tuple[str, ...], str] = field(default_factory=dict)
    """By the texts in all its places the parameter that they are."""
    places: list[list[Part]] = field(default_factory=list)
    substitution: dict[Key, str] = field(default_factory=dict)
    """For arguments of the sample the parameter that stands in their place."""
    mixed: dict[int, str] = field(default_factory=dict)
    """For residuals of the sample that project in some places alone (by their id in memory) when they do."""
    projections: dict[int, Outcome] = field(default_factory=dict)
    """For the same residuals a projection that stands for all."""
    extra: tuple[str, ...] = ()
    """Values from outside that its forward takes besides."""


def arguments_of(part: Part) -> tuple[Argument, ...]:
    """Return what a layer is built with, as far as that is known."""
    outcome = part.outcome
    return outcome.arguments if outcome is not None else part.block.arguments


def slots(parts: Sequence[Part]) -> list[Slot]:
    """Return all arguments in the parts, in the order of the design."""
    return [slot for part in parts for slot in _slots(part)]


def _slots(part: Part) -> Iterator[Slot]:
    if part.block.kind == "layer":
        for argument in arguments_of(part):
            yield Slot((id(part), argument.name), argument.name, argument.text)
    groups = [round_.parts for round_ in part.rounds] if part.block.kind == "repeat" else [part.children]
    for group in groups:
        yield from slots(group)
    if part.block.kind == "residual" and part.status == "ok":
        yield from _projection_slots(part)


def _projection_slots(part: Part) -> Iterator[Slot]:
    """Yield the sizes of a projection; where none is needed those that it would have."""
    came = part.comes_in[0] if part.comes_in else None
    if part.projection is not None:
        texts = {argument.name: argument.text for argument in part.projection.arguments}
    else:
        size = came.shape[1 if len(came.shape) > 2 else -1] if isinstance(came, Spec) and came.shape else 0
        texts = {"in_channels": str(size), "out_channels": str(size)}
    yield Slot((id(part), "project"), "project", str(part.projection is not None), part.projection)
    yield Slot((id(part), "in"), "in_channels", texts.get("in_channels", texts.get("in_features", "")))
    yield Slot((id(part), "out"), "out_channels", texts.get("out_channels", texts.get("out_features", "")))
    yield Slot((id(part), "stride"), "stride", texts.get("stride", "1"))


def parametrize(plan: ClassPlan) -> None:
    """Find the arguments that differ among the places of a class, and name a parameter for each that do alike."""
    columns = list(zip(*(slots(place) for place in plan.places), strict=True))
    for index, column in enumerate(columns):
        texts = tuple(slot.text for slot in column)
        if len(set(texts)) == 1 or column[0].key[1] == "project":
            continue
        if texts not in plan.vectors:
            name = _free_name(column[0].name, plan.parameters)
            plan.vectors[texts] = name
            plan.parameters[name] = index
        plan.substitution[column[0].key] = plan.vectors[texts]
    for index, column in enumerate(columns):
        texts = tuple(slot.text for slot in column)
        if column[0].key[1] == "project" and len(set(texts)) > 1:
            one = next(slot.projection for slot in column if slot.projection is not None)
            plan.projections[column[0].key[0]] = one
            _condition(plan, index, texts, columns[index + 1 : index + 4])


def _free_name(name: str, taken: Container[str]) -> str:
    stem, number, free = name.rstrip("0123456789"), 2, name
    while free in taken:
        free, number = f"{stem}{number}", number + 1
    return free


def _condition(
    plan: ClassPlan, index: int, projects: tuple[str, ...], sizes: Sequence[tuple[Slot, ...]]
) -> None:
    """Say when a residual projects, by its own sizes where they tell, else by a parameter."""
    comes, goes, strides = ([slot.text for slot in column] for column in sizes)
    names = [plan.substitution.get(column[0].key, column[0].text) for column in sizes]
    first, second = names[:2] if not names[0].isdigit() else reversed(names[:2])
    other, strided = f"{first} != {second}", f"{names[2]} != 1"
    candidates = {
        other: [a != b for a, b in zip(comes, goes, strict=True)],
        strided: [stride != "1" for stride in strides],
    }
    candidates[f"{strided} or {other}"] = [a or b for a, b in zip(*candidates.values(), strict=True)]
    wanted = [text == "True" for text in projects]
    residual = sizes[0][0].key[0]
    for condition, holds in candidates.items():
        if holds == wanted:
            plan.mixed[residual] = condition
            return
    name = _free_name("project", plan.parameters)
    plan.parameters[name] = index
    plan.mixed[residual] = name
