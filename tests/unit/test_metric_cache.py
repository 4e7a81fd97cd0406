"""What was read of logs is kept, and a file that is damaged is as none."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from tui.runs.metric_cache import Metric, MetricCache

SIZES = (("/events.out.tfevents.1", 120), ("sub/events.out.tfevents.2", 7))
METRICS = {"val/loss": Metric(0.5, 0.25, 7), "val/nan": Metric(math.inf, math.nan)}


def test_metrics_come_back_as_long_as_the_logs_are_the_same(tmp_path: Path) -> None:
    cache = MetricCache(tmp_path / "state" / "metrics.json")
    assert cache.get(Path("/runs/a"), SIZES) is None
    cache.put(Path("/runs/a"), SIZES, METRICS)
    cache.save()
    again = MetricCache(tmp_path / "state" / "metrics.json")
    found = again.get(Path("/runs/a"), SIZES)
    assert found is not None
    assert found["val/loss"] == METRICS["val/loss"]
    assert math.isnan(found["val/nan"].best)
    assert found["val/nan"].last == math.inf
    assert again.get(Path("/runs/a"), (("/events.out.tfevents.1", 121),)) is None
    assert again.get(Path("/runs/b"), SIZES) is None


def test_the_oldest_are_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tui.runs.metric_cache.MOST_RUNS", 2)
    cache = MetricCache(tmp_path / "metrics.json")
    for name in ("a", "b", "c", "a"):
        cache.put(Path(name), SIZES, METRICS)
    cache.save()
    again = MetricCache(tmp_path / "metrics.json")
    assert [again.get(Path(name), SIZES) is not None for name in "abc"] == [True, False, True]


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"schema": 2, "runs": []}', '{"schema": 1}', '{"schema": 1, "runs": [[1]]}',
                '{"schema": 1, "runs": [["a", [["x", "y"]], []]]}', "[" * 100_000],
)  # fmt: skip
def test_a_damaged_file_is_as_none_and_is_replaced(tmp_path: Path, content: str) -> None:
    path = tmp_path / "metrics.json"
    path.write_text(content)
    cache = MetricCache(path)
    assert cache.get(Path("a"), SIZES) is None
    cache.put(Path("a"), SIZES, METRICS)
    cache.save()
    assert MetricCache(path).get(Path("a"), SIZES) is not None


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    cache = MetricCache(tmp_path / "file" / "metrics.json")
    cache.put(Path("a"), SIZES, METRICS)
    cache.save()
    assert cache.get(Path("a"), SIZES) is not None
