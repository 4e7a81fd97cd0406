"""The private names of torch that the kernel uses, found by feature and never by version.

A function here answers with the plain case where torch lacks the name.

NOTE [Gradients freed while they are read]
`p.grad = None` frees the gradient before it empties its place, and lets other threads run in between: whoever reads
`p.grad` just then ends the process (seen with torch 2.13, about once in ten million reads beside a tight loop). So
`.grad` is read by `grad_of`, and a loop of ours that frees gradients does so with `FREEING_GRADIENTS` held.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from multiprocessing.process import BaseProcess
from typing import Final, cast

import torch
from torch.utils import _python_dispatch
from torch.utils.data.dataloader import _BaseDataLoaderIter

_LAZY: Final[tuple[type, ...]] = (torch.nn.UninitializedParameter, torch.nn.UninitializedBuffer)
FREEING_GRADIENTS: Final = threading.RLock()
"""Held while gradients are freed, and while one is read: see the NOTE above."""
_GRAD: Final = getattr(torch.Tensor, "grad").__get__  # noqa: B009 - for the type checker it is no descriptor
_NO_DISPATCH: Final = getattr(torch.Tensor, "__torch_dispatch__", None)


def without_overrides() -> AbstractContextManager[object]:
    """Return a context for this thread in which no `__torch_function__` and no mode of the user's is called.

    Neither a tensor subclass's own nor a mode's: asking such a tensor for its shape would run their code. A
    `TorchDispatchMode` would see our own operations, and one like `FakeTensorMode` take their values away.
    """
    count = getattr(torch._C, "_len_torch_dispatch_stack", None)
    if count is not None and count():
        return _without_modes(count())
    disable = getattr(torch._C, "DisableTorchFunction", None)
    return nullcontext() if disable is None else disable()


@contextmanager
def _without_modes(count: int) -> Iterator[None]:
    modes: list[object] = []
    try:
        for _ in range(count):
            modes.append(_python_dispatch._pop_mode())
        with without_overrides():
            yield
    finally:
        while modes:
            _python_dispatch._push_mode(modes.pop())  # type: ignore[arg-type]


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


def grad_of(tensor: torch.Tensor) -> object:
    """Return `.grad` by torch's own getter; of what is no leaf and retains none, torch warns."""
    with FREEING_GRADIENTS:
        gradient: object = _GRAD(tensor)
        return gradient


def is_view(tensor: torch.Tensor) -> bool:
    """Whether torch keeps it as a view of another tensor; in inference mode it keeps no book of that."""
    return torch.Tensor._is_view(tensor)


def dimension_names(tensor: torch.Tensor) -> tuple[str | None, ...]:
    """Return the names of the dimensions; nothing where torch has no named tensors, as from 2.13 on."""
    getter = getattr(torch.Tensor, "names", None)
    return () if getter is None else tuple(getter.__get__(tensor))


def without_names(tensor: torch.Tensor) -> torch.Tensor:
    """Return the tensor with no names of dimensions, where torch has them."""
    if not any(dimension_names(tensor)):
        return tensor
    return cast("torch.Tensor", getattr(torch.Tensor, "rename")(tensor, None))  # noqa: B009


def storage_address(tensor: torch.Tensor) -> int:
    """Return where the storage of a tensor begins; 0 where it has no memory of its own.

    `data_ptr()` would do, but ends the sharing of a storage that is copied when somebody writes (`_lazy_clone`).
    """
    address: Callable[[torch.Tensor], int] | None = getattr(torch._C, "_data_address", None)
    try:
        return torch.Tensor.untyped_storage(tensor).data_ptr() if address is None else address(tensor)
    except (RuntimeError, NotImplementedError):  # of a transform, opaque
        return 0


def address_of(tensor: torch.Tensor) -> int:
    """Return where the first value of a strided tensor lies; 0 where it has no memory."""
    begin = storage_address(tensor)
    offset = torch.Tensor.storage_offset(tensor) * torch.Tensor.element_size(tensor)
    return begin + int(offset) if begin else 0


def jagged_parts(tensor: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None, int]:
    """Return offsets, lengths (None where there are no holes) and the dimension that varies, of a jagged tensor."""
    offsets, lengths, ragged_dim = (
        object.__getattribute__(tensor, name) for name in ("_offsets", "_lengths", "_ragged_idx")
    )
    return offsets, lengths, ragged_dim


def is_mkldnn(tensor: torch.Tensor) -> bool:
    """Whether its values lie in the way of oneDNN, which only that library reads."""
    return tensor.layout is getattr(torch, "_mkldnn", None)


def sparse_parts(tensor: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Return the tensors that a sparse tensor is stored as, its values last, not coalesced; none of any other."""
    layout = torch.Tensor.layout.__get__(tensor)  # type: ignore[attr-defined]
    if layout is torch.sparse_coo:
        return torch.Tensor._indices(tensor), torch.Tensor._values(tensor)
    if layout in (torch.sparse_csr, torch.sparse_bsr):
        return (
            torch.Tensor.crow_indices(tensor),
            torch.Tensor.col_indices(tensor),
            torch.Tensor.values(tensor),
        )
    if layout in (torch.sparse_csc, torch.sparse_bsc):
        return (
            torch.Tensor.ccol_indices(tensor),
            torch.Tensor.row_indices(tensor),
            torch.Tensor.values(tensor),
        )
    return ()


def stored_values(tensor: torch.Tensor) -> torch.Tensor:
    """Return the stored values of a sparse tensor, without coalescing it, or of a jagged nested one."""
    if tensor.layout is torch.jagged:
        values: torch.Tensor = object.__getattribute__(tensor, "_values")
        return values
    return sparse_parts(tensor)[-1]


def module_table(module: torch.nn.Module, name: str) -> Mapping[str, object]:
    """Return `_parameters`, `_buffers` or `_modules` of a module, past a `__getattr__` of its class.

    Empty where the module has none, as before its `super().__init__()`.
    """
    table: object = object.__getattribute__(module, "__dict__").get(name)
    if isinstance(table, Mapping):
        return table
    items = getattr(table, "items", None)  # a scripted module's own wrapper
    return dict(items()) if type(table).__module__.startswith("torch.") and items is not None else {}


def worker_processes(batches: object) -> tuple[BaseProcess, ...]:
    """Return the processes that load batches for an iterator of a DataLoader; empty for any other object."""
    found = getattr(batches, "_workers", None) if isinstance(batches, _BaseDataLoaderIter) else None
    return tuple(found) if isinstance(found, list) else ()


def is_compiled(module: torch.nn.Module) -> bool:
    """Whether `torch.compile` has taken the module over: as a wrapper around it, in place, or its `forward` alone."""
    wrapper = getattr(sys.modules.get("torch._dynamo"), "OptimizedModule", None)
    if wrapper is None:  # nothing is compiled before that is imported
        return False
    return (
        isinstance(module, wrapper)
        or getattr(module, "_compiled_call_impl", None) is not None
        or getattr(getattr(module, "forward", None), "_torchdynamo_orig_callable", None) is not None
    )


def as_written(module: torch.nn.Module) -> Callable[..., object]:
    """Return what runs the module uncompiled: for a pass of another shape or mode, which would compile anew."""
    if not is_compiled(module):
        return module
    inner = getattr(module, "_orig_mod", None)
    if isinstance(inner, torch.nn.Module):
        return as_written(inner)
    forward: Callable[..., object] = module.forward
    written: Callable[..., object] | None = getattr(forward, "_torchdynamo_orig_callable", None)
    return forward if written is None else written
