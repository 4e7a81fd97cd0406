"""The autograd graph of a result: walked, described, run backward with every gradient caught, looked at for faults.

All of it is plain functions of torch objects that return the frozen dataclasses of `tui.protocol.autograd`, usable
without a UI; `Graphs` holds opened graphs by id and answers the UI's requests::

    from tui.kernel.autograd import describe, diagnose, name_nodes, read_step, run_backward, walk_graph
    graph = walk_graph(loss)                              # nodes in the order in which autograd runs them
    naming = name_nodes(graph, {"model": model})          # variables, parameters, modules
    describe(graph, 0, naming)                            # one node in words
    caught = run_backward(graph, "peek", torch.ones_like(loss))    # the gradient at every node; `.grad` stays as it is
    read_step(graph, naming, caught, 3)                   # what came in, was saved, went out, and by which rule
    diagnose(graph, naming, caught, {"model": model})     # what is wrong

Nothing here leaves a hook or an attribute on the user's objects, or changes them unasked.
Must not import: the UI, ipykernel, `tui.kernel.training`.
"""

from tui.kernel.autograd.backward import run_backward
from tui.kernel.autograd.check import check_gradient
from tui.kernel.autograd.descent import descend, zero_grad
from tui.kernel.autograd.describe import describe
from tui.kernel.autograd.errors import AutogradError
from tui.kernel.autograd.findings import diagnose
from tui.kernel.autograd.gradients import list_gradients
from tui.kernel.autograd.graphs import Graphs
from tui.kernel.autograd.naming import name_nodes
from tui.kernel.autograd.steps import read_step
from tui.kernel.autograd.walk import walk_graph

__all__ = [
    "AutogradError",
    "Graphs",
    "check_gradient",
    "descend",
    "describe",
    "diagnose",
    "list_gradients",
    "name_nodes",
    "read_step",
    "run_backward",
    "walk_graph",
    "zero_grad",
]
