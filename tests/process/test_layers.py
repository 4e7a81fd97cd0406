"""What a process has loaded once it has imported its side of torchtui, whoever imports whom in between."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
UI = ("tui.cli", "tui.app", "tui.widgets", "tui.client", "tui.runs", "screens")
UI_LIBRARIES = {"textual", "rich", "typer", "plotext"}
KERNEL_LIBRARIES = {"torch", "ipykernel", "IPython"}

IMPORT_AND_LIST = """
import importlib, pkgutil, sys
before = set(sys.modules)
for name in sys.argv[2:]:
    package = importlib.import_module(name)
    if sys.argv[1] == "all":
        for module in pkgutil.walk_packages(getattr(package, "__path__", ()), name + "."):
            if not module.name.endswith("__main__"):
                importlib.import_module(module.name)
print("\\n".join(set(sys.modules) - before))
"""


def modules_after_importing(*names: str, submodules: bool) -> set[str]:
    """The modules that a new interpreter has loaded after importing `names`, and all modules inside them."""
    depth = "all" if submodules else "names only"
    done = subprocess.run(
        [sys.executable, "-c", IMPORT_AND_LIST, depth, *names],
        cwd=ROOT, capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def roots(modules: set[str]) -> set[str]:
    return {name.partition(".")[0] for name in modules}


def test_no_module_of_the_ui_side_reaches_torch_or_the_kernel() -> None:
    loaded = modules_after_importing(*UI, submodules=True)
    assert {"tui.app", "screens.tensors", "tui.runs.reader", "textual"} <= loaded
    assert roots(loaded) & KERNEL_LIBRARIES == set()
    assert {name for name in loaded if name.startswith("tui.kernel")} == set()


def test_what_opens_the_app_loads_no_chart_engine() -> None:
    """plotext comes with the first chart drawn: the first frame does not wait for it."""
    loaded = modules_after_importing("tui.cli", "tui.app", "screens", submodules=True)
    assert "textual" in loaded
    assert "plotext" not in loaded


def test_no_module_of_the_kernel_side_reaches_a_ui_library() -> None:
    loaded = modules_after_importing("tui.kernel", submodules=True)
    assert "torch" in loaded
    assert roots(loaded) & UI_LIBRARIES == set()
    ours = {name for name in loaded if name.startswith(("tui.", "screens"))}
    assert {name for name in ours if not name.startswith(("tui.kernel", "tui.protocol"))} == set()


def test_the_protocol_needs_the_standard_library_only() -> None:
    loaded = modules_after_importing("tui.protocol", submodules=True)
    assert "tui.protocol.run" in loaded
    assert roots(loaded) - sys.stdlib_module_names == {"tui"}


@pytest.mark.parametrize("package", ["tui.runs", "tui.client"])
def test_reading_runs_and_talking_to_kernels_need_no_ui(package: str) -> None:
    loaded = modules_after_importing(package, submodules=True)
    assert package in loaded
    assert roots(loaded) & (UI_LIBRARIES | KERNEL_LIBRARIES | {"screens"}) == set()
    assert {name for name in loaded if name.startswith(("tui.widgets", "tui.kernel"))} == set()


def test_the_command_line_loads_the_app_only_to_open_it() -> None:
    """`--version`, `--help` and lists print and end; they do not wait for an app."""
    loaded = modules_after_importing("tui.cli", "tui.commands", submodules=False)
    assert "typer" in loaded
    assert {"textual", "numpy", "torch"} & loaded == set()


FIRST_FRAME = """
import asyncio, dataclasses, sys
from tui.protocol.run import RunSpec
from tui.wiring import build_app

app = build_app(spec=RunSpec("/nowhere.py", "/nowhere") if sys.argv[1] == "training" else None)
wire = app._wire

def painted():
    rows = ["".join(segment.text for segment in strip) for strip in app.screen._compositor.render_strips()]
    assert "F2 Tensors" in rows[0], rows
    print("the first frame", *sys.modules)
    return dataclasses.replace(wire(), connect=None)

async def paint():
    app._wire = painted
    async with app.run_test(size=(120, 40)) as pilot:
        while not app.screen.query("#body"):
            await pilot.pause(0.01)
        await pilot.pause()
        print("the first screen", *sys.modules)

asyncio.run(paint())
"""


@pytest.mark.parametrize("first", ["tensors", "training"])
def test_the_first_frame_is_painted_without_what_is_slow_to_load(first: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FIRST_FRAME, first], cwd=ROOT, env={**os.environ, "TORCHTUI_HOME": str(tmp_path)},
        capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    frame, screen = (set(line.split()) for line in done.stdout.splitlines())
    assert "textual" in roots(frame)
    assert {name for name in frame if name.startswith(("screens", "typer", "tui.client"))} == set()
    assert f"screens.{first}" in screen
    slow = {"torch", "numpy", "plotext", "jupyter_client", "ipykernel", "zmq", "IPython"}
    assert roots(screen) & slow == set()
