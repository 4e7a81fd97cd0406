"""An escape sequence in somebody's text never reaches the terminal as one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.terminal import Home, Terminal

ATTACK = "\x1b]0;pwned\x07\x1b[77;7H\x9b78;8H"
"""Sets the title, rings, moves the cursor: with ESC, and with the one-character CSI of C1."""
TYPED = "'\\x1b]0;pwned\\x07\\x1b[77;7H\\x9b78;8H'"
"""The same as Python source."""
RAW = (b"\x1b]0;pwned", b"\x1b[77;7H", b"\x9b78;8H", "\x9b78;8H".encode())
HEAD = f'''
    """Docstring {TYPED[1:-1]} of a bad preset.

    More {TYPED[1:-1]} of it.
    """
    import time
    import torch
    from torch import nn
    from torch.utils.data import DataLoader, TensorDataset

    attack = {TYPED}
    epochs: int = 3
    lr: float = 0.01
    pace_s: float = 0.0
    label: str = {TYPED}  # comment {TYPED}
'''
LOSS = """
    def loss():
        def squared_error(output, target):
            time.sleep(pace_s)
            print("loss", attack)
            return nn.functional.mse_loss(output, target)

        return squared_error
"""
METRICS = """
    def metrics(output, target):
        return {"error" + attack: (output - target).abs().mean()}
"""


def assert_harmless(terminal: Terminal) -> None:
    """Assert that no part of the attack was written to the terminal."""
    terminal.read()
    for sequence in RAW:
        at = terminal.raw.find(sequence)
        assert at < 0, f"{sequence!r} was written: {terminal.raw[max(0, at - 200) : at + 60]!r}"


def bad_preset(home: Home, name: str = "bad", **parts: str) -> str:
    """Write a preset that attacks in all it gives to be shown."""
    return home.preset(name, folder=home.folder / "presets", head=HEAD, loss=LOSS, metrics=METRICS, **parts)


def test_a_run_on_the_dashboard_and_in_the_lists(home: Home) -> None:
    bad_preset(home)
    app = home.open("train", "bad", "--name", f"name {ATTACK}", "--set", "pace_s=0.005", "--epochs", "9999")
    app.wait_for("▶ running", "─ train", "name ", "loss ")
    home.wait_for_step(60)
    app.wait_for("error")
    app.press("l")
    app.press("o")
    app.wait_for("Docstring", "Look at a run")
    app.press("escape", "f2")
    app.wait_for("─ In [")
    assert_harmless(app)


def test_values_names_and_errors_in_the_app(home: Home) -> None:
    app = home.open()
    app.wait_for("● idle", "torch 2.")
    app.enter(f"s = {TYPED}; globals()['name' + s] = torch.ones(3, requires_grad=True)")
    app.wait_for("2 variables")
    app.enter("print('printed', s)")
    app.wait_for("─ In [3]", "printed ")
    app.enter("s")
    app.wait_for("─ In [4]")
    app.enter("module = nn.ModuleDict({'layer' + s: nn.Linear(2, 2)})")
    app.wait_for("─ In [5]", "module")
    app.enter("class Repr: __repr__ = lambda self: 'shown' + s")
    app.press("enter")
    app.wait_for("─ In [6]")
    app.enter("Repr()")
    app.wait_for("─ In [7]", "shown")
    app.enter("raise type('Error' + s, (Exception,), {})('message' + s)")
    app.wait_for("─ In [8]", "message")
    assert_harmless(app)
    app.press("f3")
    app.wait_for("no graph open")
    assert_harmless(app)
    app.press("f4")
    app.wait_for("Properties")
    app.press("o")
    app.wait_for("esc Cancel", "module")
    assert_harmless(app)


def test_the_last_words_of_a_kernel(home: Home) -> None:
    app = home.open()
    app.wait_for("● idle", "torch 2.")
    app.enter(f"import os; os.write(2, b'last words ' + {TYPED}.encode()); os._exit(3)")
    app.wait_for("Its last words", "last words ")
    assert_harmless(app)


def test_a_refusal_and_a_notice_in_the_app(home: Home) -> None:
    path = home.preset(f"file {ATTACK}", folder=home.work)
    started = home.run("train", path, "--set", "pace_s=0.01", "--epochs", "9999", "--detach")
    assert started.returncode == 0, started.stderr
    app = home.open()
    app.wait_for("running without a terminal")
    assert_harmless(app)


COMMANDS = {
    "headless": ("train", "bad", "--headless", "--name", f"name {ATTACK}"),
    "failing": ("train", "failing", "--headless"),
    "presets": ("presets",),
    "runs": ("runs",),
    "unknown preset": ("train", "nothing-like-it"),
    "unknown knob": ("train", "bad", "--set", f"{ATTACK}=1"),
    "wrong value": ("train", "bad", "--set", f"lr={ATTACK}"),
    "missing file": ("train", f"{ATTACK}.py"),
    "syntax error": ("train", f"syntax {ATTACK}.py"),
    "unknown run": ("watch", f"run {ATTACK}"),
    "unknown session": ("stop", f"session {ATTACK}"),
    "unknown command": (f"command {ATTACK}",),
}


@pytest.fixture(scope="module")
def bad_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with presets that attack in their texts and in their names, and a run of that kind."""
    folder = tmp_path_factory.mktemp("bad")
    home = Home(folder)
    bad_preset(home)
    bad_preset(home, f"named {ATTACK}")
    bad_preset(home, "failing", model=f"def model():\n    raise ValueError('no model' + {TYPED})\n")
    home.preset(f"syntax {ATTACK}", model="def model(\n")
    return folder


@pytest.mark.parametrize("case", COMMANDS)
def test_a_command_in_a_terminal(home: Home, bad_home: Path, case: str) -> None:
    home.env["TORCHTUI_HOME"] = str(bad_home / "home")
    home.work = bad_home / "work"
    terminal = home.open(*COMMANDS[case])
    status = terminal.exit_status()
    assert status == {"headless": 0, "presets": 0, "runs": 0, "failing": 1}.get(case, 2)
    assert terminal.text.strip()
    assert_harmless(terminal)
