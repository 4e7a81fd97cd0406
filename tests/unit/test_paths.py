from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from tui import paths
from tui.paths import UnsafeFolder, private_dir, socket_dir


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_everything_is_kept_under_the_home_that_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCHTUI_HOME", str(tmp_path / "home"))
    places = (
        paths.runs_dir(),
        paths.sessions_dir(),
        paths.history_file(),
        paths.config_home() / "config.toml",
    )
    for place in places:
        assert place.is_relative_to(tmp_path / "home")
    assert len(set(places)) == 4


def test_without_one_the_users_own_folders_are_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TORCHTUI_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("XDG_STATE_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    assert paths.state_home().is_relative_to(tmp_path)
    assert paths.config_home().is_relative_to(tmp_path)


def test_a_relative_or_tilde_home_is_made_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for given in ("here", "~/here"):
        monkeypatch.setenv("TORCHTUI_HOME", given)
        assert paths.state_home() == tmp_path / "here"


def test_presets_are_looked_up_here_then_at_the_users_then_at_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCHTUI_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    here, users, ours = paths.preset_folders()
    assert (here, users) == (tmp_path / "presets", tmp_path / "home" / "presets")
    assert (ours / "digits_cnn.py").is_file()


def test_a_private_folder_is_made_private_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        made = private_dir(tmp_path / "sessions")
    finally:
        os.umask(before)
    assert mode(made) == 0o700
    assert private_dir(made) == made


@pytest.mark.parametrize("bits", [0o750, 0o701, 0o777, 0o720])
def test_a_folder_that_others_may_enter_is_refused_with_the_cure(tmp_path: Path, bits: int) -> None:
    folder = tmp_path / "open"
    folder.mkdir()
    folder.chmod(bits)
    with pytest.raises(UnsafeFolder, match=f"chmod 700 {folder}"):
        private_dir(folder)
    assert mode(folder) == bits


def test_a_folder_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = private_dir(tmp_path / "theirs")
    monkeypatch.setattr(os, "getuid", lambda: folder.stat().st_uid + 1)
    with pytest.raises(UnsafeFolder, match="another user"):
        private_dir(folder)


def test_a_link_or_a_file_in_its_place_is_refused(tmp_path: Path) -> None:
    target = private_dir(tmp_path / "target")
    link = tmp_path / "link"
    link.symlink_to(target)
    with pytest.raises(UnsafeFolder, match="not a folder"):
        private_dir(link)
    (tmp_path / "file").touch(mode=0o600)
    with pytest.raises((UnsafeFolder, FileExistsError)):
        private_dir(tmp_path / "file")


def test_sockets_lie_in_the_session_unless_the_path_is_too_long_for_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/tmp")
    short = Path("/tmp") / f"torchtui-test-{os.getpid()}"
    long = tmp_path / ("x" * 100) / "abc123"
    try:
        assert socket_dir(short) == short
        elsewhere = socket_dir(long)
        assert len(str(elsewhere / "k-5").encode()) <= paths.UNIX_SOCKET_LIMIT
        assert elsewhere.name == "abc123"
        assert mode(elsewhere) == mode(elsewhere.parent) == 0o700
        elsewhere.rmdir()
    finally:
        short.rmdir()


def test_output_of_long_ago_is_forgotten_and_that_of_today_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCHTUI_HOME", str(tmp_path / "home"))
    folder = paths.output_dir()
    old = folder.parent / "1"
    for each in (folder, old):
        each.mkdir(parents=True)
        (each / "cell-1.txt").write_text("x")
    os.utime(old, (0, 0))
    paths.forget_old_output()
    assert folder.exists()
    assert not old.exists()
