"""The private names of torch that the kernel uses, found by feature and never by version.

A function here answers with the plain case where torch lacks the name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Final

import torch

_LAZY: Final[tuple[type, ...]] = (torch.nn.UninitializedParameter, torch.nn.UninitializedBuffer)
_NO_DISPATCH: Final = getattr(torch.Tensor, "__torch_dispatch__", None)


def without_overrides() -> AbstractContextManager[object]:
    """Return a context for this thread in which no `__torch_function__` of the user's is called.

    Neither a tensor subclass's own nor a mode's: asking such a tensor for its shape would run their code.
    """
    disable = getattr(torch._C, "DisableTorchFunction", None)
    return nullcontext() if disable is None else disable()


def dispatches_in_python(tensor: torch.Tensor) -> bool:
    """Whether operations on the tensor run Python code of its class, as for DTensor and FakeTensor.

    Such an operation may do anything; on a DTensor it may wait for other processes.
    """
    return getattr(type(tensor), "__torch_dispatch__", None) is not _NO_DISPATCH


def is_transformed(tensor: torch.Tensor) -> bool:
    """Whether it belongs to a transform in progress (`vmap`, `grad`), outside which it has no values."""
    functorch = getattr(torch._C, "_functorch", None)
    test: Callable[[torch.Tensor], bool] | None = getattr(functorch, "is_functorch_wrapped_tensor", None)
    return test is not None and test(tensor)


def is_lazy(tensor: torch.Tensor) -> bool:
    """Whether it is a parameter or buffer that gets its shape from the first input."""
    return issubclass(type(tensor), _LAZY)


def version_of(tensor: torch.Tensor) -> int | None:
    """Return the count of in-place changes; None where torch keeps none (tensors of inference mode)."""
    try:
        return int(torch.Tensor._version.__get__(tensor))  # type: ignore[attr-defined]
    except (AttributeError, RuntimeError):
        return None


def stored_values(tensor: torch.Tensor) -> torch.Tensor:
    """Return the stored values of a sparse tensor, without coalescing it, or of a jagged nested one."""
    if tensor.layout is torch.sparse_coo:
        return torch.Tensor._values(tensor)
    if tensor.layout is torch.jagged:
        values: torch.Tensor = object.__getattribute__(tensor, "_values")
        return values
    return torch.Tensor.values(tensor)


def module_table(module: torch.nn.Module, name: str) -> Mapping[str, object]:
    """Return `_parameters`, `_buffers` or `_modules` of a module, past a `__getattr__` of its class.

    Empty where the module has none, as before its `super().__init__()`.
    """
    table: object = object.__getattribute__(module, "__dict__").get(name)
    if isinstance(table, Mapping):
        return table
    items = getattr(table, "items", None)  # a scripted module's own wrapper
    return dict(items()) if type(table).__module__.startswith("torch.") and items is not None else {}
