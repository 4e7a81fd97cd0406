"""Rules of operations that move, pick or repeat values."""

from __future__ import annotations

from typing import Final

from tui.kernel.autograd.rule_table import Facts, Rule, each, rule


def _permute(facts: Facts) -> str:
    dims = facts.numbers("dims")
    places = {dim % len(dims): place for place, dim in enumerate(dims)}
    return f"g.permute({tuple(places[i] for i in range(len(dims)))})"


def _roll(facts: Facts) -> str:
    shifts = tuple(-shift for shift in facts.numbers("shifts"))
    dims = facts.numbers("dims")
    return f"g.roll({shifts}, {dims})" if dims else f"g.roll({shifts})"


def _repeat(facts: Facts) -> str:
    shape = facts.inputs[0]
    repeats = facts.numbers("repeats")
    if shape is None or not repeats:
        return ""
    padded = (1,) * (len(repeats) - len(shape)) + shape
    split = tuple(size for pair in zip(repeats, padded, strict=True) for size in pair)
    return f"g.reshape({split}).sum({tuple(range(0, len(split), 2))}).reshape(shape_self)"


def gathered(facts: Facts) -> str:
    """Values that were chosen along a dimension: the gradient goes back to where they were."""
    kept = len(facts.outputs[0]) == len(facts.inputs[0] or ())
    if kept:
        return "zeros(shape_self).scatter(dim, indices, g)"
    return "zeros(shape_self).scatter(dim, indices.unsqueeze(dim), g.unsqueeze(dim))"


def _parts(facts: Facts) -> str:
    return "[" + ", ".join(f"g{i}" for i in range(len(facts.outputs))) + "]"


def _cat(place: int, facts: Facts) -> str:
    """A part of the result; its beginning is only known where all inputs before it are."""
    shapes = facts.inputs
    dim = facts.number("dim")
    start = 0
    for shape in shapes[:place]:
        if shape is None:
            return _cat_from_end(place, facts)
        start += shape[dim]
    own = shapes[place]
    return f"g.narrow(dim, {start}, {own[dim]})" if own is not None and own else ""


def _cat_from_end(place: int, facts: Facts) -> str:
    dim = facts.number("dim")
    total = facts.outputs[0][dim]
    after = facts.inputs[place:]
    if any(shape is None for shape in after):
        return ""
    start = total - sum(shape[dim] for shape in after if shape is not None)
    own = facts.inputs[place]
    return f"g.narrow(dim, {start}, {own[dim]})" if own is not None else ""


def _stack(place: int, facts: Facts) -> str:
    return f"g.select(dim, {place})"


def _pad(facts: Facts) -> str:
    return f"F.pad(g, {tuple(-size for size in facts.numbers('pad'))})"


def _slice(facts: Facts) -> str:
    shape = facts.inputs[0]
    end = facts.number("end")
    size = shape[facts.number("dim")] if shape is not None else 0
    return f"zeros(shape_self).slice_scatter(g, dim, start, {min(end, size)}, step)"


def _embedding(facts: Facts) -> str:
    if facts.constants.get("scale_grad_by_freq"):
        return ""
    flat = "indices.reshape(-1)"
    values = "g.reshape(-1, g.shape[-1])"
    padding = facts.number("padding_idx", -1)
    if padding >= 0:
        values += f" * ({flat} != {padding}).unsqueeze(1)"
    return f"zeros(shape_weight).index_add(0, {flat}, {values})"


def _masked_select(facts: Facts) -> str:
    mask, shape = facts.saved.get("mask"), facts.inputs[0]
    if mask is None or shape is None or len(mask.shape) > len(shape):
        return ""
    if any(size not in (1, own) for size, own in zip(reversed(mask.shape), reversed(shape), strict=False)):
        return ""
    spread = "" if tuple(mask.shape) == shape else ".expand(shape_self)"
    return f"zeros(shape_self).masked_scatter(mask{spread}, g)"


_PUT = "torch.ops.aten.index_put(zeros(shape_self), indices, g, True)"
_VIEW: Final = rule("self", "g.reshape(shape_self)")

RULES: Final[dict[str, Rule]] = {
    **{
        f"{name}Backward{number}": _VIEW
        for name, number in (
            ("View", 0),
            ("UnsafeView", 0),
            ("Reshape", 0),
            ("ReshapeAlias", 0),
            ("Squeeze", 0),
            ("Squeeze", 1),
            ("Squeeze", 2),
            ("Flatten", 0),
        )
    },
    **{
        f"{name}Backward0": rule("self", gathered)
        for name in ("Max", "Min", "Sort", "Topk", "Kthvalue", "Mode")
    },
    "CatBackward0": each("tensors[]", _cat),
    "ConstantPadNdBackward0": rule("self", _pad),
    "CumsumBackward0": rule("self", "g.flip(dim).cumsum(dim).flip(dim)"),
    "CummaxBackward0": rule("self", "zeros(shape_self).scatter_add(dim, indices, g)"),
    "CumminBackward0": rule("self", "zeros(shape_self).scatter_add(dim, indices, g)"),
    "DiagonalBackward0": rule("self", "zeros(shape_self).diagonal_scatter(g, offset, dim1, dim2)"),
    "EmbeddingBackward0": rule("weight", _embedding),
    "ExpandBackward0": rule("self", "g.sum_to_size(shape_self)"),
    "FlipBackward0": rule("self", "g.flip(dims)"),
    "GatherBackward0": rule("self", "zeros(shape_self).scatter_add(dim, index, g)"),
    "IndexBackward0": rule("self", _PUT),
    "IndexPutBackward0": rule(
        "self values",
        "torch.ops.aten.index_put(g, indices, 0 * torch.ops.aten.index(g, indices))",
        "torch.ops.aten.index(g, indices)",
    ),
    "IndexSelectBackward0": rule("self", "zeros(shape_self).index_add(dim, index, g)"),
    "MaskedSelectBackward0": rule("self", _masked_select),
    "PermuteBackward0": rule("self", _permute),
    "RepeatBackward0": rule("self", _repeat),
    "RollBackward0": rule("self", _roll),
    "ScatterAddBackward0": rule("self src", "g", "g.gather(dim, index)"),
    "ScatterBackward0": rule("self src", "g.scatter(dim, index, 0)", "g.gather(dim, index)"),
    "ScatterBackward1": rule("self", "g.scatter(dim, index, 0)"),
    "SelectBackward0": rule("self", "zeros(shape_self).select_scatter(g, dim, index)"),
    "SliceBackward0": rule("self", _slice),
    "SplitBackward0": rule("self", lambda facts: f"cat({_parts(facts)}, dim)"),
    "SplitWithSizesBackward0": rule("self", lambda facts: f"cat({_parts(facts)}, dim)"),
    "UnsafeSplitBackward0": rule("self", lambda facts: f"cat({_parts(facts)}, dim)"),
    "UnsafeSplitWithSizesBackward0": rule("self", lambda facts: f"cat({_parts(facts)}, dim)"),
    "StackBackward0": each("tensors[]", _stack),
    "TBackward0": rule("self", "g.t()"),
    "TransposeBackward0": rule("self", "g.transpose(dim0, dim1)"),
    "TrilBackward0": rule("self", "g.tril(diagonal)"),
    "TriuBackward0": rule("self", "g.triu(diagonal)"),
    "UnbindBackward0": rule("self", lambda facts: f"stack({_parts(facts)}, dim)"),
    "UnsqueezeBackward0": rule("self", "g.squeeze(dim)"),
}
