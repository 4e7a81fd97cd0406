"""The tensor viewer while things happen: values that come late, change or go, searches, comparisons, a dying kernel."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest
from textual.geometry import Region
from textual.pilot import Pilot

from screens.tensor_viewer import TensorViewer
from tests.ui.fake_session import screen_rows, screen_text, shown, typed, until
from tests.ui.fake_tensors import FakeTensors, refused, settled, viewing
from tui.client.errors import KernelDied
from tui.protocol.viewing import (
    CancelCompute,
    CompareViews,
    FindPlace,
    ReadStatistics,
    ReadWindow,
)
from tui.widgets.tensor_view import source as source_module
from tui.widgets.tensor_view.grid import ValueGrid

GRID = np.arange(1000 * 60, dtype=np.float32).reshape(1000, 60)


async def says(pilot: Pilot[int], text: str) -> None:
    """Wait until something can be read."""
    await until(pilot, lambda: text in screen_text(pilot.app))


def title(pilot: Pilot[int]) -> str:
    return screen_rows(pilot.app)[0].strip()


def windows(session: FakeTensors) -> list[ReadWindow]:
    return [request for request in session.asked if isinstance(request, ReadWindow)]


# -- values that come late ------------------------------------------------------------------------


async def test_cells_are_blank_until_they_come_and_nothing_waits_for_them() -> None:
    session = FakeTensors(x=GRID, y=GRID + 0.5)
    async with viewing(session, "x") as (pilot, viewer):
        session.hold(ReadWindow)
        await viewer.model.open_typed("y")
        await says(pilot, "y  (1000, 60) float32 cpu")
        assert ".5000" not in screen_text(pilot.app)
        await pilot.press("down", "right", "f", "plus")
        assert (viewer.grid.viewport.row, viewer.grid.viewport.column) == (1, 1)
        session.release()
        await says(pilot, "6.15000e+01")


async def test_what_is_scrolled_past_is_never_asked_for() -> None:
    session = FakeTensors(x=GRID)
    async with viewing(session, "x") as (pilot, viewer):
        session.hold(ReadWindow)
        before = len(windows(session))
        for _ in range(12):
            await pilot.press("pagedown")
        assert len(windows(session)) <= before + 1
        session.release()
        top = viewer.grid.viewport.top
        await says(pilot, f"{GRID[top, 0]:.4f}")
        await settled(pilot, viewer)
        asked = windows(session)[before:]
        assert len(asked) <= 4  # the one under way, what is in sight now, the page ahead
        assert asked[1].row >= top - viewer.grid.viewport.height


async def test_what_was_read_is_not_read_again() -> None:
    session = FakeTensors(x=GRID)
    async with viewing(session, "x") as (pilot, viewer):
        for key in ("pagedown", "pageup", "pagedown", "pageup"):
            await pilot.press(key)
            await settled(pilot, viewer)
        rows = [row for request in windows(session) for row in range(request.row, request.row + request.rows)]
        assert len(rows) == len(set(rows))


async def test_a_slow_kernel_is_not_asked_for_what_may_come(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_module, "CHEAP_S", -1.0)
    session = FakeTensors(x=GRID)
    async with viewing(session, "x") as (pilot, viewer):
        await pilot.press("pagedown")
        await settled(pilot, viewer)
        box = viewer.grid.viewport.box
        assert max(request.row + request.rows for request in windows(session)) == box.row + box.rows


# -- values that change ---------------------------------------------------------------------------


async def test_live_values_are_read_again_and_only_cells_that_changed_are_painted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    painted: list[Region] = []
    refresh = ValueGrid.refresh

    def noted(self: ValueGrid, *regions: Region, **options: bool) -> ValueGrid:
        painted.extend(regions or [Region(0, 0, *self.size)])
        return refresh(self, *regions, **options)

    session = FakeTensors(x=np.zeros((30, 5), np.float32) + 2)
    async with viewing(session, "x") as (pilot, viewer):
        await pilot.press("c", "c")  # no colours, which would follow the values
        await pilot.press("r")
        await says(pilot, "live 0.5 s")
        viewer.model.source.set_live(0.01)
        await settled(pilot, viewer)
        monkeypatch.setattr(ValueGrid, "refresh", noted)
        before = len(windows(session))
        await until(pilot, lambda: len(windows(session)) > before + 3)
        assert painted == []
        session.arrays["x"][3, 1] = 7.5
        session.versions["x"] = 1
        await says(pilot, "7.5000")
        assert {region.y for region in painted} == {4}
        assert all(region.width < 20 for region in painted)
        viewer.model.source.set_live(None)
        await settled(pilot, viewer)
        asked = len(windows(session))
        session.arrays["x"][:] = 9
        await asyncio.sleep(0.05)
        await settled(pilot, viewer)
        assert len(windows(session)) == asked
        assert "9.0000" not in screen_text(pilot.app)


async def test_the_rates_come_round() -> None:
    session = FakeTensors(x=GRID)
    async with viewing(session, "x") as (pilot, viewer):
        seen = []
        for _ in range(5):
            await pilot.press("r")
            seen.append(viewer.model.source.interval_s)
        assert seen == [0.5, 1.0, 2.0, 5.0, None]
        await says(pilot, "frozen")


async def test_live_mode_never_has_two_requests_under_way() -> None:
    session = FakeTensors(x=GRID)
    async with viewing(session, "x") as (pilot, viewer):
        session.hold(ReadWindow)
        before = len(windows(session))
        viewer.model.source.set_live(0.001)
        await until(pilot, lambda: len(windows(session)) == before + 1)
        await asyncio.sleep(0.03)
        assert len(windows(session)) == before + 1
        session.release()
        await until(pilot, lambda: len(windows(session)) > before + 3)


async def test_frozen_values_stay_and_it_is_said_that_they_changed() -> None:
    session = FakeTensors(x=np.zeros((3, 3), np.float32))
    async with viewing(session, "x") as (pilot, viewer):
        session.arrays["x"][:] = 4
        session.versions["x"] = 1
        session.event("namespace")
        await says(pilot, "changed in place since these values were read")
        assert "4.0000" not in screen_text(pilot.app)
        await pilot.press("R")
        await says(pilot, "4.0000")
        await settled(pilot, viewer)
        assert "changed in place" not in screen_text(pilot.app)


async def test_a_name_that_is_given_to_another_tensor_is_said_to_be() -> None:
    session = FakeTensors(x=np.zeros((3, 3), np.float32))
    async with viewing(session, "x") as (pilot, _):
        session.arrays["x"] = np.ones((3, 3), np.float32)
        session.event("namespace")
        await says(pilot, "another tensor since these values were read")
        assert "1.0000" not in screen_text(pilot.app)
        await pilot.press("R")
        await says(pilot, "1.0000")


async def test_a_tensor_that_is_deleted_is_said_to_be_gone_and_may_come_back() -> None:
    session = FakeTensors(x=np.full((3, 3), 2.5))
    async with viewing(session, "x") as (pilot, _):
        array = session.arrays.pop("x")
        session.event("namespace")
        await says(pilot, "gone: there is no name x any more")
        text = screen_text(pilot.app)
        assert "2.5000" in text
        assert "the values below are the last that were read" in text
        session.arrays["x"] = array + 1
        session.event("namespace")
        await says(pilot, "3.5000")
        assert "gone" not in screen_text(pilot.app)


async def test_a_tensor_that_is_resized_is_followed() -> None:
    session = FakeTensors(x=np.full((10, 3), 2.5))
    async with viewing(session, "x") as (pilot, viewer):
        await pilot.press("ctrl+end")
        session.arrays["x"] = np.full((5, 3), 1.5)
        session.event("namespace")
        await says(pilot, "resized: (10, 3) → (5, 3)")
        await says(pilot, "1.5000")
        assert "2.5000" not in screen_text(pilot.app)
        assert viewer.grid.viewport.row == 4


async def test_a_tensor_of_other_rank_is_followed_while_live() -> None:
    session = FakeTensors(x=np.full((10, 3), 2.5))
    async with viewing(session, "x") as (pilot, viewer):
        viewer.model.source.set_live(0.01)
        session.arrays["x"] = np.full((2, 4, 5), 1.5)
        await says(pilot, "resized: (10, 3) → (2, 4, 5)")
        await says(pilot, "1.5000")
        assert title(pilot).startswith("x[0, :, :]")


async def test_a_kernel_that_dies_leaves_the_values() -> None:
    session = FakeTensors(x=GRID)
    async with viewing(session, "x") as (pilot, viewer):
        viewer.model.source.set_live(0.01)
        session.die("the kernel was killed by SIGKILL")
        await says(pilot, "the kernel is gone: the kernel was killed by SIGKILL")
        await pilot.press("pagedown", "n", "a", "p", "enter", "R", "s")
        await settled(pilot, viewer)
        assert pilot.app.is_running
        await pilot.press("ctrl+home")
        await settled(pilot, viewer)
        assert "59.0000" not in screen_text(pilot.app)
        assert "61.0000" in screen_text(pilot.app)
        await until(pilot, lambda: not viewer.model.compute.running)
        await pilot.press("escape")
        await until(pilot, lambda: pilot.app.screen is not viewer or not shown(viewer.query_one("#picture")))


async def test_a_kernel_that_is_started_again_is_asked_again() -> None:
    session = FakeTensors(x=GRID)
    async with viewing(session, "x") as (pilot, viewer):
        session.die()
        await says(pilot, "the kernel is gone")
        array = session.arrays.pop("x")
        await session.restart()
        await says(pilot, "gone: there is no name x any more")
        session.arrays["x"] = array + 0.25
        session.event("namespace")
        await says(pilot, "60.2500")
        assert viewer.model.source.problem is None


# -- what takes long ------------------------------------------------------------------------------


async def test_statistics_come_later_and_can_be_cancelled() -> None:
    session = FakeTensors(x=GRID)
    session.hold(ReadStatistics)
    async with viewing(session, "x") as (pilot, viewer):
        text = screen_text(pilot.app)
        assert "computing statistics… esc cancels" in text
        assert "60.0000" in text
        await pilot.press("escape")
        await says(pilot, "cancelled")
        await until(pilot, lambda: session.of(CancelCompute))
        assert "computing" not in screen_text(pilot.app)
        assert pilot.app.screen is viewer
        session.release()
        await pilot.press("s")
        await says(pilot, "quantiles")
        last = session.of(ReadStatistics)[-1]
        assert isinstance(last, ReadStatistics)
        assert last.limit is None


async def test_a_refused_cancel_is_no_news_and_other_refusals_are() -> None:
    session = FakeTensors(x=GRID)
    async with viewing(session, "x") as (pilot, viewer):
        told: list[object] = []
        for error in (refused("cancelled", "was cancelled"), refused("too large", "needs 12 GB, 3 are free")):
            request = ReadStatistics(viewer.model.view)
            asker = session.ask

            async def fail(*_: object, error: Exception = error, **__: object) -> object:
                raise error

            session.ask = fail  # type: ignore[assignment]
            viewer.model.compute.start("statistics", request, told.append)
            await until(pilot, lambda: not viewer.model.compute.running)
            session.ask = asker  # type: ignore[method-assign]
            await settled(pilot, viewer)
            text = screen_text(pilot.app)
            assert ("needs 12 GB, 3 are free" in text) == ("12 GB" in str(error))
            assert "was cancelled" not in text
        assert told == []


async def test_a_search_takes_the_place_of_the_statistics_which_come_after_it() -> None:
    session = FakeTensors(x=GRID)
    session.hold(ReadStatistics)
    async with viewing(session, "x") as (pilot, viewer):
        await pilot.press("greater_than_sign")
        await says(pilot, "largest value at [999, 59]")
        assert session.of(CancelCompute)
        assert (viewer.grid.viewport.row, viewer.grid.viewport.column) == (999, 59)
        session.release()
        await says(pilot, "quantiles")


async def test_closing_ends_what_is_computed_for_nobody() -> None:
    session = FakeTensors(x=GRID)
    session.hold(ReadStatistics)
    async with viewing(session, "x") as (pilot, viewer):
        await pilot.press("q")
        await until(pilot, lambda: pilot.app.screen is not viewer)
        await until(pilot, lambda: session.of(CancelCompute))


async def test_a_sample_is_labelled_and_the_histogram_has_two_scales() -> None:
    session = FakeTensors(x=GRID)
    async with viewing(session, "x") as (pilot, viewer):
        await says(pilot, "histogram ")
        await pilot.press("l")
        await says(pilot, "histogram of log10 |x|")
        last = session.of(ReadStatistics)[-1]
        assert isinstance(last, ReadStatistics)
        assert last.log
        statistics = session.statistics(ReadStatistics(viewer.model.view, limit=6000))
        viewer.model.compute.cancel()
        viewer.model._take_statistics(statistics)
        viewer.model.show_as(viewer.model.how)
        await says(pilot, "sampled 1/10")


async def test_next_nan_and_inf_go_round() -> None:
    array = np.zeros((4, 30, 30), np.float32)
    array[1, 2, 3] = array[3, 29, 29] = np.nan
    array[2, 0, 0] = -np.inf
    session = FakeTensors(x=array)
    async with viewing(session, "x") as (pilot, viewer):
        for place in ("[1, 2, 3]", "[3, 29, 29]", "[1, 2, 3]"):
            await pilot.press("n")
            await says(pilot, f"NaN at {place}")
        assert title(pilot).startswith("x[1, :, :]")
        await pilot.press("N")
        await says(pilot, "Inf at [2, 0, 0]")
        await settled(pilot, viewer)
        assert "-∞" in screen_text(pilot.app)


async def test_what_is_not_there_is_said() -> None:
    session = FakeTensors(x=GRID)
    async with viewing(session, "x") as (pilot, viewer):
        await pilot.press("n")
        await says(pilot, "no NaN in x")
        assert viewer.grid.viewport.row == 0


# -- comparison -----------------------------------------------------------------------------------


async def test_two_tensors_are_compared() -> None:
    other = GRID.copy()
    other[500, 30] += 2
    other[700, 7] -= 5
    session = FakeTensors(a=GRID, b=other)
    async with viewing(session, "a") as (pilot, viewer):
        await pilot.press("equals_sign")
        await typed(pilot, "b")
        await pilot.press("tab")
        await typed(pilot, "x\n")
        await says(pilot, "rtol is a number such as 1e-5")
        viewer.query_one("#field-1").value = "1e-6"  # type: ignore[attr-defined]
        await pilot.press("enter")
        await says(pilot, "2 of 60,000 differ")
        request = session.of(CompareViews)[-1]
        assert request == CompareViews("a", "b", 1e-6, 1e-8)
        await pilot.press("m")
        await until(pilot, lambda: (viewer.grid.viewport.row, viewer.grid.viewport.column) == (500, 30))
        await pilot.press("M")
        await until(pilot, lambda: (viewer.grid.viewport.row, viewer.grid.viewport.column) == (700, 7))
        await pilot.press("x")
        await says(pilot, "a - b  (1000, 60)")
        await says(pilot, "(a - b)[700, 7] = 5.0")
        await pilot.press("backspace")
        await says(pilot, "a[700, 7]")


async def test_it_opens_with_a_comparison_where_there_is_little_room_too() -> None:
    session = FakeTensors(a=GRID, b=GRID.copy(), c=np.zeros(7))
    async with viewing(session, "a", other="b", size=(80, 24)) as (pilot, _):
        await says(pilot, "equal, value for value")
        await pilot.press("m")
        await says(pilot, "nothing differs beyond the tolerances")
    async with viewing(session, "a", other="c") as (pilot, _):
        await says(pilot, "do not")


async def test_places_of_a_broadcast_comparison_are_shown_in_the_difference() -> None:
    session = FakeTensors(a=np.zeros(4), b=np.eye(4))
    async with viewing(session, "a", other="b") as (pilot, viewer):
        await says(pilot, "4 of 16 differ")
        await pilot.press("m")
        await says(pilot, "a - b  (4, 4)")
        assert (viewer.grid.viewport.row, viewer.grid.viewport.column) == (0, 0)


async def test_comparison_keys_without_a_comparison_say_what_to_do() -> None:
    session = FakeTensors(a=GRID)
    async with viewing(session, "a") as (pilot, _):
        for key in ("m", "M", "x"):
            await pilot.press(key)
            await says(pilot, "compare with = first")


async def test_a_kernel_that_is_gone_from_the_start() -> None:
    session = FakeTensors(a=GRID)
    session.become("dead")
    async with viewing(session, "a") as (pilot, viewer):
        await says(pilot, "the kernel is dead")
        await pilot.press("escape", "escape")
        await until(pilot, lambda: pilot.app.screen is not viewer)
    with pytest.raises(KernelDied):
        await session.ask(FindPlace(viewer.model.view, "min"))


def test_the_viewer_is_made_of_a_session_and_an_expression() -> None:
    viewer = TensorViewer(FakeTensors(), "x", other="y")
    assert viewer.model.facts is None
