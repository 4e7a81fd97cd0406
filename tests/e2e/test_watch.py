"""Runs in the dashboard with no kernel: live, old, damaged; in small terminals and while they change size."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.terminal import ENDLESS, Home, Terminal, home_in


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """A home with a good run, a copy of it whose log is cut off, and one whose record is broken."""
    with home_in(tmp_path_factory.mktemp("watch")) as made:
        done = made.run("train", made.preset(), "--headless", "--name", "good")
        assert done.returncode == 0, done.stderr
        (good,) = made.folders()
        cut = shutil.copytree(good, made.runs / "20200101-000000-cut-0000")
        (log,) = cut.glob("events.out.tfevents.*")
        log.write_bytes(log.read_bytes()[:-700])
        broken = shutil.copytree(good, made.runs / "20200102-000000-broken-0000")
        (broken / "run.json").write_text('{"schema": 1, "id')
        yield made


def leave(terminal: Terminal) -> None:
    terminal.press("ctrl+q")
    assert terminal.exit_status() == 0
    assert "Traceback" not in terminal.text


def test_damaged_runs_are_shown_as_far_as_they_go(home: Home) -> None:
    terminal = home.open("watch")
    terminal.wait_for("Look at a run", "good", "broken", "run.json is not JSON")
    terminal.press("down", "down", "enter")  # broken, which has no start of its own, then good, then cut
    text = terminal.wait_for("finished", "─ train")
    assert re.search(r"step (6|7)\d\b|step 80", text)
    terminal.press("o")
    terminal.wait_for("Look at a run")
    terminal.press("up", "up", "enter")
    terminal.wait_for("? broken", "run.json is not JSON", "─ train")
    leave(terminal)


@pytest.mark.parametrize("way", ["by id", "by folder"])
def test_a_damaged_run_can_be_asked_for(home: Home, way: str) -> None:
    folder = home.runs / "20200102-000000-broken-0000"
    terminal = home.open("watch", folder.name if way == "by id" else str(folder), size=(80, 24))
    terminal.wait_for("? broken", "run.json is not JSON", "─ train")
    leave(terminal)


def test_80x24_shows_the_run_and_40x10_a_plain_notice(home: Home) -> None:
    terminal = home.open("watch", "good", size=(80, 24))
    terminal.wait_for("good", "✔ finished", "─ train", "epoch 4/4", "Quit")
    leave(terminal)
    terminal = home.open("watch", "good", size=(40, 10))
    text = terminal.wait_for("This terminal has 40x10 cells", "60x16")
    assert "finished" not in text
    terminal.resize(80, 24)
    terminal.wait_for("✔ finished", "─ train")
    leave(terminal)


def test_a_folder_or_a_run_that_there_is_not_is_named_before_the_app_opens(home: Home) -> None:
    terminal = home.open("watch", "goood")
    assert terminal.exit_status() == 2
    assert "'good'" in terminal.text
    assert b"\x1b[?1049h" not in terminal.raw


def test_a_live_run_is_followed_while_the_terminal_changes_its_size(tmp_path: Path) -> None:
    with home_in(tmp_path) as home:
        home.json("train", home.preset(), *ENDLESS, "--detach")
        terminal = home.open("watch", "latest")
        terminal.wait_for("▶ running", "─ train")
        for columns, rows in ((80, 24), (40, 10), (61, 17), (200, 50), (30, 5), (120, 40)):
            terminal.resize(columns, rows)
            if columns < 60:
                terminal.wait_for(f"{columns}x{rows} cells")
            else:
                terminal.wait(lambda text: "▶ running" in text and "cells" not in text, "the run again")
        step = shown_step(terminal)
        terminal.wait(lambda text: shown_step(terminal) > step + 100, "later steps")
        leave(terminal)


def shown_step(terminal: Terminal) -> int:
    """Return the step that the head of the run shows."""
    found = re.search(r"step ([\d,]+)", terminal.text)
    return int(found.group(1).replace(",", "")) if found else -1
