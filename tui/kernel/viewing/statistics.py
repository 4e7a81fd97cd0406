"""Statistics, quantiles and a histogram of a view, in passes over blocks on its own device.

NOTE [What is counted]
As in the table of variables: the stored values of a sparse or nested tensor, the magnitudes of complex ones. Past
`limit` a sample stands for the tensor, and `counted` says how many values that is. Quantiles are exact, by sorting,
for up to a million counted values, and else taken from an even sample of about so many; `quantiles_of` tells. Those
of 0 and 1 are the extremes of all that is counted. NaN and Inf are counted apart and enter none of it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from math import ceil, inf, isfinite, log10, sqrt
from typing import Final

import torch
from torch import Tensor

from tui.kernel.drawing.facts import tensor_facts
from tui.kernel.tensor_blocks import Source, source_of
from tui.kernel.tensor_stats import TensorStats, Unavailable, tensor_stats
from tui.kernel.viewing.arrange import arranged_whole
from tui.kernel.viewing.errors import ViewError, check, reading
from tui.kernel.viewing.opened import Opened, opened_view
from tui.kernel.viewing.strided import magnitudes
from tui.protocol.values import TensorFacts
from tui.protocol.viewing import Histogram, ReadStatistics, Statistics

FRACTIONS: Final = (0.0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1.0)
SORTED: Final = 1_000_000
"""Values up to which quantiles are exact."""
_SECTION_CPU: Final = 1 << 22
"""Values between two looks at `cancel`: some 10 ms."""
_SECTION_ELSEWHERE: Final = 1 << 24  # `histc` counts in float32, exactly up to here
_MOST_BINS: Final = 1000


def read_statistics(
    namespace: Mapping[str, object], request: ReadStatistics, cancel: threading.Event
) -> Statistics:
    """Return what the values of a view are like.

    On the tensor's own device, in blocks; synchronizes once for each. Looks at `cancel` between blocks.

    Raises:
        ViewError: there are no values, or it was cancelled.
    """
    with reading(request.view.expression):
        opened = opened_view(namespace, request.view)
        values = arranged_whole(opened) if request.view.arrangement else opened.tensor
        source = source_of(values, limit=request.limit)
        totals = _totals(source, cancel)
        stats = totals.stats(source)
        quantiles, quantiles_of = _quantiles(source, totals, cancel)
        histogram = _histogram(source, totals, request, cancel) if totals.finite else None
        repeat = source.repeat
        return Statistics(
            facts=_facts(opened, values, stats),
            mean=stats.mean,
            std=stats.std,
            zeros=totals.zeros * repeat,
            negative=totals.negative * repeat,
            quantiles=quantiles,
            histogram=histogram,
            counted=source.counted * repeat,
            quantiles_of=quantiles_of * repeat,
        )


def _facts(opened: Opened, values: Tensor, stats: TensorStats) -> TensorFacts:
    """Return the facts with statistics; of an arranged view in place of its tensor's."""
    if not opened.view.arrangement:
        return tensor_facts(values, stats)
    known = tensor_facts(values, stats)
    return replace(
        opened.facts.tensor,
        statistics=known.statistics,
        minimum=known.minimum,
        maximum=known.maximum,
        nan=known.nan,
        posinf=known.posinf,
        neginf=known.neginf,
        sampled=known.sampled,
    )


def _sections(source: Source, cancel: threading.Event) -> Iterator[Tensor]:
    """Yield the counted values section by section, unless the user has had enough."""
    on_cpu = all(part.device.type == "cpu" for part in source.parts)
    for section in source.blocks(_SECTION_CPU if on_cpu else _SECTION_ELSEWHERE):
        check(cancel)
        yield section


@dataclass
class _Totals:
    """What the sections came to, together. Moments are combined as by Chan, Golub and LeVeque."""

    finite: int = 0
    low: float = inf
    high: float = -inf
    mean: float = 0.0
    squares: float = 0.0
    """Sum of squared differences from the mean, in units of `unit` squared."""
    unit: float = 1.0
    nan: int = 0
    posinf: int = 0
    neginf: int = 0
    true: int | None = None
    zeros: int = 0
    negative: int = 0
    smallest: float = inf
    """Smallest magnitude that is not 0, of finite values."""
    only: TensorStats | None = None
    """Those of the single section, where there was but one."""
    counts: list[int] = field(default_factory=list)

    def add(self, stats: TensorStats) -> None:
        """Take a section in."""
        self.only = None if self.counts else stats
        self.counts.append(stats.counted)
        self.nan, self.posinf, self.neginf = (
            self.nan + stats.nan,
            self.posinf + stats.posinf,
            self.neginf + stats.neginf,
        )
        if stats.true is not None:
            self.true = (self.true or 0) + stats.true
        if stats.minimum is None or stats.maximum is None or stats.mean is None:
            return
        self._rescale(max(abs(float(stats.minimum)), abs(float(stats.maximum))))
        self.low, self.high = min(self.low, stats.minimum), max(self.high, stats.maximum)
        count = stats.counted - stats.nonfinite
        step = stats.mean / self.unit - self.mean
        total = self.finite + count
        spread = (stats.std or 0.0) / self.unit
        self.squares += spread * spread * (count - 1) + step * step * self.finite * count / total
        self.mean += step * count / total
        self.finite = total

    def _rescale(self, largest: float) -> None:
        """Count in larger units where squares would leave the range of float64."""
        if largest <= 1e100 * self.unit:
            return
        ratio = self.unit / largest
        self.mean, self.squares, self.unit = self.mean * ratio, self.squares * ratio * ratio, largest

    def stats(self, source: Source) -> TensorStats:
        """Return the statistics of the whole."""
        repeat, counted = source.repeat, source.counted * source.repeat
        if self.only is not None and repeat == 1:
            return replace(self.only, stored=source.stored)
        if not self.finite:
            return TensorStats(
                source.stored, counted, None, None, None, None,
                self.nan * repeat, self.posinf * repeat, self.neginf * repeat,
            )  # fmt: skip
        count = self.finite * repeat
        std = self.unit * sqrt(self.squares * repeat / (count - 1)) if count > 1 else None
        return TensorStats(
            stored=source.stored,
            counted=counted,
            minimum=self.low,
            maximum=self.high,
            mean=self.mean * self.unit,
            std=std,
            nan=self.nan * repeat,
            posinf=self.posinf * repeat,
            neginf=self.neginf * repeat,
            true=None if self.true is None else self.true * repeat,
        )


def _totals(source: Source, cancel: threading.Event) -> _Totals:
    """Return the statistics, zeros and negative values: the first pass."""
    totals = _Totals()
    for section in _sections(source, cancel):
        stats = tensor_stats(section)
        if isinstance(stats, Unavailable):
            raise ViewError("no values", stats.reason)
        totals.add(stats)
        values = magnitudes(section)
        numbers = [torch.count_nonzero(values)]
        if values.dtype.is_signed:
            numbers.append(torch.count_nonzero(values < 0))
        nonzero, *negative = torch.stack(numbers).tolist()
        totals.zeros += section.numel() - nonzero
        totals.negative += sum(negative)
    return totals


def _quantiles(
    source: Source, totals: _Totals, cancel: threading.Event
) -> tuple[tuple[tuple[float, float], ...], int]:
    """Return fractions with values, interpolated as by `torch.quantile`, and how many values they are taken from."""
    if not totals.finite:
        return (), 0
    every = ceil(source.counted / SORTED)
    taken = []
    for section in _sections(source, cancel):
        values = magnitudes(section[every // 2 % max(1, section.numel()) :: every])
        taken.append(values[values.isfinite()] if values.is_floating_point() else values)
    ordered = torch.sort(torch.cat(taken)).values
    check(cancel)
    last = ordered.numel() - 1
    if last < 0:  # the sample has missed the few finite values
        return ((0.0, float(totals.low)), (1.0, float(totals.high))), 0
    places = [fraction * last for fraction in FRACTIONS]
    indices = torch.tensor(
        [bound for place in places for bound in (int(place), ceil(place))], device=ordered.device
    )
    bounds: list[float] = ordered[indices].tolist()  # one transfer
    found = []
    for number, (fraction, place) in enumerate(zip(FRACTIONS, places, strict=True)):
        below, above = bounds[2 * number], bounds[2 * number + 1]
        share = place - int(place)
        found.append((fraction, float(below if below == above else below * (1 - share) + above * share)))
    found[0], found[-1] = (0.0, float(totals.low)), (1.0, float(totals.high))
    return tuple(found), last + 1


def _histogram(
    source: Source, totals: _Totals, request: ReadStatistics, cancel: threading.Event
) -> Histogram | None:
    """Return the counts of the finite values in equal bins: one more pass, two where they are of logarithms."""
    zeros = 0
    bins = max(1, min(request.bins, _MOST_BINS))
    low, high = float(totals.low), float(totals.high)
    if request.log:
        smallest = _smallest(source, cancel)
        if smallest is None:
            return None
        zeros = totals.zeros * source.repeat
        low, high = log10(smallest), log10(max(abs(low), abs(high)))
    elif _is_integer(source) and high - low < bins:
        bins, low, high = int(high - low) + 1, low - 0.5, high + 0.5  # one bin for each integer
    eps = torch.finfo(_floats(source.parts[0].flatten()[:1]).dtype).eps
    if high / 2 - low / 2 <= 2 * eps * max(abs(low), abs(high)):  # all the same, as far as the dtype can tell
        spread = max(0.5, 4 * eps * abs(low))
        most = torch.finfo(torch.float64).max
        low, high = max(low - spread, -most), min(high + spread, most)
    counts = [0] * bins
    for section in _sections(source, cancel):
        here = _binned(section, low, high, bins, log=request.log)
        counts = [one + other for one, other in zip(counts, here, strict=True)]
    step = high / bins - low / bins
    edges = (*(low + step * place for place in range(bins)), high)
    return Histogram(edges, tuple(count * source.repeat for count in counts), request.log, zeros)


def _is_integer(source: Source) -> bool:
    part = source.parts[0]
    return not (part.is_floating_point() or part.is_complex() or part.is_quantized)


def _smallest(source: Source, cancel: threading.Event) -> float | None:
    """Return the smallest magnitude that is not 0; None where all finite values are."""
    smallest = inf
    for section in _sections(source, cancel):
        size = _floats(section).abs()
        smallest = min(smallest, float(torch.where(size > 0, size, inf).amin()))
    return smallest if isfinite(smallest) else None


def _floats(section: Tensor) -> Tensor:
    """Return real values in a dtype of floats that holds them."""
    values = magnitudes(section)
    if values.dtype in (torch.float32, torch.float64):
        return values
    if values.is_floating_point() or values.dtype.itemsize < 4 or values.device.type == "mps":
        return values.float()
    return values.double()


def _leaves_float32(low: float, high: float) -> bool:
    """Return whether an end of the range, or its width, is more than float32 holds."""
    return high - low > 1e37 or max(abs(low), abs(high)) > torch.finfo(torch.float32).max


def _binned(section: Tensor, low: float, high: float, bins: int, *, log: bool) -> list[int]:
    """Return how many finite values of a section fall into each bin. A sync point."""
    values = _floats(section)
    if log:
        values = values.abs().log10_() if values is not section else values.abs().log10()
    elif values.dtype is torch.float32 and _leaves_float32(low, high) and values.device.type != "mps":
        values = values.double()
    if values.dtype is torch.float64 and high / 4 - low / 4 > 1e307:
        values, low, high = values / 4, low / 4, high / 4
    # the ends as this dtype has them, or it would leave out values that lie on them
    ends = torch.tensor([low, high], dtype=values.dtype)
    if log:
        values = torch.where(values.isfinite(), values.clamp(float(ends[0]), float(ends[1])), inf)
    counted = torch.histc(values, bins, min=float(ends[0]), max=float(ends[1]))
    return [int(count) for count in counted.tolist()]
