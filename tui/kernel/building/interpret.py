"""Walks a design on the meta device: what comes in at each block, what comes of it, and what is not reached."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from typing import Final

import torch
from torch import Tensor

from tui.kernel.building import costs, expressions, fixes, joins, layers, naming
from tui.kernel.building.costs import Field, widened
from tui.kernel.building.layers import Asked, Outcome
from tui.kernel.building.parts import Flow, Interpreted, Part, Round
from tui.kernel.building.values import Batch, Spec, Value, key_of, materialize, spec_of
from tui.kernel.building.words import Remedy, Unfit
from tui.protocol.building import Block, Design

MOST_ROUNDS: Final = 1000
"""Of a repeat whose shapes change from round to round."""
_OWN: Final = "x"
_SOFTMAX: Final = ("nn.Softmax", "nn.LogSoftmax")
Scope = dict[str, Flow]


class Interpreter:
    """Interprets one design."""

    def __init__(self, namespace: Mapping[str, object], batch: Batch, *, single: bool = False) -> None:
        """`single`: whether the batch that the user has chosen is of one sample."""
        self._namespace = namespace
        self._batch = batch
        self._single = single

    def run(self, design: Design, inputs: Mapping[str, Value]) -> Interpreted:
        """Return what comes of the design; never raises for what is in it."""
        scope = {name: Flow(value, _start(value)) for name, value in inputs.items()}
        flow = next(iter(scope.values()), Flow(None))
        parts, output = self._line(design.body, flow, scope, None)
        if parts and parts[-1].block.layer in _SOFTMAX and parts[-1].status == "ok" and not parts[-1].note:
            parts[
                -1
            ].note = "nn.CrossEntropyLoss takes scores and does the softmax itself: leave this out for it."
        return Interpreted(design, self._batch, dict(inputs), parts, output)

    # -- blocks -----------------------------------------------------------------------------------

    def _line(
        self, blocks: Sequence[Block], flow: Flow | None, scope: Scope, around: Part | None
    ) -> tuple[list[Part], Flow | None]:
        """Interpret blocks one after the other; what follows a failure is not reached."""
        parts = []
        for block in blocks:
            part = self._unreached(block, around) if flow is None else self._block(block, flow, scope, around)
            flow = part.goes_out
            parts.append(part)
        return parts, flow

    def _unreached(self, block: Block, around: Part | None) -> Part:
        part = _part(block, around)
        part.children = [self._unreached(child, part) for child in block.children]
        part.rounds = [Round(part.children, max(1, block.times))] if block.kind == "repeat" else []
        return part

    def _block(self, block: Block, flow: Flow, scope: Scope, around: Part | None) -> Part:
        part = _part(block, around)
        try:
            inputs, named, comes_in = self._inputs(block, flow, scope)
            part.comes_in = inputs
            match block.kind:
                case "layer":
                    self._layer(part, inputs, named, comes_in)
                case "expression":
                    self._expression(part, comes_in, scope)
                case "sequence":
                    part.children, part.goes_out = self._line(block.children, comes_in, scope, part)
                case "residual":
                    part.children, body = self._line(block.children, comes_in, scope, part)
                    part.goes_out = None if body is None else joins.add(part, comes_in, body, self._batch)
                case "parallel":
                    self._parallel(part, comes_in, scope)
                case "repeat":
                    self._repeat(part, comes_in, scope)
            part.status = "failed" if part.goes_out is None else "ok"
            self._leave(part, scope)
        except Unfit as unfit:
            part.fail(unfit)
            known = {child.block.id for child in part.children}
            part.children += [
                self._unreached(child, part) for child in block.children if child.id not in known
            ]
        return part

    def _inputs(
        self, block: Block, flow: Flow, scope: Scope
    ) -> tuple[tuple[Value, ...], tuple[tuple[str, Value], ...], Flow]:
        """Return what a block is called with, by place and by name, and what runs into it."""
        if not block.inputs:
            return (flow.value,), (), flow
        call = expressions.parsed(f"f({', '.join(block.inputs)})")
        if not isinstance(call, ast.Call) or any(keyword.arg is None for keyword in call.keywords):
            raise Unfit(f"inputs are names of values, such as x, not {', '.join(block.inputs)}.")
        args = tuple(self._value(node, flow, scope) for node in call.args)
        named = tuple(
            (str(keyword.arg), self._value(keyword.value, flow, scope)) for keyword in call.keywords
        )
        if block.kind != "layer" and (len(args) != 1 or named):
            raise Unfit(f"A {block.kind} starts with one value, and inputs names {len(args) + len(named)}.")
        one = call.args[0] if len(call.args) == 1 else None
        if isinstance(one, ast.Name):
            return args, named, flow if one.id == _OWN else scope.get(one.id, flow)
        return args, named, Flow(args[0] if args else None)

    def _layer(
        self, part: Part, inputs: tuple[Value, ...], named: tuple[tuple[str, Value], ...], flow: Flow
    ) -> None:
        block = part.block
        asked = Asked(block.layer, block.arguments, inputs, named, part.init, bool(block.init), self._single)
        part.outcome = outcome = layers.run_layer(asked, self._namespace, self._batch)
        part.note, part.remedies = outcome.note, outcome.remedies
        if not outcome.ok:
            raise Unfit(outcome.error, outcome.remedies)
        part.goes_out = Flow(outcome.output, widened(flow.field, outcome.window))
        if isinstance(outcome.output, tuple) and not (block.take or block.output):
            part.note = f"Its output is a tuple, {self._batch.text(outcome.output)}: the next layer takes one of them."
            part.remedies = (Remedy("take [0] of the tuple", take="[0]"), *part.remedies)

    def _expression(self, part: Part, flow: Flow, scope: Scope) -> None:
        node = expressions.parsed(part.block.layer)
        used = expressions.names_in(node)
        values = {name: known.value for name, known in {**scope, _OWN: flow}.items() if name in used}
        key = _key(part.block.layer, values, self._batch)
        outcome = layers.MEMORY.find(key) if key is not None else None
        if outcome is None:
            outcome = self._evaluated(node, part.block.layer, flow, scope)
            if key is not None:
                layers.MEMORY.keep(key, outcome)
        part.outcome = outcome
        if not outcome.ok:
            raise Unfit(outcome.error)
        part.goes_out = Flow(outcome.output)
        part.note = fixes.batch_lost(tuple(values.values()), outcome.output, self._batch)

    def _parallel(self, part: Part, flow: Flow, scope: Scope) -> None:
        if not part.block.children:
            raise Unfit("It has no branches yet.")
        part.children = [self._block(child, flow, scope, part) for child in part.block.children]
        ends = [child.goes_out for child in part.children]
        if all(end is not None for end in ends):
            part.goes_out = joins.join(part, [end for end in ends if end is not None], self._batch)

    def _repeat(self, part: Part, flow: Flow, scope: Scope) -> None:
        """Interpret rounds until what goes out is like what came in: from then on they are alike."""
        times, here = part.block.times, flow
        if times < 1:
            raise Unfit(f"It is repeated {times} times; once is the least.")
        done = 0
        while done < times:
            if len(part.rounds) >= MOST_ROUNDS:
                raise Unfit(f"Its shapes still change after {MOST_ROUNDS:,} rounds.")
            parts, after = self._line(part.block.children, here, dict(scope), part)
            alike = after is not None and after.value == here.value
            part.rounds.append(Round(parts, times - done if alike else 1))
            part.children = part.rounds[0].parts
            if after is None:
                raise _in_round(parts, done + 1)
            done += part.rounds[-1].count
            here = after
        part.goes_out = here if len(part.rounds) == 1 and times == 1 else Flow(here.value)

    # -- values -----------------------------------------------------------------------------------

    def _leave(self, part: Part, scope: Scope) -> None:
        """Take the item that runs on, and give the output its name."""
        if part.goes_out is None:
            return
        block, flow = part.block, part.goes_out
        part.whole = flow.value
        if block.output:
            problem = naming.value_problem(block.output)
            if problem:
                raise Unfit(problem)
            scope[block.output] = flow
        take = block.take.strip()
        if take:
            if not take.startswith(("[", ".")):
                raise Unfit(f"take is an index such as [0] or [:, -1], not {take}.")
            node = expressions.parsed(f"output{take}")
            part.goes_out = Flow(self._value(node, flow, {"output": flow}, f"output{take}"))

    def _value(self, node: ast.expr, flow: Flow, scope: Scope, text: str = "") -> Value:
        if isinstance(node, ast.Name) and node.id == _OWN:
            return flow.value
        if isinstance(node, ast.Name) and node.id in scope:
            return scope[node.id].value
        outcome = self._evaluated(node, text or ast.unparse(node), flow, scope)
        if not outcome.ok:
            raise Unfit(outcome.error)
        return outcome.output

    def _evaluated(self, node: ast.expr, text: str, flow: Flow, scope: Scope) -> Outcome:
        made: dict[str, object] = {}

        def value(name: str) -> object:
            known = flow if name == _OWN else scope[name]
            return made.setdefault(name, materialize(known.value))

        evaluator = expressions.Evaluator(value, dict.fromkeys([_OWN, *scope]))
        try:
            with torch.no_grad(), torch.device("meta"), costs.counted() as counter:
                result = evaluator.value(node)
        except Exception as error:  # noqa: BLE001 - whatever torch raises for these shapes
            named = {name: (flow if name == _OWN else scope[name]).value for name in made}
            shapes = ", ".join(f"{name} {self._batch.text(held)}" for name, held in named.items())
            unfit = fixes.expression_failed(text, error, self._batch, shapes)
            return Outcome(text, error=unfit.words, remedies=unfit.remedies)
        given = [held.untyped_storage() for held in made.values() if isinstance(held, Tensor)]
        own = isinstance(result, Tensor) and any(result.untyped_storage() is storage for storage in given)
        return Outcome(text, output=spec_of(result), macs=counter.macs, aliases=own)


def _part(block: Block, around: Part | None) -> Part:
    frozen = block.frozen or (around is not None and around.frozen)
    return Part(block, frozen, block.init or (around.init if around is not None else ""))


def _start(value: Value) -> Field | None:
    """Return the receptive field of an input itself: one element along each spatial dimension."""
    if not isinstance(value, Spec) or len(value.shape) < 3 or not value.dtype.is_floating_point:
        return None
    dims = len(value.shape) - 2
    return Field((1,) * dims, (1.0,) * dims)


def _key(text: str, values: Mapping[str, Value], batch: Batch) -> object:
    try:
        key = (
            "expression",
            text,
            tuple((name, key_of(value)) for name, value in sorted(values.items())),
            batch.size,
        )
        hash(key)
    except TypeError:
        return None
    return key


def _in_round(parts: Sequence[Part], number: int) -> Unfit:
    """Return the words for a round that failed, where it is not the first, whose blocks say it themselves."""
    if number == 1:
        return Unfit("")
    failed = next((part for top in parts for part in top.walk() if part.error), None)
    return Unfit(f"In round {number}: {failed.error}" if failed is not None else f"Round {number} fails.")
