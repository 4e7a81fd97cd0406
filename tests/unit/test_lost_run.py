from __future__ import annotations

import os
import time
from pathlib import Path

from tui.lost_run import lost_run_words
from tui.protocol.messages import RunState


def test_a_lost_run_says_where_it_was_what_is_kept_and_how_it_goes_on(tmp_path: Path) -> None:
    folder = tmp_path / "20260101-101112-slow-0001"
    (folder / "checkpoints").mkdir(parents=True)
    run = RunState(folder.name, str(folder), "running", 0, 1_345)
    said = lost_run_words(run)
    assert "The run slow was lost with it, at step 1,345" in said
    assert "no checkpoint" in said
    kept = folder / "checkpoints" / "last.pt"
    kept.write_bytes(b"kept")
    written_s = time.time() - 30
    os.utime(kept, (written_s, written_s))
    said = lost_run_words(run)
    assert "checkpoints/last.pt, is 30 s old" in said or "is 31 s old" in said
    assert "after a restart, r" in said
