"""The picture in the place of the values: asked for when it is shown, and again when what it shows has changed."""

from __future__ import annotations

from textual.screen import Screen

from tui.widgets.tensor_view.asking import read_picture
from tui.widgets.tensor_view.grid import ValueGrid
from tui.widgets.tensor_view.model import ViewerModel
from tui.widgets.tensor_view.pixels import PixelView
from tui.widgets.tensor_view.source import Asker

SHOWN = "-picture"


class PictureActions(Screen[None]):
    """Actions of a screen with a `PixelView` and a `ValueGrid`; mixed into it."""

    model: ViewerModel
    _pictured: object = None

    @property
    def asker(self) -> Asker:
        """The kernel session."""
        raise NotImplementedError

    def say(self, text: str) -> None:
        """Tell something in the foot."""
        raise NotImplementedError

    @property
    def shows_picture(self) -> bool:
        """Whether the picture is in the place of the values."""
        return self.has_class(SHOWN)

    def action_picture(self) -> None:
        """Show the tensor as a picture, or as numbers again."""
        self.toggle_class(SHOWN)
        self._pictured = None
        self.back_to_values()
        self.keep_picture()

    def back_to_values(self) -> None:
        """Let the keys move the cursor again, or the sliders of the picture."""
        (self.query_one(PixelView) if self.shows_picture else self.query_one(ValueGrid)).focus()

    def keep_picture(self) -> None:
        """Read the picture where it is shown and is not of what is looked at now."""
        facts = self.model.facts
        version = None if facts is None else (facts.identity, facts.version)
        wanted = (self.model.view, self.model.layout, version)
        if self.shows_picture and wanted != self._pictured:
            self._pictured = wanted
            self.call_after_refresh(lambda: self.run_worker(self._read(), exclusive=True, group="picture"))

    async def _read(self) -> None:
        picture = self.query_one(PixelView)
        found = await read_picture(self.asker, self.model, *picture.room)
        if isinstance(found, str):
            self.remove_class(SHOWN)
            self.back_to_values()
            self.say(found)
        else:
            picture.show(found)
