"""The log can be read: lines of short epochs are thinned out, numbers are short, previews have their name."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

import pytest

from tests.kernel.training_oracle import scalars
from tui.kernel.output import RunLog
from tui.kernel.training import Trainer
from tui.kernel.training.epoch_lines import EpochLines
from tui.kernel.training.keep.rundir import RunRecord
from tui.kernel.training.progress import Progress
from tui.kernel.training.report import Report
from tui.protocol.run import RunInfo, RunSpec


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def lines(said: list[str]) -> EpochLines:
    return EpochLines(said.append)


def test_long_epochs_are_all_said(lines: EpochLines, said: list[str]) -> None:
    for epoch in range(5):
        lines.add(f"epoch {epoch}", 10.0 + 1.0 * epoch, is_best=epoch < 3)
    lines.catch_up()
    assert said == [f"epoch {epoch}" for epoch in range(5)]


@pytest.mark.parametrize("is_best", [False, True])
def test_of_short_ones_about_one_a_second_and_the_last(
    lines: EpochLines, said: list[str], *, is_best: bool
) -> None:
    for epoch in range(1, 109):  # 36 a second
        lines.add(f"epoch {epoch}", epoch / 36, is_best=is_best)
    lines.catch_up()
    assert said == ["epoch 1", "epoch 37", "epoch 73", "epoch 108"]
    lines.catch_up()
    assert len(said) == 4


def test_a_best_that_lasts_is_said_before_the_next_line(lines: EpochLines, said: list[str]) -> None:
    for epoch in range(1, 40):
        lines.add(f"epoch {epoch}", epoch / 36, is_best=epoch in (1, 2, 5, 12, 39))
    assert said == ["epoch 1", "epoch 12", "epoch 37"]
    lines.catch_up()
    assert said == ["epoch 1", "epoch 12", "epoch 37", "epoch 39"]


def test_at_a_pause_the_log_is_up_to_date(lines: EpochLines, said: list[str]) -> None:
    for epoch in (1, 2, 3):
        lines.add(f"epoch {epoch}", epoch / 10, is_best=epoch == 2)
    lines.catch_up()
    assert said == ["epoch 1", "epoch 2", "epoch 3"]


def test_a_run_of_short_epochs_can_be_read_and_its_event_log_has_every_one(
    trainer: Trainer, write_preset: Callable[..., str], tmp_path: Path
) -> None:
    preset = write_preset(preview="def preview(model):\n    return torch.eye(3)")
    spec = RunSpec(preset=preset, runs_dir=str(tmp_path / "runs"), knobs={"epochs": 60})
    start_s = perf_counter()
    folder = Path(trainer.start(spec, namespace=None, on_change=lambda _: None).folder)
    assert trainer.join(60)
    took_s = perf_counter() - start_s
    log = (folder / "log.txt").read_text().splitlines()
    epochs = [line for line in log if line.startswith("epoch ")]
    assert 2 <= len(epochs) <= 2 * (took_s + 2)
    assert epochs[-1].startswith("epoch 60/60 ")
    assert log.index(epochs[-1]) < next(i for i, line in enumerate(log) if line.startswith("test "))
    assert len(scalars(folder, "val/loss")) == 60
    values = [value for _, value in scalars(folder, "val/accuracy")]
    best = values.index(max(values)) + 1
    assert any(line.startswith(f"epoch {best}/60 ") for line in epochs)
    assert [line for line in log if "tensor (3, 3)" in line] == [
        line for line in log if line.startswith("preview: tensor (3, 3) x∈")
    ]
    assert sum("tensor (3, 3)" in line for line in log) == 1


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (
            "0.0009045084971874736",
            "0.0004522542485937368",
            "lr is 0.0004523 from step 1 on, it was 0.0009045",
        ),
        ("(0.9, 0.999)", "(0.8, 0.99999999)", "lr is (0.8, 0.99999999) from step 1 on, it was (0.9, 0.999)"),
        ("None", "1.0", "lr is 1.0 from step 1 on, it was None"),
        ("3.3333333333e-05", "1e-05", "lr is 1e-05 from step 1 on, it was 3.333e-05"),
        ("'x0.123456789'", "False", "lr is False from step 1 on, it was 'x0.123456789'"),
    ],
)
def test_a_change_is_told_with_four_digits_and_recorded_with_all(
    tmp_path: Path, before: str, after: str, told: str
) -> None:
    log = RunLog(tmp_path / "log.txt")
    info = RunInfo("a", "a", "running", "a", {}, "cpu", 0, "2026-01-01T00:00:00+00:00", 1, "here")
    record = RunRecord(tmp_path, info)
    Report(log, record, Progress()).changed("lr", before, after)
    log.close()
    assert (tmp_path / "log.txt").read_text() == f"{told}\n"
    assert (record.info.changes[0].before, record.info.changes[0].after) == (before, after)


def test_a_pause_is_no_part_of_an_epochs_time(
    trainer: Trainer, write_preset: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    away_s, news = [0.0], threading.Semaphore(0)
    monkeypatch.setattr("tui.kernel.training.telling.perf_counter", lambda: perf_counter() + away_s[0])
    spec = RunSpec(preset=write_preset(), runs_dir=str(tmp_path / "runs"), start_paused=True)
    folder = Path(trainer.start(spec, namespace=None, on_change=lambda _: news.release()).folder)
    assert news.acquire(timeout=30)
    away_s[0] = 1000.0  # so long it waits
    trainer.control("step")
    assert news.acquire(timeout=30)
    away_s[0] = 2000.0
    trainer.control("resume")
    assert trainer.join(60)
    times = re.findall(r"^epoch \d/3 .*\(([\d.]+) s\)$", (folder / "log.txt").read_text(), re.MULTILINE)
    assert len(times) >= 2
    assert all(float(took_s) < 500 for took_s in times)
