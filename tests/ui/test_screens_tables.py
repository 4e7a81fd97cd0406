"""The table of records."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from rich.text import Text
from textual.app import App, ComposeResult
from textual.coordinate import Coordinate
from textual.strip import Strip

from tests.ui.fake_session import until
from tui.widgets.record_table import RecordTable, Row


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


async def test_a_cell_alone_is_painted_anew_and_a_wider_one_is_seen_whole() -> None:
    async with Host().run_test(size=(60, 30)) as pilot:
        app = pilot.app
        assert isinstance(app, Host)
        names = [f"row {number}" for number in range(20)]
        app.table.show(rows(*names, value="10.5"))
        await pilot.pause()
        painted: list[int] = []
        real = app.table.render_line

        def render_line(y: int) -> Strip:
            painted.append(y)
            return real(y)

        app.table.render_line = render_line  # type: ignore[method-assign]
        app.table.show(
            [*rows(*names[:3], value="10.5"), *rows("row 3", value="11.5"), *rows(*names[4:], value="10.5")]
        )
        await until(pilot, lambda: painted)  # type: ignore[arg-type]
        await pilot.pause()
        assert set(painted) == {4}  # below the titles
        assert "11.5" in real(4).text
        app.table.show([*rows(*names[:19], value="10.5"), *rows("row 19", value="wider than any")])
        await until(pilot, lambda: 20 in painted)  # type: ignore[arg-type]
        await until(pilot, lambda: "wider than any" in real(20).text)  # type: ignore[arg-type]
