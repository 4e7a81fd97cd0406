"""What is told of a run's checkpoints is what its folder holds."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest
import torch

from tui.kernel.training.trouble.kept import kept_words


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "checkpoints").mkdir()
    return tmp_path


def write(folder: Path, name: str, epoch: int, step: int, batch: int = 0) -> None:
    content = {"epoch": epoch, "step": step, "batch": batch, "model": {"weight": torch.ones(1000, 100)}}
    torch.save(content, folder / "checkpoints" / name)


def test_none_is_there(folder: Path, tmp_path: Path) -> None:
    assert kept_words(folder) == "no checkpoint was written yet"
    (folder / "checkpoints" / ".last.pt.tmp").write_bytes(b"half")
    assert kept_words(folder) == "no checkpoint was written yet"
    assert kept_words(tmp_path / "nowhere") == "no checkpoint was written yet"


def test_where_each_was_taken(folder: Path) -> None:
    write(folder, "last.pt", 3, 75)
    assert kept_words(folder) == "kept: last.pt (end of epoch 3, step 75)"
    write(folder, "best.pt", 1, 30, batch=5)
    assert kept_words(folder) == "kept: last.pt (end of epoch 3, step 75), best.pt (epoch 2, step 30)"
    write(folder, "best.pt", 3, 75)
    assert kept_words(folder) == "kept: last.pt and best.pt (end of epoch 3, step 75)"
    write(folder, "last.pt", 0, 0)
    assert kept_words(folder).startswith("kept: last.pt (before the first step)")


def test_one_that_is_damaged_is_told_and_raises_nothing(folder: Path) -> None:
    write(folder, "best.pt", 2, 50)
    (folder / "checkpoints" / "last.pt").write_bytes(b"no checkpoint")
    assert kept_words(folder) == "kept: last.pt (cannot be read), best.pt (end of epoch 2, step 50)"


def test_tensors_are_not_read(folder: Path) -> None:
    torch.save(
        {"epoch": 1, "step": 9, "batch": 0, "model": torch.empty(64 << 20, dtype=torch.uint8)},
        folder / "checkpoints" / "last.pt",
    )
    before = resident_bytes()
    assert kept_words(folder) == "kept: last.pt (end of epoch 1, step 9)"
    assert resident_bytes() - before < 32 << 20


def resident_bytes() -> int:
    return int(psutil.Process().memory_info().rss)
