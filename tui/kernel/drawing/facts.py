"""What there is to say of a tensor of any kind, without its values."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor

from tui.kernel import torch_private
from tui.kernel.drawing.plain_values import plain_class
from tui.kernel.module_walk import elements_of
from tui.kernel.safe_objects import class_name
from tui.kernel.summary import summarize
from tui.kernel.tensor_stats import TensorStats, Unavailable
from tui.kernel.variable_members import attribute
from tui.kernel.variable_memory import storages_of
from tui.kernel.variables import grad_state
from tui.protocol.values import TensorFacts

V = TypeVar("V")


def tensor_facts(tensor: Tensor, stats: TensorStats | Unavailable | None = None) -> TensorFacts:
    """Return the facts of a tensor of any kind; reads no values, so it neither waits nor allocates. Never raises.

    Args:
        tensor: of any dtype, layout, device and class.
        stats: of the same tensor; None: the facts come without statistics.
    """
    with torch.inference_mode(), torch_private.without_overrides():
        grad_fn = _answer(lambda: attribute(tensor, "grad_fn"), None)
        storage_bytes = _answer(lambda: _storage_bytes(plain_class(tensor)), None)
        known = stats if isinstance(stats, TensorStats) else None
        return TensorFacts(
            type_name=class_name(tensor),
            shape=_answer(lambda: _shape(tensor), (-1,)),
            dtype=_answer(lambda: str(attribute(tensor, "dtype")).removeprefix("torch."), "?"),
            device=_answer(lambda: str(attribute(tensor, "device")), "?"),
            elements=_answer(lambda: max(0, elements_of(tensor)), 0),
            size_bytes=_answer(lambda: _size_bytes(tensor), None),
            storage_bytes=storage_bytes,
            layout=_answer(lambda: _layout(tensor), "?"),
            strides=_answer(lambda: _strides(tensor), None),
            contiguous=_answer(lambda: _strides(tensor) is None or bool(Tensor.is_contiguous(tensor)), True),
            is_view=_answer(lambda: _is_view(tensor, storage_bytes), False),
            statistics="" if stats is None else _answer(lambda: summarize(plain_class(tensor), stats), ""),
            minimum=_float_of(known.minimum if known else None),
            maximum=_float_of(known.maximum if known else None),
            nan=known.nan if known else 0,
            posinf=known.posinf if known else 0,
            neginf=known.neginf if known else 0,
            sampled=known is not None and known.sampled,
            grad=_answer(lambda: grad_state(tensor), ""),
            grad_fn="" if grad_fn is None else class_name(grad_fn),
            names=_answer(lambda: _names(tensor), ()),
        )


def _answer(question: Callable[[], V], otherwise: V) -> V:
    """Return the answer, or `otherwise` where this kind of tensor has none: each kind refuses other questions."""
    try:
        return question()
    except Exception:  # noqa: BLE001 - one odd property must not cost the user the others
        return otherwise


def _float_of(value: float | None) -> float | None:
    return None if value is None else float(value)


def _is_nested(tensor: Tensor) -> bool:
    return bool(attribute(tensor, "is_nested"))


def _shape(tensor: Tensor) -> tuple[int, ...]:
    """Return the shape with -1 for what varies or is not known; of a lazy parameter not even the rank is."""
    if torch_private.is_lazy(tensor):
        return (-1,)
    return tuple(_size(tensor, dim) for dim in range(Tensor.dim(tensor)))


def _size(tensor: Tensor, dim: int) -> int:
    """Return the size of a dimension; -1 of a jagged one, which is no number, and of an irregular one."""
    try:
        return int(Tensor.size(tensor, dim))
    except (AttributeError, RuntimeError, TypeError):
        return -1


def _layout(tensor: Tensor) -> str:
    """Return the word for how the values lie in memory."""
    if _is_nested(tensor):
        return "jagged" if attribute(tensor, "layout") is torch.jagged else "nested"
    if attribute(tensor, "is_quantized"):
        return "quantized"
    return str(attribute(tensor, "layout")).removeprefix("torch.").lstrip("_")


def _strides(tensor: Tensor) -> tuple[int, ...] | None:
    plain = attribute(tensor, "layout") is torch.strided and not _is_nested(tensor)
    if not plain or torch_private.is_lazy(tensor):
        return None
    return tuple(int(stride) for stride in Tensor.stride(tensor))


def _size_bytes(tensor: Tensor) -> int | None:
    """Return what the elements take; of a sparse tensor, what it stores, its indices included."""
    if torch_private.is_lazy(tensor) or str(attribute(tensor, "device")).startswith("meta"):
        return None
    parts = torch_private.sparse_parts(tensor)
    if parts:
        return sum(part.numel() * part.element_size() for part in parts)
    return elements_of(tensor) * Tensor.element_size(tensor)


def _storage_bytes(tensor: Tensor) -> int | None:
    storages = storages_of(tensor)
    return sum(storages.values()) if storages else None


def _is_view(tensor: Tensor, storage_bytes: int | None) -> bool:
    """Return whether torch knows it as a view; in inference mode it keeps no book, but the storage is larger."""
    if _is_nested(tensor) or torch_private.dispatches_in_python(tensor):
        return False
    if torch_private.is_view(tensor):
        return True
    own = elements_of(tensor) * Tensor.element_size(tensor)
    inference = Tensor.is_inference(tensor) and attribute(tensor, "layout") is torch.strided
    return inference and storage_bytes is not None and storage_bytes > own


def _names(tensor: Tensor) -> tuple[str, ...]:
    """Return the names of the dimensions, nothing where none has one."""
    names = torch_private.dimension_names(tensor)
    return tuple("" if name is None else str(name) for name in names) if any(names) else ()
