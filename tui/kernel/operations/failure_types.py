"""Failures of dtypes, and of what is no tensor."""

from __future__ import annotations

import ast
import re
from typing import Final

import torch

from tui.kernel.operations.fault import Fault, Rule, Told, called, code, out_of_place, typed_name
from tui.kernel.operations.operation import Operation
from tui.kernel.operations.promotion import kind_of
from tui.kernel.operations.seen import ArraySeen, TensorSeen, short
from tui.kernel.operations.words import listed

_WORDS: Final = {
    "long int": "int64", "long": "int64", "int": "int32", "short int": "int16", "short": "int16", "byte": "uint8",
    "char": "int8", "float": "float32", "double": "float64", "half": "float16", "bfloat16": "bfloat16", "bool": "bool",
    "complexfloat": "complex64", "complexdouble": "complex128", "unsigned char": "uint8", "c10::half": "float16",
    "c10::bfloat16": "bfloat16",
}  # fmt: skip
_METHODS: Final = {
    torch.float32: "float", torch.float64: "double", torch.float16: "half", torch.bfloat16: "bfloat16",
    torch.int64: "long", torch.int32: "int",
}  # fmt: skip


def dtype_word(text: str) -> str:
    """Return torch's short name for what a message calls a dtype."""
    return _WORDS.get(text.strip().lower(), text.strip())


def same_dtype(fault: Fault, found: re.Match[str]) -> Told | None:
    """Explain two tensors that must have one dtype: products and layers."""
    one, other = dtype_word(found[1]), dtype_word(found[2])
    culprit, op = fault.culprit, fault.op
    if culprit is not None and culprit.layer is not None:
        layer = culprit.layer
        weight = dict(layer.seen.parameters).get("weight")
        seen = layer.input
        if weight is not None and isinstance(seen, TensorSeen) and seen.dtype is not weight.dtype:
            words = (
                f"{layer.name} has {weight.dtype_name} weights and got {seen.dtype_name}: a"
                " product does not convert."
            )
            return Told(words, _convert_first(op, weight.dtype))
    if op is None:
        return Told(f"Both must have one dtype; one is {one}, the other {other}.")
    names = listed([typed_name(argument) for argument in op.tensors[:2]])
    words = f"A matrix product does not promote: {names} must have one dtype."
    return Told(words, _one_dtype(op))


def _convert_first(op: Operation | None, dtype: torch.dtype) -> list[str]:
    """Return the call with its first tensor converted."""
    if op is None or not op.arguments or op.arguments[0].tensor is None or not code(op.arguments[0]):
        return []
    return [called(op, code(op.arguments[0]) + _conversion(dtype))]


def _conversion(dtype: torch.dtype) -> str:
    return f".{_METHODS[dtype]}()" if dtype in _METHODS else f".to({dtype})"


def _one_dtype(op: Operation) -> list[str]:
    """Return the operation with one of its two tensors converted, the likelier first."""
    pair = [argument for argument in op.arguments[:2] if argument.tensor is not None]
    if len(pair) != 2 or not all(map(code, pair)):
        return []
    a, b = pair
    first, second = (argument.tensor for argument in pair)
    if first is None or second is None or first.dtype is second.dtype:
        return []
    to_second = called(op, code(a) + _conversion(second.dtype), code(b))
    to_first = called(op, code(a), code(b) + _conversion(first.dtype))
    second_better = kind_of(second.dtype) > kind_of(first.dtype) or second.dtype is torch.float32
    return [to_second, to_first] if second_better else [to_first, to_second]


def result_type(fault: Fault, found: re.Match[str]) -> Told | None:
    """Explain an in-place operation whose result has another kind of dtype."""
    made, own = dtype_word(found[1]), dtype_word(found[2])
    op = fault.op
    if op is not None and op.name.startswith("binary_cross_entropy"):
        return _binary_target(op, own)
    name = op.arguments[0].text if op is not None and op.arguments else "the tensor"
    cures = []
    if op is not None and op.arguments and code(op.arguments[0]) and op.kind == "augmented":
        cures = [called(op, code(op.arguments[0]), op.arguments[1].text)]
    elif op is not None and len(op.arguments) > 1 and op.name.endswith("_") and code(op.arguments[0]):
        cures = [out_of_place(op)]
    return Told(f"In place, {name} stays {own}, and the result would be {made}.", cures)


def _binary_target(op: Operation, own: str) -> Told:
    target = op.argument(1, "target")
    text = code(target) if target is not None else ""
    cures = [called(op, code(op.arguments[0]), f"{text}.float()")] if text and len(op.arguments) > 1 else []
    return Told(f"The loss takes its target as floats, and got {own}.", cures)


def reduction_dtype(fault: Fault, found: re.Match[str]) -> Told | None:
    """Explain mean and std of integers."""
    given, op = fault.first, fault.op
    dtype = dtype_word(found[2])
    name = given.text if given is not None else "it"
    cures = []
    if given is not None and op is not None and code(given):
        cures = [called(op, f"{code(given)}.float()")]
    return Told(f"{found[1]} gives fractions, and {name} is {dtype}, which holds none.", cures)


def not_implemented(fault: Fault, found: re.Match[str]) -> Told | None:
    """Explain an operation that a dtype does not have."""
    dtype = dtype_word(found[2])
    op, given = fault.op, fault.first
    if op is None or given is None:
        return Told(f"This operation is not implemented for {dtype}.")
    words = f"{op.symbol} is not implemented for {dtype}."
    cures = []
    if op.symbol in ("&", "|", "^") and "Float" in found[2]:
        words += f" {op.symbol} combines bools or bits."
        cures = [called(op, *(f"({code(a)} > 0)" for a in op.tensors[:2]))] if len(op.tensors) > 1 else []
        if op.symbol == "^" and len(op.arguments) == 2:
            cures.insert(0, f"{code(op.arguments[0])} ** {op.arguments[1].text}  # a power")
    elif given.tensor is not None and kind_of(given.tensor.dtype) < 2 and code(given):
        cures = [called(op, f"{code(given)}.float()")]
    return Told(words, cures)


def bool_minus(fault: Fault, found: re.Match[str]) -> Told | None:
    """Explain minus on bools."""
    op = fault.op
    cures = []
    if op is not None and all(map(code, op.arguments)):
        if len(op.arguments) == 1:
            cures = [f"~{code(op.arguments[0])}  # not"]
        elif len(op.arguments) == 2:
            a, b = map(code, op.arguments)
            cures = [f"{a} ^ {b}  # where they differ", f"{a}.int() - {b}.int()  # as numbers"]
    return Told("Bools cannot be subtracted.", cures)


def array_operand(fault: Fault, found: re.Match[str]) -> Told | None:
    """Explain a NumPy array on the left of a tensor."""
    op = fault.op
    arrays = [a for a in op.arguments if isinstance(a.seen, ArraySeen)] if op is not None else []
    if op is None or not arrays or len(op.arguments) != 2 or not any(a.tensor for a in op.arguments):
        return None
    dtype = next(a.tensor.dtype for a in op.arguments if a.tensor is not None)
    pieces = []
    for argument in op.arguments:
        text = code(argument)
        if isinstance(argument.seen, ArraySeen):
            text = f"torch.from_numpy({text})" + (
                _conversion(dtype) if argument.seen.dtype != short(dtype) else ""
            )
        pieces.append(text)
    words = f"{arrays[0].text} is a NumPy array: NumPy does not know tensors, so make it one first."
    return Told(words, [called(op, *pieces)])


def argument_kind(fault: Fault, found: re.Match[str]) -> Told | None:
    """Explain an argument that should be a tensor."""
    name, argument, _place, got = found.groups()
    op = fault.op
    words = f"{name} takes a tensor as “{argument}”, and got a {got}."
    if fault.layer is not None and fault.culprit is not None and fault.culprit.layer is not None:
        words = f"{fault.culprit.layer.name} takes a tensor, and got a {got}."
    cures = []
    wrong = op.arguments[0] if op is not None and op.arguments else None
    if op is not None and wrong is not None and wrong.tensor is None and code(wrong):
        text = " ".join(ast.unparse(wrong.node).split())
        if "ndarray" in got:
            weight = (
                next((seen for _, seen in fault.layer.parameters), None) if fault.layer is not None else None
            )
            cures = [
                called(
                    op, f"torch.from_numpy({text}){_conversion(weight.dtype) if weight is not None else ''}"
                )
            ]
        else:
            cures = [called(op, f"torch.tensor({text})")]
    return Told(words, cures)


def unsupported(fault: Fault, found: re.Match[str]) -> Told | None:
    """Explain an operator between a tensor and something else."""
    symbol, left, right = found.groups()
    if "numpy.ndarray" in (left, right):
        return array_operand(fault, found)
    other = right if left == "Tensor" else left
    op = fault.op
    words = f"{symbol} takes tensors and numbers, and not a {other}."
    cures = []
    if op is not None and other == "list" and len(op.arguments) == 2:
        pieces = [
            f"torch.tensor({ast.unparse(a.node)})" if a.tensor is None else code(a) for a in op.arguments
        ]
        cures = [called(op, *pieces)]
    elif other == "NoneType":
        words += " Something returned nothing, or .grad is not there yet."
    return Told(words, cures)


def ragged(fault: Fault, found: re.Match[str]) -> Told | None:
    """Explain rows of different lengths."""
    wanted, dim, got = found.groups()
    return Told(
        f"Rows of a tensor are equally long: at dimension {dim} one has {wanted} values, another {got}.",
        ["pad the shorter ones: torch.nn.utils.rnn.pad_sequence"],
        operands=[],
    )


def strings(fault: Fault, found: re.Match[str]) -> Told | None:
    """Explain a tensor of text."""
    return Told("A tensor holds numbers and bools, no text: give each word an integer id.", operands=[])


def overflow(fault: Fault, found: re.Match[str]) -> Told | None:
    """Explain a value that does not fit its dtype."""
    word = dtype_word(found[1].removesuffix("_t"))
    dtype = getattr(torch, word, None)
    if isinstance(dtype, torch.dtype) and kind_of(dtype) == 1:
        limits = torch.iinfo(dtype)
        return Told(f"{word} holds {limits.min} to {limits.max}, and a value is outside.", operands=[])
    return Told(f"A value does not fit into {word}.", operands=[])


def grad_dtype(fault: Fault, found: re.Match[str]) -> Told | None:
    """Explain requires_grad of integers."""
    op, given = fault.op, fault.first
    cures = []
    if given is not None and code(given):
        cures = [f"{code(given)}.float().requires_grad_()"]
    elif op is not None and op.symbol == "tensor" and op.arguments:
        value = ast.unparse(op.arguments[0].node)
        cures = [f"torch.tensor({value}, dtype=torch.float32, requires_grad=True)"]
    return Told(
        "Gradients are of real numbers: only floating point and complex tensors can require them.", cures
    )


def size_kind(fault: Fault, found: re.Match[str]) -> Told | None:
    """Explain sizes that are no integers."""
    return Told(f"{found[1]} takes sizes as integers, and got a {found[2]}.", operands=[])


RULES: Final[tuple[Rule, ...]] = (
    (r"expected m1 and m2 to have the same dtype, but got: ([\w: ]+) != ([\w: ]+)", same_dtype),
    (r"must have the same dtype, but got ([\w:]+) and ([\w:]+)", same_dtype),
    (r"dot : expected both vectors to have same dtype, but found ([\w:]+) and ([\w:]+)", same_dtype),
    (r"Input type \(([\w.]+)\) and (?:weight|bias) type \(([\w.]+)\) should be the same", same_dtype),
    (r"expected scalar type ([\w:]+) but found ([\w:]+)", same_dtype),
    (r"result type ([\w ]+) can't be cast to the desired output type ([\w ]+)", result_type),
    (r"^(\w+)\(\): could not infer output dtype\..*Got: (\w+)", reduction_dtype),
    (r"\"(\w+)\" not implemented for '(\w+)'", not_implemented),
    (r"(?:Subtraction|Negation), the `-` operator,", bool_minus),
    (r"Concatenation operation is not implemented for NumPy arrays", array_operand),
    (r"(\w+)\(\): argument '(\w+)' \(position (\d+)\) must be Tensor, not ([\w.]+)", argument_kind),
    (r"unsupported operand type\(s\) for (\S+): '([\w.]+)' and '([\w.]+)'", unsupported),
    (r"expected sequence of length (\d+) at dim (\d+) \(got (\d+)\)", ragged),
    (r"too many dimensions 'str'|can't convert np\.ndarray of type numpy\.(?:str_|object_)", strings),
    (r"value cannot be converted to type (\w+) without overflow", overflow),
    (r"[Oo]nly Tensors of floating point (?:and complex )?dtype can require gradients", grad_dtype),
    (r"(\w+)\(\): argument 'size' \(position \d+\) must be tuple of ints, not ([\w.]+)", size_kind),
)  # fmt: skip
