"""The graph in an app of its own: what is shown, and what is wanted of the screen."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from textual import events, on
from textual.app import ComposeResult
from textual.geometry import Region
from textual.message import Message
from textual.pilot import Pilot
from textual.widgets import Input

from tests.ui.fake_session import screen_rows, screen_text, until
from tests.unit.graph_cases import chain, node_rows, opened, pack, packed, residual_blocks
from tui.protocol.autograd import BackwardDone, GraphStructure
from tui.themes import THEMES, ThemedApp
from tui.widgets.graph.view import GraphView

# loss of a block x + fc2(relu(fc1(x))), twice
EDGES, KINDS = residual_blocks(2)
OPERATIONS = [*(["add", "addmm", "leaf", "relu", "addmm", "leaf", "tanh", "view"] * 2), "leaf"]
MODULES = [
    path
    for block in (1, 0)
    for path in [
        "net",
        *[f"net[{block}].fc2"] * 2,
        f"net[{block}]",
        *[f"net[{block}].fc1"] * 3,
        f"net[{block}]",
    ]
] + [""]
GRAPH = packed(EDGES, KINDS, OPERATIONS, MODULES)
NAMES = {0: "loss", 2: "net[1].fc2.bias", 16: "x"}
LONG = packed(chain(500), "", ["exp", "sin"] * 250)


class Host(ThemedApp[int]):
    """Answers what the graph wants to know, unless it is told to hold back."""

    def __init__(self, graph: GraphStructure = GRAPH) -> None:
        super().__init__()
        self.rows = node_rows(graph, NAMES)
        self.answers = True
        self.wanted: list[tuple[int, ...]] = []
        self.told: list[Message] = []

    def compose(self) -> ComposeResult:
        yield GraphView()

    @property
    def view(self) -> GraphView:
        return self.query_one(GraphView)

    @property
    def highlighted(self) -> list[int]:
        return [each.node for each in self.told if isinstance(each, GraphView.NodeHighlighted)]

    @property
    def chosen(self) -> list[int]:
        return [each.node for each in self.told if isinstance(each, GraphView.NodeChosen)]

    @on(GraphView.NodesWanted)
    def answer(self, message: GraphView.NodesWanted) -> None:
        self.wanted.append(message.nodes)
        if self.answers:
            self.view.show_nodes([self.rows[node] for node in message.nodes])

    @on(GraphView.NodeHighlighted)
    @on(GraphView.NodeChosen)
    def keep(self, message: Message) -> None:
        self.told.append(message)


@asynccontextmanager
async def shown(
    graph: GraphStructure = GRAPH, *, size: tuple[int, int] = (100, 24), answers: bool = True
) -> AsyncIterator[tuple[Host, Pilot[int]]]:
    app = Host(graph)
    app.answers = answers
    async with app.run_test(size=size) as pilot:
        app.view.show(opened(graph))
        app.view.focus()
        await until(pilot, lambda: app.wanted and app.view.has_focus)
        await pilot.pause()
        yield app, pilot


def backward(norms: list[float]) -> BackwardDone:
    count = len(norms)
    return BackwardDone(
        pack("i", range(count)), pack("d", norms), pack("i", [0] * count), 0.1, 0, spent=False
    )


def painted(app: Host, monkeypatch: pytest.MonkeyPatch) -> list[Region]:
    """The regions that are painted from now on; all of it where no region is given."""
    regions: list[Region] = []
    refresh = app.view.refresh

    def note(*asked: Region, **options: Any) -> Any:
        regions.extend(asked or [Region(0, 0, 1000, 1000)])
        return refresh(*asked, **options)

    monkeypatch.setattr(app.view, "refresh", note)
    return regions


# -- what is shown --------------------------------------------------------------------------------


async def test_rails_words_and_counts() -> None:
    async with shown() as (app, _):
        rows = screen_rows(app)
        assert "graph of loss" in rows[0]
        assert "● add loss" in rows[1]
        assert "├─●╴addmm" in rows[2]
        assert "│ ├─■ bias" in rows[3]
        assert "▲─╯ x" in rows[17]
        assert "17 nodes  ■ 4 parameters  ▲ 1 input" in rows[-1]


async def test_without_a_graph_it_says_so_and_no_key_does_harm() -> None:
    app = Host()
    async with app.run_test(size=(80, 10)) as pilot:
        app.view.focus()
        keys = (
            "up",
            "pagedown",
            "end",
            "enter",
            "space",
            "f",
            "left_square_bracket",
            "slash",
            "n",
            "w",
            "u",
            "x",
        )
        await pilot.press(*keys)
        await pilot.click(GraphView, offset=(3, 2))
        assert "no graph is open" in screen_text(app)
        app.view.show_nodes(app.rows)
        app.view.mark(3)
        app.view.show(opened(GRAPH))
        await until(pilot, lambda: "● add" in screen_text(app))
        app.view.show(None)
        await until(pilot, lambda: "no graph is open" in screen_text(app))
        assert app.chosen == []


@pytest.mark.parametrize("size", [(60, 20), (80, 24), (120, 40), (200, 50), (20, 3), (5, 1)])
async def test_it_fits_every_place(size: tuple[int, int]) -> None:
    async with shown(size=size) as (app, pilot):
        app.view.show_backward(backward([1.0] * 17))
        await pilot.press("end", "home")
        await pilot.resize_terminal(100, 30)
        await until(pilot, lambda: "├─●╴addmm" in screen_text(app))


@pytest.mark.parametrize("theme", [theme.name for theme in THEMES])
async def test_every_theme_draws_it(theme: str) -> None:
    async with shown() as (app, pilot):
        app.theme = theme
        await pilot.pause()
        assert "├─●╴addmm" in screen_text(app)


async def test_gradients_come_with_a_backward() -> None:
    async with shown() as (app, pilot):
        assert "|grad|" not in screen_text(app)
        asked = len(app.wanted)
        app.view.show_backward(backward([10.0**-step for step in range(17)]))
        await until(pilot, lambda: "|grad|" in screen_text(app))
        assert "1e-16↓" in screen_rows(app)[17]
        await until(pilot, lambda: len(app.wanted) > asked)  # what was saved is gone now


async def test_stepping_through_a_backward_marks_nodes_and_scrolls(monkeypatch: pytest.MonkeyPatch) -> None:
    async with shown(LONG) as (app, pilot):
        app.view.show_backward(backward([1.0] * 500))
        app.view.mark(2)
        await pilot.pause()
        assert [row[0] for row in screen_rows(app)[1:6]] == ["✓", "✓", "▶", " ", " "]
        regions = painted(app, monkeypatch)
        app.view.mark(3)
        assert {region.y for region in regions} == {3, 4}
        app.view.mark(400)
        await until(pilot, lambda: any(row.startswith("▶") for row in screen_rows(app)))
        assert app.view.current == 0  # the cursor stays
        app.view.mark(None)
        await pilot.pause()
        assert not any(row[:1] in "▶✓" for row in screen_rows(app)[1:-1] if row[:1].strip())


# -- asking ---------------------------------------------------------------------------------------


async def test_what_is_not_known_is_blank_and_asked_for_one_at_a_time() -> None:
    async with shown(LONG, answers=False) as (app, pilot):
        assert "(2, 3)" not in screen_text(app)
        await pilot.press("pagedown", "pagedown", "end")
        await pilot.pause()
        assert len(app.wanted) == 1  # no other one before it is answered
        app.answers = True
        app.view.show_nodes([app.rows[node] for node in app.wanted[0]])
        await until(pilot, lambda: "(2, 499)" in screen_text(app))
        assert len(app.wanted) == 2


async def test_nodes_that_cannot_be_had_are_not_asked_for_again() -> None:
    async with shown(answers=False) as (app, pilot):
        app.view.show_nodes(())
        await pilot.press("down", "up")
        await pilot.pause()
        assert len(app.wanted) == 1


async def test_nothing_is_painted_when_nothing_is_new(monkeypatch: pytest.MonkeyPatch) -> None:
    async with shown() as (app, _):
        regions = painted(app, monkeypatch)
        app.view.show_nodes(app.rows)
        assert regions == []
        app.view.action_move(1)
        assert {region.y for region in regions} == {1, 2}


# -- the cursor -----------------------------------------------------------------------------------


async def test_keys_move_the_cursor_and_tell_of_it() -> None:
    async with shown(LONG) as (app, pilot):
        await pilot.press("down", "j", "k", "end", "home", "pagedown", "enter")
        await pilot.pause()
        page = app.view.page_rows - 1
        assert app.highlighted == [0, 1, 2, 1, 499, 0, page]
        assert app.chosen == [page]


async def test_parameters_users_and_names_of_autograd() -> None:
    async with shown() as (app, pilot):
        await pilot.press("w", "u", "u", "x")
        await until(pilot, lambda: "AddmmBackward0" in screen_text(app))
        assert app.highlighted == [0, 2, 1, 0]


async def test_the_mouse_chooses_folds_and_scrolls() -> None:
    async with shown(size=(100, 12)) as (app, pilot):
        await pilot.click(GraphView, offset=(20, 4))
        await until(pilot, lambda: app.highlighted[-1] == 3)
        await pilot.click(GraphView, offset=(20, 4), times=2)
        await until(pilot, lambda: app.chosen == [3])
        app.view.post_message(events.MouseScrollDown(app.view, 5, 5, 0, 0, 0, False, False, False))
        await until(pilot, lambda: app.view.top > 0)
        assert app.view.current == 3


async def test_a_click_on_its_sign_unfolds() -> None:
    async with shown() as (app, pilot):
        await pilot.press("down", "space")
        await until(pilot, lambda: "▸ net[1].fc2" in screen_text(app))
        x, y = next((row.index("▸"), y) for y, row in enumerate(screen_rows(app)) if "▸ net" in row)
        await pilot.click(GraphView, offset=(x + 9, y))
        assert "▸ net[1].fc2" in screen_text(app)
        await pilot.click(GraphView, offset=(x, y))
        await until(pilot, lambda: "▸ net" not in screen_text(app))


# -- folds and the filter -------------------------------------------------------------------------


async def test_folds_keep_the_cursor_on_its_node_and_its_line() -> None:
    async with shown() as (app, pilot):
        await pilot.press(*["down"] * 12)  # tanh of the second block
        node = app.view.current
        assert node == 12
        await pilot.press("f", "f")
        await until(pilot, lambda: "▸ net[0]" in screen_text(app))
        assert app.highlighted[-1] == 9
        await pilot.press("space", "space")
        await until(pilot, lambda: "▸ net[0]" not in screen_text(app))
        assert app.view.current == node
        await pilot.press(*["left_square_bracket"] * 3)
        await until(pilot, lambda: "▸ net  16 nodes" in screen_text(app))
        await pilot.press(*["right_square_bracket"] * 3)
        await until(pilot, lambda: app.view.current == node)


async def test_a_filter_is_typed_and_left() -> None:
    async with shown() as (app, pilot):
        await pilot.press("slash", *"relu")
        await until(pilot, lambda: "⋮ 3 nodes" in screen_text(app))
        assert app.query_one(Input).has_focus
        await pilot.press("enter")
        await until(pilot, lambda: app.view.has_focus)
        assert app.view.current == 3
        await pilot.press("n")
        await until(pilot, lambda: app.view.current == 11)
        await pilot.press("slash", "escape")
        await until(pilot, lambda: "⋮" not in screen_text(app))
        assert app.view.current == 11
        assert app.view.has_focus
        await pilot.press("N")
        await until(pilot, lambda: app.view.current == 3)


async def test_names_are_asked_for_when_they_are_filtered_by() -> None:
    async with shown(LONG, size=(80, 12)) as (app, pilot):
        app.rows = node_rows(LONG, {480: "hidden_state"})
        await pilot.press("slash", *"hidden")
        await until(pilot, lambda: "exp hidden_state" in screen_text(app))


async def test_going_to_a_node_from_outside_ends_a_filter_that_hides_it() -> None:
    async with shown() as (app, pilot):
        await pilot.press("slash", *"relu", "enter")
        app.view.go_to(5)
        await until(pilot, lambda: app.view.current == 5 and "⋮" not in screen_text(app))
        assert not app.query_one(Input).parent.has_class("-open")  # type: ignore[union-attr]


async def test_another_graph_takes_the_place_of_the_first() -> None:
    async with shown() as (app, pilot):
        await pilot.press("slash", *"relu", "enter")
        app.rows = node_rows(LONG)
        app.view.show(opened(LONG, "other"))
        await until(pilot, lambda: "graph of other" in screen_text(app))
        assert app.view.current == 0
        assert "⋮" not in screen_text(app)
