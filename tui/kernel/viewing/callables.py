"""What an expression may call, and why it may not call the rest."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Final

import torch
from torch import Tensor, nn

from tui.kernel.safe_objects import class_name, is_a
from tui.kernel.variables import attribute
from tui.kernel.viewing import allowed
from tui.kernel.viewing.errors import ViewError
from tui.kernel.viewing.lookups import article, nearest


@dataclass(frozen=True)
class Function:
    """A function of torch's or a method of a tensor, that a view may call."""

    name: str
    call: Callable[..., object]
    bound: tuple[object, ...] = ()
    """The tensor of a method."""

    def check(self, args: Sequence[object], options: Mapping[str, object], text: str) -> None:
        """Raise `ViewError` for arguments that would make it write somewhere or move values."""
        for option in allowed.FORBIDDEN_OPTIONS & options.keys():
            raise ViewError("bad expression", f"A view only looks: leave {option}= out of {text}.")
        most = allowed.by_place(self.call)
        if most is not None and len(self.bound) + len(args) > most:
            raise ViewError("bad expression", f"Name the later arguments in {text}, as in dim=0.")
        if self.name == "to" and not (
            (len(args) == 1 and type(args[0]) is torch.dtype) or "dtype" in options
        ):
            raise ViewError(
                "bad expression",
                f"A view reads a tensor on the device where it is: {text} may change the dtype alone.",
            )


def _length(value: object) -> int:
    if is_a(value, Tensor):
        return Tensor.size(value, 0)
    if type(value) in (list, tuple, torch.Size, str):
        return len(value)  # type: ignore[arg-type]
    raise TypeError(f"a {class_name(value)} has no length here")


BUILTINS: Final = {
    function.name: function
    for function in (
        Function("abs", abs),
        Function("float", float),
        Function("int", int),
        Function("len", _length),
        Function("slice", slice),
    )
}
"""Of Python, under names that the user has not given to something else."""


def is_module_of_torch(obj: object) -> bool:
    """Whether it is one of the modules of torch whose functions a view may call, or that lead to them."""
    return any(obj is module for module in (*allowed.FUNCTIONS, *allowed.SUBMODULES.values()))


def of_module(module: object, name: str, path: str) -> object:
    """Return what a module of torch holds under a name, where a view may use it.

    Raises:
        ViewError: it may not, or there is none.
    """
    submodule = allowed.SUBMODULES.get((module, name))
    if submodule is not None:
        return submodule
    assert is_a(module, ModuleType)
    held = ModuleType.__getattribute__(module, "__dict__").get(name)
    functions = allowed.FUNCTIONS.get(module, frozenset())
    if name in functions:
        assert callable(held)
        return Function(f"{path}.{name}", held)
    if type(held) is torch.dtype or (name in allowed.CONSTANTS and type(held) is float):
        return held
    if held is None:
        raise ViewError("bad expression", f"{path} has no {name}.{nearest(name, functions)}")
    raise ViewError(
        "bad expression",
        f"A view cannot use {path}.{name}: it may draw random numbers, change something, or make a tensor of any size; "
        "assign its result in a cell first.",
    )


def method_of(tensor: Tensor, name: str, path: str) -> Function:
    """Return a method of a tensor that changes nothing.

    Raises:
        ViewError: there is none of that name, or it does more than look.
    """
    if name in allowed.METHODS:
        return Function(name, getattr(Tensor, name), (tensor,))
    if not hasattr(Tensor, name):
        raise ViewError("bad expression", f"A tensor has no {name}.{nearest(name, allowed.METHODS)}")
    why = allowed.WHY_NOT.get(name)
    if why is None and name.endswith("_") and not name.startswith("_"):
        other = name.rstrip("_")
        why = "it would change the tensor" + (f"; write {other}" if other in allowed.METHODS else "")
    if why is None:
        why = "it may draw random numbers, change something or leave the device; assign its result in a cell first"
    raise ViewError("bad expression", f"A view cannot use {path}.{name}: {why}.")


def grad_of(tensor: Tensor, path: str) -> object:
    """Return `.grad` where torch keeps one, without the warning that it gives elsewhere."""
    path = path if path.isidentifier() or path.endswith((")", "]")) or " " not in path else f"({path})"
    if not (attribute(tensor, "is_leaf") or attribute(tensor, "retains_grad")):
        words = (
            f"{path} is the result of an operation: torch keeps its .grad only after {path}.retain_grad()."
        )
        raise ViewError("not a tensor", words)
    grad = attribute(tensor, "grad")
    if grad is None:
        raise ViewError(
            "not a tensor", f"{path}.grad is None: no backward has reached it, or it was set to None."
        )
    return grad


def refusal(function: object, path: str, text: str) -> str:
    """Return why a view does not call an object of the user's."""
    if is_a(function, nn.Module):
        return f"A view cannot call modules: {text}; assign the result in a cell first."
    if is_a(function, (FunctionType, MethodType, type, BuiltinFunctionType)):
        return f"A view cannot call your own functions: {text}; assign the result in a cell first."
    return f"{path} is {article(class_name(function))}, which a view cannot call: {text}."
