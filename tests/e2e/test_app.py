"""The app over a kernel of its own, in a terminal: keys, cells, sizes, the death of the kernel.

The tests share one app and leave it on the Tensors screen with an empty input.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from tests.e2e.terminal import Home, Terminal, home_in, until

PROMPT = "─ In ["


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    with home_in(tmp_path_factory.mktemp("app")) as made:
        made.preset("tiny", folder=made.folder / "presets")
        yield made


@pytest.fixture(scope="module")
def opened(home: Home) -> Terminal:
    """The app, its kernel up and torch imported."""
    terminal = home.open()
    terminal.wait_for("● idle", "torch 2.")
    return terminal


@pytest.fixture
def app(opened: Terminal) -> Terminal:
    """The app on its Tensors screen."""
    opened.press("f2")
    opened.wait_for(PROMPT)
    return opened


SCREENS = {
    "tensors": ("f2", "alt+2", "F2 Tensors", PROMPT),
    "autograd": ("f3", "alt+3", "F3 Autograd", "eaves"),
    "builder": ("f4", "alt+4", "F4 Builder", "odule"),
    "training": ("f5", "alt+5", "F5 Training", "Train a preset"),
}


def test_every_screen_has_its_key_its_twin_and_its_tab(app: Terminal) -> None:
    names = list(SCREENS)
    others = [*names[1:], names[0]]
    for way in (0, 1, 2):
        for name, other in zip(others, names, strict=True):
            target, left = SCREENS[name], SCREENS[other]
            if way == 2:
                app.click_on(target[way])
            else:
                app.press(target[way])
            app.wait(lambda text: target[3] in text and left[3] not in text, f"{name} by {target[way]}")  # noqa: B023


@pytest.mark.parametrize("key", ["f1", "alt+1"])
def test_help_tells_the_keys_and_closes(app: Terminal, key: str) -> None:
    app.press(key)
    text = app.wait_for("esc closes")
    assert "Interrupt the running cell" in text or "Older entries" in text or "older entries" in text
    app.press("escape")
    app.wait_gone("esc closes")


def test_the_palette_leads_to_a_screen(app: Terminal) -> None:
    app.press("ctrl+p")
    app.wait_for("Go to the Builder screen")
    app.type("Builder")
    app.wait_gone("Go to the Autograd screen")
    app.press("enter")
    app.wait_gone(PROMPT, "Go to the Builder screen")


def test_a_typed_cell_shows_its_result_and_its_variables(app: Terminal) -> None:
    app.enter("w = torch.arange(6.).reshape(2, 3); w.sum()")
    app.wait_for("tensor(15.)")
    app.wait(lambda text: "w " in text and "(2, 3)" in text and "float32" in text, "the table of variables")
    app.enter("1 / 0")
    app.wait_for("ZeroDivisionError")


def test_output_is_streamed_while_a_cell_runs(app: Terminal, home: Home) -> None:
    gate = home.folder / "printed"
    app.enter(f"import os; print('be' + 'fore')\nwhile not os.path.exists('{gate}'): pass\n".split("\n")[0])
    app.wait_for("before")
    app.enter(f"print('str' + 'eamed'); [0 for _ in iter(lambda: os.path.exists('{gate}'), True)]; 40 + 2")
    app.wait_for("streamed", "◉ busy")
    gate.touch()
    app.wait_for("42", "● idle")


def test_ctrl_c_interrupts_an_endless_loop(app: Terminal) -> None:
    app.enter("while True: pass")
    app.wait_for("◉ busy")
    app.press("ctrl+c")
    app.wait_for("KeyboardInterrupt", "● idle")
    app.enter("'still ' + 'here'")
    app.wait_for("still here")


def test_a_second_training_is_refused_on_the_screen(app: Terminal, home: Home) -> None:
    preset = home.preset("forever", folder=home.folder / "presets", head=HEAD_OF_FOREVER)
    app.press("f5")
    app.wait_for("Train a preset")
    app.press("o")
    app.wait_for("forever")
    app.press("enter")
    app.wait_for("▶ running", "forever")
    app.press("o")
    app.wait_for("Train a preset", "tiny")
    app.press("enter")
    app.wait_for("is still running in this kernel")
    os.unlink(preset)
    app.press("escape")
    app.wait_for("▶ running")
    app.press("s")
    app.wait_for("■ stopped")


HEAD_OF_FOREVER = '''
    """Trains for as long as a test may want."""
    import os
    import time
    import torch
    from torch import nn
    from torch.utils.data import DataLoader, TensorDataset

    epochs: int = 100_000
    lr: float = 0.01
    pace_s: float = 0.002
    gate: str = ""
    gate_step: int = 30
'''


def test_the_terminal_may_change_its_size(app: Terminal) -> None:
    app.resize(80, 24)
    text = app.wait(lambda text: PROMPT in text and all(len(line) <= 80 for line in text.split("\n")))
    assert "● idle" in text
    app.resize(40, 10)
    notice = app.wait_for("This terminal has 40x10 cells", "60x16")
    assert PROMPT not in notice
    app.resize(120, 40)
    app.wait_for(PROMPT, "● idle", "F1 Help")
    app.enter("'the same ' + 'kernel', w.shape")
    app.wait_for("the same kernel")


def test_a_killed_kernel_is_told_of_and_restarted(app: Terminal, home: Home) -> None:
    (session,) = home.sessions()
    os.kill(session["pid"], signal.SIGKILL)
    app.wait_for("The kernel is gone", "SIGKILL", "Restart", timeout_s=5)
    app.press("enter")
    app.wait_for("● idle")
    (fresh,) = until(lambda: home.sessions() or None, "a fresh kernel")
    assert fresh["pid"] != session["pid"]
    app.enter("'a fresh ' + str(40 + 2)")
    app.wait_for("a fresh 42")
    app.enter("w")
    app.wait_for("NameError")


def test_a_crashed_kernel_can_be_looked_at_and_restarted_later(app: Terminal, home: Home) -> None:
    app.enter("import os; os._exit(3)")
    app.wait_for("The kernel is gone", "exit code 3")
    app.press("escape")
    app.wait_gone("Look around")
    app.wait_for("✗ dead")
    app.enter("6 * 7")
    app.wait_for("ctrl+k starts a fresh one")
    app.press("ctrl+k")
    app.wait_for("● idle")
    app.press("enter")
    app.wait_for("42")


def test_quitting_with_no_run_asks_nothing_and_ends_the_kernel(app: Terminal, home: Home) -> None:
    app.press("ctrl+q")
    assert app.exit_status() == 0
    home.wait_for_no_session()
    assert app.raw.endswith(app.raw[app.raw.rindex(b"\x1b[?1049l") :])
    assert "Traceback" not in app.text
