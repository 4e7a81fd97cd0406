"""``torchtui doctor``: what works here, and what to do about what does not."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from tui import __version__, paths
from tui.client.launch import default_python
from tui.config import ConfigError, read_config
from tui.widgets import words

Verdict = Literal["ok", "warn", "fail"]

PROBE = """
import importlib.util, json, platform
found = {"python": platform.python_version(), "ipykernel": None, "torch": None}
if importlib.util.find_spec("ipykernel"):
    import ipykernel
    found["ipykernel"] = ipykernel.__version__
if importlib.util.find_spec("torch"):
    import torch
    found["torch"] = str(torch.__version__)
    found["cuda_built"] = torch.version.cuda
    found["cuda"] = torch.cuda.is_available()
    found["devices"] = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    found["mps"] = torch.backends.mps.is_available()
    found["threads"] = torch.get_num_threads()
print(json.dumps(found))
"""
PROBE_TIMEOUT_S = 120.0


@dataclass(frozen=True)
class Check:
    """One thing that was looked at."""

    name: str
    verdict: Verdict
    found: str
    """What there is."""
    cure: str = ""
    """What to do about it; empty where nothing need be done."""


def check_all(python: str | None) -> list[Check]:
    """Look at everything."""
    return [
        Check("torchtui", "ok", f"{__version__}, Python {sys.version.split()[0]}"),
        *_config(),
        *_kernel_checks(python or _configured_python() or default_python()),
        *_terminal(),
        *_folders(),
    ]


def _configured_python() -> str:
    try:
        return read_config().python
    except ConfigError:
        return ""


def _config() -> Iterable[Check]:
    try:
        read_config()
    except ConfigError as error:
        yield Check("config.toml", "fail", str(error), "mend or remove the file")


def _kernel_checks(python: str) -> Iterable[Check]:
    try:
        done = subprocess.run(
            [python, "-c", PROBE],
            capture_output=True,
            text=True,
            timeout=PROBE_TIMEOUT_S,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        yield Check(
            "kernel's Python", "fail", f"{python}: {error}", "--python takes the path of a Python with torch"
        )
        return
    try:
        found = json.loads(done.stdout.strip().splitlines()[-1])
    except (IndexError, ValueError):
        last = (done.stderr.strip().splitlines() or ["no output"])[-1]
        yield Check("kernel's Python", "fail", f"{python}: {last}", "does `import torch` work there?")
        return
    yield Check("kernel's Python", "ok", f"{found['python']} at {python}")
    for package, least in (("ipykernel", (7, 0)), ("torch", (2, 6))):
        yield _package(python, package, found[package], least)
    if found["torch"] is not None:
        yield from _devices(found)


def _package(python: str, package: str, version: str | None, least: tuple[int, int]) -> Check:
    cure = f"{python} -m pip install '{package}>={least[0]}.{least[1]}'"
    if version is None:
        return Check(package, "fail", "not installed", cure)
    try:
        numbers = tuple(int(part) for part in version.split("+")[0].split(".")[:2])
    except ValueError:
        return Check(package, "warn", f"{version}, which cannot be compared")
    return (
        Check(package, "ok", version)
        if numbers >= least
        else Check(package, "fail", f"{version} is too old", cure)
    )


def _devices(found: dict[str, object]) -> Iterable[Check]:
    devices = found["devices"]
    if found["cuda"] and isinstance(devices, list):
        yield Check("CUDA", "ok", "; ".join(f"cuda:{i} {name}" for i, name in enumerate(devices)))
    elif found["cuda_built"]:
        yield Check(
            "CUDA", "warn", "no device can be used", "does `nvidia-smi` list one? is its driver new enough?"
        )
    elif shutil.which("nvidia-smi"):
        yield Check("CUDA", "warn", "this torch is built without CUDA", "install a CUDA build of torch")
    else:
        yield Check("CUDA", "ok", "none; training runs on the CPU")
    if found["mps"]:
        yield Check("MPS", "ok", "available")
    yield Check("CPU", "ok", f"{os.cpu_count()} cores, torch uses {found['threads']} threads")


def _terminal() -> Iterable[Check]:
    if not sys.stdout.isatty():
        yield Check("terminal", "warn", "output is no terminal", "the app needs one; --headless does not")
    else:
        columns, rows = os.get_terminal_size()
        roomy = columns >= 80 and rows >= 24
        yield Check(
            "terminal",
            "ok" if roomy else "warn",
            f"{columns}x{rows}",
            "" if roomy else "make it 80x24 or more",
        )
    term, colour = os.environ.get("TERM", ""), os.environ.get("COLORTERM", "")
    if colour not in ("truecolor", "24bit"):
        yield Check(
            "colours",
            "warn",
            f"TERM={term}, COLORTERM={colour or 'not set'}",
            "export COLORTERM=truecolor if your terminal has it",
        )
    else:
        yield Check("colours", "ok", f"TERM={term}, {colour}")
    encoding = (sys.stdout.encoding or "").lower().replace("-", "")
    if encoding != "utf8":
        yield Check("characters", "fail", f"output is {sys.stdout.encoding}", "export LANG=C.UTF-8")
    if os.environ.get("TMUX") and "256color" not in term:
        yield Check("tmux", "warn", f"TERM={term}", "set -g default-terminal tmux-256color in ~/.tmux.conf")


def _folders() -> Iterable[Check]:
    for name, folder in (("state folder", paths.state_home()), ("runs", paths.runs_dir())):
        nearest = next(parent for parent in (folder, *folder.parents) if parent.exists())
        if not os.access(nearest, os.W_OK):
            yield Check(name, "fail", f"{folder} cannot be written", "set TORCHTUI_HOME to a folder of yours")
            continue
        free = shutil.disk_usage(nearest).free
        low = free < 1e9
        yield Check(
            name,
            "warn" if low else "ok",
            f"{folder}, {words.size(free)} free",
            "runs need room for checkpoints" if low else "",
        )
    try:
        paths.private_dir(paths.sessions_dir())
        yield Check("sessions", "ok", f"{paths.sessions_dir()}, private")
    except (paths.UnsafeFolder, OSError) as error:
        yield Check(
            "sessions",
            "fail",
            str(error),
            "kernels are reached through sockets there, which must be yours alone",
        )
    shared = Path("/dev/shm")
    if shared.is_dir() and shutil.disk_usage(shared).total < 256e6:
        total = words.size(shutil.disk_usage(shared).total)
        yield Check(
            "shared memory",
            "warn",
            f"/dev/shm has {total}",
            "DataLoader workers may die: docker run --shm-size=1g",
        )


def print_checks(checks: list[Check], *, as_json: bool) -> int:
    """Print what was found; returns 1 where something does not work, else 0."""
    failed = any(check.verdict == "fail" for check in checks)
    if as_json:
        print(json.dumps({"ok": not failed, "checks": [asdict(check) for check in checks]}))
        return int(failed)
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False)
    marks = {"ok": ("ok  ", "green"), "warn": ("note", "yellow"), "fail": ("FAIL", "red")}
    for check in checks:
        mark, style = marks[check.verdict]
        console.print(Text.assemble((mark, style), f"  {check.name:<16}", check.found), soft_wrap=True)
        if check.cure:
            console.print(Text(f"      {'':<16}→ {check.cure}", style="dim"), soft_wrap=True)
    return int(failed)
