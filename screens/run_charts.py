"""The charts of a run under keys and mouse: zoom, pan, cursor, axes, smoothing, pages, enlarging, choosing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

from textual import on, work
from textual.binding import BindingType

from screens.run_board import BoardFrame
from tui.widgets.chart import Chart, XUnit
from tui.widgets.chart.window import PAN, ZOOM, Whole
from tui.widgets.keys import key
from tui.widgets.run.board_line import BoardLine
from tui.widgets.run.chart_chooser import ChartChooser, Choice

JUMP_CELLS = 10
UNITS: tuple[XUnit, ...] = ("step", "epoch", "time")


class ChartBoard(BoardFrame):
    """A page of charts that all look at the same x."""

    BINDINGS: ClassVar[list[BindingType]] = [
        key("w", "smooth(1)", "Smooth", "charts.smooth", "Smooth more: off, EMA 0.6 … 0.999, off", show=False),
        key("W", "smooth(-1)", "Smooth less", "charts.smooth-less", "Smooth less", show=False),
        key("x", "unit", "x axis", "charts.unit", "x by step, by epoch, by time", show=False),
        key("X", "log_x", "Log x", "charts.log-x", "Logarithmic x axes, or plain again", show=False),
        key("y", "log_y", "Log y", "charts.log-y", "Logarithmic y axes, or plain again", show=False),
        key("Y", "outliers", "All of y", "charts.outliers", "y axes with the outliers, or without", show=False),
        key("b", "front(1)", "To front", "charts.front", "Draw the next curve, or run, over the rest", show=False),
        key("B", "front(-1)", "Front before", "charts.front-before", "Draw the one before over the rest", show=False),
        key("]", "page(1)", "More", "charts.more", "More charts: the next page of them", show=False),
        key("[", "page(-1)", "Before", "charts.less", "The page of charts before", show=False),
        key("plus,equals_sign", "zoom(1)", "Zoom in", "charts.zoom-in", "Show less, about the cursor", show=False),
        key("minus,underscore", "zoom(-1)", "Zoom out", "charts.zoom-out", "Show more", show=False),
        key("shift+left", "pan(-1)", "Earlier", "charts.earlier", "Move what is shown to earlier steps", show=False),
        key("shift+right", "pan(1)", "Later", "charts.later", "Move what is shown to later steps", show=False),
        key("0", "whole", "Whole", "charts.whole", "Show all of the axis again", show=False),
        key("left", "cursor(-1)", "Cursor left", "charts.left", "Read the curves further left", show=False),
        key("right", "cursor(1)", "Cursor right", "charts.right", "Read the curves further right", show=False),
        key("ctrl+left", "cursor(-10)", "Far left", "charts.far-left", "Ten columns further left", show=False),
        key("ctrl+right", "cursor(10)", "Far right", "charts.far-right", "Ten columns further right", show=False),
        key("home", "end_of_run(False)", "First", "charts.first", "Read the first point", show=False),
        key("end", "end_of_run(True)", "Newest", "charts.last", "Read the newest point", show=False),
        key("m", "mark(True)", "Next mark", "charts.next-mark", "Read the next change or best value", show=False),
        key("M", "mark(False)", "Mark before", "charts.mark-before", "Read the change before", show=False),
        key("f,enter", "enlarge", "Enlarge", "charts.enlarge", "This chart alone, or all again", show=False),
        key("tab", "next_chart(1)", "Next chart", "charts.next", "To the next chart", show=False),
        key("shift+tab", "next_chart(-1)", "Chart before", "charts.before", "To the chart before", show=False),
        key("c", "choose", "Charts", "charts.choose", "Choose and arrange the charts", show=False),
        key("escape", "leave", "Leave", "charts.leave", "Take the cursor away, all charts again", show=False),
    ]  # fmt: skip

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Let a key pass that has nothing to do here."""
        if action == "leave":
            return self.looking.cursor is not None or self.enlarged
        if action == "page":
            return True if self.pages > 1 else None
        return True

    def focus_first(self) -> None:
        """Put the focus on the first chart."""
        self.charts[0].focus()

    # -- how the charts are drawn -----------------------------------------------------------------

    def action_smooth(self, by: int) -> None:
        """Smooth more, or less; after the strongest comes off again."""
        from tui.runs.smoothing import STRENGTHS

        if self.settings is not None:
            place = STRENGTHS.index(self.settings.smoothing)
            self._choose(smoothing=STRENGTHS[(place + by) % len(STRENGTHS)])

    def action_unit(self) -> None:
        """Have x count something else; what the run does not tell is passed over."""
        if self.settings is None or self.axes is None:
            return
        cursor = self.looking.cursor
        curves, before = self._curves[0], self.axes.unit
        place = curves.place(cursor, before) if cursor is not None else None
        units = [unit for unit in UNITS if all(each.scale(unit) is not None for each in self._curves)]
        unit = units[(units.index(before) + 1) % len(units)]
        self.looking.show_all()
        self.looking.cursor = curves.x_of_step(place.step, unit) if place is not None else None
        self._choose(x_unit=unit)

    def action_log_x(self) -> None:
        """Draw on a logarithmic x axis, or on a plain one again."""
        if self.settings is not None:
            self.looking.show_all()
            self._choose(log_x=not self.settings.log_x)

    def action_log_y(self) -> None:
        """Draw on a logarithmic y axis, or on a plain one again."""
        if self.settings is not None:
            self._choose(log_y=not self.settings.log_y)

    def action_outliers(self) -> None:
        """Have the y axes hold values absurdly far from all others, or not."""
        if self.settings is not None:
            self._choose(outliers=not self.settings.outliers)

    def action_front(self, by: int) -> None:
        """Draw the next curve over the rest, or the next run's; after the last one none."""
        stops = [None, *self.fronts]
        place = stops.index(self.front) if self.front in stops else 0
        self.front = stops[(place + by) % len(stops)]
        self.draw()

    def _choose(self, **changes: object) -> None:
        """Take what was chosen, remember it for this experiment, and draw."""
        from tui.runs.chart_settings import save

        assert self.settings is not None
        self.settings = replace(self.settings, **changes)  # type: ignore[arg-type]
        if self.experiment:
            save(self.experiment, self.settings)
        self.draw()

    # -- where one looks --------------------------------------------------------------------------

    def action_zoom(self, steps: int) -> None:
        """Show less, about the cursor, or more."""
        self._zoom(steps, None)

    def _zoom(self, steps: int, about: float | None) -> None:
        if (whole := self.whole) is not None:
            self.looking.zoom(whole, ZOOM**steps, about)
            self.draw()

    def action_pan(self, steps: int) -> None:
        """Move what is shown."""
        self._pan(steps * PAN)

    def _pan(self, part: float) -> None:
        if (whole := self.whole) is not None:
            self.looking.pan(whole, part)
            self.draw()

    def action_whole(self) -> None:
        """Show all of the axis."""
        self.looking.show_all()
        self.draw()

    def action_cursor(self, cells: int) -> None:
        """Move the cursor by so many columns, and by one point at least."""
        walk, whole = self.reference, self.whole
        if walk is None or whole is None:
            return
        here = self.looking.cursor
        target = self.focused_chart.beside(here, cells) if here is not None else None
        if target is None and here is not None:
            target = here
        self.looking.walk(walk, whole, target if target is not None else whole.end, forward=cells > 0)
        self._looked(whole)

    def action_end_of_run(self, newest: bool) -> None:
        """Put the cursor on the newest or the first point."""
        walk, whole = self.reference, self.whole
        if walk is not None and whole is not None and len(walk):
            self.looking.put(whole, walk.x_of(len(walk) - 1 if newest else 0))
            self._looked(whole)

    def action_mark(self, forward: bool) -> None:
        """Put the cursor on the next change or best value, or on the one before."""
        whole, data = self.whole, self.focused_chart.data
        if whole is None:
            return
        places = {note.x for note in data.notes} | {
            curve.mark.x for curve in data.curves if curve.mark is not None
        }
        here = self.looking.cursor
        if here is not None:
            places = {x for x in places if (x > here if forward else x < here)}
        if places:
            self.looking.put(whole, min(places) if forward else max(places))
            self._looked(whole)

    def _looked(self, whole: Whole) -> None:
        """Draw the cursor; where it had to move out of sight, all."""
        if self.focused_chart.data.view.window != self.looking.window:
            self.draw()
        else:
            self.show_cursor()

    def action_leave(self) -> None:
        """Take the cursor away; without one, show all charts again."""
        if self.looking.cursor is not None:
            self.looking.cursor, self.looking.pinned = None, False
            self.show_cursor()
        elif self.enlarged:
            self.action_enlarge()

    # -- which charts -----------------------------------------------------------------------------

    def turn_page(self, pages: int) -> None:
        """Show other charts, so many pages further."""
        self.first = (self.first // self.per_page + pages) % self.pages * self.per_page
        self.draw()

    def action_page(self, pages: int) -> None:
        """Show other charts, so many pages further."""
        self.turn_page(pages)

    def action_next_chart(self, by: int) -> None:
        """Put the focus on another chart of the page; an enlarged one gives way to the next."""
        if self.enlarged:
            self.turn_page(by)
            return
        shown = [chart for chart in self.charts if chart.display and chart.data.title]
        if shown:
            place = shown.index(self.focused_chart) if self.focused_chart in shown else -by
            shown[(place + by) % len(shown)].focus()

    def action_enlarge(self) -> None:
        """Give the chart that has the focus all of the room, or show all again."""
        title = self.focused_chart.data.title
        if not self.enlarged:
            self.first += self.charts.index(self.focused_chart)
            self.charts[0].focus()
        self.enlarged = not self.enlarged
        self.post_message(self.Enlarged(self.enlarged))
        self.draw()
        if not self.enlarged:
            self.call_after_refresh(self._focus_title, title)

    def _focus_title(self, title: str) -> None:
        for chart in self.charts:
            if chart.display and chart.data.title == title:
                chart.focus()

    @work(exclusive=True, group="choose")
    async def action_choose(self) -> None:
        """Ask which charts to show, and in which order."""
        choices = [
            Choice(group.title, ", ".join(tag for tag, _ in group.tags if tag != group.title), on)
            for group, on in self.groups
        ]
        answer = await self.app.push_screen_wait(ChartChooser(choices))
        if answer is not None:
            self._arrange(answer)

    def _arrange(self, choices: Sequence[Choice]) -> None:
        if self.settings is None:
            return
        usual = {group.title: group.shown for group, _ in self.groups}
        known = {choice.title for choice in choices}
        here = self.settings
        self._choose(
            order=tuple(choice.title for choice in choices),
            hidden=(
                *(title for title in here.hidden if title not in known),
                *(choice.title for choice in choices if usual[choice.title] and not choice.on),
            ),
            added=(
                *(title for title in here.added if title not in known),
                *(choice.title for choice in choices if not usual[choice.title] and choice.on),
            ),
        )

    # -- the mouse --------------------------------------------------------------------------------

    @on(Chart.Pointed)
    def pointed(self, event: Chart.Pointed) -> None:
        """Read the curves under the mouse, unless the cursor was put somewhere."""
        walk = self.reference
        if walk is not None and not self.looking.pinned:
            before = self.looking.cursor
            self.looking.point_at(walk, event.x, pin=False)
            if self.looking.cursor != before:
                self.show_cursor()

    @on(Chart.Picked)
    def picked(self, event: Chart.Picked) -> None:
        """Leave the cursor there; a click on it lets it go, a second click enlarges."""
        walk = self.reference
        if event.twice:
            self.action_enlarge()
        elif walk is not None:
            before, held = self.looking.cursor, self.looking.pinned
            self.looking.point_at(walk, event.x, pin=True)
            if held and before == self.looking.cursor:
                self.looking.pinned = False
            self.show_cursor()

    @on(Chart.Wheeled)
    def wheeled(self, event: Chart.Wheeled) -> None:
        """Zoom about the mouse."""
        self._zoom(1 if event.up else -1, event.x)

    @on(Chart.Dragged)
    def dragged(self, event: Chart.Dragged) -> None:
        """Pull what is shown along."""
        self._pan(-event.fraction)

    @on(BoardLine.Chosen)
    async def part_clicked(self, event: BoardLine.Chosen) -> None:
        """Do what the clicked word says."""
        await self.run_action(event.action)
