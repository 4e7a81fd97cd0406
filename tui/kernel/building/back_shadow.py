"""A stand-in for a model that can be run beside the user's cells and runs without touching the model.

NOTE [Stand-ins]
Running a model changes it: running statistics of BatchNorm, weights of an Embedding with `max_norm`, lazy parameters,
counters that a `forward` keeps; and hooks of ours on the user's modules would be called by a training that goes on
meanwhile. So each module gets a stand-in of the same class with attributes of its own: containers and bound methods
are made anew around the stand-ins, buffers and other tensors are copies, parameters as well up to a size. What else a
module refers to (objects of other classes, what a hook of the user's writes to) stays the user's own.
"""

from __future__ import annotations

import copy
import functools
import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterable
from types import MethodType
from typing import Any, Final, cast

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from tui.kernel import torch_private
from tui.kernel.building.errors import BuildingError
from tui.kernel.module_walk import distinct_modules, parameters_of
from tui.kernel.safe_objects import class_name, instance_attributes, is_a

COPIED_BYTES: Final = 256 << 20
"""Parameters are copied up to this size together; larger models lend theirs."""
_LONGEST: Final = 10_000
"""Items of a container past which it is not made anew."""
_LEFT_OUT: Final = ("_compiled_call_impl", "_backward_hooks", "_backward_pre_hooks")
"""Of a stand-in's attributes: what would call the original, and what only a backward needs."""
_WRAPPERS: Final = {
    ("torch._dynamo.eval_frame", "OptimizedModule"): "_orig_mod",
    ("torch.nn.parallel.distributed", "DistributedDataParallel"): "module",
    ("torch.nn.parallel.data_parallel", "DataParallel"): "module",
}
"""Modules that call another one by ways of their own, with the attribute of that one."""

TensorCopy = Callable[[Tensor], Tensor]


def stand_ins(root: nn.Module, *, meta: bool) -> dict[int, nn.Module]:
    """Return for the id of each module its stand-in. See NOTE [Stand-ins].

    Args:
        root: the model; only read.
        meta: parameters and buffers are of the meta device, with no memory; else on their own devices.

    Raises:
        BuildingError: it is of a kind that has no stand-in; the message says which.
    """
    return _Maker(_on_meta if meta else _copier(root)).made(root)


def unwrapped(module: nn.Module) -> nn.Module:
    """Return the module inside `torch.compile`'s and the data-parallel wrappers; any other is itself."""
    for _ in range(8):
        kind = (type(module).__module__, class_name(module))
        inner = torch_private.module_table(module, "_modules").get(_WRAPPERS.get(kind, ""))
        if not is_a(inner, nn.Module):
            return module
        module = inner
    return module


class _Maker:
    """Makes the stand-ins of one model."""

    def __init__(self, tensor_copy: TensorCopy) -> None:
        self._tensor_copy = tensor_copy
        self._modules: dict[int, nn.Module] = {}
        self._memo: dict[int, object] = {}
        self._kept: list[object] = []  # the originals, so that their ids stay theirs
        self._unfilled: list[tuple[nn.Module, nn.Module]] = []

    def made(self, root: nn.Module) -> dict[int, nn.Module]:
        modules = list(distinct_modules(root))
        for module in modules:
            self._blank(module)
        while self._unfilled:
            self._fill(*self._unfilled.pop())
        return self._modules

    def _blank(self, module: nn.Module) -> nn.Module:
        """Return the stand-in of a module, to be filled later."""
        found = self._modules.get(id(module))
        if found is not None:
            return found
        self._kept.append(module)
        inner = unwrapped(module)
        if inner is not module:
            blank = self._blank(inner)
        elif isinstance(module, torch.jit.ScriptModule):
            blank = copy.deepcopy(module)
            if self._tensor_copy is _on_meta:
                raise BuildingError(
                    "not readable", "A scripted module runs on real values only: give a tensor."
                )
        elif "FullyShardedDataParallel" in class_name(module) or type(module).__name__.startswith("FSDP"):
            raise BuildingError(
                "not readable", "A model that is sharded over processes cannot be run in this one."
            )
        else:
            try:
                blank = object.__new__(type(module))
            except TypeError as error:
                raise BuildingError(
                    "not readable", f"A {class_name(module)} cannot be copied: {error}."
                ) from None
            self._unfilled.append((module, blank))
        self._modules[id(module)] = blank
        return blank

    def _fill(self, module: nn.Module, blank: nn.Module) -> None:
        own = object.__getattribute__(blank, "__dict__")
        for name, value in instance_attributes(module).items():
            if name in _LEFT_OUT:
                if name != "_compiled_call_impl":
                    own[name] = OrderedDict()
                continue
            own[name] = self._carried(value, 0)

    def _carried(self, value: object, depth: int) -> object:
        """Return what a stand-in has in place of a value."""
        kind = type(value)
        if value is None or kind in (bool, int, float, str):
            return value
        if kind in (dict, OrderedDict, list, tuple, set):
            if not value:
                return kind()
            return self._container(value, depth)
        if is_a(value, (nn.Module, Tensor)):
            return self._known(value)
        if kind is MethodType:
            method = cast("MethodType", value)
            owner = self._modules.get(id(method.__self__))
            return value if owner is None else MethodType(method.__func__, owner)
        if kind is functools.partial:
            call = cast("functools.partial[Any]", value)
            args = [self._carried(arg, depth + 1) for arg in call.args]
            kwargs = {name: self._carried(arg, depth + 1) for name, arg in call.keywords.items()}
            return functools.partial(cast("Any", self._carried(call.func, depth + 1)), *args, **kwargs)
        if kind is RemovableHandle:
            return self._handle(cast("RemovableHandle", value))
        if kind is torch.Generator:
            return self._once(value, lambda: _same_generator(cast("torch.Generator", value)))
        return value

    def _known(self, value: object) -> object:
        if is_a(value, nn.Module):
            return self._blank(value)
        tensor = cast("Tensor", value)
        return self._once(tensor, lambda: self._tensor_copy(tensor))

    def _once(self, value: object, make: Callable[[], object]) -> object:
        if id(value) not in self._memo:
            self._kept.append(value)
            self._memo[id(value)] = make()
        return self._memo[id(value)]

    def _container(self, value: Any, depth: int) -> object:
        if id(value) in self._memo:
            return self._memo[id(value)]
        if depth > 6 or len(value) > _LONGEST:
            return value
        self._kept.append(value)
        if type(value) is tuple:
            return tuple(self._each(value, depth))
        if type(value) is set:
            return set(self._each(value, depth))
        if type(value) is list:
            made: list[object] = []
            self._memo[id(value)] = made
            made += self._each(value, depth)
            return made
        table = type(value)()
        self._memo[id(value)] = table
        for key, held in list(value.items()):
            table[key] = self._carried(held, depth + 1)
        return table

    def _each(self, values: Iterable[object], depth: int) -> list[object]:
        return [self._carried(item, depth + 1) for item in list(values)]

    def _handle(self, handle: RemovableHandle) -> object:
        """Return the handle of the same hook on the stand-in: `remove` leaves the original's alone."""
        made = object.__new__(RemovableHandle)
        made.id = handle.id
        made.hooks_dict_ref = self._reference(handle.hooks_dict_ref)
        made.extra_dict_ref = tuple(self._reference(one) for one in handle.extra_dict_ref)
        return made

    def _reference(self, reference: Any) -> Any:
        original = reference()
        if original is None:
            return reference
        found = self._carried(original, 0)
        self._kept += [original, found]
        return weakref.ref(found)


def _same_generator(generator: torch.Generator) -> torch.Generator:
    made = torch.Generator(device=generator.device)
    made.set_state(generator.get_state())
    return made


def _copier(root: nn.Module) -> TensorCopy:
    """Return what copies the tensors of a model: parameters too, unless they are large together."""
    parameters = {
        id(tensor): tensor for module in distinct_modules(root) for _, tensor in parameters_of(module)
    }
    size = sum(_bytes_of(tensor) for tensor in parameters.values())
    clamped = {
        id(tensor)
        for module in distinct_modules(root)
        if is_a(module, (nn.Embedding, nn.EmbeddingBag)) and module.max_norm is not None
        for _, tensor in parameters_of(module)
    }  # such a module scales its weights when it is called

    def copied(tensor: Tensor) -> Tensor:
        if torch_private.is_lazy(tensor):
            return _same_lazy(tensor, tensor.device)
        if size > COPIED_BYTES and id(tensor) in parameters and id(tensor) not in clamped:
            return tensor
        with torch.no_grad():
            return _as_before(tensor, tensor.detach().clone())

    return copied


def _bytes_of(tensor: Tensor) -> int:
    return (
        0 if torch_private.is_lazy(tensor) else int(Tensor.numel(tensor)) * int(Tensor.element_size(tensor))
    )


def _on_meta(tensor: Tensor) -> Tensor:
    """Return a tensor of the same shape and dtype without memory."""
    if torch_private.is_lazy(tensor):
        return _same_lazy(tensor, torch.device("meta"))
    if tensor.device.type == "meta":
        return tensor
    with torch.no_grad():
        if tensor.layout is torch.strided and not tensor.is_quantized:
            made = torch.empty_strided(tensor.size(), tensor.stride(), dtype=tensor.dtype, device="meta")
        else:
            made = tensor.detach().to("meta")
        return _as_before(tensor, made)


def _as_before(tensor: Tensor, made: Tensor) -> Tensor:
    """Return a copy as a parameter where the original is one; of a class of the user's, as it is."""
    if type(tensor) is nn.Parameter:
        return nn.Parameter(made, requires_grad=tensor.requires_grad)
    return made.requires_grad_(tensor.requires_grad) if tensor.is_leaf else made


def _same_lazy(tensor: Tensor, device: torch.device) -> Tensor:
    if isinstance(tensor, nn.UninitializedParameter):
        options = {"device": device, "dtype": tensor.dtype, "requires_grad": tensor.requires_grad}
        return cast("Any", nn.UninitializedParameter)(**options)  # type: ignore[no-any-return]
    return cast("Any", nn.UninitializedBuffer)(device=device, dtype=tensor.dtype)  # type: ignore[no-any-return]
