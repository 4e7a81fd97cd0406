"""One moment of a backward: what came into a node, what it had saved, what it sent on, and by which rule."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import torch
from torch import Tensor

from tui.kernel import torch_private
from tui.kernel.autograd.caught import Caught
from tui.kernel.autograd.describe import describe, with_gradient
from tui.kernel.autograd.errors import AutogradError
from tui.kernel.autograd.holders import holder_of
from tui.kernel.autograd.naming import Naming
from tui.kernel.autograd.node_private import GraphNode, is_leaf_node, output_shapes
from tui.kernel.autograd.rules import input_names, rule_lines
from tui.kernel.autograd.viewed import Viewed
from tui.kernel.autograd.walk import Walk
from tui.kernel.autograd.words import CHECKPOINT, COMPILED
from tui.kernel.drawing.facts import tensor_facts
from tui.kernel.summary import number
from tui.kernel.tensor_stats import TABLE_LIMIT, batch_stats
from tui.protocol.autograd import BackwardStep, Flow, Node

_NUMBERS: Final = 64


def read_step(
    graph: Walk,
    naming: Naming,
    caught: Caught,
    step: int,
    *,
    line_of: Callable[[GraphNode], str] = lambda node: "",
    viewed: Viewed | None = None,
) -> BackwardStep:
    """Return a step of a backward; reads values, changes nothing.

    `viewed`: where the tensor viewer is to find what the step shows; None: it does not look.

    Raises:
        AutogradError: ``bad request``: there is no such step.
    """
    if not 0 <= step < len(caught.order):
        raise AutogradError("bad request", f"There is no step {step}: {len(caught.order):,} nodes ran.")
    place = caught.order[step]
    node = node_with_gradient(describe(graph, place, naming, line_of=line_of), caught)
    whole = caught.incoming(place)
    count = max(1, len(node.shapes))
    outputs = ["grad of output"] if count == 1 else [f"grad of output {i}" for i in range(count)]
    incoming = list(zip(outputs, [-1] * count, whole or [None] * count, strict=False))
    saved = [(kept.name, -1, kept.tensor) for kept in graph.saved(place) if kept.state != "absent"]
    outgoing = _outgoing(graph, caught, place)
    flows = _flows([*incoming, *saved, *outgoing])
    if whole is None and node.gradient_norm is not None and count == 1:
        flows = (_norm_alone(graph, place, node.gradient_norm), *flows[1:])
    first, second = len(incoming), len(incoming) + len(saved)
    views = [viewed.grad(place, slot) if viewed is not None else "" for slot in range(first)]
    return BackwardStep(
        step=step,
        node=node,
        incoming=tuple(replace(flow, view=view) for flow, view in zip(flows, views, strict=False)),
        saved=tuple(
            _told_saved(flow, tensor, place, naming, viewed)
            for flow, (_, _, tensor) in zip(flows[first:second], saved, strict=True)
        ),
        outgoing=flows[second:],
        rule=rule_lines(graph, place),
        note=_note(graph, caught, place, node),
    )


def _told_saved(flow: Flow, tensor: Tensor | None, place: int, naming: Naming, viewed: Viewed | None) -> Flow:
    """Return what a node had saved with the name of what holds it, and where the viewer finds it."""
    holder = holder_of(naming.holders, tensor)
    view = holder
    if not holder and tensor is not None and viewed is not None:
        view = viewed.keep(place, flow.label, tensor)
    return replace(flow, holder=holder, view=view)


def node_with_gradient(node: Node, caught: Caught | None) -> Node:
    """Return the node with the norm of what came in at the last backward, if any did."""
    if caught is None or node.node >= len(caught.norms):
        return node
    norm = caught.norms[node.node]
    bad = caught.nonfinite[node.node]
    ran = norm == norm or bad > 0
    return with_gradient(node, norm if ran else None, bad)


_Labelled = tuple[str, int, Tensor | None]


def _outgoing(graph: Walk, caught: Caught, place: int) -> list[_Labelled]:
    """Return what a node sent along each edge: what was caught there, or what came in where it alone sends."""
    found: list[_Labelled] = []
    sent = caught.sent.get(place)
    for i, ((target, slot), name) in enumerate(
        zip(graph.edges(place), input_names(graph, place), strict=True)
    ):
        if target < 0:
            continue
        gradient = sent[i] if sent is not None and i < len(sent) else None
        if sent is None and graph.senders(target, slot) == 1:
            arrived = caught.incoming(target) or ()
            gradient = arrived[slot] if slot < len(arrived) else None
        found.append((f"grad of {name}", target, gradient))
    return found


def _flows(labelled: list[_Labelled]) -> tuple[Flow, ...]:
    tensors = [tensor for _, _, tensor in labelled if tensor is not None]
    stats = iter(batch_stats(tensors, limit=TABLE_LIMIT))
    flows = []
    for label, target, tensor in labelled:
        if tensor is None:
            flows.append(Flow(label, target))
        else:
            flows.append(Flow(label, target, tensor_facts(tensor, next(stats)), _numbers(tensor)))
    return tuple(flows)


def _norm_alone(graph: Walk, place: int, norm: float) -> Flow:
    """Return what is known of a gradient that was not kept whole."""
    shape, dtype, device = output_shapes(graph.nodes[place])[0]
    like = torch.empty([max(0, size) for size in shape], dtype=getattr(torch, dtype, None), device="meta")
    facts = replace(tensor_facts(like), device=str(device), statistics=f"norm {number(norm)}, not kept whole")
    return Flow("grad of output", facts=facts)


def _numbers(tensor: Tensor) -> tuple[float, ...]:
    """Return the values of a small tensor of real numbers; none of any other."""
    with torch.no_grad(), torch_private.without_overrides():
        try:
            if (
                tensor.layout is not torch.strided
                or tensor.is_complex()
                or not 0 < tensor.numel() <= _NUMBERS
            ):
                return ()
            return tuple(float(value) for value in tensor.detach().reshape(-1).tolist())
        except (RuntimeError, NotImplementedError, TypeError):
            return ()


def _note(graph: Walk, caught: Caught, place: int, node: Node) -> str:
    """Return what the numbers do not tell."""
    notes = []
    if is_leaf_node(graph.nodes[place]):
        notes.append(f"{node.name or 'A leaf'}: what comes in is its gradient.")
    elif node.operation == CHECKPOINT:
        notes.append("A checkpointed region: it ran forward again, and backward through that.")
    elif node.operation == COMPILED:
        notes.append("A compiled region: one node for all of it.")
    elif node.kind == "custom":
        notes.append(f"A function of your own: {node.operation}.backward made these.")
    elif node.operation == "copy_slices":
        notes.append(
            "A view was changed in place: the gradient of what was overwritten goes to what was written."
        )
    if len(graph.users_of(place)) > 1:
        notes.append(f"Used {len(graph.users_of(place)):,} times: their gradients are added up.")
    if caught.incoming(place) is None and node.gradient_norm is not None:
        notes.append("Too large to be kept whole: only its norm is known.")
    elif caught.changed(place):
        notes.append(
            "Something has written into this gradient since: its numbers are no longer those of this backward."
        )
    return " ".join(notes)
