"""Answers what a design does: its inputs, each block, the totals, the code."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import torch

from tui.kernel.building import code, naming, sources_of_inputs
from tui.kernel.building.errors import BuildingError
from tui.kernel.building.facts import Facts
from tui.kernel.building.interpret import Interpreter
from tui.kernel.building.parts import Interpreted
from tui.kernel.building.values import Batch, Spec
from tui.kernel.building.warned import collected
from tui.protocol.building import (
    Block,
    CheckDesign,
    CodeLine,
    Design,
    DesignChecked,
    InputSpec,
    Totals,
)

_DEEPEST: Final = 60
_MOST_BLOCKS: Final = 20_000


def check_design(namespace: Mapping[str, object], request: CheckDesign) -> DesignChecked:
    """Return what a design does. Takes no memory: see NOTE [Running a layer] in `layers`."""
    design = request.design
    try:
        specs = inputs_of(design, namespace, request.batch)
    except BuildingError as error:
        return DesignChecked((), Totals(), "", "", problem=str(error))
    batch = Batch.apart_from(_numbers(design, specs))
    inputs = {
        given.name or "x": Spec((batch.size, *shape), dtype)
        for given, (shape, dtype) in zip(design.inputs, specs, strict=True)
    }
    with collected():  # those of layers stand at their rows; of expressions and the like none is of use
        interpreted = Interpreter(namespace, batch, single=request.batch == 1).run(design, inputs)
    facts = Facts(interpreted, request.batch, namespace)
    totals = facts.totals(request.optimizer)
    written = code.generate(interpreted, namespace, title=_title(totals))
    return DesignChecked(
        blocks=facts.rows(written.names, written.problems),
        totals=totals,
        output_shapes=_output(interpreted),
        code=written.text,
        sequential=written.sequential,
        problem=naming.class_problem(design.name, _classes(design)),
        lines=tuple(
            CodeLine(n, line.block) for n, line in enumerate(written.lines) if line.block is not None
        ),
    )


def _title(totals: Totals) -> str:
    """Return what the docstring of the code says of the model's size."""
    words = f"{totals.trainable + totals.frozen:,} parameters"
    return f"{words}, {totals.frozen:,} of them frozen" if totals.frozen else words


def interpret(design: Design, namespace: Mapping[str, object]) -> Interpreted:
    """Return a design interpreted, for whoever needs more of it than the table.

    Raises:
        BuildingError: its inputs or the design as a whole are wrong.
    """
    specs = inputs_of(design, namespace)
    batch = Batch.apart_from(_numbers(design, specs))
    inputs = {
        given.name: Spec((batch.size, *shape), dtype)
        for given, (shape, dtype) in zip(design.inputs, specs, strict=True)
    }
    return Interpreter(namespace, batch).run(design, inputs)


def _output(interpreted: Interpreted) -> str:
    return interpreted.batch.text(interpreted.output.value) if interpreted.output is not None else ""


# -- the design as a whole --------------------------------------------------------------------------


def inputs_of(
    design: Design, namespace: Mapping[str, object], samples: int = 2
) -> list[tuple[tuple[int, ...], torch.dtype]]:
    """Return shape and dtype of each input; raises `BuildingError` where nothing of the design can be run."""
    problem = _problem(design, samples)
    if problem:
        raise BuildingError("bad request", problem)
    return [_spec_of(spec, namespace) for spec in design.inputs]


def _problem(design: Design, samples: int) -> str:
    """Return why nothing of a design can be run; empty where something can."""
    if samples < 1:
        return f"A batch has one sample or more, and {samples} leaves nothing to run."
    if not design.inputs:
        return "The model takes no input: give it one, such as x (1, 28, 28)."
    if _depth(design.body) > _DEEPEST:
        return f"The design is nested more than {_DEEPEST} blocks deep."
    blocks = list(_blocks(design.body))
    if len(blocks) > _MOST_BLOCKS:
        return f"The design has {len(blocks):,} blocks; {_MOST_BLOCKS:,} is the most."
    twice = [block for block, count in Counter(block.id for block in blocks).items() if count > 1]
    if twice:
        return f"Block {twice[0]} stands in two places: a block cannot be in itself, and a copy needs an id of its own."
    return _problem_of_inputs(design.inputs)


def _classes(design: Design) -> set[str]:
    return {block.layer for block in _blocks(design.body) if block.kind == "layer"}


def _problem_of_inputs(inputs: Sequence[InputSpec]) -> str:
    names = [given.name for given in inputs]
    for place, given in enumerate(inputs):
        wrong = "" if given.name == "x" and place == 0 else naming.value_problem(given.name)
        if wrong:
            return f"Input {given.name!r}: {wrong}"
        if names.count(given.name) > 1:
            return f"Input {given.name!r}: two inputs have that name."
        if not given.source and any(size < 1 for size in given.shape):
            return f"Input {given.name!r}: each size is 1 or more, and its shape is {given.shape}."
    return ""


def _depth(blocks: Sequence[Block]) -> int:
    """Return how deep blocks are nested, at most one more than is allowed."""
    depth, level = 0, list(blocks)
    while level and depth <= _DEEPEST:
        depth, level = depth + 1, [child for block in level for child in block.children]
    return depth


def _blocks(blocks: Sequence[Block]) -> Iterator[Block]:
    for block in blocks:
        yield block
        yield from _blocks(block.children)


def _numbers(design: Design, specs: Sequence[tuple[tuple[int, ...], torch.dtype]]) -> Iterator[int]:
    """Yield all numbers of a design: its shapes, arguments and expressions."""
    for shape, _ in specs:
        yield from shape
    for block in _blocks(design.body):
        texts = [argument.text for argument in block.arguments] + [block.layer, *block.inputs, block.take]
        for text in texts:
            yield from (int(digits) for digits in re.findall(r"\d{4,18}", text))


def _spec_of(given: InputSpec, namespace: Mapping[str, object]) -> tuple[tuple[int, ...], torch.dtype]:
    """Return the shape without the batch, and the dtype, of an input; raises `BuildingError`."""
    if given.source.strip():
        return sources_of_inputs.read(given, namespace)
    dtype = vars(torch).get(given.dtype.removeprefix("torch."))
    if not isinstance(dtype, torch.dtype):
        raise BuildingError("bad request", f"Input {given.name!r}: torch has no dtype {given.dtype}.")
    return tuple(given.shape), dtype
