"""A model as a design: its modules as blocks that can be edited, in the order in which its `forward` calls them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from torch import fx, nn

from tui.kernel.building.back_named import named_module
from tui.kernel.building.back_reader import Reader, Unreadable
from tui.kernel.building.back_shadow import unwrapped
from tui.kernel.building.back_source import source_of
from tui.kernel.building.back_trace import NotTraced
from tui.kernel.building.errors import BuildingError
from tui.kernel.module_walk import distinct_modules
from tui.kernel.safe_objects import class_name, cut, instance_attributes, is_a, module_of
from tui.protocol.building import Design, InputSpec
from tui.protocol.models import Imported, ImportModel

_MOST_MODULES: Final = 20_000
_SIDES: Final[dict[int, tuple[int, ...]]] = {1: (128,), 2: (32, 32), 3: (16, 32, 32)}
_STEPS: Final = 16
"""Length of a sequence, where nothing tells it."""


def import_model(namespace: Mapping[str, object], request: ImportModel) -> Imported:
    """Return a model of the namespace as a design.

    `Sequential`s and layers of `torch.nn` are read from the objects; the `forward` of any other class is run once on
    stand-ins that have no values (see `back_trace`). The model itself stays as it is; the design makes new weights.

    Raises:
        BuildingError: there is no such model, or it cannot be a design; the message says what stands in the way.
    """
    text = request.expression.strip()
    model = unwrapped(named_module(namespace, text))
    if sum(1 for _ in distinct_modules(model)) > _MOST_MODULES:
        raise BuildingError("not readable", "The model has too many modules to be edited as blocks.")
    reader = Reader(namespace)
    try:
        inputs, body = reader.whole(model, text)
    except (Unreadable, NotTraced) as error:
        raise BuildingError("not readable", f"{cut(text)} cannot be edited as blocks: {error}.") from None
    except RecursionError:
        raise BuildingError(
            "not readable", "The model is nested too deeply to be edited as blocks."
        ) from None
    of_torch = module_of(type(model)).partition(".")[0] == "torch"
    name = "Model" if of_torch else class_name(model)
    return Imported(Design(name, _inputs(model, inputs), body), tuple(reader.opaque))


def _inputs(model: nn.Module, nodes: list[fx.Node]) -> tuple[InputSpec, ...]:
    """Return what goes into a model: as its documentation has it, else as far as its first layers tell."""
    if not nodes:
        return (_taken_by(model),)
    known = source_of(type(model)).shapes
    modules = dict(model.named_modules())
    found = []
    for node in nodes:
        name = str(node.target)
        shape = known.get(name) or (known.get("Input") if len(nodes) == 1 else None)
        if shape is not None:
            found.append(InputSpec(name, *shape))
            continue
        first = _first_call(node)
        found.append(replace(_taken_by(modules[first]) if first in modules else InputSpec(), name=name))
    return tuple(found)


def _first_call(node: fx.Node) -> str:
    """Return the path of the first module that an input comes to."""
    waiting, seen = list(node.users), set()
    while waiting:
        user = waiting.pop(0)
        if user.op == "call_module":
            return str(user.target)
        if user not in seen:
            seen.add(user)
            waiting += list(user.users)
    return ""


def _taken_by(model: nn.Module) -> InputSpec:
    """Return what a module takes, as its first layer with sizes tells."""
    for module in distinct_modules(model):
        own = instance_attributes(module)
        if is_a(module, (nn.Embedding, nn.EmbeddingBag)):
            return InputSpec(shape=(_STEPS,), dtype="int64")
        if is_a(module, nn.modules.conv._ConvNd) and own.get("in_channels"):
            sides = (28, 28) if module.in_channels == 1 and len(module.kernel_size) == 2 else None
            return InputSpec(shape=(module.in_channels, *(sides or _SIDES[len(module.kernel_size)])))
        if is_a(module, nn.Linear) and own.get("in_features"):
            return InputSpec(shape=(module.in_features,))
        if is_a(module, nn.RNNBase):
            return InputSpec(shape=(_STEPS, module.input_size))
        if is_a(module, nn.MultiheadAttention):
            return InputSpec(shape=(_STEPS, module.embed_dim))
        if is_a(module, (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)) and own.get("num_features"):
            return InputSpec(shape=(module.num_features, *_SIDES[2] * is_a(module, nn.BatchNorm2d)))
    return InputSpec()
