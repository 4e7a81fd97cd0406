"""What is printed when the screens fail."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest
from textual.worker import WorkerFailed

from tui.client.registry import SessionInfo
from tui.crash import crash_words, keep_traceback
from tui.protocol.messages import RunState

if TYPE_CHECKING:
    from tui.client.session import KernelSession

RUN = RunState("20260101-101112-slow-0001", "/runs/slow", "running", 0, 345)


def session(run: RunState | None = None, *, pid: int = 0, foreign: bool = False) -> KernelSession:
    info = SessionInfo("46af3e", pid or os.getpid(), "/python", "/", 0.0, "train slow", "/sessions")
    status = SimpleNamespace(run=run)
    return cast("KernelSession", SimpleNamespace(info=info, status=status, state="idle", foreign=foreign))


def raised(error: Exception) -> Exception:
    try:
        raise error
    except Exception as caught:  # noqa: BLE001 - with a traceback
        return caught


def test_a_run_in_progress_lives_on_and_the_command_comes_back_to_it() -> None:
    error = ImportError("cannot import name 'x' from 'tui.y'\nand more")
    lines = crash_words(error, session(RUN), Path("/crashes/1.txt")).splitlines()
    assert lines[0] == "torchtui: the screens failed: ImportError: cannot import name 'x' from 'tui.y'"
    assert "changed" in lines[1]
    assert "run slow (running, step 345) goes on" in lines[2]
    assert lines[3:] == ["  torchtui attach 46af3e", "  torchtui stop 46af3e", "Traceback: /crashes/1.txt"]


def test_a_kernel_without_a_run_lives_on_too() -> None:
    text = crash_words(ValueError("no"), session(), None)
    assert "The kernel lives on" in text
    assert "torchtui attach 46af3e" in text
    assert "Traceback" not in text


def test_somebody_elses_kernel_is_come_back_to_by_its_connection_file_and_not_ended() -> None:
    text = crash_words(ValueError("no"), session(foreign=True), None)
    assert "torchtui attach /sessions/46af3e.json" in text
    assert "torchtui stop" not in text


def test_a_kernel_that_is_gone_is_not_promised() -> None:
    for there in (None, session(RUN, pid=2**22 + 1)):
        assert "attach" not in crash_words(ValueError("no"), there, None)


def test_what_failed_behind_a_worker_is_told_and_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCHTUI_HOME", str(tmp_path))
    error = WorkerFailed(raised(KeyError("w\x1b[2J")))
    assert "KeyError: 'w" in crash_words(error, None, None)
    assert "\x1b" not in crash_words(raised(ValueError("w\x1b[2J")), None, None)
    kept = keep_traceback(error)
    assert kept is not None
    text = kept.read_text()
    assert "test_crash_words.py" in text
    assert "KeyError" in text
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600


def test_where_nothing_can_be_written_that_is_no_further_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "home").write_text("a file")
    monkeypatch.setenv("TORCHTUI_HOME", str(tmp_path / "home"))
    assert keep_traceback(ValueError("no")) is None
