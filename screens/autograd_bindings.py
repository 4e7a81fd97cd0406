"""The keys of the Autograd screen."""

from __future__ import annotations

from typing import Final

from textual.binding import BindingType

from tui.widgets.keys import key

NEEDS_GRAPH: Final = frozenset(("backward", "diagnose", "create_graph"))
"""Actions that make no sense without a graph."""
NEEDS_BACKWARD: Final = frozenset(("move", "go_to_step"))
"""Actions that make no sense before a backward."""

AUTOGRAD_KEYS: Final[list[BindingType]] = [
    key("o", "open", "Open", "autograd.open", "Open the graph of a result: a name or an expression"),
    key(
        "b", "backward('backward')", "Backward", "autograd.backward",
        "Run backward: accumulates into .grad, frees the graph",
    ),
    key(
        "B", "backward('backward, keep graph')", "Keep graph", "autograd.backward-keep",
        "Run backward and keep the graph, so that it can run again", show=False,
    ),
    key(
        "p", "backward('peek')", "Peek", "autograd.peek",
        "See all gradients of a backward; .grad and the graph stay as they are",
    ),
    key("right", "move(1)", "Step", "autograd.step", "The next step of the backward"),
    key("left", "move(-1)", "Step back", "autograd.step-back", "The step before", show=False),
    key("home,less_than_sign", "go_to_step(0)", "First", "autograd.first", "The first step", show=False),
    key("end,greater_than_sign", "go_to_step(-1)", "Last", "autograd.last", "The last step", show=False),
    key("s", "descend", "Descend", "autograd.descend", "One step of gradient descent, or of an optimizer"),
    key("z", "zero", "Zero", "autograd.zero", "Clear all gradients, as zero_grad does", show=False),
    key("d", "diagnose", "Diagnose", "autograd.diagnose", "Look for what is wrong with the graph"),
    key(
        "g", "gradients", "Gradients", "autograd.gradients", "To the table of gradients; again: all of its columns",
        show=False,
    ),
    key("t", "panel", "Panel", "autograd.panel", "The next panel: step, gradients, findings, changes", show=False),
    key(
        "shift+down,right_curly_bracket", "scroll_panel(1)", "Scroll", "autograd.scroll", "Scroll the panel",
        show=False,
    ),
    key("shift+up,left_curly_bracket", "scroll_panel(-1)", "Scroll", "autograd.scroll-back", "Back", show=False),
    key("a", "sort(False)", "Sort", "autograd.sort", "Sort the gradients by the next column", show=False),
    key("A", "sort(True)", "Reverse", "autograd.reverse", "Sort the other way round", show=False),
    key("c", "check", "Gradcheck", "autograd.check", "Check a gradient against finite differences", show=False),
    key("v", "view(False)", "View", "autograd.view", "Look at the value in the tensor viewer", show=False),
    key("V", "view(True)", "View .grad", "autograd.view-grad", "Look at the value with its .grad beside", show=False),
    key("C", "create_graph", "create_graph", "autograd.create-graph", "Give gradients a graph too", show=False),
    key("R", "record", "Record", "autograd.record", "Record the lines and modules of the next cells", show=False),
    key("r", "refresh", "Refresh", "autograd.refresh", "Ask the kernel again; open the graph anew", show=False),
    key("escape", "leave", "Close", "autograd.close", "End the computation or the filter; else close", show=False),
]  # fmt: skip
