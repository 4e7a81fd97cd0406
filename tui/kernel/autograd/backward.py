"""Runs backward through a graph and catches the gradient at every node; leaves no hook behind.

NOTE [Ending a backward]
Nothing stops an operation that runs in C++. Between two of them autograd calls our pre-hook, which raises where the
user has ended the backward: autograd then lets go of what waits, as for any error in a hook. Gradients that have
reached leaves by then stay in `.grad`, and what nodes on the way had saved is freed unless it was to be kept.
"""

from __future__ import annotations

import gc
from array import array
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from time import perf_counter
from typing import Any, Final

import torch
from torch import Tensor

from tui.kernel.autograd.catcher import BUDGET_BYTES, Catcher
from tui.kernel.autograd.caught import Caught
from tui.kernel.autograd.errors import AutogradError, EndedError
from tui.kernel.autograd.node_private import leaf_of
from tui.kernel.autograd.remember import remember_saved
from tui.kernel.autograd.walk import Walk
from tui.kernel.autograd.words import operation_of
from tui.protocol.autograd import BackwardMode

_MANY: Final = 10_000
TWICE: Final = "through the graph a second time"
CHANGED: Final = "modified by an inplace operation"


def run_backward(
    graph: Walk,
    mode: BackwardMode,
    seed: Tensor,
    *,
    create_graph: bool = False,
    budget_bytes: int = BUDGET_BYTES,
    ended: Callable[[], bool] = lambda: False,
) -> Caught:
    """Return what came in at each node of the graph in a backward from its root.

    ``backward`` and ``backward, keep graph`` accumulate into `.grad`, as `Tensor.backward` does; ``peek`` leaves
    `.grad`, versions and the graph as they are (hooks of the user's on tensors and nodes run in each). An error on
    the way is in `Caught.error`; what was caught until then is there.

    Args:
        graph: held by the caller; nothing of it is changed.
        mode: see `BackwardMode`.
        seed: the gradient with respect to the root.
        create_graph: whether gradients get a graph of their own; not of a peek, whose gradients nobody sees.
        budget_bytes: whole gradients that are kept.
        ended: asked before each node: whether the user has ended it. See NOTE [Ending a backward].

    Raises:
        AutogradError: ``changed``: the root is no longer what this graph computed.
    """
    if not graph.is_current():
        raise AutogradError(
            "changed", "The result was changed in place since its graph was opened: open it again."
        )
    catcher = Catcher(len(graph), budget_bytes, ended)
    leaves = graph.leaves()
    fresh = [] if mode == "peek" else _without_gradient(graph, leaves)
    keeps = mode != "backward" or create_graph
    if not keeps:
        remember_saved(graph)
    start_s = perf_counter()
    try:
        with _hooks(graph, catcher, {node for node, _ in fresh}):
            if mode == "peek":
                _peek(graph, leaves, seed, catcher)
            else:
                torch.autograd.backward((graph.root,), (seed,), retain_graph=keeps, create_graph=create_graph)
    except EndedError:
        catcher.caught.error = _ended_words(graph, catcher.caught, mode, frees=not keeps)
    except Exception as error:  # noqa: BLE001 - anything that the user's own functions and hooks raise
        catcher.caught.error = _error_words(error, graph, catcher.caught)
        catcher.caught.failed = catcher.caught.order[-1] if catcher.caught.order else -1
    catcher.caught.seconds = perf_counter() - start_s
    given = [(node, leaf.grad) for node, leaf in fresh if leaf.grad is not None]
    for node, gradient in given:
        catcher.keep_leaf(node, gradient)
    caught = catcher.finish()
    with torch.no_grad():
        catcher.part_from([gradient for _, gradient in given])
    if mode == "peek":
        caught.order = _with_leaves(graph, caught)
    return caught


def _without_gradient(graph: Walk, leaves: list[int]) -> list[tuple[int, Tensor]]:
    """Return the leaves that have no gradient yet, and so will hold exactly what comes."""
    found = []
    for node in leaves:
        leaf = leaf_of(graph.nodes[node])
        if leaf is not None and leaf.grad is None:
            found.append((node, leaf))
    return found


@contextmanager
def _hooks(graph: Walk, catcher: Catcher, fresh: set[int]) -> Iterator[None]:
    """Catch at every node inside; `fresh` are leaves without a gradient."""
    handles: list[Any] = []
    meeting = _meeting(graph)
    with _collection_paused(len(graph)):
        try:
            for place, node in enumerate(graph.nodes):
                take = catcher.take_leaf if place in fresh else catcher.take
                handles.append(node.register_prehook(partial(take, place)))
                if place in meeting:
                    handles.append(node.register_hook(partial(catcher.take_sent, place)))
            yield
        finally:
            for handle in handles:
                handle.remove()


@contextmanager
def _collection_paused(nodes: int) -> Iterator[None]:
    """Keep Python from looking for cycles among the hooks of a large graph, again and again: it doubles the time."""
    pause = nodes > _MANY and gc.isenabled()
    if pause:
        gc.disable()
    try:
        yield
    finally:
        if pause:
            gc.enable()


def _meeting(graph: Walk) -> set[int]:
    """Return the nodes with an edge that shares its end with another one: there gradients are added up."""
    ends = Counter(zip(graph.targets, graph.slots, strict=True))
    shared = {end for end, count in ends.items() if count > 1 and end[0] >= 0}
    return (
        {node for node in range(len(graph)) if any(end in shared for end in graph.edges(node))}
        if shared
        else set()
    )


def _peek(graph: Walk, leaves: list[int], seed: Tensor, catcher: Catcher) -> None:
    variables = [leaf for node in leaves if (leaf := leaf_of(graph.nodes[node])) is not None]
    if not variables:
        raise AutogradError("bad request", "No leaf of this graph requires grad.")
    found = torch.autograd.grad((graph.root,), variables, (seed,), retain_graph=True, allow_unused=True)
    for node, gradient in zip(leaves, found, strict=True):
        if gradient is not None:
            catcher.keep_leaf(node, gradient)
            catcher.measure_leaf(node, gradient)


def _with_leaves(graph: Walk, caught: Caught) -> array[int]:
    """Return the order with each leaf where a backward would have run it: right after the last node that uses it.

    A peek hands leaves their gradients without running their nodes.
    """
    ran = set(caught.order)
    waiting: Counter[int] = Counter()
    leaves = {
        node for node in graph.leaves() if node in caught.whole or caught.norms[node] == caught.norms[node]
    }
    for node in ran:
        waiting.update(target for target, _ in graph.edges(node) if target in leaves)
    order = array("i")
    for node in caught.order:
        order.append(node)
        for target, _ in graph.edges(node):
            if target in leaves:
                waiting[target] -= 1
                if not waiting[target]:
                    order.append(target)
    return order


def _ended_words(graph: Walk, caught: Caught, mode: BackwardMode, *, frees: bool) -> str:
    words = f"Ended after {len(caught.order):,} of {len(graph):,} nodes: "
    if mode == "peek":
        return words + ".grad and the graph are as before."
    words += "leaves that were reached have their gradient."
    return words + (" The graph is spent: run its cell again." if frees and caught.order else "")


def _error_words(error: Exception, graph: Walk, caught: Caught) -> str:
    text = (str(error).strip().splitlines() or [""])[0]
    if TWICE in text:
        return (
            "This graph is spent: a backward has freed what its nodes saved. Run its cell again, or keep the graph"
            " next time (retain_graph=True)."
        )
    where = f" (at {operation_of(graph.nodes[caught.order[-1]])})" if caught.order else ""
    if CHANGED in text and caught.order:
        return f"Backward stopped{where}: a value that it needs was changed in place. d tells where."
    return f"{type(error).__name__}: {text}{where}"
