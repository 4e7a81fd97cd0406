"""What a process has loaded once it has imported its side of torchtui, whoever imports whom in between."""

from __future__ import annotations

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
