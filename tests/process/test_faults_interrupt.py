"""Ctrl+C in a training without the app: the state is kept, the run is `stopped`, the exit status 130."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from tests.e2e.terminal import ENDLESS, Home, home_in, losses


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    with home_in(tmp_path) as made:
        yield made


def test_ctrl_c_typed_in_a_terminal_stops_and_saves(home: Home) -> None:
    terminal = home.open("train", home.preset(), *ENDLESS, "--headless")
    folder = home.wait_for_step(40)
    terminal.wait_for("tiny  epoch")
    terminal.press("ctrl+c")
    assert terminal.exit_status() == 130
    assert "stopping after this step" in terminal.text
    assert "stopped" in terminal.text, "the table at the end"
    assert "Traceback" not in terminal.text
    record = home.record(folder)
    assert record["status"] == "stopped"
    kept = torch.load(folder / "checkpoints" / "last.pt", weights_only=True)
    assert kept["step"] == record["step"] == max(losses(folder))
    home.wait_for_no_session()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_a_signal_stops_and_the_last_line_says_so(home: Home, number: signal.Signals) -> None:
    training = home.start("train", home.preset(), *ENDLESS, "--json")
    folder = home.wait_for_step(40)
    training.send_signal(number)
    output, errors = training.communicate(timeout=60)
    assert training.returncode == 130
    result = json.loads(output.splitlines()[-1])
    assert result["status"] == "stopped"
    assert result["steps"] == max(losses(folder))
    assert "Traceback" not in errors
    assert home.record(folder)["status"] == "stopped"
    home.wait_for_no_session()


def test_ctrl_c_before_training_begins_ends_at_once(home: Home) -> None:
    training = home.start("train", home.preset(), *ENDLESS, "--headless")
    while not home.sessions():
        assert training.poll() is None
        time.sleep(0.01)
    training.send_signal(signal.SIGINT)
    _, errors = training.communicate(timeout=60)
    assert training.returncode == 130
    assert "Traceback" not in errors
    assert "fault of torchtui" not in errors
    home.wait_for_no_session()


def test_a_second_ctrl_c_ends_a_step_that_never_does(home: Home) -> None:
    training = home.start("train", home.preset(), "--set", f"gate={home.folder / 'never'}", "--headless")
    folder = home.wait_for_run(lambda record: record["parameters"] is not None, "the model")
    training.send_signal(signal.SIGINT)
    assert training.stderr is not None
    assert "ctrl+c again ends at once" in training.stderr.readline()
    training.send_signal(signal.SIGINT)
    training.communicate(timeout=60)
    assert training.returncode == 130
    home.wait_for_no_session()
    (listed,) = home.json("runs")
    assert listed["id"] == folder.name
    assert listed["status"] == "lost"
