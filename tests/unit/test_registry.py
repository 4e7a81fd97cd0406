from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from tui import paths
from tui.client import registry
from tui.client.registry import (
    KEEP_DEAD_S,
    NoSuchSession,
    SessionInfo,
    find_session,
    forget_session,
    list_sessions,
    new_session_folder,
    read_session,
    write_session,
)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TORCHTUI_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def ended_pid() -> Iterator[int]:
    """The number of a process that has ended and is still waited for: a zombie."""
    child = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    yield child.pid
    child.wait()


def session(name: str | None = None, *, pid: int | None = None, started_at: float = 100.0) -> SessionInfo:
    """A session whose kernel is this very process, unless said otherwise."""
    folder = new_session_folder() if name is None else paths.private_dir(paths.sessions_dir() / name)
    return write_session(
        SessionInfo(folder.name, pid or os.getpid(), sys.executable, "/", started_at, "torchtui", str(folder))
    )


def test_a_session_is_found_again_as_it_was_written() -> None:
    paths.private_dir(paths.sessions_dir())
    info = session()
    assert read_session(Path(info.folder)) == info
    assert info.pid_started_at == psutil.Process().create_time()
    assert info.alive()
    record = Path(info.folder) / registry.RECORD
    assert stat.S_IMODE(record.stat().st_mode) == 0o600
    assert stat.S_IMODE(record.parent.stat().st_mode) == 0o700
    assert info.connection_file.parent == info.kernel_log.parent == Path(info.folder)


def test_a_zombie_a_reused_number_and_nobody_are_not_alive(ended_pid: int) -> None:
    paths.private_dir(paths.sessions_dir())
    live = session("aa0001")
    assert live.alive()
    assert live.pid_started_at is not None
    assert replace(live, pid_started_at=None).alive()
    assert not replace(live, pid_started_at=live.pid_started_at - 60).alive()
    assert not session("bb0002", pid=ended_pid).alive()
    assert not replace(live, pid=-1, pid_started_at=None).alive()


def test_live_sessions_are_listed_newest_first(ended_pid: int) -> None:
    paths.private_dir(paths.sessions_dir())
    old, new = session("aa0001", started_at=100.0), session("bb0002", started_at=200.0)
    session("cc0003", pid=ended_pid, started_at=300.0)
    assert list_sessions() == [new, old]


def test_there_may_be_no_folder_yet() -> None:
    assert list_sessions() == []
    with pytest.raises(NoSuchSession):
        find_session(None)


@pytest.mark.parametrize("content", ["", "not json", "[]", "{}", '{"id": 3}', "\x00"])
def test_a_damaged_record_is_no_session_and_no_error(content: str) -> None:
    paths.private_dir(paths.sessions_dir())
    live = session("aa0001")
    broken = paths.private_dir(paths.sessions_dir() / "bb0002")
    (broken / registry.RECORD).write_text(content)
    (paths.sessions_dir() / "stray file").touch()
    assert read_session(broken) is None
    assert list_sessions() == [live]


def test_folders_of_the_dead_are_kept_for_a_day(ended_pid: int) -> None:
    paths.private_dir(paths.sessions_dir())
    recent, old = session("aa0001", pid=ended_pid), session("bb0002", pid=ended_pid)
    long_ago = Path(old.folder).stat().st_mtime - KEEP_DEAD_S - 60
    os.utime(old.folder, (long_ago, long_ago))
    list_sessions()
    assert Path(recent.folder).is_dir()
    assert not Path(old.folder).exists()


def test_a_session_is_found_by_id_or_its_beginning_or_as_the_newest() -> None:
    paths.private_dir(paths.sessions_dir())
    first, second = session("ab1234", started_at=100.0), session("ab5678", started_at=200.0)
    assert find_session(None) == second
    assert find_session("ab1234") == first
    assert find_session("ab1") == first
    with pytest.raises(NoSuchSession, match=r"several.*ab5678, ab1234"):
        find_session("ab")
    with pytest.raises(NoSuchSession, match=r"'zz'.*ab5678, ab1234"):
        find_session("zz")
    with pytest.raises(NoSuchSession, match="did you mean 'ab1234'"):
        find_session("ab1243")


def test_a_whole_id_wins_over_a_beginning() -> None:
    paths.private_dir(paths.sessions_dir())
    short = session("ab")
    session("abc")
    assert find_session("ab") == short


def test_a_forgotten_session_leaves_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    paths.private_dir(paths.sessions_dir())
    info = session("ab1234")
    sockets = paths.socket_dir(Path(info.folder))
    (sockets / "k-1").touch()
    forget_session(info)
    assert not Path(info.folder).exists()
    assert not sockets.exists()
    forget_session(replace(info, pid=1))  # once more is no error
