"""The lines that tell what a batch has done up to a pause."""

from __future__ import annotations

import pytest
from rich.cells import cell_len

from tui.protocol.messages import RunPhase
from tui.protocol.training import BatchLook, DryValue, ParameterLook
from tui.widgets.run.batch_block import batch_lines, newest_line

VALUES = (
    DryValue("input", (32, 1, 8, 8), "float32", "cpu"),
    DryValue("target", (32,), "int64", "cpu", "0 to 9"),
    DryValue("output", (32, 10), "float32", "cpu"),
)
AFTER_STEP = BatchLook(
    "step", 7, VALUES, 2.3026, 1.25, 0.0123,
    (ParameterLook("fc.weight", 1.2, 0.02), ParameterLook("conv.bias", 0.35, None)), 6,
)  # fmt: skip


def texts(look: BatchLook, width: int = 120) -> list[str]:
    return ["".join(text for text, _ in line) for line in batch_lines(look, width)]


def test_a_whole_step_tells_of_every_phase() -> None:
    data, forward, loss, backward, step, hint = texts(AFTER_STEP)
    assert "input float32 (32, 1, 8, 8) · target int64 (32,) 0 to 9" in data
    assert "output float32 (32, 10)" in forward
    assert "output" not in data
    assert "2.3026" in loss
    assert "gradient norm 1.25 · largest of 6: fc.weight 1.2 · conv.bias 0.35" in backward
    assert "changed by 1.2 % · fc.weight 2 %" in step
    assert "N next batch" in hint


@pytest.mark.parametrize(
    ("phase", "marks"),
    [("forward", "✔▶···"), ("loss", "✔✔▶··"), ("backward", "✔✔✔▶·"), ("step", "✔✔✔✔▶"), ("", "✔✔✔✔✔")],
)
def test_the_phase_just_done_is_marked(phase: RunPhase, marks: str) -> None:
    assert "".join(line[0] for line in texts(BatchLook(phase, 3, VALUES))[:5]) == marks


def test_what_is_to_come_shows_no_figures_of_the_batch_before() -> None:
    lines = texts(BatchLook("forward", 7, VALUES, 2.5, 9.9, 0.5))
    assert not any(figure in "".join(lines) for figure in ("2.5", "9.9", "50 %"))


def test_lines_fit_a_narrow_terminal_and_foreign_names_are_harmless() -> None:
    look = BatchLook("backward", 0, (DryValue("input['\x1b[2J']", (1,), "int64", "cpu"),), 1.0, 1.0, None,
                     (ParameterLook("x" * 200, 1.0),), 1)  # fmt: skip
    lines = texts(look, 78)
    assert all(cell_len(line) <= 78 for line in lines)
    assert "\x1b" not in "".join(lines)


@pytest.mark.parametrize("phase", ["", "forward", "loss", "backward", "step"])
def test_the_keys_that_go_on_fit_80_columns(phase: RunPhase) -> None:
    assert "…" not in texts(BatchLook(phase, 3, VALUES), 78)[-1]


def test_the_line_that_matters_is_that_of_the_phase_just_done_or_of_the_loss() -> None:
    for phase, begins in (
        ("forward", "▶ forward"),
        ("backward", "▶ backward"),
        ("step", "▶ step"),
        ("", "✔ loss"),
    ):
        line = newest_line(BatchLook(phase, 3, VALUES, 2.5), 78)  # type: ignore[arg-type]
        assert "".join(text for text, _ in line).startswith(begins)
