"""Failures of matrix products, einsum and linear algebra."""

from __future__ import annotations

import re
from typing import Final

from tui.kernel.operations.fault import Fault, Rule, Told, called, code, named
from tui.kernel.operations.operation import Argument, Operation, names
from tui.kernel.operations.rules_elementwise import broadcast
from tui.kernel.operations.words import operand, shape_of, shape_text
from tui.protocol.operations import Operand

_OFFSETS: Final = {"addmm": 1, "baddbmm": 1, "addmv": 1}
PRODUCTS: Final = names("matmul mm bmm mv dot inner vdot linear addmm baddbmm addmv")
Shape = tuple[int, ...]


def product_shape(left: Shape, right: Shape) -> Shape | None:
    """Return the shape of `left @ right`; None where they do not fit."""
    if not left or not right:
        return None
    inner = right[-2] if len(right) > 1 else right[-1]
    if left[-1] != inner:
        return None
    batch = broadcast([left[:-2], right[:-2]])
    if batch is None:
        return None
    return batch + left[-2:-1] + (right[-1:] if len(right) > 1 else ())


def turned(text: str, by: str = ".T") -> str:
    """Return code for the transposed of an operand; of a transposed one the operand itself."""
    return text.removesuffix(by) if by and text.endswith(by) else f"{text}{by}" if text else ""


def _swapped(shape: Shape) -> Shape:
    return (*shape[:-2], shape[-1], shape[-2]) if len(shape) > 1 else shape


def _pair(op: Operation) -> tuple[Argument, Argument] | None:
    start = _OFFSETS.get(op.name, 0)
    pair = [a for a in (*op.arguments[start:], *op.keywords.values()) if shape_of(a.seen) is not None][:2]
    return (pair[0], pair[1]) if len(pair) == 2 else None


def matmul(fault: Fault, found: re.Match[str]) -> Told | None:
    """Explain a matrix product whose shapes do not fit."""
    op = fault.op
    pair = _pair(op) if op is not None and op.name in PRODUCTS else None
    if op is None or pair is None:
        return Told(_sizes_only(found.group(0)))
    left, right = (shape_of(argument.seen) or () for argument in pair)
    a, b = pair
    if op.name == "linear":
        return _linear(op, a, b, left, right)
    if not left or not right:
        which = a if not left else b
        return Told(
            f"{which.text} has no dimensions, so there is nothing for a matrix product to add up",
            [f"{code(a)} * {code(b)}"] if code(a) and code(b) else [],
        )
    inner = right[-2] if len(right) > 1 else right[-1]
    if left[-1] != inner:
        other = "the second to last of" if len(right) > 1 else "the one dimension of"
        words = (
            f"The last dimension of {named(a)} is {left[-1]}, {other} {named(b)} is {inner}: in a product they"
            " meet and must be equal."
        )
    elif broadcast([left[:-2], right[:-2]]) is None:
        words = (
            f"The dimensions before the last two are a batch and must fit: {shape_text(left[:-2])} of {a.text} and"
            f" {shape_text(right[:-2])} of {b.text} do not."
        )
    else:
        wants = {"mm": 2, "bmm": 3, "dot": 1, "vdot": 1}.get(op.name)
        words = f"{op.symbol} takes tensors of {wants} dimensions alone, not {named(a)} and {named(b)}; @ takes any."
    return Told(words, _product_cures(op, a, b, left, right), _meeting(a, b, left, right))


def _meeting(a: Argument, b: Argument, left: Shape, right: Shape) -> list[Operand] | None:
    """Return the operands with the two dimensions marked that meet and differ; None where those are not the fault."""
    first, second = len(left) - 1, max(len(right) - 2, 0)
    if left[first] == right[second]:
        return None
    return [marked(a, first), marked(b, second)]


def marked(argument: Argument, place: int) -> Operand:
    """Return an operand with one dimension marked as one that met another."""
    shape = shape_of(argument.seen) or ()
    return operand(argument, ["met" if dim == place else "" for dim in range(len(shape))])


def _product_cures(op: Operation, a: Argument, b: Argument, left: Shape, right: Shape) -> list[str]:
    x, y = code(a), code(b)
    turn = {1: "", 2: ".T"}
    tx, ty = (turned(text, turn.get(len(s), ".mT")) for text, s in ((x, left), (y, right)))
    strict = op.name in ("mm", "bmm", "mv", "dot", "vdot")
    options = [
        (x, ty, left, _swapped(right)),
        (tx, y, _swapped(left), right),
        (y, x, right, left),
        (x, y, left, right),
        (tx, ty, _swapped(left), _swapped(right)),
    ]
    cures: list[tuple[str, str, Shape, Shape, Shape]] = []
    for one, other, first, second in options:
        made = product_shape(first, second)
        if made is not None and one and other and (one, other) not in [c[:2] for c in cures]:
            cures.append((one, other, first, second, made))
    texts = []
    for one, other, first, second, made in cures[:2]:
        text = f"{one} @ {other}" if strict or op.kind != "call" else called(op, one, other)
        texts.append(text and f"{text}  # {shape_text(first)} @ {shape_text(second)} → {shape_text(made)}")
    if not texts and broadcast([left, right]) is not None and x and y:
        texts.append(f"{x} * {y}  # value by value → {shape_text(broadcast([left, right]) or ())}")
    return texts


def _linear(op: Operation, a: Argument, b: Argument, left: Shape, right: Shape) -> Told:
    words = (
        f"F.linear multiplies by weight.T: the last dimension of {named(a)} is {left[-1]}, that of {named(b)} is"
        f" {right[-1]}, and they must be equal."
    )
    cures = []
    if len(right) == 2 and right[0] == left[-1]:
        cures.append(called(op, code(a), f"{code(b)}.T"))
    return Told(words, cures)


def _sizes_only(message: str) -> str:
    found = re.search(r"\((\d+)x(\d+) and (\d+)x(\d+)\)", message)
    if found is None:
        return "The shapes of a matrix product do not fit."
    rows, columns, inner, out = found.groups()
    return f"A matrix product of ({rows}, {columns}) by ({inner}, {out}): {columns} and {inner} meet and must be equal."


def einsum(fault: Fault, found: re.Match[str]) -> Told | None:
    """Explain an einsum letter with two sizes, or a term with too many letters."""
    op = fault.op
    equation = op.value(0, "equation") if op is not None else None
    if found.re.groups == 3:
        letter, size, before = found.groups()
        return Told(
            f"One letter stands for one size: {letter} is {before} in one operand and {size} in another."
        )
    letters, dims = found.groups()
    asked = f" “{equation}”" if isinstance(equation, str) else ""
    return Told(
        f"In the equation{asked} each dimension has a letter: {letters} letters for {dims} dimensions."
    )


def dot(fault: Fault, found: re.Match[str]) -> Told | None:
    """Explain dot of vectors that do not fit."""
    op = fault.op
    if op is None or len(op.tensors) < 2:
        return None
    a, b = op.tensors[:2]
    words = f"{op.symbol} takes two vectors of equal length; these are {named(a)} and {named(b)}."
    return Told(words, _product_cures(op, a, b, shape_of(a.seen) or (), shape_of(b.seen) or ()))


def tensordot(fault: Fault, found: re.Match[str]) -> Told | None:
    """Explain tensordot whose dimensions do not fit."""
    one, dim, other, where = found.groups()
    return Told(
        f"The dimensions that meet must be equal: dimension {dim} of the first is {one}, dimension {where} of the"
        f" second is {other}. dims=([...], [...]) names them."
    )


def square(fault: Fault, found: re.Match[str]) -> Told | None:
    """Explain linalg functions of matrices that are not square."""
    return Told(
        f"It takes square matrices, and got {found[1]} by {found[2]}.", ["torch.linalg.pinv takes any shape"]
    )


def singular(fault: Fault, found: re.Match[str]) -> Told | None:
    """Explain a singular matrix."""
    given = fault.first
    cures = [f"torch.linalg.pinv({code(given)})"] if given is not None and code(given) else []
    return Told("The matrix is singular: it has no inverse.", cures)


RULES: Final[tuple[Rule, ...]] = (
    (r"mat1 and mat2 shapes cannot be multiplied \(\d+x\d+ and \d+x\d+\)", matmul),
    (r"size mismatch, got input \(\d+\), mat \(\d+x\d+\), vec \(\d+\)", matmul),
    (r"Expected size for first two dimensions of batch2 tensor", matmul),
    (r"must be a (?:3D tensor|matrix)$", matmul),
    (r"both arguments to matmul need to be at least 1D", matmul),
    (r"inconsistent tensor size, expected tensor \[|1D tensors expected, but got", dot),
    (r"einsum\(\): subscript (\w) has size (\d+) for operand \d+ which does not broadcast with previously seen size"
     r" (\d+)", einsum),
    (r"the number of subscripts in the equation \((\d+)\) does not match the number of dimensions \((\d+)\)",
     einsum),
    (r"contracted dimensions need to match, but first has size (\d+) in dim (-?\d+) and second has size (\d+) in dim"
     r" (-?\d+)", tensordot),
    (r"must be batches of square matrices, but they are (\d+) by (\d+)", square),
    (r"the input matrix is singular", singular),
)  # fmt: skip
