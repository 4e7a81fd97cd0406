"""Failures of layers that work on maps: convolutions, pooling, normalizations and the like of 1, 2 or 3 dimensions."""

from __future__ import annotations

import re
from collections.abc import Sequence
from math import gcd, isqrt
from typing import Final

from torch import nn

from tui.kernel.building.failed import Failed, Rule, nearest_divisor
from tui.kernel.building.parameters import constructor_of
from tui.kernel.building.words import Insert, Remedy, Unfit, expression_first, set_to
from tui.protocol.building import Argument

_SPATIAL: Final = re.compile(r"^(\w*?(?:Conv|ConvTranspose|Pool|Unpool|Norm|Dropout|Pad))([123])d$")
_TAKES: Final = {1: "(N, C, L)", 2: "(N, C, H, W)", 3: "(N, C, D, H, W)"}
_SHAPES: Final = {2: "(N, L)", 3: "(N, C, L)", 4: "(N, C, H, W)", 5: "(N, C, D, H, W)"}
_RANKS: Final = {
    "CrossMapLRN2d": (4,),
    "EmbeddingBag": (2,),
    "Fold": (3,),
    "LocalResponseNorm": (3, 4, 5),
    "Softmax2d": (4,),
    "Unfold": (4,),
    "Upsample": (3, 4, 5),
    "UpsamplingBilinear2d": (4,),
    "UpsamplingNearest2d": (3, 4, 5),
}
"""Dimensions that layers take, batch included."""
_TOO_SMALL: Final = (
    "Kernel size can't be greater",
    "Output size is too small",
    "greater than actual input",
    "smaller than kernel",
    "too small",
    "kernel_size should",
    "non-positive",
)


def rank(failed: Failed) -> Unfit | None:
    """Explain an input with too few or too many dimensions: no channels, flattened, or of another kind of map."""
    found = _SPATIAL.match(failed.kind)
    if found is None or not failed.of_torch or not failed.shape:
        return None
    base, dims, has = found[1], int(found[2]), len(failed.shape)
    fits = (2, 3) if base.endswith("BatchNorm") and dims == 1 else (dims + 2,)
    if has in fits:
        return None
    words = f"{failed.name} takes {_TAKES[dims]}, and its input is {failed.shape_text}."
    remedies: list[Remedy] = []
    if has == dims + 1 and "Norm" not in base:
        words = f"{failed.name} takes {_TAKES[dims]}; its input {failed.shape_text} has no dimension for channels."
        remedies.append(_with_channels(failed))
    if has == 2 and dims > 1 and "Norm" not in base:
        remedies += _unflattened(failed, dims)
    other = has - 2 if has > 2 else 1
    if other != dims and other in _TAKES and not (has == 2 and "Norm" not in base):
        name = f"{base}{other}d"
        if hasattr(nn, name) and not _has_tuples(failed):
            remedies.append(
                Remedy(f"{name} in its place", layer=f"nn.{name}", dropped=_channel_argument(failed))
            )
    return Unfit(words, remedies)


def takes_batch_for_channels(failed: Failed) -> Unfit | None:
    """Explain an input that the layer would take for one sample, its batch for channels."""
    found = _SPATIAL.match(failed.kind)
    if found is None or "Conv" not in failed.kind or not failed.of_torch:
        return None
    return rank(failed) if len(failed.shape) == int(found[2]) + 1 else None


def size_or_factor(failed: Failed) -> Unfit | None:
    """Explain a layer that needs one of two arguments."""
    if "either size or scale_factor" in str(failed.error):
        return Unfit(f"{failed.name} needs a size or a scale_factor.", [set_to("scale_factor", None, 2)])
    if failed.kind.startswith("FractionalMaxPool") and "requires specifying" in str(failed.error):
        words = f"{failed.name} needs an output_size or an output_ratio."
        return Unfit(words, [set_to("output_ratio", None, 0.5)])
    return None


def _with_channels(failed: Failed) -> Remedy:
    name, wants = "in_channels", failed.number("in_channels")
    set_one = (Argument(name, "1"),) if wants is not None and wants != 1 and _was_given(failed, name) else ()
    return Remedy(
        "insert x.unsqueeze(1): one channel", set_one, before=(Insert("x.unsqueeze(1)", expression=True),)
    )


def _unflattened(failed: Failed, dims: int) -> list[Remedy]:
    """Return the edit that makes a square image of features, where they are so many."""
    features = failed.shape[1]
    given = failed.number("in_channels") if _was_given(failed, "in_channels") else None
    for channels in (given,) if given else (1, 3):
        side = isqrt(features // channels) if dims == 2 else round((features / channels) ** (1 / dims))
        if channels * side**dims == features:
            sizes = (channels, *[side] * dims)
            insert = Insert("nn.Unflatten", (Argument("dim", "1"), Argument("unflattened_size", repr(sizes))))
            return [Remedy(f"insert Unflatten to {sizes}", before=(insert,))]
    return []


def _was_given(failed: Failed, name: str) -> bool:
    return name in {a.name for a in failed.resolved.arguments} - {a.name for a in failed.resolved.filled}


def _channel_argument(failed: Failed) -> tuple[str, ...]:
    """Return the size that no longer fits when the layer is of another kind; left open it fills itself."""
    return tuple(
        n
        for n in ("in_channels", "num_features")
        if _was_given(failed, n) and failed.number(n) != failed.shape[1]
    )


def _has_tuples(failed: Failed) -> bool:
    return any(isinstance(value, tuple | list) for value in failed.resolved.values.values())


def channels(failed: Failed) -> Unfit | None:
    """Explain a convolution of another number of channels."""
    wants = failed.number("in_channels")
    if "Conv" not in failed.kind or wants is None or not failed.of_torch:
        return None
    split = _groups(failed, wants)
    if split is not None or len(failed.shape) < 3 or failed.shape[1] == wants:
        return split
    got = failed.shape[1]
    words = f"{failed.name} takes {wants} channels, dimension 1, and its input {failed.shape_text} has {got}."
    remedies = [set_to("in_channels", wants, got)]
    if failed.shape[-1] == wants:
        order = (0, len(failed.shape) - 1, *range(1, len(failed.shape) - 1))
        remedies.insert(0, expression_first(f"x.permute{order}", "channels last → first"))
    groups = failed.number("groups") or 1
    if got % groups:
        remedies[-1] = Remedy(
            f"in_channels {wants} → {got}, groups {groups} → {nearest_divisor(got, groups)}",
            (Argument("in_channels", str(got)), Argument("groups", str(nearest_divisor(got, groups)))),
        )
    return Unfit(words, remedies)


def _groups(failed: Failed, channels_in: int) -> Unfit | None:
    groups, out = failed.number("groups"), failed.number("out_channels")
    if not groups or out is None or failed.module is not None:
        return None
    for name, count in (("in_channels", channels_in), ("out_channels", out)):
        if count % groups:
            words = f"{failed.name} splits its channels into {groups} groups, and {name} = {count} is no multiple."
            return Unfit(words, [set_to("groups", groups, nearest_divisor(gcd(channels_in, out), groups))])
    return None


def kernel(failed: Failed) -> Unfit | None:
    """Explain a kernel that is larger than its input."""
    found = _SPATIAL.match(failed.kind)
    value = failed.resolved.values.get("kernel_size")
    if found is None or value is None or len(failed.shape) != int(found[2]) + 2:
        return None
    sizes = _tuple(value, int(found[2]))
    room = failed.shape[2:]
    padding = _tuple(failed.resolved.values.get("padding", 0), len(room))
    if "Conv" not in failed.kind and any(2 * pad > size for pad, size in zip(padding, sizes, strict=True)):
        half = max(0, min(size // 2 for size in sizes))
        words = (
            f"{failed.name} pads at most half of its kernel {value}, and padding is {failed.text('padding')}."
        )
        return Unfit(words, [set_to("padding", failed.text("padding"), half)])
    larger = any(size > has + 2 * pad for size, has, pad in zip(sizes, room, padding, strict=True))
    if not larger and not any(phrase in str(failed.error) for phrase in _TOO_SMALL):
        return None
    place = " × ".join(map(str, room))
    words = f"{failed.name} has a kernel of {' × '.join(map(str, sizes))}, larger than its input of {place}."
    remedies = [] if min(room) < 1 else [set_to("kernel_size", value, min(*room, *sizes))]
    around = max(-(-(size - has) // 2) for size, has in zip(sizes, room, strict=True))
    fits = "Conv" in failed.kind or all(2 * around <= size for size in sizes)
    if 0 < around <= 16 and fits and "padding" in _names(failed):
        remedies.append(set_to("padding", failed.text("padding"), around))
    return Unfit(words, remedies)


def _names(failed: Failed) -> Sequence[str]:
    return [formal.name for formal in constructor_of(failed.resolved.cls).formals]


def _tuple(value: object, dims: int) -> tuple[int, ...]:
    if isinstance(value, tuple | list) and len(value) == dims and all(type(item) is int for item in value):
        return tuple(value)
    return (value if type(value) is int else 0,) * dims


def shuffled(failed: Failed) -> Unfit | None:
    """Explain channels that cannot be split by a factor: PixelShuffle, ChannelShuffle, PixelUnshuffle."""
    if failed.kind not in ("PixelShuffle", "PixelUnshuffle", "ChannelShuffle") or len(failed.shape) < 3:
        return None
    name = {"PixelShuffle": "upscale_factor", "PixelUnshuffle": "downscale_factor"}.get(failed.kind, "groups")
    factor = failed.number(name) or 1
    takes = {
        "PixelShuffle": f"a multiple of {factor}² = {factor * factor} channels",
        "PixelUnshuffle": f"maps whose sides are multiples of {factor}",
        "ChannelShuffle": f"a multiple of {factor} channels",
    }[failed.kind]
    return Unfit(f"{failed.name} takes {takes}, and its input is {failed.shape_text}.")


def dimensions(failed: Failed) -> Unfit | None:
    """Explain an input of too few or too many dimensions to layers that take several kinds of maps."""
    ranks = _RANKS.get(failed.kind)
    if ranks is None or not failed.of_torch or not failed.shape or len(failed.shape) in ranks:
        return None
    takes = " or ".join(_SHAPES[rank] for rank in ranks)
    return Unfit(f"{failed.name} takes {takes}, and its input is {failed.shape_text}.")


RULES: Final[tuple[Rule, ...]] = (size_or_factor, dimensions, rank, channels, kernel, shuffled)
