"""The tensor viewer over a kernel of NumPy arrays: what it shows of every kind of tensor, and the keys that move."""

from __future__ import annotations

import numpy as np
import pytest
from textual import events
from textual.pilot import Pilot
from textual.widgets import Input

from screens.tensor_viewer import TensorViewer
from tests.ui.fake_session import make_app, opened, screen_rows, screen_text, shown, typed, until
from tests.ui.fake_tensors import FakeTensors, settled, viewing
from tui.protocol.viewing import OpenView, ReadPixels, ReadStatistics, ReadWindow
from tui.widgets.tensor_view.panel import SidePanel
from tui.widgets.tensor_view.pixels import PixelView
from tui.widgets.tensor_view.prompt import Prompt

GRID = np.arange(1000 * 60, dtype=np.float32).reshape(1000, 60)
BATCH = np.arange(4 * 3 * 20 * 6, dtype=np.float32).reshape(4, 3, 20, 6)


async def press(pilot: Pilot[int], viewer: TensorViewer, *keys: str) -> str:
    """Press keys, wait for what they bring, return what can be read."""
    for key in keys:
        await pilot.press(key)
        await settled(pilot, viewer)
    return screen_text(pilot.app)


def windows(session: FakeTensors) -> list[ReadWindow]:
    return [request for request in session.asked if isinstance(request, ReadWindow)]


def title(pilot: Pilot[int]) -> str:
    return screen_rows(pilot.app)[0].strip()


def value_rows(pilot: Pilot[int], viewer: TensorViewer) -> list[list[str]]:
    """The rows of values on the screen, without row numbers and the panel."""
    grid = viewer.grid
    rows = screen_rows(pilot.app)[grid.region.y + 1 : grid.region.bottom]
    return [parts[1:] for row in rows if (parts := row[: grid.region.right].split())]


# -- what is shown --------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(120, 40), (80, 24)])
async def test_it_shows_values_and_asks_only_for_those_on_the_screen(size: tuple[int, int]) -> None:
    session = FakeTensors(x=GRID)
    async with viewing(session, "x", size=size) as (pilot, viewer):
        assert title(pilot).startswith("x  (1000, 60) float32 cpu")
        box = viewer.grid.viewport.box
        rows = value_rows(pilot, viewer)
        assert len(rows) == box.rows == size[1] - 5
        assert [float(value) for value in rows[3]] == [float(v) for v in GRID[3, : box.columns]]
        assert sum(request.rows * request.columns for request in windows(session)) <= 2 * box.area


async def test_the_cursor_and_pages() -> None:
    session = FakeTensors(x=GRID)
    async with viewing(session, "x") as (pilot, viewer):
        assert "x[1, 2] = 62.0" in await press(pilot, viewer, "down", "right", "right")
        page = viewer.grid.viewport.height
        assert f"x[{1 + page}, 2] = {GRID[1 + page, 2]}" in await press(pilot, viewer, "pagedown")
        assert "x[999, 59] = 59999.0" in await press(pilot, viewer, "ctrl+end")
        assert value_rows(pilot, viewer)[-1][-1] == "59999.0000"
        assert "x[999, 0] = 59940.0" in await press(pilot, viewer, "home")
        assert "x[0, 0] = 0.0" in await press(pilot, viewer, "ctrl+home")
        width = viewer.grid.viewport.width
        assert f"x[0, {width}]" in await press(pilot, viewer, "ctrl+right")


async def test_the_mouse_scrolls_and_picks() -> None:
    session = FakeTensors(x=GRID)
    async with viewing(session, "x") as (pilot, viewer):
        grid = viewer.grid
        for _ in range(2):
            grid.post_message(events.MouseScrollDown(grid, 5, 5, 0, 1, 0, False, False, False))
        await settled(pilot, viewer)
        assert grid.viewport.top == 6
        await pilot.click(grid, offset=(30, 3))
        await settled(pilot, viewer)
        row, column = grid.viewport.row, grid.viewport.column
        assert row == 8
        assert f"x[{row}, {column}] = {GRID[row, column]}" in screen_text(pilot.app)


async def test_formats_and_digits() -> None:
    session = FakeTensors(x=np.array([[1.0, -0.5], [np.nan, np.inf]], dtype=np.float32))
    async with viewing(session, "x") as (pilot, viewer):
        assert value_rows(pilot, viewer) == [["1.0000", "-0.5000"], ["NaN", "∞"]]
        await press(pilot, viewer, "minus", "minus")
        assert value_rows(pilot, viewer)[0] == ["1.00", "-0.50"]
        await press(pilot, viewer, "plus", "f")
        assert value_rows(pilot, viewer)[0] == ["1.000e+00", "-5.000e-01"]
        await press(pilot, viewer, "f")
        assert value_rows(pilot, viewer)[0] == ["1", "-0.5"]
        await press(pilot, viewer, "f")
        assert value_rows(pilot, viewer) == [["0x3f800000", "0xbf000000"], ["0x7fc00000", "0x7f800000"]]
        text = await press(pilot, viewer, "f")
        assert "0 01111111 " + "0" * 23 in text
        await press(pilot, viewer, "F", "F")
        assert value_rows(pilot, viewer)[0] == ["1", "-0.5"]


KINDS = {
    "a single value": (np.float32(3.5), "s = 3.5", "3.5000"),
    "a vector": (np.linspace(0, 1, 5), "s[0] = 0.0", "0.2500"),
    "integers": (np.array([[-(2**63), 2**63 - 1]]), "s[0, 0] = -9223372036854775808", "9223372036854775807"),
    "bools": (np.array([[True, False]]), "s[0, 0] = True", "True"),
    "complex numbers": (np.array([[1 + 2j]], np.complex64), "s[0, 0] = 1.0+2.0j", "1.0000+2.0000j"),
    "an empty tensor": (np.zeros((0, 3)), "is empty", "(0, 3)"),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
async def test_every_kind_of_tensor(kind: str) -> None:
    array, foot, cell = KINDS[kind]
    session = FakeTensors(s=np.asarray(array))
    async with viewing(session, "s", size=(80, 24)) as (pilot, viewer):
        text = screen_text(pilot.app)
        assert foot in text
        assert cell in text
        for key in (
            "d",
            "D",
            "t",
            "f",
            "c",
            "n",
            "less_than_sign",
            "bracketleft",
            "tab",
            "enter",
            "pagedown",
            "end",
        ):
            await pilot.press(key)
        await settled(pilot, viewer)
        assert pilot.app.is_running


async def test_a_tensor_without_values_shows_its_facts() -> None:
    session = FakeTensors(x=np.zeros((3, 4), np.float32))
    session.device = "meta"
    async with viewing(session, "x") as (pilot, viewer):
        text = await press(pilot, viewer, "less_than_sign")
        assert "no values" in text
        assert "float32 · meta" in text
        assert not session.of(ReadStatistics)


async def test_foreign_text_is_harmless() -> None:
    session = FakeTensors(x=GRID)
    async with viewing(session, "x['[/b]\x1b[2J']") as (pilot, _):
        text = screen_text(pilot.app)
        assert "\x1b" not in text
        assert "[/b]" in text


# -- dimensions -----------------------------------------------------------------------------------


async def test_sliders_choose_the_other_dimensions() -> None:
    session = FakeTensors(x=BATCH)
    async with viewing(session, "x") as (pilot, viewer):
        assert title(pilot).startswith("x[0, 0, :, :]")
        await press(
            pilot, viewer, "right_square_bracket", "right_square_bracket", "tab", "right_square_bracket"
        )
        assert title(pilot).startswith("x[2, 1, :, :]")
        assert float(value_rows(pilot, viewer)[0][0]) == BATCH[2, 1, 0, 0]
        await press(pilot, viewer, "right_curly_bracket")
        assert title(pilot).startswith("x[2, 2, :, :]")
        await press(pilot, viewer, "shift+tab", "left_square_bracket")
        assert title(pilot).startswith("x[1, 2, :, :]")
        row = next(y for y, text in enumerate(screen_rows(pilot.app)) if "dim 0" in text)
        await pilot.click(offset=(screen_rows(pilot.app)[row].index("▸"), row))
        await settled(pilot, viewer)
        assert title(pilot).startswith("x[2, 2, :, :]")


async def test_any_two_dimensions_can_be_on_the_screen() -> None:
    session = FakeTensors(x=BATCH)
    async with viewing(session, "x") as (pilot, viewer):
        await press(pilot, viewer, "d")
        assert title(pilot).startswith("x[:, 0, 0, :]")
        assert float(value_rows(pilot, viewer)[3][2]) == BATCH[3, 0, 0, 2]
        await press(pilot, viewer, "D")
        assert title(pilot).startswith("x[:, :, 0, 0]")
        await press(pilot, viewer, "t")
        assert float(value_rows(pilot, viewer)[1][3]) == BATCH[3, 1, 0, 0]


async def test_a_vector_goes_down_or_across() -> None:
    session = FakeTensors(v=np.arange(5, dtype=np.float32))
    async with viewing(session, "v") as (pilot, viewer):
        assert value_rows(pilot, viewer) == [["0.0000"], ["1.0000"], ["2.0000"], ["3.0000"], ["4.0000"]]
        await press(pilot, viewer, "down", "down", "t")
        assert value_rows(pilot, viewer) == [["0.0000", "1.0000", "2.0000", "3.0000", "4.0000"]]
        assert "v[2] = 2.0" in screen_text(pilot.app)


async def test_sorting_and_reducing_along_a_dimension() -> None:
    array = np.array([[3.0, 1.0], [2.0, 4.0]])
    session = FakeTensors(x=array)
    async with viewing(session, "x") as (pilot, viewer):
        await press(pilot, viewer, "a")
        assert title(pilot).startswith("x.sort(dim=1).values")
        assert value_rows(pilot, viewer) == [["1.0000", "3.0000"], ["2.0000", "4.0000"]]
        await press(pilot, viewer, "A")
        assert value_rows(pilot, viewer) == [["2.0000", "1.0000"], ["3.0000", "4.0000"]]
        await press(pilot, viewer, "a", "a")
        assert title(pilot).startswith("x.mean(dim=0, keepdim=True)  (1, 2)")
        assert value_rows(pilot, viewer) == [["2.5000", "2.5000"]]
        for _ in range(6):
            await press(pilot, viewer, "a")
        assert title(pilot).startswith("x  (2, 2)")


# -- typing ---------------------------------------------------------------------------------------


async def enter(pilot: Pilot[int], viewer: TensorViewer, text: str) -> None:
    """Put a text in the place of what is in the prompt's line, and press enter."""
    viewer.query_one("#field-0", Input).value = ""
    await typed(pilot, text + "\n")
    await settled(pilot, viewer)


async def test_an_expression_is_typed() -> None:
    session = FakeTensors(x=BATCH, y=np.eye(2))
    async with viewing(session, "x") as (pilot, viewer):
        await pilot.press("slash")
        await enter(pilot, viewer, "x[2, :, ::2]")
        assert title(pilot).startswith("x[2, :, ::2][0, :, :]  (3, 10, 6)")
        assert not shown(viewer.query_one(Prompt))
        await pilot.press("colon")
        await enter(pilot, viewer, "y")
        assert value_rows(pilot, viewer) == [["1.0000", "0.0000"], ["0.0000", "1.0000"]]
        await press(pilot, viewer, "backspace", "backspace")
        assert title(pilot).startswith("x[0, 0, :, :]")
        assert "nothing was looked at before" in await press(pilot, viewer, "backspace")


async def test_a_typed_index_of_what_is_shown_moves_the_sliders_and_asks_nothing_new() -> None:
    session = FakeTensors(x=BATCH)
    async with viewing(session, "x") as (pilot, viewer):
        opened = len(session.of(OpenView))
        await pilot.press("slash")
        await enter(pilot, viewer, "x[3, 2, :, :]")
        assert title(pilot).startswith("x[3, 2, :, :]")
        assert viewer.model.view.expression == "x"
        assert len(session.of(OpenView)) == opened


async def test_a_refused_expression_stays_in_the_line_and_the_view_on_the_screen() -> None:
    session = FakeTensors(x=GRID)
    async with viewing(session, "x") as (pilot, viewer):
        await pilot.press("slash")
        await enter(pilot, viewer, "nothing_of_that_name")
        text = screen_text(pilot.app)
        assert "there is no name nothing_of_that_name any more" in text
        assert "look at" in text
        assert title(pilot).startswith("x  (1000, 60)")
        await pilot.press("escape")
        await settled(pilot, viewer)
        assert not shown(viewer.query_one(Prompt))
        assert viewer.grid.has_focus
        assert pilot.app.screen is viewer


async def test_a_first_expression_that_is_refused_can_be_corrected() -> None:
    session = FakeTensors(x=GRID)
    async with viewing(session, "y") as (pilot, viewer):
        await until(pilot, lambda: "there is no name y any more" in screen_text(pilot.app))
        await enter(pilot, viewer, "x")
        assert title(pilot).startswith("x  (1000, 60)")


async def test_it_goes_to_a_typed_place() -> None:
    session = FakeTensors(x=BATCH)
    async with viewing(session, "x") as (pilot, viewer):
        await pilot.press("g")
        await enter(pilot, viewer, "3, 1, 19, 5")
        assert f"x[3, 1, 19, 5] = {BATCH[3, 1, 19, 5]}" in screen_text(pilot.app)
        await pilot.press("g")
        await enter(pilot, viewer, "99, 0")
        assert "99 is outside dimension 2, which has 20" in screen_text(pilot.app)


# -- the cell, the picture, the panel -------------------------------------------------------------


async def test_the_value_under_the_cursor_in_full_and_as_it_is_stored() -> None:
    session = FakeTensors(x=np.array([[0.1]], np.float32))
    async with viewing(session, "x") as (pilot, _):
        await pilot.press("enter")
        await until(pilot, lambda: "stored" in screen_text(pilot.app))
        text = screen_text(pilot.app)
        assert "x[0, 0] = 0.10000000149011612" in text
        assert "0x3dcccccd  0 01111011 10011001100110011001101" in text


async def test_values_are_copied() -> None:
    session = FakeTensors(x=np.array([[0.5, 2.0], [3.0, 4.0]]))
    async with viewing(session, "x") as (pilot, viewer):
        assert "copied" in await press(pilot, viewer, "y")
        assert pilot.app.clipboard == "0.5"
        await press(pilot, viewer, "Y")
        assert pilot.app.clipboard == "0.5000\t2.0000\n3.0000\t4.0000"


async def test_a_picture_and_back() -> None:
    image = np.linspace(0, 1, 3 * 16 * 16).reshape(3, 16, 16)
    session = FakeTensors(x=image, v=np.zeros(3))
    async with viewing(session, "x") as (pilot, viewer):
        await pilot.press("p")
        await until(pilot, lambda: "16 x 16 pixels" in screen_text(pilot.app))
        assert "▀" in screen_text(pilot.app)
        assert not shown(viewer.grid)
        await press(pilot, viewer, "escape")
        assert shown(viewer.grid)
        assert viewer.grid.has_focus
        await pilot.press("slash")
        await enter(pilot, viewer, "v")
        await pilot.press("p")
        await until(pilot, lambda: "a picture needs two dimensions" in screen_text(pilot.app))
        assert not shown(viewer.query_one(PixelView))
        assert len(session.of(ReadPixels)) == 1


async def test_the_picture_follows_the_sliders() -> None:
    images = np.zeros((4, 3, 8, 8))
    images[1] = np.linspace(0, 1, 64).reshape(8, 8)
    session = FakeTensors(x=images)
    async with viewing(session, "x") as (pilot, _):
        await pilot.press("p")
        await until(pilot, lambda: "[0, 0] stretched" in screen_text(pilot.app))
        await pilot.press("right_square_bracket")
        await until(pilot, lambda: "[0, 1] stretched" in screen_text(pilot.app))
        assert [request.view.expression for request in session.asked if isinstance(request, ReadPixels)] == [
            "x[0]",
            "x[1]",
        ]


async def test_the_panel_is_shown_where_there_is_room_and_on_a_key() -> None:
    session = FakeTensors(x=GRID)
    async with viewing(session, "x", size=(80, 24)) as (pilot, viewer):
        panel = viewer.query_one(SidePanel)
        assert not shown(panel)
        text = await press(pilot, viewer, "h")
        assert shown(panel)
        assert "strides" in text
        text = await press(pilot, viewer, "J", "J", "J", "J")
        assert "quantiles" in text
        await press(pilot, viewer, "h")
        assert not shown(panel)
    session = FakeTensors(x=GRID)
    async with viewing(session, "x", size=(120, 40)) as (pilot, viewer):
        assert shown(viewer.query_one(SidePanel))
        await press(pilot, viewer, "h")
        assert not shown(viewer.query_one(SidePanel))


async def test_over_the_app_its_keys_are_in_the_help_and_q_closes_it() -> None:
    session = FakeTensors(x=GRID)
    async with opened(make_app(session)) as pilot:
        viewer = TensorViewer(session, "x")
        await pilot.app.push_screen(viewer)
        await settled(pilot, viewer)
        await pilot.press("f1")
        await until(pilot, lambda: pilot.app.screen is not viewer)
        await pilot.pause()
        assert "Fixed, scientific, significant digits, hex, bits" in screen_text(pilot.app)
        await pilot.press("escape")
        await until(pilot, lambda: pilot.app.screen is viewer)
        await pilot.press("q")
        await until(pilot, lambda: pilot.app.screen is not viewer)
        assert not viewer.is_attached
