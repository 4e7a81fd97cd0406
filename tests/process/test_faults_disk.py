"""A disk that is full or cannot be written: the run fails in words and keeps its last good state."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from tests.e2e.terminal import Home, home_in, losses

Mount = Callable[[Path, str], None]


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    with home_in(tmp_path) as made:
        yield made


@pytest.fixture
def mount_tmpfs() -> Iterator[Mount]:
    """Mounts a file system in memory on a new folder, with mount's options; taken off after the test."""
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("only root mounts file systems")
    mounted: list[Path] = []

    def mount(folder: Path, options: str) -> None:
        folder.mkdir()
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], capture_output=True, check=False
        )
        if done.returncode != 0:
            pytest.skip(f"cannot mount here: {done.stderr.decode().strip()}")
        mounted.append(folder)

    yield mount
    for folder in mounted:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def assert_failed_in_order(home: Home, done: subprocess.CompletedProcess[str], reason: str) -> None:
    """Assert that a run ended `failed` for a reason, that its log can be read and its checkpoint loaded."""
    assert done.returncode == 1, done.stderr
    assert "the run failed" in done.stderr
    assert reason in done.stderr
    assert "Traceback" not in done.stderr
    (folder,) = home.folders()
    record = home.record()
    assert record["status"] == "failed"
    assert reason in record["error"]["message"]
    steps = sorted(losses(folder))
    assert steps == list(range(1, len(steps) + 1))
    assert len(steps) > 100
    kept = torch.load(folder / "checkpoints" / "last.pt", weights_only=True)
    assert kept["step"] > 0
    listed = home.json("runs")
    assert [run["status"] for run in listed] == ["failed"]


def test_a_full_disk_fails_the_run_and_keeps_what_was_written(home: Home, mount_tmpfs: Mount) -> None:
    mount_tmpfs(home.runs, "size=256k")
    done = home.run("train", home.preset(), "--headless", "--epochs", "1000")
    assert_failed_in_order(home, done, "No space left on device")


def test_a_file_that_may_not_grow_fails_the_run_and_keeps_what_was_written(home: Home) -> None:
    if shutil.which("prlimit") is None:
        pytest.skip("there is no prlimit")
    done = home.run(
        "train", home.preset(), "--headless", "--epochs", "1000", before=("prlimit", f"--fsize={192 << 10}")
    )
    assert_failed_in_order(home, done, "File too large")


def test_a_file_in_the_place_of_the_runs_refuses_the_run(home: Home) -> None:
    home.runs.write_text("not a folder")
    done = home.run("train", home.preset(), "--headless")
    assert done.returncode == 1
    assert f"cannot make a run directory in {home.runs}" in done.stderr
    assert len(done.stderr.splitlines()) <= 2
    assert "Traceback" not in done.stderr
    home.wait_for_no_session()
    assert home.json("runs") == []


def test_a_read_only_folder_refuses_a_new_run_and_a_resumed_one(home: Home, mount_tmpfs: Mount) -> None:
    mount_tmpfs(home.runs, "size=4m")
    preset = home.preset()
    assert home.run("train", preset, "--headless", "--epochs", "1").returncode == 0
    before = home.record()
    subprocess.run(["mount", "-o", "remount,ro", str(home.runs)], check=True)
    for arguments in (("train", preset), ("train", "--resume", "latest", "--epochs", "2")):
        done = home.run(*arguments, "--headless")
        assert done.returncode == 1
        assert "Read-only file system" in done.stderr
        assert str(home.runs) in done.stderr
        assert len(done.stderr.splitlines()) <= 2
    assert home.record() == before
    home.wait_for_no_session()
