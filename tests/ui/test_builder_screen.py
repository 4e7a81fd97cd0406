"""The Builder by keys: what is typed becomes the design, what the kernel says of it is shown."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from textual import events
from textual.app import App

from tests.ui.fake_builder import BuilderSession, add, builder, settled, truth
from tests.ui.fake_session import screen_rows, screen_text, shown, typed, until
from tui.client.errors import KernelRefused
from tui.protocol.building import (
    Argument,
    Block,
    CheckDesign,
    CodeLine,
    Design,
    Fix,
    InputSpec,
    ListLayers,
)
from tui.protocol.messages import Refusal
from tui.widgets.builder.code_pane import CodePane
from tui.widgets.builder.label import label_text
from tui.widgets.builder.storing import Kept, load, save


def labels(design: Design) -> list[str]:
    """What the design is made of, blocks in blocks after them."""

    def of(blocks: tuple[Block, ...]) -> list[str]:
        return [
            line for one in blocks for line in (label_text(one), *(f"  {line}" for line in of(one.children)))
        ]

    return of(design.body)


def tree_text(app: App[int]) -> str:
    """What stands left of the code."""
    return "\n".join(row.split("▏")[0] for row in screen_rows(app))


async def test_layers_typed_before_the_kernel_has_told_which_there_are_are_placed_once_it_has() -> None:
    session = BuilderSession()
    gate, ask = asyncio.Event(), session.ask

    async def late(request: Any, *, timeout_s: float | None = None) -> Any:
        if isinstance(request, ListLayers):
            await gate.wait()
        return await ask(request, timeout_s=timeout_s)

    session.ask = late  # type: ignore[method-assign]
    async with builder(session, ready=lambda screen: not screen.control.stale) as (pilot, screen):
        await add(pilot, "conv 6 5")
        await until(pilot, lambda: "has not told its layers yet" in screen_text(pilot.app))
        gate.set()
        await until(pilot, lambda: "Conv2d" in screen_text(pilot.app))
        await pilot.press("enter")
        await until(pilot, lambda: bool(screen.control.design.body))
        assert labels(screen.control.design) == ["Conv2d(out_channels=6, kernel_size=5)"]


# -- placing ----------------------------------------------------------------------------------------


async def test_layers_are_typed_and_their_shapes_come_to_stand_beside_them() -> None:
    async with builder() as (pilot, screen):
        assert "a adds a layer" in " ".join(screen_text(pilot.app).split())
        await add(pilot, "conv 6 5")
        await add(pilot, "relu | pool 2 | flat | lin 10")
        await until(pilot, lambda: settled(screen) and "(N, 10)" in screen_text(pilot.app))
        painted = screen_text(pilot.app)
        for expected in (
            "Conv2d(‹1›, 6, 5)",
            "(N, 6, 24, 24)",
            "Linear(‹864›, 10)",
            "8,806 parameters",
            "156",
        ):
            assert expected in painted
        assert "class Model(nn.Module)" in painted
        assert screen.control.recent[0] == "nn.Linear"


async def test_a_line_typed_in_one_go_loses_nothing_and_keeps_its_order() -> None:
    async with builder() as (pilot, screen):
        line = ["a", *"conv", "space", "8", "space", "3", "enter", "a", *"relu", "enter", "up", "D", "u"]
        for key in line:
            character = {"space": " ", "enter": "\r"}.get(key, key if len(key) == 1 else None)
            pilot.app.post_message(events.Key(key, character))
        await until(pilot, lambda: labels(screen.control.design) and "undone" in screen_text(pilot.app))
        assert labels(screen.control.design) == ["Conv2d(out_channels=8, kernel_size=3)", "ReLU()"]


async def test_what_a_layer_lacks_is_said_where_it_is_typed() -> None:
    async with builder() as (pilot, screen):
        await add(pilot, "conv")
        assert shown(screen.chooser)
        await until(pilot, lambda: "needs out_channels, kernel_size" in screen_text(pilot.app))
        assert labels(screen.control.design) == []
        for key in ("space", "8", "space", "3", "enter"):
            await pilot.press(key)
        await until(pilot, lambda: not shown(screen.chooser))
        assert labels(screen.control.design) == ["Conv2d(out_channels=8, kernel_size=3)"]
        assert screen.focused is screen.blocks


async def test_a_wrong_argument_is_refused_while_it_is_typed() -> None:
    async with builder() as (pilot, screen):
        await pilot.press("a")
        await typed(pilot, "conv 0 3")
        await until(pilot, lambda: "out_channels: a whole number of 1 or more" in screen_text(pilot.app))
        await pilot.press("enter")
        assert shown(screen.chooser)
        await pilot.press("escape")
        await until(pilot, lambda: not shown(screen.chooser))
        assert labels(screen.control.design) == []


async def test_the_list_is_gone_through_and_completed_by_keys() -> None:
    async with builder() as (pilot, screen):
        await pilot.press("a")
        await typed(pilot, "affine")
        await pilot.press("tab")
        await until(pilot, lambda: screen.chooser.line.value == "Linear ")
        await typed(pilot, "3\n")
        await pilot.press("a")
        await typed(pilot, "activation")
        await pilot.press("down", "enter")
        await until(pilot, lambda: len(screen.control.design.body) == 2)
        assert labels(screen.control.design) == ["Linear(out_features=3)", "GELU()"]


async def test_classes_of_the_user_are_offered_as_soon_as_there_are_some() -> None:
    session = BuilderSession()
    async with builder(session) as (pilot, screen):
        before = len(session.of(ListLayers))
        session.event("namespace")
        await pilot.press("a")
        await until(pilot, lambda: len(session.of(ListLayers)) == before + 1)
        await typed(pilot, "mine")
        await until(pilot, lambda: "A class of the [red]user." in screen_text(pilot.app))
        await typed(pilot, " 4\n")
        await until(pilot, lambda: labels(screen.control.design) == ["Mine [/b](width=4)"])


# -- structure --------------------------------------------------------------------------------------


async def test_a_residual_block_is_built_inside_out_and_outside_in() -> None:
    async with builder() as (pilot, screen):
        await add(pilot, "conv 1 3 padding=1 | relu")
        await pilot.press("shift+up", "w")
        await typed(pilot, "res\n")
        await until(pilot, lambda: not shown(screen.chooser))
        assert labels(screen.control.design)[0] == "Residual"
        assert len(labels(screen.control.design)) == 3
        await add(pilot, "repeat 3")
        await add(pilot, "conv 1 3 padding=1", "i")
        assert labels(screen.control.design)[3:] == [
            "Repeat × 3",
            "  Conv2d(out_channels=1, kernel_size=3, padding=1)",
        ]
        await pilot.press("left", "W")
        assert labels(screen.control.design)[3:] == ["Conv2d(out_channels=1, kernel_size=3, padding=1)"]


async def test_repeats_are_wrapped_with_their_number_in_one_step() -> None:
    async with builder() as (pilot, screen):
        await add(pilot, "relu")
        await pilot.press("w")
        await typed(pilot, "repeat 6\n")
        await until(pilot, lambda: labels(screen.control.design) == ["Repeat × 6", "  ReLU()"])
        await pilot.press("u")
        assert labels(screen.control.design) == ["ReLU()"]


async def test_blocks_are_moved_by_the_arrows_until_enter() -> None:
    async with builder() as (pilot, screen):
        await add(pilot, "seq | relu | flat | gelu")
        await pilot.press("m", "up", "up", "up")
        assert labels(screen.control.design) == ["GELU()", "Sequence", "ReLU()", "Flatten()"]
        await pilot.press("right")
        assert labels(screen.control.design) == ["Sequence", "  GELU()", "ReLU()", "Flatten()"]
        await pilot.press("left", "enter")
        assert labels(screen.control.design) == ["Sequence", "GELU()", "ReLU()", "Flatten()"]
        before = labels(screen.control.design)
        await pilot.press("up")
        assert labels(screen.control.design) == before
        await pilot.press("u")
        assert labels(screen.control.design) != before


async def test_folds_hide_what_is_in_a_block_and_an_edit_there_opens_them() -> None:
    async with builder() as (pilot, _):
        await add(pilot, "seq features")
        await add(pilot, "relu | gelu", "i")
        await pilot.press("left", "left")
        await until(pilot, lambda: "2 blocks" in screen_text(pilot.app))
        assert "GELU()" not in tree_text(pilot.app)
        await add(pilot, "flat", "i")
        await until(pilot, lambda: "GELU()" in tree_text(pilot.app))
        await pilot.press("home", "space")
        await until(pilot, lambda: "3 blocks" in screen_text(pilot.app))


async def test_delete_duplicate_and_undo_without_limit() -> None:
    async with builder() as (pilot, screen):
        for number in range(1, 5):
            await add(pilot, f"lin {number}")
        await pilot.press("d", "D")
        assert len(screen.control.design.body) == 4
        for _ in range(6):
            await pilot.press("u")
        assert not list(screen.control.design.body)
        await pilot.press("u")
        await until(pilot, lambda: "there is nothing to undo" in screen_text(pilot.app))
        for _ in range(6):
            await pilot.press("ctrl+r")
        assert len(screen.control.design.body) == 4
        await until(pilot, lambda: settled(screen))


# -- the truth --------------------------------------------------------------------------------------


async def test_a_row_that_fails_says_why_and_one_key_mends_it() -> None:
    async with builder() as (pilot, screen):
        await add(pilot, "flat | lin 10 in_features=400 | relu")
        await until(
            pilot, lambda: settled(screen) and "f applies: in_features 400 → 784" in screen_text(pilot.app)
        )
        painted = screen_text(pilot.app)
        assert "✗ Linear(400, 10)" in painted
        assert "400, but 784 come in [/b]" in painted  # foreign words are text
        await pilot.press("f")
        await until(pilot, lambda: settled(screen) and "✗" not in screen_text(pilot.app))
        await until(pilot, lambda: "(N, 10)" in screen_text(pilot.app))
        await pilot.press("f")
        assert labels(screen.control.design)[1] == "Linear(out_features=10, in_features=784)"


async def test_what_is_strange_about_a_block_that_runs_is_said_and_can_be_mended() -> None:
    session = BuilderSession()
    async with builder(session) as (pilot, screen):
        told = truth(CheckDesign(Design(body=(Block(1, "layer", layer="nn.ReLU"),))))
        fix = Fix("take it out", ())
        note = replace(told.blocks[0], note="a ReLU before the loss [/b]", fixes=(fix,))
        session.answers[CheckDesign] = replace(told, blocks=(note,))
        await add(pilot, "relu")
        await until(
            pilot, lambda: settled(screen) and "a ReLU before the loss [/b]" in screen_text(pilot.app)
        )
        assert "f applies: take it out" in screen_text(pilot.app)
        assert "✗" not in screen_text(pilot.app)
        await pilot.press("f")
        assert screen.control.design.body == ()


async def test_the_newest_design_is_looked_at_and_one_at_a_time() -> None:
    session = BuilderSession()
    async with builder(session) as (pilot, screen):
        before = len(session.of(CheckDesign))
        session.gate = asyncio.Event()
        for layer in ("relu", "gelu", "flat", "lin 3"):
            await add(pilot, layer)  # typing goes on while the kernel takes its time
        assert len(screen.control.design.body) == 4
        assert screen.control.stale
        session.gate.set()
        await until(pilot, lambda: settled(screen))
        assert len(session.of(CheckDesign)) == before + 2
        assert session.most_at_once == 1
        assert session.of(CheckDesign)[-1].design == screen.control.design  # type: ignore[attr-defined]


async def test_what_was_known_stays_dim_until_the_new_truth_is_there() -> None:
    session = BuilderSession()
    async with builder(session) as (pilot, screen):
        await add(pilot, "flat")
        await until(pilot, lambda: settled(screen) and "(N, 784)" in screen_text(pilot.app))
        session.gate = asyncio.Event()
        await add(pilot, "lin 10")
        await until(pilot, lambda: "looking at it" in screen_text(pilot.app))
        assert "(N, 784)" in screen_text(pilot.app)
        session.gate.set()
        await until(pilot, lambda: "(N, 10)" in screen_text(pilot.app))
        assert "looking at it" not in screen_text(pilot.app)


async def test_a_kernel_that_refuses_or_dies_is_told_of_and_editing_goes_on() -> None:
    session = BuilderSession()
    async with builder(session) as (pilot, screen):
        await add(pilot, "flat")
        session.answers[CheckDesign] = KernelRefused(Refusal("torch", "torch is not there [/x]"))
        await add(pilot, "relu")
        await until(pilot, lambda: "torch is not there [/x]" in screen_text(pilot.app))
        del session.answers[CheckDesign]
        session.die()
        await add(pilot, "lin 10")
        await until(pilot, lambda: "kernel" in screen_text(pilot.app).split("\n")[1])
        assert len(screen.control.design.body) == 3
        await session.restart()
        await until(pilot, lambda: settled(screen) and "(N, 10)" in screen_text(pilot.app))


async def test_input_batch_and_name_are_asked_for() -> None:
    session = BuilderSession()
    async with builder(session) as (pilot, screen):
        await pilot.press("I")
        screen.chooser.put("")
        await typed(pilot, "(3 32")
        await until(pilot, lambda: "a shape without the batch" in screen_text(pilot.app))
        screen.chooser.put("")
        await typed(pilot, "img (3, 32, 32) float32\n")
        await until(pilot, lambda: "img (N, 3, 32, 32)" in screen_text(pilot.app))
        assert screen.control.design.inputs == (InputSpec("img", (3, 32, 32)),)
        await pilot.press("b")
        screen.chooser.put("")
        await typed(pilot, "64 sgd momentum\n")
        await until(pilot, lambda: "batch 64 · SGD momentum" in screen_text(pilot.app))
        await until(pilot, lambda: session.of(CheckDesign)[-1].batch == 64)  # type: ignore[attr-defined]
        await pilot.press("R")
        screen.chooser.put("")
        await typed(pilot, "class\n")
        await until(pilot, lambda: "word of Python" in screen_text(pilot.app))
        screen.chooser.put("")
        await typed(pilot, "LeNet\n")
        await until(pilot, lambda: "class LeNet" in screen_text(pilot.app))


# -- the form ---------------------------------------------------------------------------------------


async def test_properties_are_edited_where_they_stand() -> None:
    async with builder() as (pilot, screen):
        await add(pilot, "conv 6 5")
        await until(pilot, lambda: settled(screen))
        await pilot.press("enter")
        await until(pilot, lambda: "auto (1)" in screen_text(pilot.app))
        await pilot.press("down", "1", "6", "enter")
        assert screen.control.design.body[0].arguments[0] == Argument("out_channels", "16")
        await pilot.press("x", "enter")  # the kernel size
        await until(pilot, lambda: "kernel_size: a whole number, or several" in screen_text(pilot.app))
        assert screen.form.problem
        assert screen.form.current_key == "kernel_size"
        await pilot.press("escape", "down", "right")
        assert Argument("stride", "2") in screen.control.design.body[0].arguments
        await pilot.press("delete")
        assert Argument("stride", "2") not in screen.control.design.body[0].arguments
        await pilot.press("escape")
        assert screen.focused is screen.blocks
        await pilot.press("u", "u", "u")
        assert screen.control.design.body[0].arguments[0] == Argument("out_channels", "6")


async def test_freezing_and_renaming() -> None:
    async with builder() as (pilot, screen):
        await add(pilot, "flat | lin 10")
        await pilot.press("F")
        await until(pilot, lambda: settled(screen) and "7,850 frozen" in screen_text(pilot.app))
        await pilot.press("r")
        await typed(pilot, "head\n")
        assert screen.control.design.body[1].name == "head"
        assert screen.control.design.body[1].frozen
        await pilot.press("F")
        assert not screen.control.design.body[1].frozen


# -- where it stays ---------------------------------------------------------------------------------


async def test_the_design_is_kept_on_disk_and_survives_other_screens(tmp_path: Path) -> None:
    store = tmp_path / "state" / "builder.json"
    async with builder(store=store) as (pilot, screen):
        await add(pilot, "conv 6 5")
        await until(pilot, lambda: (kept := _kept(store)) and kept.design == screen.control.design)
        await pilot.press("f2")
        await until(pilot, lambda: pilot.app.screen is not screen)
        await pilot.press("f4")
        await until(pilot, lambda: pilot.app.screen is screen)
        assert screen.focused is screen.blocks
    async with builder(store=store) as (pilot, screen):
        assert labels(screen.control.design) == ["Conv2d(out_channels=6, kernel_size=5)"]
        await pilot.press("n")
        await until(pilot, lambda: "a new design" in screen_text(pilot.app))
        await pilot.press("u")
        assert len(screen.control.design.body) == 1


def _kept(path: Path) -> Kept | None:
    return load(path)


async def test_a_broken_file_is_told_of_and_put_aside(tmp_path: Path) -> None:
    store = tmp_path / "builder.json"
    store.write_text("{broken [/b]")
    async with builder(store=store) as (pilot, _):
        await until(pilot, lambda: "builder.json" in screen_text(pilot.app))
    assert store.with_suffix(".broken").read_text() == "{broken [/b]"


async def test_templates_begin_a_design() -> None:
    async with builder() as (pilot, screen):
        await pilot.press("T")
        await typed(pilot, "lenet\n")
        await until(pilot, lambda: screen.control.design.name == "LeNet")
        assert len(screen.control.design.body) == 12


@pytest.mark.parametrize("size", [(120, 40), (80, 24), (60, 16)])
async def test_there_is_room_for_it(size: tuple[int, int]) -> None:
    async with builder(size=size) as (pilot, screen):
        await add(pilot, "conv 6 5 | flat | lin 10")
        await until(pilot, lambda: settled(screen) and "Conv2d(‹1›, 6, 5)" in screen_text(pilot.app))
        for key in ("c", "c", "c", "enter", "escape", "a", "escape"):
            await pilot.press(key)
        await until(pilot, lambda: screen.focused is screen.blocks)
        await pilot.press("up")
        assert screen.blocks.block == screen.control.design.body[1].id
        assert "Conv2d(‹1›, 6, 5)" in screen_text(pilot.app)


async def test_the_lines_that_the_kernel_tells_are_those_of_the_block_and_of_what_is_in_it() -> None:
    session = BuilderSession()
    body = (
        Block(
            1, "sequence", children=(Block(2, "layer", layer="nn.ReLU"), Block(3, "layer", layer="nn.GELU"))
        ),
    )
    told = truth(CheckDesign(Design(body=body)))
    session.answers[CheckDesign] = replace(told, lines=(CodeLine(0, 2), CodeLine(2, 3), CodeLine(3, 9)))
    async with builder(session) as (pilot, screen):
        await add(pilot, "seq")
        await add(pilot, "relu | gelu", "i")
        pane = screen.query_one(CodePane)
        await until(pilot, lambda: set(pane._marked) == {2})
        await pilot.press("left")
        await until(pilot, lambda: set(pane._marked) == {0, 2})


async def test_the_code_lines_of_the_block_are_marked() -> None:
    async with builder() as (pilot, screen):
        await add(pilot, "relu | gelu")
        await until(pilot, lambda: settled(screen))
        pane = screen.query_one(CodePane)
        await until(pilot, lambda: set(pane._marked) == {3})
        await pilot.press("up")
        await until(pilot, lambda: set(pane._marked) == {2})


async def test_foreign_words_are_text() -> None:
    session = BuilderSession()
    nasty = "[/foo]\x1b[2J\x07"
    async with builder(session) as (pilot, screen):
        told = truth(CheckDesign(Design(body=(Block(1, "layer", layer="nn.ReLU"),))))
        facts = replace(told.blocks[0], name=nasty, output_shapes=nasty, dtype=nasty)
        session.answers[CheckDesign] = replace(told, blocks=(facts,), code=nasty, output_shapes=nasty)
        await add(pilot, "relu")
        await until(pilot, lambda: settled(screen) and "[/foo]" in screen_text(pilot.app))
        assert "\x1b" not in screen_text(pilot.app)
        assert "\x07" not in screen_text(pilot.app)


def test_saving_nothing_over_something_keeps_both_whole(tmp_path: Path) -> None:
    path = tmp_path / "builder.json"
    save(path, Kept())
    save(path, Kept(batch=7))
    assert load(path) == Kept(batch=7)
    assert [one.name for one in tmp_path.iterdir()] == ["builder.json"]


async def test_the_form_is_gone_through_by_keys_and_the_bar_offers_no_letters_there() -> None:
    async with builder() as (pilot, screen):
        await add(pilot, "conv 8 3")
        await until(pilot, lambda: settled(screen) and "Add" in screen_rows(pilot.app)[-1])
        await pilot.press("enter")
        await until(pilot, lambda: screen.form.has_focus and "Add" not in screen_rows(pilot.app)[-1])
        await pilot.press("end")
        assert screen.form.field is not None
        assert screen.form.field.name == "frozen"
        await pilot.press("up", "up", "up", "up")
        assert screen.form.field.name == "init"
        await pilot.press("home")
        assert screen.form.field.name == "in_channels"
        await pilot.press("escape")
        await until(pilot, lambda: "Add" in screen_rows(pilot.app)[-1])
