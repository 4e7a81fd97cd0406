"""The chart on the screen: keeps its lines, and paints the cells that changed and no others."""

from __future__ import annotations

from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Region
from textual.strip import Strip

from tui.widgets.cells import Line, changed_spans
from tui.widgets.chart.model import ChartData
from tui.widgets.chart.pointing import Pointing
from tui.widgets.chart.waiting import waiting_lines

FRONT = "-front"
"""Ends the style of a curve that is drawn over all others."""

_CURVES = (
    "train", "val", "test", "other-0", "other-1", "other-2", "other-3",
    "run-0", "run-1", "run-2", "run-3", "run-4", "run-5", "run-6",
)  # fmt: skip
_PARTS = (
    "title", "title-focused", "value", "label", "axis", "dim", "bad", "cursor", "note",
    *_CURVES, *(f"{name}-band" for name in _CURVES),
)  # fmt: skip


class Chart(Pointing, can_focus=True):
    """Curves over steps, drawn in braille.

    ``show`` may be called at any rate: whatever came since the last paint is drawn once, a chart that nobody
    sees is not drawn at all, and one whose points did not change paints nothing.
    """

    DEFAULT_CSS: ClassVar[str] = """
    Chart {
        height: 1fr;
        min-height: 3;
        & > .chart--title { text-style: bold; }
        & > .chart--title-focused { text-style: bold underline; }
        & > .chart--label { color: $text-muted; }
        & > .chart--axis { color: $foreground 35%; }
        & > .chart--dim { color: $text-muted; }
        & > .chart--bad { color: $error; text-style: bold; }
        & > .chart--cursor { color: $foreground 70%; }
        & > .chart--note { color: $warning; text-style: bold; }
        & > .chart--train { color: $train; }
        & > .chart--val { color: $val; }
        & > .chart--test { color: $test; }
        & > .chart--other-0 { color: $other; }
        & > .chart--other-1 { color: $text-accent; }
        & > .chart--other-2 { color: $text-error; }
        & > .chart--other-3 { color: $text-success; }
        & > .chart--run-0 { color: $train; }
        & > .chart--run-1 { color: $val; }
        & > .chart--run-2 { color: $test; }
        & > .chart--run-3 { color: $other; }
        & > .chart--run-4 { color: $nan; }
        & > .chart--run-5 { color: $error; }
        & > .chart--run-6 { color: $foreground; }
        & > .chart--train-band { color: $train 45%; }
        & > .chart--val-band { color: $val 45%; }
        & > .chart--test-band { color: $test 45%; }
        & > .chart--other-0-band { color: $other 45%; }
        & > .chart--other-1-band { color: $text-accent 45%; }
        & > .chart--other-2-band { color: $text-error 45%; }
        & > .chart--other-3-band { color: $text-success 45%; }
        & > .chart--run-0-band { color: $train 45%; }
        & > .chart--run-1-band { color: $val 45%; }
        & > .chart--run-2-band { color: $test 45%; }
        & > .chart--run-3-band { color: $other 45%; }
        & > .chart--run-4-band { color: $nan 45%; }
        & > .chart--run-5-band { color: $error 45%; }
        & > .chart--run-6-band { color: $foreground 45%; }
    }
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"chart--{name}" for name in _PARTS}

    def __init__(
        self,
        data: ChartData | None = None,
        *,
        name: str | None = None,
        id: str | None = None,
        classes: str | None = None,
        disabled: bool = False,
    ) -> None:
        super().__init__(name=name, id=id, classes=classes, disabled=disabled)
        self._data = data or ChartData("")
        self._drawn: tuple[object, ...] | None = None
        self._lines: list[Line] = []
        self._strips: list[Strip] = []
        self._due = False
        self._rich_styles: dict[str, Style] = {}
        self._restyle = False

    @property
    def data(self) -> ChartData:
        """What it shows, or will with the next paint."""
        return self._data

    def show(self, data: ChartData) -> None:
        """Show ``data``. Call it again when its points have grown: only what is different is painted."""
        if data.title != self._data.title or data.view.scale() != self._data.view.scale():
            self._memory = None
        self._data = data
        self._request()

    def _request(self) -> None:
        """Draw before the next paint, once for however many requests there are until then.

        Out of sight nothing is due: coming into sight is a request, and a first paint draws by itself.
        """
        if not self._due and self._visible():
            self._due = True
            self.call_next(self._update)

    def _update(self) -> None:
        self._due = False
        if self._visible():
            for region in self._redraw():
                self.refresh(region)

    def _visible(self) -> bool:
        if not self.is_attached or self.size.area == 0 or not self.is_on_screen:
            return False
        top = self.app.screen
        # Textual counts the screen below an opaque one as current too.
        return self.screen is top or (self.screen.is_current and top.styles.background.a < 1)

    def _redraw(self) -> list[Region]:
        """Draw what is due; return the regions that are different from what was drawn before."""
        width, height = self.size
        key = (width, height, *self._data.key())
        if key == self._drawn:
            return []
        before, self._drawn = self._lines, key
        if self._data.curves:
            from tui.widgets.chart.picture import Memory, picture

            drawn = picture(self._data, width, height, self._memory or Memory())
            self._lines, self._memory = drawn.lines, drawn.memory
        else:
            self._lines, self._memory = waiting_lines(self._data.title, self._data.empty, width, height), None
        if len(before) != len(self._lines) or not before or len(before[0].cells) != width:
            self._strips = [self._strip(line) for line in self._lines]
            return [Region(0, 0, width, height)]
        regions = []
        for y, (old, new) in enumerate(zip(before, self._lines, strict=True)):
            spans = list(changed_spans(old, new))
            if spans:
                self._strips[y] = self._strip(new, spans)
                regions += [Region(start, y, end - start, 1) for start, end in spans]
        return regions

    def render_line(self, y: int) -> Strip:
        """Return row ``y``; draws first where the widget is new or was resized.

        Not where the data is new: all of the row's neighbours would be drawn too, and perhaps not painted.
        """
        if self._drawn is None or self._drawn[:2] != tuple(self.size):
            self._redraw()
        if self._restyle:
            self._restyle = False
            self._rich_styles.clear()
            self._strips = [self._strip(line) for line in self._lines]
        return self._strips[y] if y < len(self._strips) else Strip.blank(self.size.width, self._style(""))

    def _strip(self, line: Line, spans: list[tuple[int, int]] | None = None) -> Strip:
        """Make a strip with a segment for each stretch of one style.

        Segments also end where a span does: a paint sends every segment that a changed region touches, whole.
        """
        cuts = {edge for span in spans or () for edge in span}
        segments: list[Segment] = []
        text, style = "", ""
        for column, (cell, name) in enumerate(zip(line.cells, line.styles, strict=True)):
            blank = cell in (" ", "") and style != "title"  # the title may be reversed, and must not run on
            if column in cuts or (name != style and not blank):
                if text:
                    segments.append(Segment(text, self._style(style)))
                text, style = "", name
            text += cell
        if text:
            segments.append(Segment(text, self._style(style)))
        return Strip(segments, len(line.cells))

    def _style(self, name: str) -> Style:
        style = self._rich_styles.get(name)
        if style is None:
            style = self.rich_style
            if name not in ("", "value"):
                focused = name == "title" and self.has_focus
                part = "title-focused" if focused else name.removesuffix(FRONT)
                found = self.get_component_rich_style(f"chart--{part}")
                style += found.without_color + Style(color=found.color, bold=True if part != name else None)
            self._rich_styles[name] = style
        return style

    def notify_style_update(self) -> None:
        """Take the new colours when the theme, the focus or a style sheet changes."""
        super().notify_style_update()
        # later, when it is drawn: the styles of the parts are renewed only after this call
        self._restyle = True

    def on_mount(self) -> None:
        """Draw when the screen comes back to the front."""
        self.app.screen_change_signal.subscribe(self, lambda _screen: self._request())

    def on_focus(self) -> None:
        """Show the focus in the title."""
        self._restyle_title()

    def on_blur(self) -> None:
        """Show in the title that the focus is gone."""
        self._restyle_title()

    def _restyle_title(self) -> None:
        self._rich_styles.pop("title", None)
        if self._lines:
            self._strips[0] = self._strip(self._lines[0])
            self.refresh(Region(0, 0, self.size.width, 1))

    def on_show(self, event: events.Show) -> None:
        """Draw what was shown while the chart was hidden."""
        self._request()

    def on_resize(self, event: events.Resize) -> None:
        """Lay out anew."""
        self._request()
