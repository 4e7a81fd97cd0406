"""The first producer of NaN or Inf, in forward and in backward, apart from those that only pass it on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf, nan
from typing import TYPE_CHECKING, Final

import torch
from torch import Tensor

from tui.kernel.autograd.naming import HIDDEN
from tui.kernel.autograd.node_private import leaf_of, saved_of
from tui.kernel.autograd.rules import input_names
from tui.kernel.autograd.words import operation_of
from tui.kernel.safe_objects import is_a, user_variables
from tui.kernel.variables import attribute
from tui.protocol.gradients import Finding

if TYPE_CHECKING:
    from tui.kernel.autograd.findings import Subject

_RESULTS: Final = ("result", "result0")
_MASKED: Final = ("log_softmax", "masked_fill", "where")
"""Operations in whose results minus infinity is meant: what a mask leaves out."""
_SUSPECTS: Final = 4
_CURES: Final = {
    "log": "log of 0 or of a negative number: clamp its input, or use log1p or log_softmax.",
    "sqrt": "sqrt of a negative number, or its slope at 0: add a small number inside.",
    "div": "A division by 0: add a small number to the denominator.",
    "exp": "exp of a large number overflows: subtract the maximum, or use logsumexp or log_softmax.",
    "pow": "A power of 0 or of a negative number: clamp its base.",
    "norm": "The slope of a norm at 0 is undefined: add a small number inside.",
}
_GREW: Final = "The result left the range of its dtype: do values grow? Normalize, or scale the weights down."
_PRODUCTS: Final = frozenset(
    ("mm", "addmm", "bmm", "baddbmm", "mv", "dot", "mul", "conv1d", "conv2d", "conv3d")
)
_AFTER_FORWARD: Final = "Mend the forward first: its values come back in the gradients."


@dataclass(frozen=True)
class _Value:
    """A value that is known."""

    place: int
    """Node that made it; of a constant, the node that used it."""
    tensor: Tensor
    constant: str = ""
    """Name of a constant input; empty for what a node made."""


def forward(subject: Subject, namespace: Mapping[str, object]) -> list[Finding]:
    """Tell the first operation that made a NaN or Inf out of finite values, as far as values are known.

    Known is what was saved for backward, and what variables hold.
    """
    values = _values(subject, namespace)
    bad = _nonfinite(subject, values)
    made = {value.place for value in bad if not value.constant}
    constants = {value.place: value.constant for value in bad if value.constant}
    for place in range(len(subject.graph) - 1, -1, -1):  # the order of forward
        if place in constants:
            words = f"The {constants[place]} of {subject.called(place)} already holds NaN or infinite values:"
            words += " it came so from outside."
            return [Finding("first nan forward", words, place, cure="Look at the data.")]
        if place not in made:
            continue
        if leaf_of(subject.graph.nodes[place]) is not None:
            name = subject.naming.names.get(place, "")
            words = f"{name or 'A leaf'} itself holds NaN or infinite values, before anything was computed."
            return [
                Finding(
                    "first nan forward", words, place, name, "Look at the step that wrote it, or at the data."
                )
            ]
        return [_producer(subject, place, {value.place for value in values if not value.constant})]
    return []


def _producer(subject: Subject, place: int, known: set[int]) -> Finding:
    """Tell of the first node whose value is not finite; or of one before it, whose value is not known."""
    suspects: list[int] = []
    waiting = [place]
    while waiting and len(suspects) < _SUSPECTS:
        for target, _ in subject.graph.edges(waiting.pop()):
            if target >= 0 and target not in known and target not in suspects:
                suspects.append(target)
                waiting.append(target)
    words = f"{subject.called(place)} made the first NaN or Inf"
    if suspects:
        words += f", or before it {' or '.join(subject.called(one) for one in suspects)}: of that no value was saved."
    else:
        words += ": what went in was finite."
    cures = [cure for one in (place, *suspects) if (cure := _cure(subject, one))]
    return Finding("first nan forward", words, place, cure=" ".join(dict.fromkeys(cures)))


def _cure(subject: Subject, place: int) -> str:
    word = operation_of(subject.graph.nodes[place])
    if word in _PRODUCTS:
        return _GREW
    return next((cure for part, cure in _CURES.items() if word.startswith(part)), "")


def _values(subject: Subject, namespace: Mapping[str, object]) -> list[_Value]:
    """Return all values that are known."""
    graph = subject.graph
    found = [_Value(0, graph.root)]
    for tensor in (value for _, value in user_variables(namespace, HIDDEN) if is_a(value, Tensor)):
        try:
            place = graph.index_of(attribute(tensor, "grad_fn"))
        except RuntimeError:  # a view that was changed in a way that autograd forbids
            continue
        if place >= 0:
            found.append(_Value(place, tensor))
    for place, node in enumerate(graph.nodes):
        leaf = leaf_of(node)
        if leaf is not None:
            found.append(_Value(place, leaf))
            continue
        targets = dict(zip(input_names(graph, place), graph.edges(place), strict=True))
        for kept in saved_of(node):
            if kept.tensor is None or kept.state != "here":
                continue
            if kept.name in _RESULTS:
                found.append(_Value(place, kept.tensor))
            elif kept.name in targets and targets[kept.name][0] >= 0:
                found.append(_Value(targets[kept.name][0], kept.tensor))
            elif kept.name in targets and kept.tensor.shape:
                found.append(_Value(place, kept.tensor, kept.name))
    return found


def _nonfinite(subject: Subject, values: list[_Value]) -> list[_Value]:
    """Return which of the values are not finite; one transfer per device."""
    groups: dict[torch.device, list[tuple[_Value, Tensor]]] = {}
    for value in values:
        tensor = value.tensor.detach()
        if tensor.layout is not torch.strided or tensor.device.type == "meta" or tensor.is_nested:
            continue
        try:
            meant = not value.constant and operation_of(subject.graph.nodes[value.place]) in _MASKED
            fine = torch.isfinite(tensor.nan_to_num(nan, inf, 0.0) if meant else tensor).all()
        except (RuntimeError, NotImplementedError):
            continue
        groups.setdefault(tensor.device, []).append((value, fine))
    found = []
    for group in groups.values():
        answers = torch.stack([fine for _, fine in group]).tolist()
        found += [value for (value, _), is_fine in zip(group, answers, strict=True) if not is_fine]
    return found


def backward(subject: Subject, *, from_forward: bool = False) -> list[Finding]:
    """Tell the first node into which finite gradients came and out of which others went.

    `from_forward`: the values that it works with were not finite to begin with.
    """
    caught = subject.caught
    if caught is None or not any(caught.nonfinite):
        return []
    for place in caught.order:
        if not caught.nonfinite[place]:
            continue
        ran = [user for user in subject.graph.users_of(place) if caught.norms[user] == caught.norms[user]]
        if not ran:
            words = "The gradient that backward started with holds NaN or infinite values."
            return [Finding("first nan backward", words, place)]
        producer = _guilty(subject, place, [user for user in ran if not caught.nonfinite[user]] or ran)
        words = f"{subject.called(producer)} made the first NaN or infinite gradient: the one that came in was finite."
        cure = _AFTER_FORWARD if from_forward else _cure(subject, producer)
        return [Finding("first nan backward", words, producer, cure=cure)]
    return []


def _guilty(subject: Subject, place: int, users: list[int]) -> int:
    """Return the user that sent what is not finite; the first where what each sent was not kept."""
    caught = subject.caught
    assert caught is not None
    for user in users:
        for (target, _), sent in zip(subject.graph.edges(user), caught.sent.get(user, ()), strict=False):
            if target == place and sent is not None and not bool(torch.isfinite(sent).all()):
                return user
    return users[0]
