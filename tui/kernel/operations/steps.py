"""From the operations of a statement to what the user is told of them."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from tui.kernel.operations import (
    rules_convert,
    rules_elementwise,
    rules_index,
    rules_matmul,
    rules_module,
    rules_reduction,
    rules_reshape,
)
from tui.kernel.operations.ledger import Ledger, Record
from tui.kernel.operations.operation import Operation, names, operation_of, typed
from tui.kernel.operations.seen import ArraySeen, ModuleSeen, SequenceSeen, TensorSeen
from tui.kernel.operations.sharing import with_sharers
from tui.kernel.operations.words import Rule, Rules, operand, shape_text, step
from tui.kernel.safe_objects import cut
from tui.protocol.operations import Explanation, Operand, Step, Storage

STEPS: Final = 8
"""Steps of an explanation, the last ones."""
_TARGET_WIDTH: Final = 40

_ALIASES: Final = {
    "multiply": "mul", "subtract": "sub", "divide": "div", "true_divide": "div", "absolute": "abs", "negative": "neg",
    "concat": "cat", "concatenate": "cat",
}  # fmt: skip
_RULES: Final[Rules] = {
    **rules_module.RULES,
    **rules_convert.RULES,
    **rules_index.RULES,
    **rules_reshape.RULES,
    **rules_reduction.RULES,
    **rules_matmul.RULES,
    **rules_elementwise.RULES,
}
_MODULES: Final[Rules] = {
    **rules_module.MODULES,
    **rules_reshape.MODULES,
    **rules_reduction.MODULES,
    **rules_matmul.MODULES,
    **rules_elementwise.MODULES,
}
_CREATION: Final = frozenset(rules_convert.RULES) & names(
    "tensor as_tensor from_numpy asarray Tensor zeros ones rand randn empty full arange ",
    "linspace logspace eye randint randperm normal",
)
_QUIET: Final = frozenset({"grad", "requires_grad_", "retain_grad", "Parameter"})
"""Operations of which nothing is told: they are about Autograd."""


def explanation_of(ledger: Ledger) -> Explanation | None:
    """Return what the last statement with operations on tensors did; None where there is nothing to say."""
    told: dict[int, list[Step]] = {}

    def worth(records: list[Record]) -> bool:
        told[id(records)] = steps_of(records, _value(ledger.statement_node(records[-1].site.statement)))
        return bool(told[id(records)])

    records, before = ledger.explained(worth)
    if not records:
        return None
    steps = told[id(records)]
    last = operation_of(records[-1])
    if steps[-1].storage == "same" and steps[-1].text == last.text:
        changed = last.arguments[0].tensor if last.kind == "store" else last.output
        steps[-1] = with_sharers(steps[-1], changed, ledger.namespace)
    return Explanation(
        tuple(steps[-STEPS:]), max(0, len(steps) - STEPS) + before, _target(records[0], ledger)
    )


def _target(record: Record, ledger: Ledger) -> str:
    statement = ledger.statement_node(record.site.statement)
    if isinstance(statement, ast.Assign):
        target = statement.targets[0]
        if isinstance(target, ast.Tuple | ast.List):
            return cut(", ".join(map(typed, target.elts)), _TARGET_WIDTH)
        return typed(target, _TARGET_WIDTH)
    if isinstance(statement, ast.AugAssign | ast.AnnAssign):
        return typed(statement.target, _TARGET_WIDTH)
    return ""


def _value(statement: ast.AST | None) -> ast.AST | None:
    """Return the expression that is a statement's value."""
    return statement.value if isinstance(statement, ast.Assign | ast.AnnAssign | ast.Expr) else None


def steps_of(records: Sequence[Record], value: ast.AST | None = None) -> list[Step]:
    """Return the steps of operations, in their order; those that have nothing to do with tensors left out.

    A tensor that is made on the way is left out too: it is seen as an operand of what follows, or as a part of `value`,
    that of the statement.
    """
    steps = []
    for record in records:
        made = step_of(operation_of(record))
        whole = record is records[-1] and (value is None or record.site.node is value)
        made_on_the_way = made is not None and not made.inputs and not whole
        if made is not None and not made_on_the_way:
            steps.append(made)
    return steps


def step_of(op: Operation) -> Step | None:
    """Return one operation as a step; None where there is nothing to say."""
    if not _about_tensors(op) or op.name in _QUIET:
        return None
    made = None
    for rule in _rules_for(op):
        made = rule(op)
        if made is not None:
            break
    else:
        if op.name in _CREATION or op.result is None:
            return None
        made = generic(op)
    return None if made is None else _finished(op, made)


def _about_tensors(op: Operation) -> bool:
    if op.output is not None:
        return bool(op.tensors) or op.is_torch or op.module is not None
    if isinstance(op.result, ArraySeen) or op.name in ("item", "tolist", "manual_seed"):
        return op.is_torch
    return op.name == "setitem" and op.is_torch


def _rules_for(op: Operation) -> list[Rule]:
    if op.module is not None:
        return [
            _MODULES.get(op.module.type_name, rules_module.module)
            if op.module.is_torch
            else rules_module.module
        ]
    if not op.is_torch:
        return []
    name = op.name
    if op.in_place and name not in _RULES:
        name = name.removesuffix("_")
    name = _ALIASES.get(name, name)
    found = [_RULES[name]] if name in _RULES else []
    if name in ("max", "min"):
        found.append(rules_elementwise.binary)
    return found


def generic(op: Operation) -> Step | None:
    """Explain an operation of which nothing is known: its operands and its result."""
    notes = []
    if isinstance(op.result, SequenceSeen):
        shapes = [
            shape_text(i.shape) for i in op.result.items if isinstance(i, TensorSeen) and i.shape is not None
        ]
        notes.append(f"several results: {', '.join(shapes)}" if len(shapes) > 1 else "")
    inputs: list[Operand] = [operand(a) for a in op.tensors]
    return step(op, "module" if isinstance(op.module, ModuleSeen) else "other", *notes, inputs=inputs)


def _finished(op: Operation, made: Step) -> Step:
    """Return a step with what can be said of every result: whose memory it has, how it lies in it."""
    out = op.output
    if isinstance(op.result, ArraySeen):
        shared = any(a.tensor is not None and a.tensor.address == op.result.address for a in op.tensors)
        return replace(made, storage="shared" if shared and op.result.address else "new")
    if out is None or op.kind == "store":
        return made
    storage = storage_of(op, out)
    notes = [*made.notes]
    if op.kind == "augmented" and storage == "same":
        notes.append(f"in place: {op.arguments[0].text} is still the same tensor")
    elif op.kind == "augmented":
        notes.append(f"{op.arguments[0].text} names a new tensor now")
    elif storage == "same":
        notes.append(f"in place: {op.arguments[0].text} itself was changed")
    elif (
        storage == ""
        and op.kind == "call"
        and not any("itself" in note for note in notes)
        and _returned(op, out)
    ):
        notes.append(f"{_returned(op, out)} itself: nothing had to be done")
    notes += _lies(op, out, storage)
    return replace(made, storage=storage, notes=tuple(notes))


def storage_of(op: Operation, out: TensorSeen) -> Storage:
    """Return whose memory a result has."""
    for argument in op.tensors:
        seen = argument.seen
        if isinstance(seen, ArraySeen):
            if seen.address and seen.address <= out.address < seen.address + max(1, seen.size_bytes):
                return "shared"
        elif isinstance(seen, TensorSeen) and seen.identity == out.identity:
            changed = seen.version is None or seen.version != out.version
            return "same" if changed or op.in_place else ""
    for argument in op.tensors:
        if argument.tensor is not None and argument.tensor.storage and argument.tensor.storage == out.storage:
            return "view"
    return "new" if out.storage or out.layout != "strided" else ""


def _returned(op: Operation, out: TensorSeen) -> str:
    return next(
        (a.text for a in op.tensors if a.tensor is not None and a.tensor.identity == out.identity), ""
    )


def _lies(op: Operation, out: TensorSeen, storage: Storage) -> list[str]:
    """Return a sentence where a result does not lie in memory in the order of its values."""
    if out.contiguous or out.strides is None or storage in ("same", ""):
        return []
    given = op.arguments[0].tensor if op.arguments else None
    what = "a view, " if storage == "view" else ""
    if 0 in out.strides:
        return [f"{what}strides {out.strides}: a stride of 0 repeats the same memory"]
    if storage == "new" and given is not None and not given.contiguous:
        return [f"strides {out.strides}, laid out like {op.arguments[0].text}, not contiguous"]
    return [
        f"{what}strides {out.strides}, not contiguous: .view may refuse it, .reshape copies where it must"
    ]
