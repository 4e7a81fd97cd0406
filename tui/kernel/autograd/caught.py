"""What a backward caught: at each node the gradient that came in, as a norm and, within a budget, whole."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field

from tui.kernel import torch_private
from tui.kernel.autograd.measures import Gradients


@dataclass(eq=False)
class Caught:
    """What came in at each node of a graph in one backward."""

    count: int
    """Nodes of the graph."""
    order: array[int] = field(default_factory=lambda: array("i"))
    """The nodes in the order in which they ran."""
    whole: dict[int, Gradients] = field(default_factory=dict)
    """For the nodes whose gradients are kept: that of each output of the operation; None where none came."""
    sent: dict[int, Gradients] = field(default_factory=dict)
    """For nodes some of whose gradients were added to others: what went out along each edge."""
    versions: dict[int, tuple[int | None, ...]] = field(default_factory=dict)
    """Counts of in-place changes of what is in `whole`, when it was caught."""
    norms: array[float] = field(default_factory=lambda: array("d"))
    nonfinite: array[int] = field(default_factory=lambda: array("i"))
    error: str = ""
    failed: int = -1
    """Node at which it ended early, as far as that is known."""
    seconds: float = 0.0

    def incoming(self, node: int) -> Gradients | None:
        """Return the whole gradients of a node; None where they are not kept."""
        return self.whole.get(node)

    def changed(self, node: int) -> bool:
        """Whether something has written into a kept gradient since it was caught."""
        then = self.versions.get(node)
        return then is not None and then != versions_of(self.whole.get(node, ()))


def versions_of(gradients: Gradients) -> tuple[int | None, ...]:
    """Return the counts of in-place changes."""
    return tuple([None if one is None else torch_private.version_of(one) for one in gradients])
