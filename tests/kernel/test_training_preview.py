"""What a preset's preview shows, and that it leaves no trace."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tui.kernel.training import Trainer
from tui.protocol.run import RunSpec

WritePreset = Callable[..., str]
PREVIEW = """
    def preview(model):
        torch.rand(3)
        assert not model.training and not torch.is_grad_enabled()
        return {what}
"""


def trained(trainer: Trainer, preset: str, runs: Path) -> tuple[Path, str]:
    state = trainer.start(
        RunSpec(preset=preset, runs_dir=str(runs)), namespace=None, on_change=lambda state: None
    )
    assert trainer.join(60)
    folder = Path(state.folder)
    return folder, (folder / "log.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("what", "line", "times"),
    [
        ("'Once upon a time'", "Once upon a time", 3),
        ("torch.arange(4.).reshape(2, 2)", "tensor (2, 2) x∈[0.0, 3.0]", 1),
    ],
)
def test_it_is_made_after_each_epoch_and_the_log_has_the_figures_of_a_tensor_once(
    trainer: Trainer, write_preset: WritePreset, tmp_path: Path, what: str, line: str, times: int
) -> None:
    folder, log = trained(trainer, write_preset(preview=PREVIEW.format(what=what)), tmp_path / "runs")
    assert log.count(line) == times
    assert json.loads((folder / "views" / "preview.json").read_text())["epoch"] == 3


def test_none_shows_nothing_and_is_asked_again(
    trainer: Trainer, write_preset: WritePreset, tmp_path: Path
) -> None:
    what = "None if torch.is_grad_enabled() or next(seen) < 2 else 'at last'"
    preset = write_preset(
        preview="\n    import itertools\n    seen = itertools.count()\n" + PREVIEW.format(what=what)
    )
    folder, log = trained(trainer, preset, tmp_path / "runs")
    assert "None" not in log
    assert log.count("at last") == 1
    assert json.loads((folder / "views" / "preview.json").read_text())["text"] == "at last"


def test_a_text_without_end_is_cut_and_a_tensor_without_values_told(
    trainer: Trainer, write_preset: WritePreset, tmp_path: Path
) -> None:
    _, log = trained(
        trainer, write_preset("long", preview=PREVIEW.format(what="'x' * 5_000_000")), tmp_path / "runs"
    )
    assert len(log) < 100_000
    assert log.count("(5,000,000 characters in all)") == 3
    meta = write_preset("meta", preview=PREVIEW.format(what="torch.zeros(4, 4, device='meta')"))
    folder, log = trained(trainer, meta, tmp_path / "runs")
    assert "left out" not in log
    assert "meta" in json.loads((folder / "views" / "preview.json").read_text())["summary"]


def test_it_changes_nothing(trainer: Trainer, write_preset: WritePreset, tmp_path: Path) -> None:
    def record(preset: str) -> tuple[int, float]:
        folder, log = trained(trainer, preset, tmp_path / "runs")
        record = json.loads((folder / "run.json").read_text())
        assert record["status"] == "finished"
        last = next(line for line in log.splitlines() if line.startswith("epoch 3/3"))
        return record["epoch"], float(last.split("train loss ")[1].split()[0])

    assert record(write_preset("with", preview=PREVIEW.format(what="'text'"))) == record(
        write_preset("without")
    )


def test_one_that_raises_is_told_once_and_the_run_goes_on(
    trainer: Trainer, write_preset: WritePreset, tmp_path: Path
) -> None:
    folder, log = trained(trainer, write_preset(preview=PREVIEW.format(what="1 / 0")), tmp_path / "runs")
    assert log.count("preview(model) is left out from now on: ZeroDivisionError: division by zero") == 1
    assert json.loads((folder / "run.json").read_text())["status"] == "finished"
