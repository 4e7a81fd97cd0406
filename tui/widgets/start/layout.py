"""How the form and what stands beside it share the screen."""

from __future__ import annotations

from typing import Literal

from textual.app import ComposeResult
from textual.containers import Container, Vertical

from tui.widgets.gradients.views import BlockList
from tui.widgets.start.form import StartForm
from tui.widgets.start.help_words import StartHelp
from tui.widgets.start.part_chooser import PartChooser
from tui.widgets.start.schedule import SchedulePicture

NARROW = 100
"""Columns below which what stands beside the form goes below it."""
SHORT = 18
"""Rows below which that is kept small."""


class StartLayout(Container):
    """The form on the left; on the right, or below it, the learning rate and words, or a question in their place."""

    DEFAULT_CSS = """
    StartLayout { layout: horizontal; height: 1fr; }
    StartLayout #start-left { width: 3fr; }
    StartLayout #start-side { width: 2fr; border-left: solid $panel; }
    StartLayout #start-info { height: 1fr; }
    StartLayout #start-chooser { height: 1fr; }
    StartLayout.-narrow { layout: vertical; }
    StartLayout.-narrow #start-left { width: 1fr; height: 1fr; }
    StartLayout.-narrow #start-side { width: 1fr; height: 8; border-left: none; border-top: solid $panel; }
    StartLayout.-narrow.-short #start-side { height: 5; }
    StartLayout.-asking #start-info, StartLayout.-asking #start-schedule { display: none; }
    StartLayout.-narrow.-asking #start-left { display: none; }
    StartLayout.-narrow.-asking #start-side { height: 1fr; }
    StartLayout.-narrow #start-schedule { height: 1fr; }
    StartLayout.-narrow.-report #start-side { height: 66%; }
    StartLayout.-narrow.-rate #start-info { display: none; }
    StartLayout.-narrow.-words #start-schedule { display: none; }
    """

    def compose(self) -> ComposeResult:
        """Lay out the form, and what stands beside it."""
        with Vertical(id="start-left"):
            yield StartForm(id="start-form")
            yield StartHelp(id="start-help")
        with Vertical(id="start-side"):
            yield SchedulePicture(id="start-schedule")
            yield BlockList(id="start-info")
            yield PartChooser(id="start-chooser")

    @property
    def form(self) -> StartForm:
        """The fields."""
        return self.query_one(StartForm)

    @property
    def chooser(self) -> PartChooser:
        """Where something is chosen for a field."""
        return self.query_one(PartChooser)

    @property
    def picture(self) -> SchedulePicture:
        """The learning rate."""
        return self.query_one(SchedulePicture)

    def fit(self, width: int, height: int) -> None:
        """Put what stands beside the form below it where there is no room."""
        self.set_class(width < NARROW, "-narrow")
        self.set_class(height < SHORT, "-short")

    def make_room_for(self, topic: Literal["rate", "words"], *, report: bool) -> None:
        """Show one of the two where there is no room for both; `report`: with as much of the words as can be."""
        if self.has_class("-narrow"):
            self.set_class(topic == "rate", "-rate")
            self.set_class(topic == "words", "-words")
            self.set_class(report, "-report")

    def set_asking(self, *, asking: bool) -> None:
        """Show a question in the place of the learning rate and the words, or these again."""
        if asking == self.has_class("-asking"):
            return
        self.set_class(asking, "-asking")
        if not asking:
            self.chooser.display = False
        self.app.stylesheet.update(self)  # at once: what is typed next must not go elsewhere
