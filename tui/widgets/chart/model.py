"""What a chart is told to show."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Role = Literal["train", "val", "test", "other"]
"""What a curve is of; decides its colour and its mark."""
XUnit = Literal["step", "epoch", "time"]
"""What x counts: optimizer steps · epochs · seconds since the first point."""


class Columns(Protocol):
    """Points summarized by column, shape (C,) each; floats are NaN where a column has no finite value."""

    @property
    def low(self) -> NDArray[np.float64]: ...
    @property
    def high(self) -> NDArray[np.float64]: ...
    @property
    def low_positive(self) -> NDArray[np.float64]: ...
    @property
    def mean(self) -> NDArray[np.float64]: ...
    @property
    def first(self) -> NDArray[np.float64]: ...
    @property
    def last(self) -> NDArray[np.float64]: ...
    @property
    def finite(self) -> NDArray[np.int64]: ...
    @property
    def nan(self) -> NDArray[np.int64]: ...
    @property
    def pos_inf(self) -> NDArray[np.int64]: ...
    @property
    def neg_inf(self) -> NDArray[np.int64]: ...
    @property
    def non_positive(self) -> NDArray[np.int64]: ...


class Sample(Protocol):
    """One point."""

    @property
    def step(self) -> int: ...
    @property
    def value(self) -> float: ...


class Points(Protocol):
    """The points of a curve, as ``tui.runs.series.Series`` holds them (for plain arrays: ``Series.of``)."""

    def __len__(self) -> int: ...

    @property
    def version(self) -> int:
        """A number that changes whenever the points do."""
        ...

    @property
    def last(self) -> Sample | None:
        """The newest point."""
        ...

    def x_range(self) -> tuple[float, float] | None:
        """Return the first and the last x; None without points."""
        ...

    def envelope(self, edges: NDArray[np.float64]) -> Columns:
        """Summarize the points between each two of ``edges``, shape (C+1,)."""
        ...

    def at(self, x: float) -> Sample | None:
        """Return the newest point at ``x`` or before; None where there is none."""
        ...

    def up_to(self, x: float) -> int:
        """Return how many points are at ``x`` or before."""
        ...

    def first_after(self, x: float) -> float | None:
        """Return where the first point after ``x`` lies; None where there is none."""
        ...

    def beside(
        self, low: float, high: float
    ) -> tuple[tuple[float, float] | None, tuple[float, float] | None]:
        """Return x and value of the newest point before ``low`` and of the first after ``high``, where there are."""
        ...


@dataclass(frozen=True)
class Mark:
    """A place on a curve worth pointing out."""

    x: float
    y: float
    text: str = ""
    """What the title says of it, e.g. ``best 0.150 @ 400``."""


@dataclass(frozen=True)
class Note:
    """Something that happened to a run, marked on the x axis."""

    x: float
    text: str
    """What is read out with the cursor on it, e.g. ``lr 0.001 → 0.0005``. Foreign text."""
    glyph: str = "▴"


@dataclass(frozen=True)
class Run:
    """How the curves of one run are told from those of the others."""

    colour: int
    """Of the ``OTHERS`` there are: chosen by the run's name, so that a run keeps its colour."""
    glyph: str
    """One character."""


@dataclass(frozen=True)
class Curve:
    """One line of a chart."""

    label: str
    """Shown in the title beside the newest value. Foreign text."""
    points: Points
    role: Role = "other"
    mark: Mark | None = None
    """None: no place is marked."""
    smooth: Points | None = None
    """Its points smoothed: drawn as the line, over the points themselves as a dim band. None: it is not smoothed."""
    run: Run | None = None
    """Whose curve it is where several runs share a chart: its colour is the run's. None: there is one."""
    held: bool = False
    """Whether a value holds until the next one, as of what is recorded only when it changes: it is drawn as steps."""
    until: float | None = None
    """With `held`: where the last value ends; None: at its point."""
    front: bool = False
    """Whether it is drawn over all others, and these are dimmed."""


@dataclass(frozen=True)
class View:
    """What part of the plane is shown, and how."""

    x_min: float | None = None
    """None: from the data."""
    x_max: float | None = None
    """None: from the data, growing in steps. The total number of steps, where known, keeps the axis still."""
    log_x: bool = False
    log_y: bool = False
    x_unit: XUnit = "step"
    window: tuple[float, float] | None = None
    """Exactly this part of the x axis; None: all of it."""
    cursor: float | None = None
    """Where the values are read; None: the newest are shown."""
    outliers: bool = False
    """Whether the y axis holds values absurdly far from all others too; they are marked at its ends where not."""

    def scale(self) -> tuple[object, ...]:
        """Return what tells pictures whose axes have nothing to do with each other."""
        span = None if self.window is None else self.window[1] - self.window[0]
        return self.x_min, self.x_max, self.log_x, self.log_y, self.x_unit, self.outliers, span


LEFT: Final = 1
"""Blank cells before the title, as before all other lines of the screen."""


@dataclass(frozen=True)
class ChartData:
    """All that a chart shows."""

    title: str
    """Foreign text."""
    curves: tuple[Curve, ...] = ()
    """Later ones are drawn over earlier ones."""
    view: View = field(default=View())
    empty: str = "no points yet"
    """Shown while no curve has a point."""
    smoothing: str = ""
    """How its curves are smoothed, e.g. ``EMA 0.97``; empty: they are not."""
    notes: tuple[Note, ...] = ()

    def key(self) -> tuple[object, ...]:
        """Return what tells this data, with the points as they are now, from other data."""
        points = tuple((id(curve.points), curve.points.version) for curve in self.curves)
        looks = tuple(
            (curve.label, curve.role, curve.mark, curve.run, id(curve.smooth), curve.until, curve.front)
            for curve in self.curves
        )
        return self.title, self.view, self.empty, self.smoothing, self.notes, points, looks
