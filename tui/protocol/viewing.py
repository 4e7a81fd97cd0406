"""What the tensor viewer asks: windows of values, statistics, histograms, places, pictures, comparisons.

A view is named by an expression over the namespace (``model.fc.weight[:, 3]``), which the kernel evaluates anew
for each request: names, attributes, indices, arithmetic, methods of tensors that change nothing and functions of
torch. A view of an expression that has become wrong (deleted, resized) is refused with words for the user.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from tui.protocol.messages import Lane, Request
from tui.protocol.values import Number, TensorFacts

Arrangement = Literal["", "sort ascending", "sort descending", "mean", "sum", "min", "max", "std", "norm"]
"""What is done along a dimension before it is shown; a reduction leaves that dimension with size 1."""


@dataclass(frozen=True)
class View:
    """A tensor as it is looked at."""

    expression: str
    arrangement: Arrangement = ""
    along: int = 0
    """The dimension that `arrangement` works along; negative ones count from the end."""


@dataclass(frozen=True)
class ViewFacts:
    """The tensor behind a view."""

    tensor: TensorFacts
    """Without statistics: `ReadStatistics` has them."""
    identity: str
    """The same for as long as it is the same tensor object."""
    version: int
    """Raised by torch when the tensor is changed in place; -1 where torch does not count."""
    leaf_name: str = ""
    """How Autograd knows it, e.g. ``model.fc.weight``; empty unless it is a leaf."""


@dataclass(frozen=True)
class OpenView(Request[ViewFacts]):
    """Ask what a view shows."""

    lane: ClassVar[Lane] = "view"
    view: View


@dataclass(frozen=True)
class Window:
    """A rectangle of values."""

    facts: ViewFacts
    row: int
    """First row and column; less than asked where the tensor is smaller."""
    column: int
    values: tuple[tuple[Number | None, ...], ...]
    """By rows; None where a sparse tensor stores nothing, and in a nested one beyond a part's end."""
    imaginary: tuple[tuple[Number, ...], ...] = ()
    """Of a complex tensor; else empty."""
    bits: tuple[tuple[int, ...], ...] = ()
    """The stored bit patterns as unsigned ints, where they were asked for and the dtype has them."""


@dataclass(frozen=True)
class ReadWindow(Request[Window]):
    """Ask for the values that are on screen; nothing else crosses, nothing else is computed where that is possible.

    A 0-d tensor has one row and one column; a 1-d tensor is one column unless `column_dim` is its dimension and
    `row_dim` is None.
    """

    lane: ClassVar[Lane] = "view"
    view: View
    row_dim: int | None
    """Dimension down the screen; None: one row."""
    column_dim: int | None
    """Dimension across the screen; None: one column."""
    index: tuple[int, ...]
    """One index for each dimension; those of the two on screen are not looked at."""
    row: int
    column: int
    rows: int
    columns: int
    """At most 4,096 values together."""
    with_bits: bool = False


@dataclass(frozen=True)
class Histogram:
    """Counts of the finite values in equal bins."""

    edges: tuple[float, ...]
    """One more than there are bins. In log bins, of log10 of the absolute value."""
    counts: tuple[int, ...]
    log: bool = False
    """Whether the bins are over log10 |x|; values of 0 are then in `zeros`."""
    zeros: int = 0


@dataclass(frozen=True)
class Statistics:
    """What the values of a view are like."""

    facts: TensorFacts
    """With `statistics` and the counts of NaN and Inf."""
    mean: float | None
    std: float | None
    zeros: int
    negative: int
    quantiles: tuple[tuple[float, float], ...]
    """Fractions and values: 0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1."""
    histogram: Histogram | None
    counted: int
    """Values looked at: fewer than there are where they were sampled."""
    quantiles_of: int = 0
    """Finite values that the quantiles between 0 and 1 are taken from: fewer than were counted where those are many."""


@dataclass(frozen=True)
class ReadStatistics(Request[Statistics]):
    """Ask for statistics, quantiles and a histogram; `CancelCompute` ends it early."""

    lane: ClassVar[Lane] = "compute"
    view: View
    bins: int = 40
    log: bool = False
    limit: int | None = 100_000_000
    """Sample past so many values; None: all of them."""


Place = Literal["min", "max", "nan", "inf", "nonzero"]


@dataclass(frozen=True)
class Found:
    """Where a value is."""

    index: tuple[int, ...] | None
    """None where there is none."""
    value: str = ""


@dataclass(frozen=True)
class FindPlace(Request[Found]):
    """Ask for the smallest, the largest, or the next value of a kind after a place, in row-major order."""

    lane: ClassVar[Lane] = "compute"
    view: View
    place: Place
    after: tuple[int, ...] | None = None
    """Search begins behind this index and wraps around; None: from the beginning. Not looked at by min and max."""


@dataclass(frozen=True)
class Comparison:
    """Two tensors side by side."""

    left: TensorFacts
    right: TensorFacts
    comparable: bool
    reason: str = ""
    """Why not, in words; or that one was broadcast, moved or converted to compare."""
    allclose: bool = False
    equal: bool = False
    mismatched: int = 0
    compared: int = 0
    max_abs: float | None = None
    max_abs_index: tuple[int, ...] | None = None
    max_rel: float | None = None
    mean_abs: float | None = None
    first_index: tuple[int, ...] | None = None
    """The first value outside the tolerances, in row-major order."""
    first_left: str = ""
    first_right: str = ""


@dataclass(frozen=True)
class CompareViews(Request[Comparison]):
    """Ask how two tensors differ: mismatched means |left - right| > atol + rtol |right|, as in `torch.allclose`."""

    lane: ClassVar[Lane] = "compute"
    left: str
    right: str
    rtol: float = 1e-5
    atol: float = 1e-8
    equal_nan: bool = False


@dataclass(frozen=True)
class Pixels:
    """An image, ready to be drawn."""

    width: int
    height: int
    rgb: str
    """Base64 of width x height x 3 bytes, by rows."""
    source: tuple[int, int]
    """Height and width of the tensor's image."""
    scaled: str
    """How values became brightness, e.g. ``[0, 1]`` or ``[-2.1, 2.6] stretched``."""


@dataclass(frozen=True)
class ReadPixels(Request[Pixels]):
    """Ask for a view of shape (H, W), (1, H, W), (3, H, W) or (H, W, 3) as an image of at most the given size."""

    lane: ClassVar[Lane] = "view"
    view: View
    width: int
    height: int


@dataclass(frozen=True)
class Cancelled:
    """Whether anything was under way."""

    was_running: bool


@dataclass(frozen=True)
class CancelCompute(Request[Cancelled]):
    """End what the compute lane is working on; its request is refused with the kind ``cancelled``."""

    lane: ClassVar[Lane] = "steer"
