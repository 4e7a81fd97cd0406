"""Failures of layers that work on features: Linear, normalizations, recurrent layers, Embedding; and of dtypes."""

from __future__ import annotations

import re
from typing import Final

from torch import nn

from tui.kernel.building.failed import Failed, Rule, nearest_divisor
from tui.kernel.building.words import Unfit, expression_first, flatten_first, set_to
from tui.protocol.building import Argument

_INTEGERS: Final = (nn.Embedding, nn.EmbeddingBag)
_FLOATS_ALONE: Final = frozenset({
    "AdaptiveAvgPool1d", "AdaptiveAvgPool2d", "AdaptiveAvgPool3d", "AlphaDropout", "CELU", "CosineSimilarity",
    "Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "ELU", "FeatureAlphaDropout", "GELU", "GLU", "Hardshrink",
    "Hardsigmoid", "Hardswish", "InstanceNorm1d", "InstanceNorm2d", "InstanceNorm3d", "LeakyReLU", "LogSigmoid",
    "LogSoftmax", "Mish", "RReLU", "SELU", "SiLU", "Softmax", "Softmax2d", "Softmin", "Softplus", "Softshrink",
    "Upsample",
})  # fmt: skip
"""Layers without weights that real tensors of whole numbers fail in; meta tensors pass."""
_ALONG: Final = ("Softmax", "LogSoftmax", "Softmin")
_OUT_OF_RANGE: Final = re.compile(
    r"Dimension out of range \(expected to be in range of \[-?\d+, (-?\d+)\], but got (-?\d+)"
)
_CHANNELS: Final = re.compile(r"(Lazy)?(BatchNorm|InstanceNorm|SyncBatchNorm)\d?d?$")


def linear(failed: Failed) -> Unfit | None:
    """Explain another number of features than the input has."""
    wants, out = failed.number("in_features"), failed.text("out_features")
    if failed.resolved.cls is not nn.Linear or wants is None or not failed.shape or failed.shape[-1] == wants:
        return None
    got, flat = failed.shape[-1], failed.per_sample()
    words = (
        f"Linear takes {wants} features in the last dimension ({wants} → {out}), and its input {failed.shape_text}"
        f" has {failed.batch.dim(got)}."
    )
    remedies = []
    if len(failed.shape) > 2 and flat == wants:
        return Unfit(words, [flatten_first()])
    if len(failed.shape) > 3:
        flat_size = Argument("in_features", str(flat))
        remedies.append(flatten_first(f"insert Flatten, in_features {wants} → {flat}", flat_size))
    if got % failed.batch.size:
        remedies.append(set_to("in_features", wants, got))
    return Unfit(words, remedies)


def bilinear(failed: Failed) -> Unfit | None:
    """Explain a Bilinear whose inputs have other numbers of features."""
    if failed.resolved.cls is not nn.Bilinear:
        return None
    for place, name in enumerate(("in1_features", "in2_features")):
        wants, value = failed.number(name), failed.inputs[place] if place < len(failed.inputs) else None
        shape = getattr(value, "shape", ())
        if wants is not None and shape and shape[-1] != wants:
            words = f"Bilinear takes {wants} features in input {place + 1}, and that is {failed.batch.text(value)}."
            return Unfit(words, [set_to(name, wants, shape[-1])])
    return None


def channels(failed: Failed) -> Unfit | None:
    """Explain a normalization of another number of channels."""
    name = "num_channels" if failed.resolved.cls is nn.GroupNorm else "num_features"
    wants = failed.number(name)
    if not (_CHANNELS.match(failed.kind) or failed.resolved.cls is nn.GroupNorm) or wants is None:
        return None
    groups = failed.number("num_groups")
    if groups is not None and wants % groups:
        near = nearest_divisor(wants, groups)
        words = f"GroupNorm splits {wants} channels into groups of one size, and {groups} does not divide {wants}."
        return Unfit(words, [set_to("num_groups", groups, near)])
    if len(failed.shape) < 2 or failed.shape[1] == wants:
        return None
    got = failed.shape[1]
    words = f"{failed.name} normalizes {wants} channels, dimension 1, and its input {failed.shape_text} has {got}."
    return Unfit(words, [set_to(name, wants, got)])


def last_dimensions(failed: Failed) -> Unfit | None:
    """Explain a LayerNorm or RMSNorm of another shape."""
    value = failed.resolved.values.get("normalized_shape")
    if failed.kind not in ("LayerNorm", "RMSNorm") or value is None or not failed.shape:
        return None
    wants = tuple(value) if isinstance(value, tuple | list) else (value,)
    got = failed.shape[-len(wants) :]
    if got == wants:
        return None
    words = f"{failed.name} normalizes the last dimensions {wants}, and its input is {failed.shape_text}."
    fits = got if len(got) == len(wants) else failed.shape[1:]
    if not fits or any(size % failed.batch.size == 0 for size in fits):
        return Unfit(words)
    return Unfit(words, [set_to("normalized_shape", value, fits[0] if len(fits) == 1 else fits)])


def recurrent(failed: Failed) -> Unfit | None:
    """Explain a recurrent layer with another number of features, or an input of the wrong rank."""
    wants = failed.number("input_size")
    if not failed.of_torch or wants is None or failed.module is None or not failed.shape:
        return None
    cell = failed.kind.endswith("Cell")
    if len(failed.shape) not in ((1, 2) if cell else (2, 3)):
        takes = "(N, features)" if cell else "(N, time, features) with batch_first"
        remedies = []
        if not cell and len(failed.shape) == 4:
            remedies = [
                expression_first("x.flatten(2).transpose(1, 2)", "each place of a map one step of time")
            ]
        return Unfit(f"{failed.name} takes {takes}, and its input is {failed.shape_text}.", remedies)
    if failed.shape[-1] == wants:
        return None
    words = (
        f"{failed.name} takes {wants} features in the last dimension, and its input is {failed.shape_text}."
    )
    return Unfit(words, [set_to("input_size", wants, failed.shape[-1])])


def dtype(failed: Failed) -> Unfit | None:
    """Explain floats where whole numbers are wanted, and the other way round."""
    first = failed.first
    if first is None or failed.module is None or not failed.of_torch:
        return None
    name = str(first.dtype).removeprefix("torch.")
    if isinstance(failed.module, _INTEGERS):
        if first.dtype.is_floating_point or first.dtype.is_complex:
            words = f"{failed.name} looks rows up by whole numbers, int64, and its input is {name}."
            return Unfit(words, [expression_first("x.long()")])
        return None
    weight = next((p for p in failed.module.parameters() if p.dtype.is_floating_point), None)
    if weight is not None and weight.dtype is not first.dtype:
        own = str(weight.dtype).removeprefix("torch.")
        call = {"float32": "x.float()", "float64": "x.double()", "float16": "x.half()"}.get(
            own, f"x.to(torch.{own})"
        )
        return Unfit(f"{failed.name} computes in {own}, and its input is {name}.", [expression_first(call)])
    whole = not (first.dtype.is_floating_point or first.dtype.is_complex)
    if whole and (failed.kind in _FLOATS_ALONE or "not implemented for" in str(failed.error)):
        return Unfit(f"{failed.name} takes floats, and its input is {name}.", [expression_first("x.float()")])
    return None


def unflatten(failed: Failed) -> Unfit | None:
    """Explain an Unflatten whose sizes do not multiply to the dimension's."""
    if failed.kind != "Unflatten":
        return None
    dim, sizes = failed.number("dim"), failed.resolved.values.get("unflattened_size")
    if (
        dim is None
        or not isinstance(sizes, tuple | list)
        or not -len(failed.shape) <= dim < len(failed.shape)
    ):
        return None
    words = f"Unflatten splits dimension {dim}, of {failed.shape[dim]}, into {tuple(sizes)}, whose product is another."
    whole = (*(sizes[:-1]), -1)
    known = 1
    for size in sizes[:-1]:
        known *= size if type(size) is int else 0
    fits = known > 0 and failed.shape[dim] % known == 0
    last = failed.shape[dim] // known if fits else 0
    remedy = set_to("unflattened_size", tuple(sizes), (*whole[:-1], last))
    return Unfit(words, [remedy] if fits else [])


def glu(failed: Failed) -> Unfit | None:
    """Explain a GLU of an odd dimension."""
    if failed.kind != "GLU" or not failed.shape:
        return None
    dim = failed.number("dim")
    dim = -1 if dim is None else dim
    even = [d for d in range(1, len(failed.shape)) if failed.shape[d] % 2 == 0]
    words = f"GLU halves dimension {dim}, which must be even; its input is {failed.shape_text}."
    return Unfit(words, [set_to("dim", dim, even[0])] if even else [])


def no_such_dim(failed: Failed) -> Unfit | None:
    """Explain a dimension that the input does not have."""
    found = _OUT_OF_RANGE.search(str(failed.error))
    last, asked = len(failed.shape) - 1, failed.number("dim")
    if found is not None:
        last, asked = int(found[1]), int(found[2])
    elif failed.kind not in _ALONG or asked is None or -last - 1 <= asked <= last:
        return None
    if not failed.of_torch or not failed.shape:
        return None
    words = f"{failed.name} asks for dimension {asked}, and its input {failed.shape_text} ends with {last}."
    name = next((a.name for a in failed.resolved.arguments if a.text == str(asked)), None)
    return Unfit(words, [set_to(name, asked, last)] if name is not None else [])


RULES: Final[tuple[Rule, ...]] = (
    dtype, linear, bilinear, channels, last_dimensions, recurrent, unflatten, glu, no_such_dim,
)  # fmt: skip
