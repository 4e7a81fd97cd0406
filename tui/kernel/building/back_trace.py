"""Follows a `forward` with stand-ins for tensors and notes what it calls, as a graph of `torch.fx`.

NOTE [Tracing without patches]
`torch.fx.symbolic_trace` replaces `nn.Module.__call__` for the whole process while it traces: a training that goes on
in another thread would run into it. Here the modules below are stand-ins (see `back_shadow`) whose `forward`, an
attribute of their own, notes the call; the rest is what `torch.fx.Proxy` does by itself. The user's `forward` runs
once, without values.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from types import CodeType, FrameType
from typing import Any, Final

import torch
from torch import fx, nn
from torch.fx.proxy import GraphAppendingTracer, TraceError

from tui.kernel.building.back_shadow import stand_ins
from tui.kernel.explain import explain
from tui.kernel.module_walk import distinct_modules
from tui.kernel.safe_objects import class_name, cut

LINE: Final = "line"
"""Key of a node's `meta`: the line of the traced `forward` that made it."""
_HOOKS: Final = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


class NotTraced(Exception):
    """A `forward` that cannot be followed without values; the message says why."""


class _Tracer(GraphAppendingTracer):
    """Notes nodes in a graph, each with the line it comes from."""

    def __init__(self, code: CodeType | None) -> None:
        super().__init__(fx.Graph())
        self._code = code

    def create_node(self, *args: Any, **kwargs: Any) -> fx.Node:
        """Add a node."""
        node = super().create_node(*args, **kwargs)
        frame: FrameType | None = sys._getframe(1)
        while frame is not None and frame.f_code is not self._code:
            frame = frame.f_back
        node.meta[LINE] = 0 if frame is None else frame.f_lineno
        return node

    def create_arg(self, a: Any) -> Any:
        """Return an argument as a graph has it; tensors are none."""
        if isinstance(a, torch.Tensor):
            kind = "a parameter" if isinstance(a, nn.Parameter) else "a tensor of its own"
            raise NotTraced(f"it computes with {kind}")
        try:
            return super().create_arg(a)
        except NotImplementedError:
            raise NotTraced(f"it passes on a {class_name(a)}") from None


def trace(module: nn.Module) -> fx.Graph:
    """Return what a module's `forward` does with its inputs: placeholders, calls of modules by path, operations.

    Raises:
        NotTraced: it depends on values, takes no plain arguments, or computes with what no graph has.
    """
    modules = stand_ins(module, meta=True)
    stand_in = modules[id(module)]
    forward = type(stand_in).forward
    tracer = _Tracer(getattr(forward, "__code__", None))
    below = {id(child): child for child in distinct_modules(stand_in) if child is not stand_in}
    paths: dict[int, str] = {}
    for path, child in stand_in.named_modules():
        if id(child) in below:
            paths.setdefault(id(child), path)
    for child in below.values():
        own = object.__getattribute__(child, "__dict__")
        for table in _HOOKS:
            own[table] = {}
        own["forward"] = _recorder(tracer, paths.get(id(child), ""))
    inputs = [
        fx.Proxy(tracer.create_node("placeholder", name, (), {}), tracer) for name in _input_names(forward)
    ]
    try:
        with torch.no_grad(), torch.device("meta"):
            output = forward(stand_in, *inputs)
        tracer.graph.output(tracer.create_arg(output))
    except NotTraced:
        raise
    except TraceError:
        raise NotTraced("which way it goes depends on values, or it loops over a tensor") from None
    except (Exception, SystemExit) as error:  # noqa: BLE001 - the user's forward may raise anything
        raise NotTraced(cut(explain(error), 160)) from None
    return tracer.graph


def _recorder(tracer: _Tracer, path: str) -> Callable[..., object]:
    def record(*args: object, **kwargs: object) -> object:
        return tracer.create_proxy("call_module", path, args, kwargs)

    return record


def _input_names(forward: Callable[..., object]) -> list[str]:
    """Return the names of the arguments that must be given."""
    try:
        parameters = list(inspect.signature(forward).parameters.values())[1:]
    except (TypeError, ValueError) as error:
        raise NotTraced(str(error)) from None
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        raise NotTraced("it takes any number of arguments")
    names = [p.name for p in parameters if p.default is p.empty and p.kind is not p.VAR_KEYWORD]
    if not names:
        raise NotTraced("its forward takes no input")
    return names
