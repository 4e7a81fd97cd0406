"""What the list of runs says of how well a run did."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from screens.run_shelf import best_text
from tui.runs.compare import ComparedRun
from tui.runs.metric_cache import Metric
from tui.runs.record import RunRecord


@pytest.mark.parametrize(
    ("last", "text"),
    [
        (0.5, "Loss/train 0.25"),
        (math.nan, "Loss/train 0.25, last NaN"),
        (math.inf, "Loss/train 0.25, last Inf"),
    ],
)
def test_a_best_value_of_a_run_that_ended_in_no_number_says_so(last: float, text: str) -> None:
    run = ComparedRun(RunRecord(Path("/r/theirs"), "unknown"), metrics={"Loss/train": Metric(last, 0.25, 3)})
    assert best_text(run) == text
