"""What a viewer looks at and how: one tensor, its layout, its numbers, its statistics. Knows no Textual.

Every method leaves the state whole and calls `on_change`; what needs the kernel is awaited or comes later.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Final, get_args

from tui.protocol.viewing import Arrangement, ReadStatistics, Statistics, View, ViewFacts
from tui.widgets.tensor_view.compute import Computation
from tui.widgets.tensor_view.layout import Layout, read_notation
from tui.widgets.tensor_view.numbers import NumberFormat
from tui.widgets.tensor_view.scale import REACHES, Limits, Reach, known_limits, seen_limits
from tui.widgets.tensor_view.source import ASK_ERRORS, Asker, WindowSource, problem_of

ARRANGEMENTS: Final[tuple[Arrangement, ...]] = get_args(Arrangement)
INTERVALS_S: Final = (0.5, 1.0, 2.0, 5.0)
"""How often values are read again, in the order in which the key goes through them; after the last, frozen."""
MOST_BEFORE: Final = 50
SAMPLE: Final = 20_000_000
"""Values that are counted unasked: some 0.1 s on a CPU."""
BINS: Final = 36


class ViewerModel:
    """The state of one viewer."""

    def __init__(
        self, asker: Asker, on_change: Callable[[], None], painted: Callable[[], Awaitable[None]]
    ) -> None:
        self._on_change = on_change
        self.source = WindowSource(asker, self._source_changed, painted)
        self.compute = Computation(asker, on_change)
        self.layout = Layout.of(())
        self.how = NumberFormat()
        self.reach: Reach = "robust"
        self.log = False
        """Whether the histogram is over log10 |x|."""
        self.picked: int | None = None
        """The dimension whose slider the keys move; None where there is no slider."""
        self.along: int | None = None
        """The dimension that is sorted or reduced along; None: the last."""
        self.statistics: Statistics | None = None
        self.statistics_of: tuple[str, int] = ("", -1)
        """Identity and version of the tensor they were taken of."""
        self.opening = ""
        """The expression that is being opened; empty where none is."""
        self.jump: Callable[[tuple[int, ...]], None] = lambda index: None
        """Called with the place to go to."""
        self.notice: Callable[[str], None] = lambda text: None
        """Called with a word for the user."""
        self._seen: Limits | None = None
        self._before: list[tuple[View, Layout]] = []

    # -- what is looked at ------------------------------------------------------------------------

    @property
    def view(self) -> View:
        """The view on the screen."""
        return self.source.view

    @property
    def facts(self) -> ViewFacts | None:
        """What the tensor is; None before the first answer."""
        return self.source.facts

    @property
    def dtype(self) -> str:
        """Short name of its dtype; empty before the first answer."""
        return "" if self.facts is None else self.facts.tensor.dtype

    async def open(self, view: View, *, remember: bool = True, layout: Layout | None = None) -> str:
        """Look at another view; returns why it cannot be, empty where it can. What is shown stays till then."""
        self.opening = view.expression
        self._on_change()
        try:
            facts = await self.source.look_up(view)
        except ASK_ERRORS as error:
            return problem_of(error).message
        finally:
            self.opening = ""
            self._on_change()
        if remember and self.facts is not None:
            self._before = [*self._before[-MOST_BEFORE:], (self.view, self.layout)]
        start = layout or (self.layout if view.expression == self.view.expression else Layout.of(()))
        self.source.show(view, facts)
        self.statistics, self._seen = None, None
        self._set_layout(start.fitted(facts.tensor.shape))
        self.read_statistics()
        return ""

    async def open_typed(self, text: str) -> str:
        """Look at what was typed: another expression, or an index that only moves the sliders."""
        if not text.strip():
            return "type an expression, such as x[2, :, ::2]"
        moved = read_notation(text, self.view, self.layout) if self.facts is not None else None
        if moved is not None:
            self._set_layout(moved)
            return ""
        return await self.open(View(text.strip()))

    async def go_back(self) -> str:
        """Look at what was looked at before."""
        if not self._before:
            return "nothing was looked at before this"
        view, layout = self._before.pop()
        return await self.open(view, remember=False, layout=layout)

    def _source_changed(self) -> None:
        facts = self.facts
        if facts is not None and facts.tensor.shape != self.layout.shape:
            self.statistics, self._seen = None, None
            self._set_layout(self.layout.fitted(facts.tensor.shape))
        if self.source.interval_s is not None:
            self._read_statistics_if_cheap(self.source.interval_s)
        if self.reach != "off":
            seen = seen_limits(self.source.cells(), self.reach)
            self._seen = self._seen if seen is None else seen.joined(self._seen)
        self._on_change()

    def close(self) -> None:
        """Ask nothing more; what is being computed for us is ended."""
        self.source.close()
        self.compute.close()

    # -- layout -----------------------------------------------------------------------------------

    def _set_layout(self, layout: Layout) -> None:
        if layout != self.layout:
            self.layout = layout
            self._seen = None
        if self.picked not in layout.sliders:
            self.picked = layout.sliders[0] if layout.sliders else None
        self._on_change()

    def show_layout(self, layout: Layout) -> None:
        """Show other dimensions, or the same at another index."""
        self._set_layout(layout)

    def slide(self, step: int, dim: int | None = None) -> None:
        """Move a slider, the picked one unless it is said which."""
        self.picked = self.picked if dim is None else dim
        if self.picked is not None:
            self._set_layout(self.layout.slid(self.picked, step))

    def pick(self, step: int) -> None:
        """Pick the next slider."""
        sliders = self.layout.sliders
        if self.picked in sliders:
            self.picked = sliders[(sliders.index(self.picked) + step) % len(sliders)]
            self._on_change()

    # -- how it is shown --------------------------------------------------------------------------

    def show_as(self, how: NumberFormat) -> None:
        """Write values in another way."""
        self.how = how
        self._on_change()

    def next_reach(self) -> None:
        """Use the next kind of colour scale."""
        self.reach = REACHES[(REACHES.index(self.reach) + 1) % len(REACHES)]
        self._seen = seen_limits(self.source.cells(), self.reach)
        self._on_change()

    @property
    def limits(self) -> Limits | None:
        """The ends of the colour scale: of the whole tensor where they are known, else of what was seen."""
        if self.reach == "off":
            return None
        known = known_limits(self.statistics, self.reach) if self.statistics is not None else None
        return known or self._seen

    @property
    def dim_along(self) -> int:
        """The dimension that is sorted or reduced along; counted from the start."""
        dims = len(self.layout.shape)
        return max(0, dims - 1 if self.along is None else min(self.along, dims - 1))

    async def arrange(self, step: int) -> str:
        """Sort or reduce in the next way."""
        if not self.layout.shape:
            return "a single value cannot be sorted or reduced"
        number = (ARRANGEMENTS.index(self.view.arrangement) + step) % len(ARRANGEMENTS)
        return await self._arrange(ARRANGEMENTS[number], self.dim_along)

    async def arrange_along_next(self) -> str:
        """Sort or reduce along the next dimension."""
        if not self.layout.shape:
            return "a single value cannot be sorted or reduced"
        self.along = (self.dim_along + 1) % len(self.layout.shape)
        if not self.view.arrangement:
            self._on_change()
            return ""
        return await self._arrange(self.view.arrangement, self.along)

    async def _arrange(self, arrangement: Arrangement, along: int) -> str:
        view = replace(self.view, arrangement=arrangement, along=along if arrangement else 0)
        return await self.open(view, remember=False)

    # -- again ------------------------------------------------------------------------------------

    def next_interval(self) -> None:
        """Read the values again at the next rate, or freeze them."""
        now_s = self.source.interval_s or 0.0
        self.source.set_live(next((step_s for step_s in INTERVALS_S if step_s > now_s), None))
        self._on_change()

    def read_again(self) -> None:
        """Read values and statistics once more."""
        self.source.read_again()
        self.read_statistics()

    # -- statistics -------------------------------------------------------------------------------

    @property
    def has_values(self) -> bool:
        """Whether there is anything to count."""
        facts = self.facts
        return facts is not None and facts.tensor.elements > 0 and facts.tensor.device != "meta"

    def read_statistics(self, *, everything: bool = False) -> None:
        """Have the statistics taken: of all values, or of as many as take no time."""
        if self.has_values:
            limit = None if everything else SAMPLE
            request = ReadStatistics(self.view, BINS, self.log, limit)
            self.compute.start("statistics", request, self._take_statistics)

    def toggle_log(self) -> None:
        """Count over log10 |x| in the histogram, or over x."""
        self.log = not self.log
        counted = self.statistics.counted if self.statistics is not None else 0
        self.read_statistics(everything=counted > SAMPLE)

    def _take_statistics(self, statistics: Statistics) -> None:
        self.statistics = statistics
        if self.facts is not None:
            self.statistics_of = (self.facts.identity, self.facts.version)

    def _read_statistics_if_cheap(self, interval_s: float) -> None:
        """In live mode take them along, unless they would take a good part of the time."""
        known = self.facts is not None and self.statistics_of == (self.facts.identity, self.facts.version)
        uncounted = self.facts is not None and self.facts.version < 0
        if self.statistics is None or (known and not uncounted) or self.compute.running:
            return
        if self.compute.took_s < interval_s / 10:
            self.read_statistics()

    @property
    def statistics_are_old(self) -> bool:
        """Whether the tensor was changed in place since they were taken."""
        facts = self.facts
        if self.statistics is None or facts is None:
            return False
        identity, version = self.statistics_of
        return identity == facts.identity and version != facts.version
