"""What an expression that is being typed stands for, found without running any code of the user's.

Names, attributes and subscripts are followed through dictionaries that hold what was assigned; a property, a
`__getattr__` or a call is not run. Of a call of torch's own or of a class, the class of its result is told.
See NOTE [Foreign objects] in `tui.kernel.safe_objects`.
"""

from __future__ import annotations

import ast
import builtins
import sys
import types
from collections.abc import Mapping
from typing import Any, Final, cast

from tui.kernel.known_classes import (
    FUNCTIONS,
    is_library,
    static_attribute,
    torch_classes,
)
from tui.kernel.known_classes import (
    Bound as Bound,
)
from tui.kernel.known_classes import (
    Instance as Instance,
)
from tui.kernel.known_classes import (
    Unknown as Unknown,
)
from tui.kernel.safe_objects import copy_of, instance_attributes, is_a, name_of

_DEPTH: Final = 50
_TENSOR_TENSORS: Final = frozenset({"T", "mT", "H", "mH", "data", "real", "imag"})
_TENSOR_FACTS: Final = frozenset(
    {"shape", "dtype", "device", "layout", "grad_fn", "requires_grad", "is_leaf"}
)
_NOT_TENSORS: Final = frozenset(
    {
        "item", "tolist", "numpy", "size", "dim", "ndimension", "numel", "nelement", "stride",
        "storage_offset", "data_ptr", "element_size", "backward", "is_contiguous", "type", "get_device",
        "manual_seed", "seed", "save", "load", "compile", "set_default_dtype", "equal", "allclose",
        "is_floating_point", "is_complex", "is_tensor", "is_grad_enabled", "get_default_dtype",
        "result_type", "can_cast", "chunk", "unbind", "topk", "sort", "max", "min", "aminmax", "unique",
        "svd", "std_mean", "var_mean", "meshgrid", "qr", "lu", "eig", "finfo", "iinfo", "split",
    }
)  # fmt: skip
"""Functions and methods of torch whose result is no tensor, or not always one."""


def look_up(expression: str, namespace: Mapping[str, object]) -> object:
    """Return what an expression stands for: an object, an `Instance` or a `Bound`.

    Raises:
        Unknown: it cannot be told.
    """
    try:
        tree = ast.parse(expression.strip(), mode="eval").body
        return _look_up(tree, namespace, 0)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise Unknown(expression) from None


def _look_up(node: ast.expr, namespace: Mapping[str, object], depth: int) -> object:
    if depth > _DEPTH:
        raise Unknown("too deep")
    match node:
        case ast.Constant():
            return node.value
        case ast.Name():
            return named(node.id, namespace)
        case ast.Attribute():
            return attribute(_look_up(node.value, namespace, depth + 1), node.attr)
        case ast.Subscript():
            return _item(_look_up(node.value, namespace, depth + 1), node.slice)
        case ast.Call():
            return _result(_look_up(node.func, namespace, depth + 1))
        case ast.BinOp() | ast.UnaryOp() | ast.Compare():
            return _operation(node, namespace, depth)
        case ast.List() | ast.ListComp():
            return Instance(list)
        case ast.Dict() | ast.DictComp():
            return Instance(dict)
        case ast.Tuple():
            return Instance(tuple)
        case ast.Set() | ast.SetComp():
            return Instance(set)
        case ast.JoinedStr():
            return Instance(str)
    raise Unknown(type(node).__name__)


def named(name: str, namespace: Mapping[str, object]) -> object:
    """Return what a name stands for: the user's, else the builtin."""
    for names in (namespace, vars(builtins)):
        if name in names:
            return names[name]
    raise Unknown(name)


def attribute(obj: object, name: str) -> object:
    """Return an attribute, as far as it is stored and not computed.

    Raises:
        Unknown: it is computed, or there is none.
    """
    if is_a(obj, Instance):
        return _of_class(obj.cls, name)
    if is_a(obj, Bound):
        raise Unknown(name)
    if is_a(obj, types.ModuleType):
        return _of_module(obj, name)
    if is_a(obj, type):
        return _unwrapped(static_attribute(obj, name), on_class=True)
    if torch_classes.is_tensor(obj):
        return _of_tensor(obj, name)
    attributes = stored_attributes(obj)
    return attributes[name] if name in attributes else _of_class(type(obj), name, obj)


def stored_attributes(obj: object) -> dict[str, object]:
    """Return what an object holds: its `__dict__`, and what a module of torch keeps in dictionaries of its own."""
    attributes = instance_attributes(obj)
    if torch_classes.is_module(obj):
        for kept in ("_parameters", "_buffers", "_modules"):
            own = attributes.get(kept)
            if is_a(own, dict) and is_a(own, dict):
                attributes = {**copy_of(own), **attributes}
    return attributes


def _of_module(module: types.ModuleType, name: str) -> object:
    names = types.ModuleType.__getattribute__(module, "__dict__")
    if name in names:
        return names[name]
    inner = sys.modules.get(f"{names.get('__name__')}.{name}")
    if inner is None:
        raise Unknown(name)
    return inner


def _of_tensor(tensor: object, name: str) -> object:
    plain = type(tensor) is torch_classes.tensor or type(tensor) is sys.modules["torch"].nn.Parameter
    if plain and name in _TENSOR_FACTS:
        return getattr(tensor, name)
    if plain and name == "grad":
        from tui.kernel.torch_private import grad_of  # torch is there: it is one of its tensors

        own = cast("Any", tensor)
        return grad_of(own) if own.is_leaf else Instance(torch_classes.tensor)  # of others it would warn
    return instance_attributes(tensor).get(name) or _of_class(type(tensor), name)


def _of_class(cls: type, name: str, obj: object = None) -> object:
    """Return what an object of a class finds there."""
    if torch_classes.loaded and issubclass(cls, torch_classes.tensor) and name in {*_TENSOR_TENSORS, "grad"}:
        return Instance(torch_classes.tensor)
    found = static_attribute(cls, name)
    if is_a(found, types.MemberDescriptorType) and obj is not None:
        return found.__get__(obj, cls)  # a slot
    if is_a(found, types.GetSetDescriptorType) and obj is not None and is_library(cls):
        return found.__get__(obj, cls)
    return _unwrapped(found, on_class=False)


def _unwrapped(found: object, *, on_class: bool) -> object:
    if type(found) is staticmethod:
        return found.__func__
    if type(found) is classmethod:
        return Bound(found.__func__)
    if is_a(found, property) or is_a(found, types.GetSetDescriptorType):
        raise Unknown("a property")
    if type(found) in FUNCTIONS and not on_class:
        return Bound(found)
    return found


def _item(obj: object, index: ast.expr) -> object:
    if torch_classes.is_tensor(obj) or (is_a(obj, Instance) and _is_tensor_class(obj.cls)):
        return Instance(torch_classes.tensor)
    key = _constant(index)
    if torch_classes.is_module(obj):
        children = stored_attributes(obj).get("_modules")
        if type(children) is not dict:
            raise Unknown("no modules")
        inner: dict[object, object] = copy_of(children)
        if type(key) is int and all(type(name) is str and name.isdigit() for name in inner):
            obj, inner = list(inner.values()), {}
        elif key in inner:
            return inner[key]
    if (type(obj) is list or type(obj) is tuple) and type(key) is int and -len(obj) <= key < len(obj):
        return obj[key]
    if is_a(obj, dict) and type(key) in (int, str, bool, float) and _plain_keys(obj):
        values = cast("dict[object, object]", copy_of(obj))
        if key in values:
            return values[key]
    raise Unknown("no item that is stored")


def _plain_keys(mapping: dict[Any, Any]) -> bool:
    """Whether to look a key up compares no object of the user's."""
    return all(type(key) in (str, int, float, bool) for key in copy_of(mapping))


def _constant(node: ast.expr) -> object:
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, RecursionError):
        return None


def _is_tensor_class(cls: type) -> bool:
    return torch_classes.loaded and issubclass(cls, torch_classes.tensor)


def _result(function: object) -> object:
    """Return what a call gives, as far as its function tells without running."""
    if is_a(function, type):
        if type(function) is not type and name_of(type(function)) != "_ParameterMeta":
            raise Unknown("a metaclass may give anything")
        return Instance(function)
    inner = function.function if is_a(function, Bound) else function
    if type(inner) is types.FunctionType:
        told = inner.__annotations__.get("return")
        if is_a(told, type):
            return Instance(told)
        if (type(told) is str and told.rpartition(".")[2] == "Tensor") or (
            inner.__module__ == "torch.nn.functional" and told is None
        ):
            return Instance(torch_classes.tensor) if torch_classes.loaded else _unknown()
        return _unknown()
    if torch_classes.loaded and type(inner) in FUNCTIONS and _makes_tensors(inner):
        return Instance(torch_classes.tensor)
    return _unknown()


def _unknown() -> object:
    raise Unknown("what the call gives")


def _makes_tensors(function: Any) -> bool:
    """Whether it is a function or method of torch that returns one tensor."""
    if function.__name__ in _NOT_TENSORS or "-> Tensor" not in (function.__doc__ or "")[:400]:
        return False
    if type(function) is types.BuiltinFunctionType:
        return "torch" in (function.__module__ or "torch")
    return issubclass(torch_classes.tensor, function.__objclass__)


def _operation(node: ast.expr, namespace: Mapping[str, object], depth: int) -> object:
    """Return that the result is a tensor where an operand is one."""
    operands: list[ast.expr] = []
    match node:
        case ast.BinOp():
            operands = [node.left, node.right]
        case ast.UnaryOp():
            operands = [node.operand]
        case ast.Compare():
            operands = [node.left, *node.comparators]
    for operand in operands:
        try:
            found = _look_up(operand, namespace, depth + 1)
        except Unknown:
            continue
        if torch_classes.is_tensor(found) or (is_a(found, Instance) and _is_tensor_class(found.cls)):
            return Instance(torch_classes.tensor)
    raise Unknown("an operation")
