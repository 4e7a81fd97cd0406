"""The three lines over the charts."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from tui.protocol.run import PHASES, SAMPLES_PER_S, RunInfo, phase_tag
from tui.widgets.run.header import STATUS_MARKS, HeaderData, bar, header_lines

INFO = RunInfo(
    "r1", "digits", "running", "digits_cnn", {}, "cuda:0", 7, "2026-01-01T00:00:00+00:00", 1, "here",
    device_name="NVIDIA H200", parameters=12_345, train_s=83.0,
)  # fmt: skip
DATA = HeaderData(
    name="digits", status="running", info=INFO, step=250, total_steps=1000, epoch=2, epochs=8, fraction=0.25,
    steps_per_s=123.4, remaining_s=61.0, latest={SAMPLES_PER_S: 3999.0, "train/loss": 0.5},
)  # fmt: skip


def texts(data: HeaderData, width: int = 120) -> list[str]:
    return ["".join(text for text, _ in line) for line in header_lines(data, width)]


def test_a_running_run_says_how_far_how_fast_and_how_long_still() -> None:
    first, second, third = texts(DATA)
    for expected in (
        "digits",
        "running",
        "epoch 3/8",
        "250/1,000",
        "120 steps/s",
        "4.0k samples/s",
        "1:01 left",
    ):
        assert expected in first
    assert "25%" in second
    for expected in ("cuda:0 NVIDIA H200", "12,345 parameters", "seed 7"):
        assert expected in third


def test_a_run_that_ended_says_how_long_it_trained_and_no_rate() -> None:
    first = texts(replace(DATA, status="finished", step=1000, epoch=8, fraction=1.0))[0]
    assert "epoch 8/8" in first
    assert "1:23" in first
    assert "steps/s" not in first
    assert "left" not in first


@pytest.mark.parametrize("status", STATUS_MARKS)
def test_every_status_is_written_out_in_a_style_of_its_own(status: str) -> None:
    spans = header_lines(replace(DATA, status=status), 120)[0]
    assert [style for text, style in spans if status in text] == [status]
    assert len(set(STATUS_MARKS)) == len(STATUS_MARKS)


def test_the_epoch_under_way_is_counted_and_never_beyond_the_last() -> None:
    assert "epoch 1/8" in texts(replace(DATA, epoch=0))[0]
    assert "epoch 8/8" in texts(replace(DATA, epoch=8))[0]
    assert "epoch 1/8" in texts(replace(DATA, epoch=0, status="paused"))[0]
    assert "at step 250/1,000 · 0/8 epochs" in texts(replace(DATA, epoch=0, status="failed"))[0]
    assert "epoch 3 " in texts(replace(DATA, epochs=None))[0]


def test_a_pause_inside_a_batch_says_after_which_phase_of_which_batch() -> None:
    data = replace(DATA, status="paused", phase="loss", batch=1012)
    assert "Ⅱ paused after loss  epoch 3/8 batch 1,012 · step 250" in texts(data)[0]
    for other in (replace(data, status="running"), replace(data, phase="")):
        assert "after" not in texts(other)[0]
        assert "batch" not in texts(other)[0]


def test_where_a_step_spends_its_time() -> None:
    times = {phase_tag(phase): value for phase, value in zip(PHASES, (0.21, 4.26, 12.4, 0.0), strict=True)}
    third = texts(replace(DATA, latest=times))[2]
    assert re.search(r"data 0\.2\d* forward 4\.\d+ backward 12 optimizer 0(\.0)? ms/step", third)
    assert "ms/step" not in texts(DATA)[2]


def test_a_problem_takes_the_last_line() -> None:
    lines = header_lines(replace(DATA, status="failed", problem="ValueError: no"), 120)
    assert lines[2] == [(" ValueError: no", "problem")]


def test_a_log_of_another_program_has_little_to_say_and_says_it() -> None:
    data = HeaderData("logs", "log", None, 40, None, 0, None, None, None, None, {})
    first, second, third = texts(data)
    assert "step 40" in first
    assert "None" not in first + second + third
    assert second.strip() == third.strip() == ""


@given(st.floats(0, 1), st.integers(20, 200), st.sampled_from(sorted(STATUS_MARKS)))
def test_the_bar_fits_and_grows_with_the_fraction(fraction: float, width: int, status: str) -> None:
    spans = bar(fraction, width, status)
    assert sum(cell_len(text) for text, _ in spans) <= width
    room = sum(len(text.strip()) for text, _ in spans[:2])
    done = spans[0][0].count("━") + 0.5 * spans[0][0].count("╸")
    assert abs(done - fraction * room) <= 0.5
    if fraction == 1:
        assert spans[1][0] == ""


def test_the_bar_is_whole_only_when_all_is_done() -> None:
    assert "100%" not in "".join(text for text, _ in bar(0.999, 100, "running"))
    assert "100%" in "".join(text for text, _ in bar(1.0, 100, "finished"))
