"""``torchtui doctor``, as a process."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

CLEAN = {key: value for key, value in os.environ.items() if key not in ("TMUX", "COLORTERM", "TORCHTUI_HOME")}


def doctor(
    home: Path, *arguments: str, before: tuple[str, ...] = (), **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tui", *before, "doctor", *arguments],
        env={**CLEAN, "TORCHTUI_HOME": str(home), "LANG": "C.UTF-8", **environment},
        capture_output=True, text=True, timeout=100, stdin=subprocess.DEVNULL, check=False,
    )  # fmt: skip


def checks(done: subprocess.CompletedProcess[str]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {check["name"]: check for check in json.loads(done.stdout)["checks"]}
    return found


def bare_python(folder: Path) -> Path:
    """An interpreter that has none of our packages."""
    path = folder / "python"
    path.write_text(f'#!/bin/sh\nexec "{os.path.realpath(sys.executable)}" -I -S "$@"\n')
    path.chmod(0o755)
    return path


def test_what_works_here_is_listed(tmp_path: Path) -> None:
    done = doctor(tmp_path / "home", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    answer = json.loads(done.stdout)
    assert answer["ok"] is True
    found = checks(done)
    for name in (
        "torchtui",
        "kernel's Python",
        "ipykernel",
        "torch",
        "CUDA",
        "CPU",
        "state folder",
        "runs",
        "sessions",
    ):
        assert found[name]["verdict"] in ("ok", "warn"), found[name]
    assert found["terminal"]["verdict"] == "warn"  # a pipe is none
    assert str(tmp_path / "home") in found["runs"]["found"]
    assert stat.S_IMODE((tmp_path / "home" / "sessions").stat().st_mode) == 0o700


def test_for_people_it_is_a_list_with_cures(tmp_path: Path) -> None:
    done = doctor(tmp_path / "home", before=("--python", str(bare_python(tmp_path))))
    assert done.returncode == 1
    assert "FAIL" in done.stdout
    assert "-m pip install 'torch>=2.6'" in done.stdout
    assert "-m pip install 'ipykernel>=7.0'" in done.stdout
    assert str(tmp_path / "python") in done.stdout
    assert done.stderr == ""


@pytest.mark.parametrize("python", ["/nowhere/python", "/bin/false"])
def test_an_interpreter_that_is_none_is_named(tmp_path: Path, python: str) -> None:
    done = doctor(tmp_path / "home", "--json", before=("--python", python))
    assert done.returncode == 1
    check = checks(done)["kernel's Python"]
    assert check["verdict"] == "fail"
    assert python in check["found"]
    assert check["cure"]


def test_a_home_that_cannot_be_one_and_a_broken_config_are_told(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "config.toml").write_text("theem = 'x'\n")
    (home / "sessions").mkdir()
    (home / "sessions").chmod(0o755)
    done = doctor(home, "--json", before=("--python", "/bin/false"))
    found = checks(done)
    assert found["sessions"]["verdict"] == "fail"
    assert "chmod 700" in found["sessions"]["found"]
    assert found["config.toml"]["verdict"] == "fail"
    assert "'theme'" in found["config.toml"]["found"]
    assert json.loads(done.stdout)["ok"] is False


def test_a_file_in_the_place_of_the_home_is_told_and_not_tripped_over(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.write_text("not a folder")
    done = doctor(home, "--json", before=("--python", "/bin/false"))
    assert done.returncode == 1, done.stderr
    assert checks(done)["sessions"]["verdict"] == "fail"
    assert "Traceback" not in done.stderr


def test_characters_that_the_output_cannot_take_are_told_and_do_not_break_it(tmp_path: Path) -> None:
    done = doctor(
        tmp_path / "home",
        before=("--python", "/bin/false"),
        PYTHONIOENCODING="ascii",
        LANG="C",
        LC_ALL="C",
        PYTHONUTF8="0",
    )
    assert "Traceback" not in done.stderr
    assert "characters" in done.stdout
