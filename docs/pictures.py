"""Draw the pictures of the README with the real app over a real kernel: ``.venv/bin/python docs/pictures.py``."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from textual.app import App
from textual.pilot import Pilot

if TYPE_CHECKING:
    from tui.app import TorchTUI

SIZE = (120, 36)
FOLDER = Path(__file__).parent
CELLS = (
    "images = torch.rand(16, 3, 8, 8)",
    "w = torch.linspace(-1, 1, 24).reshape(4, 6).requires_grad_()",
    "w * torch.tensor([[1.0], [0.5], [-1.0], [2.0]])",
    "w @ w",
    "model = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 3))",
    "loss = F.cross_entropy(model(torch.randn(5, 8)), torch.tensor([0, 2, 1, 1, 0]))",
)


def prompted(app: App[int], prompt: str) -> bool:
    """Return whether the input shows this prompt."""
    from tui.widgets.code_input import CodeInput

    return prompt in app.screen.query_one(CodeInput).prompt


LAYERS = "conv 32 3 | relu | pool 2 | flat | lin 128 | relu | lin 10"


async def until(condition: Callable[[], bool], pilot: Pilot[int]) -> None:
    """Let the app run until the condition holds."""
    async with asyncio.timeout(120):
        while not condition():
            await pilot.pause(0.05)


def screen_text(app: App[int]) -> str:
    """Return what is on the screen."""
    return "\n".join(strip.text for strip in app.screen._compositor.render_strips())


def keep(app: App[int], name: str) -> None:
    """Write the picture of what the app shows."""
    (FOLDER / f"{name}.svg").write_text(app.export_screenshot(title="torchtui"), encoding="utf-8")


async def draw_session() -> None:
    """Type on the Tensors screen, and go through Autograd and Builder."""
    from tui.wiring import build_app

    app = build_app()
    async with app.run_test(size=SIZE) as pilot:
        await until(lambda: app.session is not None and app.session.state == "idle", pilot)
        await draw_tensors(app, pilot)
        await draw_autograd(app, pilot)
        await draw_builder(app, pilot)
        if app.session is not None:
            await app.session.shutdown()


async def draw_tensors(app: TorchTUI, pilot: Pilot[int]) -> None:
    """Keep the REPL and the viewer."""
    from screens.tensor_viewer import TensorViewer
    from tui.widgets.code_input import CodeInput

    for count, cell in enumerate(CELLS, 1):
        app.screen.query_one(CodeInput).text = cell
        app.screen.query_one(CodeInput).move_cursor(app.screen.query_one(CodeInput).document.end)
        await pilot.press("enter")
        await until(partial(prompted, app, f"In [{count + 1}]"), pilot)
    await pilot.pause(1.5)
    keep(app, "tensors")
    await app.push_screen(TensorViewer(app.session, "images"))  # type: ignore[arg-type]
    await until(lambda: "median" in screen_text(app), pilot)
    keep(app, "viewer")
    await pilot.press("escape")


async def draw_autograd(app: TorchTUI, pilot: Pilot[int]) -> None:
    """Keep a graph with its backward at the third step."""
    from screens.autograd import AutogradScreen

    await pilot.press("f3")
    await pilot.pause(1.0)
    assert isinstance(app.screen, AutogradScreen)
    app.screen.open_root("loss")
    await until(lambda: "graph of loss" in screen_text(app), pilot)
    await pilot.press("b")
    await until(lambda: "step 1 of" in screen_text(app), pilot)
    await pilot.press("right", "right", "right")
    await pilot.pause(1.5)
    keep(app, "autograd")


async def draw_builder(app: TorchTUI, pilot: Pilot[int]) -> None:
    """Keep a small convolutional network."""
    await pilot.press("f4")
    await pilot.pause(1.0)
    await pilot.press("a")
    for character in LAYERS:
        await pilot.press(character)
    await pilot.press("enter")
    await until(lambda: "(N, 10)" in screen_text(app), pilot)
    await pilot.pause(1.5)
    keep(app, "builder")


async def draw_run() -> None:
    """Train, and keep the charts and the evaluation."""
    from tui.training_plan import plan_run
    from tui.wiring import build_app

    app = build_app(spec=plan_run("digits_cnn"))
    async with app.run_test(size=SIZE) as pilot:

        def steps() -> int:
            status = app.session.status if app.session is not None else None
            return status.run.step if status is not None and status.run is not None else 0

        await until(lambda: steps() > 2000, pilot)
        await pilot.press("p")
        await pilot.pause(2)
        keep(app, "training")
        await pilot.press("3")
        await until(lambda: "confusion" in screen_text(app), pilot)
        await pilot.pause(1.5)
        keep(app, "evaluation")
        if app.session is not None:
            await app.session.shutdown()


async def draw() -> None:
    """Draw them all."""
    await draw_session()
    await draw_run()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as home:
        os.environ["TORCHTUI_HOME"] = home
        asyncio.run(draw())
