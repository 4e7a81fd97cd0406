"""Room: what is on the screen at which size."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from textual import events
from textual.app import App
from textual.geometry import Size
from textual.scrollbar import ScrollBar
from textual.widget import Widget

from screens.base import SMALLEST
from tests.ui.fake_session import (
    ALL_MODES,
    STATUS,
    FakeSession,
    NotedApp,
    make_app,
    opened,
    screen_rows,
    screen_text,
    shown,
    until,
)
from tests.ui.written_runs import finished_run
from tui.protocol.gradients import GradientRow, GradientTable, ListGradients
from tui.protocol.messages import (
    CudaMemory,
    ListModules,
    ListVariables,
    ModuleRow,
    ModuleTree,
    RunState,
    Variable,
    VariableTable,
)
from tui.widgets.builder.tree import BlockTree
from tui.widgets.chart import Chart
from tui.widgets.code_input import CodeInput
from tui.widgets.gradients.grid import GradientGrid
from tui.widgets.key_bar import KeyBar, fitting
from tui.widgets.mode_tabs import ModeTabs
from tui.widgets.record_table import RecordTable
from tui.widgets.status_bar import StatusBar
from tui.widgets.transcript import Transcript
from tui.widgets.variables.grid import VariableGrid


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCHTUI_HOME", str(tmp_path / "home"))


def full_session() -> FakeSession:
    """A session with much to show everywhere."""
    status = replace(
        STATUS, device="cuda:0", device_name="NVIDIA H200", cuda=CudaMemory(2 * 10**9, 3 * 10**9, 10**11, 2 * 10**11),
        run=RunState("r", "/nowhere/r", "finished", 1, 1),
    )  # fmt: skip
    session = FakeSession(status=status)
    names = [f"a_rather_long_name_{number}" for number in range(60)]
    session.answers[ListVariables] = VariableTable(
        tuple(Variable(name, "tensor", "Tensor", (32, 3, 224, 224), "float32", "cuda:0", "leaf", size_bytes=10**9,
                       summary="x∈[-1, 1] μ=0 " * 5) for name in names),
        {"cuda:0": 6 * 10**10},
    )  # fmt: skip
    session.answers[ListGradients] = GradientTable(
        tuple(
            GradientRow(name, (32, 3, 224, 224), "float32", "cuda:0", True, True, 1.0, 1.0, verdict="v" * 90)
            for name in names
        )
    )
    session.answers[ListModules] = ModuleTree(
        tuple(ModuleRow(name, "Sequential", 0, "s" * 50, ("weight (10, 64)",), 650, 0, 0) for name in names)
    )
    return session


def off_screen(app: App[int]) -> list[str]:
    """Widgets that are displayed, and lie with a part of them outside of the terminal."""
    return [
        f"{widget!r} {widget.region}"
        for widget in app.screen.walk_children(Widget)
        if shown(widget) and widget.region.area and not app.screen.region.contains_region(widget.region)
        and not isinstance(widget, ScrollBar)
    ]  # fmt: skip


def open_mode(tmp_path: Path, mode: str) -> NotedApp:
    folder = finished_run(tmp_path).folder if mode == "training" else None
    return make_app(full_session(), first=mode, folder=folder)


@pytest.mark.parametrize("mode", ALL_MODES)
async def test_at_every_size_nothing_is_off_the_screen_and_all_parts_have_room(
    tmp_path: Path, mode: str
) -> None:
    app = open_mode(tmp_path, mode)
    async with opened(app, (80, 24)) as pilot:
        if mode == "training":
            await until(pilot, lambda: "100/100" in screen_text(app))
        elif mode == "builder":
            await until(pilot, lambda: "An empty model" in screen_text(app))
        else:
            await until(pilot, lambda: rows_shown(app) == 60)
        for size in ((80, 24), (120, 40), SMALLEST, (250, 70)):
            await pilot.resize_terminal(*size)
            await until(pilot, lambda size=size: app.screen.size == size and off_screen(app) == [])  # type: ignore[misc]
            assert len(screen_rows(app)) == size[1]
            assert_room(app, mode)


def rows_shown(app: App[int]) -> int:
    """How many rows the screen's table has."""
    screen = app.screen
    grids = (*screen.query(VariableGrid), *screen.query(GradientGrid), *screen.query(RecordTable))
    return int(grids[0].row_count)


def assert_room(app: App[int], mode: str) -> None:
    """Every part of a screen is there and large enough to be of use."""
    parts: dict[str, tuple[type[Widget], ...]] = {
        "tensors": (Transcript, CodeInput, VariableGrid), "autograd": (GradientGrid,),
        "builder": (BlockTree,), "training": (Chart,),
    }  # fmt: skip
    kinds: tuple[type[Widget], ...] = (ModeTabs, StatusBar, *parts.get(mode, (RecordTable,)))
    for kind in kinds:
        widgets = [widget for widget in app.screen.query(kind) if shown(widget)]
        assert widgets, kind
        for widget in widgets:
            assert widget.region.height >= 1, kind
            assert widget.region.width >= 10, kind
    tabs, bar = app.screen.query_one(ModeTabs), app.screen.query_one(StatusBar)
    assert (tabs.region.y, tabs.region.width) == (0, app.screen.size.width)
    assert bar.region.y >= app.screen.size.height - 2
    assert "idle" in bar.render_line(0).text


@pytest.mark.parametrize("mode", [*ALL_MODES, "picker"])
async def test_the_footers_keys_are_all_to_be_seen_at_80_columns(tmp_path: Path, mode: str) -> None:
    app = make_app(FakeSession(), first="training") if mode == "picker" else open_mode(tmp_path, mode)
    async with opened(app, (80, 24)) as pilot:
        bar = pilot.app.screen.query_one(KeyBar)
        await until(pilot, lambda: bar.entries)
        assert [entry.label for _, entry in fitting(bar.entries, 80)] == [
            entry.label for entry in bar.entries
        ]
        assert "Quit" in bar.render_line(0).text


@pytest.mark.parametrize("mode", ALL_MODES)
async def test_in_a_tiny_terminal_there_is_a_plain_notice_and_it_goes_when_there_is_room(
    tmp_path: Path, mode: str
) -> None:
    app = open_mode(tmp_path, mode)
    async with opened(app, (40, 10)) as pilot:
        body = app.screen.query_one("#body")
        await until(pilot, lambda: "40x10" in screen_text(app))
        assert "{}x{}".format(*SMALLEST) in screen_text(app)
        assert not shown(body)
        assert off_screen(app) == []
        await pilot.resize_terminal(120, 40)
        await until(pilot, lambda: shown(body) and "40x10" not in screen_text(app))
        assert off_screen(app) == []
        for size in (SMALLEST[0] - 1, 40), (1, 1):
            await pilot.resize_terminal(*size)
            await until(pilot, lambda: not shown(body))


async def test_too_few_rows_are_noticed_as_too_few_columns_are() -> None:
    app = make_app(FakeSession())
    async with opened(app, (120, SMALLEST[1] - 1)) as pilot:
        await until(pilot, lambda: "{}x{}".format(*SMALLEST) in screen_text(app), timeout_s=2.0)
        assert not shown(app.screen.query_one("#body"))


async def test_the_last_of_several_sizes_counts_also_where_the_event_of_an_earlier_one_comes_after_it() -> (
    None
):
    app = make_app(FakeSession())
    async with opened(app, (120, 40)) as pilot:
        screen = app.screen
        await until(pilot, lambda: shown(screen.query_one("#body")))
        small, before = Size(40, 10), Size(120, 40)
        app._size = small  # as the app notes it before the screens are told
        for size in (small, before):
            screen.post_message(events.Resize(size, size))
        await until(pilot, lambda: "40x10" in screen_text(app))
        await until(pilot, lambda: screen.query_one("#too-small").region.width == 40)
        assert not shown(screen.query_one("#body"))


async def test_cells_go_on_in_a_terminal_without_room() -> None:
    session = full_session()
    async with opened(make_app(session), (40, 10)) as pilot:
        session.cell("print('unseen')", prints="unseen\n")
        await pilot.resize_terminal(120, 40)
        await until(pilot, lambda: "unseen" in pilot.app.screen.query_one(Transcript).text)


async def test_the_charts_follow_the_size_while_it_changes(tmp_path: Path) -> None:
    app = open_mode(tmp_path, "training")
    async with opened(app, (120, 40)) as pilot:
        await until(pilot, lambda: "100/100" in screen_text(app))
        for size in ((80, 24), (200, 60), (60, 16), (120, 40)):
            await pilot.resize_terminal(*size)
            await until(pilot, lambda size=size: len(screen_rows(app)) == size[1] and off_screen(app) == [])  # type: ignore[misc]
            for chart in app.screen.query(Chart):
                assert len(chart.render_line(0).text) == chart.size.width


async def test_what_the_status_bar_is_told_of_a_device_commands_nothing() -> None:
    session = FakeSession(status=replace(STATUS, device_name="GPU\x1b[2J\x07[/foo]"))
    async with opened(make_app(session)) as pilot:
        await until(pilot, lambda: "[/foo]" in screen_text(pilot.app))
        assert "\x1b" not in screen_text(pilot.app)
        assert "\x07" not in screen_text(pilot.app)
