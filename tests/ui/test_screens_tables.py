"""Builder over a fake session, and the table that it is made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from rich.text import Text
from textual.app import App, ComposeResult
from textual.coordinate import Coordinate

from tests.ui.fake_session import FakeSession, make_app, opened, screen_text, shown, until
from tui.client.errors import KernelRefused
from tui.protocol.messages import (
    ListModules,
    ModuleRow,
    ModuleTree,
    Refusal,
)
from tui.widgets.record_table import RecordTable, Row

ROOT = ModuleRow("net", "Sequential", 0, "", (), 650, 0, 0)
FC = ModuleRow(
    "net[0]", "Linear", 1, "in_features=64, out_features=10", ("weight (10, 64)", "bias (10,)"), 650, 0, 0
)
FULL = ModuleTree((ROOT, FC))


def table_of(app: App[int]) -> RecordTable:
    return app.screen.query_one(RecordTable)


async def test_where_there_is_nothing_it_is_said_what_to_type() -> None:
    session = FakeSession()
    async with opened(make_app(session, first="builder")) as pilot:
        await until(
            pilot, lambda: session.of(ListModules) and "F2" in screen_text(pilot.app).split("\n", 1)[1]
        )
        assert not shown(table_of(pilot.app))


async def test_what_there_is_is_listed_and_followed_while_it_is_shown() -> None:
    session = FakeSession()
    session.answers[ListModules] = FULL
    async with opened(make_app(session, first="builder")) as pilot:
        await until(pilot, lambda: table_of(pilot.app).row_count == 2)
        assert shown(table_of(pilot.app))
        text = screen_text(pilot.app)
        for expected in ("Linear", "weight (10, 64)", "650"):
            assert expected in text
        session.answers[ListModules] = ModuleTree(())
        session.event("namespace")
        await until(pilot, lambda: table_of(pilot.app).row_count == 0)
        session.answers[ListModules] = FULL
        session.event("torch")
        await until(pilot, lambda: table_of(pilot.app).row_count == 2)


async def test_nothing_is_asked_for_a_screen_that_is_not_shown() -> None:
    session = FakeSession()
    async with opened(make_app(session)) as pilot:
        await pilot.press("f4")
        await until(pilot, lambda: session.of(ListModules))
        await pilot.press("f2")
        before = len(session.of(ListModules))
        session.cell("x = 1")
        await pilot.pause()
        assert len(session.of(ListModules)) == before
        await pilot.press("f4")
        await until(pilot, lambda: len(session.of(ListModules)) == before + 1)


async def test_r_asks_again() -> None:
    session = FakeSession()
    session.answers[ListModules] = FULL
    async with opened(make_app(session, first="builder")) as pilot:
        await until(pilot, lambda: table_of(pilot.app).row_count == 2)
        before = len(session.of(ListModules))
        await pilot.press("r")
        await until(pilot, lambda: len(session.of(ListModules)) == before + 1)


async def test_what_cannot_be_had_leaves_what_was_shown() -> None:
    session = FakeSession()
    session.answers[ListModules] = FULL
    async with opened(make_app(session, first="builder")) as pilot:
        await until(pilot, lambda: table_of(pilot.app).row_count == 2)
        for answer in (KernelRefused(Refusal("torch", "no torch")), TimeoutError()):
            session.answers[ListModules] = answer
            before = len(session.of(ListModules))
            session.event("namespace")
            await until(pilot, lambda before=before: len(session.of(ListModules)) > before)  # type: ignore[misc]
        session.die()
        await pilot.press("r")
        await pilot.pause()
        assert pilot.app.is_running
        assert table_of(pilot.app).row_count == 2


async def test_foreign_names_are_text() -> None:
    nasty = "[/foo][red]\x1b[2J\x07"
    session = FakeSession()
    session.answers[ListModules] = ModuleTree(
        (replace(ROOT, path=nasty, class_name=nasty, parameters=(nasty,)),)
    )
    async with opened(make_app(session, first="builder")) as pilot:
        await until(pilot, lambda: table_of(pilot.app).row_count == 1)
        await pilot.pause()
        text = screen_text(pilot.app)
        assert "[/foo][red]" in text
        assert "\x1b" not in text
        assert "\x07" not in text


# -- the table ------------------------------------------------------------------------------------


class Host(App[None]):
    def __init__(self) -> None:
        super().__init__()
        self.told: list[str | None] = []

    def compose(self) -> ComposeResult:
        yield RecordTable(("name", "value"))

    def on_record_table_highlighted(self, event: RecordTable.Highlighted) -> None:
        self.told.append(event.key)

    @property
    def table(self) -> RecordTable:
        return self.query_one(RecordTable)

    @property
    def key(self) -> str | None:
        """The key of the record under the cursor."""
        return self.table.current_key


def rows(*names: str, value: str = "1", style: str = "") -> Sequence[Row]:
    return [(name, (Text(name), Text(value, style=style))) for name in names]


async def test_the_cursor_stays_on_its_record_when_others_come_and_go() -> None:
    async with Host().run_test(size=(40, 10)) as pilot:
        app = pilot.app
        assert isinstance(app, Host)
        app.table.show(rows("b", "d", "f"))
        app.table.move_cursor(row=1)
        await pilot.pause()
        assert app.key == "d"
        for names in (("a", "b", "c", "d"), ("d", "a"), ("x", "d", "y"), ("d",)):
            app.table.show(rows(*names))
            await pilot.pause()
            assert app.key == "d"
            assert app.table.cursor_row == names.index("d")
        app.table.show(rows("a", "b"))
        await pilot.pause()
        assert {app.key} <= {"a", "b"}
        app.table.show([])
        await pilot.pause()
        assert {app.key} == {None}
        app.table.show(rows("z"))
        await pilot.pause()
        assert app.key == "z"


async def test_the_view_stays_where_it_was_scrolled_to() -> None:
    async with Host().run_test(size=(40, 10)) as pilot:
        app = pilot.app
        assert isinstance(app, Host)
        names = [f"row {number:03d}" for number in range(100)]
        app.table.show(rows(*names))
        app.table.move_cursor(row=50)
        await pilot.pause()
        here = app.table.scroll_offset.y
        assert here > 0
        app.table.show(rows(*names, "row 100"))
        await pilot.pause()
        assert (app.table.scroll_offset.y, app.table.current_key) == (here, "row 050")


async def test_only_cells_that_changed_are_written_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Host().run_test(size=(40, 10)) as pilot:
        table = pilot.app.query_one(RecordTable)
        table.show(rows("a", "b"))
        await pilot.pause()
        written: list[tuple[object, object]] = []
        update = table.update_cell

        def note(key: str, title: str, cell: Text, *, update_width: bool = False) -> None:
            written.append((key, title))
            update(key, title, cell, update_width=update_width)

        monkeypatch.setattr(table, "update_cell", note)
        monkeypatch.setattr(table, "clear", None)  # nothing is built anew
        table.show(rows("a", "b"))
        assert written == []
        table.show([*rows("a"), *rows("b", value="2")])
        assert written == [("b", "value")]
        table.show([*rows("a", style="bold"), *rows("b", value="2")])
        assert written == [("b", "value"), ("a", "value")]
        assert table.get_cell_at(Coordinate(1, 1)).plain == "2"


async def test_it_tells_which_record_the_cursor_is_on() -> None:
    app = Host()
    async with app.run_test(size=(40, 10)) as pilot:
        app.table.show(rows("a", "b"))
        app.table.focus()
        await pilot.press("down")
        await until(pilot, lambda: app.told[-1:] == ["b"])  # type: ignore[arg-type]


async def test_columns_shrink_when_their_widest_row_goes() -> None:
    async with Host().run_test(size=(200, 10)) as pilot:
        table = pilot.app.query_one(RecordTable)
        table.show(rows("a", value="v" * 100))
        await pilot.pause()
        wide = table.virtual_size.width
        table.show(rows("b", value="v"))
        await pilot.pause()
        await until(pilot, lambda: table.virtual_size.width < wide - 80)  # type: ignore[arg-type]
