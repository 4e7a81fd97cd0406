from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from textual.app import App
from textual.pilot import Pilot
from textual.widgets import Input, Static

from tui.widgets.file_prompt import Attempt, FilePrompt, Refused, path_matches


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("alpha.py", "alphabet.ipynb", "beta.py", "notes.txt", ".hidden.py", "[b]\x1b.py"):
        (tmp_path / name).write_text("x")
    (tmp_path / "albums").mkdir()
    (tmp_path / "albums" / "one.py").write_text("x")
    monkeypatch.chdir(tmp_path)
    return tmp_path


class Host(App[None]):
    def __init__(self, attempt: Attempt, path: str = "") -> None:
        super().__init__()
        self.attempt = attempt
        self.path = path
        self.answers: list[str | None] = []

    def on_mount(self) -> None:
        prompt = FilePrompt("Save [as]", self.attempt, path=self.path, suffixes=(".py", ".ipynb"))
        self.push_screen(prompt, self.answers.append)


def field(host: Host) -> Input:
    return host.screen.query_one(Input)


def said(host: Host) -> str:
    error = host.screen.query_one("#file-prompt-error", Static)
    return str(error.visual) if error.display else ""


def names(host: Host) -> str:
    return str(host.screen.query_one("#file-prompt-names", Static).visual)


async def value_becomes(pilot: Pilot[None], host: Host, value: str) -> None:
    async with asyncio.timeout(10):
        while field(host).value != value:
            await pilot.pause(0.01)


def test_paths_are_listed(folder: Path) -> None:
    ends = (".py", ".ipynb")
    assert path_matches("", ends) == ["albums/", "alpha.py", "alphabet.ipynb", "beta.py"]
    assert path_matches("alp", ends) == ["alpha.py", "alphabet.ipynb"]
    assert path_matches("n") == ["notes.txt"]
    assert path_matches(".h", ends) == [".hidden.py"]
    assert path_matches("albums/", ends) == ["albums/one.py"]
    assert path_matches(f"{folder}/be", ends) == [f"{folder}/beta.py"]
    assert path_matches("nowhere/x", ends) == []
    assert path_matches("a\x00/", ends) == []


def test_the_home_folder_is_listed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(folder))
    assert path_matches("~") == ["~/"]
    assert path_matches("~/be") == ["~/beta.py"]


async def test_a_path_that_will_do_is_given(folder: Path) -> None:
    tried: list[tuple[str, bool]] = []
    host = Host(lambda path, again: tried.append((path, again)))
    async with host.run_test() as pilot:
        await pilot.press(*"x.py", "enter")
        assert tried == [("x.py", False)]
        assert host.answers == ["x.py"]


async def test_escape_gives_none(folder: Path) -> None:
    host = Host(lambda path, again: None)
    async with host.run_test() as pilot:
        await pilot.press("x", "escape")
        assert host.answers == [None]


async def test_what_is_wrong_is_said_in_place(folder: Path) -> None:
    host = Host(lambda path, again: Refused(f"{path} [/x] will not do\x1b"))
    async with host.run_test() as pilot:
        await pilot.press("enter")
        assert said(host) == "Type a name."
        await pilot.press("x", "enter")
        assert said(host) == "x [/x] will not do␛"
        await pilot.press("enter")
        assert host.answers == []
        await pilot.press("y")
        await pilot.pause()
        assert said(host) == ""


async def test_a_second_enter_insists_on_the_same_path_only(folder: Path) -> None:
    tried: list[tuple[str, bool]] = []

    def attempt(path: str, again: bool) -> Refused | None:
        tried.append((path, again))
        return None if again else Refused("exists already", insists=True)

    host = Host(attempt)
    async with host.run_test() as pilot:
        await pilot.press("a", "enter")
        assert "enter once more" in said(host)
        await pilot.press("b", "enter", "enter")
        assert tried == [("a", False), ("ab", False), ("ab", True)]
        assert host.answers == ["ab"]


async def test_tab_completes_and_goes_through_the_rest(folder: Path) -> None:
    host = Host(lambda path, again: None)
    async with host.run_test() as pilot:
        await pilot.press("b", "tab")
        await value_becomes(pilot, host, "beta.py")
        field(host).value = "al"
        await pilot.press("tab")
        async with asyncio.timeout(10):
            while "albums/" not in names(host):
                await pilot.pause(0.01)
        assert field(host).value == "al"
        await pilot.press("tab", "tab")
        assert field(host).value == "alpha.py"
        assert "▸ alpha.py" in names(host)
        await pilot.press("shift+tab", "shift+tab")
        assert field(host).value == "alphabet.ipynb"
        await pilot.press("enter")
        assert host.answers == ["alphabet.ipynb"]


async def test_the_cursor_stands_before_the_ending(folder: Path) -> None:
    host = Host(lambda path, again: None, path="runs/session.py")
    async with host.run_test() as pilot:
        await pilot.press("2")
        assert field(host).value == "runs/session2.py"
