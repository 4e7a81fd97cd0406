"""The property form without its widget: which fields a block has, and what a typed value makes of the block."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from tui.protocol.building import (
    Block,
    BlockFacts,
    Catalogue,
    LayerKind,
    Parameter,
)
from tui.widgets.builder.commands import expression_problem
from tui.widgets.builder.edit import with_argument
from tui.widgets.builder.literals import as_literal, name_problem, read_value

MOST_TIMES = 1_000


@dataclass(frozen=True)
class Field:
    """A line of the form."""

    name: str
    value: str
    """As it was given; empty: it is left to `rest`."""
    rest: str
    """What holds where nothing is given: the default, or ``auto (256)``."""
    take: Callable[[str], Block]
    """Makes the block with another value; raises ValueError, in words, for one that it cannot have."""
    choices: tuple[str, ...] = ()
    """Values to go through with left and right."""
    help: str = ""
    section: str = ""
    """Title above it; empty: it goes on from the field before."""
    step: bool = False
    """Whether left and right count up and down."""


def fields_of(block: Block, facts: BlockFacts | None, catalogue: Catalogue | None) -> list[Field]:
    """Return the fields of a block's form."""
    entry = next((one for one in catalogue.layers if one.layer == block.layer), None) if catalogue else None
    fields = _of_kind(block, facts, entry)
    name = facts.name if facts is not None and facts.name else "made from its class"
    fields.append(
        Field("name", block.name, name, _checked(block, "name"), help="attribute of the model", section="in the model")
    )  # fmt: skip
    inits = catalogue.inits if catalogue is not None else ()
    if block.kind == "layer":
        fields += [
            Field(
                "init", block.init, "the layer's own", lambda text: _with_init(block, text, inits), ("", *inits),
                "how its weights begin",
            ),
            Field(
                "inputs", ", ".join(block.inputs), "x", lambda text: _with_inputs(block, text),
                help="names of the values it is called with: x, x, x for self-attention",
            ),
            Field(
                "take", block.take, "all of the output", lambda text: _with_take(block, text),
                help="what of a tuple runs on: [0] of an LSTM's",
            ),
        ]  # fmt: skip
    fields.append(
        Field(
            "output", block.output, "runs on as x alone", _checked(block, "output"),
            help="a name under which the output can be used further on",
        )
    )  # fmt: skip
    if block.kind != "expression":
        frozen = Field(
            "frozen", str(block.frozen), "", lambda text: replace(block, frozen=_yes(text, "frozen")),
            ("False", "True"), "whether training leaves its parameters as they are",
        )  # fmt: skip
        fields.append(frozen)
    return fields


def _of_kind(block: Block, facts: BlockFacts | None, entry: LayerKind | None) -> list[Field]:
    if block.kind == "layer":
        return _arguments(block, facts, entry)
    if block.kind == "expression":
        return [
            Field(
                "expression", block.layer, "", lambda text: _with_expression(block, text), section="expression",
                help="of x and of named outputs, with torch and F",
            )
        ]  # fmt: skip
    if block.kind == "repeat":
        count = Field(
            "times", str(block.times), "", lambda text: replace(block, times=_whole(text, "times", 1, MOST_TIMES)),
            help="how often it stands, each with parameters of its own", section="repeat", step=True,
        )  # fmt: skip
        return [count]
    if block.kind == "residual":
        project = Field(
            "project", str(block.project), "", lambda text: replace(block, project=_yes(text, "project")),
            ("True", "False"), "whether the input is projected where its shape differs", "residual",
        )  # fmt: skip
        return [project]
    if block.kind == "parallel":
        return [
            Field(
                "join", block.join, "", lambda text: _with_join(block, text), ("add", "concatenate"),
                "what becomes of the branches' outputs", "parallel",
            ),
            Field(
                "dim", str(block.dim), "", lambda text: replace(block, dim=_whole(text, "dim", -8, 8)),
                help="that they are concatenated along", step=True,
            ),
        ]  # fmt: skip
    return []


def _arguments(block: Block, facts: BlockFacts | None, entry: LayerKind | None) -> list[Field]:
    given = {one.name: one.text for one in block.arguments}
    filled = {one.name: one.text for one in (facts.filled if facts is not None else ())}
    title = block.layer.removeprefix("nn.")
    if entry is None:
        unknown = [Parameter(one.name, "other") for one in block.arguments]
        entry = LayerKind(block.layer, "", "", "", parameters=tuple(unknown))
    order = [one.name for one in entry.parameters]
    fields: list[Field] = []
    for parameter in entry.parameters:
        value = given.get(parameter.name, "")
        rest = parameter.default
        if parameter.inferred and not parameter.default:
            rest = f"auto ({filled[parameter.name]})" if parameter.name in filled else "auto"
        elif not parameter.default:
            rest = "must be given"

        def take(text: str, parameter: Parameter = parameter) -> Block:
            return with_argument(block, parameter.name, read_value(parameter, text), order)

        numbers = parameter.kind in ("int", "size")
        choices = _choices(parameter)
        section = title if not fields else ""
        fields.append(
            Field(parameter.name, value, rest, take, choices, parameter.help, section, step=numbers)
        )
    return fields


def _choices(parameter: Parameter) -> tuple[str, ...]:
    if parameter.kind == "bool":
        return ("True", "False")
    if parameter.kind == "choice":
        return tuple(as_literal(choice) for choice in parameter.choices)
    return ()


def stepped(field: Field, text: str, direction: int) -> str | None:
    """Return the value that left or right leads to; None where the field has no such thing."""
    if field.choices:
        now = text or field.rest
        index = field.choices.index(now) if now in field.choices else -1 if direction > 0 else 0
        return field.choices[(index + direction) % len(field.choices)]
    if field.step:
        number = re.search(r"-?\d+", text or field.rest)
        return str(int(number[0]) + direction) if number and not re.search(r"[,(x]", text) else None
    return None


def value_problem(field: Field, text: str) -> str:
    """Return what is wrong with a value, in words; empty: nothing."""
    try:
        field.take(text)
    except ValueError as error:
        return str(error)
    return ""


# -- the fields that are no arguments -------------------------------------------------------------------------------


def _checked(block: Block, what: str) -> Callable[[str], Block]:
    def take(text: str) -> Block:
        text = text.strip()
        if problem := name_problem(text):
            raise ValueError(problem)
        return replace(block, name=text) if what == "name" else replace(block, output=text)

    return take


def _with_init(block: Block, text: str, inits: tuple[str, ...]) -> Block:
    name, bracket, options = text.strip().removeprefix("nn.init.").partition("(")
    name = name.strip()
    begin = [one for one in inits if one.startswith(name)]
    if name and name not in inits and len(begin) != 1:
        raise ValueError(f"init: one of {', '.join(begin or inits) or 'none'}")
    found = name if name in inits or not name else begin[0]
    return replace(block, init=f"{found}{bracket}{options}" if found else "")


def _with_inputs(block: Block, text: str) -> Block:
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    for name in names:
        if problem := name_problem(name):
            raise ValueError(problem)
    return replace(block, inputs=() if names == ("x",) else names)


def _with_take(block: Block, text: str) -> Block:
    text = text.strip()
    if re.fullmatch(r"-?\d+", text):
        text = f"[{text}]"
    if text and not re.fullmatch(r"(\[-?\d+\]|\[['\"][\w ]+['\"]\]|\.[A-Za-z_]\w*)+", text):
        raise ValueError("take: an index such as [0], [1][0], ['logits'] or .logits")
    return replace(block, take=text)


def _with_expression(block: Block, text: str) -> Block:
    if problem := expression_problem(text.strip()):
        raise ValueError(problem)
    return replace(block, layer=text.strip())


def _with_join(block: Block, text: str) -> Block:
    if text == "add":
        return replace(block, join="add")
    if text == "concatenate":
        return replace(block, join="concatenate")
    raise ValueError("join: add or concatenate")


def _yes(text: str, name: str) -> bool:
    return read_value(Parameter(name, "bool"), text) == "True"


def _whole(text: str, name: str, least: int, most: int) -> int:
    number = read_value(Parameter(name, "int", minimum=least), text)
    if not number or int(number) > most:
        raise ValueError(f"{name}: a whole number from {least} to {most}")
    return int(number)
