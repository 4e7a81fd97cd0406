"""Rules of operations on windows of images and sequences: pooling, resizing, unfolding."""

from __future__ import annotations

from math import prod
from typing import Final

from tui.kernel.autograd.rule_table import Facts, Formula, Rule, rule


def _spread(facts: Facts, kernel: tuple[int, ...]) -> str:
    """Return each value repeated over its window, and shared among it; windows lie side by side."""
    text = "g"
    for dim, size in zip(range(-len(kernel), 0), kernel, strict=True):
        text += f".repeat_interleave({size}, {dim})" if size > 1 else ""
    return f"{text} / {prod(kernel)}"


def _avg_pool(facts: Facts) -> str:
    shape, kernel = facts.inputs[0], facts.numbers("kernel_size")
    dims, padding = len(kernel), facts.numbers("padding")
    stride = facts.numbers("stride") or kernel
    if shape is None or facts.constants.get("ceil_mode") or dims not in (2, 3):
        return ""
    if any(padding) and not facts.constants.get("count_include_pad"):
        return ""
    inside, outside = shape[-dims:], facts.outputs[0][-dims:]
    divisor = facts.constants.get("divisor_override") or prod(kernel)
    tiled = all(size == k * n for size, k, n in zip(inside, kernel, outside, strict=True))
    if tiled and stride == kernel and not any(padding) and divisor == prod(kernel):
        return _spread(facts, kernel)
    reached = [(n - 1) * s - 2 * p + k for n, s, p, k in zip(outside, stride, padding, kernel, strict=True)]
    rest = tuple(size - end for size, end in zip(inside, reached, strict=True))
    if any(not 0 <= more < s for more, s in zip(rest, stride, strict=True)):
        return ""
    window = f"g.new_ones({(1, 1, *kernel)})"
    one_by_one = f"(g / {divisor}).reshape({(-1, 1, *outside)})"
    spread = f"F.conv_transpose{dims}d({one_by_one}, {window}, None, {stride}, {padding}, {rest})"
    return f"{spread}.reshape(shape_self)"


def _adaptive_pool(dims: int) -> Formula:
    def text(facts: Facts) -> str:
        shape = facts.inputs[0]
        if shape is None:
            return ""
        pairs = list(zip(shape[-dims:], facts.outputs[0][-dims:], strict=True))
        if any(not n or size % n for size, n in pairs):
            return ""
        return _spread(facts, tuple(size // n for size, n in pairs))

    return text


def _max_pool(dims: int) -> Formula:
    flat = f"flatten(-{dims})"
    return f"zeros(shape_self).{flat}.scatter_add(-1, result1.{flat}, g.{flat}).reshape(shape_self)"


# -- resizing ---------------------------------------------------------------------------------------


def _is_proportional(facts: Facts) -> bool:
    """Whether the sizes alone tell where values were taken from."""
    shape, dims = facts.inputs[0], len(facts.numbers("output_size"))
    names = ("scales",) if dims == 1 else ("scales_d", "scales_h", "scales_w")[-dims:]
    if shape is None:
        return False
    for name, size, made in zip(names, shape[2:], facts.numbers("output_size"), strict=True):
        scale = facts.constants.get(name)
        if isinstance(scale, int | float) and size * scale != made:
            return False
    return True


def _nearest_sum(facts: Facts) -> str:
    """Return the sum of the copies of each value, where all have equally many; else nothing."""
    shape = facts.inputs[0] or ()
    pairs = list(zip(shape[2:], facts.numbers("output_size"), strict=True))
    if not all(size and made % size == 0 for size, made in pairs):
        return ""
    split = shape[:2] + tuple(part for size, made in pairs for part in (size, made // size))
    return f"g.reshape({split}).sum({tuple(range(3, len(split), 2))})"


def _resized(mode: str) -> Formula:
    """Return the rule of a resizing that works along each dimension by itself, by a matrix of weights."""

    def text(facts: Facts) -> str:
        if not _is_proportional(facts):
            return ""
        if mode == "nearest" and (summed := _nearest_sum(facts)):
            return summed
        dims = len(facts.numbers("output_size"))
        wide, narrow = "dhw"[-dims:], "ijk"[:dims]
        pairs = ",".join(f"{small}{large}" for small, large in zip(narrow, wide, strict=True))
        matrices = ", ".join(_matrix_name(place) for place in range(dims))
        return f"torch.einsum('nc{wide},{pairs}->nc{narrow}', g, {matrices})"

    return text


def _matrix_name(place: int) -> str:
    return f"weights{place}"


def _weights(mode: str, place: int) -> Formula:
    def text(facts: Facts) -> str:
        sizes, shape = facts.numbers("output_size"), facts.inputs[0]
        if place >= len(sizes) or shape is None or not _is_proportional(facts):
            return ""
        if mode == "nearest" and _nearest_sum(facts):
            return ""
        corners = f", align_corners={bool(facts.constants['align_corners'])}" if mode == "linear" else ""
        unit = f"g.new_ones({shape[2 + place]}).diag()"
        return f"F.interpolate({unit}[None], {sizes[place]}, mode={mode!r}{corners})[0]"

    return text


def _resizing(mode: str) -> Rule:
    lets = [(_matrix_name(place), _weights(mode, place)) for place in range(3)]
    return rule("self", _resized(mode), lets=lets)


# -- unfolding --------------------------------------------------------------------------------------


def _unfold(facts: Facts) -> str:
    shape = facts.inputs[0]
    if shape is None or not shape:
        return ""
    dim = facts.number("dimension") % len(shape)
    places = f"torch.arange({shape[dim]}).unfold(0, size, step).flatten()"
    return f"zeros(shape_self).index_add({dim}, {places}, g.movedim(-1, {dim + 1}).flatten({dim}, {dim + 1}))"


def _im2col(facts: Facts) -> str:
    shape = facts.inputs[0]
    if shape is None:
        return ""
    return f"F.fold(g, {shape[-2:]}, kernel_size, dilation, padding, stride)"


def _as_strided(facts: Facts) -> str:
    shape = facts.inputs[0]
    if shape is None or not facts.contiguous[0]:
        return ""
    places = f"torch.arange({prod(shape)}).as_strided(size, stride, {facts.number('storage_offset')})"
    return f"zeros(({prod(shape)},)).index_add(0, {places}.flatten(), g.flatten()).reshape(shape_self)"


RULES: Final[dict[str, Rule]] = {
    "AdaptiveAvgPool2DBackward0": rule("self", _adaptive_pool(2)),
    "AdaptiveAvgPool3DBackward0": rule("self", _adaptive_pool(3)),
    "AsStridedBackward0": rule("self", _as_strided),
    "AvgPool2DBackward0": rule("self", _avg_pool),
    "AvgPool3DBackward0": rule("self", _avg_pool),
    "Im2ColBackward0": rule("self", _im2col),
    "MaxPool2DWithIndicesBackward0": rule("self", _max_pool(2)),
    "MaxPool3DWithIndicesBackward0": rule("self", _max_pool(3)),
    "PixelShuffleBackward0": rule("self", "F.pixel_unshuffle(g, upscale_factor)"),
    "PixelUnshuffleBackward0": rule("self", "F.pixel_shuffle(g, downscale_factor)"),
    "UnfoldBackward0": rule("self", _unfold),
    "UpsampleBilinear2DBackward0": _resizing("linear"),
    "UpsampleLinear1DBackward0": _resizing("linear"),
    "UpsampleTrilinear3DBackward0": _resizing("linear"),
    **{f"UpsampleNearest{dims}DBackward0": _resizing("nearest") for dims in (1, 2, 3)},
    **{f"UpsampleNearestExact{dims}DBackward0": _resizing("nearest-exact") for dims in (1, 2, 3)},
}
