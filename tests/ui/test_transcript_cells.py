from __future__ import annotations

import base64
import json
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image
from textual import on
from textual.app import ComposeResult
from textual.message import Message
from textual.pilot import Pilot
from textual.widgets import Input

from tui.protocol.codec import encode
from tui.protocol.operations import FAILURE_MIME, OPERATIONS_MIME, Explanation, Failure, Operand, Step
from tui.protocol.values import VALUE_MIME, Picture, Shown, TensorFacts, Tile
from tui.protocol.viewing import Pixels
from tui.themes import ThemedApp
from tui.widgets.transcript import Transcript

TENSOR = TensorFacts("Tensor", (2, 2), "float32", "cpu", 4, 16, statistics="x∈[1, 4]")
MATRIX = Picture("matrix", (Tile("", ((1.0, 2.0), (3.0, -4.0))),))
LIBRARY = "File /env/lib/python3.11/site-packages/torch/a.py:3, in f()\n----> 3 boom()\n"


class Host(ThemedApp[None]):
    """A transcript and an input; keeps the transcript's messages."""

    def __init__(self, spill: Path | None = None) -> None:
        super().__init__()
        self.heard: list[Message] = []
        self._spill = spill

    def compose(self) -> ComposeResult:
        yield Transcript(spill=self._spill)
        yield Input()

    @on(Transcript.EditWanted)
    @on(Transcript.RerunWanted)
    @on(Transcript.CopyWanted)
    @on(Transcript.ImageWanted)
    @on(Transcript.ViewWanted)
    @on(Transcript.LeaveWanted)
    def hear(self, message: Message) -> None:
        self.heard.append(message)


def value(
    picture: Picture = MATRIX, text: str = "tensor([[ 1.,  2.],\n        [ 3., -4.]])"
) -> dict[str, str]:
    return {VALUE_MIME: json.dumps(encode(Shown(TENSOR, picture))), "text/plain": text}


def run_cell(transcript: Transcript, name: str, count: int, data: dict[str, str] | None = None) -> None:
    transcript.start_cell(name, count, f"code {name}")
    if data is not None:
        transcript.show(name, data, count)
    transcript.end(name, "ok", 0.1)


async def settled(pilot: Pilot[None]) -> Transcript:
    transcript = pilot.app.query_one(Transcript)
    transcript.lay_out()
    await pilot.pause()
    return transcript


async def focused(pilot: Pilot[None]) -> Transcript:
    transcript = await settled(pilot)
    transcript.focus()
    await pilot.pause()
    return transcript


def marked(transcript: Transcript) -> list[str]:
    """Return the rows of the screen that the selection's bar stands before."""
    rows = [transcript.render_line(y).text for y in range(transcript.size.height)]
    return [row[1:].rstrip() for row in rows if row.startswith("▌")]


async def test_a_tensor_is_drawn_in_place_of_its_text_and_p_shows_the_text() -> None:
    app = Host()
    async with app.run_test(size=(80, 24)) as pilot:
        transcript = await settled(pilot)
        run_cell(transcript, "a", 1, value())
        drawn = transcript.text
        assert "Out[1]: Tensor (2, 2) float32 cpu n=4 16 B x∈[1, 4]" in drawn
        assert "3. -4." in drawn
        assert "tensor(" not in drawn
        await focused(pilot)
        await pilot.press("p")
        assert "tensor([[ 1.,  2.]," in transcript.text
        assert "Tensor (2, 2)" not in transcript.text
        await pilot.press("p")
        assert transcript.text == drawn


async def test_a_drawing_follows_the_width() -> None:
    rows = tuple(tuple(float(row * column) for column in range(12)) for row in range(4))
    async with Host().run_test(size=(100, 30)) as pilot:
        transcript = await settled(pilot)
        run_cell(transcript, "a", 1, value(Picture("matrix", (Tile("", rows),))))
        assert "33." in transcript.text
        await pilot.resize_terminal(40, 30)
        await settled(pilot)
        assert "33." not in transcript.text
        assert "▀" in transcript.text


@pytest.mark.parametrize("broken", ["", "{", "[1]", '{"tensor": 5}', "[" * 100_000, "{}"])
async def test_a_value_that_cannot_be_read_is_shown_as_its_text(broken: str) -> None:
    async with Host().run_test(size=(60, 24)) as pilot:
        transcript = await settled(pilot)
        transcript.show("a", {VALUE_MIME: broken, "text/plain": "tensor(3)"}, 1)
        transcript.show("a", {OPERATIONS_MIME: broken})
        transcript.show("a", {FAILURE_MIME: broken})
        assert transcript.text == "Out[1]: tensor(3)"


async def test_operations_and_failures_stand_under_their_cell() -> None:
    step = Step("@", "x @ w", "matmul", (Operand("x", (2, 3)), Operand("w", (3, 4))), Operand("", (2, 4)))
    failure = Failure("x @ w", "In [2], line 1", "@", "3 is not 5.", (Operand("x", (2, 3)),), ("x.T",))
    async with Host().run_test(size=(60, 24)) as pilot:
        transcript = await settled(pilot)
        run_cell(transcript, "a", 1, {"text/plain": "tensor(1)"})
        transcript.show("a", {OPERATIONS_MIME: json.dumps(encode(Explanation((step,))))})
        transcript.start_cell("b", 2, "x @ w")
        transcript.fail("b", "RuntimeError", "no", ["RuntimeError: no"])
        transcript.show("b", {FAILURE_MIME: json.dumps(encode(failure))})
        lines = transcript.text.split("\n")
        assert lines[1:3] == ["Out[1]: tensor(1)", "│ (2, 3) @ (3, 4) → (2, 4)"]
        assert lines[-5:] == [
            "RuntimeError: no",
            "┃ 3 is not 5.",
            "┃ x @ w  In [2], line 1",
            "┃   x  (2, 3)",
            "┃ → x.T",
        ]


async def test_keys_move_the_mark_from_cell_to_cell() -> None:
    async with Host().run_test(size=(60, 12)) as pilot:
        transcript = await settled(pilot)
        for count in range(1, 21):
            run_cell(transcript, f"c{count}", count, {"text/plain": str(count)})
        assert marked(transcript) == []
        await focused(pilot)
        assert marked(transcript) == ["In [20]: code c20", "Out[20]: 20"]
        await pilot.press("up", "k")
        assert marked(transcript) == ["In [18]: code c18", "Out[18]: 18"]
        await pilot.press("home")
        assert marked(transcript) == ["In [1]: code c1", "Out[1]: 1"]
        assert transcript.scroll_offset.y == 0
        await pilot.press("up", "down", "j", "j")
        assert marked(transcript)[0] == "In [4]: code c4"
        await pilot.press(*["down"] * 30)
        assert marked(transcript)[0] == "In [20]: code c20"
        await pilot.press("home", "end")
        assert marked(transcript)[0] == "In [20]: code c20"
        pilot.app.query_one(Input).focus()
        await pilot.pause()
        assert marked(transcript) == []


async def test_keys_ask_for_what_the_screen_does() -> None:
    app = Host()
    async with app.run_test(size=(60, 24)) as pilot:
        transcript = await settled(pilot)
        run_cell(transcript, "a", 7, value(Picture("matrix", MATRIX.tiles, image=True), "tensor(text)"))
        await focused(pilot)
        await pilot.press("enter", "e", "r", "y", "o", "v", "i", "escape")
        seen = [
            (type(message).__name__, {k: v for k, v in vars(message).items() if k in FIELDS})
            for message in app.heard
        ]
        assert seen == [
            ("EditWanted", {"code": "code a"}),
            ("EditWanted", {"code": "code a"}),
            ("RerunWanted", {"code": "code a"}),
            ("CopyWanted", {"text": "code a", "what": "code"}),
            ("CopyWanted", {"text": "tensor(text)", "what": "output"}),
            ("ViewWanted", {"expression": "_7"}),
            ("ImageWanted", {"cell_id": "a", "count": 7}),
            ("LeaveWanted", {}),
        ]


FIELDS = {"code", "text", "what", "expression", "cell_id", "count"}


async def test_what_makes_no_sense_for_a_cell_is_greyed_out() -> None:
    app = Host()
    async with app.run_test(size=(60, 24)) as pilot:
        transcript = await settled(pilot)
        transcript.notice("welcome")
        run_cell(transcript, "a", 1)
        await focused(pilot)
        deeds = ["edit", "rerun", "copy_output", "view", "image", "drawing", "traceback", "fold", "select"]
        able = {deed for deed in deeds if transcript.check_action(deed, ())}
        assert able == {"edit", "rerun", "select"}
        await pilot.press("up")
        assert not transcript.check_action("edit", ())
        await pilot.press("e", "r", "v", "i", "p", "t")
        assert app.heard == []


async def test_space_folds_the_whole_output() -> None:
    async with Host().run_test(size=(60, 24)) as pilot:
        transcript = await settled(pilot)
        transcript.start_cell("a", 1, "show()")
        transcript.stream("a", "stdout", "one\ntwo\n")
        await focused(pilot)
        await pilot.press("space")
        assert transcript.text.split("\n")[1:] == ["▸ 2 lines of output, folded"]
        transcript.stream("a", "stdout", "three\n")
        assert transcript.text.split("\n")[1:] == ["▸ 3 lines of output, folded"]
        await pilot.press("space")
        assert transcript.text.split("\n")[1:] == ["one", "two", "three"]


async def test_t_unfolds_the_traceback() -> None:
    async with Host().run_test(size=(60, 24)) as pilot:
        transcript = await settled(pilot)
        transcript.start_cell("a", 1, "boom()")
        transcript.fail(
            "a", "ValueError", "no", ["Cell In[1], line 1\n----> 1 boom()\n", LIBRARY, "ValueError: no"]
        )
        transcript.end("a", "error")
        await focused(pilot)
        assert "… 1 frame in torch/a.py" in transcript.text
        await pilot.press("t")
        assert "3 boom()" in transcript.text
        assert "…" not in transcript.text
        await pilot.press("t")
        assert "3 boom()" not in transcript.text


async def test_a_click_selects_the_cell_under_it() -> None:
    async with Host().run_test(size=(60, 24)) as pilot:
        transcript = await settled(pilot)
        for count in range(1, 4):
            run_cell(transcript, f"c{count}", count)
        await settled(pilot)
        await pilot.click(transcript, offset=(10, 2))
        assert marked(transcript) == ["In [2]: code c2"]
        await pilot.click(transcript, offset=(0, 20))
        assert marked(transcript) == ["In [3]: code c3"]


def picture_file(mode: str = "RGB") -> str:
    file = BytesIO()
    Image.new(mode, (20, 10), "red").save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


async def until_text(pilot: Pilot[None], text: str) -> str:
    transcript = pilot.app.query_one(Transcript)
    await pilot.app.workers.wait_for_complete()
    await settled(pilot)
    assert text in transcript.text
    return transcript.text


async def test_figures_are_drawn_and_broken_ones_told() -> None:
    async with Host().run_test(size=(60, 24)) as pilot:
        transcript = await settled(pilot)
        transcript.show("a", {"text/plain": "<Figure>", "image/png": picture_file()}, 1)
        assert transcript.text.startswith("Out[1]: <Figure>\n[image/png ")
        text = await until_text(pilot, "▀" * 40)
        assert "[image/png" not in text
        transcript.show("c", {"text/plain": "<Figure 2>", "image/png": picture_file()}, None)
        assert "<Figure 2>" not in transcript.text  # displayed, no result: the picture says it
        transcript.show("b", {"image/jpeg": "broken"})
        await until_text(pilot, "[image/jpeg 4 B · cannot be decoded: ")


async def test_the_image_of_a_tensor_comes_and_goes() -> None:
    raw = base64.b64encode(bytes(3 * 4 * 4)).decode()
    app = Host()
    async with app.run_test(size=(60, 24)) as pilot:
        transcript = await settled(pilot)
        run_cell(transcript, "a", 1, value(Picture("matrix", MATRIX.tiles, image=True)))
        before = transcript.text
        await focused(pilot)
        for _ in range(2):
            transcript.show_pixels("a", Pixels(4, 4, raw, (28, 28), "[0, 1]"))
            assert transcript.text.count("28 x 28 · [0, 1]") == 1
        await pilot.press("i")
        assert transcript.text == before
        assert app.heard == []
        transcript.show_pixels("gone", Pixels(4, 4, raw, (28, 28), "[0, 1]"))
        assert transcript.text == before


async def test_a_cell_that_was_dropped_is_no_longer_selected() -> None:
    app = Host()
    async with app.run_test(size=(60, 24)) as pilot:
        transcript = await settled(pilot)
        run_cell(transcript, "a", 1, value())
        await focused(pilot)
        transcript.clear_all()
        await pilot.press("e", "up", "space", "p", "end", "home")
        assert transcript.selected is None
        assert app.heard == []
        assert transcript.text == ""


async def test_moving_the_mark_paints_only_the_rows_of_the_two_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Host().run_test(size=(60, 24)) as pilot:
        transcript = await settled(pilot)
        for count in range(1, 5):
            run_cell(transcript, f"c{count}", count)
        await focused(pilot)
        rows: list[int] = []
        monkeypatch.setattr(
            transcript, "refresh", lambda *regions, **_: rows.extend(region.y for region in regions)
        )
        transcript.action_select(-1)
        assert rows == [4, 6]


async def test_every_theme_draws_in_its_own_colours() -> None:
    app = Host()
    async with app.run_test(size=(60, 24)) as pilot:
        transcript = await settled(pilot)
        run_cell(transcript, "a", 1, value())
        seen = set()
        for theme in ("torchtui-dark", "torchtui-light", "torchtui-colorblind", "textual-light"):
            app.theme = theme
            await pilot.pause()
            transcript.lay_out()
            strip = transcript.render_line(3)
            seen.add(
                str([segment.style.bgcolor for segment in strip if segment.style and "-4." in segment.text])
            )
        assert len(seen) >= 3
        assert "[]" not in seen


async def test_a_flood_is_kept_in_a_file(tmp_path: Path) -> None:
    async with Host(tmp_path / "out").run_test(size=(100, 24)) as pilot:
        transcript = await settled(pilot)
        transcript.start_cell("a", 4, "flood()")
        for start in range(0, 50_000, 1_000):
            transcript.stream("a", "stdout", "".join(f"{number}\n" for number in range(start, start + 1_000)))
        transcript.end("a", "ok", 1.0)
        assert (tmp_path / "out" / "cell-4.txt").read_text().count("\n") == 50_000
        assert "cell-4.txt" in transcript.text
