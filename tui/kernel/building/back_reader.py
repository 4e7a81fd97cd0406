"""Reads modules as blocks: containers and layers from the objects, other classes from their `forward`."""

from __future__ import annotations

import ast
import itertools
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from torch import fx, nn

from tui.kernel.building.back_blocks import Layers, Lines
from tui.kernel.building.back_layers import NotRecovered, arguments_of, is_frozen, is_matrix, layer_name
from tui.kernel.building.back_repeats import (
    alike,
    as_frozen,
    as_repeat,
    folded,
    frozen_together,
    repeats_joined,
)
from tui.kernel.building.back_shadow import unwrapped
from tui.kernel.building.back_source import EACH, Source, at_path, is_comprehension, items_of, source_of
from tui.kernel.building.back_structure import structured
from tui.kernel.building.back_trace import NotTraced, trace
from tui.kernel.building.back_units import output_unit, placeholders, units_of
from tui.kernel.module_walk import children_of, distinct_modules, member_path, parameters_of
from tui.kernel.safe_objects import cut, is_a, module_of, name_of
from tui.protocol.building import Block

_DEEPEST: Final = 60
_CONTAINERS: Final = (
    nn.Sequential, nn.ModuleList, nn.ModuleDict, nn.ParameterList, nn.ParameterDict, nn.TransformerEncoder,
)  # fmt: skip


class Unreadable(Exception):
    """A module that neither can be read nor stands as it is; the message says why."""


class Reader:
    """Reads the modules of one model."""

    def __init__(self, namespace: Mapping[str, object]) -> None:
        self.opaque: list[str] = []
        """Paths of modules whose `forward` could not be read."""
        self._namespace = namespace
        self._ids = itertools.count(1)
        self._more_inputs: dict[int, tuple[str, ...]] = {}
        """For the ids of blocks that take several values the names of all but the first."""
        self._layers = Layers()
        self._inits: dict[int, str] = {}
        self._frozen: set[int] = set()
        self._makers: dict[int, ast.expr] = {}
        """Of modules by id, as sources tell them: initializations, which are frozen as a whole, constructors."""

    def whole(self, model: nn.Module, path: str) -> tuple[list[fx.Node], tuple[Block, ...]]:
        """Return the inputs of a model's `forward`, none where it was not followed, and its blocks.

        Raises:
            Unreadable, NotTraced: it cannot be a design; the message says why.
        """
        if _is_sequence(model):
            return [], self._steps(model, path, 0)
        if _is_layer(model) or is_a(model, nn.TransformerEncoder):
            return [], (self._block(model, "", path, 0),)
        return self._traced(model, path, 0)

    # -- modules ----------------------------------------------------------------------------------

    def _block(self, module: nn.Module, name: str, path: str, depth: int) -> Block:
        """Return the block of one module."""
        module = unwrapped(module)
        block = self._read(module, name, path, depth)
        if id(module) in self._frozen:
            return as_frozen(block)
        return (
            block
            if self._makers or block.kind != "sequence"
            else frozen_together(block, self._layers.trained)
        )

    def _read(self, module: nn.Module, name: str, path: str, depth: int) -> Block:
        if depth > _DEEPEST:
            raise Unreadable(f"{cut(path)} is nested too deeply")
        if _is_sequence(module):
            return self._sequence(module, name, path, depth)
        if is_a(module, nn.TransformerEncoder):
            return self._encoder(module, name, path, depth)
        if _is_layer(module):
            return self._layer(module, name, path)
        try:
            inputs, body = self._traced(module, path, depth)
            block = folded(Block(next(self._ids), "sequence", name, children=body))
            if len(inputs) > 1:
                self._more_inputs[block.id] = tuple(str(node.target) for node in inputs[1:])
            return block
        except (NotTraced, Unreadable) as error:
            reason = str(error)
        return self._opaque(module, name, path, reason)

    def _sequence(self, module: nn.Module, name: str, path: str, depth: int) -> Block:
        maker = self._makers.get(id(module))
        steps = self._steps(module, path, depth)
        block = Block(next(self._ids), "sequence", name, children=steps)
        return as_repeat(block, written_so=is_comprehension(maker))

    def _steps(self, module: nn.Module, path: str, depth: int) -> tuple[Block, ...]:
        """Return the blocks of a `Sequential`'s children."""
        makers = items_of(self._makers.get(id(module)))
        steps = []
        for key, child in children_of(module):
            maker = makers.get(EACH) or makers.get(key)
            if maker is not None:
                self._makers[id(child)] = maker
            name = "" if key.isdecimal() else key
            steps.append(self._block(child, name, member_path(path, module, key, "_modules"), depth + 1))
        return tuple(steps)

    def _encoder(self, module: nn.TransformerEncoder, name: str, path: str, depth: int) -> Block:
        layers = tuple(self._block(layer, "", f"{path}.layers", depth + 1) for layer in module.layers)
        stack = Block(next(self._ids), "repeat", name, children=layers[:1], times=len(layers))
        if not all(alike(layer, layers[0]) for layer in layers):
            stack = replace(stack, kind="sequence", children=layers, times=1)
        if module.norm is None:
            return stack
        norm = self._block(module.norm, "norm", f"{path}.norm", depth + 1)
        return Block(next(self._ids), "sequence", name, children=(replace(stack, name="layers"), norm))

    def _layer(self, module: nn.Module, name: str, path: str) -> Block:
        """Return the block of a layer; raises `Unreadable` where it cannot be made again."""
        cls = type(module)
        layer = layer_name(cls, self._namespace)
        if not layer:
            raise Unreadable(f"{_named(path, module)} is of a class that has no name in the namespace")
        try:
            arguments = arguments_of(module, cls, self._makers.get(id(module)))
        except NotRecovered as error:
            raise Unreadable(f"{_named(path, module)} cannot be made again: {error}") from None
        init, frozen = self._inits.get(id(module), ""), is_frozen(module)
        block = Block(
            next(self._ids), "layer", name, layer=layer, arguments=arguments, frozen=frozen, init=init
        )
        tensors = [tensor for each in distinct_modules(module) for _, tensor in parameters_of(each)]
        if tensors and not frozen:
            self._layers.trained.add(block.id)
        if not init and any(is_matrix(tensor) for tensor in tensors):
            self._layers.plain.add(block.id)
        return block

    def _opaque(self, module: nn.Module, name: str, path: str, reason: str) -> Block:
        """Return a module that could not be read as a layer of its own class."""
        try:
            block = self._layer(module, name, path)
        except Unreadable as error:
            words = f"the forward of {_named(path, module)} cannot be followed ({reason}), and {error}"
            raise Unreadable(words) from None
        self.opaque.append(path)
        return block

    # -- classes with a forward of their own ------------------------------------------------------

    def _traced(self, module: nn.Module, path: str, depth: int) -> tuple[list[fx.Node], tuple[Block, ...]]:
        """Return the inputs of a `forward`, and its blocks."""
        own = parameters_of(module)
        if own:
            raise NotTraced(f"{_named(path, module)} has parameters of its own, such as {own[0][0]}")
        graph = trace(module)
        known = dict(module.named_modules())
        units = units_of(graph)
        _check_calls([unit.path for unit in units if unit.path], known)
        source = source_of(type(module))
        self._learn(module, source)
        once: set[str] = set()

        def make(place: str) -> Block:
            name = "" if place in once else place.replace(".", "_")
            once.add(place)
            return self._block(known[place], name, _joined(path, place), depth + 1)

        output = output_unit(graph)
        lines = Lines(make, placeholders(graph), source, self._ids, self._more_inputs, self._layers)
        body = lines.whole(structured(units, output, known.get, source), output)
        return placeholders(graph), repeats_joined(body, _lists(module), self._ids)

    def _learn(self, module: nn.Module, source: Source) -> None:
        """Note what the source of a module's class says about those below."""
        for path, text in source.inits:
            for layer in at_path(module, path):
                self._inits[id(layer)] = text
        for path in source.frozen:
            self._frozen |= {id(child) for child in at_path(module, path)}
        for name, maker in source.constructors.items():
            for child in at_path(module, (name,)):
                self._learn_maker(child, maker)

    def _learn_maker(self, module: nn.Module, maker: ast.expr) -> None:
        self._makers[id(module)] = maker
        if is_a(module, nn.ModuleList):  # which is read with the module around it
            items = items_of(maker)
            for key, child in children_of(module):
                if (item := items.get(EACH) or items.get(key)) is not None:
                    self._learn_maker(child, item)


def _is_layer(module: nn.Module) -> bool:
    return module_of(type(module)).startswith("torch.nn.") and not is_a(module, _CONTAINERS)


def _is_sequence(module: nn.Module) -> bool:
    """Whether it is a `Sequential`, of a class of its own perhaps, that calls its children one after the other."""
    return is_a(module, nn.Sequential) and type(module).forward is nn.Sequential.forward


def _joined(path: str, place: str) -> str:
    """Return a path as the user would type it: ``model.layers[0]`` for ``layers.0``."""
    for part in place.split("."):
        path = f"{path}[{part}]" if part.isdecimal() else f"{path}.{part}"
    return path


def _named(path: str, module: nn.Module) -> str:
    return f"{cut(path)} ({name_of(type(module))})"


def _lists(module: nn.Module) -> dict[str, int]:
    """Return the lists of modules directly in a module, with their lengths."""
    return {
        name: len(children_of(child)) for name, child in children_of(module) if is_a(child, nn.ModuleList)
    }


def _check_calls(calls: list[str], known: Mapping[str, nn.Module]) -> None:
    """Refuse a layer with weights that is called twice: a design makes a layer of each block."""
    seen: set[int] = set()
    for path in calls:
        module = known[path]
        if id(module) in seen and any(parameters_of(each) for each in distinct_modules(module)):
            raise NotTraced(
                f"it calls {path} more than once, and each block of a design has weights of its own"
            )
        seen.add(id(module))
