"""The picture of a schedule and the report of a dry run, as text."""

from __future__ import annotations

import math

import pytest

from tui.protocol.training import DryReport, DryStep, DryValue, SchedulePlan
from tui.widgets.gradients.item_lines import Block
from tui.widgets.start.report import report_blocks
from tui.widgets.start.schedule import bars, columns, schedule_lines, summary


def picture(plan: SchedulePlan | None, width: int = 40, height: int = 6) -> list[str]:
    return ["".join(text for text, _ in line) for line in schedule_lines(plan, width, height)]


def text_of(blocks: list[Block]) -> str:
    return "\n".join(line.plain for block in blocks for line in block.lines)


def test_bars_are_as_high_as_their_values() -> None:
    assert bars([0.0, 1.0, 2.0, 4.0], 2) == ["   █", " ▄██"]
    assert bars([0.001, 1.0], 1) == ["▁█"]
    assert bars([], 2) == ["", ""]


def test_a_peak_is_not_lost_where_there_are_more_epochs_than_columns() -> None:
    lrs = [0.1] * 1000
    lrs[617] = 1.0
    assert max(columns(lrs, 30)) == 1.0


def test_what_is_no_rate_is_drawn_as_none() -> None:
    assert columns([math.nan, math.inf, -1.0, 0.5], 4) == [0.0, 0.0, 0.0, 0.5]


@pytest.mark.parametrize(
    ("lrs", "words"),
    [
        ((0.1,), "0.1 for one epoch"),
        ((0.1, 0.1), "0.1 throughout 2 epochs"),
        ((0.1, 0.05, 1e-6), "0.1 → 1e-6 over 3 epochs"),
        ((0.1, 0.5, 0.05), "0.1 → 0.5 in epoch 2 → 0.05 over 3 epochs"),
        ((0.1, 0.01, 0.05), "0.1 → 0.01 in epoch 2 → 0.05 over 3 epochs"),
    ],
)
def test_a_schedule_in_words(lrs: tuple[float, ...], words: str) -> None:
    assert summary(lrs) == words


def test_the_picture_fits_and_has_its_labels() -> None:
    lines = picture(SchedulePlan((0.1, 0.01)))
    assert lines[0] == " Learning rate  0.1 → 0.01 over 2 epochs"
    assert lines[1].startswith("     0.1 ████")
    assert lines[-1].strip().startswith("epoch 1")
    assert lines[-1].endswith("2")
    assert len(lines) == 6
    assert max(map(len, lines)) <= 40


def test_why_a_rate_cannot_be_told_stands_in_its_place() -> None:
    assert "no epochs knob" in "\n".join(picture(SchedulePlan(problem="the preset has no epochs knob")))
    assert picture(SchedulePlan()) == [" Learning rate  no epochs"]


@pytest.mark.parametrize(("width", "height"), [(1, 1), (5, 2), (20, 3), (200, 30)])
def test_the_picture_never_is_larger_than_its_room(width: int, height: int) -> None:
    assert len(picture(SchedulePlan(tuple(0.1 / n for n in range(1, 50))), width, height)) <= max(height, 1)


GOOD = DryReport(
    (DryStep("data", True, 12.0, "64 images"), DryStep("forward", True, 3.25), DryStep("loss", True)),
    (DryValue("input", (16, 1, 8, 8), "float32", "cpu"), DryValue("target", (16,), "int64", "cpu", "class ids 0 to 9")),
    loss=2.31, expected_loss=math.log(10), parameters=12_345, steps_per_epoch=315, step_ms=4.1, epoch_s=1.29,
    memory=(("parameters", 49_380), ("free on cpu", 10**9)),
)  # fmt: skip


def test_a_report_tells_all_there_is() -> None:
    text = text_of(report_blocks(GOOD, 70))
    for expected in (
        "it would train", "✔ data", "12 ms  64 images", "3.2 ms", "(16, 1, 8, 8)", "float32", "class ids 0 to 9",
        "loss at start 2.31; ln(10) = 2.303", "12,345 parameters", "4.1 ms a step", "315 steps an epoch",
        "about 1.3 s an epoch", "parameters 49.4 kB", "free on cpu 1.0 GB",
    ):  # fmt: skip
        assert expected in text
    assert "far from it" not in text
    assert "before" not in text
    assert "of the settings before" in text_of(report_blocks(GOOD, 70, stale=True))


def test_a_problem_comes_first_and_the_failed_step_is_marked() -> None:
    report = DryReport(
        (DryStep("data", True), DryStep("forward", False, None, "mat1 is (16, 64), mat2 (100, 10)")),
        problem="The model takes 100 features and gets 64.", warnings=("the output is a softmax already",),
    )  # fmt: skip
    text = text_of(report_blocks(report, 60))
    assert text.index("would not train") < text.index("takes 100 features") < text.index("✔ data")
    assert "✘ forward" in text
    assert "! the output is a softmax" in text


def test_what_is_wrong_is_said_once() -> None:
    report = DryReport((DryStep("forward", False, None, "it takes 5"),), problem="it takes 5")
    assert text_of(report_blocks(report, 60)).count("it takes 5") == 1


@pytest.mark.parametrize("loss", [23.0, math.nan, 0.1])
def test_a_loss_far_from_a_blind_guess_is_said(loss: float) -> None:
    report = DryReport((), loss=loss, expected_loss=math.log(10))
    assert "far from it" in " ".join(text_of(report_blocks(report, 60)).split())


def test_no_line_of_a_report_is_wider_than_its_room() -> None:
    long = DryReport(
        (DryStep("forward", False, 1e5, "word " * 40),), (DryValue("x" * 80, (1,) * 20, "float32", "cpu", "n" * 90),),
        warnings=("w " * 90,), problem="p " * 90, memory=(("m" * 60, 10**12),),
    )  # fmt: skip
    for width in (38, 45, 100):
        lines = [line.plain for block in report_blocks(long, width) for line in block.lines]
        wordy = [line for line in lines if "xxx" not in line]
        assert max(map(len, wordy)) <= width
