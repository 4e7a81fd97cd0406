"""The REPL in a real terminal: results drawn, operations explained, the viewer, floods, pastes, stuck cells, files.

The tests share one app and leave it on the Tensors screen with an empty input.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.terminal import Home, Terminal, home_in, until

PROMPT = "─ In ["
EMPTY_INPUT = re.compile(r"─ In \[\d+\] ─+╮.*\n│ +│")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    with home_in(tmp_path_factory.mktemp("tensors")) as made:
        yield made


@pytest.fixture(scope="module")
def opened(home: Home) -> Terminal:
    terminal = home.open()
    terminal.wait_for("● idle", "torch 2.")
    return terminal


@pytest.fixture
def app(opened: Terminal) -> Terminal:
    """The app with nothing in the output and nothing typed."""
    opened.press("escape", "f2", "ctrl+l")
    if EMPTY_INPUT.search(opened.text) is None:
        opened.press("ctrl+e", "ctrl+u")
    opened.wait(lambda text: EMPTY_INPUT.search(text) is not None and "Out[" not in text, "an empty screen")
    return opened


def test_a_result_is_drawn_and_its_broadcast_explained(app: Terminal) -> None:
    app.enter("torch.ones(3, 1) + torch.arange(4)")
    text = app.wait_for("Tensor (3, 4) float32", "1→4")
    assert "tensor([[" not in text


def test_a_failure_is_told_in_plain_words_with_code_that_would_fit(app: Terminal) -> None:
    app.enter("a = torch.ones(2, 3); a @ a")
    app.wait_for("cannot be multiplied", "→ a @ a.T")
    app.enter("a @ a.T")
    app.wait_for("Tensor (2, 2) float32")


def test_pytorchs_own_text_is_a_key_away(app: Terminal) -> None:
    app.enter("torch.full((2, 2), 7.5)")
    app.wait_for("Tensor (2, 2)")
    to_cells(app)
    app.press("p")
    app.wait_for("tensor([[7.5000")
    app.press("p")
    app.wait_gone("tensor([[7.5000")
    app.press("escape")


def test_a_table_row_opens_the_viewer_which_follows_what_becomes_of_its_tensor(app: Terminal) -> None:
    app.enter("watched = torch.arange(6.).reshape(2, 3); 'made'")
    app.wait_for("'made'", "watched")
    to_variables(app)
    app.press("/")
    app.wait_gone("⏎ Open")
    app.type("watched")
    app.press("enter")
    app.wait_for("⏎ Open")
    app.press("enter")
    app.wait_for("watched[0, 0]", "mean")
    app.press("escape")
    app.wait_for(PROMPT)
    app.press("escape", "escape")


def to_cells(app: Terminal) -> None:
    """Go from the input to the transcript, and wait until its keys are those of the foot."""
    app.press("ctrl+t")
    app.wait_for("Run again")


def to_variables(app: Terminal) -> None:
    to_cells(app)
    app.press("ctrl+t")
    app.wait_for("Filter")


def test_a_million_lines_leave_the_app_alive_and_are_all_in_a_file(app: Terminal, home: Home) -> None:
    app.enter("for i in range(1_000_000): print('line', i)")
    app.press("enter")  # the loop is complete only with an empty line
    app.wait_for("line 999999", "● idle", timeout_s=100)
    app.enter("'still here'")
    app.wait_for("Out[")
    (file,) = (home.folder / "output").rglob("cell-*.txt")
    until(lambda: file.read_bytes().count(b"\n") == 1_000_000, "the whole output in the file")


def test_a_hundred_megabytes_in_one_line(app: Terminal) -> None:
    app.enter("print('x' * 100_000_000); 'done'")
    app.wait_for("more characters", "'done'", timeout_s=120)


def test_a_paste_of_ten_thousand_lines_runs_nothing_until_enter(app: Terminal) -> None:
    lines = "\r".join(f"p{i} = {i}" for i in range(10_000))
    app.type(f"\x1b[200~{lines}\x1b[201~")
    app.wait_for("p9999 = 9999", timeout_s=120)
    assert "p9999 = 9999" not in app.text.split(PROMPT)[0]
    app.press("ctrl+c")
    app.wait(lambda text: EMPTY_INPUT.search(text) is not None, "an empty input")


def test_escape_sequences_markup_and_wide_characters_come_as_text(app: Terminal) -> None:
    app.enter("{'[red]\\x1b[2J': torch.ones(2), '漢字é': torch.zeros(1)}")
    text = app.wait_for("[red]", "漢字")
    assert "torchtui" in text  # the screen was not cleared
    assert b"\x1b[2J" not in app.raw.split(b"[red]")[-1]


def test_the_session_is_saved_as_a_notebook_and_taken_back(app: Terminal, home: Home, tmp_path: Path) -> None:
    app.enter("kept = torch.ones(3); kept")
    app.wait_for("Tensor (3,)")
    target = tmp_path / "saved.ipynb"
    app.press("ctrl+s")
    app.wait_for("Save the cells")
    app.press("ctrl+e", "ctrl+u")
    app.wait_gone("session.ipynb")
    app.type(str(target))
    app.wait_for("saved.ipynb")
    app.press("enter")
    app.wait_for("Saved")
    notebook = json.loads(target.read_text())
    code = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert "kept = torch.ones(3); kept" in code
    app.press("ctrl+o")
    app.wait_for("into the input")
    app.type(str(target))
    app.wait_for("saved.ipynb")
    app.press("enter")
    app.wait(lambda text: "kept = torch.ones(3)" in text.split(PROMPT)[-1], "the code in the input")
    app.press("ctrl+c")


def test_a_cell_that_nothing_interrupts_is_killed_and_the_app_lives_on(app: Terminal) -> None:
    app.enter("sum(range(10 ** 13))")
    app.wait_for("◉ busy")
    app.press("ctrl+c")
    app.wait_for("Still busy")
    app.press("ctrl+k")
    app.wait_for("Restart the kernel?")
    app.press("enter")
    app.wait_for("● idle")
    app.enter("'alive again'")
    app.wait_for("Out[1]: 'alive again'")


def test_quitting_twice_ends_a_kernel_that_does_not_end(home: Home) -> None:
    app = home.open()
    app.wait_for("● idle", "torch 2.")
    app.enter("sum(range(10 ** 13))")
    app.wait_for("◉ busy")
    app.press("ctrl+q")
    app.click_on("Stop and quit")
    app.wait_for("ctrl+q again kills it")
    app.press("ctrl+q")
    assert app.exit_status(timeout_s=20) == 0
