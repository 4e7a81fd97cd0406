"""What works on every screen: going from one to another, help, palette, notices, themes."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.app import App
from textual.color import Color
from textual.command import CommandPalette
from textual.containers import VerticalScroll
from textual.pilot import Pilot
from textual.theme import Theme

from screens.base import BaseScreen
from tests.ui.fake_session import (
    ALL_MODES,
    FakeSession,
    NotedApp,
    make_app,
    opened,
    screen_text,
    typed,
    until,
)
from tests.ui.written_runs import finished_run
from tui.config import ConfigError
from tui.protocol.gradients import GradientRow, GradientTable, ListGradients
from tui.protocol.messages import ListVariables, Variable, VariableTable
from tui.themes import THEMES
from tui.widgets.code_input import CodeInput
from tui.widgets.dialogs import Question
from tui.widgets.file_prompt import FilePrompt
from tui.widgets.help import HelpScreen
from tui.widgets.mode_tabs import MODES, ModeTabs
from tui.wiring import build_app


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCHTUI_HOME", str(tmp_path / "home"))


def mode(app: App[int]) -> str:
    return app.screen.MODE if isinstance(app.screen, BaseScreen) else ""


async def test_f_keys_and_their_twins_go_to_the_screens() -> None:
    async with opened(make_app(FakeSession())) as pilot:
        for first in ("f", "alt+"):
            for number, expected in ((5, "training"), (4, "builder"), (3, "autograd"), (2, "tensors")):
                await pilot.press(f"{first}{number}")
                await until(pilot, lambda expected=expected: mode(pilot.app) == expected)  # type: ignore[misc]
                assert pilot.app.screen.query_one(ModeTabs).active == expected


async def test_each_tab_can_be_clicked_where_it_is_drawn() -> None:
    async with opened(make_app(FakeSession())) as pilot:
        for target, _, title in reversed(MODES):
            await until(pilot, lambda title=title: title in screen_text(pilot.app))  # type: ignore[misc]
            row = screen_text(pilot.app).splitlines()[0]
            await pilot.click(ModeTabs, offset=(row.index(title) + 1, 0))
            await until(pilot, lambda target=target: mode(pilot.app) == target)  # type: ignore[misc]
        await pilot.click(ModeTabs, offset=(1, 0))  # beside the tabs
        assert mode(pilot.app) == MODES[0][0]


async def test_only_the_screens_there_are_can_be_gone_to() -> None:
    async with opened(make_app(None, first="training")) as pilot:
        await pilot.press("f2", "f3", "alt+4")
        assert mode(pilot.app) == "training"
        titles = {command.title for command in pilot.app.get_system_commands(pilot.app.screen)}
        assert "Training" in titles
        assert {"Tensors", "Restart the kernel", "Interrupt the running cell"} & titles == set()


async def test_what_is_typed_is_still_there_after_a_walk_through_the_screens() -> None:
    async with opened(make_app(FakeSession())) as pilot:
        await typed(pilot, "draft")
        await pilot.press("f3", "f2")
        code_input = pilot.app.screen.query_one(CodeInput)
        assert code_input.text == "draft"
        assert code_input.has_focus


# -- help -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("first", ALL_MODES)
async def test_help_lists_every_key_of_the_screen_with_what_it_does(first: str, tmp_path: Path) -> None:
    run = finished_run(tmp_path)  # on the list of runs, the keys of a run are left out
    for number in range(9):  # more charts than one page holds
        run.add(f"more/{number}", [(1, 1.0), (2, 2.0)])
    async with opened(make_app(FakeSession(), first=first, folder=run.folder), size=(120, 60)) as pilot:
        screen = pilot.app.screen
        assert isinstance(screen, BaseScreen)
        await pilot.press("f1")
        await until(pilot, lambda: isinstance(pilot.app.screen, HelpScreen))
        await pilot.pause()
        text = " ".join(screen_text(pilot.app).replace("│", " ").split())
        assert screen.ABOUT.split(":")[0] in text
        bindings = [*type(screen).BINDINGS, *NotedApp.BINDINGS]
        tooltips = [getattr(binding, "tooltip", "") for binding in bindings]
        assert all(tooltips)
        modal = pilot.app.screen
        assert isinstance(modal, HelpScreen)
        listed = {str(cell) for column in modal.table().columns for cell in column.cells}
        assert set(tooltips) <= listed
        assert "ctrl+q" in {keys.strip() for keys in listed}
        await pilot.press("escape")
        await until(pilot, lambda: pilot.app.screen is screen)


async def test_help_closes_with_its_own_key_and_keeps_the_screens_out_of_reach() -> None:
    async with opened(make_app(FakeSession())) as pilot:
        await pilot.press("f1")
        await until(pilot, lambda: isinstance(pilot.app.screen, HelpScreen))
        await pilot.press("f5")
        assert isinstance(pilot.app.screen, HelpScreen)
        await pilot.press("f1")
        await until(pilot, lambda: mode(pilot.app) == "tensors")
        await pilot.press("alt+1")
        await until(pilot, lambda: isinstance(pilot.app.screen, HelpScreen))


async def test_help_in_a_small_terminal_can_be_scrolled_to_its_end() -> None:
    async with opened(make_app(FakeSession()), size=(80, 24)) as pilot:
        await pilot.press("f1")
        await until(pilot, lambda: isinstance(pilot.app.screen, HelpScreen))
        await pilot.press("end")
        box = pilot.app.screen.query_one(VerticalScroll)
        await until(pilot, lambda: box.scroll_y == box.max_scroll_y > 0)


# -- the palette ----------------------------------------------------------------------------------


async def run_from_palette(pilot: Pilot[int], text: str) -> None:
    await pilot.press("ctrl+p")
    await until(pilot, lambda: isinstance(pilot.app.screen, CommandPalette))
    palette = pilot.app.screen
    await typed(pilot, text)
    await until(pilot, lambda: text in screen_text(pilot.app).split(text, 1)[1])
    await pilot.press("enter")
    await until(pilot, lambda: pilot.app.screen is not palette)


async def test_the_palette_goes_to_screens_and_changes_the_theme() -> None:
    async with opened(make_app(FakeSession())) as pilot:
        await run_from_palette(pilot, "Autograd")
        await until(pilot, lambda: mode(pilot.app) == "autograd")
        await run_from_palette(pilot, "torchtui-light")
        await until(pilot, lambda: pilot.app.theme == "torchtui-light")


async def test_everything_in_the_palette_works() -> None:
    session = FakeSession()
    async with opened(make_app(session)) as pilot:
        commands = {command.title: command for command in pilot.app.get_system_commands(pilot.app.screen)}
        assert {title for _, _, title in MODES} <= set(commands)
        assert all(command.help for command in commands.values())
        pilot.app.call_later(commands["Interrupt the running cell"].callback)
        await until(pilot, lambda: session.calls == ["interrupt"])
        pilot.app.call_later(commands["Keys"].callback)
        await until(pilot, lambda: isinstance(pilot.app.screen, HelpScreen))
        await pilot.press("escape")
        pilot.app.call_later(commands["Restart the kernel"].callback)
        await until(pilot, lambda: isinstance(pilot.app.screen, Question))
        await pilot.press("escape")
        pilot.app.call_later(commands["Quit"].callback)
        await until(pilot, lambda: session.calls == ["interrupt", "shutdown"])


# -- notices and themes ---------------------------------------------------------------------------


async def test_notices_are_shown_as_they_are_once_the_app_is_up() -> None:
    app = make_app(FakeSession(), notices=lambda: ("1 session is running: ab12cd ([/foo])",))
    async with opened(app) as pilot:
        await until(pilot, lambda: "ab12cd ([/foo])" in screen_text(app))


MEANINGS = ("train", "val", "test", "other", "negative", "positive", "nan")


def test_every_theme_has_every_colour_that_means_something() -> None:
    app = make_app(None, first="training")
    assert {theme.name for theme in THEMES} <= set(app.available_themes)
    needed = {*MEANINGS, *(name for theme in THEMES for name in theme.variables)}
    for name in app.available_themes:
        app.theme = name
        colours = app.get_css_variables()
        assert needed <= set(colours), name
        assert len({colours[meaning] for meaning in ("train", "val", "test")}) == 3, name


async def test_every_screen_takes_a_theme_of_ours_and_one_of_another(tmp_path: Path) -> None:
    session = FakeSession()
    changed = Variable("w", "tensor", "Tensor", (3,), changed=True)
    session.answers[ListVariables] = VariableTable((changed,), {"cpu": 12})
    row = GradientRow("w", (3,), "float32", "cpu", False, True, 1.0, 0.5)
    session.answers[ListGradients] = GradientTable((row,))
    app = make_app(session, folder=finished_run(tmp_path).folder)
    async with opened(app, (80, 24)) as pilot:
        backgrounds = set()
        for name in (*(theme.name for theme in THEMES), "nord"):
            app.theme = name
            for key in ("f2", "f3", "f4", "f5"):
                await pilot.press(key)
            backgrounds.add(app.screen.background_colors[1].hex)
        assert len(backgrounds) == 4


def test_a_theme_that_does_not_exist_is_named_with_the_nearest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCHTUI_HOME", str(tmp_path))
    (tmp_path / "config.toml").write_text('theme = "torchtui-drak"')
    with pytest.raises(ConfigError, match="'torchtui-drak'; did you mean 'torchtui-dark'"):
        build_app()


@pytest.mark.parametrize("theme", THEMES, ids=lambda theme: theme.name)
def test_a_theme_of_ours_has_readable_curves(theme: Theme) -> None:
    background = Color.parse(theme.background or "")
    colours = {name: Color.parse(theme.variables[name]) for name in MEANINGS}
    for name, colour in colours.items():
        assert contrast(colour, background) >= 3, name
    curves = [colours[name].hex for name in ("train", "val", "test", "other")]
    assert len(set(curves)) == len(curves)
    assert colours["negative"] != colours["positive"]


def contrast(first: Color, second: Color) -> float:
    """The contrast of two colours as WCAG 2 defines it, 1 to 21."""

    def luminance(colour: Color) -> float:
        parts = [
            part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in colour.normalized
        ]
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]

    low, high = sorted((luminance(first), luminance(second)))
    return (high + 0.05) / (low + 0.05)


async def test_the_end_of_a_long_path_is_to_be_seen_while_it_is_typed() -> None:
    async with opened(make_app(FakeSession())) as pilot:
        prompt = FilePrompt("Save", lambda path, again: None, path="/long" * 40 + "/end.py")
        await pilot.app.push_screen(prompt)
        await until(pilot, lambda: "/end.py" in screen_text(pilot.app))
