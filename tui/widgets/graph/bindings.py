"""The keys and colours of the graph."""

from __future__ import annotations

from typing import Final

from textual.binding import BindingType

from tui.widgets.graph.row_lines import STYLES
from tui.widgets.keys import key

GRAPH_KEYS: Final[list[BindingType]] = [
    key("up,k", "move(-1)", "Up", "graph.up", "One row up, towards the result", show=False),
    key("down,j", "move(1)", "Down", "graph.down", "One row down, towards the leaves", show=False),
    key("pageup", "page(-1)", "Page up", "graph.page-up", "One page up", show=False),
    key("pagedown", "page(1)", "Page down", "graph.page-down", "One page down", show=False),
    key("home", "go(0)", "First", "graph.first", "To the result", show=False),
    key("end", "go(-1)", "Last", "graph.last", "To the last row", show=False),
    key("enter", "choose", "Choose", "graph.choose", "Look at this node", show=False),
    key("space", "toggle_fold", "Fold", "graph.fold", "Fold the module of this node, or unfold it", show=False),
    key("f", "fold_around", "Fold outwards", "graph.fold-around", "Fold the module around", show=False),
    key("left_square_bracket", "fold_by(-1)", "Fold all", "graph.fold-more", "Fold all modules further", show=False),
    key("right_square_bracket", "fold_by(1)", "Unfold all", "graph.fold-less", "Unfold all modules by one", show=False),
    key("slash", "filter", "Filter", "graph.filter", "Show only what has this name", show=False),
    key("n", "match(1)", "Next match", "graph.next-match", "To the next match", show=False),
    key("N", "match(-1)", "Match before", "graph.previous-match", "To the match before", show=False),
    key("w", "next_parameter", "Parameter", "graph.parameter", "To the next parameter", show=False),
    key("u", "previous_user", "User", "graph.user", "Up to what uses the output of this node", show=False),
    key("x", "cpp_names", "C++ names", "graph.cpp-names", "Operations by autograd's own names", show=False),
]  # fmt: skip
NEEDS_GRAPH: Final = frozenset(
    (
        "choose", "toggle_fold", "fold_around", "fold_by", "filter", "match", "next_parameter", "previous_user",
        "cpp_names",
    )
)  # fmt: skip
"""Actions that make no sense without a graph."""

GRAPH_CSS: Final = """
GraphView { height: 1fr; background: $background; color: $foreground; }
GraphView > .graphview--operation { text-style: bold; color: $foreground; }
GraphView > .graphview--parameter { text-style: bold; color: $accent; }
GraphView > .graphview--input { text-style: bold; color: $success; }
GraphView > .graphview--custom { text-style: bold; color: $primary; }
GraphView > .graphview--checkpoint { text-style: bold; color: $secondary; }
GraphView > .graphview--fold { text-style: bold; color: $secondary; }
GraphView > .graphview--name { color: $accent; }
GraphView > .graphview--dim { color: $foreground 60%; }
GraphView > .graphview--rail { color: $foreground 45%; }
GraphView > .graphview--lane0 { color: $secondary; }
GraphView > .graphview--lane1 { color: $val; }
GraphView > .graphview--lane2 { color: $test; }
GraphView > .graphview--lane3 { color: $other; }
GraphView > .graphview--lane4 { color: $primary; }
GraphView > .graphview--lane5 { color: $foreground 70%; }
GraphView > .graphview--bar { color: $secondary 60%; }
GraphView > .graphview--alarm { text-style: bold; color: $warning; }
GraphView > .graphview--nan { text-style: bold; color: $nan; }
GraphView > .graphview--now { text-style: bold; color: $primary; }
GraphView > .graphview--head { background: $panel; color: $text-muted; }
GraphView > .graphview--foot { background: $surface; color: $text-muted; }
GraphView > .graphview--cursor { background: $surface; }
GraphView > .graphview--turn { background: $accent 20%; }
GraphView > .graphview--thumb { color: $foreground 35%; background: $background; }
GraphView > .graphview--track { color: $foreground; background: $background; }
GraphView:focus > .graphview--cursor { background: $primary 30%; }
GraphView FilterLine { dock: bottom; }
"""
COMPONENTS: Final = {
    f"graphview--{name}" for name in (*STYLES, "head", "foot", "cursor", "turn", "thumb", "track")
}  # fmt: skip
