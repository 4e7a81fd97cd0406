"""Hyperparameters beside somebody's log are its knobs, as far as they are plain."""

from __future__ import annotations

from pathlib import Path

from tests.ui.written_runs import WrittenRun
from tui.runs.compare import RunTable
from tui.runs.hparams import read_hparams

TEXT = """# made by lightning
lr: 0.001
hidden: 32   # units
act: relu
name: "a: b"
wide: true
none: null
betas:
- 0.9
- 0.99
nested:
  inner: 3
flow: [1, 2]
thing: !!python/object:x.Y {}
bad line
"""
PLAIN = {"lr": 0.001, "hidden": 32, "act": "relu", "name": "a: b", "wide": True}


def test_plain_values_are_read_and_others_passed_over(tmp_path: Path) -> None:
    assert read_hparams(tmp_path) == {}
    (tmp_path / "hparams.yaml").write_text(TEXT)
    assert read_hparams(tmp_path) == PLAIN
    assert list(map(type, read_hparams(tmp_path).values())) == [float, int, str, str, bool]


def test_what_is_no_text_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "hparams.yaml").write_bytes(bytes(range(256)) * 400)
    assert read_hparams(tmp_path) == {}
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "hparams.yaml").mkdir()
    assert read_hparams(tmp_path / "folder") == {}


def test_they_are_the_knobs_of_a_log_without_a_record(tmp_path: Path) -> None:
    run = WrittenRun(tmp_path / "lightning_logs", name="version_0")
    run.add("val_loss", [(1, 0.5)])
    (run.folder / "run.json").unlink()
    (run.folder / "hparams.yaml").write_text(TEXT)
    table = RunTable(tmp_path)
    assert [found.knobs for found in table.begin()] == [PLAIN]
    assert [found.knobs for found in table.load()] == [PLAIN]
