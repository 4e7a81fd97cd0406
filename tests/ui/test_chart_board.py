"""The board of charts in an app: keys, mouse, pages, what is remembered, and what is painted."""

from __future__ import annotations

import os
import socket
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from textual.app import ComposeResult
from textual.geometry import Region
from textual.pilot import Pilot

from screens.run_charts import ChartBoard
from tests.ui.written_runs import INFO, WrittenRun
from tui.protocol.run import RunChange
from tui.runs import chart_settings
from tui.runs.reader import RunReader
from tui.themes import ThemedApp
from tui.widgets.chart import Chart
from tui.widgets.run.board_line import BoardLine
from tui.widgets.run.chart_chooser import ChartChooser

STEPS = 400
INFO_CHANGED = replace(
    INFO, steps_per_epoch=100, step=STEPS,
    changes=(RunChange(200, "2026-01-01T00:00:20+00:00", "lr", "0.001", "0.0005"),),
)  # fmt: skip


class BoardApp(ThemedApp[None]):
    """A board that shows runs that were read."""

    def __init__(self, *readers: RunReader) -> None:
        super().__init__()
        self.readers = readers
        self.enlarged: list[bool] = []

    def compose(self) -> ComposeResult:
        yield ChartBoard()

    def on_mount(self) -> None:
        self.board.focus_first()
        self.show()

    def show(self) -> None:
        self.board.show([(reader.record.name, reader) for reader in self.readers])

    def on_board_frame_enlarged(self, event: ChartBoard.Enlarged) -> None:
        self.enlarged.append(event.on)

    @property
    def board(self) -> ChartBoard:
        return self.screen_stack[0].query_one(ChartBoard)


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("TORCHTUI_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def run(tmp_path: Path) -> WrittenRun:
    run = WrittenRun(tmp_path, INFO_CHANGED)
    run.add("train/loss", ((step, 2.0 / (1 + step / 40) + 0.1 * (step % 2)) for step in range(1, STEPS + 1)))
    run.add("val/loss", ((step, 2.2 / (1 + step / 40)) for step in range(100, STEPS + 1, 100)))
    run.add("val/accuracy", ((step, 1 - 1 / (1 + step / 20)) for step in range(100, STEPS + 1, 100)))
    run.add("lr", ((step, 0.001 if step < 200 else 0.0005) for step in range(1, STEPS + 1)))
    run.add("grad_norm", ((step, 1.0 + 0.01 * (step % 7)) for step in range(1, STEPS + 1)))
    run.add("samples_per_s", ((step, 1000.0) for step in range(1, STEPS + 1)))
    run.add("time/data_ms", ((step, 1.0) for step in range(1, STEPS + 1)))
    return run


def read(run: WrittenRun) -> RunReader:
    reader = RunReader(run.folder)
    while reader.poll().more:
        pass
    return reader


async def settled(pilot: Pilot[None]) -> None:
    """Wait until all that was asked for is drawn."""
    app = pilot.app
    assert isinstance(app, BoardApp)
    for _ in range(200):
        await pilot.pause()
        shown = [chart for chart in app.board.charts if chart.display]
        if not app.board.workers and all(chart.size.area and not chart._due for chart in shown):
            await pilot.pause()
            return
    raise AssertionError("waited in vain")


def shown(app: BoardApp) -> list[Chart]:
    return [chart for chart in app.board.charts if chart.display]


def titles(app: BoardApp) -> list[str]:
    return [chart.data.title for chart in shown(app)]


def line(app: BoardApp) -> str:
    return app.board.query_one(BoardLine).render_line(0).text


def cursor_of(app: BoardApp) -> float | None:
    return app.board.looking.cursor


def head(chart: Chart) -> str:
    return chart.render_line(0).text


async def press(pilot: Pilot[None], *keys: str) -> None:
    await pilot.press(*keys)
    await settled(pilot)


async def test_smoothing_goes_through_its_strengths_and_is_told(run: WrittenRun) -> None:
    app = BoardApp(read(run))
    async with app.run_test(size=(120, 27)) as pilot:
        await settled(pilot)
        assert titles(app) == ["loss", "accuracy", "lr", "grad_norm"]
        assert "w raw" in line(app)
        await press(pilot, "w", "w")
        assert "w EMA 0.9" in line(app)
        loss, accuracy, lr, norm = shown(app)
        assert "loss EMA 0.9" in head(loss)
        assert head(loss).count("≈") == 1  # of the training, not of its evaluations
        assert "EMA" not in head(accuracy)  # evaluations are means already
        assert "EMA" not in head(lr)
        assert "EMA 0.9" in head(norm)
        await press(pilot, "y")
        assert "EMA 0.9 of log" in head(loss)
        await press(pilot, "W", "W")
        assert "w raw" in line(app)
        assert "EMA" not in head(loss)
        await press(pilot, "W")
        assert "EMA 0.999" in line(app)


async def test_x_goes_by_step_epoch_and_time_and_the_cursor_stays_on_its_step(run: WrittenRun) -> None:
    app = BoardApp(read(run))
    async with app.run_test(size=(120, 27)) as pilot:
        await settled(pilot)
        await press(pilot, "left", "ctrl+left")
        step = cursor_of(app)
        assert step is not None
        assert f"step {step:.0f} · epoch {step / 100:.2f}" in line(app)
        for unit, x in (("epoch", step / 100), ("time", (step - 1) / 10), ("step", step)):
            await press(pilot, "x")
            assert cursor_of(app) == pytest.approx(x)
            assert f"step {step:.0f} ·" in line(app)
            assert shown(app)[0].data.view.x_unit == unit
        await press(pilot, "escape", "x", "x")
        assert "x time" in line(app)
        assert "15s" in "".join(shown(app)[0].render_line(row).text for row in range(13))


async def test_a_log_without_epochs_has_steps_and_time(run: WrittenRun) -> None:
    (run.folder / "run.json").unlink()
    app = BoardApp(read(run))
    async with app.run_test(size=(120, 27)) as pilot:
        await settled(pilot)
        await press(pilot, "x")
        assert "x time" in line(app)
        await press(pilot, "x")
        assert "x step" in line(app)


async def test_log_x_and_nothing_remembered_breaks_it(run: WrittenRun) -> None:
    app = BoardApp(read(run))
    async with app.run_test(size=(120, 27)) as pilot:
        await settled(pilot)
        await press(pilot, "X", "x", "x", "+", "+", "left", "left", "shift+left", "0", "-")
        assert shown(app)[0].data.view.log_x
        assert "x≤0" in head(shown(app)[0])


async def test_zoom_pan_and_whole_change_all_charts(run: WrittenRun) -> None:
    app = BoardApp(read(run))
    async with app.run_test(size=(120, 27)) as pilot:
        await settled(pilot)
        await press(pilot, "+", "+")
        windows = {chart.data.view.window for chart in shown(app)}
        assert len(windows) == 1
        [window] = windows
        assert window is not None
        assert window[1] - window[0] == pytest.approx(400 / 1.6**2)
        assert "→" in line(app)  # it follows the newest point
        await press(pilot, "shift+left")
        moved = shown(app)[0].data.view.window
        assert moved is not None
        assert moved[1] < window[1]
        assert "→" not in line(app)
        await press(pilot, "0")
        assert shown(app)[0].data.view.window is None
        await press(pilot, "-")
        assert shown(app)[0].data.view.window is None


async def test_zoomed_to_the_end_the_charts_follow_the_newest_points(run: WrittenRun) -> None:
    run.record(epochs=None)
    reader = read(run)
    app = BoardApp(reader)
    async with app.run_test(size=(120, 27)) as pilot:
        await settled(pilot)
        await press(pilot, "+", "+", "+")
        run.add("train/loss", ((step, 0.5) for step in range(STEPS + 1, STEPS + 201)))
        reader.poll()
        app.show()
        await settled(pilot)
        window = shown(app)[0].data.view.window
        assert window is not None
        assert window[0] <= STEPS + 200 <= window[1]


async def test_the_cursor_reads_all_charts_and_the_changes(run: WrittenRun) -> None:
    app = BoardApp(read(run))
    async with app.run_test(size=(120, 27)) as pilot:
        await settled(pilot)
        await press(pilot, "m")
        assert cursor_of(app) == 200
        assert "lr 0.001 → 0.0005" in line(app)
        loss, _, lr, _ = shown(app)
        assert "train 0.3333" in head(loss)
        assert "5.00e-4" in head(lr)
        assert {chart.data.view.cursor for chart in shown(app)} == {200.0}
        await press(pilot, "home")
        assert "step 1 ·" in line(app)
        assert "0.001000" in head(lr)
        await press(pilot, "end")
        assert f"step {STEPS} ·" in line(app)
        await press(pilot, "left")
        cursor = cursor_of(app)
        assert cursor is not None
        assert STEPS - 15 < cursor < STEPS
        await press(pilot, "escape")
        assert cursor_of(app) is None
        assert "w raw" in line(app)


async def test_enlarge_and_back_keeps_the_chart_and_the_focus(run: WrittenRun) -> None:
    app = BoardApp(read(run))
    async with app.run_test(size=(120, 27)) as pilot:
        await settled(pilot)
        await press(pilot, "tab", "tab")
        assert app.board.focused_chart.data.title == "lr"
        await press(pilot, "f")
        assert titles(app) == ["lr"]
        assert app.enlarged == [True]
        assert shown(app)[0].size.height == 26
        await press(pilot, "tab")
        assert titles(app) == ["grad_norm"]
        await press(pilot, "enter")
        assert titles(app) == ["loss", "accuracy", "lr", "grad_norm"]
        assert app.board.focused_chart.data.title == "grad_norm"
        assert app.focused is app.board.focused_chart
        await press(pilot, "shift+tab", "f", "escape")
        assert app.enlarged == [True, False, True, False]
        assert app.board.focused_chart.data.title == "lr"


async def test_a_split_or_a_run_is_brought_to_the_front_and_back(tmp_path: Path, run: WrittenRun) -> None:
    app = BoardApp(read(run))
    async with app.run_test(size=(120, 27)) as pilot:
        await settled(pilot)

        def fronts() -> list[str]:
            return [curve.label for curve in shown(app)[0].data.curves if curve.front]

        assert "b to front" in line(app)
        for wanted in (["train"], ["val"], []):
            await press(pilot, "b")
            assert fronts() == wanted
        await press(pilot, "B")
        assert fronts() == ["val"]
        assert "b val in front" in line(app)
        other = WrittenRun(tmp_path, replace(INFO, name="other"), name="other")
        other.add("train/loss", ((step, 1.0) for step in range(1, 200)))
        app.readers += (read(other),)
        app.board.reset()
        app.show()
        await settled(pilot)
        for wanted in (["digits", "digits val"], ["other"], []):
            await press(pilot, "b")
            assert fronts() == wanted


async def test_outliers_are_left_out_until_they_are_wanted(run: WrittenRun) -> None:
    run.add("val/loss", [(STEPS, 1e30)])
    app = BoardApp(read(run))
    async with app.run_test(size=(120, 27)) as pilot:
        await settled(pilot)
        loss = shown(app)[0]

        def canvas() -> str:
            return "".join(loss.render_line(row).text for row in range(1, loss.size.height))

        assert "↑ to 1.00e30" in head(loss)
        assert "↑" in canvas()
        assert "e29" not in canvas()
        await press(pilot, "Y")
        assert "all outliers" in line(app)
        assert "↑" not in head(loss) + canvas()
        assert "e29" in canvas() or "e30" in canvas()
        assert chart_settings.load("digits_cnn").outliers


async def test_there_are_as_many_charts_as_there_is_room_for(run: WrittenRun) -> None:
    app = BoardApp(read(run))
    async with app.run_test(size=(80, 14)) as pilot:
        await settled(pilot)
        assert titles(app) == ["loss", "accuracy"]
        await press(pilot, "]")
        assert titles(app) == ["lr", "grad_norm"]
        await press(pilot, "]", "]", "[", "]")
        assert titles(app) == ["loss", "accuracy"]
        await press(pilot, "[", "[")
        assert titles(app) == ["lr", "grad_norm"]
        await pilot.resize_terminal(120, 27)
        await settled(pilot)
        assert titles(app) == ["loss", "accuracy", "lr", "grad_norm"]
        await pilot.resize_terminal(50, 12)
        await settled(pilot)
        assert titles(app) == ["loss"]
        assert app.focused is shown(app)[0]


async def test_charts_are_chosen_arranged_and_remembered(run: WrittenRun, home: Path) -> None:
    app = BoardApp(read(run))
    async with app.run_test(size=(120, 27)) as pilot:
        await settled(pilot)
        await pilot.press("c")
        await pilot.pause()
        assert isinstance(app.screen, ChartChooser)
        await pilot.press("space", "down", "down", "shift+up")  # loss off, lr before accuracy
        await pilot.press(*"time", "space", "enter")
        await settled(pilot)
        assert titles(app) == ["lr", "accuracy", "grad_norm", "samples_per_s"]
        app.board.turn_page(1)
        await settled(pilot)
        assert titles(app)[0] == "time per step (ms)"
        await press(pilot, "w", "x")
    kept = chart_settings.load("digits_cnn")
    assert (kept.smoothing, kept.x_unit, kept.hidden) == (0.6, "epoch", ("loss",))
    again = BoardApp(read(run))
    async with again.run_test(size=(120, 27)) as pilot:
        await settled(pilot)
        assert titles(again) == ["lr", "accuracy", "grad_norm", "samples_per_s"]
        assert "w EMA 0.6  x epoch" in line(again)
        await pilot.press("c")
        await pilot.pause()
        await pilot.press("space", "escape")
        await settled(pilot)
        assert titles(again)[0] == "lr"


async def test_the_mouse_reads_pins_zooms_pulls_and_enlarges(run: WrittenRun) -> None:
    app = BoardApp(read(run))
    async with app.run_test(size=(120, 27)) as pilot:
        await settled(pilot)
        loss = shown(app)[0]
        await pilot.hover(loss, offset=(30, 5))
        await settled(pilot)
        first = cursor_of(app)
        assert first is not None
        assert loss.column_of(first) == 30
        await pilot.hover(app.board.query_one(BoardLine), offset=(100, 0))
        await settled(pilot)
        assert cursor_of(app) is None
        await pilot.click(loss, offset=(20, 5))
        await pilot.hover(loss, offset=(40, 5))
        await settled(pilot)
        held = cursor_of(app)
        assert held is not None
        assert loss.column_of(held) == 20
        await press(pilot, "escape", "+", "+")
        before = loss.data.view.window
        assert before is not None
        await pilot.mouse_down(loss, offset=(20, 5))
        await pilot.hover(loss, offset=(40, 5))
        await pilot.mouse_up(loss, offset=(40, 5))
        await settled(pilot)
        after = loss.data.view.window
        assert after is not None
        assert after[0] < before[0]
        assert not app.board.looking.pinned
        await pilot.click(loss, offset=(20, 5), times=2)
        await settled(pilot)
        assert titles(app) == ["loss"]


async def test_words_of_the_line_are_clickable(run: WrittenRun) -> None:
    app = BoardApp(read(run))
    async with app.run_test(size=(120, 27)) as pilot:
        await settled(pilot)
        for word, said in (("w raw", "w EMA 0.6"), ("x step", "x epoch"), ("+ zoom", "0 ")):
            await pilot.click(BoardLine, offset=(line(app).index(word) + 1, 0))
            await settled(pilot)
            assert said in line(app)


async def test_nothing_is_painted_when_nothing_changed_and_a_cursor_paints_its_columns(
    run: WrittenRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = BoardApp(read(run))
    async with app.run_test(size=(120, 27)) as pilot:
        await settled(pilot)
        await press(pilot, "home", "right")
        painted: list[Region] = []
        refresh = Chart.refresh

        def noted(self: Chart, *regions: Region, **options: bool) -> Chart:
            painted.extend(regions or [Region(0, 0, *self.size)])
            return refresh(self, *regions, **options)

        monkeypatch.setattr(Chart, "refresh", noted)
        for _ in range(3):
            app.show()
            await settled(pilot)
        assert painted == []
        await press(pilot, "right")
        assert painted
        rows = [region for region in painted if region.y > 0]
        assert all(region.width <= 2 for region in rows)


async def test_several_runs_are_drawn_over_each_other(tmp_path: Path, run: WrittenRun) -> None:
    other = WrittenRun(tmp_path, replace(INFO, name="other"), name="other")
    other.add("train/loss", ((step, 1.0) for step in range(1, 900)))
    app = BoardApp(read(run), read(other))
    async with app.run_test(size=(120, 27)) as pilot:
        await settled(pilot)
        loss = shown(app)[0]
        assert [curve.label for curve in loss.data.curves] == ["digits", "digits val", "other"]
        looks = [curve.run for curve in loss.data.curves]
        assert looks[0] == looks[1] != looks[2]
        assert "1 digits  2 other" in line(app)
        await press(pilot, "end", "x")
        assert "1 0.1818" in head(loss)
        assert "2 1.000" in head(loss)


async def test_another_experiment_has_settings_of_its_own(tmp_path: Path, run: WrittenRun) -> None:
    app = BoardApp(read(run))
    async with app.run_test(size=(120, 27)) as pilot:
        await settled(pilot)
        await press(pilot, "w")
        other = WrittenRun(tmp_path, replace(INFO, experiment="spiral"), name="spiral")
        other.add("train/loss", [(1, 1.0), (2, 0.5)])
        app.board.reset()
        app.readers = (read(other),)
        app.show()
        await settled(pilot)
        assert "w raw" in line(app)


async def test_a_run_without_a_point_is_no_error(tmp_path: Path) -> None:
    app = BoardApp(read(WrittenRun(tmp_path, INFO)))
    async with app.run_test(size=(120, 27)) as pilot:
        await settled(pilot)
        await press(
            pilot, *"wWxX+-0mMf", "left", "right", "home", "end", "shift+left", "tab", "enter", "escape", "y"
        )
        assert len(shown(app)) == 1


async def test_the_beginning_of_a_long_run_has_the_chart_to_itself_and_the_axis_ends_where_the_run_does(
    tmp_path: Path,
) -> None:
    live = replace(
        INFO, status="running", ended_at=None, epoch=0, step=0, epochs=10, steps_per_epoch=1000, pid=os.getpid(),
        host=socket.gethostname(), pid_started_at=psutil.Process().create_time(),
    )  # fmt: skip
    run = WrittenRun(tmp_path, live)
    app = BoardApp(read(run))
    ends: list[float] = []
    async with app.run_test(size=(120, 27)) as pilot:
        await settled(pilot)
        for first in range(1, 10_000, 200):
            run.add("train/loss", ((step, 1 / step) for step in range(first, first + 200)))
            while app.readers[0].poll().more:
                pass
            app.show()
            axes = app.board.axes
            assert axes is not None
            whole = axes.whole
            last = first + 199
            assert (whole.low, last <= whole.high <= min(10_000, 2.6 * last)) == (0, True)
            ends.append(whole.high)
    assert ends[-1] == 10_000
    assert ends == sorted(ends)


@pytest.mark.parametrize(
    ("status", "said"),
    [
        ("running", "no step has been taken yet"),
        ("failed", "it failed before its first step"),
        ("stopped", "it was stopped before its first step"),
    ],
)
async def test_without_a_point_the_board_says_why(tmp_path: Path, status: str, said: str) -> None:
    live = replace(
        INFO, status="running", ended_at=None, epoch=0, step=0, pid=os.getpid(), host=socket.gethostname(),
        pid_started_at=psutil.Process().create_time(),
    )  # fmt: skip
    app = BoardApp(read(WrittenRun(tmp_path, replace(live, status=status))))  # type: ignore[arg-type]
    async with app.run_test(size=(80, 27)) as pilot:
        await settled(pilot)
        first = shown(app)[0]
        assert any(said in first.render_line(y).text for y in range(first.size.height))
        assert "charts 0" not in line(app)
