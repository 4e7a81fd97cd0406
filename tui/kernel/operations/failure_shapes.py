"""Failures of shapes: broadcasting, views, cat and stack."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from itertools import permutations
from math import isqrt
from typing import Final

from tui.kernel.operations.failure_products import PRODUCTS, Shape, marked, matmul, turned
from tui.kernel.operations.fault import Fault, Rule, Told, called, code, named, out_of_place
from tui.kernel.operations.operation import Argument, Operation
from tui.kernel.operations.rules_elementwise import broadcast
from tui.kernel.operations.words import elements, plural, shape_of, shape_text, sizes


def size_of_tensor(fault: Fault, found: re.Match[str]) -> Told | None:
    """Explain shapes that cannot be broadcast together."""
    op = fault.op
    if op is not None and op.name in PRODUCTS:
        return matmul(fault, found)
    shaped = [a for a in op.tensors if shape_of(a.seen)] if op is not None else []
    if op is not None and op.name == "where":
        shaped = [a for a in shaped if broadcast([_shape(b) for b in shaped]) is None][-2:] or shaped
    one, other, dim = found.groups()
    if op is None or len(shaped) < 2:
        return Told(
            f"Two shapes do not fit: at dimension {dim} one has size {one}, the other {other}. Sizes must be equal, or"
            " one of them 1."
        )
    a, b = _worst(shaped)
    left, right = _shape(a), _shape(b)
    place = _clash(left, right)
    both = (
        [marked(a, len(left) - place), marked(b, len(right) - place)] if place and len(shaped) == 2 else None
    )
    return Told(_mismatch(a, b, left, right), _broadcast_cures(op, a, b, left, right), both)


def _clash(left: Shape, right: Shape) -> int:
    """Return which dimension from the right differs and cannot be stretched; 0 where none does."""
    pairs = enumerate(zip(reversed(left), reversed(right), strict=False), start=1)
    return next((place for place, (one, other) in pairs if one != other and 1 not in (one, other)), 0)


def _worst(shaped: Sequence[Argument]) -> tuple[Argument, Argument]:
    for i, a in enumerate(shaped):
        for b in shaped[i + 1 :]:
            if broadcast([_shape(a), _shape(b)]) is None:
                return a, b
    return shaped[0], shaped[1]


def _shape(argument: Argument) -> Shape:
    return shape_of(argument.seen) or ()


def _mismatch(a: Argument, b: Argument, left: Shape, right: Shape) -> str:
    place = _clash(left, right)
    if not place:
        return f"{named(a)} and {named(b)} do not fit."
    return (
        f"Shapes are matched from the right. Dimension {len(left) - place} of {named(a)} is {left[-place]},"
        f" dimension {len(right) - place} of {named(b)} is {right[-place]}: they must be equal, or one"
        " of them 1."
    )


def _broadcast_cures(op: Operation, a: Argument, b: Argument, left: Shape, right: Shape) -> list[str]:
    x, y = code(a), code(b)
    options: list[tuple[str, str, Shape]] = []

    def offer(one: str, other: str, first: Shape, second: Shape) -> None:
        made = broadcast([first, second])
        vectors = len(left) == len(right) == 1
        if made is not None and (vectors or len(made) <= max(len(left), len(right))):
            options.append((one, other, made))

    for dim in range(1, len(right) + 1):
        offer(x, f"{y}.unsqueeze({dim})", left, (*right[:dim], 1, *right[dim:]))
    for dim in range(1, len(left) + 1):
        offer(f"{x}.unsqueeze({dim})", y, (*left[:dim], 1, *left[dim:]), right)
    if len(right) == 2:
        offer(x, turned(y), left, right[::-1])
    if len(left) == 2:
        offer(turned(x), y, left[::-1], right)
    for text, shape, first in ((x, left, False), (y, right, True)):
        goal = right if not first else left
        if elements(shape) == elements(goal) and shape != goal:
            made = f"{text}.reshape({', '.join(map(str, goal))})"
            offer(*((made, y) if not first else (x, made)), goal, goal)
    options.sort(key=lambda option: elements(option[2]))
    if not x or not y:
        return []
    found = []
    for one, other, result in options[:3]:
        text = called(op, one, other) if op.arguments[:2] == (a, b) else ""
        found.append(text and f"{text}  # → {shape_text(result)}")
    return found


def in_place_shape(fault: Fault, found: re.Match[str]) -> Told | None:
    """Explain an in-place operation whose result does not fit into its first operand."""
    op = fault.op
    own, result = (shape_text(sizes(text)) for text in found.groups())
    name = op.arguments[0].text if op is not None and op.arguments else "the tensor"
    cures = []
    if op is not None and len(op.arguments) > 1:
        x, y = code(op.arguments[0]), code(op.arguments[1])
        if op.kind == "augmented" and x and y:
            cures = [called(op, x, y)]
        elif op.name.endswith("_") and x and y:
            cures = [out_of_place(op)]
    return Told(f"In place, {name} keeps its shape {own}, but the result has shape {result}.", cures)


def expand(fault: Fault, found: re.Match[str]) -> Told | None:
    """Explain a value that cannot be stretched to a shape: expand, an assignment to a part, a bias."""
    wanted, has, dim, target, given = found.groups()
    op = fault.op
    given, target = shape_text(sizes(given)), shape_text(sizes(target))
    shapes = (
        f"shape {given} cannot be stretched to {target}: size {has} at dimension {dim} would become {wanted}"
    )
    if op is not None and op.name == "setitem":
        value, base = op.keywords["value"], op.arguments[0]
        words = (
            f"{value.text} has shape {given}, the part of {named(base)} that it is written into {target}: only"
            " dimensions of size 1 are stretched."
        )
        size = _shape(value)
        want = sizes(target.strip("()"))
        cures = []
        if size and want and elements(size) == elements(want):
            cures = [f"{_target(op)} = {code(value)}.reshape({', '.join(map(str, want))})"]
        elif size and len(size) == len(want) == 1 and size[0] > want[0]:
            cures = [f"{_target(op)} = {code(value)}[:{want[0]}]"]
        return Told(words, cures)
    subject = op.arguments[0].text if op is not None and op.arguments and op.name.startswith("expand") else ""
    told = (
        f"{subject + ' of ' if subject else 'A tensor of '}{shapes}. Only dimensions of size 1 are stretched."
    )
    return Told(told)


def _target(op: Operation) -> str:
    return ast.unparse(op.node.targets[0]) if isinstance(op.node, ast.Assign) else ""


def view_size(fault: Fault, found: re.Match[str]) -> Told | None:
    """Explain a view or reshape that does not have as many elements."""
    asked = sizes(found.group(1))
    count = int(found.group(2))
    op = fault.op
    given = fault.first
    known = elements([size for size in asked if size != -1])
    name = named(given) if given is not None else "the tensor"
    if -1 in asked:
        words = f"{name} has {plural(count, 'value')}, which cannot be divided by {known} to find the -1."
    else:
        words = f"{name} has {plural(count, 'value')}, {shape_text(asked)} holds {known}: a reshape keeps their number."
    if op is None or given is None or op.name not in ("view", "reshape") or not code(given):
        return Told(words)
    return Told(words, [f"{code(given)}.{op.name}({', '.join(map(str, s))})" for s in _fitting(asked, count)])


def _fitting(asked: Sequence[int], count: int) -> list[Shape]:
    """Return shapes of as many dimensions that hold so many values, close to what was asked for."""
    options: list[Shape] = []
    for place in range(len(asked)):
        rest = [size for i, size in enumerate(asked) if i != place]
        if -1 not in rest and elements(rest) > 0 and count % elements(rest) == 0:
            options.append((*asked[:place], -1, *asked[place + 1 :]))
    if not options and len(asked) == 2:
        divisors = [d for d in range(1, isqrt(count) + 1) if count % d == 0] if count < 10**8 else []
        pairs = {pair for d in divisors for pair in permutations((d, count // d))}
        wanted = next((size for size in asked if size != -1), 1)
        place = next((i for i, size in enumerate(asked) if size != -1), 0)
        options = sorted(pairs, key=lambda pair: (abs(pair[place] - wanted), pair))[:2]
    return options[:2] or [(-1,)]


def view_stride(fault: Fault, found: re.Match[str]) -> Told | None:
    """Explain a view of what is not contiguous."""
    given, op = fault.first, fault.op
    strides = getattr(given.seen, "strides", None) if given is not None else None
    name = given.text if given is not None else "the tensor"
    words = (
        f"{name} is not contiguous{f' (strides {strides})' if strides else ''}: in memory its values do not lie in the"
        " order that the new shape needs, and view never copies."
    )
    if op is None or given is None or not code(given) or op.name != "view":
        return Told(words, [".reshape(...) copies where it must"])
    new = ", ".join(argument.text for argument in op.arguments[1:])
    return Told(words, [f"{code(given)}.reshape({new})", f"{code(given)}.contiguous().view({new})"])


def infer(fault: Fault, found: re.Match[str]) -> Told | None:
    """Explain more than one -1."""
    return Told("-1 stands for the size that is left over, so a shape may have one -1.")


def permute(fault: Fault, found: re.Match[str]) -> Told | None:
    """Explain permute with too many or too few dimensions."""
    rank, given = found.groups()
    op, first = fault.op, fault.first
    cures = []
    if op is not None and first is not None and code(first):
        cures = [
            f"{code(first)}.permute({', '.join(str(d) for d in reversed(range(int(rank))))})  # turned around"
        ]
    return Told(f"permute names every dimension once: there are {rank}, and {given} were given.", cures)


def cat_sizes(fault: Fault, found: re.Match[str]) -> Told | None:
    """Explain cat of shapes that differ in another dimension."""
    along, expected, got, number = (int(text) for text in found.groups())
    op = fault.op
    tensors = op.tensors if op is not None else ()
    who = named(tensors[number]) if number < len(tensors) else f"tensor number {number}"
    base = f" ({named(tensors[0])})" if tensors else ""
    words = (
        f"Along dimension {along} tensors may differ; in all others they must agree. {who} has size {got} where the"
        f" first{base} has {expected}."
    )
    return Told(words, _cat_cures(op, along) if op is not None else [])


def _cat_cures(op: Operation, along: int) -> list[str]:
    tensors = op.tensors
    if len(tensors) != 2 or op.name not in ("cat", "concat", "concatenate"):
        return []
    left, right = (_shape(a) for a in tensors)
    x, y = (code(a) for a in tensors)
    if not x or not y or len(left) != len(right):
        return []
    cures = []
    for dim in range(len(left)):
        if dim != along and all(a == b for i, (a, b) in enumerate(zip(left, right, strict=True)) if i != dim):
            cures.append(f"torch.cat([{x}, {y}], dim={dim})")
    if len(left) == 2 and right[1 - along] != left[1 - along] == right[along]:
        cures.append(f"torch.cat([{x}, {turned(y)}], dim={along})")
    return cures


def cat_ranks(fault: Fault, found: re.Match[str]) -> Told | None:
    """Explain cat of tensors with different numbers of dimensions."""
    op = fault.op
    words = f"cat puts tensors of the same number of dimensions together, and got {found[1]} and {found[2]}."
    if op is None or len(op.tensors) != 2:
        return Told(words, ["unsqueeze adds the dimension that is missing"])
    a, b = op.tensors
    small, big = (a, b) if len(_shape(a)) < len(_shape(b)) else (b, a)
    dim = op.dims(1, "dim", len(_shape(big))) or (0,)
    if len(_shape(big)) - len(_shape(small)) != 1 or not code(a) or not code(b):
        return Told(words)
    made = f"{code(small)}.unsqueeze({dim[0]})"
    pair = f"{made}, {code(b)}" if small is a else f"{code(a)}, {made}"
    grown = list(_shape(small))
    grown.insert(dim[0], 1)
    fits = all(x == y for i, (x, y) in enumerate(zip(grown, _shape(big), strict=True)) if i != dim[0])
    suffix = f", dim={dim[0]}" if dim[0] else ""
    return Told(words, [f"torch.cat([{pair}]{suffix})"] if fits else [])


def stack(fault: Fault, found: re.Match[str]) -> Told | None:
    """Explain stack of different shapes."""
    words = (
        f"stack makes a new dimension, so all shapes must be the same:"
        f" {shape_text(sizes(found[1]))} and {shape_text(sizes(found[2]))} are not."
    )
    return Told(words, ["torch.cat joins along a dimension in which they may differ"])


def not_a_list(fault: Fault, found: re.Match[str]) -> Told | None:
    """Explain `torch.cat(x, y)`."""
    op = fault.op
    name = found[1]
    texts = [code(a) for a in op.tensors] if op is not None else []
    cures = [f"torch.{name}([{', '.join(texts)}])"] if len(texts) > 1 and all(texts) else []
    return Told(f"{name} takes the tensors as one list.", cures)


RULES: Final[tuple[Rule, ...]] = (
    (r"The size of tensor a \((\d+)\) must match the size of tensor b \((\d+)\) at non-singleton dimension (\d+)",
     size_of_tensor),
    (r"output with shape \[([\d, ]*)\] doesn't match the broadcast shape \[([\d, ]*)\]", in_place_shape),
    (r"The expanded size of the tensor \((\d+)\) must match the existing size \((\d+)\) at non-singleton dimension"
     r" (\d+)\.\s+Target sizes: \[([\d, ]*)\]\.\s+Tensor sizes: \[([\d, ]*)\]", expand),
    (r"shape '\[([-\d, ]*)\]' is invalid for input of size (\d+)", view_size),
    (r"view size is not compatible with input tensor's size and stride", view_stride),
    (r"only one dimension can be inferred", infer),
    (r"input\.dim\(\) = (\d+) is not equal to len\(dims\) = (\d+)", permute),
    (r"Sizes of tensors must match except in dimension (\d+)\. Expected size (\d+) but got size (\d+) for tensor number"
     r" (\d+)", cat_sizes),
    (r"Tensors must have same number of dimensions: got (\d+) and (\d+)", cat_ranks),
    (r"stack expects each tensor to be equal size, but got \[([\d, ]*)\] at entry \d+ and \[([\d, ]*)\]", stack),
    (r"(\w+)\(\): argument 'tensors' \(position 1\) must be tuple of Tensors, not Tensor", not_a_list),
)  # fmt: skip
