"""The code of a design: imports, the classes that repeat in it, and the model's own. Depends on torch alone."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tui.kernel.building import naming, sources
from tui.kernel.building.code_class import ClassWriter, Written
from tui.kernel.building.code_classes import ClassPlan
from tui.kernel.building.code_nodes import Nodes
from tui.kernel.building.code_plan import Plan
from tui.kernel.building.code_text import Line, Writer, joined
from tui.kernel.building.labels import Labels
from tui.kernel.building.parts import Interpreted, Part
from tui.kernel.building.values import Batch, Spec, Value

_TYPES = {"int": "int", "float": "float", "bool": "bool", "str": "str", "tuple": "tuple[int, ...]"}


@dataclass
class Code:
    """What was written."""

    lines: list[Line]
    sequential: str
    """Empty where the model is no plain sequence."""
    names: dict[int, str]
    """Attributes by blocks."""
    problems: dict[int, str]
    """What is wrong with names, by blocks."""
    imports: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The code."""
        return joined(self.lines)


def generate(interpreted: Interpreted, namespace: Mapping[str, object], *, title: str = "") -> Code:
    """Return the code of a design, as far as the design could be interpreted.

    Args:
        interpreted: the design.
        namespace: where the user's classes are.
        title: what the docstring says behind the model's name.
    """
    plan, labels = Plan(interpreted), Labels(namespace)
    design, batch = interpreted.design, interpreted.batch
    name = design.name if not naming.class_problem(design.name) else "Model"
    layers = [part.block.layer for part in interpreted.walk() if part.block.kind == "layer"]
    _name_classes(plan, {name, *layers})
    names: dict[int, str] = {}
    problems: dict[int, str] = {}
    body: list[Line] = []
    for one in plan.classes.values():
        values = tuple(one.extra)
        writer = ClassWriter(
            plan, Nodes(plan, labels, one), batch, own=one, shapes=_constant_shapes(one, batch), values=values
        )
        written = writer.write(one.sample)
        names |= written.names
        problems |= written.problems
        body += [
            *_class(
                one.name, _summary(one), written, [("x", "Tensor"), *((v, "Tensor") for v in values)], one
            )
        ]
        body += [Line(""), Line("")]
    inputs = [spec.name for spec in design.inputs]
    writer = ClassWriter(plan, Nodes(plan, labels), batch, values=inputs)
    written = writer.write(interpreted.parts, inputs[0] if inputs else "x")
    names |= written.names
    problems |= written.problems
    arguments = [(key, "Tensor") for key in inputs]
    body += _class(name, _docstring(interpreted, name, title), written, arguments, None, interpreted)
    more, definitions = sources.needed(layers, namespace)
    defined = [line for text in definitions for line in (*map(Line, text.splitlines()), Line(""), Line(""))]
    imports = _imports([*defined, *body], more)
    lines = [*map(Line, imports), Line(""), Line(""), *defined, *body]
    return Code(lines, _sequential(interpreted, plan, labels, more, definitions), names, problems, imports)


# -- classes ----------------------------------------------------------------------------------------


def _class(
    name: str,
    docstring: Sequence[str],
    written: Written,
    arguments: Sequence[tuple[str, str]],
    plan: ClassPlan | None,
    interpreted: Interpreted | None = None,
) -> list[Line]:
    """Return the lines of a class."""
    output = interpreted.output.value if interpreted is not None and interpreted.output is not None else None
    gives = _annotation(output) if interpreted is not None and interpreted.output is not None else "Tensor"
    writer = Writer()
    writer.add(f"class {name}(nn.Module):")
    for line in docstring:
        writer.add(f"    {line}" if line else "")
    writer.add("")
    parameters = [f"{key}: {_type_of(plan, key)}" for key in plan.parameters] if plan is not None else []
    writer.lines += _signature("__init__", parameters, "None")
    writer.add("        super().__init__()")
    writer.lines += [line.deeper().deeper() for line in written.setup]
    writer.add("")
    writer.lines += _signature("forward", [f"{key}: {kind}" for key, kind in arguments], gives)
    writer.lines += [line.deeper().deeper() for line in written.forward]
    writer.add(f"        return {written.result}")
    return writer.lines


def _signature(name: str, parameters: Sequence[str], gives: str) -> list[Line]:
    line = f"    def {name}({', '.join(['self', *parameters])}) -> {gives}:"
    if len(line) <= 88:
        return [Line(line)]
    together = f"        {', '.join(['self', *parameters])}"
    inside = [together] if len(together) <= 88 else [f"        {text}," for text in ("self", *parameters)]
    return [Line(f"    def {name}("), *map(Line, inside), Line(f"    ) -> {gives}:")]


def _type_of(plan: ClassPlan, name: str) -> str:
    texts = next((texts for texts, known in plan.vectors.items() if known == name), ("True",))
    kinds = set()
    for text in texts:
        try:
            kinds.add(type(ast.literal_eval(text)).__name__)
        except (ValueError, SyntaxError):
            return "object"
    if kinds == {"int", "float"}:
        return "float"
    return " | ".join(sorted(_TYPES.get(kind, kind) for kind in kinds)).replace("NoneType", "None")


def _annotation(value: Value) -> str:
    if isinstance(value, Spec):
        return "Tensor"
    if isinstance(value, tuple):
        inner = [_annotation(item) for item in value]
        return f"tuple[{', '.join(inner)}]" if inner else "tuple[()]"
    if isinstance(value, list):
        kinds = {_annotation(item) for item in value}
        return f"list[{kinds.pop()}]" if len(kinds) == 1 else "list"
    if isinstance(value, dict):
        kinds = {_annotation(item) for item in value.values()}
        return f"dict[str, {kinds.pop()}]" if len(kinds) == 1 else "dict"
    return "None" if value is None else "object"


def _docstring(interpreted: Interpreted, name: str, title: str) -> list[str]:
    batch, inputs = interpreted.batch, interpreted.inputs
    lines = [f'"""{name}{f": {title}" if title else ""}.', "", "Shape:"]
    for key, value in inputs.items():
        own = "Input" if len(inputs) == 1 else key
        lines.append(f"    - {own}: {_shape_words(value, batch)}")
    if interpreted.output is not None:
        lines.append(f"    - Output: {_shape_words(interpreted.output.value, batch)}")
    return [*lines, '"""']


def _shape_words(value: Value, batch: Batch) -> str:
    kind = f", {str(value.dtype).removeprefix('torch.')}" if isinstance(value, Spec) else ""
    return f"``{batch.text(value)}``{kind}"


def _summary(plan: ClassPlan) -> list[str]:
    kind = plan.sample[0].block.kind if plan.bare else "sequence"
    if kind == "residual":
        projects = bool(plan.mixed) or plan.sample[0].projection is not None
        words = "Adds its input to what its layers make of it"
        return [f'"""{words}{", projected where their shapes differ" if projects else ""}."""']
    if kind == "parallel":
        how = "adds" if plan.sample[0].block.join == "add" else "concatenates"
        return [f'"""Runs its branches side by side and {how} what they give."""']
    return ['"""One of several blocks alike."""']


def _constant_shapes(plan: ClassPlan, batch: Batch) -> dict[int, str]:
    """Return the shapes behind the parts of a class, where they are the same in all places."""
    walks = [[below for part in place for below in part.walk()] for place in plan.places]
    found = {}
    for together in zip(*walks, strict=True):
        ends = [part.goes_out for part in together]
        texts = {batch.text(end.value) if end is not None else "" for end in ends}
        if len(texts) == 1 and "" not in texts:
            found[id(together[0])] = texts.pop()
    return found


def _name_classes(plan: Plan, taken: set[str]) -> None:
    taken = taken | {"Tensor", "OrderedDict"}
    for one in plan.classes.values():
        base = _class_name(one, plan)
        name, number = base, 2
        while name in taken:
            name, number = f"{base}{number}", number + 1
        one.name = name
        taken.add(name)


def _class_name(one: ClassPlan, plan: Plan) -> str:
    named = {place[0].block.name for place in one.places} if one.bare else set()
    around = plan.repeat_names(one)
    if one.bare and one.sample[0].block.kind == "residual":
        return "ResidualBlock"
    name = next(iter(named | around), "") if len(named | around) == 1 else ""
    if name and not naming.problem_of(name):
        return naming.camel(name)
    return "ParallelBlock" if one.bare and one.sample[0].block.kind == "parallel" else "Block"


# -- the rest ---------------------------------------------------------------------------------------


def _imports(lines: Sequence[Line], more: Sequence[str]) -> list[str]:
    """Return the imports that the code uses, in a formatter's order."""
    try:
        tree = ast.parse("\n".join(line.text for line in lines))
    except SyntaxError:  # of a design that is not finished
        tree = ast.parse("")
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    standard = ["from collections import OrderedDict"] if "OrderedDict" in used else []
    standard += ["import math"] if "math" in used else []
    torch = ["import torch"] if "torch" in used else []
    torch.append("from torch import Tensor, nn")
    torch += ["from torch.nn import functional as F"] if "F" in used else []
    return [*standard, *([""] if standard else []), *sorted([*torch, *more], key=_import_order)]


def _import_order(line: str) -> tuple[int, str]:
    return (line.startswith("from"), line.split()[1])


def _sequential(
    interpreted: Interpreted, plan: Plan, labels: Labels, more: Sequence[str], definitions: Sequence[str]
) -> str:
    """Return the model as one `nn.Sequential`; empty where it is none."""
    parts = interpreted.parts
    plain = (
        parts and not plan.classes and all(plan.is_inner_unit(part) and part.status == "ok" for part in parts)
    )
    if not plain or len(interpreted.inputs) != 1 or any(_reinitialized(part) for part in interpreted.walk()):
        return ""
    nodes = Nodes(plan, labels)
    writer = Writer()
    writer.assign("model", nodes.sequential(parts), depth=0)
    text = joined(writer.lines)
    heading = ["from torch import nn", *more]
    if "OrderedDict" in text:
        heading = ["from collections import OrderedDict", "", *heading]
    first = next(iter(interpreted.inputs.values()))
    about = f"# {interpreted.batch.text(first)}"
    if interpreted.output is not None:
        about += f" → {interpreted.batch.text(interpreted.output.value)}"
    defined = "".join(f"\n\n{definition}\n" for definition in definitions)
    gap = "\n\n" if definitions else "\n"
    return "\n".join(heading) + "\n" + defined + gap + about + "\n" + text


def _reinitialized(part: Part) -> bool:
    return part.frozen or bool(part.outcome is not None and part.outcome.initialized)
