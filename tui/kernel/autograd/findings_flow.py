"""How gradients fare along the depth of a model: vanishing, exploding, and ReLUs that let nothing through."""

from __future__ import annotations

from math import isfinite, log10
from typing import TYPE_CHECKING, Final, Literal

import torch
from torch import Tensor

from tui.kernel.autograd.naming import CARRIERS
from tui.kernel.autograd.node_private import leaf_of, saved_of
from tui.kernel.autograd.words import operation_of
from tui.protocol.gradients import Finding

if TYPE_CHECKING:
    from tui.kernel.autograd.findings import Subject

LAYERS: Final = 4
"""Layers that it takes to speak of depth."""
VANISHES: Final = 1e-3
"""Ratio of the first layer's gradient norm to the last one's, under which it vanishes; its inverse: explodes."""
DEAD_UNITS: Final = 0.5
"""Share of a ReLU's units that are zero for the whole batch, from which on it is told."""
_ZEROS: Final = 0.95


def along_depth(subject: Subject) -> list[Finding]:
    """Compare the gradients of weights (of two or more dimensions) from the first layer of forward to the last."""
    layers = _layers(subject)
    if len(layers) < LAYERS:
        return []
    (first, first_name, first_size), (_, last_name, last_size) = layers[0], layers[-1]
    first_layer, last_layer = _layer_of(first_name), _layer_of(last_name)
    if last_size > 0 and first_size == 0:
        words = f"The gradient at the output of {first_layer} is exactly zero, that at {last_layer} is not:"
        words += " something in between lets nothing through."
        return [Finding("vanishing", words, first, first_name, _CURE)]
    if not (first_size > 0 and last_size > 0 and isfinite(first_size) and isfinite(last_size)):
        return []
    ratio = first_size / last_size
    if VANISHES < ratio < 1 / VANISHES:
        return []
    per_layer = 10 ** (abs(log10(ratio)) / (len(layers) - 1))
    shrinks = ratio < 1
    words = (
        f"Gradients {'shrink' if shrinks else 'grow'} {per_layer:.2g} times with each layer towards the input: their"
        f" norm is {last_size:.2g} at the output of {last_layer}, {first_size:.2g} at that of {first_layer}."
    )
    return [
        Finding(
            "vanishing" if shrinks else "exploding",
            words,
            first,
            first_name,
            _CURE if shrinks else _CURE_GROWTH,
        )
    ]


def _layer_of(weight: str) -> str:
    """Return the layer of a weight; a weight that belongs to no module stands for itself."""
    return weight.rpartition(".")[0] or weight


def through_time(subject: Subject) -> list[Finding]:
    """Compare the gradients at the first and the last use of a weight that is used again and again, as in an RNN."""
    caught = subject.caught
    if caught is None:
        return []
    found = []
    for place in subject.graph.leaves():
        leaf, name = leaf_of(subject.graph.nodes[place]), subject.naming.names.get(place, "")
        if leaf is None or leaf.dim() < 2:
            continue
        uses = sorted(_all_users(subject, place))
        norms = [(use, caught.norms[use]) for use in uses if caught.norms[use] == caught.norms[use]]
        if len(norms) < LAYERS:
            continue
        (_, late), (first, early) = norms[0], norms[-1]
        if not (isfinite(late) and isfinite(early) and late > 0):
            continue
        ratio = early / late
        if VANISHES < ratio < 1 / VANISHES:
            continue
        shrinks = ratio < 1
        times = f"{10 ** (abs(log10(ratio)) / (len(norms) - 1)):.2g} times" if ratio else "to nothing"
        words = (
            f"{name or 'A weight'} is used {len(norms):,} times; back from the last use to the first, gradients"
            f" {'shrink' if shrinks else 'grow'} {times} with each: norm {late:.2g} at the last, {early:.2g} at the"
            " first."
        )
        kind: Literal["vanishing", "exploding"] = "vanishing" if shrinks else "exploding"
        found.append(Finding(kind, words, first, name, _CURE_TIME if shrinks else _CURE_TIME_GROWTH))
    return found[:_MOST]


_MOST: Final = 3
_CURE_TIME: Final = (
    "Try gates (LSTM, GRU), an orthogonal initialization, residual connections, or shorter sequences."
)
_CURE_TIME_GROWTH: Final = (
    "Try clip_grad_norm_, an orthogonal initialization, gates (LSTM, GRU), or shorter sequences."
)
_CURE: Final = (
    "Try ReLU or GELU for sigmoid or tanh, a normalization, residual connections, or another initialization."
)
_CURE_GROWTH: Final = (
    "Try a smaller initialization, a normalization, residual connections, or clip_grad_norm_."
)


def _layers(subject: Subject) -> list[tuple[int, str, float]]:
    """Return node, name and size of the gradient of each layer with a weight, in the order of forward.

    The gradient of the layer's output, not of its weight: that one also grows with what went in.
    """
    caught = subject.caught
    if caught is None:
        return []
    found = []
    for place in reversed(subject.graph.leaves()):
        leaf = leaf_of(subject.graph.nodes[place])
        name = subject.naming.names.get(place, "")
        if leaf is None or leaf.dim() < 2 or not name:
            continue
        user = _user(subject, place)
        if user >= 0 and caught.norms[user] == caught.norms[user]:
            found.append((place, name, caught.norms[user]))
    return found


def _all_users(subject: Subject, place: int) -> set[int]:
    """Return the operations that work with a weight, past those that only pass it on."""
    found: set[int] = set()
    waiting = [place]
    while waiting:
        for user in subject.graph.users_of(waiting.pop()):
            if len(subject.graph.edges(user)) == 1 and operation_of(subject.graph.nodes[user]) in CARRIERS:
                waiting.append(user)
            else:
                found.add(user)
    return found


def _user(subject: Subject, place: int) -> int:
    """Return the operation that works with a weight, past those that only pass it on; -1 where several do."""
    while True:
        users = set(subject.graph.users_of(place))
        if len(users) != 1:
            return -1
        place = users.pop()
        if len(subject.graph.edges(place)) != 1 or operation_of(subject.graph.nodes[place]) not in CARRIERS:
            return place


def dead_relus(subject: Subject) -> list[Finding]:
    """Name ReLUs most of whose units are zero for the whole batch; of a graph that still holds its values."""
    places, counts = [], []
    for place, node in enumerate(subject.graph.nodes):
        if operation_of(node) != "relu":
            continue
        result = next((kept.tensor for kept in saved_of(node) if kept.name == "result"), None)
        if result is None or result.dim() < 2 or not result.numel() or not _readable(result):
            continue
        places.append((place, _units(result)))
        zero = result == 0
        others = [dim for dim in range(result.dim()) if dim != _unit_dim(result)]
        counts.append(torch.stack([zero.all(others).sum(), zero.sum() * 1000 // result.numel()]))
    found = []
    for (place, units), counted in zip(places, counts, strict=True):
        dead, permille = counted.tolist()
        if dead >= DEAD_UNITS * units or permille >= 1000 * _ZEROS:
            words = (
                f"{subject.called(place)}: {dead:,} of {units:,} units are zero for the whole batch,"
                f" {permille / 10:.0f} % of all values are: no gradient goes through there."
            )
            cure = "Try a lower learning rate, another initialization, or leaky_relu."
            found.append(Finding("dead", words, place, cure=cure))
    return found


def _readable(tensor: Tensor) -> bool:
    return tensor.layout is torch.strided and tensor.device.type != "meta" and not tensor.is_nested


def _unit_dim(result: Tensor) -> int:
    """Return the dimension of the units: channels of images, features of everything else."""
    return 1 if result.dim() in (2, 4, 5) else result.dim() - 1


def _units(result: Tensor) -> int:
    return int(result.shape[_unit_dim(result)])
