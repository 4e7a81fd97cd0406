"""An edit in a model of 200 layers, checked by a real kernel: how long until the shapes of all rows are known.

The figure is the median of edits as people make them: a width, an activation, a layer more or less, anywhere in the
model. Beside it the worst kind, an edit at the very start that changes every shape after it.
"""

from __future__ import annotations

import asyncio
import os
import random
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import replace

from bench.common import Verdict, conclude, temporary_home
from tui.client.session import KernelSession
from tui.protocol.building import (
    Argument,
    Block,
    CheckDesign,
    Design,
    InputSpec,
)

BUDGET_MS = 150.0
LAYERS = 200
EDITS = 60
WORST = 10


def layer(number: int, kind: str, **arguments: object) -> Block:
    """Return a layer of `torch.nn`."""
    texts = tuple(Argument(name, str(value)) for name, value in arguments.items())
    return Block(number, "layer", layer=f"nn.{kind}", arguments=texts)


def deep_model() -> Design:
    """Return a convolutional network of so many layers, its open sizes left open."""
    body = []
    for number in range(0, LAYERS - 5, 3):
        body += [
            layer(number + 1, "Conv2d", out_channels=64, kernel_size=3, padding=1),
            layer(number + 2, "BatchNorm2d"),
            layer(number + 3, "ReLU"),
        ]
    end = len(body)
    body += [
        layer(end + 1, "AdaptiveAvgPool2d", output_size=1),
        layer(end + 2, "Flatten"),
        layer(end + 3, "Linear", out_features=64),
        layer(end + 4, "ReLU"),
        layer(end + 5, "Linear", out_features=10),
    ]
    return Design("Deep", (InputSpec("x", (3, 64, 64)),), tuple(body))


def edited(design: Design, chance: random.Random, count: int) -> Design:
    """Return the design after one edit, of a kind and at a place drawn at random; `count` of them were made before."""
    body = list(design.body)
    place = 3 * chance.randrange(len(body) // 3 - 2)
    match count % 4:
        case 0:
            width = Argument("out_channels", str(65 + count))
            body[place] = replace(body[place], arguments=(width, *body[place].arguments[1:]))
        case 1:
            body[place + 2] = replace(body[place + 2], layer=chance.choice(("nn.GELU", "nn.SiLU", "nn.Mish")))
        case 2:
            body.insert(place, layer(10_000 + count, "Dropout2d", p=count / 100))
        case _:
            del body[place + 1]
    return replace(design, body=tuple(body))


def resized(design: Design, chance: random.Random, count: int) -> Design:
    """Return the design with other images, which changes every shape."""
    side = 65 + count
    return replace(design, inputs=(replace(design.inputs[0], shape=(3, side, side)),))


async def measure(
    session: KernelSession, edit: Callable[[Design, random.Random, int], Design], count: int
) -> list[float]:
    """Make edits one after the other; return the milliseconds that each took."""
    chance = random.Random(0)
    design, taken_ms = deep_model(), []
    for number in range(count):
        design = edit(deep_model(), chance, number)
        began_s = time.perf_counter()
        checked = await session.ask(CheckDesign(design), timeout_s=60)
        taken_ms.append((time.perf_counter() - began_s) * 1e3)
        failed = [row for row in checked.blocks if row.status != "ok"]
        if failed or checked.problem:
            raise SystemExit(f"the design fails: {failed[:1]} {checked.problem}")
    return taken_ms


async def through_the_kernel() -> float:
    """Print what each kind of edit takes, and return the median of the everyday ones in milliseconds."""
    session = KernelSession(title="bench")
    await session.start()
    try:
        while (await session.read_status()).torch_state == "importing":
            await asyncio.sleep(0.05)
        began_s = time.perf_counter()
        await session.ask(CheckDesign(deep_model()), timeout_s=60)
        print(f"  first check        {(time.perf_counter() - began_s) * 1e3:6.1f} ms")
        everyday = await measure(session, edited, EDITS)
        print(f"  an edit       p50  {statistics.median(everyday):6.1f} · most {max(everyday):6.1f} ms")
        worst = await measure(session, resized, WORST)
        print(f"  another input p50  {statistics.median(worst):6.1f} · most {max(worst):6.1f} ms")
        return statistics.median(everyday)
    finally:
        await session.shutdown(timeout_s=5)


def main() -> int:
    """Print the times; return 1 when an edit takes too long."""
    with temporary_home() as home:
        os.environ["TORCHTUI_HOME"] = str(home)
        figure_ms = asyncio.run(through_the_kernel())
    return conclude(Verdict("builder_edit p50", figure_ms, BUDGET_MS, "ms", 1))


if __name__ == "__main__":
    sys.exit(main())
