import asyncio, sys
sys.path.insert(0,'/work/main')
from pathlib import Path
import pytest
from tests.ui.fake_session import *
from tests.ui.written_runs import WrittenRun, finished_run
from tests.ui.test_app_snapshots import RunError, PresetEntry
@pytest.mark.parametrize("n", range(12))
async def test_x(tmp_path, n, monkeypatch):
    monkeypatch.setenv("TORCHTUI_HOME", str(tmp_path / "home"))
    shelf = Shelf([PresetEntry(Path("/p/digits_cnn.py"),"digits_cnn","Handwritten digits with a small convolutional network."),PresetEntry(Path("/p/mine.py"),"mine","mine.py:3: has no model",usable=False)],tmp_path)
    finished_run(tmp_path)
    failed = WrittenRun(tmp_path, name="spiral")
    failed.record(name="spiral", status="failed", knobs={"lr": 10.0}, started_at="2026-01-02T00:00:00+00:00", error=RunError("NotFinite", "the loss is NaN at step 3"))
    async with opened(make_app(FakeSession(), first="training", shelf=shelf), (80,24)) as pilot:
        for _ in range(1500):
            await pilot.pause(0.01)
            if "0.8333" in screen_text(pilot.app): return
        r=pilot.app.screen.query_one("#runs"); print(r.size, r.virtual_size, r.ordered_columns, r._shown)
        print(screen_text(pilot.app)); assert 0
