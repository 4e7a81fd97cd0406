"""The panel of variables in an app of its own: what is shown, and what is wanted of the screen."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from textual import events, on
from textual.app import ComposeResult
from textual.geometry import Region
from textual.message import Message
from textual.pilot import Pilot
from textual.widgets import Input

from tests.ui.fake_session import screen_rows, screen_text, shown, until
from tui.protocol.children import ChildTable
from tui.protocol.messages import Variable, VariableTable
from tui.themes import THEMES, ThemedApp
from tui.widgets.variables import VariablePanel
from tui.widgets.variables.grid import VariableGrid
from tui.widgets.variables.lines import VariableDetail

X = Variable(
    "x", "tensor", "Tensor", (3, 4), "float32", "cpu", size_bytes=48, own_bytes=48, summary="x∈[0, 1]"
)
LOSS = Variable(
    "loss", "tensor", "Tensor", (), "float32", "cpu", "graph", "MseLossBackward0", 4, summary="0.25"
)
N = Variable("n", "value", "int", summary="5")
MODEL = Variable("model", "module", "Net", size_bytes=64, unfolds=True, summary="16 parameters")
WEIGHT = Variable("model.weight", "parameter", "Parameter", (3, 5), "float32", "cpu", "leaf", size_bytes=60)
BIAS = Variable("model.bias", "parameter", "Parameter", (3,), "float32", "cpu", "leaf", size_bytes=4)
PARTS = ChildTable((WEIGHT, BIAS))
ALL = (X, MODEL, LOSS, N)


class Host(ThemedApp[int]):
    """Keeps what the panel wants; answers wishes for parts when it has them."""

    def __init__(self) -> None:
        super().__init__()
        self.wanted: list[Message] = []
        self.parts: dict[str, ChildTable] = {"model": PARTS}

    def compose(self) -> ComposeResult:
        yield VariablePanel()

    @on(VariablePanel.ChildrenWanted)
    def answer(self, message: VariablePanel.ChildrenWanted) -> None:
        self.wanted.append(message)
        if message.path in self.parts:
            self.panel.show_children(message.path, self.parts[message.path])

    @on(VariablePanel.ViewWanted)
    @on(VariablePanel.InspectWanted)
    @on(VariablePanel.DeleteWanted)
    @on(VariablePanel.RenameWanted)
    @on(VariablePanel.CopyWanted)
    @on(VariablePanel.InsertWanted)
    @on(VariablePanel.LeaveWanted)
    def keep(self, message: Message) -> None:
        self.wanted.append(message)

    @property
    def panel(self) -> VariablePanel:
        return self.query_one(VariablePanel)

    @property
    def grid(self) -> VariableGrid:
        return self.query_one(VariableGrid)

    @property
    def keys(self) -> list[str]:
        return [entry.key for entry in self.grid.entries]


def table(*rows: Variable, **more: Any) -> VariableTable:
    return VariableTable(rows or ALL, {"cpu": 116}, **more)


@asynccontextmanager
async def opened(
    *rows: Variable, size: tuple[int, int] = (100, 24), app: Host | None = None
) -> AsyncIterator[tuple[Host, Pilot[int]]]:
    app = app or Host()
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        app.panel.show(table(*rows))
        app.panel.focus_table()
        await pilot.pause()
        yield app, pilot


def row(app: Host, name: str) -> int:
    """The line of the screen on which a name stands."""
    return next(y for y, line in enumerate(screen_rows(app)) if y and f" {name} " in f"{line} ")


# -- what is shown --------------------------------------------------------------------------------


async def test_rows_details_and_totals() -> None:
    async with opened() as (app, pilot):
        text = screen_text(app)
        for expected in (
            "(3, 4)",
            "float32",
            "x∈[0, 1]",
            "0.25",
            "16 parameters",
            "4 variables · 116 B on cpu",
        ):
            assert expected in text
        assert "12 values" in text  # of x, under the cursor
        await pilot.press("down", "down")
        await until(pilot, lambda: "MseLossBackward0" in screen_text(app))


async def test_with_nothing_there_it_is_said_what_to_type() -> None:
    app = Host()
    async with app.run_test(size=(50, 10)) as pilot:
        await pilot.pause()
        assert "torch.randn" in screen_text(app)
        app.panel.show(VariableTable((), {}))
        await pilot.press(
            "enter", "v", "d", "e", "right", "left", "space", "s", "y", "i", "g", "end", "pagedown"
        )
        await pilot.pause()
        assert [m for m in app.wanted if not isinstance(m, VariablePanel.LeaveWanted)] == []


@pytest.mark.parametrize("size", [(49, 30), (78, 7), (160, 40), (20, 3)])
async def test_it_fits_every_place(size: tuple[int, int]) -> None:
    async with opened(size=size) as (app, pilot):
        text = screen_text(app)
        assert "name" in text.splitlines()[0]
        assert "x" in text.splitlines()[1]
        assert shown(app.query_one(VariableDetail)) == (size[1] >= 14)
        await pilot.resize_terminal(100, 30)
        await until(pilot, lambda: "12 values" in screen_text(app))


@pytest.mark.parametrize("theme", [theme.name for theme in THEMES])
async def test_every_theme_draws_it(theme: str) -> None:
    async with opened() as (app, pilot):
        app.theme = theme
        await pilot.pause()
        assert "(3, 4)" in screen_text(app)


async def test_foreign_text_is_text() -> None:
    nasty = "[/foo][red]\x1b[2J\x07"
    async with opened(replace(X, name=nasty, type_name=nasty, summary=nasty, dtype=nasty)) as (app, pilot):
        await pilot.press("slash", *"foo")
        app.query_one(Input).post_message(events.Paste(nasty))
        await pilot.press("enter", "e", "d")
        await pilot.pause()
        text = screen_text(app)
        assert "[/foo][red]" in text
        assert not any(ord(c) < 32 and c != "\n" for c in text)


# -- following ------------------------------------------------------------------------------------


def painted(app: Host, monkeypatch: pytest.MonkeyPatch) -> list[Region]:
    """The regions of the rows that are painted from now on; all of them where no region is given."""
    regions: list[Region] = []
    refresh = app.grid.refresh

    def note(*asked: Region, **options: Any) -> Any:
        regions.extend(asked or [Region(0, 0, 1000, 1000)])
        return refresh(*asked, **options)

    monkeypatch.setattr(app.grid, "refresh", note)
    return regions


async def test_only_cells_that_changed_are_painted(monkeypatch: pytest.MonkeyPatch) -> None:
    async with opened() as (app, _):
        regions = painted(app, monkeypatch)
        app.panel.show(table())
        assert regions == []
        app.panel.show(table(X, MODEL, replace(LOSS, summary="0.24"), N))
        assert [(r.y, r.width) for r in regions] == [(3, 1)]
        assert "0.24" in screen_text(app)


async def test_a_row_that_is_not_on_the_screen_paints_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    many = [replace(X, name=f"v{i:03}") for i in range(100)]
    async with opened(*many) as (app, _):
        regions = painted(app, monkeypatch)
        app.panel.show(table(*many[:90], *(replace(v, summary="x∈[7, 8]") for v in many[90:])))
        assert regions == []


async def test_the_cursor_stays_on_its_record_and_the_record_on_its_line() -> None:
    many = [replace(X, name=f"v{i:03}", size_bytes=i) for i in range(100)]
    async with opened(*many) as (app, pilot):
        await pilot.press("s", "s", "home")  # by memory
        for _ in range(30):
            await pilot.press("down")
        await pilot.pause()
        here, line = app.grid.current_key, row(app, "v069")
        assert here == "v069"
        grown = [replace(v, size_bytes=1000 - i) if i % 2 else v for i, v in enumerate(many)]
        app.panel.show(table(*grown))
        await pilot.pause()
        assert app.keys != [v.name for v in many]
        assert (app.grid.current_key, row(app, "v069")) == (here, line)
        app.panel.show(table(*[v for v in grown if v.name != here]))
        await pilot.pause()
        assert app.grid.current_key in app.keys


async def test_a_name_that_goes_leaves_the_cursor_near() -> None:
    async with opened() as (app, pilot):
        await pilot.press("end")
        app.panel.show(table(X, MODEL))
        assert app.grid.current_key == "model"
        app.panel.show(table(*ALL))
        assert app.grid.current_key == "model"


# -- order and filter -----------------------------------------------------------------------------


async def test_keys_and_heads_sort() -> None:
    async with opened() as (app, pilot):
        assert app.keys == ["x", "model", "loss", "n"]
        await pilot.press("s")
        assert app.keys == ["loss", "model", "n", "x"]
        assert "name ▲" in screen_rows(app)[0]
        await pilot.press("S")
        assert app.keys == ["x", "n", "model", "loss"]
        assert "name ▼" in screen_rows(app)[0]
        await pilot.press("s")
        assert app.keys == ["model", "x", "loss", "n"]
        assert app.grid.current_key == "x"
        await pilot.click(VariableGrid, offset=(screen_rows(app)[0].index("shape"), 0))
        assert app.keys == ["x", "loss", "model", "n"]
        assert "shape ▼" in screen_rows(app)[0]


async def test_the_filter_narrows_while_it_is_typed_and_holds() -> None:
    async with opened() as (app, pilot):
        await pilot.press("slash", *"3x")
        await until(pilot, lambda: app.keys == ["x"])
        assert "1 of 4 variables" in screen_text(app)
        await pilot.press("enter")
        assert app.grid.has_focus
        app.panel.show(table(*ALL, replace(X, name="y", shape=(3, 9))))
        assert app.keys == ["x", "y"]
        await pilot.press("slash", "backspace", "backspace", *"zzz")
        await until(pilot, lambda: app.keys == [])
        assert "nothing matches zzz" in screen_text(app)
        await pilot.press("escape")
        await until(pilot, lambda: len(app.keys) == 5)
        assert app.grid.has_focus
        assert app.wanted == []
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.wanted[-1:][0], VariablePanel.LeaveWanted))


async def test_escape_in_the_table_ends_a_filter_first() -> None:
    async with opened() as (app, pilot):
        await pilot.press("slash", *"int", "enter")
        await until(pilot, lambda: app.keys == ["n"] and app.grid.has_focus)
        await pilot.press("escape")
        await until(pilot, lambda: len(app.keys) == 4)
        assert app.wanted == []


async def test_what_is_typed_in_one_go_loses_no_letter() -> None:
    async with opened() as (app, pilot):
        for letter in "/deviate":  # which would delete, rename, view and insert
            name = "slash" if letter == "/" else letter
            app.post_message(events.Key(name, letter))
        await until(pilot, lambda: app.query_one(Input).value == "deviate")
        await until(pilot, lambda: app.keys == [])
        assert app.wanted == []


# -- folds ----------------------------------------------------------------------------------------


async def test_unfolding_asks_for_the_parts_and_shows_them() -> None:
    async with opened() as (app, pilot):
        await pilot.press("down", "right")
        await until(pilot, lambda: len(app.keys) == 6)
        assert app.wanted == [VariablePanel.ChildrenWanted("model")]
        assert app.keys == ["x", "model", "model.weight", "model.bias", "loss", "n"]
        assert "▾ model" in screen_text(app)
        assert "  .weight" in screen_text(app)
        await pilot.press("right")
        await until(pilot, lambda: "model.weight Parameter (3, 5)" in screen_text(app))
        await pilot.press("left", "left")
        await until(pilot, lambda: app.keys == ["x", "model", "loss", "n"])
        assert app.grid.current_key == "model"


@pytest.mark.parametrize("key", ["enter", "space"])
async def test_other_keys_unfold_and_fold(key: str) -> None:
    async with opened() as (app, pilot):
        await pilot.press("down", key)
        await until(pilot, lambda: len(app.keys) == 6)
        await pilot.press(key)
        await until(pilot, lambda: len(app.keys) == 4)


async def test_a_click_on_the_fold_unfolds() -> None:
    async with opened() as (app, pilot):
        await pilot.click(VariableGrid, offset=(1, row(app, "model")))
        await until(pilot, lambda: len(app.keys) == 6)
        assert app.grid.current_key == "model"


async def test_what_is_unfolded_is_asked_for_again_with_each_table() -> None:
    async with opened() as (app, pilot):
        await pilot.press("down", "space")
        await until(pilot, lambda: len(app.keys) == 6)
        app.parts["model"] = ChildTable((replace(WEIGHT, changed=True), BIAS))
        app.panel.show(table())
        await until(pilot, lambda: any("•" in line and ".weight" in line for line in screen_rows(app)))
        assert app.wanted == [VariablePanel.ChildrenWanted("model")] * 2
        app.panel.show(table(X))
        await pilot.pause()
        app.panel.show(table())
        await pilot.pause()
        assert app.keys == ["x", "model", "loss", "n"]
        assert len(app.wanted) == 2


async def test_an_answer_that_comes_after_the_fold_was_closed_is_dropped() -> None:
    app = Host()
    app.parts.clear()
    async with opened(app=app) as (_, pilot):
        await pilot.press("down", "space")
        await until(pilot, lambda: "…" in screen_text(app))
        await pilot.press("space")
        app.panel.show_children("model", PARTS)
        await pilot.pause()
        assert app.keys == ["x", "model", "loss", "n"]


async def test_a_part_that_is_gone_is_said_to_be() -> None:
    app = Host()
    app.parts["model"] = ChildTable((), reason="model is no longer there")
    async with opened(app=app) as (_, pilot):
        await pilot.press("down", "space")
        await until(pilot, lambda: "model is no longer there" in screen_text(app))
        await pilot.press("down", "enter", "d", "d", "y")
        assert app.wanted == [VariablePanel.ChildrenWanted("model")]


# -- wishes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("keys", "wish"),
    [
        (["enter"], VariablePanel.ViewWanted("x")),
        (["v"], VariablePanel.ViewWanted("x")),
        (["g"], VariablePanel.InspectWanted("x")),
        (["y"], VariablePanel.CopyWanted("x")),
        (["i"], VariablePanel.InsertWanted("x")),
        (["d", "d"], VariablePanel.DeleteWanted("x")),
        (["delete", "d"], VariablePanel.DeleteWanted("x")),
        (["escape"], VariablePanel.LeaveWanted()),
        (["down", "g"], VariablePanel.InspectWanted("model")),
        (["e", *"y2", "enter"], VariablePanel.RenameWanted("x", "y2")),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Message) else "-".join(value),
)
async def test_each_key_tells_what_is_wanted(keys: list[str], wish: Message) -> None:
    async with opened() as (app, pilot):
        await pilot.press(*keys)
        await until(pilot, lambda: app.wanted)
        assert (
            repr(app.wanted) == repr([wish]) or type(app.wanted[0]) is type(wish) is VariablePanel.LeaveWanted
        )


async def test_of_a_part_the_whole_path_is_told_and_it_cannot_be_deleted() -> None:
    async with opened() as (app, pilot):
        await pilot.press("down", "space", "down")
        await until(pilot, lambda: app.grid.current_key == "model.weight")
        app.wanted.clear()
        await pilot.press("d", "d", "e", "enter", "y")
        await until(pilot, lambda: len(app.wanted) == 2)
        assert app.wanted == [
            VariablePanel.ViewWanted("model.weight"),
            VariablePanel.CopyWanted("model.weight"),
        ]
        assert not app.query_one(Input).has_focus


async def test_a_double_click_opens() -> None:
    async with opened() as (app, pilot):
        await pilot.click(VariableGrid, offset=(6, row(app, "loss")))
        assert app.grid.current_key == "loss"
        assert app.wanted == []
        await pilot.click(VariableGrid, offset=(6, row(app, "loss")), times=2)
        await until(pilot, lambda: app.wanted == [VariablePanel.ViewWanted("loss")])


@pytest.mark.parametrize("between", ["down", "escape", "slash", "e"])
async def test_one_slip_deletes_nothing(between: str) -> None:
    async with opened() as (app, pilot):
        await pilot.press("d")
        await until(pilot, lambda: "d again: del x (48 B)" in screen_text(app))
        await pilot.press(between)
        await until(pilot, lambda: "again" not in screen_text(app))
        await pilot.press("d")
        await pilot.pause()
        assert app.wanted == []


async def test_what_makes_no_sense_is_greyed() -> None:
    async with opened() as (app, pilot):

        def enabled(key: str) -> bool:
            active = app.screen.active_bindings.get(key)
            return active is not None and active.enabled

        assert [enabled(key) for key in ("enter", "v", "g", "space", "d", "slash")] == [True] * 3 + [
            False,
            True,
            True,
        ]
        await pilot.press("end")
        await until(pilot, lambda: app.grid.current_key == "n")
        assert [enabled(key) for key in ("enter", "v", "g", "d", "y")] == [False, False, False, True, True]
        await pilot.press("v", "enter", "g")
        await pilot.pause()
        assert app.wanted == []


async def test_a_new_name_that_cannot_be_had_is_refused_while_it_is_typed() -> None:
    async with opened() as (app, pilot):
        await pilot.press("e", *"sum")
        await until(pilot, lambda: "shadow the builtin sum" in screen_text(app))
        await pilot.press("enter")
        await pilot.pause()
        assert app.wanted == []
        assert app.query_one(Input).has_focus
        await pilot.press("m", "enter")
        await until(pilot, lambda: app.wanted == [VariablePanel.RenameWanted("x", "summ")])
        assert app.grid.has_focus
        await pilot.press("e", "escape")
        await until(pilot, lambda: app.grid.has_focus)
        assert len(app.wanted) == 1


async def test_renaming_leaves_the_filter_as_it_was() -> None:
    async with opened() as (app, pilot):
        await pilot.press("slash", *"3x4", "enter")
        await until(pilot, lambda: app.keys == ["x"] and app.grid.has_focus)
        await pilot.press("e", *"z", "enter")
        await until(pilot, lambda: app.wanted == [VariablePanel.RenameWanted("x", "z")])
        await pilot.pause()
        assert app.keys == ["x"]
        assert screen_rows(app)[0].strip() == "/ 3x4"


# -- many rows ------------------------------------------------------------------------------------


async def test_pages_ends_and_the_wheel() -> None:
    many = [replace(X, name=f"v{i:03}") for i in range(300)]
    async with opened(*many) as (app, pilot):
        await pilot.press("end")
        assert app.grid.current_key == "v299"
        assert "v299" in screen_text(app)
        await pilot.press("pageup")
        assert app.grid.current_key == f"v{299 - app.grid.page_rows + 1}"
        await pilot.press("home", "k")
        assert app.grid.current_key == "v000"
        app.grid.post_message(events.MouseScrollDown(app.grid, 5, 5, 0, 0, 0, False, False, False))
        await until(pilot, lambda: "v000" not in "\n".join(screen_rows(app)[:-6]))
        assert app.grid.current_key == "v000"
        await pilot.press("down")
        await until(pilot, lambda: "v001" in screen_text(app))
        await pilot.click(VariableGrid, offset=(99, app.grid.page_rows))
        await until(pilot, lambda: "v299" in screen_text(app))
