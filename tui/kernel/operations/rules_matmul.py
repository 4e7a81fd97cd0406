"""Products in which dimensions meet and vanish: matmul, linear layers, einsum, tensordot, dot, outer."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from tui.kernel.operations.operation import Argument, Operation
from tui.kernel.operations.rules_elementwise import broadcast
from tui.kernel.operations.words import Rules, listed, operand, plural, shape_of, shape_text, step
from tui.protocol.operations import DimRole, Operand, Step


def matmul(op: Operation) -> Step | None:
    """Explain a matrix product: which dimensions met, what the others became."""
    offset = 1 if op.name in ("addmm", "baddbmm", "addmv", "addbmm") else 0
    pair = op.arguments[offset : offset + 2]
    if len(pair) < 2:
        second = op.keywords.get("other") or op.keywords.get("mat2")
        pair = (*pair, second) if second else pair
    shapes = [shape_of(argument.seen) for argument in pair]
    if len(pair) < 2 or shapes[0] is None or shapes[1] is None or not shapes[0] or not shapes[1]:
        return step(op, "matmul")
    left, right = (list(shape or ()) for shape in shapes)
    rows: list[DimRole] = ["batch"] * len(left)
    columns: list[DimRole] = ["batch"] * len(right)
    rows[-1] = columns[-2 if len(right) > 1 else -1] = "met"
    if len(left) > 1:
        rows[-2] = "kept"
    if len(right) > 1:
        columns[-1] = "kept"
    notes = [_met(pair, left, right)]
    batches = left[:-2], right[:-2]
    if any(batches):
        notes += _batches(rows, columns, *batches, op)
    elif len(left) > 1 and len(right) > 1:
        notes.append(
            f"{plural(left[-2], 'row')} of {pair[0].text} by {plural(right[-1], 'column')} of {pair[1].text}"
        )
    extra = op.arguments[0] if offset else None
    inputs = [operand(pair[0], rows), operand(pair[1], columns)]
    if extra is not None:
        inputs.insert(0, operand(extra))
        notes.append(f"{extra.text} is added")
    return step(op, "matmul", *notes, inputs=inputs)


def _met(pair: Sequence[Argument], left: Sequence[int], right: Sequence[int]) -> str:
    one = "the last dimension" if len(left) > 1 else "the one dimension"
    other = "the second to last" if len(right) > 1 else "the one"
    told = (
        f"{one} of {pair[0].text} ({left[-1]}) met {other} of {pair[1].text} ({right[-2:][0]}) and vanished"
    )
    if len(left) == 1 and len(right) == 1:
        return told + ": one number is left"
    return told


def _batches(
    rows: list[DimRole], columns: list[DimRole], left: Sequence[int], right: Sequence[int], op: Operation
) -> list[str]:
    """Mark the batch dimensions that were stretched and return a sentence on them."""
    both = broadcast([left, right])
    if both is None:
        return []
    for roles, sizes in ((rows, left), (columns, right)):
        for place, size in enumerate(sizes):
            if size == 1 and both[len(both) - len(sizes) + place] != 1:
                roles[place] = "stretched"
    told = f"the dimensions before the last two are a batch: {shape_text(both)} products side by side"
    if tuple(left) != tuple(right):
        told += f", broadcast from {shape_text(left)} and {shape_text(right)}"
    return [told]


def linear(op: Operation) -> Step | None:
    """Explain `F.linear(x, weight, bias)`."""
    given, weight = op.argument(0, "input"), op.argument(1, "weight")
    if given is None or weight is None:
        return step(op, "matmul")
    shape, matrix = shape_of(given.seen), shape_of(weight.seen)
    if not shape or not matrix or len(matrix) != 2:
        return step(op, "matmul")
    bias = op.argument(2, "bias")
    rows: list[DimRole] = ["batch"] * (len(shape) - 1)
    inputs = [operand(given, [*rows, "met"]), operand(weight, ["kept", "met"])]
    told = (
        f"the last dimension of {given.text} ({shape[-1]}) met the last of {weight.text} ({matrix[1]}) and vanished;"
        f" {plural(matrix[0], 'row')} of {weight.text} make {plural(matrix[0], 'feature')}"
    )
    added = ""
    if bias is not None and bias.tensor is not None:
        inputs.append(operand(bias))
        added = f"{bias.text} is added to each row"
    return step(op, "matmul", told, added, inputs=inputs)


def products(op: Operation) -> Step | None:
    """Explain dot, inner and outer products of vectors."""
    shapes = [shape_of(argument.seen) for argument in op.arguments[:2]]
    if len(op.arguments) < 2 or any(shape is None or len(shape) != 1 for shape in shapes):
        return step(op, "matmul")
    first, second = op.arguments[:2]
    one, other = (tuple(shape or ()) for shape in shapes)
    if op.name in ("outer", "ger"):
        inputs = [operand(first, ["kept"]), operand(second, ["kept"])]
        return step(
            op, "matmul", f"every value of {first.text} met every value of {second.text}", inputs=inputs
        )
    inputs = [operand(first, ["met"]), operand(second, ["met"])]
    return step(op, "matmul", _met((first, second), one, other), inputs=inputs)


def einsum(op: Operation) -> Step | None:
    """Explain an einsum: which letters met, which were added up, which are kept."""
    equation = op.value(0, "equation")
    if not isinstance(equation, str):
        return step(op, "matmul")
    equation = equation.replace(" ", "")
    terms, arrow, out = equation.partition("->")
    parts = terms.split(",")
    if not arrow:
        letters = re.sub(r"[^A-Za-z]", "", terms)
        out = "".join(sorted(letter for letter in set(letters) if letters.count(letter) == 1))
    tensors = op.tensors
    if len(parts) != len(tensors) or "." in equation:
        return step(op, "matmul")
    sizes: dict[str, int] = {}
    inputs: list[Operand] = []
    for part, argument in zip(parts, tensors, strict=True):
        shape = shape_of(argument.seen)
        if shape is None or len(shape) != len(part):
            return step(op, "matmul")
        sizes |= {letter: max(size, sizes.get(letter, 0)) for letter, size in zip(part, shape, strict=True)}
        inputs.append(operand(argument, [_letter_role(letter, parts, out) for letter in part]))
    notes = [_letter_words(letter, size, parts, out) for letter, size in sizes.items()]
    kept = [letter for letter in out if _letter_role(letter, parts, out) == "kept"]
    told = f"{listed([f'{letter} ({sizes[letter]})' for letter in kept])} kept" if kept else ""
    return step(op, "matmul", *notes, told, inputs=inputs)


def _letter_role(letter: str, parts: Sequence[str], out: str) -> DimRole:
    times = sum(letter in part for part in parts)
    if letter in out:
        return "batch" if times > 1 else "kept"
    return "met" if times > 1 else "summed"


def _letter_words(letter: str, size: int, parts: Sequence[str], out: str) -> str:
    role = _letter_role(letter, parts, out)
    if role == "met":
        return f"{letter} ({size}) met in {listed([f'“{part}”' for part in parts if letter in part])} and vanished"
    if role == "summed":
        return f"{letter} ({size}) was added up"
    if role == "batch":
        return f"{letter} ({size}) is in several and in the result: multiplied side by side"
    if any(part.count(letter) > 1 for part in parts):
        return f"{letter} ({size}) twice in one: its diagonal"
    return ""


def tensordot(op: Operation) -> Step | None:
    """Explain a tensordot: the dimensions listed met and vanished."""
    first, second = op.argument(0, "a"), op.argument(1, "b")
    if first is None or second is None:
        return step(op, "matmul")
    left, right = shape_of(first.seen), shape_of(second.seen)
    dims = op.value(2, "dims", 2)
    if left is None or right is None:
        return step(op, "matmul")
    if isinstance(dims, int):
        ones, others = list(range(len(left) - dims, len(left))), list(range(dims))
    elif isinstance(dims, list) and len(dims) == 2 and all(isinstance(part, list) for part in dims):
        ones, others = (
            [d % max(1, rank) for d in part] for part, rank in zip(dims, (len(left), len(right)), strict=True)
        )
    else:
        return step(op, "matmul")
    inputs = [
        operand(first, ["met" if d in ones else "kept" for d in range(len(left))]),
        operand(second, ["met" if d in others else "kept" for d in range(len(right))]),
    ]
    notes = [
        f"dimension {one} of {first.text} ({left[one]}) met dimension {other} of {second.text} and vanished"
        for one, other in zip(ones, others, strict=False)
    ]
    return step(op, "matmul", *notes, inputs=inputs)


def module_linear(op: Operation) -> Step | None:
    """Explain the call of an `nn.Linear` by its weight."""
    weight = dict(op.module.parameters).get("weight") if op.module is not None else None
    given = op.argument(0, "input")
    shape = shape_of(given.seen) if given is not None else None
    if weight is None or given is None or not weight.shape or not shape:
        return step(op, "module")
    batch: list[DimRole] = ["batch"] * (len(shape) - 1)
    told = (
        f"Linear: {given.text} @ weight.T + bias; the last dimension ({shape[-1]}) met the weight"
        f" {shape_text(weight.shape)} and became {weight.shape[0]}"
    )
    if not any(name == "bias" for name, _ in op.module.parameters):  # type: ignore[union-attr]
        told = told.replace(" + bias", "")
    return step(op, "module", told, inputs=[operand(given, [*batch, "met"])], roles=[*batch, "new"])


RULES: Final[Rules] = {
    **dict.fromkeys(("matmul", "mm", "bmm", "mv", "addmm", "baddbmm", "addmv"), matmul),
    **dict.fromkeys(("dot", "vdot", "inner", "outer", "ger"), products),
    "linear": linear,
    "einsum": einsum,
    "tensordot": tensordot,
}
MODULES: Final[Rules] = {"Linear": module_linear}
