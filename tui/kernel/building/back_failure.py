"""Why a module failed, in plain words, with the shapes of its input and its weight."""

from __future__ import annotations

import re
from typing import Final

from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd as _Convolution

from tui.kernel import torch_private
from tui.kernel.building.back_values import tensors_of, typed_text
from tui.kernel.explain import explain, where
from tui.kernel.module_walk import parameters_of
from tui.kernel.safe_objects import class_name, cut, is_a

_WIDTH: Final = 500


def failure_words(
    error: BaseException,
    module: nn.Module,
    args: tuple[object, ...],
    kwargs: dict[str, object],
    *,
    meta: bool,
) -> str:
    """Return one or two sentences: what does not fit, then input and weight, then where the user's code failed."""
    inputs = [*args, *kwargs.values()]
    words = _own_words(error, module, inputs, meta=meta) or explain(error)
    context = _context(module, inputs)
    place = where(error)
    parts = [words.rstrip(".")]
    if context and context not in words:
        parts.append(f"({context})")
    if place:
        parts.append(f"at {place}")
    return cut(" ".join(parts), _WIDTH)


def _context(module: nn.Module, inputs: list[object]) -> str:
    """Return ``input float32 (32, 400), weight float32 (10, 256)``."""
    texts = []
    given = typed_text(inputs)
    if given:
        texts.append(f"input {given}")
    weight = dict(parameters_of(module)).get("weight")
    if weight is not None and not torch_private.is_lazy(weight):
        texts.append(f"weight {typed_text(weight)}")
    return ", ".join(texts)


def _own_words(error: BaseException, module: nn.Module, inputs: list[object], *, meta: bool) -> str:
    """Return words for what goes wrong most often in one layer; empty where none apply."""
    text = str(error)
    name = class_name(module)
    tensors = list(tensors_of(inputs))
    if meta and _needs_values(error, text):
        return (
            "its forward asks for values or makes tensors on another device, and a run on shapes alone has none:"
            " give a tensor as input"
        )
    if is_a(module, (nn.Embedding, nn.EmbeddingBag)) and tensors and tensors[0].is_floating_point():
        return f"{name} takes integers (ids), got {_dtype(tensors[0])}: use x.long()"
    if is_a(module, (nn.Embedding, nn.EmbeddingBag)) and "index out of range" in text:
        return f"an id is outside of the {module.num_embeddings:,} rows that {name} has: ids go from 0 to one less"
    if isinstance(module, _Convolution) and tensors:
        words = _convolution(module, tensors[0])
        if words:
            return words
    ranks = re.search(r"Expected (\d)D.*?\(?or|expected (\d)D", text)
    if ranks is not None and tensors and "channels" not in text and "input" in text.lower():
        return f"{name} takes another number of dimensions than {tensors[0].dim()}: {_first(text)}"
    own = next((tensor for _, tensor in parameters_of(module)), None)
    if own is None or not tensors or torch_private.is_lazy(own):
        return ""
    first = tensors[0]
    if first.device != own.device and "device" in text:
        return f"the input is on {first.device}, the parameters of {name} on {own.device}: bring both to one device"
    if first.dtype != own.dtype and first.is_floating_point() and ("dtype" in text or "type" in text):
        return (
            f"{name} has parameters of {_dtype(own)}, the input is {_dtype(first)}: bring both to one dtype"
        )
    return ""


def _convolution(module: _Convolution, tensor: Tensor) -> str:
    """Return what is wrong with the channels or the rank of an input; empty where those fit."""
    name, spatial = class_name(module), len(module.kernel_size)
    if tensor.dim() not in (spatial + 1, spatial + 2):
        wanted = "(N, C, " + ", ".join(("D", "H", "W")[3 - spatial :] if spatial > 1 else ("L",)) + ")"
        return f"{name} takes an input {wanted}, got {tensor.dim()} dimensions"
    channels = tensor.size(-spatial - 1)
    if channels != module.in_channels:
        return (
            f"shapes do not fit: a {name} that takes {module.in_channels} channels got {channels};"
            f" in_channels must be {channels}"
        )
    return ""


def _needs_values(error: BaseException, text: str) -> bool:
    if is_a(error, NotImplementedError):
        return True
    phrases = (
        "meta tensor",
        "on meta",
        "meta device",
        "device meta",
        "Meta tensors",
        "meta, ",
        "and meta",
        "meta!",
    )
    return any(phrase in text for phrase in phrases) or "data-dependent" in text.lower()


def _dtype(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")


def _first(text: str) -> str:
    return cut(" ".join(text.split("\n")[0].split()), 200)
