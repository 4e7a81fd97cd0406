"""A run whose points lie in pages is shown, resumed, read and exported as one whose points are in memory."""

from __future__ import annotations

import csv
import json
from contextlib import nullcontext
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.small_pages import small_pages
from tui.protocol.run import LOSS
from tui.runs.alerts import alerts
from tui.runs.along import Along, XScale
from tui.runs.curves import RunCurves
from tui.runs.export import write_csv, write_json
from tui.runs.record import RunRecord
from tui.runs.series import Series
from tui.runs.smoothing import Smoothed
from tui.runs.spill import SPILL
from tui.runs.summary import steps_per_s
from tui.widgets.cells import Line
from tui.widgets.chart.model import ChartData, Curve, View, XUnit
from tui.widgets.chart.picture import Memory, picture

START_S = 1.7e9
POINTS = 3000


@dataclass
class Run:
    """A run that was read."""

    record: RunRecord = field(default_factory=lambda: RunRecord(Path("/r/long"), "finished"))
    series: dict[str, Series] = field(default_factory=dict)


def written(series: Series, seed: int, first: int, last: int, *, irregular: bool = False) -> None:
    """Append a noisy curve with some odd values, in batches as a reader does."""
    generator = np.random.default_rng(seed)
    steps = np.arange(first, last)
    if irregular:
        steps = first + np.cumsum(generator.integers(1, 4, len(steps)))
    values = np.exp(-steps / POINTS) + generator.normal(0, 0.1, len(steps))
    values[generator.random(len(steps)) < 0.005] = np.nan
    values[generator.random(len(steps)) < 0.002] = np.inf
    for part in np.array_split(np.arange(len(steps)), 9):
        series.append(steps[part], START_S + steps[part] * 0.01, values[part].astype(np.float32))


def both(seed: int, *, irregular: bool = False, resumed_at: int | None = None) -> tuple[Series, Series]:
    """The same run in memory and in pages; `resumed_at`: from which step on it was written again."""
    made = []
    for where in (nullcontext(), small_pages()):
        with where:
            series = Series()
            written(series, seed, 0, POINTS, irregular=irregular)
            if resumed_at is not None:
                series.purge_from(resumed_at)
                written(series, seed + 1, resumed_at, POINTS, irregular=irregular)
            made.append(series)
    return made[0], made[1]


def lines(series: Series, view: View, width: int, *, smooth: bool) -> list[Line]:
    scale = XScale(view.x_unit, 7.0, START_S)
    average = Along(series, scale, Smoothed(series, 0.9, log=view.log_y)) if smooth else None
    data = ChartData("loss", (Curve("train", Along(series, scale), "train", smooth=average),), view)
    return list(picture(data, width, 30, Memory()).lines)


@settings(deadline=None, max_examples=40)
@given(
    st.integers(0, 50), st.booleans(), st.none() | st.integers(0, POINTS), st.booleans(),
    st.sampled_from(["step", "epoch", "time"]), st.booleans(), st.booleans(),
    st.none() | st.tuples(st.floats(1, 0.9 * POINTS), st.floats(3, POINTS)), st.none() | st.floats(0, POINTS),
    st.sampled_from([40, 120, 400]),
)  # fmt: skip
def test_its_picture_is_the_same_dot_for_dot(
    seed: int, irregular: bool, resumed_at: int | None, smooth: bool, unit: XUnit, log_x: bool, log_y: bool,
    window: tuple[float, float] | None, cursor: float | None, width: int,
) -> None:  # fmt: skip
    in_memory, in_pages = both(seed, irregular=irregular, resumed_at=resumed_at)
    shown = (window[0], window[0] + window[1]) if window is not None else None
    view = View(log_x=log_x, log_y=log_y, x_unit=unit, window=shown, cursor=cursor)
    with small_pages():
        found = lines(in_pages, view, width, smooth=smooth)
    assert found == lines(in_memory, view, width, smooth=smooth)


@pytest.mark.parametrize("resumed_at", [None, 1234])
def test_what_is_told_of_it_is_the_same(resumed_at: int | None) -> None:
    told = []
    for series in both(3, irregular=True, resumed_at=resumed_at):
        run = Run(series={LOSS: series})
        curves = RunCurves(run)
        cursor = [curves.place(x, "time") for x in (0.0, 1.5, 17.0, 1e9)]
        told.append(
            (
                len(series), series.first, series.last, series.best(largest=True), series.best(largest=False),
                [series.at(x) for x in range(0, POINTS, 57)], [series.beside(x, x + 10) for x in range(0, POINTS, 91)],
                cursor, curves.x_of_step(777, "time"), steps_per_s(series), alerts(run.series),
            )
        )  # fmt: skip
    assert repr(told[0]) == repr(told[1])


def test_every_point_is_exported_and_in_order(tmp_path: Path) -> None:
    in_memory, in_pages = both(5, resumed_at=2000)
    texts = []
    for series, number in zip((in_memory, in_pages), count()):
        run = Run(series={LOSS: series, "val/loss": Series.of([1, 2], [1, 0.5])})
        assert write_csv(run, tmp_path / f"{number}.csv") == POINTS + 2
        assert write_json(run, tmp_path / f"{number}.json") == POINTS + 2
        texts.append([(tmp_path / f"{number}.{kind}").read_text() for kind in ("csv", "json")])
    assert texts[0] == texts[1]
    rows = list(csv.reader(texts[1][0].splitlines()))[1:]
    assert [int(row[1]) for row in rows if row[0] == LOSS] == in_memory.steps.tolist()
    curve = json.loads(texts[1][1])["curves"][LOSS]
    assert [len(column) for column in curve.values()] == [POINTS] * 3
    assert curve["steps"] == in_memory.steps.tolist()
    assert curve["wall_times_s"] == in_memory.wall_times.tolist()


def test_a_run_that_goes_on_while_it_is_exported_has_lists_of_one_length(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tui.runs import export

    series = Series.of(range(100), np.arange(100.0))
    monkeypatch.setattr(export, "_CHUNK", 30)
    plain = export._plain

    def plain_meanwhile(value: object) -> object:
        series.purge_from(50)
        series.append([len(series)], [0.0], [1.0])
        return plain(value)

    monkeypatch.setattr(export, "_plain", plain_meanwhile)
    assert write_json(Run(series={"a": series}), tmp_path / "a.json") < 100
    columns = json.loads((tmp_path / "a.json").read_text())["curves"]["a"]
    assert len({len(column) for column in columns.values()}) == 1


def test_a_million_points_have_a_fixed_room_in_memory() -> None:
    before = SPILL.held_bytes
    held = []
    series = Series()
    average = Smoothed(series, 0.99)
    for first in range(0, 1_000_000, 20_000):
        steps = np.arange(first, first + 20_000)
        series.append(steps, steps * 0.01, np.sin(steps).astype(np.float32))
        average.update()
        held.append(SPILL.held_bytes - before)
    assert max(held) < 2.6e6
    assert max(held[5:10]) > 0.8 * max(held)  # it is reached early, and stays
    best = series.best(largest=True)
    assert best is not None
    assert best.value == float(np.sin(np.arange(1_000_000)).astype(np.float32).max())
