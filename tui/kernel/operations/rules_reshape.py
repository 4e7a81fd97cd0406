"""Operations that give the same values another shape, or put tensors together and take them apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from tui.kernel.operations.operation import Operation, names
from tui.kernel.operations.seen import SequenceSeen, TensorSeen
from tui.kernel.operations.words import Rules, elements, listed, operand, plural, shape_of, shape_text, step
from tui.protocol.operations import DimRole, Operand, Step


def reshape(op: Operation) -> Step | None:
    """Explain reshape, view and flatten: the values in the same order, in other rows."""
    given, shape, out = _shapes(op)
    if given is None or shape is None or out is None:
        return step(op, "reshape")
    inferred = _inferred(op, shape, out)
    order = (
        f"the same {plural(elements(shape), 'value')} in the same order{'; ' if inferred else ''}{inferred}"
    )
    notes = (order, _copied(op, given))
    return step(op, "reshape", *notes, inputs=_inputs(op, _merged(shape, out)))


def _inferred(op: Operation, shape: Sequence[int], out: Sequence[int]) -> str:
    """Return what a size of -1 became."""
    if op.name not in ("view", "reshape"):
        return ""
    values = [op.value(i, "shape") for i in range(1, max(2, len(op.arguments)))]
    asked = [v for value in values for v in (value if isinstance(value, list) else [value])]
    if -1 not in asked or len(asked) != len(out):
        return ""
    rest = elements([size for i, size in enumerate(out) if i != asked.index(-1)])
    made = out[asked.index(-1)]
    return f"-1 became {made}: {elements(shape)} / {rest}" if rest not in (0, 1) else f"-1 became {made}"


def _shapes(op: Operation) -> tuple[TensorSeen | None, tuple[int, ...] | None, tuple[int, ...] | None]:
    first = op.argument(0, "input")
    given = first.tensor if first is not None else None
    return given, given.shape if given is not None else None, shape_of(op.output)


def _inputs(op: Operation, roles: Sequence[DimRole]) -> list[Operand]:
    first = op.argument(0, "input")
    return [operand(first, roles)] if first is not None else []


def _merged(shape: Sequence[int], out: Sequence[int]) -> list[DimRole]:
    """Return the leading and trailing dimensions that both shapes have as kept."""
    roles: list[DimRole] = [""] * len(shape)
    for i in range(min(len(shape), len(out))):
        if shape[i] != out[i]:
            break
        roles[i] = "kept"
    for i in range(1, min(len(shape), len(out)) + 1):
        if shape[-i] != out[-i]:
            break
        roles[-i] = "kept"
    return roles


def _copied(op: Operation, given: TensorSeen) -> str:
    out = op.output
    if out is None or out.identity == given.identity or not given.storage or out.storage == given.storage:
        return ""
    if not given.contiguous:
        return "copied: it is not contiguous, so the values do not lie in this order"
    return "copied"


def permute(op: Operation) -> Step | None:
    """Explain a change of the order of dimensions."""
    given, shape, out = _shapes(op)
    if given is None or shape is None or out is None:
        return step(op, "reshape")
    order = _order(op, len(shape))
    if order is None or len(order) != len(shape) or len(shape) < 2:
        return step(op, "reshape", inputs=_inputs(op, ()))
    moved = [
        f"dimension {old} ({shape[old]}) is now dimension {new}"
        for new, old in enumerate(order)
        if new != old
    ]
    if len(moved) == 2:
        first, second = (old for new, old in enumerate(order) if new != old)
        low, high = sorted((first, second))
        told = f"dimensions {low} ({shape[low]}) and {high} ({shape[high]}) changed places"
    else:
        told = listed(moved) or "the order is as it was"
    return step(op, "reshape", told + "; no value moved in memory", inputs=_inputs(op, ()))


def _order(op: Operation, rank: int) -> list[int] | None:
    if op.name in ("T", "H", "t", "adjoint", "mT", "mH"):
        order = list(range(rank))
        if op.name == "T":
            return order[::-1]
        if rank >= 2:
            order[-1], order[-2] = order[-2], order[-1]
        return order
    if op.name in ("transpose", "swapaxes", "swapdims"):
        one, other = op.value(1, "dim0"), op.value(2, "dim1")
        if not isinstance(one, int) or not isinstance(other, int):
            return None
        order = list(range(rank))
        order[one], order[other] = order[other], order[one]
        return order
    if op.name == "permute":
        dims = op.dims(1, "dims", rank)
        return list(dims) if dims is not None else None
    return None


def squeeze(op: Operation) -> Step | None:
    """Explain squeeze: dimensions of size 1 go."""
    given, shape, out = _shapes(op)
    if given is None or shape is None or out is None:
        return step(op, "reshape")
    dims = op.dims(1, "dim", len(shape))
    gone = [d for d in (range(len(shape)) if dims is None else dims) if d < len(shape) and shape[d] == 1]
    roles: list[DimRole] = ["removed" if d in gone else "kept" for d in range(len(shape))]
    if gone:
        told = (
            f"{listed([f'dimension {d}' for d in gone])} of size 1 {'is' if len(gone) == 1 else 'are'} gone"
        )
    elif dims:
        told = f"nothing changed: {listed([f'dimension {d} has size {shape[d]}' for d in dims])}, not 1"
    else:
        told = "nothing changed: there is no dimension of size 1"
    return step(op, "reshape", told, inputs=_inputs(op, roles))


def unsqueeze(op: Operation) -> Step | None:
    """Explain unsqueeze: a new dimension of size 1."""
    _, shape, out = _shapes(op)
    dim = op.value(1, "dim")
    if shape is None or out is None or not isinstance(dim, int):
        return step(op, "reshape")
    place = dim + len(out) if dim < 0 else dim
    roles: list[DimRole] = ["new" if d == place else "kept" for d in range(len(out))]
    return step(op, "reshape", f"a new dimension {place} of size 1", inputs=_inputs(op, ()), roles=roles)


def expand(op: Operation) -> Step | None:
    """Explain expand: a stretched view, with stride 0."""
    given, shape, out = _shapes(op)
    if given is None or shape is None or out is None or len(out) < len(shape):
        return step(op, "reshape")
    behind = out[len(out) - len(shape) :]
    roles: list[DimRole] = [
        "stretched" if a == 1 != b else "kept" for a, b in zip(shape, behind, strict=True)
    ]
    times = [
        f"dimension {d} (1) looks {b} long"
        for d, (a, b) in enumerate(zip(shape, behind, strict=True))
        if a == 1 != b
    ]
    front = [f"{plural(len(out) - len(shape), 'dimension')} in front"] if len(out) > len(shape) else []
    told = listed(times + front)
    end = "with a stride of 0, so no value is copied: clone() before writing into it"
    return step(op, "reshape", f"{told}, {end}" if told else "", inputs=_inputs(op, roles))


def repeat(op: Operation) -> Step | None:
    """Explain repeat, tile and repeat_interleave: copies side by side."""
    _, shape, out = _shapes(op)
    if shape is None or out is None:
        return step(op, "reshape")
    told = f"the values were copied: {elements(shape):,} became {elements(out):,}"
    hint = (
        "; expand repeats a dimension of size 1 without copying" if op.name == "repeat" and 1 in shape else ""
    )
    each = "; each value by itself, one after the other" if op.name == "repeat_interleave" else ""
    return step(op, "reshape", told + each + hint, inputs=_inputs(op, ()))


def join(op: Operation) -> Step | None:
    """Explain cat and stack."""
    tensors = op.tensors
    shapes = [shape_of(argument.seen) for argument in tensors]
    out = shape_of(op.output)
    if out is None or not shapes or any(shape is None for shape in shapes):
        return step(op, "reshape")
    if op.name == "stack":
        dims = op.dims(1, "dim", len(out)) or (0,)
        new: list[DimRole] = ["new" if d == dims[0] else "kept" for d in range(len(out))]
        told = f"a new dimension {dims[0]}: one place for each of the {plural(len(tensors), 'tensor')}"
        return step(op, "reshape", told, roles=new)
    rank = len(out)
    named = {"hstack": 0 if rank == 1 else 1, "vstack": 0, "dstack": 2}.get(op.name)
    dims = (named,) if named is not None else op.dims(1, "dim", rank) or (0,)
    along = dims[0]
    if along >= rank:
        return step(op, "reshape")
    fits = all(shape is not None and len(shape) == rank for shape in shapes)
    sizes = " + ".join(str(shape[along]) for shape in shapes if shape is not None and len(shape) == rank)
    roles: list[DimRole] = ["new" if d == along else "kept" for d in range(rank)]
    told = f"one after the other along dimension {along}" + (f": {sizes} = {out[along]}" if fits else "")
    others = ", ".join(str(size) for d, size in enumerate(out) if d != along)
    agree = f"the others must agree ({others})" if rank > 1 and fits else ""
    inputs = [operand(argument, roles) if fits else operand(argument) for argument in tensors]
    return step(op, "reshape", told, agree, inputs=inputs, roles=roles)


def split(op: Operation) -> Step | None:
    """Explain split, chunk and unbind: views side by side."""
    _, shape, _ = _shapes(op)
    if not isinstance(op.result, SequenceSeen) or not shape:
        return step(op, "reshape")
    place = 1 if op.name == "unbind" else 2
    along = (op.dims(place, "dim", len(shape)) or (0,))[0]
    pieces = [shape_text(made) for item in op.result.items if (made := shape_of(item)) is not None]
    alike = len(set(pieces)) == 1
    sizes = (
        f"each {pieces[0]}" if pieces and alike else ", ".join(pieces[:6]) + ("…" if len(pieces) > 6 else "")
    )
    gone = along if op.name == "unbind" else -1
    roles: list[DimRole] = ["removed" if d == gone else "" for d in range(len(shape))]
    end = ", that dimension gone" if op.name == "unbind" else ""
    told = f"dimension {along} ({shape[along]}) in {plural(op.result.length, 'piece')}, {sizes}{end}"
    return step(op, "reshape", told, inputs=_inputs(op, roles))


RULES: Final[Rules] = {
    **dict.fromkeys(
        ["reshape", "view", "flatten", "unflatten", "ravel", "view_as", "reshape_as", "resize"], reshape
    ),
    **dict.fromkeys(
        names(
            "permute transpose swapaxes swapdims t T mT H mH adjoint movedim moveaxis",
        ),
        permute,
    ),
    "squeeze": squeeze,
    "unsqueeze": unsqueeze,
    **dict.fromkeys(["expand", "expand_as", "broadcast_to"], expand),
    **dict.fromkeys(["repeat", "tile", "repeat_interleave"], repeat),
    **dict.fromkeys(["cat", "concat", "concatenate", "stack", "hstack", "vstack", "dstack"], join),
    **dict.fromkeys(["split", "chunk", "unbind", "tensor_split"], split),
}
MODULES: Final[Rules] = {"Flatten": reshape, "Unflatten": reshape}
