"""A session that knows a few layers, and what designs of them do: shapes are worked out here, without torch."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar, cast

from textual.pilot import Pilot

from screens.builder import BuilderScreen
from screens.builder_training import Doors
from tests.builder_cases import CATALOGUE
from tests.ui.fake_session import ALL_MODES, FakeSession, NotedApp, make_app, opened, until
from tui.protocol.building import (
    Argument,
    Block,
    BlockFacts,
    CheckDesign,
    DesignChecked,
    Fix,
    ListLayers,
    Totals,
)
from tui.protocol.messages import Request
from tui.session_app import Wiring

R = TypeVar("R")
Shape = tuple[int, ...]


def shape_text(shape: Shape) -> str:
    """A shape as the kernel tells it, the batch as N."""
    return f"({', '.join(['N', *map(str, shape)])}{',' if not shape else ''})"


@dataclass
class Truth:
    """Works out a design, block by block."""

    shape: Shape
    facts: list[BlockFacts] = field(default_factory=list)
    failed: bool = False

    def run(self, blocks: tuple[Block, ...]) -> None:
        for block in blocks:
            self.block(block)

    def block(self, block: Block) -> None:
        label = block.layer.removeprefix("nn.") or block.kind
        if self.failed:
            self.facts.append(BlockFacts(block.id, "not reached", label, f"b{block.id}"))
            self.run(block.children)
            return
        place, before = len(self.facts), self.shape
        if block.children:
            self.facts.append(BlockFacts(block.id, "ok", label, f"b{block.id}"))
            self.run(block.children)
            told = replace(
                self.facts[place], input_shapes=shape_text(before), output_shapes=shape_text(self.shape)
            )
            self.facts[place] = told
            return
        self.facts.append(self.layer(block, label))

    def layer(self, block: Block, label: str) -> BlockFacts:
        given = {one.name: one.text for one in block.arguments}
        before, filled, count, error, fixes = self.shape, [], 0, "", []

        def size(name: str, fits: int) -> int:
            if name not in given:
                filled.append(Argument(name, str(fits)))
                return fits
            if int(given[name]) != fits:
                wrong = f"{name} is {given[name]}, but {fits} come in [/b]"
                others = tuple(one for one in block.arguments if one.name != name)
                mended = replace(block, arguments=(*others, Argument(name, str(fits))))
                fixes.append(Fix(f"{name} {given[name]} → {fits}", (mended,)))
                raise ValueError(wrong)
            return fits

        try:
            if block.layer == "nn.Conv2d":
                if len(before) != 3:
                    raise ValueError("Conv2d wants images: (N, C, H, W)")
                out, kernel = int(given["out_channels"]), int(given["kernel_size"])
                count = out * (size("in_channels", before[0]) * kernel**2 + 1)
                shrink = kernel - 1 - 2 * int(given.get("padding", "0"))
                self.shape = (out, before[1] - shrink, before[2] - shrink)
            elif block.layer == "nn.Linear":
                count = int(given["out_features"]) * (size("in_features", before[-1]) + 1)
                self.shape = (*before[:-1], int(given["out_features"]))
            elif block.layer == "nn.MaxPool2d":
                self.shape = (
                    before[0],
                    before[1] // int(given["kernel_size"]),
                    before[2] // int(given["kernel_size"]),
                )
            elif block.layer == "nn.Flatten":
                self.shape = (math.prod(before),)
        except ValueError as wrong:
            self.failed, error = True, str(wrong)
        facts = BlockFacts(
            block.id, "ok", f"{label}()", f"b{block.id}", shape_text(before), shape_text(self.shape)
        )
        facts = replace(facts, filled=tuple(filled), trainable=0 if block.frozen else count, macs=count * 10)
        if block.frozen:
            facts = replace(facts, frozen=count)
        if error:
            facts = replace(facts, status="failed", output_shapes="", error=error, fixes=tuple(fixes))
        return facts


def truth(request: CheckDesign) -> DesignChecked:
    """What the kernel would say of a design."""
    design = request.design
    told = Truth(design.inputs[0].shape)
    told.run(design.body)
    lines = [f"        self.{one.name} = nn.{one.label}" for one in told.facts if one.status == "ok"]
    code = "\n".join([f"class {design.name}(nn.Module):", "    def __init__(self) -> None:", *lines])
    trainable, frozen = sum(one.trainable for one in told.facts), sum(one.frozen for one in told.facts)
    totals = Totals(trainable, frozen, training_bytes=16 * trainable * request.batch, device_bytes=10**9)
    output = "" if told.failed else shape_text(told.shape)
    plain = all(not block.children for block in design.body)
    sequential = f"model = nn.Sequential({len(design.body)})" if plain and design.body else ""
    return DesignChecked(tuple(told.facts), totals, output, code, sequential)


class BuilderSession(FakeSession):
    """Answers what the Builder asks."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.answers[ListLayers] = CATALOGUE
        self.answers.pop(CheckDesign)  # answered below
        self.gate: asyncio.Event | None = None
        """Where there is one, checks are answered once it is set."""
        self.at_once = 0
        self.most_at_once = 0

    async def ask(self, request: Request[R], *, timeout_s: float | None = None) -> R:
        if (
            not isinstance(request, CheckDesign)
            or CheckDesign in self.answers
            or self.state in ("starting", "dead")
        ):
            return await super().ask(request, timeout_s=timeout_s)
        self.asked.append(cast("Request[Any]", request))
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            if self.gate is not None:
                await self.gate.wait()
        finally:
            self.at_once -= 1
        return cast("R", truth(request))


def screen_of(app: NotedApp) -> BuilderScreen:
    """The Builder of an app."""
    screen = app.screen
    assert isinstance(screen, BuilderScreen)
    return screen


def settled(screen: BuilderScreen) -> bool:
    """Whether the kernel has said what the design does now, and the layers are known."""
    return not screen.control.stale and screen.control.catalogue is not None


@asynccontextmanager
async def builder(
    session: BuilderSession | None = None,
    *,
    size: tuple[int, int] = (120, 40),
    store: Path | None = None,
    doors: Doors | None = None,
    ready: Callable[[BuilderScreen], object] = settled,
) -> AsyncIterator[tuple[Pilot[int], BuilderScreen]]:
    """The app with the Builder in front, the first answers there."""
    session = session or BuilderSession()
    app = make_app(session, first="builder")
    wire = app._wire

    def wired() -> Wiring:
        wiring = wire()
        screens = dict(wiring.screens)
        screens["builder"] = lambda: BuilderScreen(session, ALL_MODES, store=store, doors=doors)
        return replace(wiring, screens=screens)

    app._wire = wired
    async with opened(app, size) as pilot:
        screen = screen_of(app)
        await until(pilot, lambda: ready(screen))
        await pilot.pause()
        yield pilot, screen


async def add(pilot: Pilot[int], line: str, key: str = "a") -> None:
    """Add blocks by keys."""
    await pilot.press(key)
    for character in line:
        await pilot.press({" ": "space", "|": "vertical_line", "=": "equals_sign"}.get(character, character))
    await pilot.press("enter")
    await pilot.pause()
