"""A real pseudo-terminal, and a home of its own for every test: what the end-to-end and the fault tests use."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import pexpect
import psutil
import pyte

PATIENCE_S = 60.0
"""How long a test waits for what must come; only a failing test waits so long."""
POLL_S = 0.02

KEYS = {
    "enter": "\r", "tab": "\t", "shift+tab": "\x1b[Z", "escape": "\x1b", "space": " ", "backspace": "\x7f",
    "up": "\x1b[A", "down": "\x1b[B", "right": "\x1b[C", "left": "\x1b[D", "pageup": "\x1b[5~",
    "pagedown": "\x1b[6~", "f1": "\x1bOP", "f2": "\x1bOQ", "f3": "\x1bOR", "f4": "\x1bOS", "f5": "\x1b[15~",
}  # fmt: skip
"""What a terminal sends for keys that have names; ctrl+x and alt+x are worked out."""

T = TypeVar("T")


def until(answer: Callable[[], T | None], what: str, *, timeout_s: float = PATIENCE_S) -> T:
    """Ask until the answer is neither None nor False, and return it; AssertionError when time is up."""
    end_s = time.monotonic() + timeout_s
    while True:
        found = answer()
        if found is not None and found is not False:
            return found
        assert time.monotonic() < end_s, f"waited {timeout_s:.0f} s for {what}"
        time.sleep(POLL_S)


class Terminal:
    """A program in a pseudo-terminal: what is on its screen, what it wrote, what is typed into it."""

    def __init__(
        self, command: list[str], *, size: tuple[int, int], env: Mapping[str, str], cwd: Path
    ) -> None:
        """`size`: columns and rows."""
        columns, rows = size
        self.raw = b""
        """Every byte the program has written."""
        self._unshown = b""
        self._screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self._screen)
        self._child = pexpect.spawn(
            command[0],
            command[1:],
            dimensions=(rows, columns),
            env=dict(env),
            cwd=str(cwd),
            timeout=None,
            # a suite that was started with nohup hands an ignored hang-up on
            preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),
        )
        self._child.delaybeforesend = None
        # the program asks the terminal what it can do, and a real one answers
        self._screen.write_process_input = self._child.send  # type: ignore[method-assign]

    @property
    def pid(self) -> int:
        """The program's process."""
        return int(self._child.pid)

    @property
    def text(self) -> str:
        """What is on the screen now."""
        self.read()
        return "\n".join(line.rstrip() for line in self._screen.display)

    # -- reading ------------------------------------------------------------------------------------

    def read(self, timeout_s: float = 0.0) -> bool:
        """Take what the program has written; wait at most `timeout_s` for the first of it. False at its end."""
        while not self._child.closed:
            try:
                data = self._child.read_nonblocking(65536, timeout=timeout_s)
            except pexpect.TIMEOUT:
                return True
            except pexpect.EOF:
                return False
            self._feed(data)
            timeout_s = 0.0
        return False

    def _feed(self, data: bytes) -> None:
        self.raw += data
        data = self._unshown + data
        unfinished = _UNFINISHED.search(data)
        self._unshown = unfinished.group() if unfinished else b""
        if unfinished:
            data = data[: unfinished.start()]
        self._stream.feed(_UNKNOWN_TO_PYTE.sub(b"", data))

    def wait(
        self, fits: Callable[[str], bool], what: str = "the screen", *, timeout_s: float = PATIENCE_S
    ) -> str:
        """Wait until the screen's text fits, and return it."""
        end_s = time.monotonic() + timeout_s
        while not fits(text := self.text):
            assert time.monotonic() < end_s, f"waited {timeout_s:.0f} s for {what}; the screen is\n{text}"
            if not self.read(0.05):
                text = self.text
                assert fits(text), f"the program ended before {what}; the screen is\n{text}"
                break
        return text

    def wait_for(self, *texts: str, timeout_s: float = PATIENCE_S) -> str:
        """Wait until every text is on the screen."""
        return self.wait(lambda shown: all(text in shown for text in texts), repr(texts), timeout_s=timeout_s)

    def wait_gone(self, *texts: str, timeout_s: float = PATIENCE_S) -> str:
        """Wait until none of the texts is on the screen."""
        return self.wait(
            lambda shown: not any(text in shown for text in texts), f"{texts} to go", timeout_s=timeout_s
        )

    # -- writing ------------------------------------------------------------------------------------

    def type(self, text: str) -> None:
        """Type text."""
        self._child.send(text)

    def press(self, *keys: str) -> None:
        """Press keys, one after the other."""
        for key in keys:
            self._child.send(_key_bytes(key))

    def enter(self, code: str) -> None:
        """Type a line of code and press Enter once it is on the screen."""
        last = code.split()[-1]  # a long line is wrapped between words
        before = self.text.count(last)
        self.type(code)
        self.wait(lambda text: text.count(last) > before, f"{code!r} in the input")
        self.press("enter")

    def click_on(self, text: str) -> None:
        """Click on the first cell of a text on the screen."""
        lines = self.wait_for(text).split("\n")
        row = next(number for number, line in enumerate(lines) if text in line)
        column = lines[row].index(text)
        self._child.send(f"\x1b[<0;{column + 1};{row + 1}M\x1b[<0;{column + 1};{row + 1}m")

    def resize(self, columns: int, rows: int) -> None:
        """Give the terminal another size."""
        self.read()
        self._screen.resize(rows, columns)
        self._child.setwinsize(rows, columns)

    # -- the end ------------------------------------------------------------------------------------

    def hang_up(self) -> None:
        """Close the terminal, as a dropped connection does."""
        self._child.ptyproc.fileobj.close()
        self._child.ptyproc.closed = self._child.closed = True
        self._child.ptyproc.fd = self._child.child_fd = -1

    def exit_status(self, *, timeout_s: float = PATIENCE_S) -> int:
        """Wait for the end of the program; return its exit status, or minus the signal that ended it."""
        until(lambda: not self.read(0.05) or not self._child.isalive(), "the end", timeout_s=timeout_s)
        until(lambda: not self._child.isalive(), "the end", timeout_s=timeout_s)
        if self._child.signalstatus is not None:
            return -int(self._child.signalstatus)
        return int(self._child.exitstatus)

    def end(self) -> None:
        """Kill the program, whatever it does."""
        with contextlib.suppress(ProcessLookupError):
            if self._child.isalive():
                os.kill(self.pid, signal.SIGKILL)
        with contextlib.suppress(pexpect.ExceptionPexpect):
            self._child.close(force=True)


# private modes, keyboard protocols, device control strings and titles, which pyte would print as text
_UNKNOWN_TO_PYTE = re.compile(
    rb"\x1b\[[<>=][0-9;]*[a-zA-Z]|\x1b\[\?[0-9;]*\$p|\x1b\[[0-9;]*\$[a-z]|\x1b\[[?0-9;]*u"
    rb"|\x1bP.*?\x1b\\|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)",
    re.DOTALL,
)
_UNFINISHED = re.compile(rb"\x1b(?:\[[<>=?0-9;$]*|[P\]][^\x07\x1b]*)?\Z")


def _key_bytes(key: str) -> str:
    if key in KEYS:
        return KEYS[key]
    if key.startswith("ctrl+"):
        return chr(ord(key[-1]) & 0x1F)
    if key.startswith("alt+"):
        return "\x1b" + key[-1]
    assert len(key) == 1, key
    return key


class Home:
    """A ``TORCHTUI_HOME`` of a test's own: presets, runs, sessions, and the processes started in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "home"
        self.work = folder / "work"
        """The working directory of every command."""
        self.folder.mkdir(parents=True)
        self.work.mkdir()
        self.runs = self.folder / "runs"
        left_out = ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR")
        self.env = {key: value for key, value in os.environ.items() if key not in left_out}
        self.env |= {
            "TORCHTUI_HOME": str(self.folder), "TERM": "xterm-256color", "COLORTERM": "truecolor",
            "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "",
        }  # fmt: skip
        self._terminals: list[Terminal] = []
        self._processes: list[subprocess.Popen[str]] = []

    # -- commands -----------------------------------------------------------------------------------

    def run(self, *arguments: str, before: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
        """Run ``torchtui`` to its end with pipes in the place of a terminal; `before`: a command to run it under."""
        return subprocess.run(
            [*before, *TORCHTUI, *arguments], env=self.env, cwd=self.work, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=2 * PATIENCE_S, check=False,
        )  # fmt: skip

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start ``torchtui`` with pipes in the place of a terminal."""
        process = subprocess.Popen(
            [*TORCHTUI, *arguments], env=self.env, cwd=self.work, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        self._processes.append(process)
        return process

    def open(self, *arguments: str, size: tuple[int, int] = (120, 40)) -> Terminal:
        """Open ``torchtui`` in a terminal of so many columns and rows."""
        terminal = Terminal([*TORCHTUI, *arguments], size=size, env=self.env, cwd=self.work)
        self._terminals.append(terminal)
        return terminal

    def json(self, *arguments: str) -> Any:
        """Run a command that prints JSON and return what it means."""
        done = self.run(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    # -- presets ------------------------------------------------------------------------------------

    def preset(self, name: str = "tiny", folder: Path | None = None, **replaced: str) -> str:
        """Write a small preset, some of its parts replaced or left out (empty), and return its path."""
        path = (folder or self.work) / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        parts = {**PARTS, **replaced}
        path.write_text("\n".join(textwrap.dedent(part) for part in parts.values()), encoding="utf-8")
        return str(path)

    # -- runs and sessions --------------------------------------------------------------------------

    def folders(self) -> list[Path]:
        """Return the run directories, oldest first."""
        return sorted(self.runs.iterdir()) if self.runs.is_dir() else []

    def record(self, folder: Path | None = None) -> dict[str, Any]:
        """Return the content of a run's ``run.json``; without `folder` that of the only run."""
        if folder is None:
            (folder,) = self.folders()
        content: dict[str, Any] = json.loads((folder / "run.json").read_text(encoding="utf-8"))
        return content

    def wait_for_run(self, fits: Callable[[dict[str, Any]], bool], what: str) -> Path:
        """Wait until there is a run whose record fits, and return its directory."""

        def found() -> Path | None:
            for folder in self.folders():
                if (folder / "run.json").exists() and fits(self.record(folder)):
                    return folder
            return None

        return until(found, what)

    def wait_for_status(self, status: str) -> Path:
        """Wait until there is a run of this status, and return its directory."""
        return self.wait_for_run(lambda record: record["status"] == status, f"a run that is {status}")

    def wait_for_step(self, step: int, folder: Path | None = None) -> Path:
        """Wait until the log of a run, by default the only one, has reached a step."""

        def reached() -> Path | None:
            for each in [folder] if folder is not None else self.folders():
                if max(losses(each), default=0) >= step:
                    return each
            return None

        return until(reached, f"step {step}")

    def sessions(self) -> list[dict[str, Any]]:
        """Return the records of the sessions whose kernel lives."""
        live: list[dict[str, Any]] = []
        for path in self.folder.glob("sessions/*/session.json"):
            with contextlib.suppress(OSError, ValueError):
                record = json.loads(path.read_text(encoding="utf-8"))
                if _is_alive(record["pid"], record["pid_started_at"]):
                    live.append(record)
        return live

    def wait_for_no_session(self) -> None:
        """Wait until no kernel of this home lives."""
        until(lambda: not self._kernels(), "the end of the kernels", timeout_s=20)

    def end(self) -> None:
        """End everything that was started in this home."""
        for terminal in self._terminals:
            terminal.end()
        for process in self._processes:
            process.kill()
            process.communicate()
        # not by their records: a kernel may have been started a moment ago and have none yet
        while kernels := self._kernels():
            for kernel in kernels:
                with contextlib.suppress(psutil.Error):
                    kernel.kill()
            time.sleep(POLL_S)

    def _kernels(self) -> list[psutil.Process]:
        found: list[psutil.Process] = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if process.status() == psutil.STATUS_ZOMBIE:
                    continue
                if any(argument.startswith(f"{self.folder}/sessions/") for argument in process.cmdline()):
                    found.append(process)
        return found


TORCHTUI = [sys.executable, "-m", "tui"]


@contextlib.contextmanager
def home_in(folder: Path) -> Iterator[Home]:
    """Make a home in `folder`; all that was started in it is ended with it."""
    home = Home(folder)
    try:
        yield home
    finally:
        home.end()


def _is_alive(pid: int, started_at: float) -> bool:
    try:
        process = psutil.Process(pid)
        return bool(process.status() != psutil.STATUS_ZOMBIE and abs(process.create_time() - started_at) < 2)
    except psutil.Error:
        return False


def losses(folder: Path, tag: str = "train/loss") -> dict[int, float]:
    """Read a run's log with TensorBoard's own reader; returns the newest value of every step."""
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

    values: dict[int, float] = {}
    for path in sorted(folder.glob("events.out.tfevents.*")):
        for event in EventFileLoader(str(path)).Load():
            for value in event.summary.value:
                if value.tag == tag:
                    values[event.step] = float(value.tensor.float_val[0])
    return values


PARTS = {
    "head": '''
        """A line through points."""
        import os
        import time
        import torch
        from torch import nn
        from torch.utils.data import DataLoader, TensorDataset

        epochs: int = 4
        lr: float = 0.01
        pace_s: float = 0.0  # what every step takes longer
        gate: str = ""  # a file that training waits for
        gate_step: int = 30  # the first step that waits
    ''',
    "data": """
        def data():
            generator = torch.Generator().manual_seed(5)
            x = torch.randn(80, 3, generator=generator)
            return {"train": DataLoader(TensorDataset(x, 20 * x.sum(1, keepdim=True) + 40), 4, shuffle=True)}
    """,
    "model": """
        def model():
            return nn.Sequential(nn.Linear(3, 8), nn.Dropout(0.1), nn.Linear(8, 1))
    """,
    "loss": """
        calls = 0

        def loss():
            def squared_error(output, target):
                global calls
                calls += 1
                time.sleep(pace_s)
                while gate and calls >= gate_step and not os.path.exists(gate):
                    time.sleep(0.01)
                return nn.functional.mse_loss(output, target)

            return squared_error
    """,
    "optimizer": """
        def optimizer(parameters):
            return torch.optim.Adam(parameters, lr)
    """,
}
"""A preset of 20 steps an epoch whose loss begins above 1,000 and falls fast; dropout and shuffling draw."""
ENDLESS = ("--set", "pace_s=0.005", "--epochs", "100000")
"""Options that make the preset train, 20 steps an epoch, for as long as a test may want."""
