"""The Autograd screen over a fake kernel that knows one graph."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from textual.pilot import Pilot

from screens.autograd import AutogradScreen
from screens.tensor_viewer import TensorViewer
from tests.ui.fake_graphs import DONE, NODES, FakeGraphs, Y, on_autograd, open_y
from tests.ui.fake_session import screen_rows, screen_text, shown, typed, until
from tui.protocol.autograd import (
    CancelGraphWork,
    CloseGraph,
    OpenGraph,
    ReadStep,
    RunBackward,
)
from tui.protocol.gradients import (
    CheckGradient,
    Descend,
    GradientTable,
    ListGradients,
    ZeroGrad,
)
from tui.protocol.messages import ListVariables, Refusal, RunState, VariableTable
from tui.widgets.gradients.item_lines import ItemLines


def text_of(pilot: Pilot[int]) -> str:
    return screen_text(pilot.app)


async def backward(pilot: Pilot[int], screen: AutogradScreen) -> None:
    """Run backward on the open graph and wait for its first step."""
    await pilot.press("b")
    await until(pilot, lambda: screen.control.step is not None and screen.control.table is not None)
    await until(pilot, lambda: "step 1 of 6" in text_of(pilot))


# -- before a graph -------------------------------------------------------------------------------


async def test_without_anything_it_is_said_how_a_graph_comes_about() -> None:
    session = FakeGraphs()
    session._table = lambda: GradientTable(())  # type: ignore[method-assign]
    session._answer = _without(session, ListVariables, VariableTable((), {}))  # type: ignore[method-assign]
    async with on_autograd(session) as (pilot, screen):
        await until(pilot, lambda: "w = torch.randn(3, requires_grad=True)" in text_of(pilot))
        assert "press o" in text_of(pilot)
        assert not shown(screen.gradients)


def _without(session: FakeGraphs, kind: type[Any], answer: object) -> Any:
    usual = session._answer
    return lambda request: answer if isinstance(request, kind) else usual(request)


async def test_results_with_a_graph_are_offered_and_enter_opens_one() -> None:
    session = FakeGraphs()
    async with on_autograd(session) as (pilot, screen):
        await until(pilot, lambda: "▸ y" in text_of(pilot) and "▸ out" in text_of(pilot))
        assert "no graph open" in text_of(pilot)
        await pilot.press("enter")
        await until(pilot, lambda: screen.control.opened is not None and screen.graph.has_focus)
        await until(pilot, lambda: "relu" in text_of(pilot))
        assert session.of(OpenGraph) == [OpenGraph("y")]
        head = screen_rows(pilot.app)[1]
        assert "y = 2.5" in head
        assert "live" in head
        assert "no gradients held" in head


async def test_the_first_result_with_a_graph_is_under_the_enter_key(monkeypatch: pytest.MonkeyPatch) -> None:
    session = FakeGraphs()
    monkeypatch.setattr(session, "_answer", _without(session, ListVariables, VariableTable((), {})))
    async with on_autograd(session) as (pilot, screen):
        await until(pilot, lambda: screen.gradients.grid.has_focus)
        monkeypatch.undo()
        session.event("namespace")
        await until(pilot, lambda: screen.blocks_of("start").has_focus)
        await pilot.press("enter")
        await until(pilot, lambda: session.of(OpenGraph) == [OpenGraph("y")])


async def test_a_root_without_a_graph_stays_in_the_line_with_the_reason() -> None:
    session = FakeGraphs()
    async with on_autograd(session) as (pilot, screen):
        await pilot.press("o")
        await typed(pilot, "w\n")
        await until(pilot, lambda: "w is a leaf: nothing computed it." in text_of(pilot))
        assert screen.asking.line.value == "w"
        assert screen.control.opened is None
        await pilot.press("backspace")
        await until(pilot, lambda: "nothing computed it" not in text_of(pilot))
        await typed(pilot, "y\n")
        await until(pilot, lambda: screen.control.opened is not None and not shown(screen.asking))


async def test_the_line_offers_what_has_a_graph() -> None:
    session = FakeGraphs()
    async with on_autograd(session) as (pilot, screen):
        await until(pilot, lambda: len(screen.control.candidates) == 2)
        await pilot.press("o", "down", "down", "enter")
        await until(pilot, lambda: session.of(OpenGraph) == [OpenGraph("out")])


async def test_open_root_is_for_other_screens() -> None:
    session = FakeGraphs()
    async with on_autograd(session) as (pilot, screen):
        screen.open_root("b")
        await until(pilot, lambda: shown(screen.asking) and "b is a leaf" in text_of(pilot))


# -- backward -------------------------------------------------------------------------------------


async def test_backward_shows_where_each_number_came_from() -> None:
    session = FakeGraphs()
    async with on_autograd(session) as (pilot, screen):
        await open_y(pilot, screen)
        await backward(pilot, screen)
        assert session.of(RunBackward) == [RunBackward(1, "backward")]
        await pilot.press("right", "right", "right", "right")
        await until(pilot, lambda: "step 5 of 6" in text_of(pilot))
        text = text_of(pilot)
        assert "from add" in text
        assert "d other (3,) = g * self" in text
        assert "w.grad = g * x" in text
        rows = [row.partition("▏")[2].split() for row in screen_rows(pilot.app)]
        numbers = [row for row in rows if "(3,)" in row]
        assert ["▼", "g", "(3,)", "1.00", "0.00", "0.00"] in numbers
        assert ["▼", "d", "other", "(3,)", "2.00", "0.00", "0.00", "→", "w.grad"] in numbers
        assert "spent" in screen_rows(pilot.app)[1]
        assert "gradients hold 1 backward" in screen_rows(pilot.app)[1]


async def test_the_scrubber_and_the_graph_s_cursor_go_together() -> None:
    session = FakeGraphs()
    async with on_autograd(session) as (pilot, screen):
        await open_y(pilot, screen)
        await backward(pilot, screen)
        await pilot.press(">")
        await until(pilot, lambda: "step 6 of 6" in text_of(pilot) and screen.graph.current == 5)
        await pilot.press("<")
        await until(pilot, lambda: "step 1 of 6" in text_of(pilot) and screen.graph.current == 0)
        await pilot.press("left")
        await until(pilot, lambda: "step 1 of 6" in text_of(pilot))
        await pilot.press("down", "down")
        await until(pilot, lambda: "step 3 of 6" in text_of(pilot))
        await pilot.press("right")
        await until(pilot, lambda: "step 4 of 6" in text_of(pilot) and screen.graph.current == 3)


async def test_while_a_step_is_read_only_the_newest_wish_is_kept() -> None:
    session = FakeGraphs()
    async with on_autograd(session) as (pilot, screen):
        await open_y(pilot, screen)
        await backward(pilot, screen)
        session.hold(ReadStep)
        before = len(session.of(ReadStep))
        await pilot.press("right")
        await until(pilot, lambda: len(session.of(ReadStep)) == before + 1)
        await pilot.press("right", "right", "right", "right")
        await pilot.pause()
        assert len(session.of(ReadStep)) == before + 1
        session.release()
        await until(pilot, lambda: "step 6 of 6" in text_of(pilot))
        assert session.of(ReadStep)[before:] == [ReadStep(1, 1), ReadStep(1, 5)]


async def test_before_a_backward_a_node_is_described_and_stepping_is_off() -> None:
    session = FakeGraphs()
    async with on_autograd(session) as (pilot, screen):
        await open_y(pilot, screen)
        await pilot.press("down")
        await until(pilot, lambda: "ReluBackward0" in text_of(pilot))
        assert "result (3,) float32" in text_of(pilot)
        assert "none yet" in text_of(pilot)
        await pilot.press("right")
        await pilot.pause()
        assert session.of(ReadStep) == []


@pytest.mark.parametrize(("key", "mode"), [("B", "backward, keep graph"), ("p", "peek")])
async def test_the_other_ways_to_run_backward(key: str, mode: str) -> None:
    session = FakeGraphs()
    async with on_autograd(session) as (pilot, screen):
        await open_y(pilot, screen)
        await pilot.press("C", key)
        await until(pilot, lambda: screen.control.step is not None)
        assert session.of(RunBackward) == [RunBackward(1, mode, "", True)]  # type: ignore[arg-type]
        await until(pilot, lambda: "live" in screen_rows(pilot.app)[1])
        held = "hold 1 backward" in screen_rows(pilot.app)[1]
        assert held == (key == "B")


async def test_a_root_that_is_no_scalar_is_asked_for_its_gradient() -> None:
    session = FakeGraphs()
    async with on_autograd(session) as (pilot, screen):
        screen.open_root("out")
        await until(pilot, lambda: screen.control.opened is not None)
        await pilot.press("b")
        await until(pilot, lambda: shown(screen.asking) and "gradient for (4, 2)" in text_of(pilot))
        assert session.of(RunBackward) == []
        await pilot.press("down", "down", "down", "enter")
        await until(pilot, lambda: "type its index" in text_of(pilot))
        await typed(pilot, "1,0\n")
        await until(pilot, lambda: session.of(RunBackward) == [RunBackward(1, "backward", "one-hot 1,0")])
        await until(pilot, lambda: not shown(screen.asking) and screen.graph.has_focus)


async def test_a_refused_backward_says_why_and_changes_nothing() -> None:
    session = FakeGraphs()
    session.refusing[RunBackward] = Refusal("spent", "Backward has freed this graph: run its cell again.")
    async with on_autograd(session) as (pilot, screen):
        await open_y(pilot, screen)
        await pilot.press("b")
        await until(pilot, lambda: "run its cell again" in screen_rows(pilot.app)[1])
        assert screen.control.step is None
        session.refusing.clear()
        await backward(pilot, screen)
        await until(pilot, lambda: "freed this graph" not in screen_rows(pilot.app)[1])


async def test_a_backward_that_broke_off_tells_why_and_shows_what_was_caught(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    session = FakeGraphs()
    broken = replace(DONE, order=DONE.order, error="Function boom raised ValueError: no")
    monkeypatch.setattr(session, "_answer", _without(session, RunBackward, broken))
    async with on_autograd(session) as (pilot, screen):
        await open_y(pilot, screen)
        await pilot.press("b")
        await until(pilot, lambda: "Function boom raised" in screen_rows(pilot.app)[1])
        assert screen.control.step is not None


async def test_escape_cancels_what_is_computed() -> None:
    session = FakeGraphs()
    async with on_autograd(session) as (pilot, screen):
        await open_y(pilot, screen)
        session.hold(RunBackward)
        await pilot.press("b")
        await until(pilot, lambda: "backward: esc ends it" in screen_rows(pilot.app)[1])
        await pilot.press("escape")
        await until(pilot, lambda: session.of(CancelGraphWork))
        assert "ends after this operation" in screen_rows(pilot.app)[1]
        await pilot.press("escape")  # it is asked to already
        await pilot.pause()
        assert len(session.of(CancelGraphWork)) == 1
        assert screen.control.opened is not None
        session.release()
        await until(pilot, lambda: not screen.control.working)


# -- gradients ------------------------------------------------------------------------------------


async def test_the_sum_of_backwards_is_always_said() -> None:
    session = FakeGraphs()
    session.backwards = 3
    for size in ((120, 40), (80, 24)):
        async with on_autograd(session, size=size) as (pilot, screen):
            await until(pilot, lambda pilot=pilot: "hold the sum of 3 backwards" in screen_rows(pilot.app)[1])  # type: ignore[misc]
            await open_y(pilot, screen)
            await pilot.pause()
            assert "hold the sum of 3 backwards" in screen_rows(pilot.app)[1]


async def test_gradients_are_listed_with_why_there_are_none() -> None:
    session = FakeGraphs()
    async with on_autograd(session) as (pilot, screen):
        await until(pilot, lambda: "2 without .grad: no backward has reached it yet" in text_of(pilot))
        assert "2 tensors · 2 require grad · 0 hold a gradient" in text_of(pilot)
        await open_y(pilot, screen)
        await backward(pilot, screen)
        await pilot.press("g")
        await until(pilot, lambda: screen.gradients.grid.has_focus and "-1.1 ▲" in text_of(pilot))
        assert shown(screen.graph)
        await pilot.press("g")
        await until(pilot, lambda: not shown(screen.graph) and "mean" in text_of(pilot))
        await pilot.press("escape")
        await until(pilot, lambda: shown(screen.graph) and screen.graph.has_focus)


async def test_rows_are_sorted_by_keys_and_by_their_heads() -> None:
    session = FakeGraphs()
    session.backwards = 1
    async with on_autograd(session) as (pilot, screen):
        grid = screen.gradients.grid
        await until(pilot, lambda: list(grid.keys) == ["leaf w", "leaf b"])
        await pilot.press("a")
        await until(pilot, lambda: list(grid.keys) == ["leaf b", "leaf w"])
        await pilot.press("A")
        await until(pilot, lambda: list(grid.keys) == ["leaf w", "leaf b"])
        head = screen_rows(pilot.app)[grid.region.y]
        await pilot.click(grid, offset=(head.index("|grad|"), 0))
        await until(pilot, lambda: grid.order.key == "grad" and list(grid.keys) == ["leaf w", "leaf b"])
        await pilot.click(grid, offset=(head.index("|grad|"), 0))
        await until(pilot, lambda: list(grid.keys) == ["leaf b", "leaf w"])


async def test_a_row_opens_the_viewer_with_the_gradient_beside() -> None:
    session = FakeGraphs()
    session.backwards = 1
    async with on_autograd(session) as (pilot, screen):
        screen.set_focus(screen.gradients.grid)
        await pilot.press("V")
        await until(pilot, lambda: isinstance(pilot.app.screen, TensorViewer))
        viewer = pilot.app.screen
        assert isinstance(viewer, TensorViewer)
        assert (viewer._expression, viewer._other) == ("w", "w.grad")


async def test_the_gradient_between_and_what_was_saved_open_in_the_viewer() -> None:
    session = FakeGraphs()
    async with on_autograd(session) as (pilot, screen):

        async def viewed() -> tuple[str, str | None]:
            await until(pilot, lambda: isinstance(pilot.app.screen, TensorViewer))
            viewer = pilot.app.screen
            assert isinstance(viewer, TensorViewer)
            found = (viewer._expression, viewer._other)
            viewer.dismiss()
            await until(pilot, lambda: pilot.app.screen is screen)
            return found

        await open_y(pilot, screen)
        await pilot.press("v")  # the root has a name
        assert await viewed() == ("y", None)
        await backward(pilot, screen)
        await pilot.press("right")
        await until(pilot, lambda: "step 2 of 6" in text_of(pilot))
        await pilot.press("v")  # relu has none: its gradient
        assert await viewed() == ("graph1.grads[1][0]", None)
        screen.set_focus(screen.blocks_of("step"))
        await pilot.press("down", "enter")
        assert await viewed() == ("graph1.saved[1]['result']", None)


async def test_a_backward_that_fails_goes_to_where_it_did() -> None:
    session = FakeGraphs()
    failed = replace(DONE, order=DONE.order, error="Backward stopped (at relu): mend it.", failed=1)
    session._answer = _without(session, RunBackward, failed)  # type: ignore[method-assign]
    async with on_autograd(session, size=(80, 24)) as (pilot, screen):
        await open_y(pilot, screen)
        await pilot.press("b")
        await until(pilot, lambda: "step 2 of 6" in text_of(pilot))
        assert screen.graph.current == 1
        await until(pilot, lambda: "mend it." in "".join(screen_rows(pilot.app)[1:4]))


async def test_escape_ends_the_filter_before_it_closes_the_graph() -> None:
    session = FakeGraphs()
    async with on_autograd(session) as (pilot, screen):
        await open_y(pilot, screen)
        await pilot.press("slash")
        await typed(pilot, "mul\n")
        await until(pilot, lambda: screen.graph.filters and screen.graph.has_focus)
        await pilot.press("escape")
        await until(pilot, lambda: not screen.graph.filters)
        assert screen.control.opened is not None
        await until(pilot, lambda: "relu" in text_of(pilot))
        await pilot.press("escape")
        await until(pilot, lambda: screen.control.opened is None)


async def test_a_result_that_became_the_first_is_under_the_enter_key_when_the_graph_is_closed() -> None:
    session = FakeGraphs()
    async with on_autograd(session) as (pilot, screen):
        await until(pilot, lambda: screen.blocks_of("start").current_key == "y")
        await open_y(pilot, screen)
        newer = replace(Y, name="loss")
        session._answer = _without(session, ListVariables, VariableTable((Y, newer), {}))  # type: ignore[method-assign]
        screen.refresh_gradients()
        await until(pilot, lambda: [one.expression for one in screen.control.candidates] == ["loss", "y"])
        await pilot.press("escape")
        await until(pilot, lambda: screen.blocks_of("start").has_focus)
        await until(pilot, lambda: screen.blocks_of("start").current_key == "loss")


async def test_gradcheck_begins_with_the_node_where_its_inputs_have_names() -> None:
    session = FakeGraphs()
    async with on_autograd(session) as (pilot, screen):
        await open_y(pilot, screen)
        await until(pilot, lambda: len(screen.control.nodes) == 6)
        await pilot.press("c")
        assert screen.asking.line.value == ""  # the sum is of what has no name
        await pilot.press("escape")
        screen.look_at(4)
        assert screen.control.call_here() == ""  # of x we know no name
        screen.control.nodes[4] = replace(NODES[4], kind="custom", operation="Square")
        structure = screen.control.structure
        assert structure is not None
        targets = structure.targets.copy()
        targets[structure.starts[4]] = 3
        screen.control.structure = replace(structure, targets=targets)
        await pilot.press("c")
        assert screen.asking.line.value == "Square.apply(b, w)"


@pytest.mark.parametrize("focus", ["graph", "gradients"])
async def test_the_keys_fit_80_columns_with_a_graph(focus: str) -> None:
    session = FakeGraphs()
    async with on_autograd(session, size=(80, 24)) as (pilot, screen):
        await open_y(pilot, screen)
        if focus == "gradients":
            await pilot.press("g")
        await until(pilot, lambda: "Quit" in screen_rows(pilot.app)[-1])
        assert "f1 Help" in screen_rows(pilot.app)[-1]


async def test_zero_and_descend_show_before_and_after() -> None:
    session = FakeGraphs()
    async with on_autograd(session) as (pilot, screen):
        await open_y(pilot, screen)
        await backward(pilot, screen)
        await pilot.press("s")
        await typed(pilot, "fast\n")
        await until(pilot, lambda: "type a learning rate such as 0.1 or one of opt" in text_of(pilot))
        assert session.of(Descend) == []
        await pilot.press(*["backspace"] * 4)
        await typed(pilot, "0.1\n")
        await until(pilot, lambda: "[0.8, 2, -1]" in text_of(pilot))
        assert "p -= 0.1 * p.grad" in text_of(pilot)
        assert session.of(Descend) == [Descend(0.1)]
        await pilot.press("s")
        await typed(pilot, "opt\n")
        await until(pilot, lambda: "opt.step()" in text_of(pilot))
        assert session.of(Descend)[1:] == [Descend(optimizer="opt")]
        await pilot.press("z")
        await until(
            pilot, lambda: session.of(ZeroGrad) == [ZeroGrad()] and "no gradients held" in text_of(pilot)
        )


async def test_what_must_wait_for_a_cell_says_so_where_it_was_typed() -> None:
    session = FakeGraphs()
    session.refusing[Descend] = Refusal(
        "busy", "A cell is running: gradients can be changed once it has ended."
    )
    async with on_autograd(session) as (pilot, screen):
        await pilot.press("s", "enter")
        await until(pilot, lambda: "A cell is running" in text_of(pilot))
        assert shown(screen.asking)


# -- what is wrong --------------------------------------------------------------------------------


async def test_findings_lead_to_their_node() -> None:
    session = FakeGraphs()
    async with on_autograd(session) as (pilot, screen):
        await open_y(pilot, screen)
        await pilot.press("d")
        await until(pilot, lambda: "Dead units" in text_of(pilot) and "Findings 1" in text_of(pilot))
        assert "a smaller bias" in text_of(pilot)
        screen.set_focus(screen.blocks_of("findings"))
        await pilot.press("enter")
        await until(pilot, lambda: screen.graph.current == 1 and screen.graph.has_focus)


async def test_a_gradient_is_checked_as_it_is_typed() -> None:
    session = FakeGraphs()
    async with on_autograd(session) as (pilot, _):
        await pilot.press("c")
        await typed(pilot, "f\n")
        await until(pilot, lambda: "type a call" in text_of(pilot))
        await typed(pilot, "(x, w[0])\n")
        await until(pilot, lambda: session.of(CheckGradient) == [CheckGradient("f", ("x", "w[0]"))])
        await until(pilot, lambda: "f of 2 tensors agrees." in text_of(pilot))
        assert "6 entries compared" in text_of(pilot)


async def test_recording_is_switched_and_said() -> None:
    session = FakeGraphs()
    async with on_autograd(session) as (pilot, _):
        await pilot.press("R")
        await until(pilot, lambda: "◉ recording" in screen_rows(pilot.app)[1])
        await pilot.press("R")
        await until(pilot, lambda: "○ not recording" in screen_rows(pilot.app)[1])


# -- letting go -----------------------------------------------------------------------------------


async def test_one_graph_is_open_at_a_time_and_none_when_the_app_has_quit() -> None:
    session = FakeGraphs()
    async with on_autograd(session) as (pilot, screen):
        await open_y(pilot, screen)
        assert session.is_open == {1}
        screen.open_root("out")
        await until(pilot, lambda: session.is_open == {2})
        await pilot.press("escape")
        await until(pilot, lambda: not session.is_open and "no graph open" in text_of(pilot))
        await open_y(pilot, screen)
        assert session.is_open == {3}
    assert not session.is_open


async def test_a_refused_root_leaves_the_open_graph() -> None:
    session = FakeGraphs()
    async with on_autograd(session) as (pilot, screen):
        await open_y(pilot, screen)
        screen.open_root("w")
        await until(pilot, lambda: shown(screen.asking))
        await pilot.press("escape")
        await until(pilot, lambda: screen.graph.has_focus)
        assert session.is_open == {1}
        assert session.of(CloseGraph) == []


async def test_a_graph_goes_with_its_kernel() -> None:
    session = FakeGraphs()
    async with on_autograd(session) as (pilot, screen):
        await open_y(pilot, screen)
        await session.restart()
        await until(pilot, lambda: screen.control.opened is None)
        await until(pilot, lambda: "went with its kernel" in screen_rows(pilot.app)[1])
        await pilot.press("b")
        await pilot.pause()
        assert session.of(RunBackward) == []


async def test_the_graph_of_a_paused_run_s_batch_is_closed_when_the_run_goes_on(tmp_path: Any) -> None:
    session = FakeGraphs()
    async with on_autograd(session) as (pilot, screen):
        run = RunState("r", str(tmp_path), "paused", 1, 5)
        session.kernel = replace(session.kernel, run=run)
        await session.read_status()
        session._answer = _of_a_run(session)  # type: ignore[method-assign]
        await pilot.press("r")
        await until(pilot, lambda: "of the paused run's last batch" in text_of(pilot))
        screen.open_root("loss")
        await until(pilot, lambda: screen.control.opened is not None)
        session.kernel = replace(session.kernel, run=replace(run, status="running"))
        await session.read_status()
        await until(pilot, lambda: not session.is_open and screen.control.opened is None)
        await until(pilot, lambda: "the run goes on" in screen_rows(pilot.app)[1])


def _of_a_run(session: FakeGraphs) -> Any:
    usual = session._answer

    def answer(request: Any) -> object:
        if isinstance(request, ListVariables):
            return VariableTable((replace(Y, name="loss"),), {})
        return usual(replace(request, expression="y") if isinstance(request, OpenGraph) else request)

    return answer


async def test_a_dead_kernel_is_said_in_words() -> None:
    session = FakeGraphs()
    async with on_autograd(session) as (pilot, _):
        session.die()
        await pilot.pause()
        await pilot.press("z")
        await until(pilot, lambda: "The kernel does not answer" in screen_rows(pilot.app)[1])


async def test_nothing_is_asked_while_another_screen_is_shown() -> None:
    session = FakeGraphs()
    async with on_autograd(session) as (pilot, screen):
        await pilot.press("f2")
        await until(pilot, lambda: pilot.app.screen is not screen)
        before = len(session.of(ListGradients))
        session.event("namespace")
        await pilot.pause()
        assert len(session.of(ListGradients)) == before
        await pilot.press("f3")
        await until(pilot, lambda: len(session.of(ListGradients)) == before + 1)


async def test_a_graph_that_the_kernel_has_closed_is_gone_here_too() -> None:
    session = FakeGraphs()
    async with on_autograd(session) as (pilot, screen):
        await open_y(pilot, screen)
        session.refusing[RunBackward] = Refusal("gone", "This graph was closed: open it again.")
        await pilot.press("b")
        await until(pilot, lambda: screen.control.opened is None and "no graph open" not in text_of(pilot))
        await until(pilot, lambda: "closed meanwhile" in screen_rows(pilot.app)[1])


async def test_a_step_that_cannot_be_read_is_said() -> None:
    session = FakeGraphs()
    async with on_autograd(session) as (pilot, screen):
        await open_y(pilot, screen)
        await backward(pilot, screen)
        session.refusing[ReadStep] = Refusal("bad request", "There is no step 1.")
        await pilot.press("right")
        await until(pilot, lambda: "There is no step 1." in screen_rows(pilot.app)[1])
        session.refusing.clear()
        await pilot.press("right")
        await until(pilot, lambda: "step 3 of 6" in text_of(pilot))


# -- layout ---------------------------------------------------------------------------------------


async def test_where_there_is_little_room_the_graph_is_above_one_panel() -> None:
    session = FakeGraphs()
    async with on_autograd(session, size=(80, 24)) as (pilot, screen):
        await open_y(pilot, screen)
        await backward(pilot, screen)
        assert screen.graph.region.bottom <= screen.blocks_of("step").region.y
        assert screen.graph.region.height >= 6
        for panel in ("gradients", "findings", "changes", "step"):
            await pilot.press("t")
            await until(pilot, lambda panel=panel: screen.panel == panel)  # type: ignore[misc]
            await pilot.pause()
            shown_panels = [
                view.id for view in screen.query("#side > *") if view.display and view.id != "panels"
            ]
            assert shown_panels == [panel]


async def test_a_panel_scrolls_without_taking_the_keys() -> None:
    session = FakeGraphs()
    async with on_autograd(session, size=(80, 16)) as (pilot, screen):
        await open_y(pilot, screen)
        await backward(pilot, screen)
        step: ItemLines = screen.blocks_of("step")
        assert step._top == 0
        await pilot.press("shift+down")
        await until(pilot, lambda: step._top > 0)
        assert screen.graph.has_focus


@pytest.mark.parametrize("size", [(60, 16), (80, 24), (120, 40), (200, 60)])
async def test_at_every_size_each_part_has_room(size: tuple[int, int]) -> None:
    session = FakeGraphs()
    async with on_autograd(session, size=size) as (pilot, screen):
        assert screen.gradients.grid.region.height >= 3
        await open_y(pilot, screen)
        await backward(pilot, screen)
        for panel in ("step", "gradients", "findings", "changes"):
            screen.show_panel(panel)
            await pilot.pause()
            parts = [screen.graph, screen.query_one(f"#{panel}")]
            assert all(part.region.height >= 4 and part.region.width >= 40 for part in parts)
            assert all(screen.region.contains_region(part.region) for part in parts)
            assert max(map(len, screen_rows(pilot.app))) <= size[0]
