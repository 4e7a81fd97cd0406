"""What is wrong with a graph or its gradients, the most pressing first. Runs nothing of the user's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from tui.kernel import torch_private
from tui.kernel.autograd import findings_flow, findings_nonfinite
from tui.kernel.autograd.caught import Caught
from tui.kernel.autograd.naming import HIDDEN, Naming
from tui.kernel.autograd.node_private import GraphNode, leaf_of, saved_of
from tui.kernel.autograd.structure import is_spent
from tui.kernel.autograd.walk import Walk
from tui.kernel.autograd.words import operation_of
from tui.kernel.leaves import reached_leaves
from tui.protocol.gradients import Finding, Findings

_NAMES: Final = 5
LineOf = Callable[[GraphNode], str]
CountOf = Callable[[Tensor], int | None]


@dataclass(frozen=True)
class Subject:
    """What is looked at."""

    graph: Walk
    naming: Naming
    caught: Caught | None
    line_of: LineOf

    def called(self, node: int) -> str:
        """Return what to call a node in a sentence: ``log (y), in model.head, at In [3], line 2: …``."""
        one = self.graph.nodes[node]
        text = operation_of(one)
        name, module, line = self.naming.names.get(node, ""), self.naming.module_of(node), self.line_of(one)
        text = f"{name}" if leaf_of(one) is not None and name else f"{text} ({name})" if name else text
        text += f", in {module}" if module and leaf_of(one) is None else ""
        return text + (f", at {line}" if line else "")


def diagnose(
    graph: Walk,
    naming: Naming,
    caught: Caught | None,
    namespace: Mapping[str, object],
    *,
    line_of: LineOf = lambda node: "",
    count_of: CountOf = lambda leaf: None,
) -> Findings:
    """Return all that was found; costs a pass over saved tensors.

    Args:
        graph: an open graph.
        naming: its names and modules.
        caught: of the last backward through it; None where there was none, then nothing is said of gradients.
        namespace: the user's, for parameters that the graph does not reach.
        line_of: the line of code of a node.
        count_of: how many backwards a gradient is the sum of.
    """
    subject = Subject(graph, naming, caught, line_of)
    with torch.no_grad(), torch_private.without_overrides():
        forward = findings_nonfinite.forward(subject, namespace)
        found = [
            *_in_place(subject),
            *forward,
            *findings_nonfinite.backward(subject, from_forward=bool(forward)),
            *findings_flow.along_depth(subject),
            *findings_flow.through_time(subject),
            *findings_flow.dead_relus(subject),
            *_unreached(subject, namespace),
            *_sums(subject, count_of),
            *_spent(subject),
        ]
    return Findings(tuple(found))


def _in_place(subject: Subject) -> list[Finding]:
    """Tell which saved values were changed, so that backward will raise, and what changed them."""
    found = []
    for place, node in enumerate(subject.graph.nodes):
        for kept in saved_of(node):
            if kept.state != "changed":
                continue
            culprit = _changer(subject, place, kept.name, kept.tensor)
            words = f"{subject.called(place)} needs its {kept.name} for backward, but it was changed in place"
            words += f" by {subject.called(culprit)}." if culprit >= 0 else "."
            cure = "Use the operation that makes a new tensor (y = y * 2, not y *= 2), or change a clone()."
            if culprit >= 0 and not subject.line_of(subject.graph.nodes[culprit]):
                cure += " Record the cell to see both lines."
            found.append(Finding("in place", words, place, cure=cure))
            break
    return found[:_NAMES]


def _changer(subject: Subject, place: int, name: str, tensor: Tensor | None) -> int:
    """Return the node of the operation that changed a saved value; -1 where it is not of this graph.

    An input that was changed has the node of the change as its `grad_fn`. A result is known by its node alone: what
    was changed in place replaces it, so the last operation that used the node is the change.
    """
    if name != "result" and tensor is not None and tensor.grad_fn is not None:
        found = subject.graph.index_of(tensor.grad_fn)
        return found if found != place else -1
    if not name.startswith("result"):
        return -1
    return min(subject.graph.users_of(place), default=-1)


def _spent(subject: Subject) -> list[Finding]:
    if not is_spent(subject.graph):
        return []
    words = "The graph is spent: a backward has freed what its nodes saved, so no other can run through it."
    return [
        Finding(
            "spent",
            words,
            0,
            cure="Run its cell again, or choose “keep graph” (retain_graph=True) next time.",
        )
    ]


def _unreached(subject: Subject, namespace: Mapping[str, object]) -> list[Finding]:
    """Name parameters that got no gradient though others of the same module did, or are not in the graph."""
    leaves = {
        id(leaf) for i in subject.graph.leaves() if (leaf := leaf_of(subject.graph.nodes[i])) is not None
    }
    owners: dict[str, list[str]] = {}
    touched: set[str] = set()
    for item in reached_leaves(namespace, HIDDEN):
        if not item.owner or not item.tracked:
            continue
        if id(item.tensor) in leaves:
            touched.add(item.owner)
        else:
            owners.setdefault(item.owner, []).append(item.name)
    found = []
    for owner, names in owners.items():
        if owner not in touched:
            continue
        listed = ", ".join(names[:_NAMES]) + (
            f" and {len(names) - _NAMES:,} more" if len(names) > _NAMES else ""
        )
        words = f"{len(names):,} parameter{'s' if len(names) > 1 else ''} of {owner} will get no gradient: {listed}."
        cure = "The result does not depend on them: is a layer not called in forward, or its output detached?"
        found.append(Finding("no gradient", words, name=names[0], cure=cure))
    return found


def _sums(subject: Subject, count_of: CountOf) -> list[Finding]:
    counts: dict[int, list[int]] = {}
    for place in subject.graph.leaves():
        leaf = leaf_of(subject.graph.nodes[place])
        count = count_of(leaf) if leaf is not None else None
        if count is not None and count > 1:
            counts.setdefault(count, []).append(place)
    if not counts:
        return []
    most = max(counts)
    name = subject.naming.names.get(counts[most][0], "")
    words = (
        f"Gradients hold the sum of {most:,} backwards: {name or 'a leaf'}.grad was not cleared in between."
    )
    return [
        Finding("sum of backwards", words, counts[most][0], name, "Call zero_grad() before each backward.")
    ]
