"""The chart in an app: what it paints, when, and that nothing is painted when nothing changed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from textual.app import ComposeResult
from textual.geometry import Region
from textual.pilot import Pilot
from textual.screen import Screen

import tui.widgets.chart.picture as picture_module
from tui.runs.series import Series
from tui.themes import ThemedApp
from tui.widgets.chart import Chart, ChartData, Curve, View
from tui.widgets.chart.picture import Memory, Picture


class WatchedChart(Chart):
    """Notes the regions it asks to be painted."""

    def __init__(self) -> None:
        super().__init__()
        self.painted: list[Region] = []

    def refresh(
        self, *regions: Region, repaint: bool = True, layout: bool = False, recompose: bool = False
    ) -> WatchedChart:
        if regions or repaint:
            self.painted += regions or (Region(0, 0, *self.size),)
        return super().refresh(*regions, repaint=repaint, layout=layout, recompose=recompose)


class ChartApp(ThemedApp[None]):
    def compose(self) -> ComposeResult:
        yield WatchedChart()

    @property
    def chart(self) -> WatchedChart:
        return self.screen_stack[0].query_one(WatchedChart)


@pytest.fixture
def drawings(monkeypatch: pytest.MonkeyPatch) -> list[Picture]:
    """The pictures drawn so far."""
    made: list[Picture] = []
    real = picture_module.picture

    def noted(data: ChartData, width: int, height: int, memory: Memory) -> Picture:
        made.append(real(data, width, height, memory))
        return made[-1]

    monkeypatch.setattr(picture_module, "picture", noted)
    return made


def falling(points: int = 200) -> Series:
    return Series.of(np.arange(points), np.exp(-np.arange(points) / 50))


def data_of(series: Series, title: str = "loss") -> ChartData:
    return ChartData(title, (Curve("train", series, "train"),), View(x_max=1000))


async def until(pilot: Pilot[None], condition: Callable[[], bool]) -> None:
    await pilot.pause()
    for _ in range(500):
        if condition():
            return
        await pilot.pause()
    raise AssertionError("waited in vain")


async def settled(pilot: Pilot[None], chart: Chart) -> None:
    """Wait until the chart has drawn what it was told to show, or has seen that it need not."""
    await until(pilot, lambda: not chart._due)


def text_of(chart: Chart) -> list[str]:
    return [chart.render_line(y).text for y in range(chart.size.height)]


async def test_it_shows_what_it_is_given() -> None:
    app = ChartApp()
    async with app.run_test(size=(60, 10)) as pilot:
        assert "no points yet" in "".join(text_of(app.chart))
        app.chart.show(data_of(falling()))
        await settled(pilot, app.chart)
        lines = text_of(app.chart)
        assert lines[0].startswith(" loss  ─ train 0.01869")
        assert "⠀" < max(lines[1]) < "⣿"
        assert all(len(line) == 60 for line in lines)


async def test_only_what_changed_is_painted() -> None:
    app, series = ChartApp(), falling()
    async with app.run_test(size=(60, 10)) as pilot:
        app.chart.show(data_of(series))
        await settled(pilot, app.chart)
        app.chart.painted.clear()
        series.append([205], [0], [0.0180])
        app.chart.show(data_of(series))
        await settled(pilot, app.chart)
        assert app.chart.painted
        assert sum(region.area for region in app.chart.painted) < 40
        assert text_of(app.chart)[0].startswith(" loss  ─ train 0.01800")


async def test_nothing_is_painted_when_nothing_changed(drawings: list[Picture]) -> None:
    app, series = ChartApp(), falling()
    async with app.run_test(size=(60, 10)) as pilot:
        app.chart.show(data_of(series))
        await settled(pilot, app.chart)
        app.chart.painted.clear()
        drawings.clear()
        for _ in range(5):
            app.chart.show(data_of(series))
            await settled(pilot, app.chart)
        assert app.chart.painted == []
        assert drawings == []


async def test_many_calls_are_one_drawing(drawings: list[Picture]) -> None:
    app, series = ChartApp(), falling()
    async with app.run_test(size=(60, 10)) as pilot:
        await settled(pilot, app.chart)
        drawings.clear()
        for step in range(200, 260):
            series.append([step], [0], [0.5])
            app.chart.show(data_of(series))
        await settled(pilot, app.chart)
        assert len(drawings) == 1
        assert text_of(app.chart)[0].startswith(" loss  ─ train 0.5000")


async def test_a_chart_on_a_covered_screen_is_drawn_when_it_comes_back(drawings: list[Picture]) -> None:
    app, series = ChartApp(), falling()
    async with app.run_test(size=(60, 10)) as pilot:
        chart = app.chart
        await settled(pilot, chart)
        await app.push_screen(Screen())
        drawings.clear()
        for step in range(200, 205):
            series.append([step], [0], [0.5])
            chart.show(data_of(series))
            await pilot.pause()
        assert drawings == []
        await app.pop_screen()
        await until(pilot, lambda: bool(drawings))
        assert len(drawings) == 1
        assert text_of(chart)[0].startswith(" loss  ─ train 0.5000")


async def test_a_hidden_chart_is_drawn_when_it_is_shown(drawings: list[Picture]) -> None:
    app, series = ChartApp(), falling()
    async with app.run_test(size=(60, 10)) as pilot:
        chart = app.chart
        await settled(pilot, chart)
        chart.display = False
        await until(pilot, lambda: not chart.is_on_screen)
        drawings.clear()
        chart.show(data_of(series))
        await pilot.pause()
        assert drawings == []
        chart.display = True
        await until(pilot, lambda: text_of(chart)[0].startswith(" loss  ─ train 0.01869"))


async def test_data_that_is_new_during_a_partial_paint_is_painted_whole() -> None:
    app, series = ChartApp(), falling()
    async with app.run_test(size=(60, 10)) as pilot:
        app.chart.show(data_of(series))
        await settled(pilot, app.chart)
        app.chart.painted.clear()
        series.append([900], [0], [0.9])
        app.chart.show(data_of(series))
        app.chart.render_line(3)  # as if a neighbour had uncovered this line alone
        await settled(pilot, app.chart)
        assert {0, 9} - {region.y for region in app.chart.painted} == {9}


@pytest.mark.parametrize("size", [(118, 12), (38, 6), (20, 3), (5, 1)])
async def test_it_lays_out_anew_when_resized(size: tuple[int, int]) -> None:
    app = ChartApp()
    async with app.run_test(size=(60, 10)) as pilot:
        app.chart.styles.min_height = 1
        app.chart.show(data_of(falling()))
        await settled(pilot, app.chart)
        await pilot.resize_terminal(*size)
        await settled(pilot, app.chart)
        assert tuple(app.chart.size) == size
        assert [len(line) for line in text_of(app.chart)] == [size[0]] * size[1]


async def test_the_colours_follow_the_theme() -> None:
    app = ChartApp()
    async with app.run_test(size=(60, 10)) as pilot:
        app.chart.show(data_of(falling()))
        await settled(pilot, app.chart)
        before = [segment.style for segment in app.chart.render_line(0)]
        app.theme = "textual-light"
        await settled(pilot, app.chart)
        assert [segment.style for segment in app.chart.render_line(0)] != before
        assert text_of(app.chart)[0].startswith(" loss  ─ train")


async def test_the_focus_is_seen() -> None:
    app = ChartApp()
    async with app.run_test(size=(60, 10)) as pilot:
        app.chart.show(data_of(falling()))
        app.set_focus(None)
        await settled(pilot, app.chart)
        before = [segment.style for segment in app.chart.render_line(0)]
        app.chart.focus()
        await settled(pilot, app.chart)
        assert [segment.style for segment in app.chart.render_line(0)] != before


async def test_a_hostile_title_is_shown_as_text() -> None:
    app = ChartApp()
    async with app.run_test(size=(60, 10)) as pilot:
        app.chart.show(data_of(falling(), "\x1b]0;x\x07[/foo][red]"))
        await settled(pilot, app.chart)
        assert text_of(app.chart)[0].startswith(" ␛]0;x␇[/foo][red]")
