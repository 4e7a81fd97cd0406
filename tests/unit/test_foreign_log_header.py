"""A TensorBoard log of another program is told as what it is, not as a damaged run."""

from __future__ import annotations

from pathlib import Path

from screens.run_view import header_of
from tests.ui.written_runs import INFO, WrittenRun
from tui.runs.reader import RunReader
from tui.widgets.run.header import header_lines


def test_a_log_without_a_record_is_a_tensorboard_log(tmp_path: Path) -> None:
    run = WrittenRun(tmp_path, INFO, name="theirs")
    run.add("Loss/train", [(step, 1 / step) for step in range(1, 50)])
    (run.folder / "run.json").unlink()
    reader = RunReader(run.folder)
    reader.poll()
    text = "\n".join("".join(span for span, _ in line) for line in header_lines(header_of(reader), 120))
    assert "a TensorBoard log" in text
    assert "step 49" in text
    assert "epoch 0" not in text
    assert "run.json" not in text
    assert "unknown" not in text
