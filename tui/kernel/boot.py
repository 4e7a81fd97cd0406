"""Start a kernel: ``python boot.py --connection FILE``, by path, in any environment with ipykernel and torch.

Also the way into a foreign Jupyter kernel: running this file's `adopt` there gives it our side.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import os
import sys
from types import ModuleType

MISSING_PACKAGES = 78
"""Exit code where the environment lacks what a kernel needs (EX_CONFIG of sysexits.h)."""
NEEDED = {"ipykernel": [7, 0], "torch": [2, 6]}
"""The packages that a kernel needs, and the oldest versions that do: ipykernel's subshells came with 7."""


def load_tui() -> ModuleType:
    """Import our `tui` package from beside this file, whatever is on ``sys.path``.

    The folder that holds it is *not* put on the path: it may be the UI environment's site-packages, whose
    packages must not mix with those of the kernel's environment. Being in ``sys.modules`` first, it cannot be
    shadowed by a ``tui`` folder in the user's working directory.
    """
    folder = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    loaded = sys.modules.get("tui")
    if loaded is not None and getattr(loaded, "__file__", None) == os.path.join(folder, "__init__.py"):
        return loaded
    spec = importlib.util.spec_from_file_location(
        "tui", os.path.join(folder, "__init__.py"), submodule_search_locations=[folder]
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["tui"] = module
    spec.loader.exec_module(module)
    return module


def fix_path() -> None:
    """Take this file's folder off the path and put the working directory on it, for the user's own imports."""
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry or ".") != here]
    if "" not in sys.path:
        sys.path.insert(0, "")


def check_packages() -> None:
    """End with a sentence on stderr where ipykernel or torch is not installed here."""
    pip = f"{sys.executable} -m pip install"
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        words = " and ".join(missing)
        print(f"{sys.executable} has no {words}; install with: {pip} {' '.join(missing)}", file=sys.stderr)
        raise SystemExit(MISSING_PACKAGES)
    for name, least in NEEDED.items():
        found = importlib.metadata.version(name)
        numbers = [int(part) for part in found.split("+")[0].split(".")[:2] if part.isdigit()]
        if numbers < least:
            wanted = f"{name}>={least[0]}.{least[1]}"
            print(f"{sys.executable} has {name} {found}; install with: {pip} '{wanted}'", file=sys.stderr)
            raise SystemExit(MISSING_PACKAGES)


def adopt() -> None:
    """Give the running IPython kernel our request handlers; run inside that kernel."""
    load_tui()
    from ipykernel.ipkernel import IPythonKernel

    from tui.kernel.service import Service

    if not hasattr(IPythonKernel.instance(), "torchtui"):
        Service(IPythonKernel.instance()).install()


def main() -> None:
    """Run a kernel until it is shut down."""
    parser = argparse.ArgumentParser(description="Run a torchtui kernel.")
    parser.add_argument("--connection", required=True, help="the Jupyter connection file")
    parser.add_argument("--session", default="", help="the id of the session it belongs to")
    parser.add_argument(
        "--idle-hours", type=float, default=8.0, help="end after so long with no client and no run"
    )
    options = parser.parse_args()

    fix_path()
    check_packages()
    load_tui()
    from tui.kernel.app import run_kernel

    run_kernel(options.connection, session=options.session, idle_s=options.idle_hours * 3600)


if __name__ == "__main__":
    main()
