"""The commands as a shell or a script meets them: output, last lines, exit status."""

from __future__ import annotations

import json
import os
import signal

from tests.e2e.terminal import ENDLESS, Home

FIELDS = {"run", "status", "epochs", "steps", "seconds", "steps_per_s", "metrics"}


def test_train_opens_the_dashboard_and_reaches_the_end(home: Home) -> None:
    terminal = home.open("train", home.preset(), "--name", "first try")
    terminal.wait_for("first try", "✔ finished", "epoch 4/4", "step 80/80", "100%")
    text = terminal.wait_for("─ train", "finished after 4 epochs, 80 steps")
    assert "grad_norm" in text
    terminal.press("ctrl+q")
    assert terminal.exit_status() == 0
    record = home.record()
    assert (record["status"], record["name"]) == ("finished", "first try")
    home.wait_for_no_session()


def test_the_last_line_of_json_is_one_object_with_its_fields(home: Home) -> None:
    held_out = "def data():\n    x = torch.ones(8, 3)\n    batches = [(x, x.sum(1, keepdim=True))] * 5\n"
    metrics = "def metrics(output, target):\n    return {'error': (output - target).abs().mean()}\n"
    path = home.preset(
        data=held_out + "    return {'train': batches, 'val': batches, 'test': batches}\n", metrics=metrics
    )
    done = home.run("train", path, "--json", "--set", "lr=0.05", "--epochs", "2", "--seed", "7")
    assert done.returncode == 0, done.stderr
    (line,) = done.stdout.splitlines()
    result = json.loads(line)
    assert set(result) == FIELDS
    assert (result["status"], result["epochs"], result["steps"]) == ("finished", 2, 10)
    assert result["run"] == home.folders()[0].name
    assert result["seconds"] > 0
    assert result["steps_per_s"] > 0
    wanted = {"train/loss", "val/loss", "test/loss", "train/error", "val/error", "test/error", "lr"}
    assert wanted <= set(result["metrics"])
    record = home.record()
    assert record["seed"] == 7
    assert (record["knobs"]["lr"], record["knobs"]["epochs"]) == (0.05, 2)
    assert home.json("runs")[0]["id"] == result["run"]


def test_a_detached_run_is_listed_and_stopped(home: Home) -> None:
    done = home.run("train", home.preset(), *ENDLESS, "--detach")
    assert done.returncode == 0, done.stderr
    session = done.stdout.strip()
    assert session == done.stdout.rstrip("\n")
    assert f"torchtui attach {session}" in done.stderr
    (listed,) = home.json("sessions")
    assert listed["id"] == session
    assert listed["title"] == "train tiny"
    os.kill(listed["pid"], 0)
    folder = home.wait_for_step(10)
    assert [run["status"] for run in home.json("runs")] == ["running"]

    stopped = home.run("stop", session)
    assert stopped.returncode == 0, stopped.stderr
    assert session in stopped.stdout
    assert home.sessions() == []
    assert home.json("sessions") == []
    assert home.record(folder)["status"] == "stopped"
    assert (folder / "checkpoints" / "last.pt").exists()
    again = home.run("stop", session)
    assert again.returncode == 2
    assert session in again.stderr


def test_a_detached_run_that_fails_is_told_of_in_the_list(home: Home) -> None:
    path = home.preset(model="def model():\n    raise ValueError('no model today')\n")
    done = home.run("train", path, "--detach")
    assert done.returncode == 0, done.stderr
    home.wait_for_status("failed")
    listed = home.run("runs")
    assert "failed" in listed.stdout


def test_the_app_ends_in_order_on_sigterm_and_its_run_goes_on(home: Home) -> None:
    terminal = home.open("train", home.preset(), *ENDLESS)
    terminal.wait_for("▶ running", "─ train")
    (folder,) = home.folders()
    step = home.record(folder)["step"]
    os.kill(terminal.pid, signal.SIGTERM)
    assert terminal.exit_status() != 0
    home.wait_for_step(step + 100, folder)
    assert len(home.sessions()) == 1


def test_lists_of_nothing_are_empty_and_no_error(home: Home) -> None:
    for command in ("runs", "sessions"):
        assert home.json(command) == []
        assert home.run(command).returncode == 0
    version = home.run("--version")
    assert version.returncode == 0
    assert version.stdout.startswith("torchtui ")
