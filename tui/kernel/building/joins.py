"""Where values meet: a residual's sum with its input, projected where shapes differ; branches that come together."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

import torch

from tui.kernel.building import layers
from tui.kernel.building.costs import joined
from tui.kernel.building.layers import Asked
from tui.kernel.building.parts import Flow, Part
from tui.kernel.building.values import Batch, Spec, materialize, spec_of
from tui.kernel.building.words import Remedy, Unfit, own_words
from tui.protocol.building import Argument


def add(part: Part, comes_in: Flow, body: Flow, batch: Batch) -> Flow:
    """Return the sum of a residual's input with what its body makes of it.

    Raises:
        Unfit: they are no two tensors, or their shapes differ and nothing projects one to the other.
    """
    skip, made = comes_in.value, body.value
    if not isinstance(skip, Spec) or not isinstance(made, Spec):
        what = "input" if not isinstance(skip, Spec) else "body"
        other = batch.text(skip if what == "input" else made)
        raise Unfit(f"A residual adds tensors, and its {what} is {other}: take one of its items.")
    if skip.shape == made.shape:
        return Flow(_sum(skip, made), joined([comes_in.field, body.field]))
    words = f"Its input is {batch.text(skip)} and its body gives {batch.text(made)}, which cannot be added"
    asked = projection(part, skip, made, batch)
    if asked is None:
        raise Unfit(f"{words}, and no layer projects the one to the other.")
    if not part.block.project:
        raise Unfit(f"{words}.", [Remedy("project the input", project=True)])
    outcome = layers.run_layer(asked, {}, batch)
    if outcome.output != Spec(made.shape, skip.dtype):
        raise Unfit(f"{words}, and no layer projects the one to the other.")
    part.projection, part.projected_from = outcome, skip
    return Flow(_sum(skip, made), body.field)


def projection(part: Part, skip: Spec, made: Spec, batch: Batch) -> Asked | None:
    """Return the layer that brings the input to the body's shape: a 1x1 convolution with a stride, or a Linear."""
    rank = len(skip.shape)
    if (
        rank != len(made.shape)
        or rank < 2
        or skip.shape[0] != made.shape[0]
        or 0 in (*skip.shape, *made.shape)
    ):
        return None
    if rank == 2 or (rank == 3 and not _has_maps(part)):
        if skip.shape[:-1] != made.shape[:-1]:
            return None
        sizes = (
            Argument("in_features", str(skip.shape[-1])),
            Argument("out_features", str(made.shape[-1])),
        )
        return Asked("nn.Linear", sizes, (skip,), init=part.init, init_is_own=False)
    if rank > 5:
        return None
    strides = tuple(ceil(has / wants) for has, wants in zip(skip.shape[2:], made.shape[2:], strict=True))
    arguments: tuple[Argument, ...] = (
        Argument("in_channels", str(skip.shape[1])),
        Argument("out_channels", str(made.shape[1])),
        Argument("kernel_size", "1"),
    )
    if any(stride != 1 for stride in strides):
        same = len(set(strides)) == 1
        arguments += (Argument("stride", str(strides[0]) if same else repr(strides)),)
    return Asked(f"nn.Conv{rank - 2}d", arguments, (skip,), init=part.init, init_is_own=False)


def _has_maps(part: Part) -> bool:
    """Whether it works on maps of channels: decides what dimension 1 of three is."""
    layers_below = [below.block.layer for child in part.children for below in child.walk()]
    return any("Conv" in layer or "Pool" in layer for layer in layers_below)


def _sum(one: Spec, other: Spec) -> Spec:
    return Spec(other.shape, torch.promote_types(one.dtype, other.dtype))


def join(part: Part, ends: Sequence[Flow], batch: Batch) -> Flow:
    """Return what the branches of a parallel block come to.

    Raises:
        Unfit: they are no tensors, or their shapes do not fit together.
    """
    specs = [end.value for end in ends if isinstance(end.value, Spec)]
    shapes = ", ".join(batch.text(end.value) for end in ends)
    if len(specs) < len(ends):
        raise Unfit(f"Branches that come together are tensors, and these are {shapes}: take items of tuples.")
    field = joined([end.field for end in ends])
    if part.block.join == "add":
        if len({spec.shape for spec in specs}) > 1:
            raise Unfit(f"Branches of other shapes cannot be added: {shapes}.", _concatenations(specs))
        total = specs[0]
        for spec in specs[1:]:
            total = _sum(total, spec)
        return Flow(total, field)
    dim = part.block.dim
    try:
        made = torch.cat([_tensor(spec) for spec in specs], dim=dim)
    except (RuntimeError, IndexError) as error:
        raise Unfit(
            _mismatch(specs, dim, shapes, error, batch), _concatenations(specs, apart_from=dim)
        ) from None
    return Flow(spec_of(made), field)


def _tensor(spec: Spec) -> torch.Tensor:
    made = materialize(spec)
    assert isinstance(made, torch.Tensor)
    return made


def _mismatch(specs: Sequence[Spec], dim: int, shapes: str, error: Exception, batch: Batch) -> str:
    ranks = {len(spec.shape) for spec in specs}
    if len(ranks) > 1:
        return f"Branches with other numbers of dimensions cannot be concatenated: {shapes}."
    rank = ranks.pop()
    if not -rank <= dim < rank:
        return f"There is no dimension {dim} to concatenate along: the branches give {shapes}."
    off = [d for d in range(rank) if d != dim % rank and len({spec.shape[d] for spec in specs}) > 1]
    if off:
        which = "dimension " + " and ".join(map(str, off))
        return (
            f"Along dimension {dim} only that one may differ, and the branches differ in {which}: {shapes}."
        )
    return f"The branches cannot be concatenated: {own_words(error, batch)} ({shapes})"


def _concatenations(specs: Sequence[Spec], apart_from: int | None = None) -> list[Remedy]:
    """Return the edits that concatenate along a dimension that fits."""
    if len({len(spec.shape) for spec in specs}) > 1:
        return []
    rank = len(specs[0].shape)
    remedies = []
    for dim in range(1, rank):
        others = {(*spec.shape[:dim], *spec.shape[dim + 1 :]) for spec in specs}
        if len(others) == 1 and dim != apart_from:
            remedies.append(Remedy(f"concatenate along dimension {dim}", concatenate=dim))
    return remedies
