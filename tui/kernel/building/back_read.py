"""A model taken apart: its modules with settings and counts and, run once, with shapes, statistics and times."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from typing import Final

import torch
from torch import Tensor, nn

from tui.kernel import torch_private
from tui.kernel.building.back_clock import clock_for
from tui.kernel.building.back_inputs import Arguments, read_arguments
from tui.kernel.building.back_named import is_in_training, named_module, running_runs
from tui.kernel.building.back_norms import shorten
from tui.kernel.building.back_run import Outcome, Seen, run_once
from tui.kernel.building.back_shadow import stand_ins
from tui.kernel.building.back_values import tensors_of
from tui.kernel.building.errors import BuildingError
from tui.kernel.explain import explain
from tui.kernel.module_walk import Visit, buffers_of, distinct_modules, parameters_of, walk
from tui.kernel.modules import list_modules
from tui.kernel.safe_objects import copy_of, instance_attributes
from tui.kernel.training.keep.randomness import preserved_randomness
from tui.protocol.messages import ModuleRow
from tui.protocol.models import ModelRead, ModelRow, ReadModel

MOST_ROWS: Final = 5_000
_HOOKS: Final = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
_KEY: Final = "m"
"""Name under which `list_modules` is given the model."""


def read_model(
    namespace: Mapping[str, object], request: ReadModel, *, cell_running: bool = False
) -> ModelRead:
    """Return the modules of a model, run once where the request has an input. See NOTE [Stand-ins] in `back_shadow`.

    What runs is a stand-in, in the mode the model is in, without gradients: the model's buffers, mode, hooks and
    gradients stay as they are, and so does the input. Random streams are put back, unless a cell or a run may be
    drawing from them meanwhile: it would draw the same numbers again. The user's own hooks are a part of the model
    and are called.

    Raises:
        BuildingError: there is no such model, its input cannot be made, or a run is training it.
    """
    model = named_module(namespace, request.expression)
    rows, visits, omitted = _rows(request.expression.strip(), model)
    if not request.input.strip():
        return ModelRead(rows=rows, output_shapes="", omitted=omitted)
    outcome, of = _run(namespace, model, request.input, cell_running=cell_running)
    rows = tuple(
        _with_run(row, outcome.seen.get(of.get(id(visit.module), 0)))
        for row, visit in zip(rows, visits, strict=False)
    )
    root = outcome.seen.get(of.get(id(model), 0))
    total_s = root.total_s if root is not None and not outcome.failed else None
    return ModelRead(
        rows=rows,
        output_shapes=outcome.output_shapes,
        total_ms=None if total_s is None else total_s * 1e3,
        omitted=omitted,
    )


def _run(
    namespace: Mapping[str, object], model: nn.Module, text: str, *, cell_running: bool
) -> tuple[Outcome, dict[int, int]]:
    """Return what came of the run, and for the id of each module that of its stand-in."""
    runs = running_runs(namespace)
    with ExitStack() as kept:
        if not cell_running and not runs:
            for device in _devices(model):
                kept.enter_context(preserved_randomness(device))
        given = read_arguments(namespace, text)
        if not given.meta and is_in_training(model, runs):
            raise BuildingError(
                "busy",
                "A run is training this model right now: pause the run first, or give shapes, such as"
                " (32, 1, 28, 28), to run it on the meta device.",
            )
        try:
            modules = stand_ins(model, meta=given.meta)
        except (RuntimeError, MemoryError) as error:
            raise BuildingError(
                "not readable", f"The model cannot be copied to run it: {explain(error)}"
            ) from None
        if given.meta:
            shorten(modules.values())
        stand_in = modules[id(model)]
        ran = {id(module): module for module in modules.values()}
        outcome = run_once(stand_in, ran, given, clock_for(_tensors(stand_in, given)))
    return outcome, {original: id(module) for original, module in modules.items()}


def _tensors(model: nn.Module, given: Arguments) -> list[Tensor]:
    own = [
        tensor
        for module in distinct_modules(model)
        for _, tensor in (*parameters_of(module), *buffers_of(module))
    ]
    return [*own, *tensors_of((given.args, given.kwargs))]


def _devices(model: nn.Module) -> list[torch.device]:
    """Return the devices whose random streams a run may draw from; the CPU's is kept with any of them."""
    found = {tensor.device for tensor in _tensors(model, Arguments())}
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        found |= {torch.device("cuda", index) for index in range(torch.cuda.device_count())}
    others = [device for device in found if device.type not in ("cpu", "meta")]
    return others or [torch.device("cpu")]


# -- what is there without a run ----------------------------------------------------------------------


def _rows(path: str, model: nn.Module) -> tuple[tuple[ModelRow, ...], list[Visit], int]:
    """Return a row for each module, where each was found, and how many rows were left out."""
    tree = list_modules({_KEY: model}, hidden=(), limit=MOST_ROWS)
    with torch_private.without_overrides():
        visits = walk(path, model)
    rows = tuple(_row(row, visit) for row, visit in zip(tree.rows, visits, strict=False))
    return rows, visits, tree.omitted


def _row(row: ModuleRow, visit: Visit) -> ModelRow:
    settings = row.settings
    if visit.first:
        settings = f"same module as {visit.first}"
    return ModelRow(
        path=visit.path,
        class_name=row.class_name,
        depth=row.depth,
        settings=settings,
        trainable=row.trainable,
        frozen=row.frozen,
        buffers=row.buffers,
        tied=row.tied,
        hooks=_hooks_of(visit.module),
    )


def _hooks_of(module: nn.Module) -> int:
    """Return how many hooks the user has put on a module; those of torch's own utilities apart."""
    attributes = instance_attributes(module)
    count = 0
    for table in _HOOKS:
        hooks = attributes.get(table)
        if isinstance(hooks, dict):
            count += sum(not _is_of_torch(hook) for hook in copy_of(hooks).values())
    return count


def _is_of_torch(hook: object) -> bool:
    """Whether a hook is torch's, e.g. of `spectral_norm` or a lazy module."""
    function = getattr(hook, "__func__", hook) if type(hook).__module__ == "builtins" else type(hook)
    attributes = instance_attributes(function) if not isinstance(function, type) else {}
    owner = attributes.get("__module__") or getattr(function, "__module__", "")
    return isinstance(owner, str) and owner.startswith("torch.")


# -- what a run adds ----------------------------------------------------------------------------------


def _with_run(row: ModelRow, seen: Seen | None) -> ModelRow:
    if seen is None:
        return row
    return replace(
        row,
        input_shapes=seen.input_shapes,
        output_shapes=seen.output_shapes,
        calls=seen.calls,
        forward_ms=None if seen.total_s is None else seen.total_s * 1e3,
        own_ms=None if seen.own_s is None else seen.own_s * 1e3,
        statistics=seen.statistics,
        error=seen.error,
    )
