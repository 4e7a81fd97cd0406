"""What happens to a run when what watches it, or what trains it, is gone: nothing is lost.

Every run here draws random numbers for its batches and its dropout; its losses are compared, number for number,
with those of a run that nothing happened to.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from tests.e2e.terminal import ENDLESS, Home, Terminal, home_in, losses

EPOCHS = ("--epochs", "20")
STEPS = 400
GATE_STEP = 200
"""Where a run waits until the test opens its gate: well after what it is killed at, well before its end."""


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[int, float]]:
    """The losses of a run that nothing happened to."""
    with home_in(tmp_path_factory.mktemp("undisturbed")) as home:
        done = home.run("train", home.preset(), *EPOCHS, "--headless")
        assert done.returncode == 0, done.stderr
        values = losses(home.folders()[0])
        assert sorted(values) == list(range(1, STEPS + 1))
        yield values


def open_training(home: Home) -> tuple[Terminal, str]:
    """Open the app on a run that waits half way; returns it when it draws the run, and what opens the gate."""
    gate = str(home.folder / "gate")
    knobs = ("--set", f"gate={gate}", "--set", f"gate_step={GATE_STEP}", "--set", "pace_s=0.002")
    terminal = home.open("train", home.preset(), *EPOCHS, *knobs)
    terminal.wait(lambda text: "▶ running" in text and "─ train" in text, "the run's chart")
    return terminal, gate


def test_kill_9_of_the_app_leaves_the_run_to_finish_and_loses_nothing(
    home: Home, undisturbed: dict[int, float]
) -> None:
    terminal, gate = open_training(home)
    os.kill(terminal.pid, signal.SIGKILL)
    assert terminal.exit_status() == -signal.SIGKILL
    (folder,) = home.folders()
    assert home.record(folder)["status"] == "running"
    assert len(home.sessions()) == 1
    open(gate, "w").close()
    home.wait_for_status("finished")
    assert losses(folder) == undisturbed
    assert len(home.sessions()) == 1, "the session outlives its run, for whoever attaches"
    log = (folder / "log.txt").read_text()
    assert "epoch 20/20" in log
    assert "finished after 20 epochs, 400 steps" in log


def test_a_hang_up_leaves_the_run_to_attach_to_with_its_history_and_with_control(
    home: Home, undisturbed: dict[int, float]
) -> None:
    terminal, gate = open_training(home)
    terminal.hang_up()
    terminal.exit_status()
    (session,) = home.sessions()
    (folder,) = home.folders()

    attached = home.open("attach")
    shown = attached.wait(lambda text: "▶ running" in text and "─ train" in text, "the run's chart")
    assert session["id"] in shown
    assert any(label in shown for label in ("5k┤", "6k┤", "7.5k┤", "8k┤", "10k┤")), (
        "the losses of the first steps, above 5,000, are on the chart"
    )
    attached.press("p")
    open(gate, "w").close()
    attached.wait_for("Ⅱ paused")
    paused_at = home.record(folder)["step"]
    assert home.record(folder)["status"] == "paused"
    attached.press("n")
    home.wait_for_step(paused_at + 1)
    attached.wait_for(f"step {paused_at + 1}/")
    attached.press("p")
    attached.wait_for("✔ finished")
    assert losses(folder) == undisturbed

    attached.press("ctrl+q")
    attached.wait_for("Leave this session")
    attached.press("tab", "enter")
    assert attached.exit_status() == 0
    home.wait_for_no_session()


def test_a_run_is_stopped_from_the_app_that_attached_to_it(home: Home) -> None:
    started = home.json("train", home.preset(), *ENDLESS, "--detach")
    attached = home.open("attach", started["session"])
    attached.wait(lambda text: "▶ running" in text and "─ train" in text, "the run's chart")
    second = home.open("watch", started["run"])
    second.wait_for("▶ running")
    attached.press("s")
    attached.wait_for("■ stopped")
    second.wait_for("■ stopped")
    (folder,) = home.folders()
    assert home.record(folder)["status"] == "stopped"
    assert (folder / "checkpoints" / "last.pt").exists()
    second.press("ctrl+q")
    assert second.exit_status() == 0


def test_kill_9_of_the_kernel_loses_the_run_and_resume_continues_it_to_the_same_end(
    home: Home, undisturbed: dict[int, float]
) -> None:
    training = home.start("train", home.preset(), *EPOCHS, "--set", "pace_s=0.004", "--headless")
    folder = home.wait_for_step(60)
    (session,) = home.sessions()
    os.kill(session["pid"], signal.SIGKILL)
    _, errors = training.communicate(timeout=60)
    assert training.returncode == 1
    assert "the kernel died" in errors
    assert "--resume" in errors
    assert "Traceback" not in errors

    before = losses(folder)
    assert 60 <= max(before) < STEPS
    assert before == {step: undisturbed[step] for step in before}, "every step to the last flush can be read"
    assert sorted(before) == list(range(1, len(before) + 1))
    (listed,) = home.json("runs")
    assert listed["status"] == "lost"
    assert home.record(folder)["status"] == "running", "nobody was left to write anything else"

    again = home.run("train", "--resume", folder.name, "--set", "pace_s=0", "--headless")
    assert again.returncode == 0, again.stderr
    assert home.folders() == [folder]
    assert home.record(folder)["status"] == "finished"
    assert losses(folder) == undisturbed
