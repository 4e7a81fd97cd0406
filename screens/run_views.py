"""The views of a run beside its charts: layers, evaluation, health. Fed only while they are seen."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from textual import on
from textual.app import ComposeResult
from textual.message import Message
from textual.widget import Widget
from textual.widgets import ContentSwitcher

from screens.run_charts import ChartBoard
from tui.widgets.panels.evaluation import EvaluationPanel
from tui.widgets.panels.health import HealthPanel
from tui.widgets.panels.layers import LayersPanel
from tui.widgets.run.view_line import RunView, ViewLine

if TYPE_CHECKING:
    from tui.runs.alerts import AlertBook
    from tui.runs.reader import RunReader
    from tui.runs.views import ViewsReader
    from tui.widgets.panels.health import Warned


class RunViews(Widget):
    """The line that names the views, and the one that is shown."""

    DEFAULT_CSS = """
    RunViews {
        height: 1fr; layout: vertical;
        & > ContentSwitcher { height: 1fr; }
    }
    """

    @dataclass
    class Switched(Message):
        """Another view is shown."""

        view: RunView

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.current: RunView = "charts"
        self.steered = False
        """Whether the keys that steer the run work here."""
        self._reader: RunReader | None = None
        self._views: ViewsReader | None = None
        self._book: AlertBook | None = None

    def compose(self) -> ComposeResult:
        """Lay out the line and the views."""
        yield ViewLine()
        with ContentSwitcher(initial="charts"):
            yield ChartBoard(id="charts")
            yield LayersPanel(id="layers")
            yield EvaluationPanel(id="evaluation")
            yield HealthPanel(id="health")

    @property
    def board(self) -> ChartBoard:
        """The charts."""
        return self.query_one(ChartBoard)

    def reset(self) -> None:
        """Forget the run: another is about to be shown."""
        self._reader = self._views = self._book = None
        self.board.reset()

    def go_to(self, view: RunView) -> None:
        """Show a view, and give it the focus."""
        self.current = view
        self.query_one(ContentSwitcher).current = view
        self.post_message(self.Switched(view))
        if view == "charts":
            self.board.focus_first()
        else:
            self.query_one(f"#{view}").focus()
        if self._reader is not None:
            self.show(self._reader)

    @on(ViewLine.Chosen)
    def view_clicked(self, event: ViewLine.Chosen) -> None:
        """Go to the view that was clicked."""
        event.stop()
        self.go_to(event.view)

    @on(LayersPanel.Wanted)
    def measure_wanted(self, event: LayersPanel.Wanted) -> None:
        """Show another measure of the layers."""
        event.stop()
        if self._reader is not None:
            self._show_layers(self._reader)

    def poll(self, folder: Path) -> bool:
        """Read the views that are new, in a thread; return whether any was."""
        from tui.runs.views import ViewsReader

        if self._views is None or self._views.folder != folder:
            self._views = ViewsReader(folder)
        return self._views.poll()

    def show(self, reader: RunReader) -> None:
        """Bring what is seen up to date."""
        from screens.run_health import alerts_of, failure_of, health_of
        from tui.runs.alerts import AlertBook

        self._reader = reader
        self._book = self._book or AlertBook()
        told = alerts_of(reader, self._book)
        self._show_line(told)
        match self.current:
            case "charts":
                self.board.show([(reader.record.name, reader)])
            case "layers":
                self._show_layers(reader)
            case "evaluation":
                from screens.run_evaluation import evaluation_of

                views = self._views.views if self._views is not None else {}
                self.query_one(EvaluationPanel).show(evaluation_of(reader, views, steered=self.steered))
            case "health":
                self.query_one(HealthPanel).show(health_of(reader, (*failure_of(reader), *told)))

    def _show_line(self, told: tuple[Warned, ...]) -> None:
        holding = [alert for alert in told if alert.holds]
        first = holding[0] if holding else None
        self.query_one(ViewLine).show(
            self.current,
            first.text if first is not None else "",
            severe=first is not None and first.severe,
            more=max(0, len(holding) - 1),
        )

    def _show_layers(self, reader: RunReader) -> None:
        from screens.run_layers import layers_of

        panel = self.query_one(LayersPanel)
        panel.show(layers_of(reader, panel.measure, panel.size.width - 2))
