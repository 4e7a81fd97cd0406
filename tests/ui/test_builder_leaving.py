"""What leaves the Builder and what comes back: files, the REPL, Autograd, Training, models, checkpoints."""

from __future__ import annotations

from pathlib import Path

from screens.builder_files import snake
from screens.builder_reading import ReadingScreen
from screens.builder_training import Doors
from tests.ui.fake_builder import BuilderSession, add, builder, settled
from tests.ui.fake_session import screen_text, shown, typed, until
from tui.client.errors import KernelRefused
from tui.protocol.autograd import OpenGraph
from tui.protocol.building import (
    Argument,
    Block,
    ComposePreset,
    Design,
    PresetComposed,
)
from tui.protocol.messages import ListModules, ModuleTree, Refusal
from tui.protocol.messages import ModuleRow as ListedModule
from tui.protocol.models import (
    CheckpointCompared,
    CompareCheckpoint,
    Imported,
    ImportModel,
    KeyRow,
    ModelRead,
    ModelRow,
    ReadModel,
)
from tui.widgets.builder.chooser import Chooser
from tui.widgets.file_prompt import FilePrompt
from tui.widgets.run.entries import PresetEntry

LINEAR = Block(1, "layer", layer="nn.Linear", arguments=(Argument("out_features", "3"),))
LISTED = ModuleTree((ListedModule("net [/b]", "Sequential", 0, "", (), 650, 0, 0),))
READ = ModelRead(
    (
        ModelRow("net", "Net [/x]", 0, "", "(32, 4)", "(32, 2)", 650, 10, 5, forward_ms=2.0, calls=1),
        ModelRow(
            "net.fc",
            "Linear",
            1,
            "4 → 2",
            "(32, 4)",
            "(32, 2)",
            650,
            tied=("net.b",),
            hooks=2,
            statistics="μ=0",
        ),
        ModelRow("net.bad", "Linear", 1, "", "(32, 4)", error="takes 5, gets 4 [/b]"),
    ),
    "(32, 2)",
    4.0,
    omitted=7,
)


async def test_the_class_goes_to_the_repl_as_one_cell() -> None:
    session = BuilderSession()
    async with builder(session) as (pilot, screen):
        await pilot.press("x")
        await add(pilot, "flat | lin 10")
        await until(pilot, lambda: settled(screen))
        await pilot.press("x")
        await until(pilot, lambda: session.cells_run)
        assert session.cells_run[-1] == f"{screen.control.code}\n\n\nmodel = Model()"


async def test_a_model_that_fails_goes_nowhere() -> None:
    session = BuilderSession()
    async with builder(session) as (pilot, screen):
        await add(pilot, "flat | lin 10 in_features=4")
        await until(pilot, lambda: settled(screen) and screen.control.failing)
        for key in ("x", "t"):
            await pilot.press(key)
            await until(pilot, lambda: "a row fails" in screen_text(pilot.app))
        await pilot.press("p")
        assert not shown(screen.chooser)
        assert session.cells_run == []


async def test_a_batch_is_run_and_its_graph_opened() -> None:
    session = BuilderSession()
    async with builder(session) as (pilot, screen):
        await add(pilot, "flat | lin 10")
        await until(pilot, lambda: settled(screen))
        await pilot.press("t")
        await until(pilot, lambda: session.cells_run)
        assert session.cells_run[-1].endswith("model = Model()\noutput = model(torch.randn(32, 1, 28, 28))")
        assert session.cells_run[-1].startswith("import torch\n")
        session.answers[OpenGraph] = KernelRefused(Refusal("none", "no graph here"))
        session.play()
        await until(pilot, lambda: pilot.app.screen is not screen)
        await until(pilot, lambda: session.of(OpenGraph))
        assert session.of(OpenGraph)[-1].expression == "output"  # type: ignore[attr-defined]


async def test_a_batch_that_fails_is_told_of_and_nothing_is_opened() -> None:
    session = BuilderSession()
    async with builder(session) as (pilot, screen):
        await add(pilot, "flat | lin 10")
        await until(pilot, lambda: settled(screen))
        await pilot.press("t")
        await until(pilot, lambda: session.cells_run)
        session.play(error=("RuntimeError", "out of memory"))
        await until(pilot, lambda: "the batch did not run through" in screen_text(pilot.app))
        assert pilot.app.screen is screen


async def test_the_code_is_saved_and_never_over_a_file_unasked(tmp_path: Path) -> None:
    target = tmp_path / "net.py"
    target.write_text("keep me")
    async with builder() as (pilot, screen):
        await add(pilot, "flat | lin 10")
        await until(pilot, lambda: settled(screen))
        await pilot.press("s")
        await until(pilot, lambda: isinstance(pilot.app.screen, FilePrompt))
        prompt = pilot.app.screen.query_one("Input")
        for path in ("net.txt", str(tmp_path / "none" / "net.py"), str(target)):
            prompt.value = path  # type: ignore[attr-defined]
            await pilot.press("enter")
            await until(pilot, lambda: pilot.app.screen.query_one("#file-prompt-error").display)
        assert target.read_text() == "keep me"
        await pilot.press("enter")
        await until(pilot, lambda: pilot.app.screen is screen)
        assert target.read_text() == screen.control.code + "\n"
        assert [one.name for one in tmp_path.iterdir()] == ["net.py"]


async def test_the_code_is_copied() -> None:
    async with builder() as (pilot, screen):
        await add(pilot, "flat | lin 10")
        await until(pilot, lambda: settled(screen))
        await pilot.press("y")
        assert pilot.app.clipboard == screen.control.code
        await pilot.press("c", "y")
        await until(pilot, lambda: pilot.app.clipboard == "model = nn.Sequential(2)")


async def test_a_preset_is_asked_for_saved_and_trained(tmp_path: Path) -> None:
    session = BuilderSession()
    session.answers[ComposePreset] = PresetComposed("# a preset\n")
    trained: list[Path] = []
    digits = tmp_path / "digits.py"
    digits.write_text("")
    entries = [PresetEntry(digits, "digits", "Handwritten digits")]
    doors = Doors(lambda: entries, tmp_path / "presets", trained.append)
    async with builder(session, doors=doors) as (pilot, screen):
        await add(pilot, "flat | lin 10")
        await until(pilot, lambda: settled(screen))
        await pilot.press("p")
        await typed(pilot, "dig\n")
        await until(pilot, lambda: screen.chooser.wish == "loss")
        await typed(pilot, "mse\n")
        await until(pilot, lambda: screen.chooser.wish == "trainer")
        await typed(pilot, "SGD momentum 0.01 3\n")
        await until(pilot, lambda: isinstance(pilot.app.screen, FilePrompt))
        asked = session.of(ComposePreset)[-1]
        wanted = ComposePreset(screen.control.design, str(digits), "MSELoss", "SGD momentum", 0.01, 3)
        assert asked == wanted
        await pilot.press("enter")
        await until(pilot, lambda: trained)
        assert trained == [tmp_path / "presets" / "model.py"]
        assert trained[0].read_text() == "# a preset\n"


async def test_the_input_can_be_that_of_a_preset_by_its_name(tmp_path: Path) -> None:
    digits = tmp_path / "digits.py"
    digits.write_text("")
    doors = Doors(lambda: [PresetEntry(digits, "digits", "Handwritten digits")])
    async with builder(doors=doors) as (pilot, screen):
        for name, source in (("digits", f"preset {digits}"), (str(digits), f"preset {digits}")):
            await pilot.press("I")
            screen.chooser.put(f"x = preset {name}")
            await pilot.press("enter")
            await until(pilot, lambda source=source: screen.control.design.inputs[0].source == source)  # type: ignore[misc]
        await pilot.press("I")
        screen.chooser.put("x = preset digit")
        await pilot.press("enter")
        await until(pilot, lambda: "no preset is called digit: digits" in screen_text(pilot.app))


async def test_why_a_model_does_not_train_on_some_data_is_said_where_other_data_can_be_chosen(
    tmp_path: Path,
) -> None:
    digits = tmp_path / "digits.py"
    digits.write_text("")
    words = "A batch of this data is (16, 8) [/b], and the model is for (N, 1, 28, 28): " + "too small " * 12
    session = BuilderSession()
    session.answers[ComposePreset] = KernelRefused(Refusal("bad request", words.strip()))
    doors = Doors(lambda: [PresetEntry(digits, "digits", "Handwritten digits")])
    async with builder(session, doors=doors, size=(80, 24)) as (pilot, screen):
        await add(pilot, "flat | lin 10")
        await until(pilot, lambda: settled(screen))
        await pilot.press("p")
        for wish in ("data", "loss", "trainer"):
            await until(pilot, lambda wish=wish: screen.chooser.wish == wish)  # type: ignore[misc]
            await pilot.press("enter")
        await until(pilot, lambda: words.strip() in " ".join(screen_text(pilot.app).split()))
        assert screen.chooser.wish == "data"


async def test_a_model_of_the_namespace_is_opened_as_blocks() -> None:
    session = BuilderSession()
    session.answers[ListModules] = LISTED
    session.answers[ImportModel] = Imported(Design("Net", body=(LINEAR,)), opaque=("net.odd",))
    async with builder(session) as (pilot, screen):
        await add(pilot, "relu")
        await pilot.press("o")
        await until(pilot, lambda: "650 parameters" in screen_text(pilot.app))
        await pilot.press("enter")
        await until(pilot, lambda: screen.control.design.name == "Net")
        assert session.of(ImportModel) == [ImportModel("net [/b]")]
        await until(pilot, lambda: "as they are: net.odd" in screen_text(pilot.app))
        await pilot.press("u")
        assert screen.control.design.body[0].layer == "nn.ReLU"


async def test_a_model_that_is_no_blocks_is_shown_and_its_parts_can_be_taken() -> None:
    session = BuilderSession()
    session.answers[ListModules] = LISTED
    session.answers[ImportModel] = KernelRefused(Refusal("opaque", "its forward cannot be read [/b]"))
    session.answers[ReadModel] = READ
    async with builder(session) as (pilot, screen):
        await add(pilot, "relu")
        await pilot.press("o")
        await until(pilot, lambda: "650 parameters" in screen_text(pilot.app))
        await pilot.press("enter")
        await until(pilot, lambda: "Net [/x]" in screen_text(pilot.app))
        painted = screen_text(pilot.app)
        for expected in (
            "its forward cannot be read [/b]", "✗ bad", "takes 5, gets 4 [/b]", "tied: net.b", "2 hooks", "50 %",
            "7 more modules",
        ):  # fmt: skip
            assert expected in painted
        await pilot.press("i")
        await typed(pilot, "x\n")
        await until(pilot, lambda: session.of(ReadModel)[-1] == ReadModel("net [/b]", "x"))
        session.answers[ImportModel] = Imported(Design(body=(LINEAR,)))
        await pilot.press("down", "enter")
        await until(pilot, lambda: pilot.app.screen is screen)
        assert session.of(ImportModel)[-1] == ImportModel("net.fc")
        assert [one.layer for one in screen.control.design.body] == ["nn.ReLU", "nn.Linear"]


async def test_a_namespace_without_models_says_so() -> None:
    async with builder() as (pilot, screen):
        await pilot.press("o")
        await until(pilot, lambda: "there is no model in the namespace" in screen_text(pilot.app))
        await pilot.press("escape")
        await until(pilot, lambda: screen.focused is screen.blocks)


async def test_a_checkpoint_is_compared(tmp_path: Path) -> None:
    session = BuilderSession()
    session.answers[ListModules] = LISTED
    rows = (
        KeyRow("a [/b]", "missing", "(2,) float32"),
        KeyRow("b", "shape", "(2,)", "(3,)"),
        KeyRow("c", "unexpected", theirs="(4,)"),
        KeyRow("d", "match", "(5,)", "(5,)"),
    )
    session.answers[CompareCheckpoint] = CheckpointCompared(rows, "3 of 4 do not fit", "module.")
    path = tmp_path / "best.pt"
    path.write_bytes(b"")
    async with builder(session) as (pilot, screen):
        await pilot.press("k")
        await until(pilot, lambda: isinstance(pilot.app.screen, FilePrompt))
        await typed(pilot, f"{path}\n")
        await until(pilot, lambda: pilot.app.screen is screen and shown(screen.chooser))
        await pilot.press("enter")
        await until(pilot, lambda: "3 of 4 do not fit" in screen_text(pilot.app))
        assert session.of(CompareCheckpoint) == [CompareCheckpoint(str(path), "net [/b]")]
        painted = screen_text(pilot.app)
        for expected in (
            "a [/b]",
            "missing in the file",
            "model (2,) · file (3,)",
            "not in the model",
            "module.",
        ):
            assert expected in painted
        assert isinstance(pilot.app.screen, ReadingScreen)
        await pilot.press("escape")
        await until(pilot, lambda: pilot.app.screen is screen)


async def test_what_cannot_be_read_is_said_on_the_screen() -> None:
    session = BuilderSession()
    session.answers[ReadModel] = KernelRefused(Refusal("NameError", "there is no nope [/b]"))
    async with builder(session) as (pilot, screen):
        await pilot.press("O")
        await typed(pilot, "nope @ x\n")
        await until(pilot, lambda: "there is no nope [/b]" in screen_text(pilot.app))
        assert session.of(ReadModel) == [ReadModel("nope", "x")]
        assert not pilot.app.screen.query_one(Chooser).display
        await pilot.press("q")
        await until(pilot, lambda: pilot.app.screen is screen)


def test_files_are_called_like_their_class() -> None:
    names = {"LeNet": "le_net", "MyModel": "my_model", "ResNet18": "res_net18", "MLP": "mlp", "": "model"}
    assert {name: snake(name) for name in names} == names
