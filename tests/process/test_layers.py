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
    loaded = modules_after_importing("tui.cli", submodules=False)
    assert "typer" in loaded
    assert {"textual", "numpy", "torch"} & loaded == set()


FIRST_FRAME = """
import asyncio, sys
from tui.client.session import KernelSession
from screens.autograd import AutogradScreen
from screens.builder import BuilderScreen
from screens.tensors import TensorsScreen
from screens.training import TrainingScreen
from tui.app import TorchTUI
import tui.wiring

session = KernelSession()
modes = ("tensors", "autograd", "builder", "training")
training = TrainingScreen(session, modes, entries=lambda: ([], []), spec_for=None)
makers = {
    "tensors": lambda: TensorsScreen(session, modes),
    "autograd": lambda: AutogradScreen(session, modes),
    "builder": lambda: BuilderScreen(session, modes),
    "training": lambda: training,
}

async def paint():
    app = TorchTUI(session, makers, first=sys.argv[1])
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        rows = ["".join(segment.text for segment in strip) for strip in app.screen._compositor.render_strips()]
        assert "Tensors" in rows[0], rows
        print("\\n".join(sys.modules))

asyncio.run(paint())
"""


@pytest.mark.parametrize("first", ["tensors", "training"])
def test_the_first_frame_is_painted_without_what_is_slow_to_load(first: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FIRST_FRAME, first], cwd=ROOT, env={**os.environ, "TORCHTUI_HOME": str(tmp_path)},
        capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    loaded = roots(set(done.stdout.split()))
    assert {"textual", "screens"} <= loaded
    assert loaded & {"torch", "numpy", "plotext", "jupyter_client", "ipykernel", "zmq", "IPython"} == set()
