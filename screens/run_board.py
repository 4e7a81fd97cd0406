"""What the charts show of one run, or of several over each other: a page of charts that share an x axis."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from textual import events, work
from textual.app import ComposeResult
from textual.containers import Grid, Vertical
from textual.message import Message

from tui.widgets.chart import Chart, ChartData, View
from tui.widgets.chart.looking import Looking
from tui.widgets.chart.window import Whole
from tui.widgets.run.board_layout import (
    BoardState,
    CursorState,
    cursor_parts,
    grid,
    overlay_parts,
    room,
    state_parts,
)
from tui.widgets.run.board_line import BoardLine, Part

if TYPE_CHECKING:
    from screens.run_view import Axes, Front, ShownRun
    from tui.runs.along import Along
    from tui.runs.chart_settings import ChartSettings
    from tui.runs.curves import RunCurves
    from tui.runs.reader import RunReader
    from tui.runs.smoothing import Smoothed
    from tui.widgets.run.groups import ChartGroup


class BoardFrame(Vertical):
    """The charts and the line under them. ``ChartBoard`` adds the keys and the mouse."""

    DEFAULT_CSS = """
    BoardFrame {
        height: 1fr;
        & > Grid { grid-size: 1; grid-gutter: 0 1; height: 1fr; }
        & Chart { height: 1fr; }
    }
    """

    @dataclass
    class Enlarged(Message):
        """One chart has all of the room, or no longer."""

        on: bool

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.looking = Looking()
        self.settings: ChartSettings | None = None
        """How the charts are shown; None before there is a run."""
        self.groups: list[tuple[ChartGroup, bool]] = []
        """All charts there can be, in the order chosen, and whether each is shown."""
        self.axes: Axes | None = None
        """None before there is a point."""
        self.enlarged = False
        self._leaves = False  # whether escape was ours when the keys were last shown
        self.first = 0
        """Which of the chosen charts is the first on the page."""
        self.per_page = 1
        self.pages = 1
        self.experiment = ""
        self.front: Front = None
        self._grouped: tuple[object, object] = (None, None)  # which tags, how, the groups were made of
        self._late = False  # whether long series are being smoothed
        self._runs: list[ShownRun] = []
        self._curves: list[RunCurves] = []

    def compose(self) -> ComposeResult:
        """Lay out a chart and the line; where there is more room there will be more charts."""
        with Grid():
            yield Chart(id="chart-0")
        yield BoardLine()

    # -- the runs ---------------------------------------------------------------------------------

    def reset(self) -> None:
        """Forget the runs: others are about to be shown."""
        self._runs, self._curves, self.groups, self.axes, self.settings = [], [], [], None, None
        self._grouped = (None, None)
        self.looking, self.first, self.front = Looking(), 0, None
        if self.enlarged:
            self.enlarged = False
            self.post_message(self.Enlarged(False))
        for chart in self.charts:
            chart.show(ChartData(""))
        self.charts[0].show(ChartData("loss"))

    def show(self, runs: Sequence[tuple[str, RunReader]]) -> None:
        """Show these runs, each with what it is called, as they are now. Nothing is painted where nothing is new."""
        from screens.run_view import ShownRun, looks_of_runs
        from tui.runs.chart_settings import ChartSettings, load
        from tui.runs.curves import RunCurves
        from tui.runs.summary import progress

        kept = {id(curves.reader): curves for curves in self._curves}
        self._curves = [kept.get(id(reader)) or RunCurves(reader) for _, reader in runs]
        totals = [progress(reader.record, reader.series).total_steps for _, reader in runs]
        labels = [label for label, _ in runs]
        self._runs = [
            ShownRun(*each) for each in zip(labels, self._curves, totals, looks_of_runs(labels), strict=True)
        ]
        info = runs[0][1].record.info if runs else None
        experiment = info.experiment if info is not None else ""
        if self.settings is None or experiment != self.experiment:
            self.experiment = experiment
            self.settings = load(experiment) if experiment else ChartSettings()
        self.draw()

    @property
    def charts(self) -> list[Chart]:
        """The charts there are, those that are not shown too."""
        return list(self.query(Chart))

    @property
    def focused_chart(self) -> Chart:
        """The chart that has the focus, else the first."""
        charts = self.charts
        return next((chart for chart in charts if chart.has_focus and chart.display), charts[0])

    @property
    def chosen(self) -> list[ChartGroup]:
        """The charts to show, on all pages."""
        return [group for group, shown in self.groups if shown]

    @property
    def whole(self) -> Whole | None:
        """All of the x axis; None before there is a point."""
        axes, reference = self.axes, self.reference
        if axes is None or reference is None:
            return None
        span, count = reference.x_range(), len(reference)
        gap = (span[1] - span[0]) / (count - 1) if span is not None and count > 1 else 0.0
        axis = axes.whole
        return Whole((axis.low, axis.high), axes.end, gap or (axis.high - axis.low) / 1000, axis.log)

    @property
    def reference(self) -> Along | None:
        """The points that the cursor goes along: those of the first run's training loss, or of its longest series."""
        if self.axes is None or not self._curves:
            return None
        return self._curves[0].reference(self.axes.unit)

    @property
    def fronts(self) -> list[str]:
        """Whose curves may be drawn over the rest: the runs; where there is one, its splits."""
        if len(self._runs) > 1:
            return [run.label for run in self._runs]
        roles = [role for group in self.chosen for _, role in group.tags if len(group.tags) > 1]
        return [role for role in ("train", "val", "test", "other") if role in roles]

    # -- drawing ----------------------------------------------------------------------------------

    def draw(self) -> None:
        """Bring the charts up to date with what has been read and chosen."""
        if self.settings is None or not self.is_attached:
            return
        from screens.run_view import axes_of, chart_of, unit_of, why_empty
        from tui.widgets.run.groups import all_groups, arranged

        how = self.settings
        tags = frozenset(tag for curves in self._curves for tag in curves.reader.series)
        if (tags, how) != self._grouped:
            self._grouped = tags, how
            self.groups = arranged(all_groups(tags), how.order, how.hidden, how.added)
        unit = unit_of(self._runs, how.x_unit)
        before = self.axes.whole if self.axes is not None and self.axes.unit == unit else None
        before = before if before is not None and before.log == how.log_x else None
        self.axes = axes_of(self._runs, self.chosen, unit, log=how.log_x, before=before)
        if (whole := self.whole) is not None:
            self.looking.follow(whole)
        shown = self._make_room()
        self._smooth_ahead(shown)
        view = self._view()
        for number, chart in enumerate(self.charts):
            if number < len(shown):
                chart.show(chart_of(self._runs, shown[number], how, view, self.front))
            else:
                chart.show(ChartData("", empty=""))
        if not shown:
            self.charts[0].show(
                ChartData("loss", empty=why_empty([curves.reader for curves in self._curves]))
            )
        near = {tag for group in self.chosen for tag, _ in group.tags}
        here = {tag for group in shown for tag, _ in group.tags}
        for curves in self._curves:
            curves.keep(near, here if how.smoothing else (), unit)
        self.show_line()

    def _view(self) -> View:
        assert self.settings is not None
        how, looking = self.settings, self.looking
        if self.axes is None:
            return View(log_x=how.log_x, log_y=how.log_y, outliers=how.outliers)
        axis = self.axes.whole
        return View(
            axis.low,
            axis.high,
            how.log_x,
            how.log_y,
            self.axes.unit,
            looking.window,
            looking.cursor,
            how.outliers,
        )

    def _make_room(self) -> list[ChartGroup]:
        """Have as many charts as there is room for; return what those of this page show."""
        chosen, box = self.chosen, self.query_one(Grid)
        across, down = (1, 1) if self.enlarged else room(self.size.width, self.size.height - 1)
        self.per_page = across * down
        pages, self.pages = self.pages, max(1, -(-len(chosen) // self.per_page))
        if (pages > 1) != (self.pages > 1):
            self.screen.refresh_bindings()
        self.first = min(self.first // self.per_page, self.pages - 1) * self.per_page
        columns, rows = grid(len(chosen), across, down)
        have = len(self.charts)
        if have < columns * rows:
            box.mount(*(Chart(id=f"chart-{number}") for number in range(have, columns * rows)))
        if (box.styles.grid_size_columns, box.styles.grid_size_rows) != (columns, rows):
            box.styles.grid_size_columns, box.styles.grid_size_rows = columns, rows
        lost = self.focused_chart
        for number, chart in enumerate(self.charts):
            chart.display = number < columns * rows
        if lost.has_focus and not lost.display:
            self.charts[0].focus()  # keys must not go astray
        return chosen[self.first :][: self.per_page]

    def _smooth_ahead(self, shown: Sequence[ChartGroup]) -> None:
        from screens.run_view import SMOOTHED_AT_ONCE, smoothing_of

        assert self.settings is not None
        late = [
            each for each in smoothing_of(self._runs, shown, self.settings) if each.behind >= SMOOTHED_AT_ONCE
        ]
        self._late = bool(late)
        if late:
            self._smooth(late)

    @work(exclusive=True, group="smooth")
    async def _smooth(self, late: list[Smoothed]) -> None:
        """Smooth long series beside the screen, then draw them."""
        for each in late:
            await asyncio.to_thread(each.update)
        self.draw()

    def show_cursor(self) -> None:
        """Draw the cursor where it is now, and nothing else."""
        for chart in self.charts:
            if chart.data.view.cursor != self.looking.cursor:
                chart.show(replace(chart.data, view=replace(chart.data.view, cursor=self.looking.cursor)))
        self.show_line()

    def _offer_leaving(self) -> None:
        """Have the keys shown anew where escape does something else now: here it is ours, or that of what is around."""
        leaves = self.looking.cursor is not None or self.enlarged
        if leaves != self._leaves:
            self._leaves = leaves
            self.refresh_bindings()

    def show_line(self) -> None:
        """Say how the charts are shown, or what is at the cursor."""
        self._offer_leaving()
        line, cursor, how = self.query_one(BoardLine), self._cursor_state(), self.settings
        names = [
            Part(run.look.glyph, run.label, True, style=f"run-{run.look.colour}")
            for run in self._runs
            if run.look is not None
        ]
        if cursor is not None:
            line.show_parts(cursor_parts(cursor) + names)
        elif how is not None:
            smoothing = f"EMA {how.smoothing:g}" if how.smoothing else ""
            count = len(self.chosen)
            state = BoardState(
                self.axes.unit if self.axes is not None else "step", "smoothing …" if self._late else smoothing,
                how.log_x, how.log_y, self.looking.window, self.looking.follows, min(self.first + 1, count),
                min(self.first + self.per_page, count), count, self.enlarged,
                how.outliers, self.front or "", len(self.fronts),
            )  # fmt: skip
            line.show_parts(overlay_parts(names, state_parts(state)))

    def _cursor_state(self) -> CursorState | None:
        x, reference = self.looking.cursor, self.reference
        if x is None or self.axes is None or reference is None:
            return None
        place = self._curves[0].place(x, self.axes.unit)
        if place is None:
            return None
        chart = self.focused_chart
        span = chart.cell_of(x)
        happened: tuple[str, ...] = ()
        points = 1
        if span is not None:
            column = chart.column_of(x)
            happened = tuple(note.text for note in chart.data.notes if chart.column_of(note.x) == column)
            points = reference.up_to(span[1]) - reference.up_to(span[0])
        return CursorState(place.step, place.epoch, place.elapsed_s, happened, points)

    def on_resize(self, event: events.Resize) -> None:
        """Have as many charts as there is room for now."""
        self.draw()
