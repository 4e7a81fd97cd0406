"""Operations that reduce dimensions away, or work along one and keep it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from tui.kernel.operations.operation import Operation
from tui.kernel.operations.promotion import kind_of
from tui.kernel.operations.seen import SequenceSeen, TensorSeen
from tui.kernel.operations.words import Rules, elements, listed, operand, shape_of, shape_text, step
from tui.protocol.operations import DimRole, Step

_VERBS: Final = {
    "sum": "added up",
    "nansum": "added up, NaN left out",
    "mean": "averaged",
    "nanmean": "averaged, NaN left out",
    "prod": "multiplied up",
    "max": "searched for its largest value",
    "min": "searched for its smallest value",
    "amax": "searched for its largest value",
    "amin": "searched for its smallest value",
    "argmax": "searched for the place of its largest value",
    "argmin": "searched for the place of its smallest value",
    "all": "joined by and",
    "any": "joined by or",
}
_NOUNS: Final = {
    "std": "the standard deviation",
    "var": "the variance",
    "norm": "the norm",
    "vector_norm": "the norm",
    "logsumexp": "the log of the sum of the exponentials",
    "median": "the median",
    "nanmedian": "the median, NaN left out,",
    "mode": "the most frequent value",
    "count_nonzero": "how many are not 0",
    "quantile": "the quantile",
}
_SECOND: Final = frozenset({"norm", "vector_norm", "quantile"})
_ALONG: Final = {
    "softmax": "the values along {dim} add up to 1",
    "log_softmax": "the exponentials along {dim} add up to 1",
    "softmin": "the values along {dim} add up to 1",
    "cumsum": "running sums along {dim}",
    "cumprod": "running products along {dim}",
    "cummax": "running maxima along {dim}",
    "cummin": "running minima along {dim}",
    "sort": "sorted along {dim}",
    "argsort": "the places that would sort {dim}",
    "flip": "turned around along {dim}",
    "normalize": "each vector along {dim} has length 1",
}


def reduce(op: Operation) -> Step | None:
    """Explain a reduction: which dimensions vanished, or were left with size 1."""
    given = op.argument(0, "input")
    shape = shape_of(given.seen) if given is not None else None
    if given is None or shape is None:
        return step(op, "reduction")
    if op.name in ("max", "min") and len(op.tensors) > 1:
        return None  # elementwise: another rule's
    place = 2 if op.name in _SECOND else 1
    name = "dim"
    dims = op.dims(place, name, len(shape)) or op.dims(place, "axis", len(shape))
    if op.name in ("any", "all", "argmax", "argmin", "max", "min") and dims is None and len(op.arguments) > 1:
        return step(op, "reduction")
    everything = dims is None or dims == ()
    gone = tuple(range(len(shape))) if dims is None or dims == () else dims
    out = shape_of(op.output)
    keeps = out is not None and len(out) == len(shape) and len(shape) > 0 and bool(gone)
    roles: list[DimRole] = ["summed" if d in gone else "kept" for d in range(len(shape))]
    notes = [_told(op, shape, gone, everything=everything, keeps=keeps)] if shape else []
    notes += _results(op) + _dtype(op, given.tensor)
    if everything and op.name in ("argmax", "argmin") and len(shape) > 1:
        notes.append("an index into the flattened values: torch.unravel_index gives one for each dimension")
    return step(
        op, "reduction", *notes, inputs=[operand(given, roles)], roles=_out_roles(out, gone, keeps=keeps)
    )


def _told(op: Operation, shape: Sequence[int], gone: Sequence[int], *, everything: bool, keeps: bool) -> str:
    noun = _NOUNS.get(op.name, "")
    if noun and everything and not keeps:
        return f"{noun} of all {elements(shape):,} values: no dimension is left"
    if noun:
        sizes = listed([f"dimension {dim} ({shape[dim]})" for dim in gone if dim < len(shape)])
        stays = "stays with size 1 (keepdim)" if keeps else "vanished"
        return f"{noun} along {sizes}, which {stays if len(gone) == 1 else stays.replace('stays', 'stay')}"
    verb = _VERBS[op.name]
    if everything and not keeps:
        return f"all {elements(shape):,} values were {verb.replace('its', 'their')}: no dimension is left"
    sizes = listed([f"dimension {dim} ({shape[dim]})" for dim in gone if dim < len(shape)])
    end = "and stays with size 1 (keepdim)" if keeps else "and vanished"
    return (
        f"{sizes} was {verb} {end}"
        if len(gone) == 1
        else f"{sizes} were {verb} {end.replace('stays', 'stay')}"
    )


def _out_roles(out: Sequence[int] | None, gone: Sequence[int], *, keeps: bool) -> list[DimRole]:
    if out is None or not keeps:
        return []
    return ["summed" if dim in gone else "kept" for dim in range(len(out))]


def _results(op: Operation) -> list[str]:
    if not isinstance(op.result, SequenceSeen):
        return []
    shapes = [shape_text(s) for item in op.result.items if (s := shape_of(item)) is not None]
    return (
        [f"two results, values and indices, each {shapes[0]}"]
        if len(set(shapes)) == 1 and len(shapes) == 2
        else []
    )


def _dtype(op: Operation, given: TensorSeen | None) -> list[str]:
    out = op.output
    if given is None or out is None or out.dtype is given.dtype or "dtype" in op.keywords:
        return []
    if op.name in ("sum", "prod", "nansum", "cumsum", "cumprod") and kind_of(given.dtype) < 2:
        what = (
            "how many are true"
            if given.dtype_name == "bool" and op.name == "sum"
            else "so that it does not overflow"
        )
        return [f"{given.dtype_name} is added up as {out.dtype_name}: {what}"] if op.name != "prod" else []
    return []


def along(op: Operation) -> Step | None:
    """Explain what works along one dimension and leaves the shape."""
    given = op.argument(0, "input")
    shape = shape_of(given.seen) if given is not None else None
    if given is None or not shape:
        return step(op, "reduction")
    place = 2 if op.name == "normalize" else 1
    dims = op.dims(place, "dims" if op.name == "flip" else "dim", len(shape))
    if dims is None and op.module is not None:
        found = dict(op.module.settings).get("dim")
        dims = (found % len(shape),) if isinstance(found, int) else None
    if dims is None:
        dims = (len(shape) - 1,) if op.name in ("sort", "argsort") else (1,) if op.name == "normalize" else ()
    where = listed([f"dimension {dim} ({shape[dim]})" for dim in dims if dim < len(shape)]) or "it"
    name = {"Softmax": "softmax", "LogSoftmax": "log_softmax"}.get(op.name, op.name)
    return step(
        op,
        "module" if op.module is not None else "reduction",
        _ALONG[name].format(dim=where),
        *_results(op),
        *_dtype(op, given.tensor),
        inputs=[operand(given)],
    )


def topk(op: Operation) -> Step | None:
    """Explain topk."""
    given, count = op.argument(0, "input"), op.value(1, "k")
    shape = shape_of(given.seen) if given is not None else None
    if given is None or not shape:
        return step(op, "reduction")
    dims = op.dims(2, "dim", len(shape)) or (len(shape) - 1,)
    told = f"dimension {dims[0]} ({shape[dims[0]]}) is left with its {count} largest values, sorted"
    return step(op, "reduction", told, *_results(op), inputs=[operand(given)])


RULES: Final[Rules] = {
    **dict.fromkeys([*_VERBS, *_NOUNS], reduce),
    **dict.fromkeys(_ALONG, along),
    "topk": topk,
}
MODULES: Final[Rules] = {"Softmax": along, "LogSoftmax": along}
