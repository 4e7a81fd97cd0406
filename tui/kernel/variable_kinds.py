"""What kind of thing a variable is, and one line on it. None of the user's code runs: see `safe_objects`."""

from __future__ import annotations

import sys
import types
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import torch
import torch.utils.data
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from tui.kernel.module_walk import elements_of
from tui.kernel.modules import module_summary
from tui.kernel.safe_objects import (
    class_name,
    cut,
    describe,
    instance_attributes,
    is_a,
    module_of,
    name_of,
    plain_text,
)
from tui.kernel.summary import number, statistics_text
from tui.kernel.tensor_stats import TensorStats, tensor_stats
from tui.kernel.training.waiting.handover import RunHandle
from tui.protocol.messages import Variable

if TYPE_CHECKING:
    import numpy as np

_KINDS: Final[tuple[tuple[str, tuple[type, ...]], ...]] = (
    ("parameter", (nn.Parameter,)),
    ("tensor", (Tensor,)),
    ("module", (nn.Module,)),
    ("optimizer", (Optimizer,)),
    ("scheduler", (LRScheduler,)),
    ("loader", (torch.utils.data.DataLoader,)),
    ("dataset", (torch.utils.data.Dataset,)),
    ("generator", (torch.Generator, types.GeneratorType)),
    ("class", (type,)),
    ("function", (types.FunctionType, types.BuiltinFunctionType, types.MethodType)),
    ("container", (list, tuple, dict, set, frozenset)),
)
_TORCH_VALUES: Final = (torch.dtype, torch.device, torch.Size, torch.layout, torch.memory_format)
_ARRAY_LIMIT: Final = 1_000_000
"""Values of an array that are looked at; a larger one is sampled."""


def kind_of(value: object) -> str:
    """Return the kind of a variable, in the words of `Variable.kind`."""
    if type(value) is RunHandle:
        return "run"
    if type(value) in _TORCH_VALUES:
        return "value"
    array = _array_class()
    if array is not None and issubclass(type(value), array):
        return "array"
    for kind, classes in _KINDS:
        if issubclass(type(value), classes):
            return kind
    return "value"


def summary_of(row: Variable, value: object) -> Variable:
    """Return the row of anything but a tensor with its summary, and for an array with its shape."""
    if is_a(value, nn.Module):
        return replace(row, summary=module_summary(value))
    if row.kind == "array":
        return _array(row, value)
    if row.kind == "optimizer":
        return replace(row, summary=_optimizer(instance_attributes(value)))
    if row.kind == "scheduler":
        return replace(row, summary=_scheduler(instance_attributes(value)))
    if type(value) is RunHandle:
        return replace(row, summary=f"{value.status}, epoch {value.epoch_now}, step {value.step}")
    if row.kind in ("loader", "dataset"):
        return replace(row, summary=_data(value))
    if type(value) in _TORCH_VALUES:
        return replace(row, summary=cut(repr(value)))
    if type(value) is types.FunctionType:
        code = value.__code__
        names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        return replace(row, summary=cut(f"{value.__name__}({', '.join(names)})"))
    if row.kind == "class" and isinstance(value, type):
        return replace(row, summary=cut(".".join(filter(None, (module_of(value), name_of(value))))))
    return replace(row, summary=describe(value))


def _array_class() -> type[np.ndarray] | None:
    """Return NumPy's array class where the user has imported it."""
    numpy = sys.modules.get("numpy")
    return getattr(numpy, "ndarray", None)


def _array(row: Variable, value: object) -> Variable:
    """Return the row of a NumPy array; statistics of exactly that class alone."""
    cls = _array_class()
    assert cls is not None
    shape: tuple[int, ...] = cls.shape.__get__(value)
    dtype = cls.dtype.__get__(value)
    row = replace(row, shape=shape, dtype=str(dtype), device="cpu", size_bytes=int(cls.nbytes.__get__(value)))
    if type(value) is not cls or dtype.kind not in "biufc" or not dtype.isnative:
        return row
    try:
        stats = tensor_stats(_as_tensor(value), limit=_ARRAY_LIMIT)
    except (TypeError, ValueError, RuntimeError):  # a dtype that torch has not
        return row
    name = "|z|" if dtype.kind == "c" else "x"
    text = statistics_text(stats, name) if isinstance(stats, TensorStats) else stats.reason
    return replace(row, summary=text)


def _as_tensor(array: np.ndarray) -> Tensor:
    """Return the values as a tensor: shared memory where torch can, else a copy of at most the limit."""
    if array.flags.writeable and all(stride >= 0 for stride in array.strides):
        return torch.from_numpy(array)  # from a read-only one it would warn
    step = max(1, -(-array.size // _ARRAY_LIMIT))
    return torch.from_numpy(array[::step].copy() if array.ndim else array.copy())


def _optimizer(attributes: Mapping[str, object]) -> str:
    """Return e.g. `lr=0.001, 12,345 parameters, 2 groups`."""
    groups = attributes.get("param_groups")
    if type(groups) is not list or not all(type(group) is dict for group in groups):
        return ""
    rates = dict.fromkeys(text for group in groups if (text := _rate(group.get("lr"))))
    parameters = {id(p): p for group in groups for p in group.get("params", ()) if is_a(p, Tensor)}
    elements = sum(max(0, elements_of(parameter)) for parameter in parameters.values())
    parts = [f"lr={' '.join(rates)}"] if rates else []
    parts.append(f"{elements:,} parameter{'' if elements == 1 else 's'}")
    parts += [f"{len(groups)} groups"] if len(groups) > 1 else []
    return cut(", ".join(parts))


def _rate(rate: object) -> str:
    if is_a(rate, Tensor):
        return "tensor"  # may lie on a device: not worth a synchronization
    return number(rate) if type(rate) in (int, float) and isinstance(rate, int | float) else ""


def _scheduler(attributes: Mapping[str, object]) -> str:
    """Return e.g. `epoch 3 lr=0.01`."""
    epoch, rates = attributes.get("last_epoch"), attributes.get("_last_lr")
    parts = [f"epoch {epoch}"] if type(epoch) is int else []
    if type(rates) is list:
        texts = dict.fromkeys(filter(None, map(_rate, rates)))
        parts += [f"lr={' '.join(texts)}"] if texts else []
    return cut(" ".join(parts))


def _data(value: object) -> str:
    """Return e.g. `TensorDataset of 1,797, batch_size=32`; lengths of torch's own datasets alone."""
    attributes = instance_attributes(value)
    if is_a(value, torch.utils.data.DataLoader):
        dataset, size = attributes.get("dataset"), plain_text(attributes.get("batch_size"))
        return f"{class_name(dataset)}{_length(dataset)}, batch_size={size}"
    return _length(value).removeprefix(" of ") + (" samples" if _length(value) else "") or describe(value)


def _length(dataset: object) -> str:
    attributes = instance_attributes(dataset)
    if type(dataset) is torch.utils.data.TensorDataset:
        tensors = attributes.get("tensors")
        if type(tensors) is tuple and tensors and is_a(tensors[0], Tensor):
            return f" of {Tensor.size(tensors[0])[0]:,}"
    if type(dataset) is torch.utils.data.Subset and type(attributes.get("indices")) is list:
        indices = attributes["indices"]
        return f" of {len(indices):,}" if isinstance(indices, list) else ""
    return ""
