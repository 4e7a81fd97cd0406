"""What a chart is told to show."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Role = Literal["train", "val", "test", "other"]
"""What a curve is of; decides its colour and its mark."""


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


@dataclass(frozen=True)
class Mark:
    """A place on a curve worth pointing out."""

    x: float
    y: float
    text: str = ""
    """What the title says of it, e.g. ``best 0.150 @ 400``."""


@dataclass(frozen=True)
class Curve:
    """One line of a chart."""

    label: str
    """Shown in the title beside the newest value. Foreign text."""
    points: Points
    role: Role = "other"
    mark: Mark | None = None
    """None: no place is marked."""


@dataclass(frozen=True)
class View:
    """What part of the plane is shown, and how."""

    x_min: float | None = None
    """None: from the data."""
    x_max: float | None = None
    """None: from the data, growing in steps. The total number of steps, where known, keeps the axis still."""
    log_x: bool = False
    log_y: bool = False


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

    def key(self) -> tuple[object, ...]:
        """Return what tells this data, with the points as they are now, from other data."""
        points = tuple((id(curve.points), curve.points.version) for curve in self.curves)
        labels = tuple((curve.label, curve.role, curve.mark) for curve in self.curves)
        return self.title, self.view, self.empty, points, labels
