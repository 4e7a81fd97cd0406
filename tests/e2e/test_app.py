"""The app over a kernel of its own, in a terminal: keys, cells, sizes, the death of the kernel.

The tests share one app and leave it on the Tensors screen with an empty input.
"""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator

import pytest

from tests.e2e.terminal import Home, Terminal, home_in, until

PROMPT = "─ In ["
EMPTY_INPUT = re.compile(r"─ In \[\d+\] ─+╮.*\n│ +│")


HEAD_OF_ENDLESS = '''
    """Trains for as long as a test may want."""
    import os
    import time
    import torch
    from torch import nn
    from torch.utils.data import DataLoader, TensorDataset

    epochs: int = 100_000
    lr: float = 0.01
    pace_s: float = 0.005
    gate: str = ""
    gate_step: int = 30
'''


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    with home_in(tmp_path_factory.mktemp("app")) as made:
        made.preset("first", folder=made.folder / "presets", head=HEAD_OF_ENDLESS)
        made.preset("second", folder=made.folder / "presets")
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
    opened.resize(120, 40)  # a test before this one may have failed
    opened.press("f2")
    opened.wait_for(PROMPT)
    if EMPTY_INPUT.search(opened.text) is None:
        opened.press("ctrl+e", "ctrl+u")
    opened.wait(lambda text: EMPTY_INPUT.search(text) is not None, "an empty input")
    return opened


SCREENS = {
    "tensors": ("f2", "alt+2", "F2 Tensors", PROMPT),
    "autograd": ("f3", "alt+3", "F3 Autograd", "no graph open"),
    "builder": ("f4", "alt+4", "F4 Builder", "Properties"),
    "training": ("f5", "alt+5", "F5 Training", "Train a preset"),
}
"""F key, twin, tab and a text of its own of each screen."""


def assert_it_leads_there(app: Terminal, screen: str, way: int) -> None:
    """Assert that a key or a tab leads to a screen from the one beside it."""
    shown = SCREENS[screen][3]
    before, _, _, hidden = SCREENS["autograd" if screen != "autograd" else "builder"]
    app.press(before)
    app.wait_for(hidden)
    if SCREENS[screen][way].startswith("F"):
        app.click_on(SCREENS[screen][way])
    else:
        app.press(SCREENS[screen][way])
    app.wait(lambda text: shown in text and hidden not in text, f"{screen} by {SCREENS[screen][way]}")


@pytest.mark.parametrize("screen", SCREENS)
def test_every_screen_has_its_key(app: Terminal, screen: str) -> None:
    assert_it_leads_there(app, screen, 0)


@pytest.mark.parametrize("screen", SCREENS)
def test_every_key_has_a_twin(app: Terminal, screen: str) -> None:
    assert_it_leads_there(app, screen, 1)


@pytest.mark.parametrize("screen", SCREENS)
def test_every_screen_has_a_tab_to_click_on(app: Terminal, screen: str) -> None:
    assert_it_leads_there(app, screen, 2)


def test_a_twin_works_while_code_is_typed(app: Terminal) -> None:
    app.type("half_a_na")
    app.wait_for("half_a_na")
    app.press("alt+3")
    app.wait_for("no graph open")
    app.press("f2")
    text = app.wait_for(PROMPT)
    assert "half_a_na " in text


@pytest.mark.parametrize("key", ["f1", "alt+1"])
def test_help_tells_the_keys_and_closes(app: Terminal, key: str) -> None:
    app.press(key)
    app.wait_for("esc closes", "Code input")
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
    app.wait_for("Out[", "15. Tensor () float32")
    app.wait(lambda text: "w " in text and "(2, 3)" in text and "float32" in text, "the table of variables")
    app.enter("1 / 0")
    app.wait_for("ZeroDivisionError")


BURSTS = {
    "cursor left": ("12\x1b[D34", "1342"),
    "backspace": ("12\x7f34", "134"),
    "line start": ("12\x01345", "34512"),
    "delete line": ("12\x1534", "34"),
}
"""What a slow line delivers at once, and what has been typed then."""


@pytest.mark.parametrize("case", BURSTS)
def test_keys_that_come_at_once_keep_their_order(app: Terminal, case: str) -> None:
    burst, typed = BURSTS[case]
    app.type(burst)
    app.wait(lambda text: f"│ {typed} " in text, f"{typed} in the input", timeout_s=10)


def test_cells_typed_ahead_run_in_order_and_are_numbered(app: Terminal) -> None:
    app.type("10 + 1\r20 + 2\r30 + 3\r")
    text = app.wait(lambda text: all(f"]: {result}" in text for result in (11, 22, 33)), "the results")
    assert text.index("]: 11") < text.index("]: 22") < text.index("]: 33")
    app.wait_for("● idle")
    app.wait_gone("In [*]", timeout_s=10)


def test_output_is_streamed_while_a_cell_runs(app: Terminal, home: Home) -> None:
    app.enter("import os; there = os.path.exists")
    app.enter("print('wait' + 'ing'); any(iter(lambda: there('go'), True)); 40 + 2")
    app.wait_for("waiting", "◉ busy")
    (home.work / "go").touch()
    app.wait_for("42", "● idle")


def test_ctrl_c_interrupts_an_endless_loop(app: Terminal) -> None:
    app.enter("while True: pass")
    app.press("enter")
    app.wait_for("◉ busy")
    app.press("ctrl+c")
    app.wait_for("KeyboardInterrupt", "● idle")
    app.enter("'still ' + 'here'")
    app.wait_for("still here")


def test_the_terminal_may_change_its_size(app: Terminal) -> None:
    app.resize(80, 24)
    text = app.wait(lambda text: PROMPT in text and all(len(line) <= 80 for line in text.split("\n")))
    assert "● idle" in text
    app.resize(40, 10)
    notice = app.wait_for("This terminal has 40x10 cells", "60x16")
    assert PROMPT not in notice
    app.resize(120, 40)
    app.wait_for(PROMPT, "● idle", "F1 Help")


def test_what_is_typed_after_a_small_terminal_has_grown_is_taken(app: Terminal) -> None:
    app.resize(40, 10)
    app.wait_for("This terminal has 40x10 cells")
    app.resize(120, 40)
    app.wait_for(PROMPT)
    try:
        app.type("typed_here")
        app.wait_for("typed_here", timeout_s=10)
    finally:
        app.click_on(PROMPT)  # for the tests that follow


def test_a_second_training_is_refused_on_the_screen(app: Terminal) -> None:
    app.press("f5")
    app.wait_for("Train a preset", "first", "second")
    app.press("enter", "enter")
    app.wait_for("▶ running", "first", "─ train")
    app.press("o")
    app.wait_for("Train a preset", "second")
    app.press("down", "enter")
    app.wait_for("▶ Start", "second")
    app.press("enter")
    app.wait_for("is still running")
    app.press("escape")
    app.wait_for("Train a preset")
    app.press("escape")
    app.wait_for("▶ running", "first")
    app.press("s")
    app.wait_for("■ stopped")


def test_a_killed_kernel_is_told_of_and_restarted(app: Terminal, home: Home) -> None:
    (session,) = home.sessions()
    os.kill(session["pid"], signal.SIGKILL)
    app.wait_for("The kernel is gone", "SIGKILL", "Look around", timeout_s=10)
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
    app.wait_for("The kernel is gone", "exit code 3", "Look around")
    app.press("escape")
    app.wait_gone("Look around")
    app.wait_for("✗ dead")
    app.enter("6 * 7")
    app.wait_for("ctrl+k starts a fresh one")
    app.press("ctrl+k")
    app.wait_for("● idle")
    app.press("enter")
    app.wait_for("Out[1]: 42", "● idle")


def test_quitting_with_no_run_asks_nothing_and_ends_the_kernel(app: Terminal, home: Home) -> None:
    app.press("ctrl+q")
    assert app.exit_status() == 0
    home.wait_for_no_session()
    assert b"Traceback" not in app.raw[app.raw.rindex(b"\x1b[?1049l") :], "after the app has left the screen"
