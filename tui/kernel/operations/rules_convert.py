"""Conversions (dtype, device, NumPy, copies) and what is worth saying of a new tensor."""

from __future__ import annotations

import ast
from dataclasses import replace
from typing import Final

import torch

from tui.kernel.operations.operation import Argument, Operation, names, plain
from tui.kernel.operations.promotion import kind_of
from tui.kernel.operations.seen import ArraySeen, PlainSeen, SequenceSeen, TensorSeen
from tui.kernel.operations.words import Rules, operand, shape_of, step
from tui.protocol.operations import Operand, Step

SHARED: Final = "shares memory with {}: a change in one shows in the other"


def convert(op: Operation) -> Step | None:
    """Explain to, float, long, cpu, cuda and their like: converted, moved, or nothing to do."""
    given = op.argument(0, "input")
    before, after = given.tensor if given is not None else None, op.output
    if given is None or before is None or after is None:
        return None
    notes = []
    if after.dtype is not before.dtype:
        notes.append(f"{before.dtype_name} → {after.dtype_name}: {_loss(before.dtype, after.dtype)}")
    if after.device != before.device:
        notes.append(f"copied from {before.device} to {after.device}; {given.text} itself stays where it is")
    if not notes and after.identity == before.identity:
        notes.append(f"{given.text} itself: it is {_already(op, before)} already, so nothing was copied")
    elif not notes and after.storage != before.storage:
        notes.append("a copy")
    return step(op, "convert", *notes, inputs=[operand(given)])


def _already(op: Operation, seen: TensorSeen) -> str:
    if op.name == "contiguous":
        return "contiguous"
    if op.name in ("cpu", "cuda"):
        return f"on {seen.device}"
    return seen.dtype_name if op.name != "to" else f"{seen.dtype_name} on {seen.device}"


def _loss(before: torch.dtype, after: torch.dtype) -> str:
    """Return what a conversion does to the values."""
    if after is torch.bool:
        return "0 becomes False, all else True"
    if before is torch.bool:
        return "True becomes 1, False 0"
    if kind_of(before) == 2 and kind_of(after) == 1:
        return "a copy, the fractions are cut off towards 0"
    if kind_of(before) == 3 and kind_of(after) < 3:
        return "a copy, the imaginary parts are lost"
    if kind_of(before) == kind_of(after) == 2 and torch.finfo(after).bits < torch.finfo(before).bits:
        most = torch.finfo(after).max
        beyond = f", {most:,.0f} is the largest" if most < 1e6 else ""
        return f"a copy, rounded to fewer digits{beyond}"
    if kind_of(before) == kind_of(after) == 1 and torch.iinfo(after).bits < torch.iinfo(before).bits:
        return "a copy, values that do not fit wrap around"
    if kind_of(before) == 1 and kind_of(after) == 2 and torch.iinfo(before).bits > 8:
        digits = {torch.float16: 2**11, torch.bfloat16: 2**8, torch.float32: 2**24}.get(after)
        return f"a copy, integers above {digits:,} are rounded" if digits else "a copy"
    return "a copy"


def copies(op: Operation) -> Step | None:
    """Explain clone, detach, contiguous and data."""
    given = op.argument(0, "input")
    before, after = given.tensor if given is not None else None, op.output
    if given is None or before is None or after is None:
        return None
    if op.name == "clone":
        grad = ", still tied to it by Autograd: gradients flow back" if after.requires_grad else ""
        return step(op, "convert", f"a copy with memory of its own{grad}", inputs=[operand(given)])
    if op.name in ("detach", "data"):
        told = f"the same values without Autograd; shares memory with {given.text}: a change in one shows in the other"
        return step(op, "convert", told, inputs=[operand(given)])
    if after.identity == before.identity:
        return step(op, "convert", f"{given.text} itself: it is contiguous already, so nothing was copied")
    return step(
        op, "convert", f"a copy, its values in order in memory: strides {before.strides} → {after.strides}"
    )


def to_numpy(op: Operation) -> Step | None:
    """Explain `x.numpy()`."""
    given = op.argument(0, "input")
    before = given.tensor if given is not None else None
    if given is None or before is None or not isinstance(op.result, ArraySeen):
        return None
    shared = bool(op.result.address) and op.result.address == before.address
    told = (
        SHARED.format(f"the tensor {given.text}") if shared else "a copy: it shares no memory with the tensor"
    )
    return step(op, "convert", told, inputs=[operand(given)])


def from_data(op: Operation) -> Step | None:
    """Explain tensor, as_tensor, from_numpy: what was inferred, and whether memory is shared."""
    source = op.argument(0, "data")
    out = op.output
    if source is None or out is None:
        return None
    seen = source.seen
    if isinstance(seen, ArraySeen):
        return step(op, "convert", *_from_array(op, source, seen, out), inputs=[operand(source)])
    if isinstance(seen, TensorSeen):
        if op.name in ("tensor",):
            told = f"a copy without history; {source.text}.clone().detach() says the same without a warning"
            return step(op, "convert", told, inputs=[operand(source)])
        return convert(op)
    if "dtype" in op.keywords or op.name == "Tensor":
        return _class_call(op, out) if op.name == "Tensor" else None
    told = _inferred(seen, out)
    return step(op, "convert", told, inputs=[]) if told else None


def _from_array(op: Operation, source: Argument, seen: ArraySeen, out: TensorSeen) -> list[str]:
    notes = []
    if seen.address and seen.address == out.address:
        notes.append(SHARED.format(f"the NumPy array {source.text}"))
        if op.name == "as_tensor":
            notes.append("torch.tensor would copy")
    else:
        notes.append(f"a copy: a change of {source.text} does not show here" + _sharing_hint(op))
    if seen.dtype == "float64" and out.dtype is torch.float64:
        notes.append("float64, as NumPy's default; torch's layers want float32: .float()")
    return notes


def _sharing_hint(op: Operation) -> str:
    return "; torch.from_numpy shares the memory" if op.name == "tensor" else ""


def _class_call(op: Operation, out: TensorSeen) -> Step | None:
    if op.arguments and all(
        isinstance(a.seen, PlainSeen) and type(a.seen.value) is int for a in op.arguments
    ):
        told = "numbers given to torch.Tensor are sizes, the values whatever lay in memory; torch.tensor takes values"
        return step(op, "convert", told, inputs=[])
    return step(op, "convert", "always float32; torch.tensor keeps the kind of the numbers", inputs=[])


def _inferred(seen: object, out: TensorSeen) -> str:
    """Return which dtype Python numbers were given."""
    kinds = _kinds(seen)
    if kinds == {int} and out.dtype is torch.int64:
        return "whole numbers make int64; 1. would make float32"
    if {int, float} <= kinds and out.dtype.is_floating_point:
        return f"one number with a point makes all of them {out.dtype_name}"
    if float in kinds and out.dtype is torch.float32:
        return "numbers with a point make float32, of 32 bits; Python's own have 64"
    return ""


def _kinds(seen: object) -> set[type]:
    if isinstance(seen, PlainSeen):
        return {type(seen.value)}
    if isinstance(seen, SequenceSeen):
        return set().union(*(_kinds(item) for item in seen.items)) if seen.items else set()
    return set()


def filled(op: Operation) -> Step | None:
    """Explain a new tensor where its dtype may surprise; else there is nothing to say."""
    out = op.output
    if out is None:
        return None
    tensors = op.tensors
    if op.name.endswith("_like") and tensors:
        told = f"a new tensor with the shape, dtype and device of {tensors[0].text}"
        return step(op, "other", told, inputs=[operand(tensors[0])])
    if "dtype" in op.keywords:
        return None
    if op.name == "arange":
        given = [plain(argument.seen) for argument in op.arguments]
        if given and all(type(v) is int for v in given):
            return step(op, "other", f"whole numbers make int64; the end ({_end(op)}) is left out", inputs=[])
        return step(op, "other", f"the end ({_end(op)}) is left out", inputs=[]) if given else None
    if op.name == "empty" and out.device == "meta":
        return step(op, "other", "on meta there are shapes, but no values", inputs=[])
    if op.name == "empty":
        return step(op, "other", "not filled: the values are whatever lay in memory", inputs=[])
    if op.name == "full" and out.dtype is not torch.float32:
        return step(op, "other", "the dtype of the value that it is filled with", inputs=[])
    if op.name in ("randint", "randperm"):
        return step(op, "other", "the upper end is left out", inputs=[])
    return None


def _end(op: Operation) -> str:
    found = op.keywords.get("end") or op.arguments[0 if len(op.arguments) == 1 else 1]
    return ast.unparse(found.node)


def seed(op: Operation) -> Step | None:
    """Explain manual_seed."""
    told = "random numbers from here on are the same each time this seed is set; what draws in between shifts them"
    made = step(op, "other", told, inputs=[])
    return replace(made, output=replace(made.output, text="generator"))


def to_python(op: Operation) -> Step | None:
    """Explain item and tolist: out of torch, into Python."""
    given = op.argument(0, "input")
    if given is None or given.tensor is None:
        return None
    inputs: list[Operand] = [operand(given)]
    shape = shape_of(given.seen)
    if op.name == "item" and isinstance(op.result, PlainSeen):
        wait = "; it waits for the GPU" if given.tensor.device.startswith("cuda") else ""
        kind = type(op.result.value).__name__
        return step(
            op, "convert", f"the one value as a Python {kind}, outside of Autograd{wait}", inputs=inputs
        )
    made = step(op, "convert", "a copy as Python numbers" + (" in lists" if shape else ""), inputs=inputs)
    return replace(made, output=replace(made.output, text="list")) if shape else made


_DTYPES: Final = names(
    "float double half bfloat16 long int short char byte bool cfloat cdouble chalf",
)
RULES: Final[Rules] = {
    **dict.fromkeys([*_DTYPES, "to", "type", "type_as", "cpu", "cuda", "mps", "pin_memory"], convert),
    **dict.fromkeys(("clone", "detach", "contiguous", "data"), copies),
    "numpy": to_numpy,
    **dict.fromkeys(("tensor", "as_tensor", "from_numpy", "asarray", "Tensor"), from_data),
    **dict.fromkeys(("item", "tolist"), to_python),
    "manual_seed": seed,
    **dict.fromkeys(
        names(
            "zeros ones rand randn empty full arange linspace logspace eye randint randperm normal ",
            "zeros_like ones_like rand_like randn_like empty_like full_like",
        ),
        filled,
    ),
}
